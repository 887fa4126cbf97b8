package localaws

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// runtime is a bootstrap's process and the Runtime API that it talks to, which
// nobody else does: what a killed process left unanswered stays with it.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtime struct {
	*process
	next   chan *invocation // to the process, when it asks
	polled chan struct{}    // closed when it has asked for the first time
	first  sync.Once

	mu        sync.Mutex
	given     *invocation    // what it was given last
	initError *FunctionError // what it said instead of asking
}

// runtimeAPI is the prefix of the version that we speak.
const runtimeAPI = "/2018-06-01/runtime/"

func startRuntime(bootstrap string, env []string, log output) (*runtime, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the Runtime API: %w", err)
	}
	r := &runtime{next: make(chan *invocation), polled: make(chan struct{})}
	server := &http.Server{Handler: r.routes(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends when the server is closed
	folder := filepath.Dir(bootstrap)
	p, err := start(folder, []string{bootstrap}, append(lambdaEnv(folder, listener.Addr().String()), env...), log)
	if err != nil {
		_ = server.Close()
		return nil, err
	}
	r.process = p
	go func() {
		<-p.ended
		_ = server.Close()
	}()
	return r, nil
}

// lambdaEnv is what Lambda sets for a function; of ours it gets nothing.
func lambdaEnv(folder, api string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=local", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/local", "AWS_LAMBDA_LOG_STREAM_NAME=local",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + SecretAccessKey, "AWS_SESSION_TOKEN=" + SecretAccessKey,
		"_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=" + folder,
		"PATH=/usr/local/bin:/usr/bin:/bin", "TZ=:UTC", "LANG=en_US.UTF-8", "TMPDIR=" + os.TempDir(),
	}
}

// exitError says why there is no answer.
func (r *runtime) exitError() error {
	how := r.exit()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.initError != nil {
		return r.initError
	}
	return fmt.Errorf("%w: %s", ErrExited, how)
}

func (r *runtime) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeAPI+"invocation/next", r.serveNext)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/response", r.serveResponse)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/error", r.serveError)
	mux.HandleFunc("POST "+runtimeAPI+"init/error", r.serveInitError)
	return mux
}

// serveNext lets the process wait for an event.
func (r *runtime) serveNext(w http.ResponseWriter, req *http.Request) {
	r.first.Do(func() { close(r.polled) })
	select {
	case <-req.Context().Done():
	case in := <-r.next:
		r.mu.Lock()
		r.given = in
		r.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+Region+":111122223333:function:local")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		_, _ = w.Write(in.payload) // Invoke sees if the process has gone
	}
}

func (r *runtime) serveResponse(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.finish(w, req.PathValue("id"), outcome{response: body}, err)
}

func (r *runtime) serveError(w http.ResponseWriter, req *http.Request) {
	reported, err := readError(req)
	r.finish(w, req.PathValue("id"), outcome{err: reported}, err)
}

func (r *runtime) serveInitError(w http.ResponseWriter, req *http.Request) {
	if reported, err := readError(req); err == nil {
		r.mu.Lock()
		r.initError = reported
		r.mu.Unlock()
	}
	w.WriteHeader(http.StatusAccepted)
}

// finish ends the invocation that the process was given last.
func (r *runtime) finish(w http.ResponseWriter, id string, out outcome, err error) {
	r.mu.Lock()
	in := r.given
	r.mu.Unlock()
	if err != nil || in == nil || in.id != id {
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"no such invocation"}`, http.StatusBadRequest)
		return
	}
	select {
	case in.done <- out:
		w.WriteHeader(http.StatusAccepted)
	default:
		http.Error(w, `{"errorType":"InvalidStateTransition","errorMessage":"answered before"}`, http.StatusForbidden)
	}
}

func readError(req *http.Request) (*FunctionError, error) {
	var body struct{ ErrorType, ErrorMessage string }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("read the function's error: %w", err)
	}
	return &FunctionError{Type: body.ErrorType, Message: body.ErrorMessage}, nil
}

// requestID has the form of Lambda's.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
