package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/trailverdict/trailverdict/internal/routing"
)

// excuse writes down why a part does not follow a rule of AWS's advice. The
// reason is kept in the template.
func excuse(part constructs.IConstruct, rule, reason string) {
	cdknag.NagSuppressions_AddResourceSuppressions(part, &[]*cdknag.NagPackSuppression{{
		Id: jsii.String(rule), Reason: jsii.String(reason),
	}}, jsii.Bool(true))
}

// wildcards are the reasons for which a function's policy has a star.
func wildcards() map[string]string {
	return map[string]string{
		"settle": "cloudtrail:LookupEvents knows no resources.",
		"report": "Objects in the detector's own bucket.",
	}
}

func excuseWildcards(role awsiam.Role, name string) {
	if reason := wildcards()[name]; reason != "" {
		excuse(role, "AwsSolutions-IAM5", reason)
	}
}

func excuseDeadLetters(q awssqs.Queue) {
	excuse(q, "AwsSolutions-SQS3", "It is the queue of dead letters.")
}

func addOutputs(h *home) {
	output := func(id, description string, value *string) {
		awscdk.NewCfnOutput(h.Stack, jsii.String(id), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: value})
	}
	output("FindingsTopicArn", "Findings as JSON, with attributes to filter by", h.topics[findings].TopicArn())
	output("MailTopicArn", "Findings as text", h.topics[mail].TopicArn())
	output("ChatTopicArn", "Findings for chat: add it to the chat configurations of your routes", h.topics[chat].TopicArn())
	for _, r := range h.o.ownRoutes() {
		if r.Type == routing.Chat {
			output(id("ChatTopicArn", r.Name), "Findings for chat by the route "+r.Name+": add it to its chat configuration", h.topics[ownTopic(r)].TopicArn())
		}
	}
	output("OperationsTopicArn", "Alarms about the detector itself", h.topics[operations].TopicArn())
	output("ReportsBucket", "Interval reports", h.reports.BucketName())
	output("TableName", "Evidence and findings; trailverdict canary looks there", h.table.TableName())
	output("DeadLettersUrl", "What could not be handled", h.dead.QueueUrl())
}
