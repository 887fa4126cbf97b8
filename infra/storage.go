package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/config"
)

// newKey makes the key that encrypts everything, where AWS's own keys are not
// enough. Services that bring in events and alarms may use it for this account.
func newKey(stack awscdk.Stack, o options) awskms.Key {
	key := awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Encrypts what trailverdict keeps and sends"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     o.removal(),
	})
	for _, service := range []string{"events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"} {
		key.AddToResourcePolicy(allowService(stack, service, []string{"kms:Decrypt", "kms:GenerateDataKey*"}, "*"), nil)
	}
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("logs."+o.home()+"."+*stack.UrlSuffix()), nil)},
		Actions:    jsii.Strings("kms:Decrypt*", "kms:DescribeKey", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
		Resources:  jsii.Strings("*"),
		Conditions: &map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:logs:arn": arn(stack, "logs", "log-group:"+o.name+"-*")}},
	}), nil)
	return key
}

// newDeadLetters makes the queue in which everything ends that could not be
// delivered or understood: one queue for a Region, so that one alarm sees all of it.
func newDeadLetters(stack awscdk.Stack, o options, key awskms.Key) awssqs.Queue {
	q := newQueue(stack, "DeadLetters", key, awssqs.QueueProps{
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)), // SQS's longest
		RemovalPolicy:   o.removal(),
	})
	q.AddToResourcePolicy(allowService(stack, "events.amazonaws.com", []string{"sqs:SendMessage"}, *q.QueueArn(), rulesOf(stack, o)))
	return q
}

// detectSeconds is how long detect may take for a batch.
const detectSeconds = 60

// newSignals makes the queue that gathers what is frequent.
func newSignals(h *home) awssqs.Queue {
	q := newQueue(h.Stack, "Signals", h.key, awssqs.QueueProps{
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(14)),
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(6 * detectSeconds)), // AWS's advice for Lambda
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: h.dead, MaxReceiveCount: jsii.Number(5)},
	})
	q.AddToResourcePolicy(allowService(h.Stack, "events.amazonaws.com", []string{"sqs:SendMessage"}, *q.QueueArn(), rulesOf(h.Stack, h.o)))
	return q
}

func newQueue(stack awscdk.Stack, id string, key awskms.Key, props awssqs.QueueProps) awssqs.Queue {
	props.EnforceSSL = jsii.Bool(true)
	props.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	if key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, key
	}
	return awssqs.NewQueue(stack, jsii.String(id), &props)
}

func newTable(h *home) awsdynamodb.Table {
	props := &awsdynamodb.TableProps{
		PartitionKey:                     attribute(config.TablePartition),
		SortKey:                          attribute(config.TableSort),
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		TimeToLiveAttribute:              jsii.String(config.TableExpiry),
		Stream:                           awsdynamodb.StreamViewType_NEW_IMAGE,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		RemovalPolicy:                    h.o.removal(),
		Encryption:                       awsdynamodb.TableEncryption_DEFAULT,
	}
	if h.key != nil {
		props.Encryption, props.EncryptionKey = awsdynamodb.TableEncryption_CUSTOMER_MANAGED, h.key
	}
	table := awsdynamodb.NewTable(h.Stack, jsii.String("Table"), props)
	for _, index := range config.TableIndexes() {
		projection := awsdynamodb.ProjectionType_ALL
		if index.KeysOnly {
			projection = awsdynamodb.ProjectionType_KEYS_ONLY
		}
		table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName: jsii.String(index.Name), PartitionKey: attribute(index.Partition), SortKey: attribute(index.Sort),
			ProjectionType: projection,
		})
	}
	return table
}

func attribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

// newReports makes the bucket that reports are kept in for a year.
func newReports(h *home) awss3.Bucket {
	return newBucket(h, "Reports", 365)
}

func newBucket(h *home, id string, days float64) awss3.Bucket {
	props := &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		Versioned:         jsii.Bool(true),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		RemovalPolicy:     h.o.removal(),
		LifecycleRules: &[]*awss3.LifecycleRule{{
			Id:                                  jsii.String("expire"),
			Expiration:                          awscdk.Duration_Days(jsii.Number(days)),
			NoncurrentVersionExpiration:         awscdk.Duration_Days(jsii.Number(30)),
			AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(7)),
		}},
	}
	if h.key != nil {
		props.Encryption, props.EncryptionKey, props.BucketKeyEnabled = awss3.BucketEncryption_KMS, h.key, jsii.Bool(true)
	}
	bucket := awss3.NewBucket(h.Stack, jsii.String(id), props)
	excuse(bucket, "AwsSolutions-S1", "Access logs cost more than what they would tell: the trail records who changes the bucket, and what is in it can be made again from the findings.")
	return bucket
}
