package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// standing is what an actor is to the thing that it changed.
type standing int

const (
	stranger  standing = iota // nobody known
	responder                 // listed as one
	owner                     // listed deployer, creator, itself, infrastructure as code
	service                   // an AWS service at work on what it manages
	tainted                   // shows signs of compromise: explains nothing
)

// explanation says why an actor may have made a change.
type explanation struct {
	standing standing
	// strength scales the explanation: 1 for a listed principal, less for what
	// can be imitated or is only circumstance.
	strength float64
	why      string
}

func (e explanation) explains() bool {
	return e.standing == responder || e.standing == owner || e.standing == service
}

// explain says what the actor of a change is to its target. An actor whose own
// session shows signs of compromise explains nothing (CONTRACT ruling 6).
func (v *view) explain(sig *incident.Signal) explanation {
	a := sig.Actor
	if why := v.taint(sig); why != "" {
		return explanation{tainted, 1, why}
	}
	for _, known := range []func(*incident.Signal) (explanation, bool){v.listed, v.byService, v.byCreator, v.bySelf, v.inWindow, v.byCode} {
		if e, ok := known(sig); ok {
			return e
		}
	}
	return explanation{stranger, 0, callerName(a) + " is not known to do this"}
}

func (v *view) listed(sig *incident.Signal) (explanation, bool) {
	for _, pattern := range v.settings.Responders {
		if lineage.Matches(pattern, sig.Actor) {
			return explanation{responder, 1, callerName(sig.Actor) + " is a responder"}, true
		}
	}
	for _, pattern := range v.settings.Deployers {
		if lineage.Matches(pattern, sig.Actor) {
			return explanation{owner, 1, callerName(sig.Actor) + " is a deployer"}, true
		}
	}
	return explanation{}, false
}

// byService recognises AWS at work: by the identity's type and by invokedBy,
// which AWS writes and no caller can choose. CloudFormation works for the
// stack's owner; other services manage what is theirs.
func (v *view) byService(sig *incident.Signal) (explanation, bool) {
	a := sig.Actor
	if sig.Operation == "iam:DeleteServiceLinkedRole" {
		return explanation{service, 0.8, "the service agreed: a service-linked role that is in use cannot be deleted"}, true
	}
	name := a.InvokedBy
	if a.Type == incident.Service && name == "" {
		name = a.Name
	}
	switch {
	case isHost(name, "cloudformation"):
		return explanation{owner, 1, "CloudFormation changed its stack"}, true
	case a.Type == incident.Service || strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".amazonaws.com.cn"):
		return explanation{service, 1, name + " manages it"}, true
	case a.Type == incident.Role && (strings.HasPrefix(a.Name, "AWSServiceRoleFor") || strings.Contains(a.ARN, ":role/aws-service-role/")):
		return explanation{service, 1, "the service-linked role " + a.Name + " manages it"}, true
	}
	return explanation{}, false
}

func isHost(host, service string) bool {
	return strings.HasPrefix(host, service+".amazonaws.com")
}

// byCreator recognises who created the principal, or the trail, in the events
// at hand.
func (v *view) byCreator(sig *incident.Signal) (explanation, bool) {
	for _, made := range v.changes {
		if !creates(made, sig) || made.Time.After(sig.Time) || made == sig {
			continue
		}
		if made.Actor.Same(sig.Actor.Principal) {
			return explanation{owner, 0.9, callerName(sig.Actor) + " had created it"}, true
		}
	}
	return explanation{}, false
}

// creates reports whether made brought the thing into being that sig changes.
func creates(made, sig *incident.Signal) bool {
	switch made.Kind {
	case incident.RoleCreated, incident.UserCreated, incident.ProviderCreated:
		return true
	case incident.KeyCreated:
		return sig.Key != "" && made.Key == sig.Key
	case incident.TrailStarted:
		return made.Resource == "" || sig.Resource == "" || sameTrail(made.Resource, sig.Resource)
	}
	return false
}

// sameTrail compares trails that may be named by ARN or by name.
func sameTrail(a, b string) bool {
	return a[strings.LastIndex(a, "/")+1:] == b[strings.LastIndex(b, "/")+1:]
}

// bySelf recognises users who look after their own keys. A role that edits
// itself is no owner: any holder of its session can do that.
func (v *view) bySelf(sig *incident.Signal) (explanation, bool) {
	if sig.Actor.Type != incident.User || !sig.Actor.Same(v.who) {
		return explanation{}, false
	}
	switch sig.Kind {
	case incident.KeyCreated, incident.KeyDeleted, incident.KeyStatusChanged, incident.LoginProfileUpdated:
		return explanation{owner, 0.8, sig.Actor.Name + " looks after the own keys"}, true
	}
	return explanation{}, false
}

// byCode recognises infrastructure as code by what it does, since what it calls
// itself proves nothing: a role's session that takes a role down the way the
// tools do, step by step, and is at it on several things.
func (v *view) byCode(sig *incident.Signal) (explanation, bool) {
	if !lineage.IaCClient(sig.Actor.UserAgent) || sig.Actor.Type != incident.Role {
		return explanation{}, false
	}
	steps, targets := 0, map[string]bool{}
	for _, other := range v.byActor[sig.Actor.Principal.Key()] {
		if !v.seen(other) || other.Time.Before(sig.Time.Add(-run)) || other.Time.After(sig.Time.Add(run)) || other.ErrorCode != "" {
			continue
		}
		if !identityChange(other.Kind) || other.Actor.SessionName != sig.Actor.SessionName {
			continue
		}
		targets[other.Target.Key()] = true
		if other.Target.Same(sig.Target) && other != sig {
			steps++
		}
	}
	switch {
	case len(targets) >= 3 && (steps > 0 || sig.Kind != incident.RoleDeleted):
		return explanation{owner, 0.9, fmt.Sprintf("a run of infrastructure as code by %s changed %d identities", callerName(sig.Actor), len(targets))}, true
	case steps > 0 && sig.Kind == incident.RoleDeleted && !v.failsAfter(sig):
		return explanation{owner, 0.7, callerName(sig.Actor) + " took the role down step by step, as infrastructure as code does"}, true
	}
	return explanation{}, false
}

// run is how long one run of infrastructure as code may take for its changes
// to be told as one.
const run = 15 * time.Minute

// failsAfter reports whether anything failed or was denied in the hour after a
// change: then an imitation would have done harm.
func (v *view) failsAfter(sig *incident.Signal) bool {
	for _, s := range after(v.signals, sig.Time) {
		if s.Time.Sub(sig.Time) > v.settings.Thresholds.Correlation {
			return false
		}
		if s.Kind == incident.CredentialFailed || s.Kind == incident.CallDenied {
			return true
		}
	}
	return false
}

func identityChange(k incident.Kind) bool {
	switch k {
	case incident.RoleCreated, incident.RoleDeleted, incident.RoleUpdated, incident.UserCreated, incident.UserDeleted,
		incident.InlinePolicyPut, incident.InlinePolicyDeleted, incident.PolicyAttached, incident.PolicyDetached,
		incident.InstanceProfileRemoved, incident.TrustChanged, incident.BoundaryPut, incident.BoundaryDeleted,
		incident.ProviderCreated, incident.ProviderChanged, incident.ProviderDeleted:
		return true
	}
	return false
}

// taint says what shows that the actor of a change is compromised, or nothing.
// It looks a day to either side, as far as it has happened: a notice of
// exposure may come after the deed. A session inherits what shows of the
// credentials that it was asked for with.
func (v *view) taint(sig *incident.Signal) string {
	a := sig.Actor
	for range maxChain {
		if !a.Known() || a.Type == incident.Service {
			return ""
		}
		if why := v.taintOf(a, sig); why != "" {
			return why
		}
		is, ok := v.graph.Issued(a.AccessKeyID, sig.Time)
		if !ok {
			return ""
		}
		a = is.Caller
	}
	return ""
}

// maxChain is how many sessions in a row, each asked for with the one before,
// are followed.
const maxChain = 5

func (v *view) taintOf(a incident.Actor, sig *incident.Signal) string {
	who := v.graph.Spelled(a.Principal)
	for _, other := range v.marked[who.Key()] {
		if why := v.marks(other, a); why != "" && v.near(other, sig) {
			return why
		}
	}
	for _, other := range v.audits[a.Principal.Key()] {
		if other != sig && v.near(other, sig) && !audits(sig) && v.auditUnexplained(other) {
			return callerName(a) + " also " + auditDeed(other)
		}
	}
	return v.elsewhereTaint(a, sig)
}

// markedActor reports whether others say that the actor is compromised: AWS,
// GuardDuty, or a leak. It leaves out what we only conclude from addresses.
func (v *view) markedActor(sig *incident.Signal) bool {
	who := v.graph.Spelled(sig.Actor.Principal)
	for _, other := range v.marked[who.Key()] {
		if v.near(other, sig) && v.marks(other, sig.Actor) != "" {
			return true
		}
	}
	return false
}

func (v *view) near(other, sig *incident.Signal) bool {
	return v.seen(other) && other.Time.Sub(sig.Time).Abs() <= 24*time.Hour
}

// marking reports whether a signal can mark its subject as compromised.
func marking(k incident.Kind) bool {
	switch k {
	case incident.QuarantineAttached, incident.ExposureNotice, incident.CredentialExposed, incident.ThreatFinding:
		return true
	}
	return false
}

// marks says whether a signal about the actor's principal marks this actor's
// session as compromised. Evidence about another key of the same role is about
// somebody else.
func (v *view) marks(other *incident.Signal, a incident.Actor) string {
	about := other.Key == "" || other.Key == a.AccessKeyID
	switch other.Kind {
	case incident.QuarantineAttached:
		return "AWS quarantined " + a.Name
	case incident.ExposureNotice:
		if about {
			return "AWS Health reports a credential of " + a.Name + " as exposed"
		}
	case incident.CredentialExposed:
		if about && other.Key != "" {
			return "a credential of " + a.Name + " was exposed"
		}
	case incident.ThreatFinding:
		if about && threatRule(other) != "threat_weak" {
			return "GuardDuty reports " + other.Threat.Type + " for " + a.Name
		}
	}
	return ""
}

// auditUnexplained reports whether a change of the trail was made by nobody
// known. It does not ask for taint, which would ask for this in turn.
func (v *view) auditUnexplained(sig *incident.Signal) bool {
	s := v.subjects[v.account(sig).Key()]
	if s == nil {
		return false
	}
	av := v.see(s, v.end)
	for _, known := range []func(*incident.Signal) (explanation, bool){av.listed, av.byService, av.byCreator, av.inWindow} {
		if e, ok := known(sig); ok && e.standing != responder {
			return false
		}
	}
	return true
}

// elsewhereTaint says whether the key that made the change was being used from
// two places.
func (v *view) elsewhereTaint(a incident.Actor, sig *incident.Signal) string {
	if a.AccessKeyID == "" {
		return ""
	}
	for _, r := range v.roamersOf(a.Principal.Key()) {
		if r.key == a.AccessKeyID && slices.ContainsFunc(v.elsewhere(r), func(s sighting) bool {
			grave := s.rule == "instance_session_elsewhere" || s.rule == "key_in_two_places"
			return grave && s.use.First.Sub(sig.Time).Abs() <= 24*time.Hour
		}) {
			return "the key of " + callerName(a) + " was used from two places"
		}
	}
	return ""
}

// callerName is how a finding names an actor.
func callerName(a incident.Actor) string {
	switch {
	case a.InvokedBy != "" && !a.Known():
		return a.InvokedBy
	case !a.Known():
		return "an unknown caller"
	case a.SessionName != "" && a.SessionName != a.Name:
		return a.Name + " (" + a.SessionName + ")"
	case a.Type == incident.Account && strings.HasSuffix(a.SessionARN, ":root"):
		return "root of " + a.Account
	case a.Type == incident.Account:
		return "a principal of account " + a.Account
	}
	return a.Name
}
