package main

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/config"
)

// function is one of the detector's functions: what it is given, and what it is
// allowed to do.
type function struct {
	name, id, description string
	seconds, copies       float64
	memory                float64 // in MB; 0 for what most need
	// environment are the variables besides those that all functions have.
	environment []string
	policy      func(*home) []awsiam.PolicyStatement
}

// functions lists the functions. What one may do is everything that it calls.
func functions() []function {
	return []function{
		{
			name: "detect", id: "Detect", description: "Keeps what was observed and decides what it means",
			seconds: detectSeconds, copies: 10, environment: []string{config.EnvTable},
			policy: func(h *home) []awsiam.PolicyStatement {
				return []awsiam.PolicyStatement{h.decide(), h.receiveSignals()}
			},
		},
		{
			name: "intake", id: "Intake", description: "Finds failed and leaked credentials in log lines",
			seconds: 60, copies: 5, environment: []string{config.EnvQueue},
			policy: func(h *home) []awsiam.PolicyStatement {
				return []awsiam.PolicyStatement{allow([]string{"sqs:SendMessage"}, []string{*h.signals.QueueArn()})}
			},
		},
		{
			name: "notify", id: "Notify", description: "Tells people and machines about findings",
			seconds: 60, copies: 2,
			environment: []string{config.EnvTable, config.EnvFindingsTopic, config.EnvEmailTopic, config.EnvChatTopic, config.EnvRouteTopics, config.EnvEventBus},
			policy: func(h *home) []awsiam.PolicyStatement {
				topics := []topic{findings, mail, chat}
				for _, r := range h.o.ownRoutes() {
					topics = append(topics, ownTopic(r))
				}
				list := []awsiam.PolicyStatement{h.useTable("Query", "PutItem"), h.readStream(), h.publish(topics...)}
				if h.o.timed() {
					list = append(list, h.queryIndexes())
				}
				return append(list, h.putOnBus()...)
			},
		},
		{
			name: "settle", id: "Settle", description: "Closes incidents, notices silence, and asks CloudTrail for what was missed",
			seconds: 300, copies: 1, environment: []string{config.EnvTable, config.EnvLookups},
			policy: func(h *home) []awsiam.PolicyStatement {
				return []awsiam.PolicyStatement{h.decide(), h.queryIndexes(), allow([]string{"cloudtrail:LookupEvents"}, []string{"*"})}
			},
		},
		{
			name: "report", id: "Report", description: "Reports credentials that fail or renew at intervals",
			seconds: 300, copies: 1, memory: 512, // for the beats of everybody, and a day's failures
			environment: []string{config.EnvTable, config.EnvReportBucket, config.EnvEmailTopic, config.EnvReportLink, config.EnvForwarded},
			policy: func(h *home) []awsiam.PolicyStatement {
				return []awsiam.PolicyStatement{
					h.useTable("BatchGetItem", "Query", "UpdateItem"), h.queryIndexes(), h.publish(mail),
					// It reads the last report, and others by the links that it signs.
					allow([]string{"s3:GetObject", "s3:PutObject"}, []string{*h.reports.BucketArn() + "/*"}),
					// Without this a report that is not there looks like one that may not be read.
					allow([]string{"s3:ListBucket"}, []string{*h.reports.BucketArn()}),
				}
			},
		},
	}
}

// leastMemory is what a function gets, in MB. With less, the CPU's share makes
// two calls take 19 ms in place of 1.
const leastMemory = 256

// newFunction makes a function, its log group and a role of its own.
func newFunction(h *home, f function, code awslambda.Code) awslambda.Function {
	logs := newLogs(h, f.id+"Logs")
	role := awsiam.NewRole(h.Stack, jsii.String(f.id+"Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What " + f.name + " may do"),
	})
	role.AddToPolicy(allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{*logs.LogGroupArn()}))
	for _, statement := range f.policy(h) {
		role.AddToPolicy(statement)
	}
	h.allowKey(role)
	excuseWildcards(role, f.name)
	props := &awslambda.FunctionProps{
		Description: jsii.String(f.description), Role: role, LogGroup: logs,
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Architecture: awslambda.Architecture_ARM_64(),
		Handler: jsii.String("bootstrap"), Code: code,
		MemorySize:  jsii.Number(cmp.Or(f.memory, leastMemory)),
		Timeout:     awscdk.Duration_Seconds(jsii.Number(f.seconds)),
		Environment: h.environment(f), DeadLetterQueue: h.dead, RetryAttempts: jsii.Number(2), MaxEventAge: awscdk.Duration_Hours(jsii.Number(6)),
	}
	if h.o.reserve {
		props.ReservedConcurrentExecutions = jsii.Number(f.copies)
	}
	return awslambda.NewFunction(h.Stack, jsii.String(f.id), props)
}

// allowKey lets a role use the key that everything is encrypted with, if it is
// our own.
func (h *home) allowKey(role awsiam.Role) {
	if h.key != nil {
		role.AddToPolicy(allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{*h.key.KeyArn()}))
	}
}

// newLogs makes a log group, which Lambda would otherwise make itself, for ever.
func newLogs(h *home, id string) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{RemovalPolicy: awscdk.RemovalPolicy_DESTROY}
	if h.key != nil {
		props.EncryptionKey = h.key
	}
	logs := awslogs.NewLogGroup(h.Stack, jsii.String(id), props)
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(h.o.logDays))
	return logs
}

// codeOf is where a function's code comes from: an archive, which the CDK brings to
// its own bucket, or which the user puts into one.
func (h *home) codeOf(name string) (awslambda.Code, error) {
	to := cmp.Or(h.o.zips, h.code.dir)
	key, err := pack(h.code.folder(name), to, name)
	if err != nil {
		return nil, err
	}
	if h.o.zips == "" {
		return awslambda.Code_FromAsset(jsii.String(filepath.Join(to, key)), nil), nil
	}
	return awslambda.Code_FromBucketV2(h.codeBucket(), jsii.String(key), nil), nil
}

// codeBucket is the bucket that the user names when deploying.
func (h *home) codeBucket() awss3.IBucket {
	if have := h.Node().TryFindChild(jsii.String("Code")); have != nil {
		return have.(awss3.IBucket)
	}
	awscdk.Annotations_Of(h.Stack).AcknowledgeWarning(jsii.String("@aws-cdk/aws-lambda:codeFromBucketObjectVersionNotSpecified"),
		jsii.String("An archive with other contents has another name."))
	name := awscdk.NewCfnParameter(h.Stack, jsii.String("CodeBucket"), &awscdk.CfnParameterProps{
		Description: jsii.String("The bucket, in this Region, that holds the functions' archives"),
	})
	return awss3.Bucket_FromBucketName(h.Stack, jsii.String("Code"), name.ValueAsString())
}

// environment is what a function is told. Optional parts that are not there
// are left out.
func (h *home) environment(f function) *map[string]*string {
	values := map[string]*string{
		config.EnvTable:         h.table.TableName(),
		config.EnvQueue:         h.signals.QueueUrl(),
		config.EnvReportBucket:  h.reports.BucketName(),
		config.EnvFindingsTopic: h.topics[findings].TopicArn(),
		config.EnvEmailTopic:    h.topics[mail].TopicArn(),
		config.EnvChatTopic:     h.topics[chat].TopicArn(),
		config.EnvLookups:       jsii.String("on"),
		config.EnvReportLink:    jsii.String(h.o.linkHours),
		config.EnvForwarded:     jsii.String(strings.Join(append([]string{*h.Region()}, h.o.regions...), ",")),
	}
	if h.o.socBus != "" {
		values[config.EnvEventBus] = jsii.String(h.o.socBus)
	}
	if own := h.ownTopics(); own != "" {
		values[config.EnvRouteTopics] = &own
	}
	env := map[string]*string{config.EnvLogLevel: jsii.String("info"), config.EnvMetrics: jsii.String("off")}
	if h.o.metrics {
		env[config.EnvMetrics] = jsii.String("on")
	}
	if h.o.configFile != "" {
		env[config.EnvConfigFile] = jsii.String(config.PackedName) // Lambda starts in its folder
	}
	for _, name := range f.environment {
		if v := values[name]; v != nil {
			env[name] = v
		}
	}
	return &env
}

// ownTopics says which route has which topic. Their names are enough: they lie
// where the others do.
func (h *home) ownTopics() string {
	var list []string
	for _, r := range h.o.ownRoutes() {
		list = append(list, r.Name+"="+*h.topics[ownTopic(r)].TopicName())
	}
	return strings.Join(list, ",")
}

func (h *home) useTable(operations ...string) awsiam.PolicyStatement {
	var actions []string
	for _, o := range operations {
		actions = append(actions, "dynamodb:"+o)
	}
	return allow(actions, []string{*h.table.TableArn()})
}

// decide is what deciding does to the table. Transactions need the permissions of
// their parts. Batches delete, too: what was joined stands in place of its parts.
func (h *home) decide() awsiam.PolicyStatement {
	return h.useTable("BatchGetItem", "Query", "BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem")
}

// queryIndexes is for what is due.
func (h *home) queryIndexes() awsiam.PolicyStatement {
	var arns []string
	for _, index := range config.TableIndexes() {
		arns = append(arns, *h.table.TableArn()+"/index/"+index.Name)
	}
	return allow([]string{"dynamodb:Query"}, arns)
}

func (h *home) readStream() awsiam.PolicyStatement {
	return allow([]string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}, []string{*h.table.TableStreamArn()})
}

func (h *home) receiveSignals() awsiam.PolicyStatement {
	return allow([]string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}, []string{*h.signals.QueueArn()})
}

func (h *home) publish(topics ...topic) awsiam.PolicyStatement {
	var arns []string
	for _, t := range topics {
		arns = append(arns, *h.topics[t].TopicArn())
	}
	return allow([]string{"sns:Publish"}, arns)
}

func (h *home) putOnBus() []awsiam.PolicyStatement {
	if h.o.socBus == "" {
		return nil
	}
	return []awsiam.PolicyStatement{allow([]string{"events:PutEvents"}, []string{h.o.socBus})}
}
