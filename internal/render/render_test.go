package render

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-03-04 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// opened is a finding that uses most of what a finding can hold.
func opened() incident.Finding {
	const actor = "arn:aws:sts::111122223333:assumed-role/developer/lena"
	return incident.Finding{
		ID: "tv-4f1d2a90c3b7e815", Revision: 3, Status: incident.Settled,
		Account: "111122223333", Region: "us-east-1", Partition: "aws",
		Subject: incident.Subject{
			Principal: incident.Principal{
				Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "payments-role",
				ARN: "arn:aws:iam::111122223333:role/payments-role",
			},
			AccessKeyIDs: []string{"ASIAQPAYMENTS0000001", "ASIAQPAYMENTS0000002"},
		},
		Verdict: incident.Compromise, Cause: incident.TrustOpened, Confidence: 0.9738, Severity: incident.Critical,
		FirstSeen: at("10:00:00"), LastSeen: at("11:07:31"),
		Summary: "Role payments-role was opened to account 999988887777, which is neither yours nor trusted, and was assumed from there seven minutes later.",
		Evidence: []incident.Evidence{
			{EventID: "e-1", Time: at("10:00:00"), Signal: incident.TrustChanged, Actor: actor, SourceIP: "203.0.113.9", Direction: incident.Compromise, Weight: 3.4, Rule: "trust-opened", Fact: "role payments-role now trusts account 999988887777"},
			{EventID: "e-2", Time: at("10:07:02"), Signal: incident.SessionIssued, Actor: "arn:aws:iam::999988887777:user/somebody", SourceIP: "198.51.100.77", Direction: incident.Compromise, Weight: 2.9, Fact: "account 999988887777 assumed the role until 11:07:02"},
			{EventID: "e-3", Time: at("10:07:30"), Signal: incident.CallDenied, SourceIP: "198.51.100.77", Direction: incident.Compromise, Weight: 0.25, Fact: "iam:ListUsers was denied"},
			{EventID: "e-4", Time: at("10:07:31"), Signal: incident.CallDenied, SourceIP: "198.51.100.77", Direction: incident.Compromise, Weight: 0.25, Fact: "iam:ListRoles was denied"},
			{EventID: "e-5", Time: at("10:07:32"), Signal: incident.CallDenied, SourceIP: "198.51.100.77", Direction: incident.Compromise, Weight: 0.25, Fact: "s3:ListAllMyBuckets was denied"},
			{EventID: "e-6", Time: at("10:07:33"), Signal: incident.CallDenied, SourceIP: "198.51.100.77", Direction: incident.Compromise, Weight: 0.125, Fact: "kms:ListKeys was denied"},
			{EventID: "e-7", Time: at("11:07:31"), Signal: incident.CallDenied, SourceIP: "198.51.100.77", Weight: 0, Fact: "ec2:DescribeInstances was denied"},
		},
		CounterEvidence: []incident.Evidence{
			{EventID: "e-1", Time: at("10:00:00"), Signal: incident.TrustChanged, Actor: actor, SourceIP: "203.0.113.9", Direction: incident.PlannedChange, Weight: 0.8, Fact: "developer is listed as a deployer"},
		},
		WouldChange: []string{"Account 999988887777 among the trusted accounts of the configuration would make this a planned change."},
		NextSteps: []string{
			"Close the trust policy again: `aws iam update-assume-role-policy --role-name payments-role --policy-document file://trust.json`",
			"End the sessions that were issued: revoke active sessions of payments-role in the IAM console.",
			"Ask lena, who changed the policy from 203.0.113.9.",
			"Read what the session did: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=AccessKeyId,AttributeValue=ASIAQPAYMENTS0000002`",
			"Trust external accounts only with an sts:ExternalId.",
		},
		BlastRadius: &incident.BlastRadius{
			LiveSessions: 1, Until: at("11:07:02"),
			Principals: []string{"role/111122223333/payments-role"}, Services: []string{"s3.amazonaws.com", "sqs.amazonaws.com"},
		},
		ATTACK: []string{"T1098.003", "T1199"},
	}
}

// refresh is a refresh bug of a workload of which little is known.
func refresh() incident.Finding {
	return incident.Finding{
		ID: "tv-0c0c5ad2f4a4a8b1", Revision: 1, Status: incident.Open,
		Account: "111122223333", Region: "eu-west-1",
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "report-builder"}},
		Verdict: incident.Expiry, Cause: incident.RefreshBug, Confidence: 0.9997, Severity: incident.Low,
		FirstSeen: at("01:00:03"), LastSeen: at("09:00:04").Add(24 * time.Hour).Add(250 * time.Millisecond),
		Summary: "report-builder fails every hour, as long as its credentials live: it does not refresh them.",
		Evidence: []incident.Evidence{
			{EventID: "f-1", Time: at("01:00:03").Add(500 * time.Millisecond), Signal: incident.CredentialFailed, Direction: incident.Expiry, Weight: 4.256, Fact: "33 failures, one an hour"},
		},
		NextSteps: []string{"Let the SDK renew the credentials instead of keeping them in a variable."},
		Interval:  &incident.Interval{Period: time.Hour, Jitter: 4200 * time.Millisecond, Occurrences: 33, NextExpected: at("10:00:04").Add(24 * time.Hour)},
		Capped:    []string{"workload/111122223333/report-builder: more than 4000 credential_failed signals in the hour from 2026-03-04T01:00:00Z"},
	}
}

// quiet is the least that a finding can be.
func quiet() incident.Finding {
	return incident.Finding{
		ID: "tv-1", Revision: 1, Status: incident.Resolved, Account: "111122223333",
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Federated, Name: "repo:example/app:ref:refs/heads/main"}},
		Verdict: incident.PlannedChange, Cause: incident.ServiceManaged, Confidence: 0.6,
		FirstSeen: at("10:00:00"), LastSeen: at("10:00:00"), Summary: "A service cleaned up after itself.",
	}
}

// hostile carries what an attacker can choose: names, session names, facts.
func hostile() incident.Finding {
	f := opened()
	evil := "x\x1b[2J\x1b]0;owned\x07\u009b31m\u202egnp\u2066.\u200b\n\r\tCOMPROMISE nobody\x00\x7f\U000e0041 <b>&amp;\u2028"
	f.Subject.Name, f.Subject.ARN = evil, "arn:aws:iam::111122223333:role/"+evil
	f.Summary, f.Region, f.ID = evil, evil, evil
	f.Evidence = f.Evidence[:1]
	f.Evidence[0].Fact, f.Evidence[0].Actor, f.Evidence[0].SourceIP, f.Evidence[0].EventID = evil, evil, evil, evil
	f.NextSteps, f.WouldChange = []string{evil}, []string{evil}
	f.BlastRadius.Principals = []string{evil}
	return f
}

func TestGolden(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"opened.txt":       func(w io.Writer) error { return Text(w, opened(), TextOptions{}) },
		"opened-color.txt": func(w io.Writer) error { return Text(w, opened(), TextOptions{Color: true}) },
		"suppressed.txt": func(w io.Writer) error {
			return Text(w, quiet(), TextOptions{Silence: "until 2026-03-06 00:00 UTC: the partner's onboarding is known"})
		},
		"refresh.txt":     func(w io.Writer) error { return Text(w, refresh(), TextOptions{}) },
		"findings.ndjson": each(JSON, opened(), refresh(), quiet(), hostile()),
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func each(write func(io.Writer, incident.Finding) error, list ...incident.Finding) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, f := range list {
			if err := write(w, f); err != nil {
				return err
			}
		}
		return nil
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("differs from %s (run the test with -update if that is meant): %s", path, d)
	}
}

func TestTextFitsEightyColumns(t *testing.T) {
	for _, f := range []incident.Finding{opened(), refresh(), quiet()} {
		for _, verbose := range []bool{false, true} {
			var b bytes.Buffer
			if err := Text(&b, f, TextOptions{Verbose: verbose}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				// Commands and links stay in one piece, so that they can be copied.
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 && !strings.Contains(line, "`") && !strings.HasPrefix(line, "      https://") {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		}
	}
}

// TestJSONHasTheContractsShape compares names, order and kinds with section 3
// of the contract, which scripts rely on.
func TestJSONHasTheContractsShape(t *testing.T) {
	keys := func(f incident.Finding) string {
		var b bytes.Buffer
		if err := JSON(&b, f); err != nil {
			t.Fatal(err)
		}
		return shape(t, json.NewDecoder(&b))
	}
	evidence := "[{eventId time signal actor sourceIPAddress direction weight fact}]"
	head := "schema id revision status account region partition subject:{type name arn accessKeyIds:[]} verdict cause confidence severity firstSeen lastSeen summary "
	want := "{" + head + "evidence:" + evidence + " counterEvidence:" + evidence + " wouldChange:[] nextSteps:[] blastRadius:{liveSessions until principals:[] services:[]} attack:[]}"
	full := opened()
	full.Evidence = full.Evidence[:1]
	if d := cmp.Diff(want, keys(full)); d != "" {
		t.Error(d)
	}
	want = "{" + strings.Replace(head, " arn", "", 1) + "evidence:[{eventId time signal direction weight fact}] counterEvidence:[] wouldChange:[] nextSteps:[] interval:{periodSeconds jitterSeconds occurrences nextExpected} attack:[]}"
	if d := cmp.Diff(want, keys(refresh())); d != "" {
		t.Error(d)
	}
}

// shape writes the keys of a JSON value in their order. Of an array it writes
// what its members have in common with the first, and nothing for scalars.
func shape(t *testing.T, dec *json.Decoder) string {
	t.Helper()
	token, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return ""
	}
	var parts []string
	for dec.More() {
		if delim == '[' {
			if s := shape(t, dec); s != "" {
				parts = append(parts, s)
			}
			continue
		}
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		part := fmt.Sprint(key)
		if s := shape(t, dec); s != "" {
			part += ":" + s
		}
		parts = append(parts, part)
	}
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	if delim == '[' {
		return "[" + strings.Join(parts, " ") + "]"
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func TestNumbersThatAreNoneDoNotSpoilTheOutput(t *testing.T) {
	f := opened()
	f.Confidence, f.Evidence[0].Weight = math.NaN(), math.Inf(1)
	for _, write := range []func(io.Writer) error{each(JSON, f), func(w io.Writer) error { return OCSF(w, f, "") }} {
		if err := write(io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingHarmfulComesOut puts any text into every place that an attacker
// can write to, and looks for what a terminal could act on.
func TestNothingHarmfulComesOut(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		evil := rapid.StringOf(rapid.Rune()).Draw(r, "text")
		f := opened()
		f.Subject.Name, f.Summary, f.Region, f.ID = evil, evil, evil, evil
		f.Evidence[0].Fact, f.Evidence[0].Actor, f.Evidence[0].SourceIP = evil, evil, evil
		f.NextSteps, f.WouldChange, f.BlastRadius.Services = []string{evil}, []string{evil}, []string{evil}
		for name, write := range map[string]func(io.Writer) error{
			"text": func(w io.Writer) error { return Text(w, f, TextOptions{Verbose: true}) },
			"json": each(JSON, f),
			"ocsf": func(w io.Writer) error { return OCSF(w, f, evil) },
			"asff": func(w io.Writer) error { _, err := ASFF(w, []incident.Finding{f}, evil); return err },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				r.Fatal(err)
			}
			for _, c := range b.String() {
				if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
					r.Fatalf("%s: %q comes out for %q", name, c, evil)
				}
			}
			if name != "text" && !json.Valid(b.Bytes()) {
				r.Fatalf("%s: not JSON: %s", name, b.Bytes())
			}
		}
	})
}

// TestJSONKeepsText proves that escaping changes the spelling alone.
func TestJSONKeepsText(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := opened()
		f.Summary = rapid.String().Draw(r, "summary")
		var b bytes.Buffer
		if err := JSON(&b, f); err != nil {
			r.Fatal(err)
		}
		var back struct{ Summary string }
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			r.Fatal(err)
		}
		if back.Summary != f.Summary {
			r.Fatalf("summary = %q, want %q", back.Summary, f.Summary)
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestErrorsOfTheWriterComeBack(t *testing.T) {
	for name, err := range map[string]error{
		"text": Text(failing{}, quiet(), TextOptions{}),
		"json": JSON(failing{}, quiet()),
		"ocsf": OCSF(failing{}, quiet(), ""),
		"asff": func() error { _, err := ASFF(failing{}, []incident.Finding{opened()}, ""); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error from a writer that fails", name)
		}
	}
}

func TestAWideReachIsCounted(t *testing.T) {
	var names []string
	for i := range 420 {
		names = append(names, fmt.Sprintf("w%03d", i))
	}
	few, many := reach(incident.BlastRadius{LiveSessions: 20, Principals: names[:20]}, at("10:00:00"), time.Time{}), reach(incident.BlastRadius{LiveSessions: 420, Principals: names}, at("10:00:00"), time.Time{})
	if !strings.HasSuffix(few, "w018, w019") || strings.Contains(few, "more") {
		t.Errorf("few: %s", few)
	}
	if !strings.HasSuffix(many, "w018, w019, and 400 more") {
		t.Errorf("many: %s", many)
	}
}
