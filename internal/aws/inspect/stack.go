package inspect

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/doctor"
)

// stack reads a stack and, unless only that matters, its parts. CloudFormation
// knows their names, which the stack leaves to it. Set is the name of the StackSet
// that makes it where there is one for many accounts.
func (i *inspector) stack(ctx context.Context, region, name, set string) doctor.Answer[doctor.Stack] {
	r := reader{ctx: ctx, cfg: i.in(region), region: region}
	api := cloudformation.NewFromConfig(r.cfg)
	found := r.named(api, name)
	if found.Missing {
		found = r.instance(api, set)
	}
	if !found.Known() || i.Before {
		return found
	}
	i.Tell(region + ", " + name)
	r.stack = found.Value
	r.stack.Watching = strings.HasSuffix(name, watching)
	r.stack.Keys = map[string]doctor.Answer[doctor.Key]{}
	parts := r.list(api)
	if r.stack.Unread = parts.Gap; parts.Known() {
		r.parts(parts.Value)
	}
	return doctor.Answer[doctor.Stack]{Value: r.stack}
}

// reader reads the parts of one stack.
type reader struct {
	ctx    context.Context
	cfg    aws.Config
	region string
	stack  doctor.Stack
	rules  *doctor.Answer[map[string]doctor.Rule] // of the default bus, once they are read
}

const describeStacks = "cloudformation:DescribeStacks"

func (r *reader) named(api *cloudformation.Client, name string) doctor.Answer[doctor.Stack] {
	out, err := api.DescribeStacks(r.ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if err != nil {
		return gap[doctor.Stack](describeStacks, r.region, err)
	}
	if len(out.Stacks) == 0 {
		return doctor.Answer[doctor.Stack]{Missing: true}
	}
	return doctor.Answer[doctor.Stack]{Value: r.described(out.Stacks[0])}
}

func (r *reader) described(s cfntypes.Stack) doctor.Stack {
	return doctor.Stack{Name: aws.ToString(s.StackName), Region: r.region, Status: string(s.StackStatus)}
}

// ofStackSet is what StackSets make of their own name for that of a stack.
var ofStackSet = regexp.MustCompile(`^StackSet-(.+)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// instance is the stack that a StackSet made.
func (r *reader) instance(api *cloudformation.Client, set string) doctor.Answer[doctor.Stack] {
	pages := cloudformation.NewDescribeStacksPaginator(api, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.ctx)
		if err != nil {
			return gap[doctor.Stack](describeStacks, r.region, err)
		}
		for _, s := range page.Stacks {
			if m := ofStackSet.FindStringSubmatch(aws.ToString(s.StackName)); m != nil && m[1] == set {
				return doctor.Answer[doctor.Stack]{Value: r.described(s)}
			}
		}
	}
	return doctor.Answer[doctor.Stack]{Missing: true}
}

// list lists the stack's parts.
func (r *reader) list(api *cloudformation.Client) doctor.Answer[[]cfntypes.StackResourceSummary] {
	pages := cloudformation.NewListStackResourcesPaginator(api, &cloudformation.ListStackResourcesInput{StackName: aws.String(r.stack.Name)})
	var list []cfntypes.StackResourceSummary
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.ctx)
		if err != nil {
			return gap[[]cfntypes.StackResourceSummary]("cloudformation:ListStackResources", r.region, err)
		}
		list = append(list, page.StackResourceSummaries...)
	}
	return doctor.Answer[[]cfntypes.StackResourceSummary]{Value: list}
}

// short is a part's name as the source has it: the CDK adds eight digits to
// those of its larger parts.
func short(id string) string {
	const digits = 8
	if cut := len(id) - digits; cut > 0 && strings.Trim(id[cut:], "0123456789ABCDEF") == "" {
		return id[:cut]
	}
	return id
}

func (r *reader) parts(list []cfntypes.StackResourceSummary) {
	for _, p := range list {
		id, name := short(aws.ToString(p.LogicalResourceId)), aws.ToString(p.PhysicalResourceId)
		if name == "" { // never made
			continue
		}
		s := &r.stack
		switch aws.ToString(p.ResourceType) {
		case "AWS::Events::Rule":
			s.Rules = append(s.Rules, doctor.Part[doctor.Rule]{ID: id, Name: name, Is: r.rule(name)})
		case "AWS::SQS::Queue":
			s.Queues = append(s.Queues, doctor.Part[doctor.Queue]{ID: id, Name: name, Is: r.queue(name)})
		case "AWS::SNS::Topic":
			s.Topics = append(s.Topics, doctor.Part[doctor.Topic]{ID: id, Name: name, Is: r.topic(name)})
		case "AWS::SNS::Subscription":
			s.Declared = append(s.Declared, doctor.Part[struct{}]{ID: id, Name: name})
		case "AWS::Lambda::Function":
			s.Functions = append(s.Functions, doctor.Part[doctor.Function]{ID: id, Name: name, Is: r.function(name)})
		case "AWS::Lambda::EventSourceMapping":
			s.Mappings = append(s.Mappings, doctor.Part[doctor.Mapping]{ID: id, Name: name, Is: r.mapping(name)})
		case "AWS::Scheduler::Schedule":
			s.Schedules = append(s.Schedules, doctor.Part[doctor.Schedule]{ID: id, Name: name, Is: r.schedule(name)})
		case "AWS::DynamoDB::Table":
			s.Tables = append(s.Tables, doctor.Part[doctor.Table]{ID: id, Name: name, Is: r.table(name)})
		case "AWS::CloudWatch::Alarm":
			s.Alarms = append(s.Alarms, doctor.Part[doctor.Alarm]{ID: id, Name: name, Is: r.alarm(name)})
		case "AWS::Logs::LogGroup":
			s.Logs = append(s.Logs, doctor.Part[doctor.LogGroup]{ID: id, Name: name, Is: r.logGroup(name)})
		}
	}
}

// rule is one of the default bus's rules, which are read together.
func (r *reader) rule(name string) doctor.Answer[doctor.Rule] {
	if r.rules == nil {
		all := r.allRules()
		r.rules = &all
	}
	if r.rules.Gap != nil {
		return doctor.Answer[doctor.Rule]{Gap: r.rules.Gap}
	}
	rule, ok := r.rules.Value[name]
	if !ok {
		return doctor.Answer[doctor.Rule]{Missing: true}
	}
	rule.Targets = r.targets(name)
	return doctor.Answer[doctor.Rule]{Value: rule}
}

func (r *reader) allRules() doctor.Answer[map[string]doctor.Rule] {
	rules := map[string]doctor.Rule{}
	api, in := eventbridge.NewFromConfig(r.cfg), &eventbridge.ListRulesInput{}
	for {
		out, err := api.ListRules(r.ctx, in)
		if err != nil {
			return gap[map[string]doctor.Rule]("events:ListRules", r.region, err)
		}
		for _, rule := range out.Rules {
			rules[aws.ToString(rule.Name)] = doctor.Rule{State: string(rule.State), Pattern: aws.ToString(rule.EventPattern)}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return doctor.Answer[map[string]doctor.Rule]{Value: rules}
		}
	}
}

func (r *reader) targets(rule string) doctor.Answer[[]doctor.Target] {
	// A rule has five at most, and a page holds them.
	out, err := eventbridge.NewFromConfig(r.cfg).ListTargetsByRule(r.ctx, &eventbridge.ListTargetsByRuleInput{Rule: aws.String(rule)})
	return answer("events:ListTargetsByRule", r.region, err, func() []doctor.Target {
		var list []doctor.Target
		for _, t := range out.Targets {
			list = append(list, doctor.Target{ARN: aws.ToString(t.Arn), Role: t.RoleArn != nil, DeadLetter: t.DeadLetterConfig != nil})
		}
		return list
	})
}

func (r *reader) queue(url string) doctor.Answer[doctor.Queue] {
	out, err := sqs.NewFromConfig(r.cfg).GetQueueAttributes(r.ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	return answer("sqs:GetQueueAttributes", r.region, err, func() doctor.Queue {
		a := out.Attributes
		q := doctor.Queue{ARN: a["QueueArn"], Policy: a["Policy"], Key: a["KmsMasterKeyId"]}
		for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
			n, _ := strconv.Atoi(a[name]) // none is as good as zero
			q.Waiting += n
		}
		r.key(q.Key)
		return q
	})
}

func (r *reader) topic(arn string) doctor.Answer[doctor.Topic] {
	out, err := sns.NewFromConfig(r.cfg).GetTopicAttributes(r.ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(arn)})
	return answer("sns:GetTopicAttributes", r.region, err, func() doctor.Topic {
		t := doctor.Topic{Policy: out.Attributes["Policy"], Key: out.Attributes["KmsMasterKeyId"], Subscriptions: r.subscriptions(arn)}
		r.key(t.Key)
		return t
	})
}

func (r *reader) subscriptions(topic string) doctor.Answer[[]doctor.Subscription] {
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(r.cfg), &sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic)})
	var list []doctor.Subscription
	for pages.HasMorePages() {
		out, err := pages.NextPage(r.ctx)
		if err != nil {
			return gap[[]doctor.Subscription]("sns:ListSubscriptionsByTopic", r.region, err)
		}
		for _, s := range out.Subscriptions {
			list = append(list, doctor.Subscription{ARN: aws.ToString(s.SubscriptionArn), Protocol: aws.ToString(s.Protocol), Endpoint: aws.ToString(s.Endpoint)})
		}
	}
	return doctor.Answer[[]doctor.Subscription]{Value: list}
}

// key reads a key that something is encrypted with, once. AWS's own are known by
// their names, and may not be there before they are first used.
func (r *reader) key(name string) {
	if _, known := r.stack.Keys[name]; known || name == "" {
		return
	}
	if strings.Contains(name, "alias/aws/") {
		r.stack.Keys[name] = doctor.Answer[doctor.Key]{Value: doctor.Key{ARN: name, State: "Enabled"}}
		return
	}
	api := kms.NewFromConfig(r.cfg)
	out, err := api.DescribeKey(r.ctx, &kms.DescribeKeyInput{KeyId: aws.String(name)})
	r.stack.Keys[name] = answer("kms:DescribeKey", r.region, err, func() doctor.Key {
		k := doctor.Key{ARN: aws.ToString(out.KeyMetadata.Arn), State: string(out.KeyMetadata.KeyState), Own: out.KeyMetadata.KeyManager == "CUSTOMER"}
		if k.Own {
			policy, err := api.GetKeyPolicy(r.ctx, &kms.GetKeyPolicyInput{KeyId: out.KeyMetadata.Arn, PolicyName: aws.String("default")})
			k.Policy = answer("kms:GetKeyPolicy", r.region, err, func() string { return aws.ToString(policy.Policy) })
		}
		return k
	})
}

func (r *reader) function(name string) doctor.Answer[doctor.Function] {
	api := lambda.NewFromConfig(r.cfg)
	out, err := api.GetFunctionConfiguration(r.ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(name)})
	return answer("lambda:GetFunctionConfiguration", r.region, err, func() doctor.Function {
		f := doctor.Function{State: string(out.State), Update: string(out.LastUpdateStatus), Reason: aws.ToString(out.StateReason)}
		if f.Update == "Failed" {
			f.Reason = aws.ToString(out.LastUpdateStatusReason)
		}
		if out.Environment != nil {
			f.Bus = out.Environment.Variables[config.EnvEventBus]
		}
		reserved, err := api.GetFunctionConcurrency(r.ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(name)})
		f.Reserved = answer("lambda:GetFunctionConcurrency", r.region, err, func() *int {
			if reserved.ReservedConcurrentExecutions == nil {
				return nil
			}
			n := int(*reserved.ReservedConcurrentExecutions)
			return &n
		})
		return f
	})
}

func (r *reader) mapping(id string) doctor.Answer[doctor.Mapping] {
	out, err := lambda.NewFromConfig(r.cfg).GetEventSourceMapping(r.ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String(id)})
	return answer("lambda:GetEventSourceMapping", r.region, err, func() doctor.Mapping {
		return doctor.Mapping{State: aws.ToString(out.State), LastResult: aws.ToString(out.LastProcessingResult)}
	})
}

func (r *reader) schedule(name string) doctor.Answer[doctor.Schedule] {
	out, err := scheduler.NewFromConfig(r.cfg).GetSchedule(r.ctx, &scheduler.GetScheduleInput{Name: aws.String(name)})
	return answer("scheduler:GetSchedule", r.region, err, func() doctor.Schedule { return doctor.Schedule{State: string(out.State)} })
}

func (r *reader) table(name string) doctor.Answer[doctor.Table] {
	api := dynamodb.NewFromConfig(r.cfg)
	out, err := api.DescribeTable(r.ctx, &dynamodb.DescribeTableInput{TableName: aws.String(name)})
	return answer("dynamodb:DescribeTable", r.region, err, func() doctor.Table {
		t := doctor.Table{Status: string(out.Table.TableStatus)}
		if s := out.Table.StreamSpecification; s != nil && aws.ToBool(s.StreamEnabled) {
			t.Stream = string(s.StreamViewType)
		}
		expiry, err := api.DescribeTimeToLive(r.ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(name)})
		t.Expiry = answer("dynamodb:DescribeTimeToLive", r.region, err, func() doctor.Expiry { return expires(expiry.TimeToLiveDescription) })
		backups, err := api.DescribeContinuousBackups(r.ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(name)})
		t.Recovery = answer("dynamodb:DescribeContinuousBackups", r.region, err, func() bool {
			d := backups.ContinuousBackupsDescription
			return d != nil && d.PointInTimeRecoveryDescription != nil && d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
		})
		return t
	})
}

func expires(d *types.TimeToLiveDescription) doctor.Expiry {
	if d == nil {
		return doctor.Expiry{}
	}
	on := d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling
	return doctor.Expiry{On: on, Attribute: aws.ToString(d.AttributeName)}
}

func (r *reader) logGroup(name string) doctor.Answer[doctor.LogGroup] {
	// The group itself is the first that begins with its name.
	out, err := cloudwatchlogs.NewFromConfig(r.cfg).DescribeLogGroups(r.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(name)})
	if err != nil {
		return gap[doctor.LogGroup]("logs:DescribeLogGroups", r.region, err)
	}
	for _, g := range out.LogGroups {
		if aws.ToString(g.LogGroupName) == name {
			return doctor.Answer[doctor.LogGroup]{Value: doctor.LogGroup{Days: int(aws.ToInt32(g.RetentionInDays))}}
		}
	}
	return doctor.Answer[doctor.LogGroup]{Missing: true}
}

func (r *reader) alarm(name string) doctor.Answer[doctor.Alarm] {
	out, err := cloudwatch.NewFromConfig(r.cfg).DescribeAlarms(r.ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err == nil && len(out.MetricAlarms) == 0 {
		return doctor.Answer[doctor.Alarm]{Missing: true}
	}
	return answer("cloudwatch:DescribeAlarms", r.region, err, func() doctor.Alarm {
		a := out.MetricAlarms[0]
		return doctor.Alarm{State: string(a.StateValue), Actions: aws.ToBool(a.ActionsEnabled)}
	})
}
