package check

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

const account = "111122223333"

func sig(id string, kind incident.Kind, change func(*incident.Signal)) incident.Signal {
	s := incident.Signal{ID: id, Account: account, Partition: "aws", Region: "us-east-1", Time: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC), Kind: kind}
	s.Target = incident.Principal{Type: incident.Role, Account: account, Name: "deploy"}
	change(&s)
	return s
}

// github is a role's trust in GitHub's tokens on conditions.
func github(conditions ...incident.Condition) *incident.TrustPolicy {
	conditions = append(conditions, incident.Condition{Operator: "StringEquals", Key: "token.actions.githubusercontent.com:aud", Values: []string{"sts.amazonaws.com"}})
	return &incident.TrustPolicy{Statements: []incident.TrustStatement{{
		Principals: []incident.TrustPrincipal{{Type: "Federated", Value: "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}},
		Actions:    []string{"sts:AssumeRoleWithWebIdentity"}, Conditions: conditions,
	}}}
}

func subject(value string) incident.Condition {
	return incident.Condition{Operator: "StringEquals", Key: "token.actions.githubusercontent.com:sub", Values: []string{value}}
}

func environment(s *incident.Signal) {
	s.Target = incident.Principal{}
	s.Resource, s.Key = "function export", "AKIAEXAMPLEPARTNER01"
	s.Exposure = &incident.Exposure{What: "access_key_id", Where: "PARTNER"}
}

func key(user string) func(*incident.Signal) {
	return func(s *incident.Signal) {
		s.Target = incident.Principal{Type: incident.User, Account: account, Name: user}
		s.Key = "AKIAEXAMPLECI0000001"
	}
}

func session(d time.Duration) func(*incident.Signal) {
	return func(s *incident.Signal) { s.MaxSession = d }
}

func trust(t *incident.TrustPolicy) func(*incident.Signal) {
	return func(s *incident.Signal) { s.Trust = t }
}

// TestGuardRails has for each change beyond one a quiet twin.
func TestGuardRails(t *testing.T) {
	on := All(incident.DefaultSettings())
	off := incident.DefaultSettings()
	off.Checks.OIDCSubject = false
	for _, tt := range []struct {
		name     string
		sig      incident.Signal
		settings incident.Settings
		want     incident.CheckKind
	}{
		{"sessions may last half a day", sig("1", incident.RoleUpdated, session(12*time.Hour)), on, incident.SessionDuration},
		{"a new role's sessions may", sig("1", incident.RoleCreated, session(8*time.Hour)), on, incident.SessionDuration},
		{"sessions may last as long as the limit", sig("1", incident.RoleUpdated, session(4*time.Hour)), on, ""},
		{"only the description changed", sig("1", incident.RoleUpdated, session(0)), on, ""},
		{"any subject may assume the role", sig("1", incident.TrustChanged, trust(github())), on, incident.OIDCSubject},
		{"so may any of a new role", sig("1", incident.RoleCreated, trust(github())), on, incident.OIDCSubject},
		{"one branch may", sig("1", incident.RoleCreated, trust(github(subject("repo:acme/app:ref:refs/heads/main")))), on, ""},
		{"nobody looks at subjects", sig("1", incident.RoleCreated, trust(github())), off, ""},
		{"a document that cannot be read", sig("1", incident.RoleCreated, trust(&incident.TrustPolicy{Unreadable: true})), on, ""},
		{"a function has a key", sig("1", incident.StaticCredentials, environment), on, incident.StaticKeys},
		{"nobody looks at environments", sig("1", incident.StaticCredentials, environment), off, ""},
		{"a pipeline gets a key", sig("1", incident.KeyCreated, key("ci-release")), on, incident.CIKeys},
		{"a person gets one", sig("1", incident.KeyCreated, key("bob")), on, ""},
		{"nobody stands for pipelines", sig("1", incident.KeyCreated, key("ci-release")), off, ""},
	} {
		var kinds []incident.CheckKind
		for _, c := range Of([]incident.Signal{tt.sig}, tt.settings) {
			kinds = append(kinds, c.Kind)
			if c.Fact == "" || c.Fix == "" || c.EventID != "1" || !c.Subject.Known() {
				t.Errorf("%s: half a check: %+v", tt.name, c)
			}
		}
		var want []incident.CheckKind
		if tt.want != "" {
			want = append(want, tt.want)
		}
		if d := cmp.Diff(want, kinds); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestRolesMayBeBeyondTwoGuardRails(t *testing.T) {
	s := sig("1", incident.RoleCreated, trust(github()))
	s.MaxSession = 12 * time.Hour
	if got := Of([]incident.Signal{s, s}, incident.DefaultSettings()); len(got) != 2 || got[0].Kind == got[1].Kind {
		t.Errorf("%+v, want one of each kind", got)
	}
}

func TestNamesRunNothing(t *testing.T) {
	s := sig("1", incident.RoleUpdated, session(12*time.Hour))
	s.Target.Name = "x; curl example.com"
	if got := Of([]incident.Signal{s}, incident.DefaultSettings()); strings.Contains(got[0].Fix, "curl") {
		t.Errorf("the fix holds a name that a shell would run: %s", got[0].Fix)
	}
}

// recorded are the signals of events/single.
type recorded struct{ signals []incident.Signal }

func (r *recorded) Signal(s incident.Signal) { r.signals = append(r.signals, s) }
func (r *recorded) Use(incident.Use)         {}
func (r *recorded) Skipped(trail.Skip)       {}

func signals(t *testing.T) []incident.Signal {
	t.Helper()
	files, err := filepath.Glob("../../events/single/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var r recorded
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trail.Decode(bytes.NewReader(data), file, &r); err != nil {
			t.Fatal(err)
		}
	}
	return r.signals
}

func TestOrderAndCopiesMakeNoDifference(t *testing.T) {
	all := signals(t)
	settings := All(incident.DefaultSettings())
	want := Of(all, settings)
	if len(want) < 4 {
		t.Fatalf("only %d checks of the recorded events", len(want))
	}
	rapid.Check(t, func(t *rapid.T) {
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mixed := slices.Concat(all, all[:rapid.IntRange(0, len(all)).Draw(t, "copies")])
		order.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if d := cmp.Diff(want, Of(mixed, settings)); d != "" {
			t.Fatal(d)
		}
	})
}

// TestEnvironmentsMakeNoVerdict: what only a check looks at changes no finding.
func TestEnvironmentsMakeNoVerdict(t *testing.T) {
	all := signals(t)
	without := slices.DeleteFunc(slices.Clone(all), func(s incident.Signal) bool { return s.Kind == incident.StaticCredentials })
	if len(without) == len(all) {
		t.Fatal("no environment with a key is recorded")
	}
	at := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	find := func(list []incident.Signal) []incident.Finding {
		return correlate.Findings(correlate.Evidence{Signals: list}, incident.DefaultSettings(), at)
	}
	if d := cmp.Diff(find(without), find(all)); d != "" {
		t.Error(d)
	}
}

// TestFindingsAreToldOnce: an opened trust is a compromise, and no check besides.
func TestFindingsAreToldOnce(t *testing.T) {
	s := sig("1", incident.TrustChanged, trust(github()))
	at := s.Time.Add(time.Hour)
	e := correlate.Evidence{Signals: []incident.Signal{s}}
	settings := incident.DefaultSettings()
	findings := correlate.Findings(e, settings, at)
	if len(findings) != 1 || findings[0].Cause != incident.TrustOpened {
		t.Fatalf("%+v, want an opened trust", findings)
	}
	checks := Of(e.Signals, settings)
	if len(checks) != 1 || len(Besides(checks, findings)) != 0 || len(Besides(checks, nil)) != 1 {
		t.Errorf("%d checks, %d of them besides the finding", len(checks), len(Besides(checks, findings)))
	}
}
