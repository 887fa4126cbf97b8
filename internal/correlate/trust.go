package correlate

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// trust judges every trust policy of the subject against the one before: an
// opening counts whoever made it, a weakness only if nobody known did.
func (v *view) trust() {
	var before *incident.TrustPolicy
	for _, sig := range v.changes {
		if sig.Trust == nil {
			continue
		}
		a := v.assess(sig, before)
		if !sig.Trust.Unreadable {
			before = sig.Trust
		}
		switch level := a.Level(); {
		case level == policy.Opened:
			v.opened(sig, a)
		case level < policy.LowRisk || sig.Kind == incident.RoleCreated || v.explain(sig).explains():
			// A new role takes nothing away from anybody, however loosely it is made.
		case level == policy.Weakened:
			v.add("trust_weakened", facts(a), sig)
		default:
			v.add("trust_low_risk", facts(a), sig)
		}
	}
}

// assess compares a trust policy with the one before it in the role's history,
// which is the same at every cursor that includes it.
func (v *view) assess(sig *incident.Signal, before *incident.TrustPolicy) policy.Assessment {
	if a, ok := v.assessed[sig]; ok {
		return a
	}
	own := policy.Own{
		Account:         v.who.Account,
		Partition:       v.who.Partition,
		Accounts:        v.settings.Accounts,
		TrustedAccounts: v.settings.TrustedAccounts,
		Organisations:   v.settings.Organisations,
	}
	a := policy.Assess(before, *sig.Trust, own)
	v.assessed[sig] = a
	return a
}

// opened reports a trust policy that admits strangers, and the strangers who
// came.
func (v *view) opened(sig *incident.Signal, a policy.Assessment) {
	rule := Rule("trust_opened")
	if a.OpenedTo.Anyone {
		rule = "trust_opened_to_anyone"
	}
	fact := callerName(sig.Actor) + " changed the trust policy: " + facts(a)
	if sig.Kind == incident.RoleCreated {
		fact = callerName(sig.Actor) + " created the role open: " + facts(a)
	}
	v.add(rule, fact, sig)
	for _, cu := range v.cuts {
		if cu.sig == sig {
			cu.hit = incident.TrustOpened
			v.retell(cu)
		}
	}
	for _, came := range after(v.signals, sig.Time) {
		if came.Kind == incident.SessionIssued && admitted(a, came) {
			v.add("assumed_by_stranger", callerOf(came.Actor)+" assumed the role from "+orWord(came.Actor.SourceIP, "an unknown address"), came)
			return
		}
	}
}

// retell gives what was said of the actor the cause of the opening.
func (v *view) retell(cu *cut) {
	for n := range v.items {
		if it := &v.items[n]; it.rule == cu.taint && len(it.signals) > 0 && it.signals[0] == cu.sig {
			it.cause = incident.TrustOpened
		}
	}
}

// admitted reports whether an issuance went to somebody whom the opening let
// in.
func admitted(a policy.Assessment, came *incident.Signal) bool {
	if came.Issued != nil && came.Issued.Provider != "" {
		return a.AdmitsSubject(came.Issued.Provider, came.Issued.Subject)
	}
	return came.Actor.Type != incident.Service && a.AdmitsAccount(came.Actor.Account)
}

// trustHarmless reports whether a cut is a trust policy that was written again
// as it was.
func (v *view) trustHarmless(cu *cut) bool {
	a, ok := v.assessed[cu.sig]
	return ok && !a.NoBaseline && !a.Unreadable && len(a.Findings) == 0
}

// facts are the sentences of what makes the level, three at most.
func facts(a policy.Assessment) string {
	var list []string
	for _, g := range a.Findings {
		if g.Level == a.Level() && len(list) < 3 {
			list = append(list, g.Fact)
		}
	}
	return strings.Join(list, "; ")
}

// callerOf names a caller from another account.
func callerOf(a incident.Actor) string {
	if a.Type == incident.Account || a.Account == "" {
		return callerName(a)
	}
	return callerName(a) + " of account " + a.Account
}
