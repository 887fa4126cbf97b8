package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/eventpattern"
	"github.com/trailverdict/trailverdict/internal/logline"
	"github.com/trailverdict/trailverdict/internal/rules"
	"github.com/trailverdict/trailverdict/internal/trail"
)

var update = flag.Bool("update", false, "rewrite the golden templates")

// everything is a deployment with all options, in several Regions.
var everything = map[string]any{
	prefix + "name": "tv", prefix + "account": "111122223333", prefix + "regions": "eu-west-1,ap-southeast-2",
	prefix + "config": "testdata/routes.yaml", prefix + "operators": "oncall@example.com",
	prefix + "soc-bus":    "arn:aws:events:us-east-1:999988887777:event-bus/findings",
	prefix + "log-groups": "/aws/lambda/invoice-mailer,/codebuild/site-preview,/fx/feed,/ecs/notifier", prefix + "trail": "create", prefix + "keys": "own",
	prefix + "alarms": "all", prefix + "dashboard": "on", prefix + "canary": "hourly", prefix + "metrics": "on", prefix + "data": "keep", prefix + "log-days": "90",
	prefix + "implicit-denials": "on",
}

// organization is a deployment by StackSets.
var organization = map[string]any{
	prefix + "stack-set": "on", prefix + "operators": "soc@example.com", prefix + "soc-bus": "arn:aws:events:us-east-1:999988887777:event-bus/findings",
}

var smallest = map[string]any{prefix + "email": "soc@example.com"}

// Each deployment is synthesised once.
var deployments = map[string]func(*testing.T) map[string]template{
	"smallest":     once(smallest),
	"everything":   once(everything),
	"organization": once(organization),
	"timed":        once(map[string]any{prefix + "config": "testdata/timed.yaml", prefix + "operators": "oncall@example.com"}),
	"China":        once(map[string]any{prefix + "partition": "aws-cn", prefix + "regions": "cn-northwest-1", prefix + "email": "soc@example.com", prefix + "trail": "create"}),
	"GovCloud":     once(map[string]any{prefix + "partition": "aws-us-gov", prefix + "regions": "us-gov-east-1", prefix + "email": "soc@example.com", prefix + "keys": "own"}),
}

func once(more map[string]any) func(*testing.T) map[string]template {
	var stacks map[string]template
	var mu sync.Mutex
	return func(t *testing.T) map[string]template {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if stacks == nil {
			stacks, _ = synth(t, more)
		}
		return stacks
	}
}

// everyStack runs a check on all stacks of all deployments.
func everyStack(t *testing.T, check func(t *testing.T, s template)) {
	for _, name := range slices.Sorted(maps.Keys(deployments)) {
		t.Run(name, func(t *testing.T) {
			stacks := deployments[name](t)
			for _, id := range slices.Sorted(maps.Keys(stacks)) {
				t.Run(id, func(t *testing.T) { check(t, stacks[id]) })
			}
		})
	}
}

func TestGoldenTemplates(t *testing.T) {
	for _, name := range []string{"smallest", "everything", "organization", "timed"} {
		for id, s := range deployments[name](t) {
			golden := filepath.Join("testdata", name+"."+id+".json")
			var indented bytes.Buffer
			if err := json.Indent(&indented, s.text, "", " "); err != nil {
				t.Fatal(err)
			}
			indented.WriteByte('\n')
			if *update {
				if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), indented.String()); diff != "" {
				t.Errorf("%s is not what it was; if that is meant, run go test ./infra -update (-want +got):\n%s", golden, diff)
			}
		}
	}
}

// TestDefaultTemplatesOfTheBill compares the templates that the command prices
// with those of a deployment without choices.
func TestDefaultTemplatesOfTheBill(t *testing.T) {
	const folder = "../internal/cost/stacks"
	stacks := deployments["smallest"](t)
	for id, s := range stacks {
		var short bytes.Buffer
		if err := json.Compact(&short, s.text); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join(folder, id+".json")
		if *update {
			if err := os.WriteFile(golden, short.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if have := read(t, folder, id+".json"); !bytes.Equal(have, short.Bytes()) {
			t.Errorf("%s is not what is deployed; run go test ./infra -update", golden)
		}
	}
	if have := filesIn(t, folder); len(have) != len(stacks) {
		t.Errorf("the command prices %v, and there are %d stacks", have, len(stacks))
	}
}

func TestSynthesisIsReproducible(t *testing.T) {
	again, warnings := synth(t, smallest)
	if len(warnings) > 0 {
		t.Errorf("a deployment without fault is warned of: %q", warnings)
	}
	for id, s := range deployments["smallest"](t) {
		if !bytes.Equal(s.text, again[id].text) {
			t.Errorf("%s differs between two syntheses", id)
		}
	}
}

func TestStacksOfADeployment(t *testing.T) {
	for name, want := range map[string][]string{
		"smallest":     {"trailverdict", "trailverdict-watch"},
		"everything":   {"tv", "tv-ap-southeast-2", "tv-eu-west-1", "tv-watch"},
		"organization": {"StackSet-trailverdict", "StackSet-trailverdict-forward", "StackSet-trailverdict-watch"},
		"China":        {"trailverdict", "trailverdict-cn-northwest-1", "trailverdict-watch"},
	} {
		if got := slices.Sorted(maps.Keys(deployments[name](t))); !slices.Equal(got, want) {
			t.Errorf("%s has the stacks %v, want %v", name, got, want)
		}
	}
}

// TestNobodyIsForgotten looks at the warnings of a deployment that tells nobody.
func TestNobodyIsForgotten(t *testing.T) {
	_, warnings := synth(t, nil)
	text := strings.Join(warnings, "\n")
	for _, want := range []string{"nobody is told about findings", "nobody is told when the detector is in trouble"} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning that %s, only %q", want, text)
		}
	}
}

// starsAllowed are the statements that need a star as resource, and why.
var starsAllowed = map[string]string{
	"cloudtrail:LookupEvents": "CloudTrail knows no resources for it",
}

func TestPoliciesAreNarrow(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.of("AWS::IAM::Policy") {
			for _, statement := range statementsOf(t, r, "PolicyDocument") {
				actions := listOf(statement["Action"])
				for _, action := range actions {
					if strings.Contains(action, "*") {
						t.Errorf("%s allows %s", id, action)
					}
					for _, resource := range listOf(statement["Resource"]) {
						if resource == "*" && starsAllowed[action] == "" {
							t.Errorf("%s allows %s on everything", id, action)
						}
					}
				}
			}
		}
		for id, r := range s.of("AWS::IAM::Role") {
			if r.Properties["ManagedPolicyArns"] != nil {
				t.Errorf("%s has a managed policy", id)
			}
		}
	})
}

// TestResourcePoliciesAreForThisAccount looks for doors that other accounts
// could use through an AWS service.
func TestResourcePoliciesAreForThisAccount(t *testing.T) {
	kinds := map[string]string{"AWS::SQS::QueuePolicy": "PolicyDocument", "AWS::SNS::TopicPolicy": "PolicyDocument", "AWS::KMS::Key": "KeyPolicy", "AWS::S3::BucketPolicy": "PolicyDocument"}
	everyStack(t, func(t *testing.T, s template) {
		for kind, property := range kinds {
			for id, r := range s.of(kind) {
				for _, statement := range statementsOf(t, r, property) {
					principal, _ := statement["Principal"].(map[string]any)
					text, _ := json.Marshal(statement["Condition"])
					if principal["Service"] != nil && !bytes.Contains(text, []byte("aws:SourceA")) && !bytes.Contains(text, []byte("EncryptionContext")) {
						t.Errorf("%s lets %v in on behalf of anybody", id, principal["Service"])
					}
				}
			}
		}
		for id, r := range s.of("AWS::Lambda::Permission") {
			if r.Properties["SourceArn"] == nil {
				t.Errorf("%s lets %v in on behalf of anybody", id, r.Properties["Principal"])
			}
		}
	})
}

func statementsOf(t *testing.T, r resource, property string) []map[string]any {
	t.Helper()
	document, _ := r.Properties[property].(map[string]any)
	list, _ := document["Statement"].([]any)
	if len(list) == 0 {
		t.Fatalf("no statements in %v", r.Properties)
	}
	var out []map[string]any
	for _, e := range list {
		out = append(out, e.(map[string]any))
	}
	return out
}

// listOf is a string or a list of them, with functions of CloudFormation's as
// JSON.
func listOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, listOf(e)...)
		}
		return out
	}
	text, _ := json.Marshal(v)
	return []string{string(text)}
}

func TestEveryPathHasDeadLetters(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.of("AWS::Events::Rule") {
			targets, _ := r.Properties["Targets"].([]any)
			if len(targets) == 0 {
				t.Errorf("%s has no target", id)
			}
			for _, target := range targets {
				if target.(map[string]any)["DeadLetterConfig"] == nil {
					t.Errorf("%s loses what it cannot deliver", id)
				}
			}
		}
		for id, r := range s.of("AWS::Lambda::Function") {
			if r.Properties["DeadLetterConfig"] == nil {
				t.Errorf("%s loses what it cannot handle", id)
			}
		}
		for id, r := range s.of("AWS::Lambda::EventSourceMapping") {
			text, _ := json.Marshal(r.Properties["EventSourceArn"])
			if bytes.Contains(text, []byte("StreamArn")) && r.Properties["DestinationConfig"] == nil {
				t.Errorf("%s loses records of the stream", id)
			}
			if !slices.Contains(listOf(r.Properties["FunctionResponseTypes"]), "ReportBatchItemFailures") {
				t.Errorf("%s fails whole batches", id)
			}
		}
		for id, r := range s.of("AWS::SQS::Queue") {
			if r.Properties["RedrivePolicy"] == nil && !strings.HasPrefix(id, "DeadLetters") {
				t.Errorf("%s has no queue of dead letters", id)
			}
		}
		for id, r := range s.of("AWS::Scheduler::Schedule") {
			if r.Properties["Target"].(map[string]any)["DeadLetterConfig"] == nil {
				t.Errorf("%s loses a start that failed", id)
			}
		}
		for id, r := range s.of("AWS::SNS::Subscription") {
			if r.Properties["Protocol"] != "email" && r.Properties["RedrivePolicy"] == nil {
				t.Errorf("%s loses what it cannot deliver", id)
			}
		}
	})
}

// TestNothingHasAFixedName keeps a second copy possible in an account.
func TestNothingHasAFixedName(t *testing.T) {
	names := map[string]string{
		"AWS::Events::Rule": "Name", "AWS::SQS::Queue": "QueueName", "AWS::SNS::Topic": "TopicName", "AWS::DynamoDB::Table": "TableName",
		"AWS::S3::Bucket": "BucketName", "AWS::Lambda::Function": "FunctionName", "AWS::IAM::Role": "RoleName", "AWS::Logs::LogGroup": "LogGroupName",
		"AWS::CloudWatch::Alarm": "AlarmName", "AWS::CloudTrail::Trail": "TrailName", "AWS::CloudWatch::Dashboard": "DashboardName",
		"AWS::Scheduler::Schedule": "Name", "AWS::Logs::SubscriptionFilter": "FilterName",
	}
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.resources {
			if name := names[r.Type]; name != "" && r.Properties[name] != nil {
				t.Errorf("%s has the name %v", id, r.Properties[name])
			}
		}
	})
}

func TestEverythingIsEncryptedAndTagged(t *testing.T) {
	tagged := []string{"AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm", "AWS::KMS::Key", "AWS::CloudTrail::Trail", "AWS::Events::Rule"}
	everyStack(t, func(t *testing.T, s template) {
		own := len(s.of("AWS::KMS::Key")) > 0
		for id, r := range s.resources {
			p := r.Properties
			switch r.Type {
			case "AWS::SQS::Queue":
				if p["SqsManagedSseEnabled"] != true && p["KmsMasterKeyId"] == nil {
					t.Errorf("%s is not encrypted", id)
				}
			case "AWS::SNS::Topic":
				byAWS := strings.HasPrefix(id, string(operations)) || strings.HasPrefix(id, string(watch))
				if p["KmsMasterKeyId"] == nil && (own || !byAWS) {
					t.Errorf("%s is not encrypted", id)
				}
				if p["KmsMasterKeyId"] == "alias/aws/sns" && byAWS {
					t.Errorf("%s is encrypted with a key that AWS's services cannot use", id)
				}
			case "AWS::S3::Bucket":
				if p["BucketEncryption"] == nil || p["PublicAccessBlockConfiguration"] == nil || p["VersioningConfiguration"] == nil {
					t.Errorf("%s is not encrypted, private and versioned", id)
				}
			case "AWS::DynamoDB::Table":
				if own && p["SSESpecification"] == nil {
					t.Errorf("%s is not encrypted with our own key", id)
				}
			}
			tags, _ := json.Marshal(p["Tags"])
			if slices.Contains(tagged, r.Type) && !bytes.Contains(tags, []byte(`"project"`)) {
				t.Errorf("%s has no tag", id)
			}
		}
	})
}

func TestDataStaysOnlyIfWanted(t *testing.T) {
	for name, want := range map[string]string{"smallest": "Delete", "everything": "Retain"} {
		for _, s := range deployments[name](t) {
			for _, kind := range []string{"AWS::DynamoDB::Table", "AWS::S3::Bucket"} {
				for id, r := range s.of(kind) {
					if r.DeletionPolicy != want {
						t.Errorf("%s: %s has the deletion policy %s, want %s", name, id, r.DeletionPolicy, want)
					}
				}
			}
		}
	}
}

func TestEnvironmentIsWhatConfigNames(t *testing.T) {
	names := envNames(t)
	set := map[string]bool{}
	for _, s := range []template{deployments["everything"](t)["tv"], deployments["timed"](t)["trailverdict"]} {
		for id, r := range s.of("AWS::Lambda::Function") {
			env, _ := r.Properties["Environment"].(map[string]any)
			for name := range env["Variables"].(map[string]any) {
				set[name] = true
				if !slices.Contains(names, name) {
					t.Errorf("%s is told %s, which config does not name", id, name)
				}
			}
		}
	}
	for _, name := range names {
		if !set[name] {
			t.Errorf("no function is told %s", name)
		}
	}
}

// envNames are the values of the constants in config's env.go.
func envNames(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/config/env.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Env") || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(name, "TRAILVERDICT_") {
				names = append(names, name)
			}
		}
		return true
	})
	if len(names) < 8 {
		t.Fatalf("only %v found in env.go", names)
	}
	return names
}

// TestRulesAreTheCatalogues compares the templates' rules with those that are
// tested on events.
func TestRulesAreTheCatalogues(t *testing.T) {
	all, err := rules.All()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range deployments["everything"](t) {
		if name == "tv-watch" {
			continue
		}
		found := s.of("AWS::Events::Rule")
		for _, r := range all {
			got, there := found[r.Name]
			if want := name == "tv" || r.Everywhere; there != want {
				t.Errorf("%s: rule %s is there: %t, want %t", name, r.Name, there, want)
			}
			if !there {
				continue
			}
			if pattern := patternOf(t, got); !equalJSON(t, pattern, []byte(r.Pattern)) {
				t.Errorf("%s: rule %s has the pattern %s, want %s", name, r.Name, pattern, r.Pattern)
			}
			if want := map[bool]string{false: "ENABLED", true: allManagementEvents}[r.ReadOnly]; got.Properties["State"] != want {
				t.Errorf("%s: rule %s has the state %v, want %s", name, r.Name, got.Properties["State"], want)
			}
		}
	}
	for _, r := range all {
		_, there := deployments["smallest"](t)["trailverdict"].resources[r.Name]
		if want := r.Purpose != trail.GuardRail; there != want {
			t.Errorf("the smallest deployment has the rule %s: %t, want %t", r.Name, there, want)
		}
	}
}

func TestRareEventsGoStraightToDetect(t *testing.T) {
	all, err := rules.All()
	if err != nil {
		t.Fatal(err)
	}
	s := deployments["smallest"](t)["trailverdict"]
	for _, r := range all {
		if s.resources[r.Name].Properties == nil {
			continue // TestRulesAreTheCatalogues
		}
		text, _ := json.Marshal(s.resources[r.Name].Properties["Targets"])
		want := "Signals"
		if r.Direct {
			want = "Detect"
		}
		if !bytes.Contains(text, []byte(`"Id":"`+want+`"`)) || !bytes.Contains(text, []byte(`["`+want)) {
			t.Errorf("%s leads to %s, want %s", r.Name, text, want)
		}
	}
}

func patternOf(t *testing.T, r resource) []byte {
	t.Helper()
	text, err := json.Marshal(r.Properties["EventPattern"])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return reflect.DeepEqual(x, y)
}

func TestPatternsAreValid(t *testing.T) {
	everyStack(t, func(t *testing.T, s template) {
		for id, r := range s.of("AWS::Events::Rule") {
			pattern := patternOf(t, r)
			if len(pattern) > rules.MaxPattern {
				t.Errorf("the pattern of %s has %d characters", id, len(pattern))
			}
			if _, err := eventpattern.Parse(pattern); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// TestPartitions looks for what belongs to another partition.
func TestPartitions(t *testing.T) {
	for name, partition := range map[string]string{"China": "aws-cn", "GovCloud": "aws-us-gov"} {
		for id, s := range deployments[name](t) {
			if bytes.Contains(s.text, []byte("arn:aws:")) || bytes.Contains(s.text, []byte("us-east-1")) {
				t.Errorf("%s: %s speaks of the standard partition", partition, id)
			}
		}
	}
}

func TestRoutesBecomeSubscriptions(t *testing.T) {
	s := deployments["everything"](t)["tv"]
	for id, want := range map[string]struct {
		topic, protocol, endpoint string
		raw                       any
		filter                    map[string]any
	}{
		"RouteSoc":          {"Findings", "sqs", "arn:aws:sqs:us-east-1:111122223333:soc-findings", true, map[string]any{"verdict": []any{"compromise"}, "severity": []any{"medium", "high", "critical"}}},
		"RoutePlatformTeam": {"Mail", "email", "platform@example.com", nil, map[string]any{"verdict": []any{"expiry", "misconfiguration"}, "account": []any{"111122223333", "444455556666"}}},
		"RoutePager":        {"Findings", "https", "https://pager.example.com/v1/events", nil, map[string]any{"severity": []any{"critical"}}},
		"RouteTicket":       {"Findings", "lambda", "arn:aws:lambda:us-east-1:111122223333:function:ticket", nil, nil},
		"OperationsTo1":     {"Operations", "email", "oncall@example.com", nil, nil},
	} {
		p := s.resources[id].Properties
		topic, _ := json.Marshal(p["TopicArn"])
		if !strings.Contains(string(topic), `"`+want.topic) || p["Protocol"] != want.protocol || p["Endpoint"] != want.endpoint || p["RawMessageDelivery"] != want.raw {
			t.Errorf("%s is %v", id, p)
		}
		if diff := cmp.Diff(want.filter, asObject(p["FilterPolicy"])); diff != "" {
			t.Errorf("%s has another filter (-want +got):\n%s", id, diff)
		}
		if want.filter != nil && p["FilterPolicyScope"] != "MessageAttributes" {
			t.Errorf("%s filters by %v", id, p["FilterPolicyScope"])
		}
	}
	if _, there := s.resources["RouteChat"]; there {
		t.Error("a chat configuration is subscribed, which only it can do itself")
	}
	if p := s.resources["RouteTicketPermission"]; p.Type != "AWS::Lambda::Permission" {
		t.Error("the topic may not start the function of the route ticket")
	}
}

// Routes that no filter can serve have topics of their own, which notify may
// publish to and finds in its environment, and a schedule that looks at the clock.
// Without such routes there is none of it.
func TestRoutesThatNotifyDecidesAboutHaveTopics(t *testing.T) {
	s := deployments["timed"](t)["trailverdict"]
	mail := s.resources["RoutePaymentsMail"].Properties
	if topic, _ := json.Marshal(mail["TopicArn"]); !strings.Contains(string(topic), `"ToPaymentsMail`) || mail["FilterPolicy"] != nil {
		t.Errorf("the route payments-mail is subscribed as %v", mail)
	}
	soc := asObject(s.resources["RouteSoc"].Properties["FilterPolicy"])
	if d := cmp.Diff(map[string]any{"verdict": []any{"compromise"}, "owner": []any{"payments"}}, soc); d != "" {
		t.Errorf("the route soc has another filter (-want +got):\n%s", d)
	}
	for _, want := range []string{`"payments-mail="`, `",chat="`, `"/index/by-due"`, `"ChatTopicArnChat":`} {
		if !bytes.Contains(s.text, []byte(want)) {
			t.Errorf("there is no %s", want)
		}
	}
	ids := func(s template) (list []string) {
		for id := range s.of("AWS::Scheduler::Schedule") {
			list = append(list, id)
		}
		return list
	}
	if !slices.Contains(ids(s), "NotifySchedule") {
		t.Error("nobody looks at the clock")
	}
	if without := deployments["everything"](t)["tv"]; slices.Contains(ids(without), "NotifySchedule") || bytes.Contains(without.text, []byte("TRAILVERDICT_ROUTE_TOPICS")) {
		t.Error("somebody looks at the clock for nothing")
	}
}

func asObject(v any) map[string]any { m, _ := v.(map[string]any); return m }

func TestLogGroupsAreSearched(t *testing.T) {
	s := deployments["everything"](t)["tv"]
	var groups []string
	for id, r := range s.of("AWS::Logs::SubscriptionFilter") {
		name := fmt.Sprint(r.Properties["LogGroupName"])
		if slices.Contains(groups, name) {
			t.Errorf("%s takes a second of the two filters of %s", id, name)
		}
		groups = append(groups, name)
		pattern := fmt.Sprint(r.Properties["FilterPattern"])
		if len(pattern) > 1024 { // CloudWatch Logs' limit
			t.Errorf("the pattern of %s has %d characters", id, len(pattern))
		}
		for _, term := range logline.Terms() {
			if !strings.Contains(pattern, `?"`+term+`"`) {
				t.Errorf("%s leaves out lines with %q", id, term)
			}
		}
	}
	slices.Sort(groups)
	if want := []string{"/app/checkout", "/aws/lambda/invoice-mailer", "/codebuild/site-preview", "/ecs/notifier", "/fx/feed"}; !slices.Equal(groups, want) {
		t.Errorf("the log groups %v are searched, want %v", groups, want)
	}
}

// TestTableCallsAreAllowed compares what the functions may do to the table with
// what is called.
func TestTableCallsAreAllowed(t *testing.T) {
	called := tableCalls(t)
	deciding := []string{"BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query", "UpdateItem"}
	wanted := map[string][]string{
		"Detect": deciding,
		"Settle": deciding,
		"Notify": {"PutItem", "Query"},                    // its book, and cases as they are now
		"Report": {"BatchGetItem", "Query", "UpdateItem"}, // what is new, and its book
	}
	allowed := map[string]bool{"Scan": true} // of a store's whole contents, which no function reads
	for id, r := range deployments["smallest"](t)["trailverdict"].of("AWS::IAM::Policy") {
		name, _, _ := strings.Cut(id, "Role")
		got := tableActions(t, r)
		if !slices.Equal(got, wanted[name]) {
			t.Errorf("%s may do %v to the table, want %v", name, got, wanted[name])
		}
		for _, action := range got {
			allowed[action] = true
		}
	}
	if got := slices.Sorted(maps.Keys(allowed)); !slices.Equal(called, got) {
		t.Errorf("%v are called, and the functions may %v", called, got)
	}
}

// tableActions are what a policy allows to be done to the table, but for its
// stream.
func tableActions(t *testing.T, r resource) []string {
	t.Helper()
	var actions []string
	for _, statement := range statementsOf(t, r, "PolicyDocument") {
		resources, _ := json.Marshal(statement["Resource"])
		for _, action := range listOf(statement["Action"]) {
			name, ok := strings.CutPrefix(action, "dynamodb:")
			if ok && !bytes.Contains(resources, []byte("StreamArn")) {
				actions = append(actions, name)
			}
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// tableCalls are the permissions that the calls of DynamoDB need that stand in
// the adapters' code.
func tableCalls(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../internal/aws/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if operation := operationOf(n); operation != "" {
					found[operation] = true
				}
			case *ast.CompositeLit:
				if kind, ok := n.Type.(*ast.SelectorExpr); ok && kind.Sel.Name == "DeleteRequest" {
					found["DeleteItem"] = true
				}
			}
			return true
		})
	}
	if !found["TransactWriteItems"] || !found["Query"] {
		t.Fatalf("only %v found: are tables called in another way now?", found)
	}
	for _, name := range []string{"TransactWriteItems", "CreateTable", "DeleteTable"} {
		delete(found, name) // allowed by its parts; for tests
	}
	return slices.Sorted(maps.Keys(found))
}

// operationOf is the operation that a call of ddb.Client's Call names.
func operationOf(call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Call" || len(call.Args) != 4 {
		return ""
	}
	lit, ok := call.Args[1].(*ast.BasicLit)
	if !ok {
		return "an operation that is not a literal"
	}
	name, _ := strconv.Unquote(lit.Value) // the parser has read it
	return name
}

func TestIdleParts(t *testing.T) {
	for _, s := range deployments["smallest"](t) {
		for _, kind := range []string{"AWS::KMS::Key", "AWS::CloudWatch::Dashboard", "AWS::CloudTrail::Trail", "AWS::Logs::MetricFilter"} {
			if n := len(s.of(kind)); n > 0 {
				t.Errorf("%s has %d of %s, which cost money while nothing happens", s.name, n, kind)
			}
		}
	}
	alarms := 0
	for _, s := range deployments["smallest"](t) {
		alarms += len(s.of("AWS::CloudWatch::Alarm"))
	}
	if alarms > 2 {
		t.Errorf("%d alarms at $0.10 a month leave nothing of $0.30 for what runs", alarms)
	}
}

// attack is a call on a part of the detector, as EventBridge delivers it.
func attack(source, call, parameters, from string) []byte {
	return fmt.Appendf(nil, `{"source":"aws.%s","detail-type":"AWS API Call via CloudTrail","region":"us-east-1","detail":{"eventSource":"%[1]s.amazonaws.com","eventName":"%s","sourceIPAddress":"%s","requestParameters":%s}}`,
		source, call, from, parameters)
}

func TestHarmIsSeen(t *testing.T) {
	stacks := deployments["everything"](t)
	const person, cloudFormation = "198.51.100.7", "cloudformation.amazonaws.com"
	for name, tt := range map[string]struct {
		event            []byte
		watching, second string
	}{
		"a rule is disabled":                    {attack("events", "DisableRule", `{"name":"tv-IdentityChanges-1ABC"}`, person), "Rules", ""},
		"a rule loses its targets":              {attack("events", "RemoveTargets", `{"rule":"tv-Sessions-1ABC","ids":["Signals"]}`, person), "Rules", ""},
		"a function is replaced":                {attack("lambda", "UpdateFunctionCode20150331v2", `{"functionName":"tv-Detect5AA79D75-abc"}`, person), "Functions", ""},
		"a function is deleted by its ARN":      {attack("lambda", "DeleteFunction20150331", `{"functionName":"arn:aws:lambda:us-east-1:111122223333:function:tv-Notify-abc"}`, person), "Functions", ""},
		"a function may not run any more":       {attack("lambda", "PutFunctionConcurrency20171031", `{"functionName":"tv-Detect-abc","reservedConcurrentExecutions":0}`, person), "Functions", ""},
		"a queue is emptied":                    {attack("sqs", "PurgeQueue", `{"queueUrl":"https://sqs.us-east-1.amazonaws.com/111122223333/tv-Signals-abc"}`, person), "Queues", ""},
		"a topic is deleted":                    {attack("sns", "DeleteTopic", `{"topicArn":"arn:aws:sns:us-east-1:111122223333:tv-Findings-abc"}`, person), "Topics", ""},
		"a receiver is unsubscribed":            {attack("sns", "Unsubscribe", `{"subscriptionArn":"arn:aws:sns:us-east-1:111122223333:tv-Findings-abc:6f1c"}`, person), "Topics", ""},
		"the table is deleted":                  {attack("dynamodb", "DeleteTable", `{"tableName":"tv-Table-abc"}`, person), "Table", ""},
		"reports are deleted by a lifecycle":    {attack("s3", "PutBucketLifecycle", `{"bucketName":"tv-reports-abc"}`, person), "Bucket", ""},
		"the schedule is deleted":               {attack("scheduler", "DeleteSchedule", `{"name":"tv-SettleSchedule-abc"}`, person), "Schedules", ""},
		"alarms are deleted":                    {attack("monitoring", "DeleteAlarms", `{"alarmNames":["other","tv-DeadLettersAlarm-abc"]}`, person), "Alarms", ""},
		"logs are deleted":                      {attack("logs", "DeleteLogGroup", `{"logGroupName":"tv-DetectLogs-abc"}`, person), "Logs", ""},
		"a role's permissions are taken":        {attack("iam", "DeleteRolePolicy", `{"roleName":"tv-DetectRole-abc","policyName":"x"}`, person), "Roles", ""},
		"a role is deleted":                     {attack("iam", "DeleteRole", `{"roleName":"tv-DetectRole-abc"}`, person), "RoleDeletions", ""},
		"a forwarder is deleted, wherever":      {attack("iam", "DeleteRole", `{"roleName":"tv-ForwardRole-abc"}`, cloudFormation), "RoleDeletions", ""},
		"the stack is deleted":                  {attack("cloudformation", "DeleteStack", `{"stackName":"tv"}`, person), "Stacks", ""},
		"the stack is deleted by its ARN":       {attack("cloudformation", "DeleteStack", `{"stackName":"arn:aws:cloudformation:us-east-1:111122223333:stack/tv/6f1c"}`, person), "Stacks", ""},
		"the trail is stopped":                  {attack("cloudtrail", "StopLogging", `{"name":"management-events"}`, person), "Trails", ""},
		"what watches is deleted":               {attack("cloudformation", "DeleteStack", `{"stackName":"tv-watch"}`, person), "", "WatchStacks"},
		"what watches is disabled":              {attack("events", "DisableRule", `{"name":"tv-watch-Trails-1ABC"}`, person), "Rules", "WatchRules"},
		"the watching topic is deleted":         {attack("sns", "DeleteTopic", `{"topicArn":"arn:aws:sns:us-east-1:111122223333:tv-watch-Watch-abc"}`, person), "Topics", "WatchTopics"},
		"quiet: a rule of somebody else":        {attack("events", "DisableRule", `{"name":"tvshows-nightly"}`, person), "", ""},
		"quiet: a function with a similar name": {attack("lambda", "DeleteFunction20150331", `{"functionName":"my-tv-Detect"}`, person), "", ""},
		"quiet: a queue being read":             {attack("sqs", "GetQueueAttributes", `{"queueUrl":"https://sqs.us-east-1.amazonaws.com/111122223333/tv-Signals-abc"}`, person), "", ""},
		"quiet: CloudFormation at work":         {attack("lambda", "UpdateFunctionCode20150331v2", `{"functionName":"tv-Detect-abc"}`, cloudFormation), "", ""},
		"quiet: another stack":                  {attack("cloudformation", "DeleteStack", `{"stackName":"tv-other"}`, person), "", ""},
		"quiet: a bucket of somebody else":      {attack("s3", "PutBucketLifecycle", `{"bucketName":"archive"}`, person), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(takenBy(t, stacks["tv-watch"], "", tt.event), " "); got != tt.watching {
				t.Errorf("the watching stack sees it by %q, want %q", got, tt.watching)
			}
			if got := strings.Join(takenBy(t, stacks["tv"], "Watch", tt.event), " "); got != tt.second {
				t.Errorf("the home stack sees it by %q, want %q", got, tt.second)
			}
		})
	}
}

// TestHarmIsSeenInAllAccounts has the names that parts have in an account that a
// StackSet deploys to: an id is in them, or is cut off.
func TestHarmIsSeenInAllAccounts(t *testing.T) {
	stacks := deployments["organization"](t)
	const person = "198.51.100.7"
	for name, tt := range map[string]struct {
		event            []byte
		watching, second string
	}{
		"a function is deleted":      {attack("lambda", "DeleteFunction20150331", `{"functionName":"StackSet-trailverdict-6f1-Detect5AA79D75-0aBcDeFgHiJk"}`, person), "Functions", ""},
		"a queue is emptied":         {attack("sqs", "PurgeQueue", `{"queueUrl":"https://sqs.us-east-1.amazonaws.com/111122223333/StackSet-trailverdict-6f1c0000-1111-4222-8333-444455556666-Signals-abc"}`, person), "Queues", ""},
		"reports are deleted":        {attack("s3", "PutBucketLifecycle", `{"bucketName":"stackset-trailverdict-6f1-reports-abc"}`, person), "Bucket", ""},
		"a role is deleted":          {attack("iam", "DeleteRole", `{"roleName":"StackSet-trailverdict-for-ForwardRole-abc"}`, person), "RoleDeletions", ""},
		"the stack is deleted":       {attack("cloudformation", "DeleteStack", `{"stackName":"StackSet-trailverdict-6f1c0000-1111-4222-8333-444455556666"}`, person), "Stacks", ""},
		"it is deleted by its ARN":   {attack("cloudformation", "DeleteStack", `{"stackName":"arn:aws:cloudformation:us-east-1:111122223333:stack/StackSet-trailverdict-6f1c/7a"}`, person), "Stacks", ""},
		"what watches is deleted":    {attack("cloudformation", "DeleteStack", `{"stackName":"StackSet-trailverdict-watch-6f1c0000-1111-4222-8333-444455556666"}`, person), "Stacks", "WatchStacks"},
		"what watches is disabled":   {attack("events", "DisableRule", `{"name":"StackSet-trailverdict-wat-Trails-1ABC"}`, person), "Rules", "WatchRules"},
		"the watching topic is gone": {attack("sns", "DeleteTopic", `{"topicArn":"arn:aws:sns:us-east-1:111122223333:StackSet-trailverdict-watch-6f1c-Watch-abc"}`, person), "Topics", "WatchTopics"},
		"quiet: another StackSet":    {attack("cloudformation", "DeleteStack", `{"stackName":"StackSet-baseline-6f1c0000-1111-4222-8333-444455556666"}`, person), "", ""},
		"quiet: a similar function":  {attack("lambda", "DeleteFunction20150331", `{"functionName":"StackSet-trailers-Detect"}`, person), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(takenBy(t, stacks["StackSet-trailverdict-watch"], "", tt.event), " "); got != tt.watching {
				t.Errorf("the watching stack sees it by %q, want %q", got, tt.watching)
			}
			if got := strings.Join(takenBy(t, stacks["StackSet-trailverdict"], "Watch", tt.event), " "); got != tt.second {
				t.Errorf("the home stack sees it by %q, want %q", got, tt.second)
			}
		})
	}
}

// TestOneTemplateForAllAccounts looks for what belongs to one account or Region.
func TestOneTemplateForAllAccounts(t *testing.T) {
	for id, s := range deployments["organization"](t) {
		if bytes.Contains(s.text, []byte("111122223333")) || bytes.Contains(s.text, []byte("cdk-hnb659fds")) {
			t.Errorf("%s speaks of one account, or of the CDK's parts in it", id)
		}
		forwards := strings.HasSuffix(id, "-forward")
		for rule, r := range s.of("AWS::Events::Rule") {
			if (r.Condition == "IsNotHome") != forwards {
				t.Errorf("%s: the rule %s has the condition %q", id, rule, r.Condition)
			}
		}
		if forwards && bytes.Contains(s.text, []byte(`:sqs:us-`)) {
			t.Errorf("%s speaks of a Region of its own", id)
		}
	}
	for id, r := range deployments["organization"](t)["StackSet-trailverdict"].of("AWS::Lambda::Function") {
		if bucket, _ := json.Marshal(asObject(r.Properties["Code"])["S3Bucket"]); string(bucket) != `{"Ref":"CodeBucket"}` {
			t.Errorf("%s comes from the bucket %s", id, bucket)
		}
	}
}

// takenBy are a stack's rules of a kind that take an event.
func takenBy(t *testing.T, s template, kind string, event []byte) []string {
	t.Helper()
	var names []string
	for id, r := range s.of("AWS::Events::Rule") {
		p, err := eventpattern.Parse(patternOf(t, r))
		if err != nil {
			t.Fatal(err)
		}
		yes, err := p.Matches(event)
		if err != nil {
			t.Fatal(err)
		}
		if yes && strings.HasPrefix(id, kind) {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}

// TestHarmElsewhereComesHome follows an attack on a forwarder.
func TestHarmElsewhereComesHome(t *testing.T) {
	stacks := deployments["everything"](t)
	for name, event := range map[string][]byte{
		"a rule is disabled":               attack("events", "DisableRule", `{"name":"tv-Sessions-1ABC"}`, "198.51.100.7"),
		"the forwarder is deleted":         attack("cloudformation", "DeleteStack", `{"stackName":"tv"}`, "198.51.100.7"),
		"the rule that watches is removed": attack("events", "DeleteRule", `{"name":"tv-WatchRules-1ABC"}`, "198.51.100.7"),
	} {
		if len(takenBy(t, stacks["tv-eu-west-1"], "", event)) == 0 {
			t.Errorf("%s: the event stays in its Region", name)
		}
		if len(takenBy(t, stacks["tv-watch"], "", event)) != 1 {
			t.Errorf("%s: the event means nothing at home", name)
		}
	}
	event := attack("events", "DeleteRule", `{"name":"tv-WatchRules-1ABC"}`, "198.51.100.7")
	if !slices.Contains(takenBy(t, stacks["tv-eu-west-1"], "", event), "SecondWatchRules") {
		t.Error("nobody watches the rule that watches a forwarder")
	}
}

// TestWatchingPassesNoPartOfTheDetector follows the alerts of the watching
// stack.
func TestWatchingPassesNoPartOfTheDetector(t *testing.T) {
	s := deployments["everything"](t)["tv-watch"]
	if len(s.of("AWS::Lambda::Function"))+len(s.of("AWS::DynamoDB::Table")) > 0 {
		t.Error("the watching stack has functions or tables")
	}
	for id, r := range s.of("AWS::Events::Rule") {
		var targets []any
		for _, target := range r.Properties["Targets"].([]any) {
			t := maps.Clone(target.(map[string]any))
			delete(t, "DeadLetterConfig") // the way of what is not delivered
			targets = append(targets, t)
		}
		text, _ := json.Marshal(targets)
		if bytes.Contains(text, []byte("Fn::ImportValue")) {
			t.Errorf("%s tells people through a part of the detector", id)
		}
		if !bytes.Contains(text, []byte(`"Id":"Topic"`)) || !bytes.Contains(text, []byte(`"Id":"SOC"`)) {
			t.Errorf("%s tells %s", id, text)
		}
	}
}
