package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/s3"
	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

const ours = "111122223333"

// hostile is a name that a client's report may bear.
const hostile = "x\x1b[2J\u202egnp <script>alert(1)</script>"

// account is an emulated one: a table, a bucket, and a topic with a queue behind
// it that takes what routes by severity do.
type account struct {
	*testing.T
	table, bucket, topic, queue string
	ledger                      *filing.Store
	s3                          *awss3.Client
	sqs                         *awssqs.Client
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
	name := "report-" + strings.ToLower(rand.Text())
	a := &account{T: t, table: name, bucket: name, s3: s3.NewClient(cfg, getenv)}
	a.sqs = awssqs.NewFromConfig(cfg, func(o *awssqs.Options) { o.BaseEndpoint = &messaging })
	db := dynamo.NewClient(cfg, getenv)
	if err := dynamo.Create(t.Context(), db, name); err != nil {
		t.Fatal(err)
	}
	a.ledger = dynamo.New(db, name, store.LiveLimits(), nil)
	if _, err := a.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	a.subscribe(sns.NewClient(cfg, getenv), name)
	return a
}

func (a *account) subscribe(client *awssns.Client, name string) {
	a.Helper()
	topic, err := client.CreateTopic(a.Context(), &awssns.CreateTopicInput{Name: &name})
	if err != nil {
		a.Fatal(err)
	}
	queue, err := a.sqs.CreateQueue(a.Context(), &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		a.Fatal(err)
	}
	attrs, err := a.sqs.GetQueueAttributes(a.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		a.Fatal(err)
	}
	_, err = client.Subscribe(a.Context(), &awssns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attrs.Attributes["QueueArn"]),
		Attributes: map[string]string{"RawMessageDelivery": "true", "FilterPolicy": `{"severity":["low","medium","high","critical"],"account":["` + ours + `"]}`},
	})
	if err != nil {
		a.Fatal(err)
	}
	a.topic, a.queue = *topic.TopicArn, *queue.QueueUrl
}

// failsHourly keeps what a workload's clients reported in the hours up to end.
func (a *account) failsHourly(workload string, end time.Time) {
	a.Helper()
	live := detect.NewLive(a.ledger, a.ledger, incident.DefaultSettings())
	for i := range 12 {
		at := end.Add(-time.Duration(i)*time.Hour - 7*time.Minute)
		s := incident.Signal{
			ID: fmt.Sprint("failed-", i), Account: ours, Region: localaws.Region, Time: at, Kind: incident.CredentialFailed,
			Feed: incident.FromClient, ErrorCode: "ExpiredToken", Count: 1, Workload: workload,
		}
		if err := live.Handle(a.Context(), []incident.Signal{s}, nil, at.Add(time.Second)); err != nil {
			a.Fatal(err)
		}
	}
}

// objects lists the bucket's keys, each with its content type.
func (a *account) objects() []string {
	a.Helper()
	list, err := a.s3.ListObjectsV2(a.Context(), &awss3.ListObjectsV2Input{Bucket: &a.bucket})
	if err != nil {
		a.Fatal(err)
	}
	var out []string
	for _, o := range list.Contents {
		head, err := a.s3.HeadObject(a.Context(), &awss3.HeadObjectInput{Bucket: &a.bucket, Key: o.Key})
		if err != nil {
			a.Fatal(err)
		}
		out = append(out, *o.Key+" "+aws.ToString(head.ContentType))
	}
	slices.Sort(out)
	return out
}

func (a *account) object(key string) []byte {
	a.Helper()
	out, err := a.s3.GetObject(a.Context(), &awss3.GetObjectInput{Bucket: &a.bucket, Key: &key})
	if err != nil {
		a.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		a.Fatal(err)
	}
	return b
}

// mails takes what arrived behind the topic.
func (a *account) mails() (list []string) {
	a.Helper()
	for {
		out, err := a.sqs.ReceiveMessage(a.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &a.queue, MaxNumberOfMessages: 10})
		if err != nil {
			a.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return list
		}
		for _, m := range out.Messages {
			list = append(list, *m.Body)
		}
	}
}

// TestBootstrap drives the real program: Lambda's protocol on one side, DynamoDB
// Local and emulators of S3 and SNS on the other.
func TestBootstrap(t *testing.T) {
	a := newAccount(t)
	end := time.Now().UTC().Truncate(time.Hour)
	a.failsHourly(hostile, end)
	f := localaws.Start(t, localaws.Build(t, "functions/report"), append(localaws.DynamoDB(t).Env("DYNAMODB"), append(localaws.Messaging(t).Env("SNS", "S3"),
		config.EnvTable+"="+a.table, config.EnvReportBucket+"="+a.bucket, config.EnvEmailTopic+"="+a.topic, config.EnvReportLink+"=3",
		config.EnvMetrics+"=on", config.EnvForwarded+"=eu-south-2,eu-west-3")...))
	event := fmt.Sprintf(`{"source":"trailverdict.schedule","period":"day","time":%q}`, end.Add(time.Minute).Format(time.RFC3339))
	key := ours + "/day/" + end.Format("2006-01-02T15Z")
	var first []byte
	for range 2 { // started twice, which takes the place of the first, and tells the same
		if answer, err := f.Invoke(t.Context(), []byte(event)); err != nil || len(answer) > 0 {
			t.Fatalf("Invoke() = %s, %v; it printed:\n%s", answer, err, f.Logs())
		}
		if got := a.objects(); !slices.Equal(got, []string{key + ".html text/html; charset=utf-8", key + ".json application/json"}) {
			t.Fatalf("the bucket holds %q", got)
		}
		page := a.object(key + ".html")
		if first != nil && !bytes.Equal(first, page) {
			t.Error("the page differs when it is made again")
		}
		first = page
	}
	if bytes.Contains(first, []byte("<script")) || !bytes.Contains(first, []byte("&lt;script&gt;")) {
		t.Error("a hostile name does not come out harmless")
	}
	for _, gap := range []string{"eu-south-2, eu-west-3 forward events, and none came in this period", localaws.Region + " have no forwarder"} {
		if !bytes.Contains(first, []byte(gap)) {
			t.Errorf("the page does not say %q", gap)
		}
	}
	var r struct {
		Schema     string
		Principals []struct {
			Anomaly       string
			PeriodSeconds float64
		}
	}
	if err := json.Unmarshal(a.object(key+".json"), &r); err != nil || len(r.Principals) != 1 || r.Principals[0].Anomaly != "refresh_bug" || r.Principals[0].PeriodSeconds != 3600 {
		t.Errorf("report %+v, %v; want a refresh bug every hour", r, err)
	}
	mails := a.mails()
	if len(mails) != 2 {
		t.Fatalf("%d mails, want the two of the two runs", len(mails))
	}
	if link := a.checkMail(mails[0], key); link != "" {
		checkLogs(t, f.Logs(), link)
	}
	for _, metric := range []string{`"Function":"report"`, `"Anomalies":1`, `"AlertsSent":1`} {
		if !strings.Contains(f.Logs(), metric) {
			t.Errorf("no metric %s in the logs:\n%s", metric, f.Logs())
		}
	}

	for _, quiet := range []string{`{"period":"day","time":"2026-03-04T06:20:00Z"}`, `{"period":"week","time":"2026-03-04T06:20:00Z"}`} {
		if _, err := f.Invoke(t.Context(), []byte(quiet)); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.mails(); len(got) != 1 || !strings.Contains(got[0], "Nothing is odd") || !strings.Contains(got[0], "the week") {
		t.Errorf("of a quiet day and a quiet week there are the mails %q, want one of the week", got)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{"period":"correct-horse"}`)); err == nil {
		t.Error("what names no period was taken")
	}
	checkLogs(t, f.Logs(), "correct-horse")
}

// checkMail follows a mail's link, and returns it.
func (a *account) checkMail(mail, key string) string {
	a.Helper()
	for _, part := range []string{"account " + ours + ", the day", "1 refresh bug", "for 3 hours at most", "\naws s3 cp s3://" + a.bucket + "/" + key + ".html ."} {
		if !strings.Contains(mail, part) {
			a.Errorf("the mail lacks %q:\n%s", part, mail)
		}
	}
	if strings.ContainsAny(mail, "\x1b\u202e") {
		a.Errorf("the mail holds what a terminal acts on: %q", mail)
	}
	for line := range strings.Lines(mail) {
		link := strings.TrimSpace(line)
		if !strings.HasPrefix(link, "http://") {
			continue
		}
		resp, err := http.Get(link)
		if err != nil {
			a.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(body, a.object(key+".html")) {
			a.Errorf("the link gives %s, %v", resp.Status, err)
		}
		return link
	}
	a.Errorf("the mail has no link:\n%s", mail)
	return ""
}

// checkLogs wants what was done in the logs, and neither a link nor a secret.
func checkLogs(t *testing.T, logs string, secrets ...string) {
	t.Helper()
	if !strings.Contains(logs, `"message":"reported"`) || !strings.Contains(logs, `"period":"day"`) || !strings.Contains(logs, `"anomalies":1`) {
		t.Errorf("logs:\n%s", logs)
	}
	for _, s := range append(secrets, "X-Amz-", localaws.SecretAccessKey, "alert(1)") {
		if strings.Contains(logs, s) {
			t.Errorf("%q stands in the logs:\n%s", s, logs)
		}
	}
}

func TestWireSaysWhatIsMissing(t *testing.T) {
	_, err := wire(func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), config.EnvTable) || !strings.Contains(err.Error(), config.EnvReportBucket) {
		t.Errorf("wire() = %v, want the table and the bucket to be missing", err)
	}
	_, err = wire(func(name string) (string, bool) {
		v, ok := map[string]string{config.EnvTable: "table", config.EnvReportBucket: "bucket"}[name]
		return v, ok
	})
	if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("wire() = %v, want a Region to be missing", err)
	}
}
