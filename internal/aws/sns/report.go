package sns

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// Reports is a topic whose messages people read as mail, as far as reports go.
type Reports struct{ topic Topic }

// Report returns the topic for mails about reports.
func Report(client Sender, arn string) *Reports { return &Reports{Topic{client: client, arn: arn}} }

// Tell sends a mail about a report. It carries account and severity as findings
// do, and the attribute report. It has no verdict and no cause: a subscription
// that is about some of them gets no reports.
func (t *Reports) Tell(ctx context.Context, r incident.Report, n render.ReportNote) error {
	var body strings.Builder
	if err := render.ReportEmail(&body, r, n); err != nil {
		return err
	}
	_, err := t.topic.client.Publish(ctx, &sns.PublishInput{
		TopicArn: &t.topic.arn, Subject: aws.String(render.ReportSubject(r, n)),
		Message: aws.String(strings.TrimSuffix(body.String(), "\n")), MessageAttributes: reportAttributes(r, n),
	})
	if err != nil {
		return fmt.Errorf("publish the report to %s: %w", t.topic.name(), err)
	}
	return nil
}

func reportAttributes(r incident.Report, n render.ReportNote) values {
	list := values{}
	for name, value := range map[string]string{"account": n.Account, "severity": reportSeverity(r).String(), "report": n.Period} {
		if value != "" {
			list[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	return list
}

// reportSeverity is low at least, so that whoever is told of all findings hears
// that the detector looks, and medium where an attacker may be at work.
func reportSeverity(r incident.Report) incident.Severity {
	if slices.ContainsFunc(r.Anomalies, func(a incident.Anomaly) bool {
		return a.Kind == incident.OffBeatIssuance || a.Kind == incident.SpikeAnomaly
	}) {
		return incident.Medium
	}
	return incident.Low
}
