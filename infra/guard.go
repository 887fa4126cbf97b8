package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// guarded is a kind of parts, the calls that harm one, and the parameters by
// which these name it.
type guarded struct {
	name, source string
	// calls are the beginnings of the calls' names; Lambda's own end in a version.
	calls []string
	// names are the parameters that hold a part's name, which begins with the
	// stack's; arns hold an ARN or address, in which the name follows one of the
	// separators. With neither, every call counts.
	names, arns []string
	separators  []string
	// whole names are the stack's own, and not its beginning.
	whole bool
	// byStack counts what CloudFormation does, too.
	byStack bool
	// exact calls have no version in their names and longer ones beside them.
	exact bool
}

// parts lists what an attacker can switch off. A whole stack is here under
// CloudFormation, which is also how the owner changes it: whoever it is, it is
// told. What CloudFormation then does to the parts is not told again, but for
// the deletion of roles: IAM's events come to the home Region, and so tell of
// forwarders that are deleted in another.
func parts() []guarded {
	return []guarded{
		{
			name: "Rules", source: "events", names: []string{"name", "rule"},
			calls: []string{"DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"},
		},
		{
			name: "Functions", source: "lambda", names: []string{"functionName"}, arns: []string{"functionName"}, separators: []string{":function:"},
			calls: []string{"DeleteFunction", "UpdateFunction", "PutFunction", "AddPermission", "RemovePermission", "DeleteEventSourceMapping", "UpdateEventSourceMapping"},
		},
		{
			name: "Queues", source: "sqs", arns: []string{"queueUrl"}, separators: []string{"/"},
			calls: []string{"AddPermission", "DeleteQueue", "PurgeQueue", "RemovePermission", "SetQueueAttributes"},
		},
		{
			name: "Topics", source: "sns", arns: []string{"topicArn", "subscriptionArn"}, separators: []string{":"},
			calls: []string{"AddPermission", "DeleteTopic", "RemovePermission", "SetSubscriptionAttributes", "SetTopicAttributes", "Unsubscribe"},
		},
		{
			name: "Table", source: "dynamodb", names: []string{"tableName"}, arns: []string{"tableName"}, separators: []string{":table/"},
			calls: []string{"DeleteTable", "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"},
		},
		{
			name: "Bucket", source: "s3", names: []string{"bucketName"},
			calls: []string{"DeleteBucket", "PutBucketLifecycle", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketVersioning"},
		},
		{
			name: "Schedules", source: "scheduler", names: []string{"name"},
			calls: []string{"DeleteSchedule", "UpdateSchedule"},
		},
		{
			name: "Alarms", source: "monitoring", names: []string{"alarmName", "alarmNames"},
			calls: []string{"DeleteAlarms", "DisableAlarmActions", "PutMetricAlarm", "SetAlarmState"},
		},
		{
			name: "Logs", source: "logs", names: []string{"logGroupName"},
			calls: []string{"DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy"},
		},
		{
			name: "Roles", source: "iam", names: []string{"roleName"},
			calls: []string{"AttachRolePolicy", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy"},
		},
		{
			name: "RoleDeletions", source: "iam", names: []string{"roleName"}, byStack: true, exact: true,
			calls: []string{"DeleteRole"},
		},
		{
			name: "Stacks", source: "cloudformation", names: []string{"stackName"}, arns: []string{"stackName"}, separators: []string{":stack/"},
			whole: true, byStack: true,
			calls: []string{"DeleteStack", "ExecuteChangeSet", "SetStackPolicy", "UpdateStack", "UpdateTerminationProtection"},
		},
		{
			name: "Trails", source: "cloudtrail",
			calls: []string{"DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"},
		},
	}
}

// pattern takes the calls that succeeded on the parts of a stack.
func (g guarded) pattern(stack string, set bool) map[string]any {
	detail := map[string]any{
		"eventName": g.eventNames(),
		"errorCode": []any{map[string]any{"exists": false}},
	}
	if !g.byStack {
		detail["sourceIPAddress"] = []any{map[string]any{"anything-but": "cloudformation.amazonaws.com"}}
	}
	switch alternatives := g.parameters(stack, set); len(alternatives) {
	case 0:
	case 1:
		detail["requestParameters"] = alternatives[0]
	default:
		detail["requestParameters"] = map[string]any{"$or": alternatives}
	}
	return map[string]any{
		"source":      []any{"aws." + g.source},
		"detail-type": []any{map[string]any{"suffix": " via CloudTrail"}},
		"detail":      detail,
	}
}

func (g guarded) eventNames() []any {
	if !g.exact {
		return beginning(g.calls...)
	}
	var list []any
	for _, c := range g.calls {
		list = append(list, c)
	}
	return list
}

// parameters are the ways in which a call can name a part. CloudFormation begins
// the names of all parts with the stack's, or with as much of it as there is room
// for where a StackSet has put an id into it.
func (g guarded) parameters(stack string, set bool) []any {
	fields := map[string][]any{}
	var order []string
	add := func(name string, tests ...any) {
		if fields[name] == nil {
			order = append(order, name)
		}
		fields[name] = append(fields[name], tests...)
	}
	begin := stack + "-"
	if set {
		begin = begin[:min(len(begin), leastNames)]
	}
	named, ending := beginning(begin), begin+"*"
	switch {
	case g.whole && !set:
		named, ending = []any{stack}, stack+"/*"
	case g.source == "s3":
		named = beginning(strings.ToLower(begin))
	}
	for _, name := range g.names {
		add(name, named...)
	}
	for _, name := range g.arns {
		for _, separator := range g.separators {
			add(name, map[string]any{"wildcard": "*" + separator + ending})
		}
	}
	var alternatives []any
	for _, name := range order {
		alternatives = append(alternatives, map[string]any{name: fields[name]})
	}
	return alternatives
}

func beginning(texts ...string) []any {
	var list []any
	for _, t := range texts {
		list = append(list, map[string]any{"prefix": t})
	}
	return list
}

// newWatch adds the stack that raises an alert when somebody harms a part of the
// detector or stops the trail that feeds it. EventBridge hands the alert to a
// topic itself: none of the detector's queues, functions and tables has a part
// in it.
//
// It is a stack of its own, since a rule that is gone cannot tell of it, and
// deleting a stack deletes its rules sooner than CloudTrail tells of that. The
// home stack in turn watches this one, and tells by another topic. For nobody to
// hear of it, both must be taken down at once.
//
// What cannot be delivered ends among the home stack's dead letters. The alarm
// about these is here, since it may tell both topics from here: it reaches
// somebody when either is what failed.
func newWatch(app awscdk.App, h *home) {
	o := h.o
	stack := newStack(app, o, o.watchName(), o.watchName(), o.home(), "trailverdict: tells when somebody harms the detector itself")
	var key awskms.Key
	if o.ownKeys {
		key = newKey(stack, o)
	}
	topic := newTopic(stack, o, watch, key)
	subscribeOperators(stack, o, watch, topic)
	guard(stack, o, "", o.name, h.dead, toPeople(stack, o, topic))
	addAlarm(stack, deadLettersAlarm(h.dead), topic, h.topics[operations])
	awscdk.NewCfnOutput(stack, jsii.String("WatchTopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Attacks on the detector's parts"), Value: topic.TopicArn(),
	})
}

// watchName is the name of the stack that watches the others. It begins as
// theirs do, so that it is under its own eyes, too.
func (o options) watchName() string { return o.name + "-watch" }

// addGuard makes the home stack watch the watching one.
func addGuard(h *home) {
	guard(h.Stack, h.o, "Watch", h.o.watchName(), h.dead, toPeople(h.Stack, h.o, h.topics[operations]), "Rules", "Topics", "Stacks")
}

// guard adds rules to a stack that see harm done to the parts of another, or to
// those kinds of them that are named.
func guard(stack awscdk.Stack, o options, prefix, other string, dead awssqs.IQueue, to []target, kinds ...string) {
	for _, g := range parts() {
		if len(kinds) == 0 || slices.Contains(kinds, g.name) {
			ruleOf(stack, prefix+g.name, "Harm done to "+other+": "+g.name, "ENABLED", g.pattern(other, o.stackSet), dead, to...)
		}
	}
}

// toPeople are the targets of alerts: a topic and, if there is one, the bus of
// another account, which whoever holds this one cannot touch.
func toPeople(stack awscdk.Stack, o options, topic awssns.Topic) []target {
	to := []target{{id: "Topic", arn: topic.TopicArn(), text: harmText()}}
	if o.socBus != "" {
		to = append(to, target{id: "SOC", arn: jsii.String(o.socBus), role: newBusRole(stack, "SOCRole", o.socBus).RoleArn()})
	}
	return to
}

// harmText is what a person reads.
func harmText() *awsevents.CfnRule_InputTransformerProperty {
	paths := map[string]*string{
		"call": jsii.String("$.detail.eventName"), "service": jsii.String("$.detail.eventSource"), "who": jsii.String("$.detail.userIdentity.arn"),
		"from": jsii.String("$.detail.sourceIPAddress"), "time": jsii.String("$.time"), "region": jsii.String("$.region"),
		"account": jsii.String("$.account"), "id": jsii.String("$.detail.eventID"), "what": jsii.String("$.detail.requestParameters"),
	}
	lines := []string{
		"A part of trailverdict, or the trail that feeds it, was changed.",
		"<call> (<service>) by <who> from <from>, <time>, account <account>, <region>.",
		"What: <what>",
		"If nobody of yours did this, somebody is blinding the detector: look at what <who> did before. CloudTrail event <id>.",
	}
	var text []string
	for _, line := range lines {
		quoted, err := json.Marshal(line)
		if err != nil {
			continue // a string always marshals
		}
		text = append(text, strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(quoted)))
	}
	return &awsevents.CfnRule_InputTransformerProperty{InputPathsMap: paths, InputTemplate: jsii.String(strings.Join(text, "\n"))}
}

// newBusRole lets rules put events on a bus of another Region or account.
func newBusRole(stack awscdk.Stack, id, bus string) awsiam.Role {
	role := awsiam.NewRole(stack, jsii.String(id), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
		}),
		Description: jsii.String(fmt.Sprintf("Lets rules of %s put events on another bus", *stack.StackName())),
	})
	role.AddToPolicy(allow([]string{"events:PutEvents"}, []string{bus}))
	return role
}
