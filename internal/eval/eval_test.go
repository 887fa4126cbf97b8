package eval

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// judged are six answers whose figures can be worked out by hand: two right
// ones, one with the wrong cause, one missed compromise, one false one, and one
// case of silence.
var judged = []Judged{
	{Case: "right", Want: incident.Compromise, WantCause: incident.TrustOpened, Got: incident.Compromise, GotCause: incident.TrustOpened, Confidence: 0.9},
	{Case: "sure", Want: incident.Expiry, Got: incident.Expiry, GotCause: incident.TokenExpired, Confidence: 1},
	{Case: "other cause", Want: incident.Compromise, WantCause: incident.TrustOpened, Got: incident.Compromise, GotCause: incident.TokenExposed, Confidence: 0.8},
	{Case: "missed", Want: incident.Compromise, WantCause: incident.TokenExposed, Got: None},
	{Case: "false", Want: None, Got: incident.Compromise, GotCause: incident.TokenExposed, Confidence: 0.8},
	{Case: "quiet", Want: None, Got: None},
}

func TestScore(t *testing.T) {
	got := Score(judged)
	want := Scores{
		Cases: 6, Right: 4, CausesRight: 1, CausesAsked: 3, FalseAlarms: 1, FalseCompromises: 1, Missed: 1,
		Brier: (0.1*0.1 + 0 + 0.2*0.2 + 0.8*0.8) / 4,
		Matrix: map[incident.Verdict]map[incident.Verdict]int{
			incident.Compromise: {incident.Compromise: 2, None: 1},
			incident.Expiry:     {incident.Expiry: 1},
			None:                {incident.Compromise: 1, None: 1},
		},
		Bins: []Bin{
			{From: 0.8, To: 0.9, Findings: 2, Confidence: 0.8, Right: 0.5},
			{From: 0.9, To: 0.95, Findings: 1, Confidence: 0.9, Right: 1},
			{From: 0.99, To: 1, Findings: 1, Confidence: 1, Right: 1},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("Score() (-want +got):\n%s", d)
	}
}

func TestScoreOfNothing(t *testing.T) {
	if s := Score(nil); s.Cases != 0 || math.IsNaN(s.Brier) || len(s.Bins) != 0 {
		t.Errorf("Score(nil) = %+v", s)
	}
	if text := Score(nil).Markdown(); !strings.Contains(text, "verdict right –") {
		t.Errorf("Markdown() = %q; a share of nothing is no number", text)
	}
}

// TestEveryFindingIsInOneBin holds the reliability table to the whole range.
func TestEveryFindingIsInOneBin(t *testing.T) {
	var cases []Judged
	for i := range 101 {
		cases = append(cases, Judged{Want: incident.Expiry, Got: incident.Expiry, Confidence: float64(i) / 100})
	}
	findings := 0
	for _, b := range Score(cases).Bins {
		findings += b.Findings
		if b.Confidence < b.From || b.Confidence > b.To {
			t.Errorf("mean confidence %.3f in the bin from %.2f to %.2f", b.Confidence, b.From, b.To)
		}
	}
	if findings != len(cases) {
		t.Errorf("%d findings in the bins, want %d", findings, len(cases))
	}
}

func TestSectionNamesWhatIsWrong(t *testing.T) {
	text := Section("Some set", judged)
	for _, want := range []string{
		"### Some set\n\n6 labelled subjects; verdict right 66.7 % (4 of 6); cause right 33.3 % (1 of 3); false alarms 1; compromise called wrongly 1; compromise missed 1; Brier score 0.173.\n",
		"| compromise | 2 | 0 | 0 | 0 | 0 | 1 |\n",
		"| 0.80–0.90 | 2 | 0.800 | 0.500 |\n",
		"- missed: none () instead of compromise (token_exposed), confidence 0.00\n",
		"- false: compromise (token_exposed) instead of none (), confidence 0.80\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the section does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(Section("Some set", judged[:2]), "otherwise") {
		t.Error("a set without errors lists some")
	}
}

func finding(name string, v incident.Verdict, c incident.Cause, s incident.Severity) incident.Finding {
	return incident.Finding{Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: name}}, Verdict: v, Cause: c, Severity: s, Confidence: 0.9}
}

func TestMatch(t *testing.T) {
	opened := finding("a", incident.Compromise, incident.TrustOpened, incident.Critical)
	exposed := finding("a", incident.Compromise, incident.TokenExposed, incident.High)
	expired := finding("a", incident.Expiry, incident.TokenExpired, incident.Low)
	rotated := finding("a", incident.PlannedChange, incident.KeyRotated, incident.Informational)
	elsewhere := finding("b", incident.Compromise, incident.TrustOpened, incident.Critical)
	for _, test := range []struct {
		name     string
		labels   []Label
		findings []incident.Finding
		want     []string // what was wanted and got
	}{
		{"nothing expected, nothing said", nil, nil, []string{"none none"}},
		{"what nobody labelled is a false alarm", nil, []incident.Finding{opened}, []string{"none compromise"}},
		{"what is informational is quiet", nil, []incident.Finding{rotated}, []string{"none none"}},
		{"a label is met", []Label{{"role a", incident.Compromise, incident.TrustOpened}}, []incident.Finding{opened}, []string{"compromise compromise"}},
		{"silence where something is labelled", []Label{{"role a", incident.Compromise, incident.TrustOpened}}, nil, []string{"compromise none"}},
		{"a finding about another subject meets no label", []Label{{"role a", incident.Compromise, incident.TrustOpened}}, []incident.Finding{elsewhere}, []string{"compromise none", "none compromise"}},
		{"another verdict about the subject is the answer", []Label{{"role a", incident.Expiry, incident.TokenExpired}}, []incident.Finding{opened}, []string{"expiry compromise"}},
		{"a planned change is kept on record", []Label{{"role a", incident.PlannedChange, incident.KeyRotated}}, []incident.Finding{rotated}, []string{"planned_change planned_change"}},
		{"one finding meets one label", []Label{{"role a", incident.Compromise, incident.TrustOpened}, {"role a", incident.Compromise, incident.TrustOpened}}, []incident.Finding{opened}, []string{"compromise compromise", "compromise none"}},
		{"two labels of one subject meet their own findings", []Label{{"role a", incident.Expiry, incident.TokenExpired}, {"role a", incident.Compromise, incident.TokenExposed}}, []incident.Finding{exposed, expired}, []string{"expiry expiry", "compromise compromise"}},
		{"the cause decides between equal verdicts", []Label{{"role a", incident.Compromise, incident.TokenExposed}}, []incident.Finding{opened, exposed}, []string{"compromise compromise", "none compromise"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, j := range Match("case", test.labels, test.findings) {
				got = append(got, string(j.Want)+" "+string(j.Got))
				if j.WantCause != "" && j.Right() && j.GotCause != j.WantCause {
					t.Errorf("cause %s instead of %s", j.GotCause, j.WantCause)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("Match() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestAttackWantsItsOwnCauseWhereItIsWatched(t *testing.T) {
	added := finding("u", incident.Compromise, incident.CredentialsAdded, incident.High)
	opened := finding("a", incident.Compromise, incident.TrustOpened, incident.Critical)
	weak := finding("a", incident.Inconclusive, incident.UnexplainedTrustChange, incident.Low)
	quiet := finding("a", incident.PlannedChange, incident.TrustChangedByOwner, incident.Informational)
	for _, test := range []struct {
		name, technique string
		findings        []incident.Finding
		verdict         incident.Verdict
		cause           incident.Cause
	}{
		{"its own cause among others", "iam-backdoor-role", []incident.Finding{added, opened, added}, incident.Compromise, incident.TrustOpened},
		{"another cause", "iam-backdoor-role", []incident.Finding{added}, incident.Compromise, incident.CredentialsAdded},
		{"no compromise", "iam-backdoor-role", []incident.Finding{weak}, incident.Inconclusive, incident.UnexplainedTrustChange},
		{"what is informational is quiet", "iam-backdoor-role", []incident.Finding{quiet}, None, ""},
		{"a technique that is not watched", "ec2-steal-credentials", []incident.Finding{opened}, incident.Compromise, incident.TrustOpened},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := attack(test.technique, test.findings)
			if got.Want != incident.Compromise || got.Got != test.verdict || got.GotCause != test.cause {
				t.Errorf("attack() = %+v, want %s (%s)", got, test.verdict, test.cause)
			}
		})
	}
}

func TestPantherTakesTheRulesThatAskWhatWeAsk(t *testing.T) {
	const record = `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/bob","accountId":"111122223333","userName":"bob"},"eventTime":"2026-03-01T10:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"%","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"x","requestParameters":{"name":"main"},"responseElements":null,"eventID":"e","recipientAccountId":"111122223333"}`
	var lines []string
	for _, test := range [][3]string{{"AWS.CloudTrail.Stopped", "StopLogging", "true"}, {"AWS.CloudTrail.Stopped", "DescribeTrails", "false"}, {"AWS.S3.Something", "StopLogging", "false"}} {
		lines = append(lines, `{"rule":"`+test[0]+`","test":"`+test[1]+`","panther_expected":`+test[2]+`,"record":`+strings.Replace(record, "%", test[1], 1)+`}`)
	}
	got, err := Panther(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(got) != 2 || !got[0].Right() || got[0].Want != incident.Compromise || !got[1].Right() || got[1].Want != None {
		t.Errorf("Panther() = %+v, %v; want two that are right, one of them a compromise", got, err)
	}
	if _, err := Panther(strings.NewReader("no JSON")); err == nil {
		t.Error("a broken file of tests is no error")
	}
}

// TestThePageSaysWhatIsMeasured keeps the figures of the project's own stories in
// docs/accuracy.md, which need nothing but a clone to be measured again.
func TestThePageSaysWhatIsMeasured(t *testing.T) {
	cases, err := Stories(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/accuracy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- begin verdicts -->\n")
	if !found {
		t.Fatal("docs/accuracy.md has no place for the figures")
	}
	if want := Section(StoriesTitle, cases); !strings.HasPrefix(rest, want) {
		t.Errorf("docs/accuracy.md is not what is measured (make eval): %s", cmp.Diff(want, rest[:min(len(rest), len(want))]))
	}
}
