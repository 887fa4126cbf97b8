package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/scenario"
)

// newTable makes a table, which ends with the server, and that with the tests.
func newTable(t *testing.T, at localaws.Endpoint) string {
	t.Helper()
	getenv := func(name string) string {
		return map[string]string{
			"AWS_REGION": localaws.Region, "AWS_ENDPOINT_URL": at.URL,
			"AWS_ACCESS_KEY_ID": localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": localaws.SecretAccessKey,
		}[name]
	}
	cfg, err := lambdaenv.Config(getenv)
	if err != nil {
		t.Fatal(err)
	}
	name := "detect-" + rand.Text()
	if err := dynamo.Create(t.Context(), dynamo.NewClient(cfg, getenv), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// batch is a batch of the queue.
func batch(t *testing.T, bodies ...string) []byte {
	t.Helper()
	type message struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	}
	var list []message
	for n, body := range bodies {
		list = append(list, message{fmt.Sprint("m-", n), body})
	}
	b, err := json.Marshal(map[string]any{"Records": list})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBootstrap drives the real program with a story, something irrelevant and
// something that nobody understands in one batch, by a configuration under which
// a finding has room for one piece of evidence.
func TestBootstrap(t *testing.T) {
	at := localaws.DynamoDB(t)
	story, err := scenario.Load(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, st := range story {
		if st.Name == "key_disabled_by_stranger-outage" {
			for line := range bytes.Lines(st.Events) {
				if line = bytes.TrimSpace(line); len(line) > 0 {
					bodies = append(bodies, string(line))
				}
			}
		}
	}
	if len(bodies) == 0 {
		t.Fatal("the story is missing")
	}
	irrelevant := `{"detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":{"eventVersion":"1.11","eventID":"i","eventTime":"2026-03-01T12:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","errorCode":"Client.InsufficientInstanceCapacity","awsRegion":"us-east-1","userIdentity":{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"},"recipientAccountId":"111122223333"}}`
	cfg := config.Default()
	cfg.Settings.Thresholds.MaxEvidence = 1
	packed, err := config.Pack(cfg)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), config.PackedName)
	if err := os.WriteFile(file, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	f := localaws.Start(t, localaws.Build(t, "functions/detect"), append(at.Env("DYNAMODB"),
		config.EnvTable+"="+newTable(t, at), config.EnvConfigFile+"="+file, config.EnvMetrics+"=on"))
	answer, err := f.Invoke(t.Context(), batch(t, append(bodies, irrelevant, "no event, SECRET-TEXT")...))
	if err != nil {
		t.Fatalf("Invoke: %v\n%s", err, f.Logs())
	}
	if want := fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":"m-%d"}]}`, len(bodies)+1); string(answer) != want {
		t.Errorf("the answer is %s, want %s", answer, want)
	}
	metrics, decided := map[string]any{}, 0
	for line := range strings.Lines(f.Logs()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			continue
		}
		if m["_aws"] != nil {
			metrics = m
		}
		if id, _ := m["incident"].(string); m["message"] == "decided" && strings.HasPrefix(id, "tv-") && m["requestId"] != nil {
			decided++
		}
	}
	for _, name := range []string{"EventsKept", "EventsIrrelevant", "EventsPoison", "Lateness", "CapsReached"} {
		if n, ok := metrics[name].(float64); !ok || n < 1 {
			t.Errorf("%s is %v, want at least 1", name, metrics[name])
		}
	}
	if decided == 0 || strings.Contains(f.Logs(), "SECRET-TEXT") || metrics["Function"] != "detect" || metrics["EventsPoison"] != 1.0 {
		t.Errorf("%d decisions logged, metrics %v; logs:\n%s", decided, metrics, f.Logs())
	}
}

// TestDynamoDBIsCalledOverTLS holds the program as it is deployed, without HTTP/2,
// to talk with a server that would rather have it.
func TestDynamoDBIsCalledOverTLS(t *testing.T) {
	spoken := make(chan string, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spoken <- r.Proto + " " + r.Header.Get("X-Amz-Target")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := localaws.Start(t, localaws.Build(t, "functions/detect"), append(localaws.Endpoint{URL: server.URL}.Env("DYNAMODB"),
		config.EnvTable+"=table", "SSL_CERT_FILE="+roots))
	failure := `{"detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":{"eventVersion":"1.11","eventID":"i","eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","errorCode":"ExpiredToken","awsRegion":"us-east-1","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ci","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"ci"},"recipientAccountId":"111122223333"}}`
	if answer, err := f.Invoke(t.Context(), []byte(failure)); err == nil || !strings.Contains(err.Error(), "ResourceNotFound") {
		t.Errorf("Invoke() = %s, %v; want what DynamoDB said\n%s", answer, err, f.Logs())
	}
	if first := <-spoken; first != "HTTP/1.1 DynamoDB_20120810.BatchWriteItem" && first != "HTTP/1.1 DynamoDB_20120810.Query" {
		t.Errorf("the first request is %s", first)
	}
}

func TestWireSaysWhatIsMissing(t *testing.T) {
	if _, err := wire(func(string) (string, bool) { return "", false }); err == nil || !strings.Contains(err.Error(), config.EnvTable) {
		t.Errorf("wire: %v, want %s to be missing", err, config.EnvTable)
	}
	broken := func(name string) (string, bool) {
		v, ok := map[string]string{config.EnvTable: "table", config.EnvConfigFile: "main_test.go"}[name]
		return v, ok
	}
	if _, err := wire(broken); err == nil || !strings.Contains(err.Error(), "main_test.go") {
		t.Errorf("wire: %v, want that the configuration is none", err)
	}
}
