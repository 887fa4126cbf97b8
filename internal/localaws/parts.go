package localaws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Region is where everything local lies.
const Region = "us-east-1"

// Credentials that the local parts accept, as they accept any.
const (
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "invented"
)

// Endpoint is the address of a local part.
type Endpoint struct {
	URL string // such as http://127.0.0.1:8000
}

// Env is the environment in which a program calls the endpoint for the named
// services, such as DYNAMODB, instead of AWS.
func (e Endpoint) Env(services ...string) []string {
	env := make([]string, len(services))
	for i, service := range services {
		env[i] = "AWS_ENDPOINT_URL_" + service + "=" + e.URL
	}
	return env
}

// DynamoDB returns DynamoDB Local. All tests of a binary share it, so each
// gives its tables names of their own.
func DynamoDB(t testing.TB) Endpoint {
	t.Helper()
	return need(t, "DynamoDB", dynamoDB)
}

// Messaging returns an emulator of SNS, SQS and S3. All tests of a binary share
// it.
func Messaging(t testing.TB) Endpoint {
	t.Helper()
	return need(t, "SNS, SQS and S3", messaging)
}

// The servers of this test binary.
var (
	dynamoDB  = sync.OnceValues(startDynamoDB)
	messaging = sync.OnceValues(startMessaging)
)

// missingError says that something that is not part of the project is not
// there.
type missingError struct{ what string }

func (e missingError) Error() string { return e.what }

// need returns a server's endpoint, or ends the test.
func need(t testing.TB, what string, start func() (Endpoint, error)) Endpoint {
	t.Helper()
	e, err := start()
	if missing := (missingError{}); errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED: %s against %s, since there is no %v", t.Name(), what, err)
	}
	if err != nil {
		t.Fatalf("start %s: %v", what, err)
	}
	return e
}

func startDynamoDB() (Endpoint, error) {
	java, err := program("java")
	if err != nil {
		return Endpoint{}, err
	}
	folder, err := part("amplify-dynamodb-simulator/emulator")
	if err != nil {
		return Endpoint{}, err
	}
	return serve(folder, func(port string) ([]string, []string) {
		return []string{
			java, "-XX:TieredStopAtLevel=1", "-Xmx256m", "-Djava.library.path=./DynamoDBLocal_lib",
			"-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", port,
		}, nil
	})
}

func startMessaging() (Endpoint, error) {
	node, err := program("node")
	if err != nil {
		return Endpoint{}, err
	}
	folder, err := part("fauxqs")
	if err != nil {
		return Endpoint{}, err
	}
	return serve(folder, func(port string) ([]string, []string) {
		script := `import("./dist/app.js").then(m => m.startFauxqs({ port: ` + port + `, logger: false }))`
		return []string{node, "-e", script}, []string{"FAUXQS_INIT=", "FAUXQS_DEFAULT_REGION=" + Region}
	})
}

func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", missingError{name + " in the PATH"}
	}
	return path, nil
}

// part is the folder of something that `make parts` installs.
func part(name string) (string, error) {
	root, err := projectRoot()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, ".ci", "node_modules", filepath.FromSlash(name))
	if _, err := os.Stat(folder); err != nil {
		return "", missingError{name + " in .ci/node_modules (run make parts)"}
	}
	return folder, nil
}

// projectRoot is the folder of go.mod above the tested package, where a test
// runs.
func projectRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("no go.mod in any folder above")
		}
	}
}

// Starting takes two seconds on an idle machine.
const (
	startTimeout = 2 * time.Minute
	pollInterval = 20 * time.Millisecond
)

// serve starts a server on a free port and waits until it answers. Somebody may
// take the port first; then it tries another one.
func serve(folder string, command func(port string) (args, env []string)) (Endpoint, error) {
	var last error
	for range 3 {
		port, err := freePort()
		if err != nil {
			return Endpoint{}, err
		}
		args, env := command(port)
		log, err := newOutput()
		if err != nil {
			return Endpoint{}, err
		}
		p, err := start(folder, args, append(os.Environ(), env...), log)
		if err != nil {
			return Endpoint{}, err
		}
		e := Endpoint{URL: "http://127.0.0.1:" + port}
		if last = p.await(e.URL); last == nil {
			return e, nil
		}
		p.kill()
		last = fmt.Errorf("%w; it printed:\n%s", last, log.String())
	}
	return Endpoint{}, last
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// await polls until a server answers anything at all.
func (p *process) await(url string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	late := time.After(startTimeout)
	for {
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-late:
			return fmt.Errorf("it did not answer within %s", startTimeout)
		case <-tick.C:
			if resp, err := client.Get(url); err == nil {
				resp.Body.Close()
				return nil
			}
		}
	}
}
