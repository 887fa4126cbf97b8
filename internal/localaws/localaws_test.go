package localaws_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// TestMain makes the test binary a bootstrap where Lambda's environment says
// that it is one.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		if os.Getenv("FAIL_INIT") != "" {
			os.Exit(3)
		}
		lambda.Start(handler{})
		return
	}
	os.Exit(m.Run())
}

type handler struct{}

// Invoke does what the event says.
func (handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	fmt.Println("request", lc.AwsRequestID, "pid", os.Getpid())
	switch string(event) {
	case `"fail"`:
		return nil, errors.New("as asked")
	case `"panic"`:
		panic("as asked")
	case `"exit"`:
		os.Exit(7)
	case `"hang"`:
		<-make(chan struct{})
	case `"env"`:
		return []byte(strings.Join(os.Environ(), "\n")), nil
	}
	return append([]byte("got "), event...), nil
}

func TestFunctionsAreBuiltAsForDeployment(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	want := "LAMBDA := " + strings.Join(localaws.BuildEnv(), " ") + " $(GO) build"
	for _, flag := range localaws.BuildFlags() {
		if strings.Contains(flag, " ") {
			flag = `"` + flag + `"`
		}
		want += " " + flag
	}
	if !strings.Contains(string(makefile), want+"\n") {
		t.Errorf("the Makefile does not build functions with %s", want)
	}
}

func start(t *testing.T, env ...string) *localaws.Function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return localaws.Start(t, self, env)
}

func invoke(t *testing.T, f *localaws.Function, event, want string) {
	t.Helper()
	got, err := f.Invoke(context.Background(), []byte(event))
	if err != nil || string(got) != want {
		t.Fatalf("Invoke(%s) = %q, %v; want %q; it printed:\n%s", event, got, err, want, f.Logs())
	}
}

func TestAFunctionAnswersInOneProcess(t *testing.T) {
	f := start(t)
	invoke(t, f, `"a"`, `got "a"`)
	invoke(t, f, `"b"`, `got "b"`)
	if n := f.Starts(); n != 1 {
		t.Errorf("%d processes, want 1", n)
	}
	if got := strings.Count(f.Logs(), fmt.Sprint("pid ", f.Pid())); got != 2 {
		t.Errorf("logs name process %d %d times, want 2:\n%s", f.Pid(), got, f.Logs())
	}
}

func TestAFunctionsErrors(t *testing.T) {
	f := start(t)
	var reported *localaws.FunctionError
	if _, err := f.Invoke(context.Background(), []byte(`"fail"`)); !errors.As(err, &reported) || reported.Message != "as asked" {
		t.Errorf("a handler's error = %v", err)
	}
	if n := f.Starts(); n != 1 {
		t.Errorf("a returned error ended the process")
	}
	if _, err := f.Invoke(context.Background(), []byte(`"panic"`)); !errors.As(err, &reported) || reported.Message != "as asked" {
		t.Errorf("a handler's panic = %v", err)
	}
	if _, err := f.Invoke(context.Background(), []byte(`"exit"`)); !errors.Is(err, localaws.ErrExited) || !strings.Contains(err.Error(), "7") {
		t.Errorf("an exit = %v, want %v with status 7", err, localaws.ErrExited)
	}
	invoke(t, f, `"after"`, `got "after"`)
	if _, err := start(t, "FAIL_INIT=1").Invoke(context.Background(), []byte(`"a"`)); !errors.Is(err, localaws.ErrExited) {
		t.Errorf("an exit before the first event = %v, want %v", err, localaws.ErrExited)
	}
}

func TestAFunctionThatHangsIsKilledInTime(t *testing.T) {
	f := start(t)
	invoke(t, f, `"a"`, `got "a"`)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`"hang"`)); !errors.Is(err, localaws.ErrTimedOut) {
		t.Fatalf("Invoke() = %v, want %v", err, localaws.ErrTimedOut)
	}
	invoke(t, f, `"after"`, `got "after"`)
	if n := f.Starts(); n != 2 {
		t.Errorf("%d processes, want 2", n)
	}
}

func TestAFunctionMayBeKilledAtWork(t *testing.T) {
	f := start(t)
	if err := f.Warm(context.Background()); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := f.Invoke(context.Background(), []byte(`"hang"`))
		failed <- err
	}()
	for !strings.Contains(f.Logs(), "request") {
		time.Sleep(time.Millisecond)
	}
	f.Kill()
	if err := <-failed; !errors.Is(err, localaws.ErrExited) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Invoke() = %v, want %v", err, localaws.ErrExited)
	}
	invoke(t, f, `"after"`, `got "after"`)
}

func TestAFunctionsEnvironmentIsLambdas(t *testing.T) {
	t.Setenv("OURS", "1")
	env, err := start(t, "THEIRS=1").Invoke(context.Background(), []byte(`"env"`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"THEIRS=1", "AWS_REGION=" + localaws.Region, "AWS_ACCESS_KEY_ID="} {
		if !strings.Contains(string(env), want) {
			t.Errorf("the environment has no %s:\n%s", want, env)
		}
	}
	if strings.Contains(string(env), "OURS=") {
		t.Error("the function sees the environment of the tests")
	}
}

func TestServersAnswer(t *testing.T) {
	for name, open := range map[string]func(testing.TB) localaws.Endpoint{
		"DynamoDB":  localaws.DynamoDB,
		"messaging": localaws.Messaging,
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			if again := open(t); again != e {
				t.Errorf("a second server at %s besides %s", again.URL, e.URL)
			}
			resp, err := http.Get(e.URL)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.Header.Get("Content-Type") == "" {
				t.Errorf("the answer has no type: %v", resp)
			}
			if got := e.Env("SQS"); len(got) != 1 || got[0] != "AWS_ENDPOINT_URL_SQS="+e.URL {
				t.Errorf("Env() = %v", got)
			}
		})
	}
}

// TestNothingOutlivesATestBinary kills one that has a function at work.
func TestNothingOutlivesATestBinary(t *testing.T) {
	if os.Getenv("CHILD_OF_TEST") != "" {
		f := start(t)
		if err := f.Warm(context.Background()); err != nil {
			t.Fatal(err)
		}
		fmt.Println("function", f.Pid())
		_, _ = f.Invoke(context.Background(), []byte(`"hang"`))
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "CHILD_OF_TEST=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPid(t, out)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for late := time.Now().Add(20 * time.Second); !gone(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

func readPid(t *testing.T, r io.Reader) (pid int) {
	t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if n, _ := fmt.Sscanf(lines.Text(), "function %d", &pid); n == 1 {
			return pid
		}
	}
	t.Fatal("the test binary did not say its function's process")
	return 0
}

// gone reports whether a process has ended, waited for or not.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
