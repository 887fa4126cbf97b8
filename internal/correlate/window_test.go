package correlate

import (
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// trusts writes a trust policy of one principal, with or without an external id.
func trusts(sig *incident.Signal, who string, guarded bool) {
	st := incident.TrustStatement{Principals: []incident.TrustPrincipal{{Type: "AWS", Value: who}}, Actions: []string{"sts:AssumeRole"}}
	if guarded {
		st.Conditions = []incident.Condition{{Operator: "StringEquals", Key: "sts:externalid", Values: []string{"7f3a"}}}
	}
	sig.Trust = &incident.TrustPolicy{Statements: []incident.TrustStatement{st}}
}

const partner = "arn:aws:iam::222233334444:root"

// What eve does falls into a change window, from noon for two hours.
func TestChangeWindows(t *testing.T) {
	payments, eve := role("payments"), by(user("eve"))
	deletes := func(s *story) {
		s.change(5, incident.RoleDeleted, eve, payments)
		s.deny(10, payments, -30, 4, "198.51.100.7", "Boto3/1.34")
		s.fail(10, "", 6, "InvalidClientTokenId")
		for n := range s.e.Signals {
			if s.e.Signals[n].Kind == incident.CredentialFailed {
				s.e.Signals[n].Target = payments
			}
		}
	}
	weakens := func(s *story) {
		trusts(s.change(-600, incident.RoleCreated, by(role("ci")), payments), partner, true)
		trusts(s.change(5, incident.TrustChanged, eve, payments), partner, false)
	}
	opens := func(s *story) { trusts(s.change(5, incident.TrustChanged, eve, payments), "*", false) }
	narrows := func(s *story) {
		trusts(s.change(-600, incident.RoleCreated, by(role("ci")), payments), partner, false)
		trusts(s.change(5, incident.TrustChanged, eve, payments), partner, true)
	}
	disables := func(s *story) { s.change(5, incident.KeyStatusChanged, eve, user("svc")).Key = "AKIASVC" }
	stops := func(s *story) {
		s.change(5, incident.TrailStopped, eve, incident.Principal{Type: incident.Account, Account: own, Name: own})
	}
	lifts := func(s *story) {
		s.revoke(-30, by(role("oncall")), payments)
		s.change(5, incident.InlinePolicyDeleted, eve, payments).Policy = &incident.Policy{Name: "AWSRevokeOlderSessions"}
	}
	for name, test := range map[string]struct {
		window incident.ChangeWindow
		tell   func(*story)
		want   string // of the last finding, empty: none
	}{
		"a deletion outside":                         {incident.ChangeWindow{Start: at(60)}, deletes, "compromise role_deleted_by_stranger"},
		"a deletion by whom it names":                {incident.ChangeWindow{Actors: []string{"eve"}}, deletes, "planned_change role_deleted_by_owner"},
		"a deletion by another":                      {incident.ChangeWindow{Actors: []string{"bob"}}, deletes, "compromise role_deleted_by_stranger"},
		"a deletion by anybody":                      {incident.ChangeWindow{}, deletes, "planned_change role_deleted_by_owner"},
		"a deletion that is expected":                {incident.ChangeWindow{Expects: []incident.Cause{incident.RoleDeletedByOwner}}, deletes, "planned_change role_deleted_by_owner"},
		"a deletion where keys are to be rotated":    {incident.ChangeWindow{Actors: []string{"eve"}, Expects: []incident.Cause{incident.KeyRotated}}, deletes, "compromise role_deleted_by_stranger"},
		"a deletion of what is meant":                {incident.ChangeWindow{Subjects: []string{"arn:aws:iam::*:role/pay*"}}, deletes, "planned_change role_deleted_by_owner"},
		"a deletion of something else":               {incident.ChangeWindow{Actors: []string{"eve"}, Subjects: []string{"orders"}}, deletes, "compromise role_deleted_by_stranger"},
		"a key switched off in a rotation":           {incident.ChangeWindow{Expects: []incident.Cause{incident.KeyRotated}}, disables, "planned_change key_disabled_by_owner"},
		"a key switched off among deletions":         {incident.ChangeWindow{Expects: []incident.Cause{incident.RoleDeletedByOwner}}, disables, "inconclusive unexplained_revocation"},
		"a trail stopped as planned":                 {incident.ChangeWindow{Expects: []incident.Cause{incident.AuditChangedByOwner}}, stops, "planned_change audit_changed_by_owner"},
		"a trail stopped meanwhile":                  {incident.ChangeWindow{Expects: []incident.Cause{incident.RoleDeletedByOwner}}, stops, "compromise audit_tampering"},
		"a containment lifted as planned":            {incident.ChangeWindow{Expects: []incident.Cause{incident.ContainmentLifted}}, lifts, "planned_change"},
		"a containment lifted meanwhile":             {incident.ChangeWindow{Expects: []incident.Cause{incident.RevokedByResponder}}, lifts, "compromise containment_undone"},
		"a trust weakened by anybody":                {incident.ChangeWindow{}, weakens, "inconclusive unexplained_trust_change"},
		"a trust weakened by anybody, as is planned": {incident.ChangeWindow{Expects: []incident.Cause{incident.TrustChangedByOwner}}, weakens, "inconclusive unexplained_trust_change"},
		"a trust weakened by whom it names":          {incident.ChangeWindow{Actors: []string{"eve"}, Expects: []incident.Cause{incident.TrustChangedByOwner}}, weakens, "planned_change trust_changed_by_owner"},
		"a trust narrowed by anybody":                {incident.ChangeWindow{Expects: []incident.Cause{incident.TrustChangedByOwner}}, narrows, "planned_change trust_changed_by_owner"},
		"a trust opened by whom it names":            {incident.ChangeWindow{Actors: []string{"eve"}, Expects: []incident.Cause{incident.TrustChangedByOwner}}, opens, "compromise trust_opened"},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.window
			if w.Name = "move"; w.Start.IsZero() {
				w.Start = noon
			}
			w.End = noon.Add(2 * time.Hour)
			s := &story{}
			test.tell(s)
			lines := told(s.e, settings(func(set *incident.Settings) {
				set.ChangeWindows, set.TrustedAccounts, set.Responders = []incident.ChangeWindow{w}, []string{"222233334444"}, []string{"oncall"}
			}))
			if len(lines) == 0 || !strings.Contains(lines[len(lines)-1], ": "+test.want) {
				t.Errorf("it is %q, want %s", lines, test.want)
			}
		})
	}
}
