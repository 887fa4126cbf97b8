package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// evasionSpan is how long after a containment a call from a strange place is
// still an attempt to get round it.
const evasionSpan = 24 * time.Hour

// denials judges the calls that were refused although they authenticated.
func (v *view) denials() {
	byCut := map[*cut][]*incident.Signal{}
	var rest []*incident.Signal
	for _, sig := range v.signals {
		if sig.Kind != incident.CallDenied || sig.Denial == nil || sig.Actor.Type == incident.Service {
			continue
		}
		if cu := v.deniedBy(sig); cu != nil {
			byCut[cu] = append(byCut[cu], sig)
			continue
		}
		rest = append(rest, sig)
	}
	for _, cu := range v.cuts {
		v.afterCut(cu, byCut[cu])
	}
	v.explicitDenials(rest)
	for _, run := range runs(rest, v.settings.Thresholds.Quiet) {
		v.assumeDenials(run)
		v.implicitDenials(run)
		v.enumeration(run)
	}
}

// assumes reports whether a denial refused a new session of the subject.
func (v *view) assumes(sig *incident.Signal) bool {
	return strings.HasPrefix(sig.Denial.Action, "sts:AssumeRole") && sig.Target.Same(v.who)
}

// deniedBy is the latest cut that explains a denial, if any does.
func (v *view) deniedBy(sig *incident.Signal) *cut {
	for n := len(v.cuts) - 1; n >= 0; n-- {
		cu := v.cuts[n]
		if cu.sig.Time.After(sig.Time) {
			continue
		}
		since := sig.Time.Sub(cu.sig.Time)
		switch {
		case v.assumes(sig):
			if cu.expl.explains() && cu.sig.Kind == incident.TrustChanged && v.orphan(sig.Time) != "" {
				continue // the owner meant well, and wrote down somebody who is gone
			}
			if v.refusesSessions(cu) && since <= v.settings.Thresholds.Correlation {
				return cu
			}
		case cu.reach == deniesCalls && !sig.Denial.Implicit && cu.affects(sig.Actor.IssuedAt, sig.Actor.SessionName, sig.Actor.ID):
			if sig.Denial.Explicit && cu.denies(sig.Denial.PolicyKind) || !sig.Denial.Explicit && since <= v.settings.Thresholds.Correlation {
				return cu
			}
		}
	}
	return nil
}

// refusesSessions reports whether a cut keeps new sessions from being issued:
// the role is gone, or its trust changed, or its federation.
func (v *view) refusesSessions(cu *cut) bool {
	if cu.reach == deniesAssume {
		return true
	}
	if cu.sig.Kind != incident.RoleDeleted {
		return false
	}
	return !v.recreated(cu.sig)
}

// recreated reports whether a deleted principal was created again.
func (v *view) recreated(deleted *incident.Signal) bool {
	return slices.ContainsFunc(v.changes, func(s *incident.Signal) bool {
		return (s.Kind == incident.RoleCreated || s.Kind == incident.UserCreated) && s.Time.After(deleted.Time)
	})
}

// denies reports whether a denial's policy can be the one that the cut put on
// the subject. Where AWS does not say, it can.
func (cu *cut) denies(kind string) bool {
	put := "identity"
	if cu.sig.Kind == incident.BoundaryPut {
		put = "boundary"
	}
	return kind == "" || strings.Contains(kind, put)
}

// afterCut judges the denials that follow a cut: from the usual network and
// client they are its aftermath, from elsewhere an attempt to get round it.
func (v *view) afterCut(cu *cut, denied []*incident.Signal) {
	if len(denied) == 0 {
		return
	}
	pr := v.usualFor(v.who, cu.sig.Time)
	var at [newNetwork + 1][]*incident.Signal
	for _, sig := range denied {
		how := v.compareActor(pr, sig.Actor)
		if v.assumes(sig) {
			how = usual // the caller is somebody else, with a place of its own
		}
		at[how] = append(at[how], sig)
	}
	if cu.reach == deniesCalls && cu.expl.explains() {
		v.evading(cu, "evaded_new_network", "network", within(at[newNetwork], cu.sig.Time, evasionSpan))
		v.evading(cu, "evaded_new_client", "client", within(at[newClient], cu.sig.Time, evasionSpan))
	} else {
		at[usual] = append(append(at[usual], at[newNetwork]...), at[newClient]...)
	}
	home := append(at[unknown], at[usual]...)
	slices.SortFunc(home, compareSignals)
	v.hit(cu, home, "denied")
}

func within(list []*incident.Signal, from time.Time, span time.Duration) []*incident.Signal {
	return slices.DeleteFunc(list, func(s *incident.Signal) bool { return s.Time.Sub(from) > span })
}

func (v *view) evading(cu *cut, rule Rule, what string, list []*incident.Signal) {
	if len(list) == 0 {
		return
	}
	first := list[0]
	v.add(rule, fmt.Sprintf("after %s, %s denied from a %s that was never seen before (%s, %s)",
		cu.words, calls(total(list)), what, first.Actor.SourceIP, orWord(lineage.Client(first.Actor.UserAgent), "unknown client")), list...)
}

// hit judges what failed or was denied because of a cut. If nobody known made
// the cut, the failures within the hour make it an attack; if somebody did,
// they are its aftermath, and show that a workload still runs.
func (v *view) hit(cu *cut, list []*incident.Signal, how string) {
	if len(list) == 0 {
		return
	}
	how += sameSecond(cu, list)
	soon, late := v.split(cu, list)
	switch cu.expl.standing {
	case stranger, tainted:
		if len(soon) > 0 && cu.failed != "" {
			v.add(cu.failed, fmt.Sprintf("%s %s within %s after %s", calls(total(soon)), how, span(v.settings.Thresholds.Correlation), cu.words), soon...)
			cu.hit = v.table[cu.failed].Cause
			return
		}
		it := v.add("late_failures_after_cutoff", fmt.Sprintf("%s %s, the first %s after %s", calls(total(late)), how, span(late[0].Time.Sub(cu.sig.Time)), cu.words), late...)
		if lone := v.table[cu.lone]; lone.Cause != "" {
			it.cause = lone.Cause
		}
	case owner, responder, service:
		if cu.planned == "owner_removed_provider" {
			v.add("owner_removed_provider", fmt.Sprintf("%s to federate %s since %s by %s", calls(total(list)), how, cu.words, callerName(cu.sig.Actor)), list...)
			return
		}
		it := v.add("aftermath", fmt.Sprintf("%s %s after %s: whoever used it has not taken new credentials", calls(total(list)), how, cu.words), list...)
		it.cause = v.plannedCause(cu)
		it.broke = total(list) >= 2
	}
}

// sameSecond says so where a refused session was issued in the second of the
// cut-off: CloudTrail's seconds cannot tell which came first.
func sameSecond(cu *cut, list []*incident.Signal) string {
	if cu.before.IsZero() {
		return ""
	}
	for _, sig := range list {
		if sig.Actor.IssuedAt.Equal(cu.before.Truncate(time.Second)) {
			return " (one of a session issued in the very second of the cut-off, which may be older or newer)"
		}
	}
	return ""
}

// plannedCause is the cause that the cut itself was given.
func (v *view) plannedCause(cu *cut) incident.Cause {
	for _, it := range v.items {
		if len(it.signals) > 0 && it.signals[0] == cu.sig && v.table[it.rule].Direction == incident.PlannedChange {
			return it.cause
		}
	}
	return v.table[cu.planned].Cause
}

func (v *view) split(cu *cut, list []*incident.Signal) (soon, late []*incident.Signal) {
	for _, sig := range list {
		if sig.Time.Sub(cu.sig.Time) <= v.settings.Thresholds.Correlation {
			soon = append(soon, sig)
		} else {
			late = append(late, sig)
		}
	}
	return soon, late
}

// assumeDenials judges refused AssumeRole calls that no cut explains: a role
// that is too new, or a trust policy that means somebody who is gone.
func (v *view) assumeDenials(run []*incident.Signal) {
	var young, orphaned, recreated []*incident.Signal
	for _, sig := range run {
		switch {
		case !v.assumes(sig):
		case v.young(sig):
			if !v.allowedSoon(sig) {
				young = append(young, sig)
			}
		case v.orphan(sig.Time) != "":
			orphaned = append(orphaned, sig)
		case v.callerRecreated(sig):
			recreated = append(recreated, sig)
		}
	}
	if len(orphaned) > 0 {
		v.add("orphan_in_trust", fmt.Sprintf("the role cannot be assumed (%s refused); its trust policy names %s, an identity that was deleted", calls(total(orphaned)), v.orphan(orphaned[0].Time)), orphaned...)
	}
	if len(recreated) > 0 {
		v.add("caller_recreated", fmt.Sprintf("%s by %s refused; it was deleted and created again, and the trust policy still means the old one", calls(total(recreated)), callerName(recreated[0].Actor)), recreated...)
	}
	if total(young) >= 2 {
		v.add("too_new", fmt.Sprintf("%s to assume the role refused within %s of its creation", calls(total(young)), span(v.settings.Thresholds.Propagation)), young...)
	}
}

// young reports whether the subject was created so shortly before that IAM may
// not have told everybody.
func (v *view) young(sig *incident.Signal) bool {
	for _, made := range v.changes {
		switch made.Kind {
		case incident.RoleCreated, incident.UserCreated, incident.TrustChanged:
			if !made.Time.After(sig.Time) && sig.Time.Sub(made.Time) <= v.settings.Thresholds.Propagation {
				return made.Kind != incident.TrustChanged
			}
		case incident.KeyCreated:
			if made.Key == sig.Key && sig.Key != "" && !made.Time.After(sig.Time) && sig.Time.Sub(made.Time) <= v.settings.Thresholds.Propagation {
				return true
			}
		}
	}
	return false
}

// allowedSoon reports whether the same was allowed shortly after: created,
// denied, allowed is how IAM propagates.
func (v *view) allowedSoon(sig *incident.Signal) bool {
	for _, is := range v.issued {
		if is.IssuedAt.After(sig.Time) && is.IssuedAt.Sub(sig.Time) <= 5*v.settings.Thresholds.Propagation {
			return true
		}
	}
	return false
}

// orphan is a unique id that the trust policy in force at t names in place of
// a principal, or nothing.
func (v *view) orphan(t time.Time) string {
	var doc *incident.TrustPolicy
	for _, sig := range v.changes {
		if sig.Trust != nil && !sig.Time.After(t) {
			doc = sig.Trust
		}
	}
	if doc == nil {
		return ""
	}
	for _, st := range doc.Statements {
		for _, pr := range st.Principals {
			if strings.HasPrefix(pr.Value, "AROA") || strings.HasPrefix(pr.Value, "AIDA") {
				return pr.Value
			}
		}
	}
	return ""
}

// callerRecreated reports whether who was refused had been deleted and created
// again, seen by its events or by a unique id other than when it was allowed.
func (v *view) callerRecreated(sig *incident.Signal) bool {
	if s := v.subjects[sig.Actor.Principal.Key()]; s != nil {
		gone := false
		for _, other := range s.changes {
			if other.Time.After(sig.Time) || !v.seen(other) {
				break
			}
			gone = gone || other.Kind == incident.RoleDeleted || other.Kind == incident.UserDeleted
			if gone && (other.Kind == incident.RoleCreated || other.Kind == incident.UserCreated) {
				return true
			}
		}
	}
	for _, is := range v.issued {
		if is.Caller.Same(sig.Actor.Principal) && is.Caller.ID != "" && sig.Actor.ID != "" && is.Caller.ID != sig.Actor.ID && is.IssuedAt.Before(sig.Time) {
			return true
		}
	}
	return false
}

// implicitDenials judges calls that no policy allows: after one was taken away
// they are its consequence; otherwise it takes many of them.
func (v *view) implicitDenials(run []*incident.Signal) {
	var implicit []*incident.Signal
	var removed *incident.Signal
	for _, sig := range run {
		if !sig.Denial.Implicit || v.assumes(sig) && v.young(sig) {
			continue
		}
		implicit = append(implicit, sig)
		if removed == nil {
			removed = v.takenAway(sig)
		}
	}
	switch {
	case removed != nil && total(implicit) >= 2:
		it := v.add("denied_after_detach", fmt.Sprintf("%s denied because no policy allows it, after %s was taken away by %s", calls(total(implicit)), policyName(removed), callerName(removed.Actor)), implicit...)
		it.first = removed.Time
		it.signals = append([]*incident.Signal{removed}, it.signals...)
	case v.often(implicit, v.settings.Thresholds.Denials):
		v.add("denied_repeatedly", fmt.Sprintf("%s denied because no policy allows it, such as %s", calls(total(implicit)), orWord(implicit[0].Denial.Action, implicit[0].Operation)), implicit...)
	}
}

// explicitDenials judges a role's calls that a policy of its own forbids, where
// nobody was seen to write it: what cut the role off may not be recorded here.
// Sessions whose other calls go on have run into a guard rail. Users are left
// out, whom such policies mostly ask for MFA.
func (v *view) explicitDenials(list []*incident.Signal) {
	if v.who.Type != incident.Role {
		return
	}
	var denied []*incident.Signal
	for _, sig := range list {
		if sig.Denial.Explicit && strings.Contains(sig.Denial.PolicyKind, "identity") && !v.assumes(sig) && !v.goesOn(sig) {
			denied = append(denied, sig)
		}
	}
	for _, sp := range v.spikes(denied) {
		v.add("denied_explicitly", fmt.Sprintf("%s denied by a policy of the role's own, such as %s; who wrote it is not in the recording", calls(total(sp.signals)), action(sp.signals[0])), sp.signals...)
	}
}

// goesOn reports whether the session of a denied call was allowed others
// afterwards, besides the one that no policy can deny.
func (v *view) goesOn(sig *incident.Signal) bool {
	return slices.ContainsFunc(v.usesWith(sig.Key), func(u *incident.Use) bool {
		return !u.Probe && v.lastOf(u).After(sig.Time)
	})
}

// takenAway is the removal of permissions that came shortly before a denial.
func (v *view) takenAway(sig *incident.Signal) *incident.Signal {
	for n := len(v.changes) - 1; n >= 0; n-- {
		other := v.changes[n]
		if other.Time.After(sig.Time) {
			continue
		}
		if sig.Time.Sub(other.Time) > v.settings.Thresholds.Correlation {
			return nil
		}
		switch other.Kind {
		case incident.PolicyDetached, incident.InlinePolicyDeleted, incident.BoundaryPut:
			return other
		}
	}
	return nil
}

func policyName(sig *incident.Signal) string {
	if sig.Policy == nil || sig.Policy.Name == "" {
		return "a policy"
	}
	return "policy " + sig.Policy.Name
}

// often reports whether n of the list fall into one spike window.
func (v *view) often(list []*incident.Signal, n int) bool {
	from, sum := 0, 0
	for k, sig := range list {
		sum += max(1, sig.Count)
		for list[k].Time.Sub(list[from].Time) > v.settings.Thresholds.SpikeWindow {
			sum -= max(1, list[from].Count)
			from++
		}
		if sum >= n {
			return true
		}
	}
	return false
}

// Enumeration is told by breadth: this many different actions over this many
// services, or this many Regions, within ten minutes (aws-facts 13).
const (
	enumerationActions  = 8
	enumerationServices = 4
	enumerationRegions  = 5
	enumerationSpan     = 10 * time.Minute
)

// enumeration finds somebody trying what a credential may do.
func (v *view) enumeration(run []*incident.Signal) {
	pr := v.usualFor(v.who, run[0].Time)
	actions, services, regions := tally{}, tally{}, tally{}
	from := 0
	count := func(sig *incident.Signal, n int) {
		actions.add(action(sig), n)
		services.add(serviceOf(action(sig)), n)
		regions.add(sig.Region, n)
	}
	for k, sig := range run {
		count(sig, 1)
		for ; sig.Time.Sub(run[from].Time) > enumerationSpan; from++ {
			count(run[from], -1)
		}
		if len(regions) < enumerationRegions && (len(actions) < enumerationActions || len(services) < enumerationServices) {
			continue
		}
		if how := v.compareActor(pr, sig.Actor); how == newNetwork || how == newClient {
			v.add("enumeration", fmt.Sprintf("%d different actions on %d services in %d Regions were denied within %s, from %s", len(actions), len(services), len(regions), span(enumerationSpan), sig.Actor.SourceIP), run[from:k+1]...)
			return
		}
	}
}

func action(sig *incident.Signal) string { return orWord(sig.Denial.Action, sig.Operation) }

func serviceOf(action string) string {
	service, _, _ := strings.Cut(action, ":")
	return service
}

// tally counts names; a name that falls to zero is gone.
type tally map[string]int

func (t tally) add(name string, n int) {
	if t[name] += n; t[name] <= 0 {
		delete(t, name)
	}
}
