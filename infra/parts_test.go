package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/config"
)

func TestFunctionsAreBounded(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.of("AWS::Lambda::Function") {
			p := r.Properties
			if p["Runtime"] != "provided.al2023" || !slices.Equal(listOf(p["Architectures"]), []string{"arm64"}) || p["Handler"] != "bootstrap" {
				t.Errorf("%s runs on %v, %v", id, p["Runtime"], p["Architectures"])
			}
			if memory, _ := p["MemorySize"].(float64); memory < leastMemory {
				t.Errorf("%s has %v MB", id, p["MemorySize"])
			}
			if copies, _ := p["ReservedConcurrentExecutions"].(float64); copies < 1 {
				t.Errorf("%s may run %v at once", id, p["ReservedConcurrentExecutions"])
			}
		}
		for id, r := range s.of("AWS::Logs::LogGroup") {
			if days, _ := r.Properties["RetentionInDays"].(float64); days < 1 {
				t.Errorf("%s keeps lines for ever", id)
			}
		}
	})
	s, _ := synth(t, map[string]any{prefix + "email": "soc@example.com", prefix + "reserved-concurrency": "off"})
	for id, r := range s["trailverdict"].of("AWS::Lambda::Function") {
		if r.Properties["ReservedConcurrentExecutions"] != nil {
			t.Errorf("%s reserves concurrency, against the choice", id)
		}
	}
}

func TestTheTableStreamsExpiresAndIsBackedUp(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.of("AWS::DynamoDB::Table") {
			p := r.Properties
			if asObject(p["StreamSpecification"])["StreamViewType"] != "NEW_IMAGE" || p["BillingMode"] != "PAY_PER_REQUEST" {
				t.Errorf("%s streams %v, and is paid for by %v", id, p["StreamSpecification"], p["BillingMode"])
			}
			if ttl := asObject(p["TimeToLiveSpecification"]); ttl["AttributeName"] != config.TableExpiry || ttl["Enabled"] != true {
				t.Errorf("items of %s expire by %v", id, ttl)
			}
			if asObject(p["PointInTimeRecoverySpecification"])["PointInTimeRecoveryEnabled"] != true {
				t.Errorf("%s has no backups", id)
			}
		}
	})
}

func TestBucketsArePrivateAndForget(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		policies := map[string]string{}
		for _, r := range s.of("AWS::S3::BucketPolicy") {
			text, _ := json.Marshal(r.Properties["PolicyDocument"])
			policies[asObject(r.Properties["Bucket"])["Ref"].(string)] = string(text)
		}
		for id, r := range s.of("AWS::S3::Bucket") {
			block := asObject(r.Properties["PublicAccessBlockConfiguration"])
			for _, way := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if block[way] != true {
					t.Errorf("%s: %s is %v", id, way, block[way])
				}
			}
			if asObject(r.Properties["VersioningConfiguration"])["Status"] != "Enabled" {
				t.Errorf("%s keeps no versions", id)
			}
			if !strings.Contains(policies[id], `"aws:SecureTransport":"false"`) {
				t.Errorf("%s may be read without TLS", id)
			}
			rules, _ := json.Marshal(r.Properties["LifecycleConfiguration"])
			for _, end := range []string{"ExpirationInDays", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"} {
				if !bytes.Contains(rules, []byte(end)) {
					t.Errorf("%s has no %s", id, end)
				}
			}
		}
	})
}

// TestTrailSeesEverything looks at the trail that is made for accounts without
// one.
func TestTrailSeesEverything(t *testing.T) {
	for name, d := range deployments {
		trails := map[string]resource{}
		for _, s := range d(t) {
			maps.Copy(trails, s.of("AWS::CloudTrail::Trail"))
		}
		if want := name == "everything" || name == "China"; (len(trails) == 1) != want || len(trails) > 1 {
			t.Errorf("%s has %d trails", name, len(trails))
		}
		for id, r := range trails {
			p := r.Properties
			for _, yes := range []string{"IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation"} {
				if p[yes] != true {
					t.Errorf("%s: %s: %s is %v", name, id, yes, p[yes])
				}
			}
			selectors, _ := json.Marshal(p["EventSelectors"])
			if string(selectors) != `[{"IncludeManagementEvents":true,"ReadWriteType":"All"}]` {
				t.Errorf("%s: %s selects %s", name, id, selectors)
			}
		}
	}
}

func TestAlarmsSeeEachKindOfTrouble(t *testing.T) {
	for name, want := range map[string][]string{
		"smallest":   {"ApproximateNumberOfMessagesVisible", "MatchedEvents"},
		"everything": {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Errors", "IteratorAge", "MatchedEvents", "NumberOfMessagesPublished", "Throttles"},
	} {
		seen, dashboards := map[string]bool{}, 0
		for _, s := range deployments[name](t) {
			for _, r := range s.of("AWS::CloudWatch::Alarm") {
				seen[r.Properties["MetricName"].(string)] = true
			}
			dashboards += len(s.of("AWS::CloudWatch::Dashboard"))
		}
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
			t.Errorf("%s has alarms about %v, want %v", name, got, want)
		}
		if (dashboards == 1) != (name == "everything") {
			t.Errorf("%s has %d dashboards", name, dashboards)
		}
	}
}

// TestUninstallingLeavesWhatIsKept lists what stays when the stacks are deleted.
func TestUninstallingLeavesWhatIsKept(t *testing.T) {
	kept := []string{"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue"}
	for name, d := range deployments {
		for stack, s := range d(t) {
			for id, r := range s.resources {
				stays := r.DeletionPolicy != "" && r.DeletionPolicy != "Delete"
				mayStay := name == "everything" && slices.Contains(kept, r.Type)
				if stays && !mayStay {
					t.Errorf("%s: %s/%s, a %s, stays (%s)", name, stack, id, r.Type, r.DeletionPolicy)
				}
			}
		}
	}
}

// TestFunctionsMakeNoLogGroups, which would be left when the stack is deleted.
func TestFunctionsMakeNoLogGroups(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		if bytes.Contains(s.text, []byte("logs:CreateLogGroup")) {
			t.Error("somebody may make log groups")
		}
		for id, r := range s.of("AWS::Lambda::Function") {
			group, _ := asObject(asObject(r.Properties["LoggingConfig"])["LogGroup"])["Ref"].(string)
			if s.resources[group].Type != "AWS::Logs::LogGroup" {
				t.Errorf("%s logs into %q", id, group)
			}
		}
	})
}
