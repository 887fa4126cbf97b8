package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudtrail"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/logline"
)

// addLogGroups sends lines of the wanted log groups that may tell of a failed
// or leaked credential to intake. CloudWatch Logs starts it asynchronously, and
// what fails ends among the dead letters.
func addLogGroups(h *home) {
	intake := h.functions["intake"].FunctionArn()
	for i, group := range h.o.wantedLogGroups() {
		id := fmt.Sprintf("LogGroup%d", i+1)
		permission := awslambda.NewCfnPermission(h.Stack, jsii.String(id+"StartsIntake"), &awslambda.CfnPermissionProps{
			Action: jsii.String("lambda:InvokeFunction"), FunctionName: intake,
			Principal: jsii.String("logs.amazonaws.com"), SourceArn: jsii.String(arn(h.Stack, "logs", "log-group:"+group+":*")), SourceAccount: h.Account(),
		})
		filter := awslogs.NewCfnSubscriptionFilter(h.Stack, jsii.String(id+"Filter"), &awslogs.CfnSubscriptionFilterProps{
			LogGroupName: jsii.String(group), DestinationArn: intake, FilterPattern: jsii.String(linesOfInterest()),
		})
		filter.Node().AddDependency(permission)
	}
}

// wantedLogGroups are those of the context, and those that the configuration
// names in full. A pattern there says whose a log group is; which exist, only
// the account knows.
func (o options) wantedLogGroups() []string {
	list := slices.Clone(o.logGroups)
	for _, g := range o.config.LogGroups {
		if !strings.ContainsAny(g.Pattern, "*?") && !slices.Contains(list, g.Pattern) {
			list = append(list, g.Pattern)
		}
	}
	return list
}

// linesOfInterest is a filter pattern of CloudWatch Logs that takes the lines
// that intake may find something in. What it lets through is free; intake reads
// it exactly.
func linesOfInterest() string {
	var quoted []string
	for _, term := range logline.Terms() {
		quoted = append(quoted, `?"`+term+`"`)
	}
	return strings.Join(quoted, " ")
}

// addTrail makes a trail of management events in all Regions, for accounts that
// have none. The first copy of these is free.
func addTrail(h *home) {
	bucket := newBucket(h, "TrailLogs", 90)
	name := arn(h.Stack, "cloudtrail", "trail/*")
	bucket.AddToResourcePolicy(allowService(h.Stack, "cloudtrail.amazonaws.com", []string{"s3:GetBucketAcl"}, *bucket.BucketArn(), name))
	bucket.AddToResourcePolicy(allowService(h.Stack, "cloudtrail.amazonaws.com", []string{"s3:PutObject"}, *bucket.BucketArn()+"/AWSLogs/"+*h.Account()+"/*", name))
	if h.key != nil {
		h.key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudtrail.amazonaws.com"), nil)},
			Actions:    jsii.Strings("kms:DescribeKey", "kms:GenerateDataKey*"), Resources: jsii.Strings("*"),
			Conditions: &map[string]any{"ArnLike": map[string]any{"aws:SourceArn": name}},
		}), nil)
	}
	t := awscloudtrail.NewCfnTrail(h.Stack, jsii.String("Trail"), &awscloudtrail.CfnTrailProps{
		IsLogging: jsii.Bool(true), S3BucketName: bucket.BucketName(), IsMultiRegionTrail: jsii.Bool(true),
		IncludeGlobalServiceEvents: jsii.Bool(true), EnableLogFileValidation: jsii.Bool(true),
		EventSelectors: []any{&awscloudtrail.CfnTrail_EventSelectorProperty{IncludeManagementEvents: jsii.Bool(true), ReadWriteType: jsii.String("All")}},
	})
	if h.key != nil {
		t.SetKmsKeyId(h.key.KeyArn())
	}
	t.Node().AddDependency(bucket.Policy())
}
