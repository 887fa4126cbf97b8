package rules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/eventpattern"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

func all(t *testing.T) []Rule {
	t.Helper()
	rules, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// taken are the names of the rules that take an event.
func taken(t *testing.T, event []byte) []string {
	t.Helper()
	names := []string{}
	for _, r := range all(t) {
		p, err := eventpattern.Parse([]byte(r.Pattern))
		if err != nil {
			t.Fatalf("rule %s: %v", r.Name, err)
		}
		yes, err := p.Matches(event)
		if err != nil {
			t.Fatal(err)
		}
		if yes {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestRulesFitAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range all(t) {
		if len([]rune(r.Pattern)) > MaxPattern {
			t.Errorf("%s: the pattern has %d characters", r.Name, len(r.Pattern))
		}
		if seen[r.Name] {
			t.Errorf("%s: there are two rules of that name", r.Name)
		}
		if r.Name == "" || r.Description == "" || r.Purpose == "" {
			t.Errorf("%+v says too little", r)
		}
		seen[r.Name] = true
	}
}

// meaning is what the decoder makes of an event.
type meaning struct {
	signals []incident.Signal
	uses    []incident.Use
}

func (m *meaning) Signal(s incident.Signal) { m.signals = append(m.signals, s) }
func (m *meaning) Use(u incident.Use)       { m.uses = append(m.uses, u) }
func (m *meaning) Skipped(trail.Skip)       {}

// envelope is what of an event says which rule it is for.
type envelope struct {
	Source     string
	DetailType string `json:"detail-type"`
	Detail     struct{ EventSource, EventName, ErrorCode, ErrorMessage string }
}

// wanted is the rule that should take an event, judged by what the decoder
// makes of it and not by any pattern.
func wanted(e envelope, m meaning) string {
	switch e.Detail.EventName {
	case "RegisterTaskDefinition":
		return "EnvironmentsEcs"
	case "CreateFunction20150331", "UpdateFunctionConfiguration20150331v2":
		return "EnvironmentsLambda"
	}
	if len(m.signals) == 0 {
		switch e.Detail.EventName {
		case "GetCallerIdentity":
			return "Sessions"
		case "ConsoleLogin":
			return "SignIns"
		}
		if e.Source == trail.CanarySource {
			return "Canaries"
		}
		return ""
	}
	switch kind := m.signals[0].Kind; kind {
	case incident.SessionIssued:
		return "Sessions"
	case incident.SignInFailed:
		return "SignIns"
	case incident.ThreatFinding:
		return "Threats"
	case incident.ExposureNotice:
		return "ExposedKeys"
	case incident.CallDenied:
		if m.signals[0].Denial.Explicit {
			return "ExplicitDenials"
		}
		return "OtherDenials"
	case incident.CredentialFailed:
		if m.signals[0].Feed == incident.FromClient {
			return "ClientFailures"
		}
		return "RefusedCredentials"
	case incident.CredentialExposed:
		return "" // the intake sends it to the queue; a bus is not believed
	}
	switch {
	case e.Detail.EventName == "RevokeSession":
		return "NamedRevocations"
	case e.Source == "aws.cloudtrail":
		return "AuditChanges"
	}
	return "IdentityChanges"
}

func TestRulesMeetEvents(t *testing.T) {
	files, err := filepath.Glob("../../events/single/*.json")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d events, %v", len(files), err)
	}
	reached := map[string]int{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			event, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var e envelope
			if json.Unmarshal(event, &e) != nil || e.DetailType == "" {
				t.Skip("comes by another way than EventBridge")
			}
			var m meaning
			if _, err := trail.Decode(bytes.NewReader(event), "", &m); err != nil {
				t.Fatal(err)
			}
			want := []string{}
			if name := wanted(e, m); name != "" {
				want = append(want, name)
			}
			got := taken(t, event)
			if !slices.Equal(got, want) {
				t.Errorf("taken by %v, want %v; %d signals, %d uses", got, want, len(m.signals), len(m.uses))
			}
			for _, name := range got {
				reached[name]++
			}
		})
	}
	for _, r := range all(t) {
		if reached[r.Name] == 0 {
			t.Errorf("no event of events/single reaches %s", r.Name)
		}
	}
}

// TestEveryEntryIsDelivered makes the barest event of each entry of the
// catalogue.
func TestEveryEntryIsDelivered(t *testing.T) {
	undelivered := []trail.Purpose{trail.LogLine, trail.Intake}
	for _, e := range trail.Catalogue() {
		if slices.Contains(undelivered, e.Purpose) || e.Purpose == trail.Usage && e.Name == "" {
			continue
		}
		for _, event := range barest(e) {
			if got := taken(t, event); len(got) != 1 {
				t.Errorf("%s: %s is taken by %v, want one rule", e.Title, event, got)
			}
		}
	}
}

// barest returns an event of an entry, or one for each of its codes.
func barest(e trail.Entry) [][]byte {
	detail := map[string]any{"eventName": e.Name, "eventSource": e.Source}
	event := map[string]any{"source": service(e.Source), "detail-type": "AWS API Call via CloudTrail", "detail": detail}
	switch {
	case e.Purpose == trail.Threat:
		event["source"], event["detail-type"] = e.Source, e.Name
		event["detail"] = map[string]any{"resource": map[string]any{"resourceType": "AccessKey"}}
	case e.Purpose == trail.Health:
		event["source"], event["detail-type"] = e.Source, "AWS Health Event"
		event["detail"] = map[string]any{"eventTypeCode": e.Name}
	case e.Purpose == trail.Client, e.Purpose == trail.Canary:
		event["source"], event["detail-type"] = e.Source, e.Name
		detail = map[string]any{}
		event["detail"] = detail
	case e.Source == "":
		event["source"], detail["eventSource"] = "aws.ec2", "ec2.amazonaws.com"
	}
	codes := e.Codes
	if len(codes) == 0 {
		codes = []string{""}
	}
	var events [][]byte
	for _, code := range codes {
		if code != "" {
			detail["errorCode"] = code
		}
		text, err := json.Marshal(event)
		if err != nil {
			return nil
		}
		events = append(events, text)
	}
	return events
}

func TestQuietEventsPassNoRule(t *testing.T) {
	for name, event := range map[string]string{
		"bulk reading":                      `{"source":"aws.ec2","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","readOnly":true,"userIdentity":{"type":"AssumedRole"}}}`,
		"IAM being read":                    `{"source":"aws.iam","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"iam.amazonaws.com","eventName":"GetRole","readOnly":true}}`,
		"an ordinary error":                 `{"source":"aws.iam","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"iam.amazonaws.com","eventName":"DeleteRole","errorCode":"NoSuchEntityException"}}`,
		"a code that holds another":         `{"source":"aws.cloudtrail","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"cloudtrail.amazonaws.com","eventName":"CreateTrail","errorCode":"CloudTrailInvalidClientTokenIdException"}}`,
		"EC2's code for permissions":        `{"source":"aws.ec2","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"ec2.amazonaws.com","eventName":"CreateFlowLogs","errorCode":"Client.AuthFailure"}}`,
		"the same name in another service":  `{"source":"aws.cognito-idp","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"cognito-idp.amazonaws.com","eventName":"CreateUser"}}`,
		"the end user's session":            `{"source":"aws.cognito-idp","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"cognito-idp.amazonaws.com","eventName":"RevokeToken"}}`,
		"a service that is refused":         `{"source":"aws.s3","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"s3.amazonaws.com","eventName":"PutObject","errorCode":"AccessDenied","userIdentity":{"type":"AWSService","invokedBy":"delivery.logs.amazonaws.com"}}}`,
		"a made-up deletion":                `{"source":"custom.iam","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"iam.amazonaws.com","eventName":"DeleteRole"}}`,
		"a made-up revocation":              `{"source":"custom","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"sts.amazonaws.com","eventName":"RevokeSession"}}`,
		"a made-up denial":                  `{"source":"custom","detail-type":"AWS API Call via CloudTrail","detail":{"errorCode":"AccessDenied","userIdentity":{"type":"IAMUser"}}}`,
		"what is only called a canary":      `{"source":"custom","detail-type":"trailverdict Canary","detail":{"canaryId":"1","sentAt":"2026-03-01T10:00:00Z"}}`,
		"a client's throttling":             `{"source":"trailverdict.client","detail-type":"AWS Credential Failure","detail":{"errorCode":"Throttling"}}`,
		"an error code that is no record's": `{"source":"aws.batch","detail-type":"Batch Job State Change","detail":{"errorCode":"AccessDenied"}}`,
		"a finding about an instance":       `{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"resource":{"resourceType":"Instance"},"service":{"archived":false}}}`,
		"a finding that was dealt with":     `{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"resource":{"resourceType":"AccessKey"},"service":{"archived":true}}}`,
		"another notice of AWS Health":      `{"source":"aws.health","detail-type":"AWS Health Event","detail":{"eventTypeCode":"AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED"}}`,
	} {
		if got := taken(t, []byte(event)); len(got) > 0 {
			t.Errorf("%s passes %s", name, strings.Join(got, ", "))
		}
	}
}

func TestLongListsBecomeSeveralRules(t *testing.T) {
	values := make([]string, 300)
	for i := range values {
		values[i] = "SomeCall" + strings.Repeat("x", i%7)
	}
	d := draft{Rule{Name: "Long"}, values, succeeded(fromAWS(), "some.amazonaws.com")}
	rules, err := d.rules()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		var p struct{ Detail struct{ EventName []string } }
		if err := json.Unmarshal([]byte(r.Pattern), &p); err != nil {
			t.Fatal(err)
		}
		if len(r.Pattern) > MaxPattern || len(p.Detail.EventName) == 0 {
			t.Errorf("%s has %d characters and %d names", r.Name, len(r.Pattern), len(p.Detail.EventName))
		}
		got = append(got, p.Detail.EventName...)
	}
	if len(rules) < 2 || !slices.Equal(got, values) {
		t.Errorf("%d rules hold %d of %d names", len(rules), len(got), len(values))
	}
	d.values = []string{strings.Repeat("x", MaxPattern)}
	if _, err := d.rules(); err == nil {
		t.Error("a name that fits no pattern is taken")
	}
}
