package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// alarm says when somebody must look at the detector itself.
type alarm struct {
	id, description       string
	namespace, metric     string
	dimension, of         string
	statistic             string
	seconds, times, above float64
	below                 bool // in place of above: fewer than one
	missing               string
}

// deadLettersAlarm sees everything that gets lost: whatever fails, wherever, ends
// among the dead letters of its Region. An alarm costs a dime a month, so this
// one and the next are all by default.
func deadLettersAlarm(dead awssqs.IQueue) alarm {
	return alarm{
		id: "DeadLettersAlarm", description: "Events or alerts could not be handled: look at the queue of dead letters.",
		namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", dimension: "QueueName", of: *dead.QueueName(),
		statistic: "Maximum", seconds: 300, times: 1, missing: "notBreaching",
	}
}

// silenceAlarm sees that nothing comes in at all. No account is so quiet that no
// credentials are issued in a day: the detector's own functions are started with
// some.
func silenceAlarm(h *home) alarm {
	return alarm{
		id: "SilenceAlarm", description: "No credentials were issued for a day, which cannot be: no trail is logging, or the rules are disabled.",
		namespace: "AWS/Events", metric: "MatchedEvents", dimension: "RuleName", of: *h.sessions.Ref(),
		statistic: "Sum", seconds: 86400, times: 1, below: true, missing: "breaching",
	}
}

// canaryAlarm sees that canaries are sent and do not come out. What findings
// come out in their place show as well that the way is open. SNS counts by itself
// what is published, so no metric of ours is needed, which would cost more.
func canaryAlarm(h *home) alarm {
	a := alarm{
		id: "CanaryAlarm", description: "Canaries are sent and no test alert comes out: look at the queue of dead letters, and at the logs of detect and notify.",
		namespace: "AWS/SNS", metric: "NumberOfMessagesPublished", dimension: "TopicName", of: *h.topics[findings].TopicName(),
		statistic: "Sum", seconds: 86400, times: 1, below: true, missing: "breaching",
	}
	if h.o.canary == "hourly" {
		a.seconds, a.times = 3600, 2
	}
	return a
}

// furtherAlarms tell earlier, and where.
func furtherAlarms(h *home) []alarm {
	list := []alarm{
		{
			id: "BacklogAlarm", description: "Signals wait for more than 15 minutes: verdicts come late.",
			namespace: "AWS/SQS", metric: "ApproximateAgeOfOldestMessage", dimension: "QueueName", of: *h.signals.QueueName(),
			statistic: "Maximum", seconds: 300, times: 1, above: 900, missing: "notBreaching",
		},
		{
			id: "StreamAlarm", description: "Findings wait for more than 10 minutes: alerts come late.",
			namespace: "AWS/Lambda", metric: "IteratorAge", dimension: "FunctionName", of: *h.functions["notify"].FunctionName(),
			statistic: "Maximum", seconds: 300, times: 1, above: 600_000, missing: "notBreaching",
		},
	}
	for _, f := range functions() {
		for _, m := range []struct{ metric, description string }{
			{"Errors", "The function " + f.name + " fails."},
			{"Throttles", "The function " + f.name + " is started more often than it may."},
		} {
			list = append(list, alarm{
				id: f.id + m.metric + "Alarm", description: m.description,
				namespace: "AWS/Lambda", metric: m.metric, dimension: "FunctionName", of: *h.functions[f.name].FunctionName(),
				statistic: "Sum", seconds: 300, times: 3, missing: "notBreaching",
			})
		}
	}
	return list
}

func addAlarms(h *home) {
	list := []alarm{silenceAlarm(h)}
	if canaryRates[h.o.canary] != "" {
		list = append(list, canaryAlarm(h))
	}
	if h.o.allAlarms {
		list = append(list, furtherAlarms(h)...)
	}
	for _, a := range list {
		addAlarm(h.Stack, a, h.topics[operations])
	}
}

// addAlarm adds an alarm that tells topics, by any of which it reaches somebody.
func addAlarm(stack awscdk.Stack, a alarm, tell ...awssns.Topic) {
	comparison, threshold := "GreaterThanThreshold", a.above
	if a.below {
		comparison, threshold = "LessThanThreshold", 1
	}
	var topics []any
	for _, t := range tell {
		topics = append(topics, t.TopicArn())
	}
	awscloudwatch.NewCfnAlarm(stack, jsii.String(a.id), &awscloudwatch.CfnAlarmProps{
		AlarmDescription: jsii.String("trailverdict: " + a.description),
		Namespace:        jsii.String(a.namespace), MetricName: jsii.String(a.metric),
		Dimensions:         []any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(a.dimension), Value: jsii.String(a.of)}},
		Statistic:          jsii.String(a.statistic),
		Period:             jsii.Number(a.seconds),
		EvaluationPeriods:  jsii.Number(a.times),
		ComparisonOperator: jsii.String(comparison),
		Threshold:          jsii.Number(threshold),
		TreatMissingData:   jsii.String(a.missing),
		AlarmActions:       &topics,
		OkActions:          &topics,
	})
}

func addDashboard(h *home) {
	board := awscloudwatch.NewDashboard(h.Stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{})
	for _, row := range [][]alarm{{deadLettersAlarm(h.dead), silenceAlarm(h)}, furtherAlarms(h)} {
		var widgets []awscloudwatch.IWidget
		for _, a := range row {
			widgets = append(widgets, awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
				Title: jsii.String(strings.TrimSuffix(a.id, "Alarm")), Width: jsii.Number(8),
				Left: &[]awscloudwatch.IMetric{awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
					Namespace: jsii.String(a.namespace), MetricName: jsii.String(a.metric), Statistic: jsii.String(a.statistic),
					DimensionsMap: &map[string]*string{a.dimension: jsii.String(a.of)},
				})},
			}))
		}
		board.AddWidgets(widgets...)
	}
}
