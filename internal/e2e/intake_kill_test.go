package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/trailverdict/trailverdict/internal/aws/sqs"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// logLines is what CloudWatch Logs hands to intake: a worker's failures, each of a
// second of its own, which make an event each, and more than one request takes.
type logLines struct {
	bootstrap, config string
	payload           string
	began             time.Time
	events            int
}

func manyLines(t *testing.T) logLines {
	t.Helper()
	cfg := config.Default()
	cfg.LogGroups = []config.LogGroup{{Pattern: "/ecs/payments", Workload: "payments"}}
	packed, err := config.Pack(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := logLines{
		bootstrap: localaws.Build(t, "functions/intake"), config: filepath.Join(t.TempDir(), config.PackedName),
		began: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), events: 35,
	}
	if err := os.WriteFile(l.config, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for n := range l.events {
		lines = append(lines, fmt.Sprintf(`{"id":"%04d","timestamp":%d,"message":"An error occurred (InvalidClientTokenId) when calling the GetObject operation: The security token included in the request is invalid."}`, n, l.began.Add(time.Duration(n)*time.Second).UnixMilli()))
	}
	l.payload = `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/ecs/payments","logStream":"s","subscriptionFilters":["f"],"logEvents":[` + strings.Join(lines, ",") + `]}`
	return l
}

// taken runs the program until it has taken the lines, kills it at its nth call to
// SQS, if n is one, and returns what is on the queue then, and how many calls it
// took.
func (l logLines) taken(t *testing.T, n int, after bool) (messages []string, calls int) {
	t.Helper()
	at := localaws.Messaging(t).URL
	cfg, _ := clientConfig("")
	queues := sqs.NewClient(cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL": at}[name] })
	name := "lines-" + rand.Text()
	queue, err := queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": "3600"}})
	if err != nil {
		t.Fatal(err)
	}
	var f *localaws.Function
	g := newGate(t, at, func(k int) trouble {
		switch {
		case k != n:
			return trouble{}
		case after:
			return trouble{after: func() { f.Kill() }}
		}
		return trouble{before: func() { f.Kill() }, drop: true, status: 500, code: "InternalServerError"}
	})
	f = localaws.Start(t, l.bootstrap, []string{
		config.EnvQueue + "=" + *queue.QueueUrl, config.EnvConfigFile + "=" + l.config, "AWS_ENDPOINT_URL_SQS=" + g.URL, "AWS_REGION=" + localaws.Region,
		"AWS_ACCESS_KEY_ID=" + localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + localaws.SecretAccessKey, "TRAILVERDICT_LOG_LEVEL=error",
	})
	defer f.Kill()
	if _, err := f.Invoke(t.Context(), []byte(l.payload)); n > 0 && !errors.Is(err, localaws.ErrExited) {
		t.Errorf("it was killed at call %d, and the invocation ends with %v", n, err)
	} else if n > 0 { // Lambda starts it again
		_, err = f.Invoke(t.Context(), []byte(l.payload))
		if err != nil {
			t.Error(err)
		}
	}
	for {
		out, err := queues.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return messages, g.requests()
		}
		for _, m := range out.Messages {
			messages = append(messages, *m.Body)
		}
	}
}

// outcome is what the table holds when detect has taken what lies on the queue:
// the findings, and each failure with its count.
func (l logLines) outcome(t *testing.T, messages []string) string {
	t.Helper()
	p := &play{settings: incident.DefaultSettings(), asOf: l.began.Add(10 * time.Minute), messages: messages}
	if _, err := trail.Decode(strings.NewReader(strings.Join(messages, "\n")), "queue", p); err != nil {
		t.Fatal(err)
	}
	table := tableAt(localaws.DynamoDB(t).URL, emptyTable(t))
	h := &detect.Handler{Keeper: detect.NewLive(table, table, p.settings), Now: func() time.Time { return p.asOf }}
	for batch := range slices.Chunk(messages, 10) {
		deliver(t, h, envelope(batch))
	}
	p.settle(t, table)
	page, err := table.Signals(t.Context(), store.Query{Node: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "payments"}.Key()})
	if err != nil {
		t.Fatal(err)
	}
	kept := []string{printed(t, p.standing(t, table))}
	for _, s := range store.Resolve(page.Items) {
		kept = append(kept, fmt.Sprintf("%s: %d", s.ID, s.Count))
	}
	slices.Sort(kept)
	return strings.Join(kept, "\n")
}

// killedIntake kills the real program at every call to SQS in turn, before the call
// takes effect and after. Started again, it puts on the queue what was not there,
// and some of it twice: detect knows it, so that no failure is lost, and none
// counts twice.
func killedIntake(t *testing.T) (tried, same, requests int) {
	t.Helper()
	l := manyLines(t)
	messages, calls := l.taken(t, 0, false)
	want := l.outcome(t, messages)
	if len(messages) != l.events || calls < 4 || strings.Count(want, ": 1\n") < l.events-1 || !strings.Contains(want, `"verdict":`) {
		t.Fatalf("undisturbed, %d messages come of %d events in %d calls, and the table says\n%s", len(messages), l.events, calls, want)
	}
	again := 0
	for n := 1; n <= calls; n++ {
		for _, after := range []bool{false, true} {
			got, made := l.taken(t, n, after)
			again += len(got) - len(messages)
			tried, requests = tried+1, requests+made
			if is := l.outcome(t, got); is != want {
				t.Errorf("killed at call %d (after its effect: %t), the table says\n%s\nwant\n%s", n, after, is, want)
				continue
			}
			same++
		}
	}
	if again == 0 {
		t.Error("nothing came twice, so that nothing was tried")
	}
	t.Logf("%d messages came again", again)
	return tried, same, requests
}
