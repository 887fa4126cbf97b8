package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate stands between a function and DynamoDB, and lets a fault decide what
// becomes of each request.
type gate struct {
	URL string

	mu    sync.Mutex
	count int
	fault func(n int) trouble // n counts from 1
	asked func(operation string)
}

// trouble is what happens to one request.
type trouble struct {
	before func() // called before the request is passed on
	drop   bool   // it is not passed on
	after  func() // called when it took effect, before the answer
	status int    // the answer instead of DynamoDB's; 0 keeps that
	code   string
	delay  time.Duration
}

// newGate returns a gate to a DynamoDB at a URL.
func newGate(t *testing.T, to string, fault func(n int) trouble) *gate {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{fault: fault}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorLog:     log.New(io.Discard, "", 0), // a client that gave up is part of the fault
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, proxy) }))
	t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	g.mu.Lock()
	g.count++
	if g.asked != nil {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		g.asked(operation)
	}
	tr := g.fault(g.count)
	g.mu.Unlock()
	if tr.before != nil {
		tr.before()
	}
	time.Sleep(tr.delay)
	answer := w
	if tr.status != 0 || tr.after != nil {
		answer = httptest.NewRecorder()
	}
	if !tr.drop {
		proxy.ServeHTTP(answer, r)
	}
	if tr.after != nil {
		tr.after()
	}
	switch rec, held := answer.(*httptest.ResponseRecorder); {
	case tr.status != 0:
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(tr.status)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+tr.code+`","message":"injected"}`)
	case held:
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

// requests is how many requests came so far.
func (g *gate) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}
