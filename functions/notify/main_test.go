package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// TestMain lets more tests run at once than there are processors: they wait for
// the claims of programs that were killed.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// account is an emulated one: a table, topics, and a queue behind each topic.
type account struct {
	t      *testing.T
	db     *ddb.Client
	table  string
	cases  *filing.Store
	sqs    *awssqs.Client
	topics map[string]string // ARNs
	queues map[string]string // URLs
}

func newAccount(t *testing.T) *account {
	t.Helper()
	dynamoDB, messaging := localaws.DynamoDB(t).URL, localaws.Messaging(t).URL
	getenv := func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": dynamoDB, "AWS_ENDPOINT_URL": messaging}[name]
	}
	cfg := aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
	})}
	a := &account{t: t, db: dynamo.NewClient(cfg, getenv), table: "notify-" + rand.Text(), topics: map[string]string{}, queues: map[string]string{}}
	if err := dynamo.Create(t.Context(), a.db, a.table); err != nil {
		t.Fatal(err)
	}
	a.cases = dynamo.New(a.db, a.table, store.LiveLimits(), nil)
	a.sqs = awssqs.NewFromConfig(cfg, func(o *awssqs.Options) { o.BaseEndpoint = &messaging })
	for _, name := range []string{"findings", "chat", "email"} {
		a.subscribe(sns.NewClient(cfg, getenv), name)
	}
	return a
}

func (a *account) subscribe(client *awssns.Client, name string) {
	a.t.Helper()
	unique := name + "-" + rand.Text()
	topic, err := client.CreateTopic(a.t.Context(), &awssns.CreateTopicInput{Name: &unique})
	if err != nil {
		a.t.Fatal(err)
	}
	queue, err := a.sqs.CreateQueue(a.t.Context(), &awssqs.CreateQueueInput{QueueName: &unique})
	if err != nil {
		a.t.Fatal(err)
	}
	attrs, err := a.sqs.GetQueueAttributes(a.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = client.Subscribe(a.t.Context(), &awssns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attrs.Attributes["QueueArn"]), Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.topics[name], a.queues[name] = *topic.TopicArn, *queue.QueueUrl
}

func (a *account) env() []string {
	return []string{
		config.EnvTable + "=" + a.table, config.EnvFindingsTopic + "=" + a.topics["findings"], config.EnvChatTopic + "=" + a.topics["chat"],
		config.EnvEmailTopic + "=" + a.topics["email"], config.EnvMetrics + "=on", config.EnvLogLevel + "=debug",
	}
}

// commit keeps the next version of a case, and returns the record of it that the
// table's stream delivers.
func (a *account) commit(f incident.Finding) string {
	a.t.Helper()
	list, err := a.cases.Cases(a.t.Context(), f.Subject.Key())
	if err != nil {
		a.t.Fatal(err)
	}
	c := detect.Case{Finding: f}
	for _, have := range list {
		if have.Finding.ID == f.ID {
			c.Version = have.Version
		}
	}
	if err := a.cases.Commit(a.t.Context(), detect.Commit{Cases: []detect.Case{c}}); err != nil {
		a.t.Fatal(err)
	}
	var out ddb.Page
	err = a.db.Call(a.t.Context(), "Query", ddb.QueryInput{
		TableName: a.table, ConsistentRead: true, KeyConditionExpression: "#p = :p", ExpressionAttributeNames: map[string]string{"#p": config.TablePartition},
		ExpressionAttributeValues: ddb.Attributes{":p": ddb.Text(config.TableCases + f.Subject.Key())},
	}, &out)
	if err != nil || len(out.Items) == 0 {
		a.t.Fatalf("the case's item: %d, %v", len(out.Items), err)
	}
	return record(a.t, out.Items[0], c.Version+1)
}

// record is an item as a stream's record has it.
func record(t *testing.T, item ddb.Attributes, sequence int64) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"eventID": rand.Text(), "eventName": "MODIFY", "eventSource": "aws:dynamodb", "awsRegion": localaws.Region,
		"dynamodb": map[string]any{"SequenceNumber": fmt.Sprint(sequence), "NewImage": item, "StreamViewType": "NEW_IMAGE"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func batch(records ...string) []byte {
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// heard takes what arrived behind each topic, as "topic id revision".
func (a *account) heard() []string {
	a.t.Helper()
	var list []string
	for name, queue := range a.queues {
		for {
			out, err := a.sqs.ReceiveMessage(a.t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
			if err != nil {
				a.t.Fatal(err)
			}
			if len(out.Messages) == 0 {
				break
			}
			for _, m := range out.Messages {
				list = append(list, name+" r"+*m.MessageAttributes["revision"].StringValue+" "+*m.MessageAttributes["severity"].StringValue)
			}
		}
	}
	slices.Sort(list)
	return list
}

func finding(s incident.Severity) incident.Finding {
	at := time.Now().UTC().Truncate(time.Second)
	return incident.Finding{
		ID: "tv-0123456789abcdef0123", Status: incident.Open, Account: "111122223333", Region: "us-east-1", Partition: "aws",
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "payments-role"}},
		Verdict: incident.Compromise, Cause: incident.TrustOpened, Confidence: 0.9, Severity: s, Summary: "Role payments-role can now be assumed by strangers.",
		FirstSeen: at, LastSeen: at,
	}
}

func invoke(t *testing.T, f *localaws.Function, payload []byte, want string) {
	t.Helper()
	got, err := f.Invoke(t.Context(), payload)
	if err != nil || string(got) != want {
		t.Fatalf("Invoke() = %s, %v, want %s; it printed:\n%s", got, err, want, f.Logs())
	}
}

const allTold = `{"batchItemFailures":[]}`

// TestBootstrap drives the real program: Lambda's protocol on one side, DynamoDB
// Local and an emulator of SNS on the other, and a bus.
func TestBootstrap(t *testing.T) {
	a := newAccount(t)
	var events []string
	bus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if _, werr := io.WriteString(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`); err != nil || werr != nil {
			t.Error(err, werr)
		}
		events = append(events, string(body))
	}))
	defer bus.Close()
	f := localaws.Start(t, localaws.Build(t, "functions/notify"), append(a.env(), config.EnvEventBus+"=soc",
		"AWS_ENDPOINT_URL_DYNAMODB="+localaws.DynamoDB(t).URL, "AWS_ENDPOINT_URL_SNS="+localaws.Messaging(t).URL, "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL))

	first := a.commit(finding(incident.High))
	evidence := `{"eventName":"INSERT","dynamodb":{"SequenceNumber":"9","NewImage":{"pk":{"S":"role/111122223333/x"},"sk":{"S":"s/1"},"d":{"B":"AA=="}}}}`
	poison := `{"eventName":"INSERT","dynamodb":{"SequenceNumber":"8","NewImage":{"pk":{"S":"case/role/111122223333/x"},"sk":{"S":"tv-x"},"v":{"N":"1"},"d":{"B":"Y29ycmVjdC1ob3JzZQ=="}}}}`
	invoke(t, f, batch(evidence, poison, first), allTold)
	if d := gocmp.Diff([]string{"chat r1 high", "email r1 high", "findings r1 high"}, a.heard()); d != "" {
		t.Errorf("what was heard differs (-want +got):\n%s", d)
	}
	invoke(t, f, batch(first, a.commit(finding(incident.High)), first), allTold)
	if got := a.heard(); len(got) > 0 {
		t.Errorf("more of the same was told: %q", got)
	}
	invoke(t, f, batch(a.commit(finding(incident.Critical))), allTold)
	if d := gocmp.Diff([]string{"chat r2 critical", "email r2 critical", "findings r2 critical"}, a.heard()); d != "" {
		t.Errorf("what was heard differs (-want +got):\n%s", d)
	}
	if len(events) != 2 || !strings.Contains(events[0], `"EventBusName":"soc"`) {
		t.Errorf("the bus got %q", events)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{"hello":"correct-horse"}`)); err == nil {
		t.Error("what is no batch was taken")
	}
	checkLogs(t, f.Logs())
}

// checkLogs wants what was told in the logs, and nothing of a payload.
func checkLogs(t *testing.T, logs string) {
	t.Helper()
	told := map[string]int{}
	for line := range strings.Lines(logs) {
		var m struct {
			Message, Incident, Channel, Reason, RequestID, Severity string
			Revision                                                int
			AlertsSent, EventToAlert                                any
		}
		if json.Unmarshal([]byte(line), &m) != nil {
			continue // the runtime's own
		}
		if m.RequestID == "" {
			t.Errorf("no request in %s", line)
		}
		if m.Message == "decided" && m.Revision > 0 {
			told[m.Channel+" "+m.Reason]++
		}
		if m.AlertsSent != nil && m.EventToAlert != nil {
			told["metrics"]++
		}
	}
	want := map[string]int{"metrics": 2}
	for _, channel := range []string{"findings", "bus", "chat", "email"} {
		want[channel+" new"], want[channel+" severity_raised"] = 1, 1
	}
	if d := gocmp.Diff(want, told); d != "" {
		t.Errorf("the logs differ (-want +got):\n%s\n%s", d, logs)
	}
	for _, secret := range []string{"correct-horse", "Y29ycmVjdC1ob3JzZQ", "can now be assumed"} {
		if strings.Contains(logs, secret) {
			t.Errorf("%q stands in the logs", secret)
		}
	}
}

// proxy stands between the function and AWS, counts its calls, and ends it at
// one of them: before the call is made, or after.
type proxy struct {
	mu    sync.Mutex
	calls []string
	at    int
	after bool
	kill  func()
}

func (p *proxy) start(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		dies := len(p.calls) == p.at
		p.calls = append(p.calls, cmp.Or(r.Header.Get("X-Amz-Target"), "Publish"))
		p.mu.Unlock()
		if dies && !p.after {
			p.kill()
			return
		}
		forward.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
		if dies {
			p.kill()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// told delivers a record until it is taken, with a program that is killed at a
// call, and returns the calls and what was heard.
func told(t *testing.T, bootstrap string, at int, after bool) (calls, heard []string) {
	t.Helper()
	a := newAccount(t)
	p := &proxy{at: at, after: after}
	f := localaws.Start(t, bootstrap, append(a.env(), "AWS_ENDPOINT_URL_DYNAMODB="+p.start(t, localaws.DynamoDB(t).URL), "AWS_ENDPOINT_URL_SNS="+p.start(t, localaws.Messaging(t).URL)))
	p.kill = f.Kill
	record := a.commit(finding(incident.High))
	for try := 0; ; try++ {
		// As much time as a call needs, since a claim lasts as long.
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second+time.Duration(try)*5*time.Second)
		got, err := f.Invoke(ctx, batch(record))
		cancel()
		if err == nil && string(got) == allTold {
			return p.calls, a.heard()
		}
		if try == 3 || err != nil && !errors.Is(err, localaws.ErrExited) {
			t.Fatalf("Invoke() = %s, %v; it printed:\n%s", got, err, f.Logs())
		}
	}
}

// TestKilledAtEveryCall kills the real program with SIGKILL at each of its calls
// in turn. Delivered again, it tells everything, and nothing twice but what was
// published and not marked yet.
func TestKilledAtEveryCall(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: the program killed at every call")
	}
	bootstrap := localaws.Build(t, "functions/notify")
	calls, want := told(t, bootstrap, -1, false)
	if len(calls) < 8 || len(want) != 3 {
		t.Fatalf("undisturbed, %d calls were made, and this was heard: %q", len(calls), want)
	}
	for at, call := range calls {
		for _, after := range []bool{false, true} {
			when := "before"
			if after {
				when = "after"
			}
			t.Run(fmt.Sprintf("%s call %d, %s", when, at, call), func(t *testing.T) {
				t.Parallel()
				_, got := told(t, bootstrap, at, after)
				again := 0
				if call == "Publish" && after || at > 0 && calls[at-1] == "Publish" && !after {
					again = 1
				}
				if once := slices.Compact(slices.Clone(got)); !slices.Equal(once, want) || len(got) > len(want)+again {
					t.Errorf("heard %q, want %q, of which %d may come again", got, want, again)
				}
			})
		}
	}
}

func TestWireSaysWhatIsMissing(t *testing.T) {
	_, err := wire(func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), config.EnvTable) || !strings.Contains(err.Error(), config.EnvFindingsTopic) {
		t.Errorf("wire() = %v, want the table and the topic to be missing", err)
	}
	_, err = wire(func(name string) (string, bool) {
		return "x", strings.HasSuffix(name, "TABLE") || strings.HasSuffix(name, "ARN")
	})
	if err == nil {
		t.Error("wire() without a Region is no error")
	}
}
