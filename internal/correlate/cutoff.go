package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// cut is a change after which credentials of the subject stop working.
type cut struct {
	sig     *incident.Signal
	reach   reach
	before  time.Time // sessions issued before it are cut off; zero: all
	users   []string  // of the role's sessions only these; empty: all
	key     string    // only this key; empty: all
	expl    explanation
	rotated bool           // a key that was replaced in good order
	words   string         // what happened, for a sentence
	hit     incident.Cause // of an attack, where calls failed after it

	planned, lone, failed, taint Rule
}

// reach is what a cut can explain.
type reach int

const (
	endsKeys     reach = iota // calls with the key fail to authenticate, from then on
	deniesCalls               // sessions are denied; nothing fails to authenticate, by AWS's rules
	deniesAssume              // only new sessions are refused; live ones go on
)

// cutoffs finds the subject's cuts and reports what each is by itself.
func (v *view) cutoffs() {
	for _, sig := range v.changes {
		if cu := v.cutOf(sig); cu != nil {
			cu.expl = v.explain(sig)
			v.cuts = append(v.cuts, cu)
		}
	}
	for _, cu := range v.cuts {
		v.judgeCut(cu)
	}
}

// cutOf reads a signal as a cut, or says that it is none.
func (v *view) cutOf(sig *incident.Signal) *cut {
	switch sig.Kind {
	case incident.SessionsRevoked, incident.PolicyAttached, incident.ManagedPolicyWritten, incident.BoundaryPut:
		return v.revocation(sig)
	case incident.QuarantineAttached:
		return &cut{
			sig: sig, reach: deniesCalls, words: "the quarantine policy was attached",
			planned: "key_disabled_by_responder",
		}
	case incident.KeyStatusChanged:
		if sig.KeyStatus == "Active" {
			return nil
		}
		return keyCut(sig, "access key "+sig.Key+" was made "+strings.ToLower(orWord(sig.KeyStatus, "inactive")))
	case incident.KeyDeleted:
		cu := keyCut(sig, "access key "+sig.Key+" was deleted")
		cu.lone = "deletion_unexplained"
		return cu
	case incident.UserDeleted:
		return &cut{
			sig: sig, reach: endsKeys, words: "user " + sig.Target.Name + " was deleted",
			planned: "deleted_by_owner", lone: "deletion_unexplained", failed: "failures_after_user_deleted", taint: "tainted_key_disabled",
		}
	case incident.RoleDeleted:
		return &cut{
			sig: sig, reach: endsKeys, words: "role " + sig.Target.Name + " was deleted",
			planned: "deleted_by_owner", lone: "deletion_unexplained", failed: "failures_after_deletion", taint: "tainted_deletion",
		}
	case incident.TrustChanged:
		return &cut{
			sig: sig, reach: deniesAssume, words: "the trust policy was changed",
			planned: "trust_changed_by_owner", lone: "trust_changed_unexplained", failed: "failures_after_trust_change", taint: "tainted_trust_change",
		}
	case incident.ProviderDeleted, incident.ProviderChanged:
		return providerCut(sig)
	}
	return nil
}

func keyCut(sig *incident.Signal, words string) *cut {
	return &cut{
		sig: sig, reach: endsKeys, key: sig.Key, words: words,
		planned: "key_disabled_by_owner", lone: "key_disabled_unexplained", failed: "failures_after_key_disabled", taint: "tainted_key_disabled",
	}
}

func providerCut(sig *incident.Signal) *cut {
	deed, lone := "was changed", Rule("trust_changed_unexplained")
	if sig.Kind == incident.ProviderDeleted {
		deed, lone = "was deleted", "provider_removed_unexplained"
	}
	return &cut{
		sig: sig, reach: deniesAssume, words: "identity provider " + providerHost(sig) + " " + deed,
		planned: "owner_removed_provider", lone: lone, failed: "failures_after_provider_removed", taint: "tainted_provider_removed",
	}
}

// revocation reads a signal as a revocation of sessions: by its own content, or
// by what the managed policy that it attaches, or sets as a boundary, was
// written to say.
func (v *view) revocation(sig *incident.Signal) *cut {
	r := sig.Revocation
	switch {
	case (sig.Kind == incident.PolicyAttached || sig.Kind == incident.BoundaryPut) && r == nil:
		r = v.policyRevokes(sig)
	case sig.Kind == incident.ManagedPolicyWritten && !sig.Policy.SetDefault:
		return nil
	}
	if r == nil {
		return nil
	}
	before := r.IssuedBefore
	if r.Literal && before.IsZero() {
		before = sig.Time
	}
	words := "sessions issued before " + clock(before) + " were revoked"
	if before.IsZero() {
		words = "its sessions were revoked"
	}
	if len(r.Users) > 0 {
		words += " for " + strings.Join(r.Users, ", ")
	}
	return &cut{
		sig: sig, reach: deniesCalls, before: before, users: r.Users, words: words,
		planned: "revoked_by_responder", lone: "revoked_unexplained", failed: "failures_after_revocation", taint: "tainted_revocation",
	}
}

// policyRevokes is the revocation that a managed policy held when it was
// attached, from the last time that its content was seen being written.
func (v *view) policyRevokes(attach *incident.Signal) *incident.Revocation {
	if attach.Policy == nil {
		return nil
	}
	var r *incident.Revocation
	for _, written := range v.policies[attach.Policy.ARN] {
		if written.Time.After(attach.Time) || !v.seen(written) {
			break
		}
		if written.Policy.SetDefault {
			r = written.Revocation
		}
	}
	return r
}

// affects reports whether a cut reaches a session: one that was issued before
// the cut's time, and is of the users meant. What is not known is assumed to be
// reached.
func (cu *cut) affects(issuedAt time.Time, session, id string) bool {
	if !cu.before.IsZero() && !issuedAt.IsZero() && issuedAt.After(cu.before) {
		return false
	}
	if len(cu.users) == 0 {
		return true
	}
	return slices.ContainsFunc(cu.users, func(u string) bool {
		return u == id || u == session || strings.HasSuffix(u, ":"+session) || lineage.Wildcard(u, id)
	})
}

// judgeCut reports the cut itself: who made it, and whether that explains it.
func (v *view) judgeCut(cu *cut) {
	sig := cu.sig
	if sig.Kind == incident.QuarantineAttached {
		v.judgeQuarantine(cu)
		return
	}
	by := "by " + callerName(sig.Actor)
	if v.isRotation(cu) {
		v.add("rotation", fmt.Sprintf("%s %s after its replacement had been created and used", cu.words, by), sig)
		cu.expl = explanation{owner, 1, "a rotation"}
		cu.rotated, v.rotation = true, true
		return
	}
	switch cu.expl.standing {
	case tainted:
		v.add(cu.taint, fmt.Sprintf("%s %s; %s", cu.words, by, cu.expl.why), sig)
	case stranger:
		// What it amounts to depends on whether anything fails after it.
		if lineage.IaCClient(sig.Actor.UserAgent) {
			v.add("iac_client", "the client calls itself "+lineage.Client(sig.Actor.UserAgent), sig)
		}
	default:
		v.planned(cu)
	}
}

// strangers reports the cuts that nobody known made: as part of an attack where
// calls failed after them, otherwise as something that needs a person.
func (v *view) strangers() {
	for _, cu := range v.cuts {
		if cu.expl.standing != stranger || cu.lone == "" {
			continue
		}
		fact := fmt.Sprintf("%s by %s, whom nothing known explains", cu.words, callerName(cu.sig.Actor))
		switch {
		case cu.hit != "":
			v.add("cut_by_stranger", fact, cu.sig).cause = cu.hit
		case !v.trustHarmless(cu):
			v.add(cu.lone, fact, cu.sig)
		}
	}
}

// planned reports a cut that is explained, with the cause that fits who did it.
func (v *view) planned(cu *cut) {
	rule := cu.planned
	switch {
	case cu.expl.standing == service:
		rule = "service_managed"
	case rule == "key_disabled_by_owner" && cu.expl.standing == responder:
		rule = "key_disabled_by_responder"
	case rule == "owner_removed_provider":
		// What the owner meant to remove is a fault only if it is still used.
		v.add("deleted_by_owner", cu.words+" "+"by "+callerName(cu.sig.Actor)+": "+cu.expl.why, cu.sig).weight *= cu.expl.strength
		return
	}
	it := v.add(rule, cu.words+" by "+callerName(cu.sig.Actor)+": "+cu.expl.why, cu.sig)
	it.weight *= cu.expl.strength
	if cu.sig.Kind == incident.UserDeleted {
		it.cause = incident.KeyDisabledByOwner
	}
}

// judgeQuarantine reports a quarantine. AWS attaches it when it has seen the
// key in public; a responder who attaches it by hand contains.
func (v *view) judgeQuarantine(cu *cut) {
	name := "its quarantine policy"
	if cu.sig.Policy != nil && cu.sig.Policy.Name != "" {
		name = cu.sig.Policy.Name
	}
	if cu.expl.standing == responder {
		v.add("key_disabled_by_responder", name+" was attached by "+callerName(cu.sig.Actor)+": "+cu.expl.why, cu.sig)
		return
	}
	cu.expl = explanation{service, 1, "AWS contained it"}
	v.add("quarantined", "AWS attached "+name+": the key was found in public", cu.sig)
}

// isRotation reports whether a key was switched off after a replacement had
// been created for the same user and used from where the user usually is, or
// created by the user there and used anywhere.
func (v *view) isRotation(cu *cut) bool {
	if cu.key == "" {
		return false
	}
	for _, made := range v.changes {
		if made.Kind != incident.KeyCreated || made.Key == cu.key || !made.Time.Before(cu.sig.Time) || v.markedActor(made) || v.markedActor(cu.sig) {
			continue
		}
		home := v.networksWithout(made.Key, cu.sig.Time)
		byItself := made.Actor.Same(v.who) && home[lineage.Network(made.Actor.SourceIP)]
		for _, u := range v.usesWith(made.Key) {
			if u.First.Before(cu.sig.Time) && (len(home) == 0 || byItself || home[u.Network] || lineage.InsideAWS(u.SourceIP)) {
				return true
			}
		}
	}
	return false
}

// networksWithout are the networks where the user was at work with other keys
// than the given one. Looking after keys is no work: it is done from a desk, or
// by an intruder.
func (v *view) networksWithout(key string, t time.Time) map[string]bool {
	networks := map[string]bool{}
	for _, u := range v.uses {
		if u.AccessKeyID != key && u.First.Before(t) && u.Network != "" && u.Service != "iam.amazonaws.com" {
			networks[u.Network] = true
		}
	}
	return networks
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// clock writes a time as findings do.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
