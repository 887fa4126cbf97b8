package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// testAlert is a canary as it comes out.
type testAlert struct {
	Schema         string    `json:"schema"`
	ID             string    `json:"id"`
	Account        string    `json:"account,omitempty"`
	Region         string    `json:"region,omitempty"`
	SentAt         time.Time `json:"sentAt"`
	ToldAt         time.Time `json:"toldAt"`
	SecondsToAlert float64   `json:"secondsToAlert"`
	Summary        string    `json:"summary"`
}

// PublishCanary puts a test alert on the topic. It has none of a finding's
// attributes but the account's, so that no subscription that asks for a verdict,
// a severity or a cause gets it, and one of its own to ask for.
func (t *Topic) PublishCanary(ctx context.Context, c incident.Canary, at time.Time) error {
	body, err := json.Marshal(testAlert{
		Schema: "trailverdict.canary/v1", ID: c.ID, Account: c.Account, Region: c.Region, SentAt: c.Sent.UTC(), ToldAt: at.UTC(),
		SecondsToAlert: at.Sub(c.Sent).Seconds(), Summary: "This is a test: the detector's way from event to alert works. Nothing is to be done.",
	})
	if err != nil {
		return fmt.Errorf("write canary %s for %s: %w", c.ID, t.name(), err)
	}
	attributes := values{"canary": {DataType: aws.String("String"), StringValue: aws.String("true")}}
	if c.Account != "" {
		attributes["account"] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &c.Account}
	}
	_, err = t.client.Publish(ctx, &sns.PublishInput{TopicArn: &t.arn, Message: aws.String(string(body)), MessageAttributes: attributes})
	if err != nil {
		return fmt.Errorf("publish canary %s to %s: %w", c.ID, t.name(), err)
	}
	return nil
}
