package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/aws/inspect"
	"github.com/trailverdict/trailverdict/internal/doctor"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

const own = "111122223333"

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// watch is a clock that goes on when somebody waits.
type watch struct{ passed atomic.Int64 }

func (w *watch) now() time.Time { return noon.Add(time.Duration(w.passed.Load())) }

func (w *watch) sleep(ctx context.Context, d time.Duration) error {
	w.passed.Add(int64(d))
	return ctx.Err()
}

// deployed is an account in which the stacks of the golden templates stand.
type deployed struct {
	*localaws.Account
	stack            string
	home, watch, far *localaws.Stack
	trail            *localaws.TrailState
	clock            watch
	region           string
}

// deploy makes an account from the templates that infra synthesises: the
// smallest deployment, or the one with everything, own keys and forwarders.
func deploy(t *testing.T, name string) *deployed {
	t.Helper()
	d := &deployed{stack: "trailverdict", region: "eu-west-1"}
	d.Account = localaws.NewAccount(own, "aws", d.clock.now, "us-east-1", "eu-west-1", "ap-southeast-2")
	if name == "everything" {
		d.stack = "tv"
	}
	put := func(file, stack, region string) *localaws.Stack {
		template, err := os.ReadFile("../../../infra/testdata/" + name + "." + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Deploy(stack, region, template)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	d.trail = d.AddTrail("audit", "us-east-1")
	if name == "organization" {
		const id = "-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
		d.home = put("StackSet-trailverdict", "StackSet-trailverdict"+id, "us-east-1")
		d.watch = put("StackSet-trailverdict-watch", "StackSet-trailverdict-watch"+id, "us-east-1")
		d.far = put("StackSet-trailverdict-forward", "StackSet-trailverdict-forward"+id, "eu-west-1")
		return d
	}
	d.home = put(d.stack, d.stack, "us-east-1")
	d.watch = put(d.stack+"-watch", d.stack+"-watch", "us-east-1")
	if name == "everything" {
		d.far = put("tv-eu-west-1", "tv", "eu-west-1")
		put("tv-ap-southeast-2", "tv", "ap-southeast-2")
	}
	return d
}

// examine reads the account through the SDK, and judges.
func (d *deployed) examine(t *testing.T, change ...func(*inspect.Options)) doctor.Examination {
	t.Helper()
	o := inspect.Options{Stack: d.stack}
	for _, c := range change {
		c(&o)
	}
	facts, err := d.look(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Examine(facts)
}

func (d *deployed) look(t *testing.T, o inspect.Options) (doctor.Facts, error) {
	t.Helper()
	endpoint := localaws.ServeAccount(t, d.Account)
	cfg := aws.Config{
		Region: d.region, BaseEndpoint: aws.String(endpoint.URL), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		}),
	}
	return inspect.Look(t.Context(), cfg, o, inspect.Clock{Now: d.clock.now, Sleep: d.clock.sleep})
}

func before(o *inspect.Options) { o.Before = true }

// said are the findings that are no good news, as "status check, Region: what".
func said(e doctor.Examination) []string {
	list := []string{}
	for _, f := range e.Findings {
		if f.Status != doctor.OK {
			list = append(list, fmt.Sprintf("%s %s, %s: %s", f.Status, f.Check, f.Region, f.Seen))
		}
	}
	return list
}

func TestASoundDeploymentIsQuiet(t *testing.T) {
	for _, name := range []string{"smallest", "everything", "organization"} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, name)
			e := d.examine(t)
			want := []string{}
			switch name {
			case "smallest":
				want = []string{"advice regions, : Regions without a forwarder can be used, though nobody does: ap-southeast-2, eu-west-1"}
			case "organization":
				want = []string{"advice regions, : Regions without a forwarder can be used, though nobody does: ap-southeast-2"}
			}
			if diff := cmp.Diff(want, said(e)); diff != "" {
				t.Error(diff)
			}
			if !e.Sound() || e.Count(doctor.OK) < len(doctor.Checks())-5 {
				t.Errorf("sound %v, %d checks are fine", e.Sound(), e.Count(doctor.OK))
			}
		})
	}
}

// Rules that only guard rails need are missed where the configuration asks for
// them, and nowhere else.
func TestGuardRailsThatAreAskedForHaveRules(t *testing.T) {
	for _, s := range []struct {
		name, template string
		asked          bool
		harm           func(*deployed)
		want           []string
	}{
		{"nobody asks", "smallest", false, nil, nil},
		{"the stack was deployed without", "smallest", true, nil, []string{"problem guard-rails, us-east-1: stack trailverdict lacks rules of guard rails: EnvironmentsEcs, EnvironmentsLambda"}},
		{"they are there", "everything", true, nil, nil},
		{"a forwarder lacks one", "everything", true, func(d *deployed) {
			d.far.Parts = slices.DeleteFunc(d.far.Parts, func(r *localaws.Resource) bool { return r.ID == "EnvironmentsEcs" })
		}, []string{"problem guard-rails, eu-west-1: stack tv lacks rules of guard rails: EnvironmentsEcs"}},
		{"one is disabled", "everything", true, func(d *deployed) {
			d.home.Part("EnvironmentsLambda").Properties["State"] = "DISABLED"
		}, []string{"problem rules, us-east-1: rule EnvironmentsLambda is disabled"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			d := deploy(t, s.template)
			if s.harm != nil {
				s.harm(d)
			}
			facts, err := d.look(t, inspect.Options{Stack: d.stack})
			if err != nil {
				t.Fatal(err)
			}
			facts.GuardRails = s.asked
			e := doctor.Examine(facts)
			got := slices.DeleteFunc(said(e), func(line string) bool { return strings.HasPrefix(line, string(doctor.Advice)) })
			if diff := cmp.Diff(s.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if told := slices.ContainsFunc(e.Findings, func(f doctor.Finding) bool { return f.Check == "guard-rails" }); told != s.asked {
				t.Errorf("the check says something: %t, and was asked: %t", told, s.asked)
			}
		})
	}
}

// A record of CloudTrail's as the event history keeps it.
func record(region, source, name, when, key, role string, readOnly bool) string {
	text, err := json.Marshal(map[string]any{
		"eventID": region + name + when, "eventTime": when, "awsRegion": region, "eventSource": source, "eventName": name, "readOnly": readOnly,
		"userIdentity": map[string]any{"accessKeyId": key}, "requestParameters": map[string]any{"roleArn": role}, "managementEvent": true, "recipientAccountId": own,
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestWhatIsBrokenIsTold(t *testing.T) {
	type story struct {
		name     string
		template string // smallest if it is empty
		harm     func(*testing.T, *deployed)
		before   bool
		want     []string // beginnings of what is said; nothing else may be a problem or a gap
		fix      string   // a part of the fixes
	}
	nobody := func(*testing.T, *deployed) {}
	properties := func(part string, pairs ...any) func(*testing.T, *deployed) {
		return func(t *testing.T, d *deployed) {
			for _, s := range []*localaws.Stack{d.home, d.watch} {
				if r := s.Part(part); r != nil {
					r.Properties[pairs[0].(string)] = pairs[1]
					return
				}
			}
			t.Fatalf("there is no part %s", part)
		}
	}
	for _, s := range []story{
		{name: "nothing is wrong", harm: nobody},

		// The trail.
		{
			name: "no trail at all", harm: func(t *testing.T, d *deployed) { d.trail.Region, d.trail.MultiRegion = "eu-west-1", false },
			want: []string{"problem trail, us-east-1: no trail records us-east-1"}, fix: "trail=create",
		},
		{
			name: "the trail was stopped", harm: func(t *testing.T, d *deployed) { d.trail.Logging, d.trail.Stopped = false, noon.Add(-time.Hour) },
			want: []string{"problem trail, us-east-1: trail audit is not logging, since 2026-03-04T11:00:00Z"},
			fix:  "$ aws cloudtrail start-logging --name arn:aws:cloudtrail:us-east-1:111122223333:trail/audit --region us-east-1",
		},
		{
			name: "one trail is stopped, another is logging", harm: func(t *testing.T, d *deployed) { d.AddTrail("old", "us-east-1").Logging = false },
		},
		{
			name: "the organisation's trail is stopped", harm: func(t *testing.T, d *deployed) {
				d.trail.Logging, d.trail.Organization, d.trail.Account = false, true, "999988887777"
			},
			want: []string{"problem trail, us-east-1: the organisation's trail audit is not logging"}, fix: "belongs to account 999988887777",
		},
		{
			name: "the organisation's trail records this account", harm: func(t *testing.T, d *deployed) { d.trail.Organization, d.trail.Account = true, "999988887777" },
		},
		{
			name: "only calls that write are recorded", harm: func(t *testing.T, d *deployed) { d.trail.EventSelectors[0]["ReadWriteType"] = "WriteOnly" },
			want: []string{"problem management-events, us-east-1: trail audit records only management events that write"}, fix: "put-event-selectors",
		},
		{
			name: "only calls that read are recorded", harm: func(t *testing.T, d *deployed) { d.trail.EventSelectors[0]["ReadWriteType"] = "ReadOnly" },
			want: []string{"problem management-events, us-east-1: trail audit records only management events that read"},
		},
		{
			name: "two trails share the work", harm: func(t *testing.T, d *deployed) {
				d.trail.EventSelectors[0]["ReadWriteType"] = "ReadOnly"
				d.AddTrail("changes", "us-east-1").EventSelectors[0]["ReadWriteType"] = "WriteOnly"
			},
		},
		{
			name: "no management events", harm: func(t *testing.T, d *deployed) { d.trail.EventSelectors[0]["IncludeManagementEvents"] = false },
			want: []string{"problem management-events, us-east-1: trail audit records no management events"},
		},
		{
			name: "events of keys and of the RDS data API are left out, which nobody needs", harm: func(t *testing.T, d *deployed) {
				d.trail.EventSelectors[0]["ExcludeManagementEventSources"] = []string{"kms.amazonaws.com", "rdsdata.amazonaws.com"}
			},
		},
		{
			name: "advanced selectors take everything", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Management")
			},
		},
		{
			name: "advanced selectors leave out keys' events", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Management", "eventSource", "NotEquals", "kms.amazonaws.com")
			},
		},
		{
			name: "advanced selectors leave out STS", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Management", "eventSource", "NotEquals", "sts.amazonaws.com")
			},
			want: []string{"problem management-events, us-east-1: trail audit leaves out the events of sts.amazonaws.com"},
		},
		{
			name: "advanced selectors take only calls that write", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Management", "readOnly", "Equals", "false")
			},
			want: []string{"problem management-events, us-east-1: trail audit records only management events that write"},
		},
		{
			name: "advanced selectors choose calls by name", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Management", "eventName", "Equals", "RunInstances")
			},
			want: []string{"problem management-events, us-east-1: trail audit records only a part of the management events, chosen by eventName"},
		},
		{
			name: "advanced selectors take data events alone", harm: func(t *testing.T, d *deployed) {
				d.trail.AdvancedEventSelectors = selectors("eventCategory", "Equals", "Data")
			},
			want: []string{"problem management-events, us-east-1: trail audit records no management events"},
		},
		{
			name: "services without a Region are left out", harm: func(t *testing.T, d *deployed) { d.trail.Global = false },
			want: []string{"problem management-events, us-east-1: trail audit leaves out services without a Region"}, fix: "--include-global-service-events",
		},
		{
			name: "the bucket takes no log files", harm: func(t *testing.T, d *deployed) { d.trail.DeliveryError = "AccessDenied" },
			want: []string{"problem trail-delivery, us-east-1: trail audit could not write its latest log files: AccessDenied"},
		},
		{
			name: "the trail records its own Region alone", template: "everything", harm: func(t *testing.T, d *deployed) { d.trail.MultiRegion = false },
			want: []string{"problem trail-regions, ap-southeast-2: no trail records", "problem trail-regions, eu-west-1: no trail records"}, fix: "--is-multi-region-trail",
		},
		{
			name: "the trail records its own Region alone, and no other is used", harm: func(t *testing.T, d *deployed) { d.trail.MultiRegion = false },
		},

		// Regions.
		{
			name: "sessions are issued in a Region without a forwarder", harm: history(record("eu-west-1", "sts.amazonaws.com", "AssumeRole", "2026-03-04T09:00:00Z", "ASIAEXAMPLEISSUED001", "arn:aws:iam::111122223333:role/app", true)),
			want: []string{"problem regions, eu-west-1: eu-west-1 is in use, latest AssumeRole at 2026-03-04T09:00:00Z, and has no forwarder"},
			fix:  "$ aws cloudformation deploy --region eu-west-1 --stack-name trailverdict --template-file build/template/trailverdict-eu-west-1.template.json",
		},
		{
			name: "an instance gets its credentials there", harm: history(record("eu-west-1", "sts.amazonaws.com", "AssumeRole", "2026-03-04T09:00:00Z", "", "arn:aws:iam::111122223333:role/instance", true)),
			want: []string{"problem regions, eu-west-1: eu-west-1 is in use"},
		},
		{
			name: "a long-term key changes something there", harm: history(record("ap-southeast-2", "ec2.amazonaws.com", "RunInstances", "2026-03-03T09:00:00Z", "AKIAEXAMPLELONGTERM1", "", false)),
			want: []string{"problem regions, ap-southeast-2: ap-southeast-2 is in use, latest RunInstances"},
		},
		{
			name: "AWS's own services are at work there", harm: history(
				record("eu-west-1", "sts.amazonaws.com", "AssumeRole", "2026-03-04T09:00:00Z", "", "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", true),
				record("eu-west-1", "kms.amazonaws.com", "RotateKey", "2026-03-04T09:00:00Z", "", "", false)),
		},
		{
			name: "it was used a month ago", harm: history(record("eu-west-1", "sts.amazonaws.com", "AssumeRole", "2026-02-01T09:00:00Z", "ASIAEXAMPLEISSUED001", "arn:aws:iam::111122223333:role/app", true)),
		},
		{
			name: "it is used, and has a forwarder", template: "everything", harm: history(record("eu-west-1", "sts.amazonaws.com", "AssumeRole", "2026-03-04T09:00:00Z", "ASIAEXAMPLEISSUED001", "arn:aws:iam::111122223333:role/app", true)),
		},
		{
			name: "it is used, and StackSets deploy", template: "organization", harm: history(record("ap-southeast-2", "ec2.amazonaws.com", "RunInstances", "2026-03-03T09:00:00Z", "AKIAEXAMPLELONGTERM1", "", false)),
			want: []string{"problem regions, ap-southeast-2: ap-southeast-2 is in use, latest RunInstances"},
			fix:  "$ aws cloudformation create-stack-instances --region us-east-1 --stack-set-name trailverdict-forward --regions ap-southeast-2",
		},
		{
			name: "a Region is switched off", harm: func(t *testing.T, d *deployed) { d.SetRegion("af-south-1", "DISABLED") },
		},

		// The stacks.
		{
			name: "nothing is deployed", harm: func(t *testing.T, d *deployed) {
				d.Undeploy("trailverdict", "us-east-1")
				d.Undeploy("trailverdict-watch", "us-east-1")
			},
			want: []string{"problem stacks, us-east-1: there is no stack trailverdict in us-east-1"}, fix: "--before",
		},
		{
			name: "nobody watches", harm: func(t *testing.T, d *deployed) { d.Undeploy("trailverdict-watch", "us-east-1") },
			want: []string{"problem stacks, us-east-1: there is no stack trailverdict-watch"},
		},
		{
			name: "a deployment failed", harm: func(t *testing.T, d *deployed) { d.home.Status = "ROLLBACK_COMPLETE" },
			want: []string{"problem stacks, us-east-1: stack trailverdict is in the state ROLLBACK_COMPLETE"}, fix: "describe-stack-events",
		},
		{
			name: "an update is under way", harm: func(t *testing.T, d *deployed) { d.home.Status = "UPDATE_IN_PROGRESS" },
		},
		{
			name: "a rule was deleted by hand", harm: func(t *testing.T, d *deployed) { d.home.Part("Sessions").Gone = true },
			want: []string{"problem parts, us-east-1: rule Sessions of stack trailverdict (trailverdict-Sessions-1A2B3C) is gone"},
		},
		{
			name: "a queue, a function, a topic, a table, a schedule and logs were deleted by hand", harm: func(t *testing.T, d *deployed) {
				for _, id := range []string{"SignalsE", "Detect5", "Chat", "TableCD", "SettleSchedule", "ReportLogs", "TableToNotify"} {
					d.home.Part(id).Gone = true
				}
				for _, r := range d.home.Parts {
					if r.ID == "SettleSchedule" {
						r.Gone = true
					}
				}
			},
			want: []string{
				"problem parts, us-east-1: queue Signals", "problem parts, us-east-1: topic Chat", "problem parts, us-east-1: function Detect",
				"problem parts, us-east-1: event source mapping TableToNotify", "problem parts, us-east-1: schedule SettleSchedule",
				"problem parts, us-east-1: table Table", "problem parts, us-east-1: log group ReportLogs",
			},
		},

		// The rules.
		{
			name: "a rule is disabled", harm: properties("IdentityChanges", "State", "DISABLED"),
			want: []string{"problem rules, us-east-1: rule IdentityChanges is disabled"}, fix: "$ aws events enable-rule --region us-east-1 --name trailverdict-IdentityChanges-1A2B3C",
		},
		{
			name: "a watching rule is disabled", harm: properties("Trails", "State", "DISABLED"),
			want: []string{"problem rules, us-east-1: rule Trails is disabled"},
		},
		{
			name: "a rule for sessions has the plain state", harm: properties("Sessions", "State", "ENABLED"),
			want: []string{"problem rules, us-east-1: rule Sessions leaves out calls that read"}, fix: "--state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS --event-pattern '{",
		},
		{
			name: "a rule takes more than it needs", harm: properties("IdentityChanges", "State", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
		},
		{
			name: "a rule has no targets", harm: properties("Threats", "Targets", []any{}),
			want: []string{"problem rules, us-east-1: rule Threats has no target"},
		},
		{
			name: "a forwarder sends elsewhere", template: "everything", harm: func(t *testing.T, d *deployed) {
				d.far.Part("Sessions").Properties["Targets"] = []any{map[string]any{"Id": "Home", "Arn": "arn:aws:events:us-east-1:999988887777:event-bus/default", "RoleArn": "arn:aws:iam::111122223333:role/x", "DeadLetterConfig": map[string]any{"Arn": "arn:aws:sqs:eu-west-1:111122223333:q"}}}
			},
			want: []string{"problem rules, eu-west-1: rule Sessions sends to arn:aws:events:us-east-1:999988887777:event-bus/default and not to the home bus"},
		},
		{
			name: "a pattern was narrowed", harm: properties("Sessions", "EventPattern", map[string]any{"source": []any{"aws.sts"}, "region": []any{"us-east-1"}}),
			want: []string{"problem patterns, us-east-1: other events than this version's are taken by Sessions"}, fix: "--deployment-mode REVERT_DRIFT",
		},
		{
			name: "an older version without a rule is deployed", harm: func(t *testing.T, d *deployed) {
				d.home.Parts = slices.DeleteFunc(d.home.Parts, func(r *localaws.Resource) bool { return r.ID == "SignIns" })
			},
			want: []string{"problem patterns, us-east-1: stack trailverdict lacks rules that this version has: SignIns"},
		},
		{
			name: "implicit denials are not wanted", harm: func(t *testing.T, d *deployed) {
				d.home.Parts = slices.DeleteFunc(d.home.Parts, func(r *localaws.Resource) bool { return r.ID == "OtherDenials" })
			},
		},
		{
			name: "the home bus denies", template: "everything", harm: func(t *testing.T, d *deployed) {
				d.SetBusPolicy("us-east-1", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"events:*","Resource":"*"}]}`)
			},
			want: []string{"problem bus, us-east-1: the policy of the default bus denies events:PutEvents"},
		},
		{
			name: "the home bus lets others in", template: "everything", harm: func(t *testing.T, d *deployed) {
				d.SetBusPolicy("us-east-1", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"events:PutEvents","Resource":"*"}]}`)
			},
		},

		// The way through.
		{
			name: "a queue's policy lost EventBridge", harm: func(t *testing.T, d *deployed) {
				d.home.Part("SignalsPolicy").Properties["PolicyDocument"] = policy("sns.amazonaws.com", "sqs:SendMessage")
			},
			want: []string{"problem access, us-east-1: the policy of queue Signals does not let events.amazonaws.com send"},
		},
		{
			name: "a topic's policy lost CloudWatch", harm: func(t *testing.T, d *deployed) {
				d.home.Part("OperationsPolicy").Properties["PolicyDocument"] = policy("events.amazonaws.com", "sns:Publish")
			},
			want: []string{"problem access, us-east-1: the policy of topic Operations does not let cloudwatch.amazonaws.com publish"},
		},
		{
			name: "a policy allows by a wildcard", harm: func(t *testing.T, d *deployed) {
				d.home.Part("SignalsPolicy").Properties["PolicyDocument"] = policy("events.amazonaws.com", "sqs:*")
			},
		},
		{
			name: "alarms meet AWS's own key", harm: properties("Operations9", "KmsMasterKeyId", "alias/aws/sns"),
			want: []string{"problem encryption, us-east-1: topic Operations is encrypted with alias/aws/sns, which events.amazonaws.com and cloudwatch.amazonaws.com cannot use"},
			fix:  "--attribute-name KmsMasterKeyId --attribute-value ''",
		},
		{
			name: "EventBridge meets AWS's own key", harm: properties("SignalsE", "KmsMasterKeyId", "alias/aws/sqs"),
			want: []string{"problem encryption, us-east-1: queue Signals is encrypted with alias/aws/sqs, which events.amazonaws.com cannot use"},
		},
		{
			name: "a key's policy leaves EventBridge out", harm: func(t *testing.T, d *deployed) {
				d.home.Part("SignalsE").Properties["KmsMasterKeyId"] = d.AddKey("us-east-1", "k1", localaws.KeyState{State: "Enabled", Manager: "CUSTOMER", Policy: encode(t, policy("sns.amazonaws.com", "kms:*"))})
			},
			want: []string{"problem encryption, us-east-1: queue Signals is encrypted with a key whose policy does not let events.amazonaws.com do kms:Decrypt"}, fix: `"events.amazonaws.com"`,
		},
		{
			name: "a key's policy lets EventBridge in", harm: func(t *testing.T, d *deployed) {
				d.home.Part("SignalsE").Properties["KmsMasterKeyId"] = d.AddKey("us-east-1", "k1", localaws.KeyState{State: "Enabled", Manager: "CUSTOMER", Policy: encode(t, policy("events.amazonaws.com", "kms:*"))})
			},
		},
		{
			name: "the key is about to be deleted", template: "everything", harm: func(t *testing.T, d *deployed) {
				d.AddKey("us-east-1", d.home.Part("Key").Name, localaws.KeyState{State: "PendingDeletion", Manager: "CUSTOMER"})
			},
			want: []string{
				"problem encryption, us-east-1: queue DeadLetters", "problem encryption, us-east-1: queue Signals", "problem encryption, us-east-1: topic Chat",
				"problem encryption, us-east-1: topic Findings", "problem encryption, us-east-1: topic Mail", "problem encryption, us-east-1: topic Operations",
			},
			fix: "$ aws kms cancel-key-deletion",
		},
		{
			name: "the key is gone", harm: properties("Mail6", "KmsMasterKeyId", "arn:aws:kms:us-east-1:111122223333:key/gone"),
			want: []string{"problem encryption, us-east-1: topic Mail is encrypted with a key that does not exist"},
		},
		{
			name: "a function is throttled to nothing", harm: properties("Notify2", "ReservedConcurrentExecutions", 0),
			want: []string{"problem functions, us-east-1: function Notify is throttled to nothing"}, fix: "delete-function-concurrency",
		},
		{
			name: "a function cannot start", harm: func(t *testing.T, d *deployed) {
				d.home.Part("Detect5").Properties["LastUpdateStatus"] = "Failed"
				d.home.Part("Detect5").Properties["LastUpdateStatusReason"] = "the role cannot be assumed"
			},
			want: []string{"problem functions, us-east-1: function Detect is broken: the role cannot be assumed"},
		},
		{
			name: "the queue starts nothing", harm: properties("SignalsToDetect", "State", "Disabled"),
			want: []string{"problem mappings, us-east-1: event source mapping SignalsToDetect is disabled"}, fix: "update-event-source-mapping",
		},
		{
			name: "the stream cannot start notify", harm: properties("TableToNotify", "LastProcessingResult", "PROBLEM: Function call failed"),
			want: []string{"problem mappings, us-east-1: event source mapping TableToNotify could not start its function"},
		},
		{
			name: "nothing is settled", harm: func(t *testing.T, d *deployed) {
				for _, r := range d.home.Parts {
					if r.ID == "SettleSchedule" {
						r.Properties["State"] = "DISABLED"
					}
				}
			},
			want: []string{"problem schedules, us-east-1: schedule SettleSchedule is disabled"},
		},
		{
			name: "the table has neither stream nor expiry nor backup", harm: func(t *testing.T, d *deployed) {
				p := d.home.Part("TableCD").Properties
				delete(p, "StreamSpecification")
				delete(p, "TimeToLiveSpecification")
				delete(p, "PointInTimeRecoverySpecification")
			},
			want: []string{
				"problem table, us-east-1: the stream of table Table is off", "problem table, us-east-1: table Table drops nothing",
				"problem table, us-east-1: table Table cannot be restored",
			},
		},
		{
			name: "dead letters lie in the home Region and in another", template: "everything", harm: func(t *testing.T, d *deployed) {
				d.home.Part("DeadLettersB").Properties["Waiting"] = 1
				d.far.Part("DeadLettersB").Properties["Waiting"] = 7
			},
			want: []string{"problem dead-letters, us-east-1: 1 dead letter lies in stack tv", "problem dead-letters, eu-west-1: 7 dead letters lie in stack tv"},
		},
		{
			name: "signals wait, as they do", harm: properties("SignalsE", "Waiting", 12),
		},

		// Who is told.
		{
			name: "an address is not confirmed", harm: properties("RouteEmail1", "State", "PendingConfirmation"),
			want: []string{
				"problem receivers, us-east-1: nobody is told about findings",
				"problem subscriptions, us-east-1: the subscription of soc@example.com to topic Mail is not confirmed",
			},
			fix: "--protocol email --notification-endpoint soc@example.com",
		},
		{
			name: "somebody unsubscribed from alarms", harm: func(t *testing.T, d *deployed) { d.home.Part("OperationsTo1").Gone = true },
			want: []string{
				"problem receivers, us-east-1: nobody is told about trouble of the detector itself",
				"problem subscriptions, us-east-1: subscription OperationsTo1 of stack trailverdict is gone",
			},
		},
		{
			name: "an organization's bus alone hears of findings and harm", template: "organization", harm: func(_ *testing.T, d *deployed) {
				d.watch.Parts = slices.DeleteFunc(d.watch.Parts, func(r *localaws.Resource) bool { return r.Type == "AWS::SNS::Subscription" })
			},
		},
		{
			name: "nobody hears a forwarder", template: "everything", harm: func(_ *testing.T, d *deployed) { d.far.Part("OperationsTo1").Gone = true },
			want: []string{
				"problem receivers, eu-west-1: nobody is told about what could not be forwarded from eu-west-1",
				"problem subscriptions, eu-west-1: subscription OperationsTo1 of stack tv is gone",
			},
		},
		{
			name: "nobody hears the watch", harm: func(t *testing.T, d *deployed) { d.watch.Part("WatchTo1").Properties["State"] = "Deleted" },
			want: []string{
				"problem receivers, us-east-1: nobody is told about harm done to the detector",
				"problem subscriptions, us-east-1: the subscription of soc@example.com to topic Watch was deleted",
			},
		},
		{
			name: "the address of a web hook stays secret", template: "everything", harm: func(t *testing.T, d *deployed) {
				for _, r := range d.home.Parts {
					if r.Properties["Protocol"] == "https" {
						r.Properties["State"], r.Properties["Endpoint"] = "PendingConfirmation", "https://user:hidden@hooks.example.com/services/hidden"
					}
				}
			},
			want: []string{"problem subscriptions, us-east-1: the subscription of https://hooks.example.com/… to topic"}, fix: "--protocol https --notification-endpoint ADDRESS",
		},

		{
			name: "an alarm may tell nobody", harm: properties("SilenceAlarm", "ActionsEnabled", false),
			want: []string{"problem alarms, us-east-1: the actions of alarm SilenceAlarm are disabled"}, fix: "$ aws cloudwatch enable-alarm-actions --region us-east-1 --alarm-names trailverdict-SilenceAlarm-1A2B3C",
		},
		{
			name: "nothing came in for a day", harm: properties("SilenceAlarm", "StateValue", "ALARM"),
			want: []string{"problem alarms, us-east-1: alarm SilenceAlarm is raised"}, fix: "docs/operations.md",
		},
		{
			name: "an alarm has no data yet", harm: properties("SilenceAlarm", "StateValue", "INSUFFICIENT_DATA"),
		},
		{
			name: "an alarm was deleted by hand", harm: func(_ *testing.T, d *deployed) { d.watch.Part("DeadLettersAlarm").Gone = true },
			want: []string{"problem parts, us-east-1: alarm DeadLettersAlarm of stack trailverdict-watch"},
		},

		// Before a deployment.
		{
			name: "an account is ready", before: true, harm: nothingDeployed,
		},
		{
			name: "there is no room for the functions", before: true, harm: func(t *testing.T, d *deployed) {
				nothingDeployed(t, d)
				d.SetSpare(50)
			},
			want: []string{"problem concurrency, us-east-1: 50 concurrent functions are left; 19 are to be reserved, and 100 must remain"}, fix: "reserved-concurrency=off",
		},
		{
			name: "nobody knows whether the functions already have their room", before: true, harm: func(_ *testing.T, d *deployed) {
				d.Deny("cloudformation:DescribeStacks")
				d.SetSpare(50)
			},
			want: []string{"unchecked regions, ap-southeast-2", "unchecked regions, eu-west-1", "unchecked concurrency, us-east-1"},
		},
		{
			name: "there is no trail yet", before: true, harm: func(t *testing.T, d *deployed) {
				nothingDeployed(t, d)
				d.trail.Logging = false
			},
			want: []string{"problem trail, us-east-1: trail audit is not logging"},
		},
		{
			name: "this machine's clock is wrong", harm: func(t *testing.T, d *deployed) { d.SetSkew(-10 * time.Minute) },
			want: []string{"problem clock, : this machine's clock is"},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			if s.template == "" {
				s.template = "smallest"
			}
			d := deploy(t, s.template)
			s.harm(t, d)
			e := d.examine(t, func(o *inspect.Options) { o.Before = s.before })
			var fixes []string
			rest := slices.Clone(s.want)
			for _, f := range e.Findings {
				line := fmt.Sprintf("%s %s, %s: %s", f.Status, f.Check, f.Region, f.Seen)
				fixes = append(fixes, f.Fix...)
				if f.Status != doctor.Problem && f.Status != doctor.Unchecked {
					continue
				}
				i := slices.IndexFunc(rest, func(w string) bool { return strings.HasPrefix(line, w) })
				if i < 0 {
					t.Errorf("not wanted: %s", line)
					continue
				}
				rest = slices.Delete(rest, i, i+1)
				if f.Status == doctor.Problem && (f.Why == "" || len(f.Fix) == 0) {
					t.Errorf("%s: says neither why nor how to put it right", line)
				}
			}
			if len(rest) > 0 {
				t.Errorf("not said: %s\nsaid:\n%s", strings.Join(rest, "\n"), strings.Join(said(e), "\n"))
			}
			if all := strings.Join(fixes, "\n"); !strings.Contains(all, s.fix) {
				t.Errorf("no fix has %q:\n%s", s.fix, all)
			}
			if all := text(t, e); strings.Contains(all, "hidden") || len(s.want) == 0 && strings.Contains(all, "PROBLEM") {
				t.Errorf("printed:\n%s", all)
			}
		})
	}
}

func nothingDeployed(_ *testing.T, d *deployed) {
	d.Undeploy("trailverdict", "us-east-1")
	d.Undeploy("trailverdict-watch", "us-east-1")
}

func history(records ...string) func(*testing.T, *deployed) {
	return func(t *testing.T, d *deployed) {
		if err := d.History().Add(records...); err != nil {
			t.Fatal(err)
		}
	}
}

// selectors is one advanced selector of conditions: field, operator, value.
func selectors(conditions ...string) []map[string]any {
	var fields []map[string]any
	for c := range slices.Chunk(conditions, 3) {
		fields = append(fields, map[string]any{"Field": c[0], c[1]: []string{c[2]}})
	}
	return []map[string]any{{"Name": "chosen", "FieldSelectors": fields}}
}

func policy(service, action string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": service}, "Action": action, "Resource": "*",
	}}}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func text(t *testing.T, e doctor.Examination) string {
	t.Helper()
	var b bytes.Buffer
	if err := doctor.Text(&b, e); err != nil {
		t.Fatal(err)
	}
	if err := doctor.JSON(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWhatMayNotBeReadIsSaid denies each permission in turn. The checks that
// need it say so and no others do; nothing becomes a problem by it.
func TestWhatMayNotBeReadIsSaid(t *testing.T) {
	for _, action := range doctor.Permissions() {
		if action == "sts:GetCallerIdentity" {
			continue // nothing can be said without it, and no policy can deny it
		}
		t.Run(action, func(t *testing.T) {
			d, first := deploy(t, "everything"), false
			switch action { // asked where there is no stack
			case "cloudtrail:LookupEvents":
				d = deploy(t, "smallest")
			case "lambda:GetAccountSettings":
				d, first = deploy(t, "smallest"), true
				nothingDeployed(t, d)
			}
			d.Deny(action)
			e := d.examine(t, func(o *inspect.Options) { o.Before = first })
			missed := map[string]bool{}
			for _, f := range e.Findings {
				switch f.Status {
				case doctor.Problem:
					t.Errorf("a problem of %s: %s", f.Check, f.Seen)
				case doctor.Unchecked:
					missed[f.Check] = true
					if f.Permission != action {
						t.Errorf("%s lacks %s", f.Check, f.Permission)
					}
				}
			}
			if len(missed) == 0 || e.Sound() {
				t.Errorf("nothing is said to be unchecked")
			}
			for _, c := range doctor.Checks() {
				if missed[c.ID] && !slices.Contains(c.Needs, action) {
					t.Errorf("check %s needs %s, and does not say so", c.ID, action)
				}
			}
			if !strings.Contains(text(t, e), "lack "+action) {
				t.Error("the text does not name the permission")
			}
		})
	}
}

// TestPolicyIsWhatIsAsked holds the printed policy to the calls that are made.
func TestPolicyIsWhatIsAsked(t *testing.T) {
	asked := map[string]bool{}
	d := deploy(t, "everything")
	d.home.Part("SignalsE").Properties["KmsMasterKeyId"] = d.AddKey("us-east-1", "k1", localaws.KeyState{State: "Enabled", Manager: "CUSTOMER", Policy: encode(t, policy("events.amazonaws.com", "kms:*"))})
	other := deploy(t, "smallest")
	for _, d := range []*deployed{d, other} {
		d.examine(t)
		d.examine(t, before)
		for _, a := range d.Actions() {
			asked[a] = true
		}
	}
	for _, a := range doctor.Permissions() {
		if !asked[a] {
			t.Errorf("%s is in the policy and never asked", a)
		}
		delete(asked, a)
		name := a[strings.IndexByte(a, ':')+1:]
		if !strings.HasPrefix(name, "Get") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Describe") && !strings.HasPrefix(name, "Lookup") {
			t.Errorf("%s does not only read", a)
		}
	}
	for a := range asked {
		t.Errorf("%s is asked and not in the policy", a)
	}
}

func TestCredentialsThatAWSRefuses(t *testing.T) {
	for code, want := range map[string]string{
		"ExpiredToken":          "the credentials have expired",
		"InvalidClientTokenId":  "AWS does not know the credentials",
		"SignatureDoesNotMatch": "the secret does not belong to the access key",
		"AccessDenied":          "AWS answers AccessDenied",
	} {
		d := deploy(t, "smallest")
		d.Fail("sts:GetCallerIdentity", code)
		if _, err := d.look(t, inspect.Options{Stack: d.stack}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
	}
}

// TestPartitionsHaveTheirOwnHome: IAM's events come to one Region of each.
func TestPartitionsHaveTheirOwnHome(t *testing.T) {
	for region, want := range map[string]string{"cn-northwest-1": "cn-north-1", "us-gov-east-1": "us-gov-west-1", "eu-west-1": "us-east-1", "": "us-east-1"} {
		partition := map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-east-1": "aws"}[want]
		d := &deployed{Account: localaws.NewAccount(own, partition, func() time.Time { return noon }, region, want, "cn-northwest-1", "us-gov-west-1"), region: region}
		d.AddTrail("audit", want)
		facts, err := d.look(t, inspect.Options{Stack: "trailverdict", Before: true, Regions: []string{want}})
		if err != nil || facts.Home != want || facts.Partition != partition || !doctor.Examine(facts).Sound() {
			t.Errorf("%s: home %s, partition %s, %v, %v", region, facts.Home, facts.Partition, err, said(doctor.Examine(facts)))
		}
	}
}

func TestRegionsAreThoseThatCount(t *testing.T) {
	d := deploy(t, "smallest")
	d.SetRegion("af-south-1", "DISABLED")
	d.SetRegion("me-south-1", "ENABLED")
	d.examine(t)
	if diff := cmp.Diff([]string{"ap-southeast-2", "eu-west-1", "me-south-1", "us-east-1"}, d.Places()); diff != "" {
		t.Error(diff)
	}
	d = deploy(t, "smallest")
	d.examine(t, func(o *inspect.Options) { o.Regions = []string{"eu-west-1"} })
	if diff := cmp.Diff([]string{"eu-west-1", "us-east-1"}, d.Places()); diff != "" {
		t.Error(diff)
	}
}

// TestOtherTroubleIsNoNews: what AWS does not answer is not checked, and its
// message, which can quote a request, is not printed.
func TestOtherTroubleIsNoNews(t *testing.T) {
	d := deploy(t, "smallest")
	d.Fail("sns:GetTopicAttributes", "InternalError")
	e := d.examine(t)
	if e.Sound() || e.Count(doctor.Problem) > 0 {
		t.Errorf("said:\n%s", strings.Join(said(e), "\n"))
	}
	if all := text(t, e); !strings.Contains(all, "sns:GetTopicAttributes: AWS answers InternalError") || strings.Contains(all, "as the test wanted") {
		t.Error(all)
	}
}
