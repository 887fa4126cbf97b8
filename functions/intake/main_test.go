package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/trailverdict/trailverdict/internal/aws/sqs"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// queue is a queue of its own in the emulator.
type queue struct {
	client *awssqs.Client
	url    string
}

func newQueue(t *testing.T, at localaws.Endpoint) queue {
	t.Helper()
	cfg := aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
	})}
	client := sqs.NewClient(cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL": at.URL}[name] })
	out, err := client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(fmt.Sprintf("intake-%d", time.Now().UnixNano()))})
	if err != nil {
		t.Fatal(err)
	}
	return queue{client, *out.QueueUrl}
}

// drain takes all messages off the queue.
func (q queue) drain(t *testing.T) []string {
	t.Helper()
	var bodies []string
	for {
		out, err := q.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return bodies
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
			if _, err := q.client.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// signals is a decoder's sink.
type signals []incident.Signal

func (s *signals) Signal(g incident.Signal) { *s = append(*s, g) }
func (s *signals) Use(incident.Use)         {}
func (s *signals) Skipped(trail.Skip)       {}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", "single", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBootstrap drives the real program: Lambda's protocol on one side, an
// emulator of SQS on the other.
func TestBootstrap(t *testing.T) {
	at := localaws.Messaging(t)
	q := newQueue(t, at)
	cfg := config.Default()
	cfg.LogGroups = []config.LogGroup{{Pattern: "/ecs/payments", Workload: "payments", Principal: "arn:aws:iam::111122223333:role/payments"}}
	packed, err := config.Pack(cfg)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), config.PackedName)
	if err := os.WriteFile(file, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	f := localaws.Start(t, localaws.Build(t, "functions/intake"), append(at.Env("SQS"),
		config.EnvQueue+"="+q.url, config.EnvConfigFile+"="+file, config.EnvMetrics+"=on"))

	t.Run("a flood", func(t *testing.T) {
		const failures = 500
		var events []string
		for i := range failures { // of 25 seconds, with 20 failures each
			events = append(events, fmt.Sprintf(`{"id":"%04d","timestamp":%d,"message":"An error occurred (ExpiredToken) when calling the GetObject operation: The provided token has expired."}`, i, 1772366400000+50*i))
		}
		payload := `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/ecs/payments","logStream":"s","subscriptionFilters":["f"],"logEvents":[` + strings.Join(events, ",") + `]}`
		for range 2 { // delivered twice
			if _, err := f.Invoke(t.Context(), []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
		var got signals
		if _, err := trail.Decode(strings.NewReader(strings.Join(q.drain(t), "\n")), "queue", &got); err != nil {
			t.Fatal(err)
		}
		total, counts := 0, map[string]int{}
		for _, s := range got {
			total += s.Count
			counts[s.ID]++
			if s.Target.Name != "payments" || s.Workload != "payments" {
				t.Fatalf("%+v is about somebody else", s)
			}
		}
		if len(got) != 50 || len(counts) != 25 || total != 2*failures {
			t.Errorf("%d messages, %d ids, %d failures; want 25 of %d in all, each twice", len(got), len(counts), total, failures)
		}
	})
	t.Run("a leak", func(t *testing.T) {
		if _, err := f.Invoke(t.Context(), recorded(t, "logs-subscription-leaked-token.json")); err != nil {
			t.Fatal(err)
		}
		bodies := q.drain(t)
		if !slices.ContainsFunc(bodies, func(b string) bool { return strings.Contains(b, "AWS Credential Exposure") }) {
			t.Errorf("%q tells of no exposure", bodies)
		}
		if all := strings.Join(bodies, "") + f.Logs(); strings.Contains(all, "FAKE") {
			t.Error("a secret came out")
		}
	})
	t.Run("a control message", func(t *testing.T) {
		if _, err := f.Invoke(t.Context(), recorded(t, "logs-control-message.json")); err != nil {
			t.Error(err)
		}
	})
	t.Run("poison", func(t *testing.T) {
		_, err := f.Invoke(t.Context(), []byte(`{"awslogs":{"data":"correct-horse"}}`))
		var failed *localaws.FunctionError
		if !errors.As(err, &failed) || strings.Contains(failed.Message+f.Logs(), "correct-horse") {
			t.Errorf("Invoke: %v, want an error that does not repeat the payload", err)
		}
	})
	if bodies := q.drain(t); len(bodies) > 0 {
		t.Errorf("the queue holds %q besides", bodies)
	}
	checkLogs(t, f.Logs())
}

// checkLogs wants every line to be JSON, with the request's id and metrics.
func checkLogs(t *testing.T, logs string) {
	t.Helper()
	lines, metrics := 0, 0
	for line := range strings.Lines(logs) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			continue // the runtime's own
		}
		lines++
		if m["requestId"] == nil {
			t.Errorf("no request in %s", line)
		}
		if m["_aws"] != nil {
			metrics++
		}
	}
	if lines < 8 || metrics < 4 {
		t.Errorf("%d lines, %d of metrics:\n%s", lines, metrics, logs)
	}
}

func TestWireSaysWhatIsMissing(t *testing.T) {
	_, err := wire(func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), config.EnvQueue) {
		t.Errorf("wire: %v, want %s to be missing", err, config.EnvQueue)
	}
	_, err = wire(func(name string) (string, bool) {
		v, ok := map[string]string{config.EnvQueue: "https://queue"}[name]
		return v, ok
	})
	if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("wire: %v, want a Region to be missing", err)
	}
}
