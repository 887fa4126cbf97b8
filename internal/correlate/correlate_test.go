package correlate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func settings(change func(*incident.Settings)) incident.Settings {
	s := incident.DefaultSettings()
	if change != nil {
		change(&s)
	}
	return s
}

func responderIs(name string) func(*incident.Settings) {
	return func(s *incident.Settings) { s.Responders = []string{name} }
}

// Each story has a quiet twin next to it: the same events but for the one that
// makes the difference.
func TestVerdicts(t *testing.T) {
	payments, eve, oncall := role("payments"), by(user("eve")), by(role("oncall"))
	tests := []struct {
		name   string
		config func(*incident.Settings)
		tell   func(*story)
		want   []string
	}{
		{"a stranger revokes and calls fail", nil, func(s *story) {
			s.revoke(0, eve, payments)
			s.deny(5, payments, -30, 4, "198.51.100.7", "Boto3/1.34")
		}, []string{"role payments: compromise sessions_revoked_by_stranger high"}},
		{"a responder revokes and calls fail from the usual place", responderIs("oncall"), func(s *story) {
			s.use(payments, "ASIAOLD", -600, -1, "198.51.100.7", "boto3")
			s.revoke(0, oncall, payments)
			s.deny(5, payments, -30, 4, "198.51.100.7", "Boto3/1.34")
		}, []string{"role payments: planned_change sessions_revoked_by_responder low"}},
		{"a responder revokes and calls come from a new network", responderIs("oncall"), func(s *story) {
			s.use(payments, "ASIAOLD", -600, -1, "198.51.100.7", "boto3")
			s.revoke(0, oncall, payments)
			s.deny(5, payments, -30, 4, "203.0.113.66", "Boto3/1.34")
		}, []string{"role payments: compromise containment_evaded critical"}},
		{"a stranger revokes and nothing follows", nil, func(s *story) {
			s.revoke(0, eve, payments)
		}, []string{"role payments: inconclusive unexplained_revocation low"}},
		{"a responder revokes and nothing follows", responderIs("oncall"), func(s *story) {
			s.revoke(0, oncall, payments)
		}, []string{"role payments: planned_change sessions_revoked_by_responder informational"}},
		{"the role lifts its own revocation", responderIs("oncall"), func(s *story) {
			s.revoke(0, oncall, payments)
			s.change(3, incident.InlinePolicyDeleted, by(payments), payments).Policy = &incident.Policy{Name: "AWSRevokeOlderSessions"}
		}, []string{"role payments: compromise containment_undone critical"}},
		{"the responder lifts the revocation", responderIs("oncall"), func(s *story) {
			s.revoke(0, oncall, payments)
			s.change(300, incident.InlinePolicyDeleted, oncall, payments).Policy = &incident.Policy{Name: "AWSRevokeOlderSessions"}
		}, []string{"role payments: planned_change containment_lifted informational"}},
		{"a key fails after its known expiration", nil, func(s *story) {
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.fail(61, "ASIA1", 2, "InvalidClientTokenId")
		}, []string{"role payments: expiry token_expired low"}},
		{"a key fails before its known expiration", nil, func(s *story) {
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.fail(20, "ASIA1", 6, "InvalidClientTokenId")
		}, []string{"role payments: inconclusive unexplained_failures low"}},
		{"one failure is no spike", nil, func(s *story) {
			s.fail(0, "ASIAUNKNOWN", 1, "InvalidClientTokenId")
		}, nil},
		{"many failures at once of an unknown key", nil, func(s *story) {
			s.fail(0, "ASIAUNKNOWN", 12, "InvalidClientTokenId")
		}, []string{"access_key ASIAUNKNOWN: inconclusive unexplained_failures low"}},
		{"a stranger deletes the role and its keys fail", nil, func(s *story) {
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.change(10, incident.RoleDeleted, eve, payments)
			s.fail(12, "ASIA1", 4, "InvalidClientTokenId")
		}, []string{"role payments: compromise role_deleted_by_stranger high"}},
		{"who created the role deletes it and its keys fail", nil, func(s *story) {
			s.change(-900, incident.RoleCreated, by(role("deploy")), payments)
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.change(10, incident.RoleDeleted, by(role("deploy")), payments)
			s.fail(12, "ASIA1", 4, "InvalidClientTokenId")
		}, []string{"role payments: planned_change role_deleted_by_owner low"}},
		{"a stranger deletes the role after the key had expired", nil, func(s *story) {
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.change(70, incident.RoleDeleted, eve, payments)
			s.fail(75, "ASIA1", 4, "InvalidClientTokenId")
		}, []string{"role payments: expiry token_expired low"}},
		{"a stranger who calls itself Terraform deletes the role", nil, func(s *story) {
			eve := eve
			eve.UserAgent = "APN/1.0 HashiCorp/1.0 Terraform/1.7.0"
			s.issue(0, payments, "ASIA1", by(user("ci")))
			s.change(10, incident.RoleDeleted, eve, payments)
			s.fail(12, "ASIA1", 4, "InvalidClientTokenId")
		}, []string{"role payments: compromise role_deleted_by_stranger high"}},
		{"CloudFormation deletes the role", nil, func(s *story) {
			a := by(user("dev"))
			a.InvokedBy = "cloudformation.amazonaws.com"
			s.change(0, incident.RoleDeleted, a, payments)
		}, []string{"role payments: planned_change role_deleted_by_owner informational"}},
		{"a deployer whose key GuardDuty reports deletes the role", func(s *incident.Settings) { s.Deployers = []string{"deploy"} }, func(s *story) {
			a := by(role("deploy"))
			s.add(incident.Signal{Time: at(-20), Kind: incident.ThreatFinding, Target: role("deploy"), Key: a.AccessKeyID, Threat: &incident.Threat{Type: "UnauthorizedAccess:IAMUser/TorIPCaller"}})
			s.change(0, incident.RoleDeleted, a, payments)
		}, []string{"role deploy: compromise used_from_elsewhere critical", "role payments: compromise role_deleted_by_stranger critical"}},
		{"a key is switched off after its replacement was used", nil, func(s *story) {
			app := user("app")
			s.use(app, "AKIAOLD", -6000, -10, "198.51.100.7", "boto3")
			s.change(-100, incident.KeyCreated, by(user("admin")), app).Key = "AKIANEW"
			s.use(app, "AKIANEW", -90, 60, "198.51.100.9", "boto3")
			off := s.change(0, incident.KeyStatusChanged, by(user("admin")), app)
			off.Key, off.KeyStatus = "AKIAOLD", "Inactive"
			s.fail(5, "AKIAOLD", 8, "InvalidClientTokenId")
		}, []string{"user app: planned_change key_rotated low"}},
		{"a key is switched off after its replacement was used by somebody else", nil, func(s *story) {
			app := user("app")
			s.use(app, "AKIAOLD", -6000, -10, "198.51.100.7", "boto3")
			s.change(-100, incident.KeyCreated, eve, app).Key = "AKIANEW"
			s.use(app, "AKIANEW", -90, 60, "203.0.113.66", "aws-cli")
			off := s.change(0, incident.KeyStatusChanged, eve, app)
			off.Key, off.KeyStatus = "AKIAOLD", "Inactive"
			s.fail(5, "AKIAOLD", 8, "InvalidClientTokenId")
		}, []string{"user app: compromise key_disabled_by_stranger high"}},
		{"hourly failures with renewals in between", nil, func(s *story) {
			for h := range 8 {
				s.issue(float64(h)*60+1, payments, "ASIA"+string(rune('A'+h)), by(user("ci")))
				s.fail(float64(h)*60+60, "", 1, "ExpiredToken")
			}
			for k := range s.e.Signals {
				if s.e.Signals[k].Kind == incident.CredentialFailed {
					s.e.Signals[k].Target = payments
				}
			}
		}, []string{"role payments: expiry refresh_bug low"}},
		{"hourly failures of a key that was switched off", nil, func(s *story) {
			app := user("app")
			off := s.change(-1, incident.KeyStatusChanged, by(app), app)
			off.Key, off.KeyStatus = "AKIAOLD", "Inactive"
			for h := range 8 {
				s.fail(float64(h)*60, "AKIAOLD", 1, "InvalidClientTokenId")
			}
		}, []string{"user app: planned_change key_disabled_by_owner low"}},
		{"the trail is stopped by a stranger", nil, func(s *story) {
			s.change(0, incident.TrailStopped, eve, incident.Principal{})
		}, []string{"account " + own + ": compromise audit_tampering high"}},
		{"the trail is stopped by who started it", nil, func(s *story) {
			s.change(-500, incident.TrailStarted, eve, incident.Principal{})
			s.change(0, incident.TrailStopped, eve, incident.Principal{})
		}, []string{"account " + own + ": planned_change audit_changed_by_owner informational"}},
		{"an instance's key is used from outside too", nil, func(s *story) {
			inst := role("web")
			for _, u := range []struct {
				from, to float64
				ip, ua   string
			}{{0, 120, "198.51.100.7", "boto3"}, {60, 70, "203.0.113.66", "aws-cli"}} {
				s.use(inst, "ASIAINST", u.from, u.to, u.ip, u.ua)
				s.e.Uses[len(s.e.Uses)-1].SessionName = "i-0123456789abcdef0"
			}
		}, []string{"role web: compromise used_from_elsewhere high"}},
		{"a person moves to another network", nil, func(s *story) {
			s.use(user("ann"), "AKIAANN", -6000, 0, "198.51.100.7", "aws-cli")
			s.use(user("ann"), "AKIAANN", 10, 60, "203.0.113.66", "aws-cli")
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &story{}
			tt.tell(s)
			if diff := cmp.Diff(tt.want, told(s.e, settings(tt.config))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryRowOfTheWeightsTableIsWhole(t *testing.T) {
	seen := map[Rule]bool{}
	for _, r := range Weights {
		if seen[r.Rule] {
			t.Errorf("rule %s stands twice", r.Rule)
		}
		seen[r.Rule] = true
		if r.Weight <= 0 || r.Source == "" || r.Means == "" || r.Cause == "" {
			t.Errorf("rule %s lacks a weight, a source, a meaning or a cause", r.Rule)
		}
		if _, ok := advices[r.Cause]; !ok {
			t.Errorf("cause %s of rule %s has no advice", r.Cause, r.Rule)
		}
	}
}

func TestEveryCauseSaysWhatToDo(t *testing.T) {
	for cause, a := range advices {
		if a.says == "" || len(a.steps) == 0 || len(a.turns) == 0 {
			t.Errorf("cause %s lacks a text", cause)
		}
		for _, s := range append(a.steps, a.turns...) {
			if strings.Contains(s, "  ") {
				t.Errorf("cause %s: %q", cause, s)
			}
		}
	}
}

func TestStatusFollowsTheClock(t *testing.T) {
	s := &story{}
	s.revoke(0, by(user("eve")), role("payments"))
	for asOf, want := range map[time.Duration]incident.Status{time.Minute: incident.Open, time.Hour: incident.Settled, 48 * time.Hour: incident.Resolved} {
		f := Findings(s.e, settings(nil), noon.Add(asOf))
		if len(f) != 1 || f[0].Status != want {
			t.Errorf("after %s: %v, want one %s", asOf, f, want)
		}
	}
}

func TestRevisionsCountConclusions(t *testing.T) {
	s := &story{}
	s.revoke(0, by(user("eve")), role("payments"))
	s.deny(5, role("payments"), -30, 3, "198.51.100.7", "Boto3/1.34")
	all := Revisions(s.e, settings(nil), time.Time{})
	if len(all) != 2 || all[0].Verdict != incident.Inconclusive || all[1].Verdict != incident.Compromise || all[1].Revision != 2 || all[0].ID != all[1].ID {
		t.Errorf("revisions = %+v, want inconclusive then compromise of one incident", all)
	}
}

// A cut-off names whom it reaches, as many as can fail because of it.
func TestTheReachNamesEverySession(t *testing.T) {
	for sessions, want := range map[int]int{3: 3, 60: 60, maxReached + 20: maxReached} {
		s := &story{}
		for i := range sessions {
			s.issue(-30, role("fleet"), fmt.Sprintf("ASIAFLEET%04d", i), by(user("broker")))
			s.e.Signals[len(s.e.Signals)-1].Issued.Name = fmt.Sprintf("worker-%04d", i)
		}
		s.revoke(0, by(user("stranger")), role("fleet"))
		s.deny(5, role("fleet"), -30, 20, "198.51.100.7", "Boto3/1.34.0")
		got := Findings(s.e, incident.DefaultSettings(), at(10))
		if len(got) != 1 || got[0].BlastRadius == nil {
			t.Fatalf("%d findings, want one with a reach", len(got))
		}
		if r := got[0].BlastRadius; r.LiveSessions != sessions || len(r.Principals) != want {
			t.Errorf("%d of %d sessions are named, want %d", len(r.Principals), r.LiveSessions, want)
		}
	}
}
