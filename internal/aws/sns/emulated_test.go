package sns_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/render"
)

// account is an emulated one with topics and queues.
type account struct {
	t   *testing.T
	sns *awssns.Client
	sqs *awssqs.Client
}

func open(t *testing.T) account {
	t.Helper()
	endpoint := localaws.Messaging(t).URL
	cfg := aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
	})}
	getenv := func(name string) string { return map[string]string{"AWS_ENDPOINT_URL_SNS": endpoint}[name] }
	return account{t, sns.NewClient(cfg, getenv), awssqs.NewFromConfig(cfg, func(o *awssqs.Options) { o.BaseEndpoint = &endpoint })}
}

func (a account) topic(name string) string {
	a.t.Helper()
	out, err := a.sns.CreateTopic(a.t.Context(), &awssns.CreateTopicInput{Name: &name})
	if err != nil {
		a.t.Fatal(err)
	}
	return *out.TopicArn
}

// subscribed is a queue that gets of a topic what a filter policy lets pass.
func (a account) subscribed(name, topic, policy string) (url string) {
	a.t.Helper()
	queue, err := a.sqs.CreateQueue(a.t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": "2"}})
	if err != nil {
		a.t.Fatal(err)
	}
	attrs, err := a.sqs.GetQueueAttributes(a.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		a.t.Fatal(err)
	}
	settings := map[string]string{"RawMessageDelivery": "true"}
	if policy != "" {
		settings["FilterPolicy"] = policy
	}
	_, err = a.sns.Subscribe(a.t.Context(), &awssns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(attrs.Attributes["QueueArn"]), Attributes: settings,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return *queue.QueueUrl
}

// received takes out of a queue what it holds, and waits for what is missing of
// so many messages: those of an answer that got lost, as happens on a busy
// machine, come again.
func (a account) received(url string, want int) (list []types.Message) {
	a.t.Helper()
	for late := time.Now().Add(30 * time.Second); ; {
		in := &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}}
		if len(list) < want {
			in.WaitTimeSeconds = 1
		}
		out, err := a.sqs.ReceiveMessage(a.t.Context(), in)
		if err != nil {
			a.t.Fatal(err)
		}
		if len(out.Messages) == 0 && (len(list) >= want || time.Now().After(late)) {
			return list
		}
		for _, m := range out.Messages {
			if _, err := a.sqs.DeleteMessage(a.t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				a.t.Fatal(err)
			}
		}
		list = append(list, out.Messages...)
	}
}

func finding(id string, v incident.Verdict, cause incident.Cause, s incident.Severity, revision int) incident.Finding {
	return incident.Finding{
		ID: id, Revision: revision, Status: incident.Open, Account: "111122223333", Region: "us-east-1", Partition: "aws",
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "payments-role"}},
		Verdict: v, Cause: cause, Confidence: 0.9, Severity: s, Summary: "Role payments-rôle …",
		FirstSeen: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), LastSeen: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
	}
}

// TestRoutesGoByAttributes publishes to an emulator of SNS that applies filter
// policies, and looks at which queue got what.
func TestRoutesGoByAttributes(t *testing.T) {
	a := open(t)
	arn := a.topic("findings-routes")
	queues := map[string]string{}
	for name, policy := range map[string]string{
		"everything":  "",
		"soc":         `{"verdict":["compromise"],"severity":["high","critical"]}`,
		"tickets":     `{"verdict":["expiry","misconfiguration"]}`,
		"first":       `{"revision":[{"numeric":["=",1]}]}`,
		"one-account": `{"account":["444455556666"]}`,
		"payments":    `{"subjectType":["role"],"subject":[{"prefix":"payments-"}]}`,
	} {
		queues[name] = a.subscribed("routes-"+name, arn, policy)
	}
	topic := sns.Findings(a.sns, arn)
	for _, f := range []incident.Finding{
		finding("tv-1", incident.Compromise, incident.TrustOpened, incident.Critical, 1),
		finding("tv-1", incident.Compromise, incident.TrustOpened, incident.Critical, 12),
		finding("tv-2", incident.Compromise, incident.AuditTampering, incident.Medium, 1),
		finding("tv-3", incident.Expiry, incident.TokenExpired, incident.Low, 2),
	} {
		if err := topic.Publish(t.Context(), f, render.Note{}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]string{
		"everything":  {"tv-1 r1", "tv-1 r12", "tv-2 r1", "tv-3 r2"},
		"soc":         {"tv-1 r1", "tv-1 r12"},
		"tickets":     {"tv-3 r2"},
		"first":       {"tv-1 r1", "tv-2 r1"},
		"one-account": {},
		"payments":    {"tv-1 r1", "tv-1 r12", "tv-2 r1", "tv-3 r2"},
	}
	got := map[string][]string{}
	for name, url := range queues {
		got[name] = []string{}
		for _, m := range a.received(url, len(want[name])) {
			var f struct {
				Schema, ID, Summary string
				Revision            int
			}
			if err := json.Unmarshal([]byte(*m.Body), &f); err != nil || f.Schema != render.FindingSchema || f.Summary != "Role payments-rôle …" {
				t.Errorf("%s got %s, %v", name, *m.Body, err)
			}
			if n := m.MessageAttributes["revision"]; aws.ToString(n.DataType) != "Number" || len(m.MessageAttributes) != 7 {
				t.Errorf("%s got attributes %v", name, m.MessageAttributes)
			}
			got[name] = append(got[name], f.ID+" r"+*m.MessageAttributes["revision"].StringValue)
		}
		slices.Sort(got[name])
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("who got what differs (-want +got):\n%s", d)
	}
}

// TestChatAndMailArriveAsTheyWereWritten checks the two topics for people.
func TestChatAndMailArriveAsTheyWereWritten(t *testing.T) {
	a := open(t)
	chat, mail := a.topic("chat"), a.topic("email")
	toChat, toMail := a.subscribed("chat", chat, `{"severity":["critical"]}`), a.subscribed("email", mail, "")
	f := finding("tv-1", incident.Compromise, incident.TrustOpened, incident.Critical, 1)
	for _, topic := range []*sns.Topic{sns.Chat(a.sns, chat), sns.Email(a.sns, mail)} {
		if err := topic.Publish(t.Context(), f, render.Note{}); err != nil {
			t.Fatal(err)
		}
	}
	list := a.received(toChat, 1)
	if len(list) != 1 || !strings.HasPrefix(*list[0].Body, `{"version":"1.0","source":"custom","id":"tv-1-r1","content":{"textType":"client-markdown","title":"🔴 COMPROMISE: role payments-role"`) {
		t.Errorf("the chat got %v", list)
	}
	list = a.received(toMail, 1)
	if len(list) != 1 || !strings.HasPrefix(*list[0].Body, "COMPROMISE: role payments-role\ncritical, 90 % sure") {
		t.Errorf("the mail is %v", list)
	}
}

func TestAMissingTopicIsAnError(t *testing.T) {
	a := open(t)
	topic := sns.Findings(a.sns, "arn:aws:sns:us-east-1:111122223333:nowhere")
	err := topic.Publish(t.Context(), finding("tv-1", incident.Compromise, incident.TrustOpened, incident.Critical, 1), render.Note{})
	if err == nil || !strings.Contains(err.Error(), "publish finding tv-1 to topic nowhere: ") {
		t.Errorf("Publish() = %v", err)
	}
}
