package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// addTriggers joins the functions with what they work off.
func addTriggers(h *home) {
	awslambda.NewCfnEventSourceMapping(h.Stack, jsii.String("SignalsToDetect"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   h.functions["detect"].FunctionArn(),
		EventSourceArn:                 h.signals.QueueArn(),
		BatchSize:                      jsii.Number(100),
		MaximumBatchingWindowInSeconds: jsii.Number(5),
		FunctionResponseTypes:          jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig:                  &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(8)}, // of 10, so that identity changes find a copy free
	})
	awslambda.NewCfnEventSourceMapping(h.Stack, jsii.String("TableToNotify"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:               h.functions["notify"].FunctionArn(),
		EventSourceArn:             h.table.TableStreamArn(),
		StartingPosition:           jsii.String("TRIM_HORIZON"),
		BatchSize:                  jsii.Number(10),
		BisectBatchOnFunctionError: jsii.Bool(true),
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		MaximumRetryAttempts:       jsii.Number(-1),
		MaximumRecordAgeInSeconds:  jsii.Number(22 * 3600), // the stream drops records after 24 hours; before, they are to be seen among the dead letters
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: h.dead.QueueArn()},
		},
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: []any{
				&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(casesAlone)},
				&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(newCanaries)},
			},
		},
	})
	h.schedule("SettleSchedule", "settle", "rate(5 minutes)", `{"source":"trailverdict.schedule"}`)
	if h.o.timed() {
		h.schedule("NotifySchedule", "notify", "rate(5 minutes)", `{"source":"trailverdict.schedule"}`)
	}
	h.addCanary()
	// Periods end at six, and twenty minutes later CloudTrail has delivered what
	// happened by then. The scheduler puts in the time, which it repeats if it
	// has to start the function again.
	h.schedule("ReportSchedule", "report", "cron(20 6 * * ? *)", `{"source":"trailverdict.schedule","period":"day","time":"<aws.scheduler.scheduled-time>"}`)
	h.schedule("WeeklyReportSchedule", "report", "cron(40 6 ? * MON *)", `{"source":"trailverdict.schedule","period":"week","time":"<aws.scheduler.scheduled-time>"}`)
}

// casesAlone keeps evidence, which is most of what is written, from starting
// notify.
const casesAlone = `{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"` + config.TablePartition + `":{"S":[{"prefix":"` + config.TableCases + `"}]}}}}`

// newCanaries lets test alerts through, when they come and not when it is
// written down that they went out.
const newCanaries = `{"eventName":["INSERT"],"dynamodb":{"Keys":{"` + config.TablePartition + `":{"S":[{"prefix":"` + config.TableCanaries + `"}]}}}}`

// canaryRates are how often a canary is sent, by the context's word for it.
var canaryRates = map[string]string{"hourly": "rate(1 hour)", "daily": "rate(1 day)"}

// addCanary sends canaries on schedule, if they are wanted: the scheduler puts
// them on the bus, and no function has a part in that.
func (h *home) addCanary() {
	rate := canaryRates[h.o.canary]
	if rate == "" {
		return
	}
	bus := arn(h.Stack, "events", "event-bus/default")
	role := h.schedulerRole("CanarySchedule", "Sends canaries on schedule", allow([]string{"events:PutEvents"}, []string{bus}))
	s := awsscheduler.NewCfnSchedule(h.Stack, jsii.String("CanarySchedule"), &awsscheduler.CfnScheduleProps{
		ScheduleExpression: jsii.String(rate),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: h.tried(&awsscheduler.CfnSchedule_TargetProperty{
			Arn: jsii.String(bus), RoleArn: role.RoleArn(),
			Input: jsii.String(`{"canaryId":"<aws.scheduler.execution-id>","sentAt":"<aws.scheduler.scheduled-time>"}`),
			EventBridgeParameters: &awsscheduler.CfnSchedule_EventBridgeParametersProperty{
				Source: jsii.String(trail.CanarySource), DetailType: jsii.String(trail.CanaryDetailType),
			},
		}),
	})
	s.Node().AddDependency(role)
}

// schedulerRole lets the scheduler do something, and bury what fails.
func (h *home) schedulerRole(id, description string, may awsiam.PolicyStatement) awsiam.Role {
	role := awsiam.NewRole(h.Stack, jsii.String(id+"Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": h.Account()}},
		}),
		Description: jsii.String(description),
	})
	role.AddToPolicy(may)
	role.AddToPolicy(allow([]string{"sqs:SendMessage"}, []string{*h.dead.QueueArn()}))
	h.allowKey(role)
	return role
}

// tried says what becomes of a schedule's target that fails.
func (h *home) tried(target *awsscheduler.CfnSchedule_TargetProperty) *awsscheduler.CfnSchedule_TargetProperty {
	target.DeadLetterConfig = &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: h.dead.QueueArn()}
	target.RetryPolicy = &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumRetryAttempts: jsii.Number(3), MaximumEventAgeInSeconds: jsii.Number(3600)}
	return target
}

// schedule starts a function at times, with an event. What fails is started
// again and ends among the dead letters.
func (h *home) schedule(id, name, expression, event string) {
	fn := h.functions[name]
	role := h.schedulerRole(id, "Starts "+name+" on schedule", allow([]string{"lambda:InvokeFunction"}, []string{*fn.FunctionArn()}))
	s := awsscheduler.NewCfnSchedule(h.Stack, jsii.String(id), &awsscheduler.CfnScheduleProps{
		ScheduleExpression: jsii.String(expression),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target:             h.tried(&awsscheduler.CfnSchedule_TargetProperty{Arn: fn.FunctionArn(), RoleArn: role.RoleArn(), Input: jsii.String(event)}),
	})
	s.Node().AddDependency(role)
}
