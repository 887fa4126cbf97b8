package account

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ignored are types of resources that nothing is made of, and why. Policies are
// read for themselves.
var ignored = map[string]string{
	"AWS::CloudWatch::Alarm":     "metrics are not gathered here",
	"AWS::CloudWatch::Dashboard": "nobody looks at it",
	"AWS::CloudTrail::Trail":     "tests say themselves what CloudTrail records",
	"AWS::Logs::LogGroup":        "what functions print stays with them",
	"AWS::IAM::Role":             "its policies are read",
	"AWS::IAM::Policy":           "it is read with its roles",
	"AWS::KMS::Key":              "its policy is read",
	"AWS::SQS::QueuePolicy":      "it is read with its queue",
	"AWS::SNS::TopicPolicy":      "it is read with its topic",
	"AWS::S3::BucketPolicy":      "it is read with its bucket",
	"AWS::Lambda::Permission":    "it is read with its function",
}

// understood are the properties of what moves events. Another one may mean that
// it moves otherwise than here.
var understood = map[string][]string{
	"AWS::DynamoDB::Table": {
		"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "StreamSpecification", "BillingMode", "TimeToLiveSpecification",
		"PointInTimeRecoverySpecification", "SSESpecification", "Tags",
	},
	"AWS::SQS::Queue": {
		"MessageRetentionPeriod", "VisibilityTimeout", "RedrivePolicy", "SqsManagedSseEnabled", "KmsMasterKeyId", "Tags",
	},
	"AWS::SNS::Topic":        {"DisplayName", "KmsMasterKeyId", "Tags"},
	"AWS::SNS::Subscription": {"TopicArn", "Protocol", "Endpoint", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"},
	"AWS::S3::Bucket": {
		"BucketEncryption", "LifecycleConfiguration", "OwnershipControls", "PublicAccessBlockConfiguration", "VersioningConfiguration", "Tags",
	},
	"AWS::Lambda::Function": {
		"Architectures", "Code", "DeadLetterConfig", "Description", "Environment", "Handler", "LoggingConfig", "MemorySize", "ReservedConcurrentExecutions",
		"Role", "Runtime", "Timeout", "Tags",
	},
	"AWS::Lambda::EventSourceMapping": {
		"BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "EventSourceArn", "FilterCriteria", "FunctionName", "FunctionResponseTypes",
		"MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ScalingConfig", "StartingPosition", "Tags",
	},
	"AWS::Lambda::EventInvokeConfig": {"FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"},
	"AWS::Events::Rule":              {"Description", "EventPattern", "State", "Targets", "Tags"},
	"AWS::Scheduler::Schedule":       {"Description", "FlexibleTimeWindow", "ScheduleExpression", "State", "Target"},
	"AWS::Logs::SubscriptionFilter":  {"DestinationArn", "FilterPattern", "LogGroupName"},
}

// order is that in which resources are made, since one needs another.
var order = []string{
	"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket", "AWS::Lambda::Function", "AWS::Lambda::EventInvokeConfig",
	"AWS::SNS::Subscription", "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule", "AWS::Scheduler::Schedule", "AWS::Logs::SubscriptionFilter",
}

// create makes everything that the stacks hold.
func (a *Account) create(d Deployment) error {
	var errs []error
	for _, s := range a.stacks {
		errs = append(errs, s.check(), a.learn(s))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, kind := range order {
		for _, s := range a.stacks {
			for _, id := range slices.Sorted(maps.Keys(s.Resources)) {
				if r := s.Resources[id]; r.Type == kind {
					if err := a.make(s, r, d); err != nil {
						return fmt.Errorf("stack %s: %s: %w", s.Name, id, err)
					}
				}
			}
		}
	}
	return a.mayWork()
}

// check looks for what nobody here knows.
func (s *template) check() error {
	var errs []error
	for id, r := range s.Resources {
		known, ok := understood[r.Type]
		if !ok && ignored[r.Type] == "" {
			errs = append(errs, fmt.Errorf("stack %s: %s: resources of the type %s are not understood", s.Name, id, r.Type))
		}
		for name := range r.Properties {
			if ok && !slices.Contains(known, name) {
				errs = append(errs, fmt.Errorf("stack %s: %s: the property %s of a %s is not understood", s.Name, id, name, r.Type))
			}
		}
	}
	return errors.Join(errs...)
}

func (a *Account) make(s *template, r *resource, d Deployment) error {
	switch r.Type {
	case "AWS::SNS::Subscription":
		return a.subscribe(r)
	case "AWS::Lambda::EventSourceMapping":
		return a.join(r)
	case "AWS::Lambda::EventInvokeConfig":
		return a.configure(r)
	case "AWS::Logs::SubscriptionFilter":
		f, err := newFilter(r)
		a.filters = append(a.filters, f)
		return err
	case "AWS::Scheduler::Schedule":
		a.schedules[r.id] = &schedule{}
		return decode(r.Properties, a.schedules[r.id])
	}
	switch r.Type {
	case "AWS::DynamoDB::Table":
		return a.api.table(r)
	case "AWS::SQS::Queue":
		return a.api.queue(r.name, r.Properties)
	case "AWS::SNS::Topic":
		return a.api.topic(r.name)
	case "AWS::S3::Bucket":
		return a.api.bucket(r.name)
	}
	arn, err := s.arn(r)
	if err != nil {
		return err
	}
	if r.Type == "AWS::Lambda::Function" {
		return a.start(r, arn, d)
	}
	made, err := newRule(s, r, arn)
	if made != nil {
		a.rules = append(a.rules, made)
	}
	return err
}

// subscribe puts a queue of its own behind a subscription, whatever receives
// there in AWS.
func (a *Account) subscribe(r *resource) error {
	var p struct {
		TopicArn, Protocol, FilterPolicyScope string
		FilterPolicy                          any
		RawMessageDelivery                    bool
		RedrivePolicy                         struct {
			DeadLetterTargetArn string `json:"deadLetterTargetArn"`
		}
	}
	if err := decode(r.Properties, &p); err != nil {
		return err
	}
	if err := a.api.queue(r.name, nil); err != nil {
		return err
	}
	a.receivers[r.id] = r.name
	if dead := p.RedrivePolicy.DeadLetterTargetArn; dead != "" && !a.allowed(request{who: "sns.amazonaws.com", action: "sqs:SendMessage", resource: dead, source: p.TopicArn}) {
		return nil // it is kept as refused
	}
	return a.api.subscribe(p.TopicArn, r.name, p.FilterPolicy, p.FilterPolicyScope, p.RawMessageDelivery)
}

// configure says how often a function is started again.
func (a *Account) configure(r *resource) error {
	var p struct {
		FunctionName         string
		MaximumRetryAttempts int
	}
	if err := decode(r.Properties, &p); err != nil {
		return err
	}
	for arn, f := range a.functions {
		if strings.HasSuffix(arn, ":"+p.FunctionName) {
			f.retries = p.MaximumRetryAttempts
			return nil
		}
	}
	return fmt.Errorf("there is no function %s", p.FunctionName)
}

// learn reads all policies of a stack.
func (a *Account) learn(s *template) error {
	var errs []error
	for id, r := range s.Resources {
		if err := a.learnFrom(s, r); err != nil {
			errs = append(errs, fmt.Errorf("stack %s: %s: %w", s.Name, id, err))
		}
	}
	return errors.Join(errs...)
}

func (a *Account) learnFrom(s *template, r *resource) error {
	p := r.Properties
	add := func(to map[string][]statement, policy any, arns ...string) error {
		list, err := statements(policy)
		for _, arn := range arns {
			to[arn] = append(to[arn], list...)
		}
		return err
	}
	switch r.Type {
	case "AWS::IAM::Policy":
		var roles []string
		for _, name := range texts(p["Roles"]) {
			roles = append(roles, "arn:aws:iam::"+accountID+":role/"+name)
		}
		return add(a.policies.identity, p["PolicyDocument"], roles...)
	case "AWS::KMS::Key":
		arn, err := s.arn(r)
		return errors.Join(err, add(a.policies.resource, p["KeyPolicy"], arn))
	case "AWS::SQS::QueuePolicy":
		var arns []string
		for _, url := range texts(p["Queues"]) {
			arns = append(arns, "arn:aws:sqs:"+s.Region+":"+accountID+":"+url[strings.LastIndexByte(url, '/')+1:])
		}
		return add(a.policies.resource, p["PolicyDocument"], arns...)
	case "AWS::SNS::TopicPolicy":
		return add(a.policies.resource, p["PolicyDocument"], texts(p["Topics"])...)
	case "AWS::S3::BucketPolicy":
		return add(a.policies.resource, p["PolicyDocument"], "arn:aws:s3:::"+fmt.Sprint(p["Bucket"]))
	case "AWS::Lambda::Permission":
		return a.permission(p)
	case "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket":
		arn, err := s.arn(r)
		if key := keyOf(p); key != "" {
			a.policies.keys[arn] = key
		}
		return err
	case "AWS::IAM::Role":
		if p["ManagedPolicyArns"] != nil || p["Policies"] != nil {
			return errors.New("policies inside a role are not understood")
		}
	}
	return nil
}

// permission is a statement of a function's policy.
func (a *Account) permission(p map[string]any) error {
	conditions := map[string]map[string]any{}
	if arn := p["SourceArn"]; arn != nil {
		conditions["ArnLike"] = map[string]any{"aws:SourceArn": arn}
	}
	if account := p["SourceAccount"]; account != nil {
		conditions["StringEquals"] = map[string]any{"aws:SourceAccount": account}
	}
	fn, _ := p["FunctionName"].(string)
	if fn == "" {
		return errors.New("a permission for no function is not understood")
	}
	a.policies.resource[fn] = append(a.policies.resource[fn], statement{
		Effect: "Allow", Principal: map[string]any{"Service": p["Principal"]}, Action: p["Action"], Resource: fn, Condition: conditions,
	})
	return nil
}

// keyOf is the key that a queue, topic or bucket is encrypted with.
func keyOf(properties map[string]any) string {
	var p struct {
		KmsMasterKeyID   string `json:"KmsMasterKeyId"`
		BucketEncryption struct {
			ServerSideEncryptionConfiguration []struct {
				ServerSideEncryptionByDefault struct{ KMSMasterKeyID string }
			}
		}
	}
	if decode(properties, &p) != nil {
		return ""
	}
	key := p.KmsMasterKeyID
	for _, rule := range p.BucketEncryption.ServerSideEncryptionConfiguration {
		key = cmp.Or(key, rule.ServerSideEncryptionByDefault.KMSMasterKeyID)
	}
	return key
}

// mayWork holds what AWS does on behalf of the functions to their roles: taking
// from queues and streams, and burying what fails. Alarms must get through to
// their topics.
func (a *Account) mayWork() error {
	for _, s := range a.sources {
		for _, action := range s.takes() {
			a.allowed(request{who: s.program.role, action: action, resource: s.arn})
		}
		if dead := s.DestinationConfig.OnFailure.Destination; dead != "" {
			a.allowed(request{who: s.program.role, action: "sqs:SendMessage", resource: dead})
		}
	}
	for _, f := range a.functions {
		if f.dead != "" {
			a.allowed(request{who: f.role, action: "sqs:SendMessage", resource: f.dead})
		}
	}
	for _, s := range a.stacks {
		for _, r := range s.Resources {
			if r.Type != "AWS::CloudWatch::Alarm" {
				continue
			}
			for _, topic := range texts(r.Properties["AlarmActions"]) {
				a.allowed(request{who: "cloudwatch.amazonaws.com", action: "sns:Publish", resource: topic, source: "arn:aws:cloudwatch:" + s.Region + ":" + accountID + ":alarm:" + r.name})
			}
		}
	}
	return nil
}
