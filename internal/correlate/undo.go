package correlate

import (
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// revokeName is what the console names the policy that revokes sessions.
const revokeName = "AWSRevokeOlderSessions"

// containment is a cut that can be undone, by the handle that undoes it.
type containment struct {
	sig    *incident.Signal
	before time.Time
}

// undoings finds who lifted a containment: a revoking policy taken away or
// overwritten, a key switched on again, a quarantine removed.
func (v *view) undoings() {
	active := map[string]containment{} // by handle
	for _, sig := range v.changes {
		handle := v.handle(sig)
		if handle == "" {
			continue
		}
		have, was := active[handle]
		switch before, contains := v.contains(sig); {
		case contains && was && sig.Revocation != nil && !before.IsZero() && before.Before(have.before):
			v.undone(sig, have.sig, "set the revocation back to "+clock(before))
			active[handle] = containment{sig, before}
		case contains:
			active[handle] = containment{sig, before}
		case was:
			v.undone(sig, have.sig, v.undoWords(sig))
			delete(active, handle)
		case v.undoesUnseen(sig):
			v.undone(sig, nil, v.undoWords(sig))
		}
	}
}

// handle names the thing that a signal sets or takes away, so that both meet.
func (v *view) handle(sig *incident.Signal) string {
	switch sig.Kind {
	case incident.SessionsRevoked, incident.InlinePolicyPut, incident.InlinePolicyDeleted:
		if sig.Policy != nil {
			return "inline/" + sig.Policy.Name
		}
	case incident.PolicyAttached, incident.PolicyDetached, incident.ManagedPolicyWritten:
		if sig.Policy != nil {
			return "managed/" + sig.Policy.ARN
		}
	case incident.BoundaryPut, incident.BoundaryDeleted:
		return "boundary"
	case incident.QuarantineAttached, incident.QuarantineDetached:
		return "quarantine"
	case incident.KeyStatusChanged:
		return "key/" + sig.Key
	}
	return ""
}

// contains reports whether a signal contains, and its cut-off time.
func (v *view) contains(sig *incident.Signal) (time.Time, bool) {
	switch sig.Kind {
	case incident.QuarantineAttached:
		return sig.Time, true
	case incident.KeyStatusChanged:
		return sig.Time, sig.KeyStatus != "Active"
	}
	if cu := v.revocation(sig); cu != nil {
		return cu.before, true
	}
	return time.Time{}, false
}

// undoesUnseen reports whether a signal lifts a containment that was made
// before the events at hand, as its name tells.
func (v *view) undoesUnseen(sig *incident.Signal) bool {
	switch sig.Kind {
	case incident.QuarantineDetached:
		return true
	case incident.InlinePolicyDeleted, incident.PolicyDetached:
		return sig.Policy != nil && strings.HasPrefix(sig.Policy.Name, revokeName)
	}
	return false
}

func (v *view) undoWords(sig *incident.Signal) string {
	switch sig.Kind {
	case incident.QuarantineDetached:
		return "took the quarantine policy off"
	case incident.KeyStatusChanged:
		return "made access key " + sig.Key + " active again"
	case incident.BoundaryPut, incident.BoundaryDeleted:
		return "took the permissions boundary off that revoked the sessions"
	case incident.InlinePolicyPut, incident.ManagedPolicyWritten:
		return "overwrote the policy that revoked the sessions"
	}
	return "removed the policy that revoked the sessions"
}

// undone judges who lifted a containment. Who set it may lift it.
func (v *view) undone(sig, set *incident.Signal, words string) {
	fact := callerName(sig.Actor) + " " + words
	e := v.explain(sig)
	switch {
	case e.standing == tainted:
		v.add("containment_undone_by_contained", fact+"; "+e.why, sig)
	case set != nil && set.Actor.Same(sig.Actor.Principal) && !sig.Actor.Same(v.who),
		set != nil && set.Actor.Same(sig.Actor.Principal) && v.who.Type == incident.User && set.Kind == incident.KeyStatusChanged:
		v.add("containment_lifted", fact+", having set it", sig)
	case sig.Actor.Same(v.who) && !v.isListed(sig):
		v.add("containment_undone_by_contained", fact+" with the contained identity itself", sig)
	case e.explains():
		v.add("containment_lifted", fact+": "+e.why, sig).weight *= e.strength
	case sig.Kind == incident.QuarantineDetached:
		v.add("quarantine_removed", fact+", whom nothing known explains", sig)
	default:
		v.add("containment_undone", fact+", whom nothing known explains", sig)
	}
}

func (v *view) isListed(sig *incident.Signal) bool {
	_, ok := v.listed(sig)
	return ok
}
