package dynamo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

func sdkConfig() aws.Config {
	return aws.Config{
		Region: localaws.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey, SessionToken: "invented"}, nil
		}),
	}
}

func clientAt(url string) *ddb.Client {
	return dynamo.NewClient(sdkConfig(), func(name string) string {
		if name == "AWS_ENDPOINT_URL_DYNAMODB" {
			return url
		}
		return ""
	})
}

func client(t *testing.T) *ddb.Client {
	t.Helper()
	return clientAt(localaws.DynamoDB(t).URL)
}

// sdk is the SDK's own client, to look at what is kept without our code.
func sdk(t *testing.T) *dynamodb.Client {
	t.Helper()
	return dynamodb.NewFromConfig(sdkConfig(), func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(localaws.DynamoDB(t).URL) })
}

// exchange is a request and what was answered.
type exchange struct {
	operation string
	request   []byte
	header    http.Header
	answer    []byte
	status    int
}

// refusal is an answer that DynamoDB did not give.
type refusal struct {
	status   int
	code     string
	body     string // instead of a code
	after    bool   // DynamoDB did what was asked, and the answer was lost
	cutShort bool   // the connection breaks
}

// gate stands before DynamoDB Local, and lets through, refuses and looks on.
type gate struct {
	url string

	mu     sync.Mutex
	refuse func(exchange) *refusal
	see    func(exchange)
	ask    func(exchange) []byte // what to ask instead
	calls  map[string]int
}

// newGate returns a gate and a client that goes through it.
func newGate(t *testing.T) (*gate, *ddb.Client) {
	t.Helper()
	g := &gate{url: localaws.DynamoDB(t).URL, calls: map[string]int{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return g, clientAt(server.URL)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asked has gone
	}
	x := exchange{operation: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810."), request: body, header: r.Header}
	g.mu.Lock()
	g.calls[x.operation]++
	var no *refusal
	if g.refuse != nil {
		no = g.refuse(x)
	}
	g.mu.Unlock()
	if no != nil && !no.after {
		no.write(w)
		return
	}
	if g.ask != nil {
		g.mu.Lock()
		x.request = g.ask(x)
		g.mu.Unlock()
	}
	resp, err := g.pass(r, &x)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if g.see != nil {
		g.mu.Lock()
		g.see(x)
		g.mu.Unlock()
	}
	if no != nil {
		no.write(w)
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(x.status)
	_, _ = w.Write(x.answer)
}

func (g *gate) pass(r *http.Request, x *exchange) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, g.url, bytes.NewReader(x.request))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Content-Length")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	x.status = resp.StatusCode
	x.answer, err = io.ReadAll(resp.Body)
	return resp, err
}

func (no *refusal) write(w http.ResponseWriter) {
	if no.cutShort {
		panic(http.ErrAbortHandler)
	}
	body := no.body
	if body == "" {
		b, _ := json.Marshal(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + no.code, "message": "slow down"})
		body = string(b)
	}
	w.WriteHeader(no.status)
	_, _ = io.WriteString(w, body)
}

// times refuses the first n calls of an operation.
func times(n int, operation string, no refusal) func(exchange) *refusal {
	return func(x exchange) *refusal {
		if x.operation != operation {
			return nil
		}
		if n--; n < 0 {
			return nil
		}
		return &no
	}
}
