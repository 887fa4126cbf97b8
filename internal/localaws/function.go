package localaws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// ErrExited says that a function's process ended during an invocation, by its
// own doing or somebody's. As in AWS, the next invocation starts a new one.
var ErrExited = errors.New("the function's process ended")

// ErrTimedOut says that an invocation did not end in time. The process was
// killed, as AWS does.
var ErrTimedOut = errors.New("the function timed out")

// FunctionError is an error that a function's handler returned, or that it
// reported while it started.
type FunctionError struct {
	Type, Message string
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Function is a bootstrap under the Runtime API. It handles one invocation at a
// time; two Functions of one bootstrap are two copies at work.
type Function struct {
	bootstrap string
	env       []string
	log       output

	one sync.Mutex // held during an invocation

	mu      sync.Mutex
	current *runtime
	starts  int
}

// invocation is one event on its way.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	done     chan outcome // holds one
}

type outcome struct {
	response []byte
	err      error
}

// DefaultTimeout is how long an invocation may take, unless its context ends
// before.
const DefaultTimeout = 30 * time.Second

// BuildTags are the tags that functions are deployed with.
const BuildTags = "lambda.norpc,nethttpomithttp2"

// BuildFlags are what functions are built with, for deployment as for tests.
func BuildFlags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-tags", BuildTags}
}

// BuildEnv is what they are built for besides: Lambda's arm64 machines, which all
// have the atomic instructions that arm64 began without.
func BuildEnv() []string {
	return []string{"GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0,lse", "CGO_ENABLED=0"}
}

// Build compiles the main package in a folder of the project, named from its
// root, and returns the program's path: as it is deployed but for this machine, or,
// with BuildEnv, as it is deployed.
func Build(t testing.TB, folder string, env ...string) string {
	t.Helper()
	root, err := projectRoot()
	if err != nil {
		t.Fatal(err)
	}
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	args := slices.Concat([]string{"build"}, BuildFlags(), []string{"-o", bootstrap, "./" + filepath.ToSlash(folder)})
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return bootstrap
}

// Start returns a function that runs a bootstrap in the environment that Lambda
// gives it, and the given one. The process starts with the first invocation and
// ends with the test.
func Start(t testing.TB, bootstrap string, env []string) *Function {
	t.Helper()
	log, err := newOutput()
	if err != nil {
		t.Fatal(err)
	}
	f := &Function{bootstrap: bootstrap, env: env, log: log}
	t.Cleanup(f.Kill)
	return f
}

// Invoke hands an event to the function and returns its response. The error is
// a *FunctionError if the function returned one.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	f.one.Lock()
	defer f.one.Unlock()
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	in := &invocation{id: requestID(), payload: payload, deadline: deadline, done: make(chan outcome, 1)}
	r, err := f.deliver(ctx, in)
	if err != nil {
		return nil, err
	}
	select {
	case out := <-in.done:
		return out.response, out.err
	case <-r.ended:
		select {
		case out := <-in.done: // a panic is reported before the process ends
			return out.response, out.err
		default:
			return nil, r.exitError()
		}
	case <-ctx.Done():
		r.kill()
		return nil, fmt.Errorf("%w while it handled an event", ErrTimedOut)
	}
}

// deliver waits until a process has asked for an event and was given in. One
// that ends of what it did before is replaced.
func (f *Function) deliver(ctx context.Context, in *invocation) (*runtime, error) {
	for {
		r, err := f.runtime()
		if err != nil {
			return nil, err
		}
		select {
		case r.next <- in:
			return r, nil
		case <-r.ended:
			select {
			case <-r.polled:
			default:
				return nil, r.exitError()
			}
		case <-ctx.Done():
			r.kill()
			return nil, fmt.Errorf("%w before it asked for an event", ErrTimedOut)
		}
	}
}

// Warm starts the process, if none runs, and returns when it asks for an event.
func (f *Function) Warm(ctx context.Context) error {
	r, err := f.runtime()
	if err != nil {
		return err
	}
	select {
	case <-r.polled:
		return nil
	case <-r.ended:
		return r.exitError()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill ends the function's process with SIGKILL, whatever it is doing.
func (f *Function) Kill() {
	f.mu.Lock()
	r := f.current
	f.mu.Unlock()
	if r != nil {
		r.kill()
	}
}

// Logs are what the function's processes have printed so far.
func (f *Function) Logs() string { return f.log.String() }

// Starts is how many processes were started so far.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// Pid is the process that was started last, 0 if none was.
func (f *Function) Pid() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return 0
	}
	return f.current.cmd.Process.Pid
}

// runtime returns a living process.
func (f *Function) runtime() (*runtime, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		select {
		case <-f.current.ended:
		default:
			return f.current, nil
		}
	}
	r, err := startRuntime(f.bootstrap, f.env, f.log)
	if err != nil {
		return nil, err
	}
	f.current = r
	f.starts++
	return r, nil
}
