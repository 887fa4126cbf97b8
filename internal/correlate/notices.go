package correlate

import (
	"fmt"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// notices reports what others found out about the subject's credentials.
func (v *view) notices() {
	for _, sig := range v.changes {
		switch sig.Kind {
		case incident.ExposureNotice:
			v.add("exposure_notice", "AWS Health reports "+keyOr(sig, "a credential")+" as exposed", sig)
		case incident.ThreatFinding:
			v.add(threatRule(sig), "GuardDuty: "+sig.Threat.Type+" with "+keyOr(sig, "a key of "+v.who.Name), sig)
		case incident.CredentialExposed:
			v.exposed(sig)
		}
	}
}

func keyOr(sig *incident.Signal, otherwise string) string {
	if sig.Key == "" {
		return otherwise
	}
	return "key " + sig.Key
}

// threatRule ranks a GuardDuty finding by its type.
func threatRule(sig *incident.Signal) Rule {
	if sig.Threat == nil {
		return "threat_weak"
	}
	t := sig.Threat.Type
	switch {
	case strings.HasPrefix(t, "Stealth:IAMUser/CloudTrail"):
		return "threat_audit"
	case strings.Contains(t, "InstanceCredentialExfiltration"), strings.Contains(t, "MaliciousIPCaller"),
		strings.Contains(t, "TorIPCaller"), strings.HasPrefix(t, "AttackSequence:"):
		return "threat_strong"
	case strings.HasPrefix(t, "PenTest:"), strings.HasPrefix(t, "Recon:"), strings.Contains(t, "ConsoleLoginSuccess"):
		return "threat_moderate"
	}
	return "threat_weak"
}

func (v *view) exposed(sig *incident.Signal) {
	what, where := "a secret", "a log"
	if sig.Exposure != nil {
		what = strings.ReplaceAll(orWord(sig.Exposure.What, what), "_", " ")
		where = orWord(sig.Exposure.Where, where)
	}
	fact := fmt.Sprintf("a %s of %s was written to %s", what, keyOr(sig, v.who.Name), where)
	if is, ok := v.graph.IssuedTo(v.who, sig.Key, sig.Time); ok && is.Expired(sig.Time) {
		v.add("expired_token_exposed", fact+" after it had expired", sig)
		return
	}
	v.add("token_exposed", fact, sig)
}

// added judges credentials that were added to a user: by whom, and where they
// were used from.
func (v *view) added() {
	deeds := map[string]map[incident.Kind]bool{} // by actor
	for _, sig := range v.changes {
		switch sig.Kind {
		case incident.KeyCreated, incident.LoginProfileCreated, incident.LoginProfileUpdated, incident.MFADeactivated:
		default:
			continue
		}
		e := v.explain(sig)
		fact := callerName(sig.Actor) + " " + addedWords(sig)
		switch {
		case sig.Kind == incident.KeyCreated && v.rotation && !v.markedActor(sig):
			continue // the replacement
		case e.standing == tainted:
			v.add("tainted_credentials_added", fact+"; "+e.why, sig)
		case e.explains():
			continue
		default:
			v.addedByStranger(sig, fact, deeds)
		}
	}
}

func (v *view) addedByStranger(sig *incident.Signal, fact string, deeds map[string]map[incident.Kind]bool) {
	v.add("credentials_added", fact, sig)
	if len(v.settings.Deployers)+len(v.settings.Responders) > 0 {
		v.add("credentials_added_unlisted", callerName(sig.Actor)+" is neither a deployer nor a responder", sig)
	}
	actor := sig.Actor.Principal.Key()
	if deeds[actor] == nil {
		deeds[actor] = map[incident.Kind]bool{}
	}
	deeds[actor][sig.Kind] = true
	if len(deeds[actor]) == 2 {
		v.add("credentials_added_twice", callerName(sig.Actor)+" opened a second way in to the same user", sig)
	}
	v.usedSince(sig)
}

// usedSince judges the first use of what was added: the new key, or for a
// password the first use from where the user never was before.
func (v *view) usedSince(sig *incident.Signal) {
	uses, until := v.uses, sig.Time
	if sig.Key != "" {
		uses, until = v.usesWith(sig.Key), v.end.at
	}
	home := v.networksWithout(sig.Key, until)
	for _, u := range uses {
		switch {
		case u.Network == "" || len(home) == 0 || u.First.Before(sig.Time):
		case !home[u.Network] && !lineage.InsideAWS(u.SourceIP) && !v.trusted(u.SourceIP):
			v.addUse("added_key_used_elsewhere", "since then "+v.who.Name+" was used from "+u.SourceIP+", where it never was before", u)
			return
		case sig.Key != "":
			v.addUse("added_key_used_at_home", "the new key is used from "+u.SourceIP+", where the user is usually", u)
			return
		}
	}
}

func addedWords(sig *incident.Signal) string {
	name := sig.Target.Name
	if sig.Target.Type == incident.Account {
		name = "the root user"
	}
	switch sig.Kind {
	case incident.KeyCreated:
		return "created access key " + sig.Key + " for " + name
	case incident.LoginProfileCreated:
		return "gave " + name + " a console password"
	case incident.LoginProfileUpdated:
		return "changed the console password of " + name
	}
	return "switched off multi-factor authentication of " + name
}

// audits reports whether a signal is a change of what is recorded.
func audits(sig *incident.Signal) bool {
	switch sig.Kind {
	case incident.TrailStopped, incident.TrailDeleted:
		return true
	case incident.TrailUpdated, incident.SelectorsChanged:
		return sig.Weakened
	}
	return false
}

func auditDeed(sig *incident.Signal) string {
	trail := orWord(sig.Resource, "the trail")
	if _, name, ok := strings.Cut(trail, ":trail/"); ok {
		trail = "trail " + name
	}
	switch sig.Kind {
	case incident.TrailStopped:
		return "stopped " + trail
	case incident.TrailDeleted:
		return "deleted " + trail
	case incident.SelectorsChanged:
		return "narrowed what " + trail + " records"
	}
	return "weakened " + trail
}

// audit judges changes of the trail, on the account's finding.
func (v *view) audit() {
	for _, sig := range v.changes {
		if !audits(sig) {
			continue
		}
		who, deed := callerName(sig.Actor), auditDeed(sig)
		e := v.explain(sig)
		if e.standing == owner || e.standing == service {
			v.add("audit_changed_by_owner", who+" "+deed+": "+e.why, sig).weight *= e.strength
			continue
		}
		rule := Rule("audit_weakened")
		if sig.Kind == incident.TrailStopped || sig.Kind == incident.TrailDeleted {
			rule = "audit_stopped"
		}
		v.add(rule, who+", whom nothing known explains, "+deed, sig)
		if e.standing == tainted {
			v.add("tainted_audit", e.why, sig)
		}
	}
}
