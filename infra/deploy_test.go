package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deploying is what CloudFormation calls, at least, to make and to delete a part
// of a type.
func deploying() map[string][]string {
	return map[string][]string{
		"AWS::CloudTrail::Trail":         {"cloudtrail:CreateTrail", "cloudtrail:StartLogging", "cloudtrail:PutEventSelectors", "cloudtrail:DeleteTrail"},
		"AWS::CloudWatch::Alarm":         {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"},
		"AWS::CloudWatch::Dashboard":     {"cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"},
		"AWS::DynamoDB::Table":           {"dynamodb:CreateTable", "dynamodb:UpdateTimeToLive", "dynamodb:UpdateContinuousBackups", "dynamodb:DeleteTable"},
		"AWS::Events::Rule":              {"events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"},
		"AWS::IAM::Policy":               {"iam:PutRolePolicy", "iam:DeleteRolePolicy"},
		"AWS::IAM::Role":                 {"iam:CreateRole", "iam:PassRole", "iam:DeleteRole"},
		"AWS::KMS::Key":                  {"kms:CreateKey", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"},
		"AWS::Lambda::EventInvokeConfig": {"lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"},
		"AWS::Lambda::EventSourceMapping": {
			"lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping",
		},
		"AWS::Lambda::Function":         {"lambda:CreateFunction", "lambda:PutFunctionConcurrency", "lambda:DeleteFunction", "s3:GetObject"},
		"AWS::Lambda::Permission":       {"lambda:AddPermission", "lambda:RemovePermission"},
		"AWS::Logs::LogGroup":           {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"},
		"AWS::Logs::SubscriptionFilter": {"logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter"},
		"AWS::S3::Bucket":               {"s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:DeleteBucket"},
		"AWS::S3::BucketPolicy":         {"s3:PutBucketPolicy", "s3:DeleteBucketPolicy"},
		"AWS::SNS::Subscription":        {"sns:Subscribe", "sns:Unsubscribe"},
		"AWS::SNS::Topic":               {"sns:CreateTopic", "sns:DeleteTopic"},
		"AWS::SNS::TopicPolicy":         {"sns:SetTopicAttributes"},
		"AWS::SQS::Queue":               {"sqs:CreateQueue", "sqs:DeleteQueue"},
		"AWS::SQS::QueuePolicy":         {"sqs:SetQueueAttributes"},
		"AWS::Scheduler::Schedule":      {"scheduler:CreateSchedule", "scheduler:DeleteSchedule"},
	}
}

// TestWhoeverDeploysMay compares the policy for those who deploy with what the
// templates are made of.
func TestWhoeverDeploysMay(t *testing.T) {
	allowed := deployPolicy(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	for _, file := range files {
		var s struct{ Resources map[string]resource }
		if err := json.Unmarshal(read(t, ".", file), &s); err != nil {
			t.Fatal(err)
		}
		for id, r := range s.Resources {
			needed := deploying()[r.Type]
			if len(needed) == 0 {
				t.Errorf("%s: nobody knows what deploying %s, a %s, takes", file, id, r.Type)
			}
			for _, action := range needed {
				if !slices.Contains(allowed, action) {
					t.Errorf("%s: deploying %s takes %s, which the policy leaves out", file, id, action)
				}
			}
		}
	}
}

// deployPolicy are the actions of the policies for those who deploy. They may have
// no stars in them, give roles that are the detector's own alone, and fit into what
// IAM takes.
func deployPolicy(t *testing.T) []string {
	t.Helper()
	var actions []string
	for _, name := range []string{"docs/deploy-policy.json", "docs/deploy-policy-options.json"} {
		text := read(t, "..", name)
		var short bytes.Buffer
		if err := json.Compact(&short, text); err != nil {
			t.Fatal(err)
		}
		if short.Len() > 6144 {
			t.Errorf("%s has %d characters, and a managed policy may have 6144", name, short.Len())
		}
		var policy struct {
			Statement []struct {
				Sid      string
				Action   []string
				Resource any
			}
		}
		if err := json.Unmarshal(text, &policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			for _, action := range s.Action {
				if strings.Contains(action, "*") {
					t.Errorf("%s: %s allows %s", name, s.Sid, action)
				}
				if strings.HasPrefix(action, "iam:") && s.Resource != "arn:aws:iam::*:role/trailverdict-*" {
					t.Errorf("%s: %s allows %s on %v", name, s.Sid, action, s.Resource)
				}
			}
			actions = append(actions, s.Action...)
		}
	}
	return actions
}

// TestEveryOptionIsDocumented compares the keys that are read with the page that
// lists them.
func TestEveryOptionIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	reading := regexp.MustCompile(`r\.(?:text|list|oneOf|days)\("([a-z-]+)"`).FindAllSubmatch(read(t, ".", "options.go"), -1)
	if len(reading) < 15 {
		t.Fatalf("only %d keys found in options.go", len(reading))
	}
	for _, m := range reading {
		if !strings.Contains(string(page), "\n| `"+string(m[1])+"` |") {
			t.Errorf("docs/deploy.md says nothing of %s%s", prefix, m[1])
		}
	}
}
