package trail

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

const threat = `{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","partition":"aws","id":"f-1",
	"arn":"arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/f-1","type":"UnauthorizedAccess:IAMUser/TorIPCaller","severity":5.5,
	"createdAt":"2026-03-04T09:20:00.000Z","updatedAt":"2026-03-04T15:20:00.000Z","title":"An API was invoked from a Tor exit node.",
	"resource":{"resourceType":"AccessKey","accessKeyDetails":{"accessKeyId":"ASIAEXAMPLEORDERS001","principalId":"AROAEXAMPLEORDERS0000:worker","userType":"AssumedRole","userName":"orders-api"}},
	"service":{"serviceName":"guardduty","eventFirstSeen":"2026-03-04T09:15:00Z","eventLastSeen":"2026-03-04T15:10:00Z","archived":false,"count":7,
		"additionalInfo":{"value":"{\"threatListName\":\"x\"}","type":"default"},
		"action":{"actionType":"AWS_API_CALL","awsApiCallAction":{"api":"ListBuckets","serviceName":"s3.amazonaws.com","callerType":"Remote IP","remoteIpDetails":{"ipAddressV4":"198.51.100.7"}}}}}`

func TestAThreatToAKey(t *testing.T) {
	orders := withID(roleNamed("orders-api"), "AROAEXAMPLEORDERS0000")
	want := incident.Signal{
		ID: "f-1", Account: account, Partition: "aws", Region: "eu-west-1", Time: eventTime,
		Kind: incident.ThreatFinding, Feed: incident.FromGuardDuty, Operation: "s3:ListBuckets", Count: 1,
		Actor:  incident.Actor{Principal: orders, SessionName: "worker", AccessKeyID: "ASIAEXAMPLEORDERS001", SourceIP: "198.51.100.7"},
		Target: orders, Key: "ASIAEXAMPLEORDERS001",
		Threat: &incident.Threat{Type: "UnauthorizedAccess:IAMUser/TorIPCaller", Severity: 5.5},
	}
	if diff := cmp.Diff(want, signalOf(t, threat)); diff != "" {
		t.Errorf("decoded otherwise (-want +got):\n%s", diff)
	}
}

func TestAThreatReportedAgainIsTheSame(t *testing.T) {
	again := strings.NewReplacer("2026-03-04T15:20:00.000Z", "2026-03-04T21:20:00.000Z", "2026-03-04T15:10:00Z", "2026-03-04T21:10:00Z", `"count":7`, `"count":19`).Replace(threat)
	if diff := cmp.Diff(signalOf(t, threat), signalOf(t, again)); diff != "" {
		t.Errorf("another signal (-first +again):\n%s", diff)
	}
}

func TestWhoseKeyIsThreatened(t *testing.T) {
	const details = `"principalId":"AROAEXAMPLEORDERS0000:worker","userType":"AssumedRole","userName":"orders-api"`
	for with, want := range map[string]incident.Principal{
		`"principalId":"AIDAEXAMPLEALICE00000","userType":"IAMUser","userName":"alice"`:      withID(userNamed("alice"), "AIDAEXAMPLEALICE00000"),
		`"principalId":"AROAEXAMPLEORDERS0000","userType":"Role","userName":"orders-api"`:    withID(roleNamed("orders-api"), "AROAEXAMPLEORDERS0000"),
		`"principalId":"111122223333","userType":"Root","userName":"Root"`:                   ofAccount(account),
		`"principalId":"111122223333:portal","userType":"FederatedUser","userName":"portal"`: {Type: incident.Federated, Partition: "aws", Account: account, Name: "portal"},
		`"userType":"AWSService","userName":"x"`:                                             {},
		`"userType":7`:                                                                       {},
	} {
		got := signalOf(t, strings.Replace(threat, details, with, 1))
		if diff := cmp.Diff(want, got.Target); diff != "" || got.Key != "ASIAEXAMPLEORDERS001" {
			t.Errorf("%s: Key = %q, Target (-want +got):\n%s", with, got.Key, diff)
		}
	}
}

// sequence is an attack that GuardDuty put together of many calls.
var sequence = strings.NewReplacer("UnauthorizedAccess:IAMUser/TorIPCaller", "AttackSequence:IAM/CompromisedCredentials",
	`"resource":{"resourceType":"AccessKey","accessKeyDetails":{"accessKeyId":"ASIAEXAMPLEORDERS001","principalId":"AROAEXAMPLEORDERS0000:worker","userType":"AssumedRole","userName":"orders-api"}}`, `"resource":{"resourceType":"AttackSequence"}`,
	`"action":{"actionType":"AWS_API_CALL","awsApiCallAction":{"api":"ListBuckets","serviceName":"s3.amazonaws.com","callerType":"Remote IP","remoteIpDetails":{"ipAddressV4":"198.51.100.7"}}}`, `"detection":{"sequence":{"actors":[
		{"id":"a2","user":{"name":"orders-api","uid":"AROAEXAMPLEORDERS0000:worker","type":"AssumedRole","credentialUid":"ASIAEXAMPLEORDERS001","account":{"uid":"111122223333"}}},
		{"id":"a1","user":{"name":"bob","uid":"AIDAEXAMPLEBOB0000000","type":"IAMUser","credentialUid":"AKIAEXAMPLEBOB000001","account":{"uid":"111122223333"}}},
		{"id":"a1","user":{"name":"bob","uid":"AIDAEXAMPLEBOB0000000","type":"IAMUser","credentialUid":"AKIAEXAMPLEBOB000001","account":{"uid":"111122223333"}}},
		{"id":"a0"}]}}`).Replace(threat)

func TestASequenceThreatensEveryKeyItWasMadeWith(t *testing.T) {
	out, r := eventOf(t, sequence)
	if r.Reason != "" {
		t.Fatalf("rejected: %s", r.Reason)
	}
	var got []string
	for _, s := range out.Signals {
		got = append(got, s.ID+" "+string(s.Target.Type)+" "+s.Target.Name+" "+s.Key)
	}
	want := []string{"f-1/AKIAEXAMPLEBOB000001 user bob AKIAEXAMPLEBOB000001", "f-1/ASIAEXAMPLEORDERS001 role orders-api ASIAEXAMPLEORDERS001"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	without := strings.ReplaceAll(sequence, `"credentialUid"`, `"x"`)
	if out, r := eventOf(t, without); len(out.Signals) > 0 || r.Reason != "" {
		t.Errorf("a sequence without keys gives %d signals, %q; want nothing", len(out.Signals), r.Reason)
	}
}

func TestThreatsThatAreNone(t *testing.T) {
	for name, change := range map[string][2]string{
		"to an instance":           {`"resourceType":"AccessKey"`, `"resourceType":"Instance"`},
		"that was archived":        {`"archived":false`, `"archived":true`},
		"that is a sample":         {`"threatListName\":\"x\"`, `"sample\":true`},
		"that is an old sample":    {`"additionalInfo":{`, `"additionalInfo":{"sample":true,`},
		"that says it is a sample": {`"title":"`, `"title":"[SAMPLE] `},
	} {
		out, r := eventOf(t, strings.Replace(threat, change[0], change[1], 1))
		if len(out.Signals) > 0 || r.Reason != "" {
			t.Errorf("a threat %s gives %d signals, %q; want nothing", name, len(out.Signals), r.Reason)
		}
	}
}

func TestThreatsThatLackSomething(t *testing.T) {
	nobody := strings.NewReplacer(`"accessKeyId":"ASIAEXAMPLEORDERS001"`, `"accessKeyId":null`, `"userName":"orders-api"`, `"userName":""`).Replace(threat)
	if _, r := eventOf(t, nobody); r.Reason != SkipNoIdentity {
		t.Errorf("a threat to nobody is rejected as %q, want %q", r.Reason, SkipNoIdentity)
	}
	never := strings.NewReplacer("2026-03-04", "0000-00-00").Replace(threat)
	if _, r := eventOf(t, never); r.Reason != SkipNoEventTime {
		t.Errorf("a threat without a time is rejected as %q, want %q", r.Reason, SkipNoEventTime)
	}
	created := strings.Replace(threat, `"eventFirstSeen"`, `"x"`, 1)
	if got := signalOf(t, created); !got.Time.Equal(time.Date(2026, 3, 4, 9, 20, 0, 0, time.UTC)) {
		t.Errorf("without eventFirstSeen the time is %v, want createdAt", got.Time)
	}
	if got := signalOf(t, strings.Replace(threat, `5.5`, `"high"`, 1)); got.Threat.Severity != 0 {
		t.Errorf("a severity that is no number is %v, want 0", got.Threat.Severity)
	}
}

const notice = `{"eventArn":"arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_1","service":"RISK",
	"eventTypeCode":"AWS_RISK_CREDENTIALS_EXPOSED","eventTypeCategory":"issue","startTime":"Wed, 4 Mar 2026 09:15:00 GMT","affectedAccount":"111122223333",
	"eventDescription":[{"language":"en_US","latestDescription":"The key AKIAEXAMPLEBOB000001 of user bob was found at example.com/AKIAEXAMPLEBOB000001."}],
	"affectedEntities":[{"entityValue":"AKIAEXAMPLEBOB000001","tags":{}}]}`

func TestANoticeAboutAKey(t *testing.T) {
	want := incident.Signal{
		ID:      "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_1",
		Account: account, Partition: "aws", Time: eventTime, Kind: incident.ExposureNotice, Feed: incident.FromHealth, Count: 1,
		Target:   incident.Principal{Type: incident.AccessKey, Partition: "aws", Account: account, Name: "AKIAEXAMPLEBOB000001"},
		Key:      "AKIAEXAMPLEBOB000001",
		Exposure: &incident.Exposure{What: "secret_access_key", Where: "AWS_RISK_CREDENTIALS_EXPOSED"},
	}
	if diff := cmp.Diff(want, signalOf(t, notice)); diff != "" {
		t.Errorf("decoded otherwise (-want +got):\n%s", diff)
	}
}

func TestWhomANoticeIsAbout(t *testing.T) {
	const entity = `[{"entityValue":"AKIAEXAMPLEBOB000001","tags":{}}]`
	for _, tt := range []struct {
		name, entities string
		targets        []string
	}{
		{"the user whose ARN it names", `[{"entityValue":"arn:aws:iam::111122223333:user/bob"}]`, []string{"bob"}},
		{"one that is no list", `{"entityValue":"arn:aws:iam::111122223333:user/bob"}`, []string{"bob"}},
		{"each of several", `[{"entityValue":"AKIAEXAMPLEBOB000002"},{"entityValue":"AKIAEXAMPLEBOB000001"},{"entityValue":"AKIAEXAMPLEBOB000001"}]`, []string{"AKIAEXAMPLEBOB000001", "AKIAEXAMPLEBOB000002"}},
		{"the key in the text, where the entities say nothing", `[{"entityValue":"bob"},{"entityValue":7}]`, []string{"AKIAEXAMPLEBOB000001"}},
		{"the key in the text, where there are no entities", `null`, []string{"AKIAEXAMPLEBOB000001"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, r := eventOf(t, strings.Replace(notice, entity, tt.entities, 1))
			if r.Reason != "" {
				t.Fatalf("rejected: %s", r.Reason)
			}
			var targets []string
			ids := map[string]bool{}
			for _, s := range out.Signals {
				targets = append(targets, s.Target.Name)
				ids[s.ID] = true
			}
			if diff := cmp.Diff(tt.targets, targets); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			if len(ids) != len(out.Signals) {
				t.Errorf("%d signals share %d ids", len(out.Signals), len(ids))
			}
		})
	}
	t.Run("the account, where it names nobody", func(t *testing.T) {
		got := signalOf(t, strings.NewReplacer("AKIAEXAMPLE", "a key of ").Replace(notice))
		if got.Target != ofAccount(account) || got.Key != "" {
			t.Errorf("Target = %+v, Key = %q, want the account", got.Target, got.Key)
		}
	})
}

func TestNoticesOfOtherThings(t *testing.T) {
	for _, code := range []string{"AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED", "AWS_RISK_CREDENTIALS_EXPOSED_X", "aws_risk_credentials_exposed"} {
		out, r := eventOf(t, strings.Replace(notice, `"AWS_RISK_CREDENTIALS_EXPOSED"`, `"`+code+`"`, 1))
		if len(out.Signals) > 0 || r.Reason != "" {
			t.Errorf("%s gives %d signals, %q; want nothing", code, len(out.Signals), r.Reason)
		}
	}
}

func TestOtherEventsOfTheSameSourcesAreOfNoInterest(t *testing.T) {
	for _, source := range []string{guardDuty, health} {
		v, err := jsonscan.Parse([]byte(`{"version":"1","scanStatus":"COMPLETED"}`))
		if err != nil {
			t.Fatal(err)
		}
		var out decoded
		if r := decodeEvent(v, &envelope{Source: source, Time: eventTime}, &out); r.Reason != "" || len(out.Signals) > 0 {
			t.Errorf("%s: %q, %d signals; want nothing", source, r.Reason, len(out.Signals))
		}
	}
}

func TestAnotherServicesCallsAreRecordsStill(t *testing.T) {
	v, err := jsonscan.Parse([]byte(recordOf("guardduty.amazonaws.com", "GetFindings", byUser, params(`"type":"x"`), `"type":"x","resource":{},"service":{}`)))
	if err != nil {
		t.Fatal(err)
	}
	var out decoded
	if r := decodeEvent(v, &envelope{Source: guardDuty}, &out); r.Reason != "" || len(out.Uses) != 1 {
		t.Errorf("%q, %d uses; want one use", r.Reason, len(out.Uses))
	}
}

func TestFindingsAreRecognisedWithAndWithoutTheirEnvelope(t *testing.T) {
	wrap := func(source, detailType, detail string) string {
		return `{"version":"0","id":"d-1","detail-type":"` + detailType + `","source":"` + source +
			`","account":"111122223333","time":"2026-03-04T16:00:00Z","region":"eu-west-1","resources":[],"detail":` + detail + `}`
	}
	for name, text := range map[string]string{
		"a threat":         threat,
		"a threat's event": wrap(guardDuty, "GuardDuty Finding", threat),
		"a notice":         notice,
		"a notice's event": wrap(health, "AWS Health Event", notice),
	} {
		if c, _ := decodeText(t, text); len(c.signals) != 1 || len(c.skips) > 0 {
			t.Errorf("%s gives %d signals and %d skips, want one and none", name, len(c.signals), len(c.skips))
		}
	}
}
