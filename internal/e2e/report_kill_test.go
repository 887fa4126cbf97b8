package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
)

// The reporting program is killed at calls to DynamoDB, and at every call to S3
// and SNS: once before the call takes effect, once after it did but before the
// answer. Started again, as Lambda does, it keeps the same reports and the same
// book. The mail comes, and comes twice only if it was sent and the program died
// before it knew: Lambda cannot be told that.
func TestReportKilledAtEveryCall(t *testing.T) {
	bootstrap := localaws.Build(t, "functions/report")
	end := time.Now().UTC().Truncate(time.Hour)
	w := &reportWorld{T: t, bootstrap: bootstrap, end: end, db: localaws.DynamoDB(t).URL, messaging: localaws.Messaging(t).URL}
	w.prime()
	want, calls := w.run(kill{})
	if want.mails != 1 || len(want.objects) != 2 || !strings.Contains(want.book, "payments") {
		t.Fatalf("the undisturbed run left %d mails, %d objects, the book %s", want.mails, len(want.objects), want.book)
	}
	killed := 0
	for _, part := range []struct {
		name  string
		calls int
		step  int
	}{{"DynamoDB", calls[0], 1 + calls[0]/8}, {"S3 and SNS", calls[1], 1}} {
		if testing.Short() {
			part.step *= 5
		}
		for n := 1; n <= part.calls; n += part.step {
			for _, after := range []bool{false, true} {
				k := kill{at: n, messaging: part.name != "DynamoDB", after: after}
				got, _ := w.run(k)
				sent := k.messaging && k.after && n == part.calls // the last call is the mail
				if got.book != want.book || fmt.Sprint(got.objects) != fmt.Sprint(want.objects) || got.mails != want.mails && !(sent && got.mails == 2) {
					t.Errorf("killed at call %d to %s (after its effect: %t): %d mails, book %s", n, part.name, after, got.mails, got.book)
				}
				killed++
			}
		}
	}
	t.Logf("killed %d times, at %d calls to DynamoDB and %d to S3 and SNS: the same reports and the same book each time", killed, calls[0], calls[1])
}

type reportWorld struct {
	*testing.T
	bootstrap     string
	end           time.Time
	db, messaging string
	yesterday     map[string][]byte // the pages of the book that the report before left
}

// prime lets the program report about the day before, so that the book that the
// others begin with knows all hours but the last ones.
func (w *reportWorld) prime() {
	w.Helper()
	before := *w
	before.end = w.end.Add(-24 * time.Hour)
	left, _ := before.run(kill{})
	w.yesterday = left.pages
}

// pages are the names of the pages of a book.
func pages() []string {
	list := []string{"report"}
	for i := range 64 {
		list = append(list, fmt.Sprintf("report/%02d", i))
	}
	return list
}

// kill is where a run is killed; at the call of a number, which 0 is none.
type kill struct {
	at               int
	messaging, after bool
}

// left is what a run leaves behind.
type left struct {
	objects map[string]string
	pages   map[string][]byte
	book    string // the text of all pages
	mails   int
}

// run lets the program report, kills it on its way, and starts it again.
func (w *reportWorld) run(k kill) (left, [2]int) {
	w.Helper()
	name := emptyTable(w.T)
	table := tableAt(w.db, name)
	w.fill(table.Commit)
	for page, text := range w.yesterday {
		if err := table.SaveNotes(context.Background(), page, text, 0); err != nil {
			w.Fatal(err)
		}
	}
	bucket, topic, queue := w.parts()
	var f *localaws.Function
	killing := func(messaging bool) func(int) trouble {
		return func(n int) trouble {
			switch {
			case k.at != n || k.messaging != messaging:
				return trouble{}
			case k.after:
				return trouble{after: func() { f.Kill() }}
			}
			return trouble{before: func() { f.Kill() }, drop: true, status: 500, code: "InternalServerError"}
		}
	}
	db, messaging := newGate(w.T, w.db, killing(false)), newGate(w.T, w.messaging, killing(true))
	f = localaws.Start(w.T, w.bootstrap, []string{
		config.EnvTable + "=" + name, config.EnvReportBucket + "=" + bucket, config.EnvEmailTopic + "=" + topic,
		"AWS_ENDPOINT_URL_DYNAMODB=" + db.URL, "AWS_ENDPOINT_URL_S3=" + messaging.URL, "AWS_ENDPOINT_URL_SNS=" + messaging.URL,
		"AWS_REGION=" + localaws.Region, "AWS_ACCESS_KEY_ID=" + localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + localaws.SecretAccessKey,
	})
	defer f.Kill()
	event := fmt.Sprintf(`{"period":"day","time":%q}`, w.end.Format(time.RFC3339))
	for tries := 0; ; tries++ {
		_, err := f.Invoke(context.Background(), []byte(event))
		if err == nil {
			break
		}
		if tries == 3 {
			w.Fatalf("it did not report in 3 attempts: %v\n%s", err, f.Logs())
		}
	}
	out := left{objects: w.objects(bucket), mails: w.mails(queue)}
	out.pages = map[string][]byte{}
	for _, page := range pages() {
		text, _, err := table.Notes(context.Background(), page)
		if err != nil {
			w.Fatal(err)
		}
		if len(text) > 0 {
			out.pages[page] = text
		}
		out.book += string(text)
	}
	return out, [2]int{db.requests(), messaging.requests()}
}

// fill keeps hourly failures of a role.
func (w *reportWorld) fill(commit func(context.Context, store.Commit) error) {
	w.Helper()
	for i := range 12 {
		at := w.end.Add(-time.Duration(i)*time.Hour - 7*time.Minute)
		s := incident.Signal{
			ID: fmt.Sprint("failed-", i), Account: reportedHome, Region: localaws.Region, Time: at, Kind: incident.CredentialFailed, Feed: incident.FromClient,
			ErrorCode: "ExpiredToken", Count: 1, Target: incident.Principal{Type: incident.Role, Account: reportedHome, Name: "payments"},
		}
		if err := commit(context.Background(), store.Commit{Signals: []incident.Signal{s}, Recheck: at.Add(15 * time.Minute)}); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *reportWorld) clients() (*awss3.Client, *awssns.Client, *awssqs.Client) {
	cfg, _ := clientConfig(w.db)
	return awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.BaseEndpoint, o.UsePathStyle = &w.messaging, true }),
		awssns.NewFromConfig(cfg, func(o *awssns.Options) { o.BaseEndpoint = &w.messaging }),
		awssqs.NewFromConfig(cfg, func(o *awssqs.Options) { o.BaseEndpoint = &w.messaging })
}

// parts are a bucket, and a topic with a queue behind it.
func (w *reportWorld) parts() (bucket, topic, queue string) {
	w.Helper()
	ctx := context.Background()
	s3, sns, sqs := w.clients()
	name := "killed-" + strings.ToLower(rand.Text())
	if _, err := s3.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		w.Fatal(err)
	}
	t, err := sns.CreateTopic(ctx, &awssns.CreateTopicInput{Name: &name})
	if err != nil {
		w.Fatal(err)
	}
	q, err := sqs.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		w.Fatal(err)
	}
	attrs, err := sqs.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		w.Fatal(err)
	}
	if _, err := sns.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: t.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attrs.Attributes["QueueArn"])}); err != nil {
		w.Fatal(err)
	}
	return name, *t.TopicArn, *q.QueueUrl
}

func (w *reportWorld) objects(bucket string) map[string]string {
	w.Helper()
	s3, _, _ := w.clients()
	list, err := s3.ListObjectsV2(context.Background(), &awss3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		w.Fatal(err)
	}
	out := map[string]string{}
	for _, o := range list.Contents {
		got, err := s3.GetObject(context.Background(), &awss3.GetObjectInput{Bucket: &bucket, Key: o.Key})
		if err != nil {
			w.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			w.Fatal(err)
		}
		_ = got.Body.Close() // it was read to its end
		out[*o.Key] = string(body)
	}
	return out
}

func (w *reportWorld) mails(queue string) int {
	w.Helper()
	_, _, sqs := w.clients()
	n := 0
	for {
		out, err := sqs.ReceiveMessage(context.Background(), &awssqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
		if err != nil {
			w.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return n
		}
		n += len(out.Messages)
	}
}
