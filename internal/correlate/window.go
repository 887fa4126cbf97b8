package correlate

import (
	"fmt"
	"slices"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// inWindow recognises changes that fall into a window which is meant for them. A
// window without actors is anybody's, an intruder's too, so that it never
// explains a trust policy that protects less.
func (v *view) inWindow(sig *incident.Signal) (explanation, bool) {
	for _, w := range v.settings.ChangeWindows {
		switch {
		case !w.Covers(sig.Time) || !v.meant(w, sig):
		case len(w.Actors) == 0:
			if !v.loosened(sig) {
				return explanation{owner, 0.7, fmt.Sprintf("it falls into the change window %q", w.Name)}, true
			}
		case slices.ContainsFunc(w.Actors, func(pattern string) bool { return lineage.Matches(pattern, sig.Actor) }):
			return explanation{owner, 0.9, fmt.Sprintf("%s may change it in the window %q", callerName(sig.Actor), w.Name)}, true
		}
	}
	return explanation{}, false
}

// meant reports whether a window is about the subject, and about changes of that
// kind.
func (v *view) meant(w incident.ChangeWindow, sig *incident.Signal) bool {
	if len(w.Subjects) > 0 && !lineage.Means(w.Subjects, withARN(v.who)) {
		return false
	}
	return len(w.Expects) == 0 || slices.ContainsFunc(w.Expects, func(c incident.Cause) bool { return slices.Contains(plannedAs(sig), c) })
}

// plannedAs are the causes of what a change is planned as.
func plannedAs(sig *incident.Signal) []incident.Cause {
	switch sig.Kind {
	case incident.KeyStatusChanged:
		if sig.KeyStatus == "Active" {
			return []incident.Cause{incident.ContainmentLifted}
		}
		return []incident.Cause{incident.KeyDisabledByOwner, incident.KeyRotated}
	case incident.KeyDeleted:
		return []incident.Cause{incident.KeyDisabledByOwner, incident.KeyRotated}
	case incident.KeyCreated:
		return []incident.Cause{incident.KeyRotated}
	case incident.UserDeleted:
		return []incident.Cause{incident.KeyDisabledByOwner, incident.RoleDeletedByOwner}
	case incident.RoleDeleted:
		return []incident.Cause{incident.RoleDeletedByOwner}
	case incident.TrustChanged:
		return []incident.Cause{incident.TrustChangedByOwner}
	case incident.ProviderDeleted, incident.ProviderChanged:
		return []incident.Cause{incident.RoleDeletedByOwner, incident.ProviderRemoved}
	case incident.SessionsRevoked, incident.PolicyAttached, incident.BoundaryPut:
		return []incident.Cause{incident.RevokedByResponder}
	case incident.ManagedPolicyWritten:
		return []incident.Cause{incident.RevokedByResponder, incident.ContainmentLifted}
	case incident.InlinePolicyPut, incident.InlinePolicyDeleted, incident.PolicyDetached, incident.BoundaryDeleted, incident.QuarantineDetached:
		return []incident.Cause{incident.ContainmentLifted}
	case incident.TrailStopped, incident.TrailDeleted, incident.TrailUpdated, incident.SelectorsChanged:
		return []incident.Cause{incident.AuditChangedByOwner}
	}
	return nil
}

// loosened reports whether a change made a role's trust policy protect less.
func (v *view) loosened(sig *incident.Signal) bool {
	if sig.Trust == nil {
		return false
	}
	a, known := v.assessed[sig]
	if !known {
		a = v.assess(sig, v.trustBefore(sig))
	}
	return a.Level() >= policy.LowRisk
}

// trustBefore is the trust policy that a change replaced, as far as one was seen
// that could be read.
func (v *view) trustBefore(sig *incident.Signal) (before *incident.TrustPolicy) {
	for _, earlier := range v.changes {
		if earlier == sig {
			break
		}
		if earlier.Trust != nil && !earlier.Trust.Unreadable {
			before = earlier.Trust
		}
	}
	return before
}
