package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/config"
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
			Filters: []any{&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(casesAlone)}},
		},
	})
	h.schedule("SettleSchedule", "settle", "rate(5 minutes)", `{"source":"trailverdict.schedule"}`)
	if h.o.timed() {
		h.schedule("NotifySchedule", "notify", "rate(5 minutes)", `{"source":"trailverdict.schedule"}`)
	}
	// Periods end at six, and twenty minutes later CloudTrail has delivered what
	// happened by then. The scheduler puts in the time, which it repeats if it
	// has to start the function again.
	h.schedule("ReportSchedule", "report", "cron(20 6 * * ? *)", `{"source":"trailverdict.schedule","period":"day","time":"<aws.scheduler.scheduled-time>"}`)
	h.schedule("WeeklyReportSchedule", "report", "cron(40 6 ? * MON *)", `{"source":"trailverdict.schedule","period":"week","time":"<aws.scheduler.scheduled-time>"}`)
}

// casesAlone keeps evidence, which is most of what is written, from starting
// notify.
const casesAlone = `{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"` + config.TablePartition + `":{"S":[{"prefix":"` + config.TableCases + `"}]}}}}`

// schedule starts a function at times, with an event. What fails is started
// again and ends among the dead letters.
func (h *home) schedule(id, name, expression, event string) {
	fn := h.functions[name]
	role := awsiam.NewRole(h.Stack, jsii.String(id+"Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": h.Account()}},
		}),
		Description: jsii.String("Starts " + name + " on schedule"),
	})
	role.AddToPolicy(allow([]string{"lambda:InvokeFunction"}, []string{*fn.FunctionArn()}))
	role.AddToPolicy(allow([]string{"sqs:SendMessage"}, []string{*h.dead.QueueArn()}))
	h.allowKey(role)
	s := awsscheduler.NewCfnSchedule(h.Stack, jsii.String(id), &awsscheduler.CfnScheduleProps{
		ScheduleExpression: jsii.String(expression),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: fn.FunctionArn(), RoleArn: role.RoleArn(),
			Input:            jsii.String(event),
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: h.dead.QueueArn()},
			RetryPolicy:      &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumRetryAttempts: jsii.Number(3), MaximumEventAgeInSeconds: jsii.Number(3600)},
		},
	})
	s.Node().AddDependency(role)
}
