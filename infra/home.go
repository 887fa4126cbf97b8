package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// home is the stack in the partition's home Region: everything but the
// forwarders.
type home struct {
	awscdk.Stack
	o    options
	code staged

	key       awskms.Key // nil unless own keys are chosen
	dead      awssqs.Queue
	signals   awssqs.Queue
	table     awsdynamodb.Table
	reports   awss3.Bucket
	topics    map[topic]awssns.Topic
	functions map[string]awslambda.Function
	sessions  awsevents.CfnRule // takes what is issued
}

func newHome(app awscdk.App, o options, code staged) (*home, error) {
	h := &home{
		Stack: newStack(app, o, o.name, o.name, o.home(), "trailverdict: tells whether a failing AWS credential was stolen, expired, misconfigured or cut off on purpose"),
		o:     o, code: code,
		topics: map[topic]awssns.Topic{}, functions: map[string]awslambda.Function{},
	}
	if o.ownKeys {
		h.key = newKey(h.Stack, o)
	}
	h.dead = newDeadLetters(h.Stack, o, h.key)
	h.dead.AddToResourcePolicy(allowService(h.Stack, "sns.amazonaws.com", []string{"sqs:SendMessage"}, *h.dead.QueueArn(), arn(h.Stack, "sns", o.name+"-*")))
	h.signals = newSignals(h)
	h.table = newTable(h)
	h.reports = newReports(h)
	for _, t := range homeTopics() {
		h.topics[t] = newTopic(h.Stack, o, t, h.key)
	}
	for _, r := range o.ownRoutes() {
		h.topics[ownTopic(r)] = newTopic(h.Stack, o, ownTopic(r), h.key)
	}
	for _, f := range functions() {
		from, err := h.codeOf(f.name)
		if err != nil {
			return nil, err
		}
		h.functions[f.name] = newFunction(h, f, from)
	}
	addTriggers(h)
	if err := addRules(h); err != nil {
		return nil, err
	}
	addSubscriptions(h)
	addGuard(h)
	addAlarms(h)
	addLogGroups(h)
	if o.createTrail {
		addTrail(h)
	}
	if o.dashboard {
		addDashboard(h)
	}
	addOutputs(h)
	return h, nil
}

// newStack adds a stack of a name. Its id, which the CDK's command line and files
// know it by, is another where stacks in several Regions bear the same name.
func newStack(app awscdk.App, o options, id, name, region, description string) awscdk.Stack {
	props := &awscdk.StackProps{
		StackName:   jsii.String(name),
		Description: jsii.String(description),
		Env:         &awscdk.Environment{},
	}
	if region != anyRegion {
		props.Env.Region = jsii.String(region)
	}
	if o.account != "" {
		props.Env.Account = jsii.String(o.account)
	}
	if o.zips != "" {
		props.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{GenerateBootstrapVersionRule: jsii.Bool(false)})
	}
	return awscdk.NewStack(app, jsii.String(id), props)
}

// removal is what becomes of data when the stack is deleted.
func (o options) removal() awscdk.RemovalPolicy {
	if o.keepData {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// arn is an ARN of this stack's account and Region.
func arn(s awscdk.Stack, service, resource string) string {
	return "arn:" + *s.Partition() + ":" + service + ":" + *s.Region() + ":" + *s.Account() + ":" + resource
}

// allow is a statement of a policy.
func allow(actions, resources []string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
	})
}

// allowService is a statement of a resource's policy that lets an AWS service
// in, for parts of this stack alone.
func allowService(s awscdk.Stack, service string, actions []string, resource string, sourceARNs ...string) awsiam.PolicyStatement {
	conditions := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": s.Account()}}
	if len(sourceARNs) > 0 {
		conditions["ArnLike"] = map[string]any{"aws:SourceArn": jsii.Strings(sourceARNs...)}
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String(service), nil)},
		Actions:    jsii.Strings(actions...),
		Resources:  jsii.Strings(resource),
		Conditions: &conditions,
	})
}

// rulesOf are the ARNs of all rules of a deployment in a stack's Region: their
// names begin with the home stack's.
func rulesOf(s awscdk.Stack, o options) string { return arn(s, "events", "rule/"+o.name+"-*") }
