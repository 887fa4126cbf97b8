// Package sns publishes findings to topics of Amazon SNS.
//
// There are three kinds of topics. What machines read, and what routes go by,
// carries the finding as JSON in a plain message with message attributes: they
// would be lost with a message structure. What feeds a chat carries the one
// schema that Amazon Q Developer in chat applications renders. What people read
// as mail carries plain text with a subject. All three carry the same
// attributes, so that subscriptions to any of them can be filtered.
//
// A message is shortened before it is too long for SNS, and says so. A publish
// that returns nil was accepted by SNS for good. It is not exactly once: a
// standard topic keeps no record of what was published, and one whose answer was
// lost is sent again, by the SDK too. Topics that do keep one (FIFO) have no mail
// and no chat among their subscribers. So the message of a revision is always the
// same to the byte, and a receiver can drop what it has seen by id and revision.
//
// See https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
package sns

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// Sender makes one request. An SNS client is one.
type Sender interface {
	Publish(ctx context.Context, in *sns.PublishInput, options ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// NewClient returns a client of SNS. The environment may name another endpoint,
// as it may for all SDKs of AWS.
func NewClient(cfg aws.Config, getenv func(string) string) *sns.Client {
	return sns.NewFromConfig(cfg, func(o *sns.Options) {
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_SNS"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint = &url
		}
	})
}

// Topic is a topic with a form for its messages.
type Topic struct {
	client Sender
	arn    string
	form   form
}

// form writes a finding as a message, and its subject if it has one.
type form struct {
	body    func(io.Writer, incident.Finding, render.Note) error
	subject func(incident.Finding, render.Note) string
}

// Findings is a topic for machines and routes.
func Findings(client Sender, arn string) *Topic {
	return &Topic{client, arn, form{body: func(w io.Writer, f incident.Finding, _ render.Note) error { return render.JSON(w, f) }}}
}

// Chat is a topic that feeds Amazon Q Developer in chat applications.
func Chat(client Sender, arn string) *Topic {
	return &Topic{client, arn, form{body: render.Chat}}
}

// Email is a topic whose messages people read as mail.
func Email(client Sender, arn string) *Topic {
	return &Topic{client, arn, form{body: render.Email, subject: render.EmailSubject}}
}

// Publish puts a finding on the topic.
func (t *Topic) Publish(ctx context.Context, f incident.Finding, n render.Note) error {
	in, err := t.input(f, n)
	if err != nil {
		return fmt.Errorf("write finding %s for %s: %w", f.ID, t.name(), err)
	}
	if _, err := t.client.Publish(ctx, in); err != nil {
		return fmt.Errorf("publish finding %s to %s: %w", f.ID, t.name(), err)
	}
	return nil
}

// name is the topic's name, which says enough in an error.
func (t *Topic) name() string { return "topic " + t.arn[strings.LastIndexByte(t.arn, ':')+1:] }

// maxMessage is how large a message may be with its attributes, in bytes. A
// topic can be told to take more, but then neither mail nor chat.
const maxMessage = 256 << 10

func (t *Topic) input(f incident.Finding, n render.Note) (*sns.PublishInput, error) {
	in := &sns.PublishInput{TopicArn: &t.arn, MessageAttributes: attributes(f, n)}
	body, err := render.Within(f, maxMessage-size(in.MessageAttributes), func(f incident.Finding) (string, error) {
		var b strings.Builder
		err := t.form.body(&b, f, n)
		return strings.TrimSuffix(b.String(), "\n"), err
	})
	if err != nil {
		return nil, err
	}
	in.Message = &body
	if t.form.subject != nil {
		in.Subject = aws.String(t.form.subject(f, n))
	}
	return in, nil
}
