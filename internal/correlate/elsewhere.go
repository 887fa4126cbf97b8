package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// together is how close in time two places of one key must be to be told from
// a person who moved.
const together = 30 * time.Minute

// sighting is one place where a key was used although it was at home in
// another.
type sighting struct {
	rule Rule
	home *incident.Use // the latest use at home before
	use  *incident.Use
}

// elsewhereUse reports keys of the subject that were used in two places.
func (v *view) elsewhereUse() {
	for _, r := range v.roamersOf(v.key) {
		for _, s := range v.elsewhere(r) {
			if v.rotation && s.use.Service == "iam.amazonaws.com" {
				continue // whoever looks after the keys sits elsewhere
			}
			v.addUse(s.rule, fmt.Sprintf("key %s was used from %s (%s) and from %s (%s)",
				r.key, s.home.SourceIP, s.home.Client, s.use.SourceIP, s.use.Client), s.use)
			if s.use.Probe && s.rule != "key_moved" && s.rule != "instance_session_moved" {
				v.addUse("probe_from_new_network", "the first call from "+s.use.SourceIP+" was GetCallerIdentity", s.use)
			}
		}
	}
	for _, u := range begun(v.armedUses(v.key), v.end.at) {
		v.addUse("attack_tool", "the client calls itself "+u.Client+", from "+u.SourceIP, u)
	}
}

// armedUses are the uses of a principal by tools that are made for attacks.
func (w *world) armedUses(who string) []*incident.Use {
	list, ok := w.armed[who]
	if !ok {
		for _, u := range w.usesOf[who] {
			if lineage.AttackTool(u.Client) {
				list = append(list, u)
			}
		}
		w.armed[who] = list
	}
	return list
}

// roamer is a key that was used in several networks. Services and private
// addresses count as none: they are never elsewhere.
type roamer struct {
	key      string
	sessions [][]*incident.Use // those in several networks
}

// roamersOf are the keys of a principal that were used in several networks, the
// first one first.
func (w *world) roamersOf(who string) []roamer {
	list, ok := w.roamers[who]
	if ok {
		return list
	}
	seen := map[string]bool{}
	for _, u := range w.usesOf[who] {
		if key := u.AccessKeyID; key != "" && !seen[key] {
			seen[key] = true
			if sessions := w.roaming(w.keyUses[holding{who, key}]); len(sessions) > 0 {
				list = append(list, roamer{key, sessions})
			}
		}
	}
	w.roamers[who] = list
	return list
}

// roaming are the sessions among the uses of a key that were in several networks.
func (w *world) roaming(uses []*incident.Use) [][]*incident.Use {
	if oneNetwork(uses) {
		return nil
	}
	sessions := map[string][]*incident.Use{}
	for _, u := range uses {
		if u.Network == "" || lineage.InsideAWS(u.SourceIP) || w.trusted(u.SourceIP) {
			continue
		}
		id := u.SessionName + "|" + u.IssuedAt.UTC().Format(time.RFC3339)
		sessions[id] = append(sessions[id], u)
	}
	var out [][]*incident.Use
	for _, id := range sortedKeys(sessions) {
		if !oneNetwork(sessions[id]) {
			out = append(out, sessions[id])
		}
	}
	return out
}

func oneNetwork(uses []*incident.Use) bool {
	return !slices.ContainsFunc(uses, func(u *incident.Use) bool { return u.Network != uses[0].Network })
}

// elsewhere lists the sightings of one key away from home, the gravest of each
// network. Home is where the key was first used, and whatever the subject was
// used to before.
func (v *view) elsewhere(r roamer) []sighting {
	var out []sighting
	for _, uses := range r.sessions {
		if uses = begun(uses, v.end.at); len(uses) > 1 {
			out = append(out, v.strays(uses)...)
		}
	}
	return out
}

// strays lists the sightings among the uses of one session with one key.
func (v *view) strays(uses []*incident.Use) []sighting {
	var home []*incident.Use
	clients := map[string]bool{}
	usual := map[string]bool{uses[0].Network: true}
	found := map[string]sighting{}
	for _, u := range uses {
		if _, judged := usual[u.Network]; !judged {
			usual[u.Network] = v.usualFor(u.Principal, u.First).network(u.Network)
		}
		if usual[u.Network] {
			home = append(home, u)
			clients[u.Client] = true
			continue
		}
		if s, ok := v.sight(u, home, clients); ok {
			if have, was := found[u.Network]; !was || v.table[s.rule].Weight > v.table[have.rule].Weight {
				found[u.Network] = s
			}
		}
	}
	out := make([]sighting, 0, len(found))
	for _, network := range sortedKeys(found) {
		out = append(out, found[network])
	}
	return out
}

// sight compares a use in a strange network with those at home. A person moves
// from one network to another with the same client, which is weak; a workload
// does not move, and nobody is in two places with two clients.
func (v *view) sight(u *incident.Use, home []*incident.Use, clients map[string]bool) (sighting, bool) {
	var last *incident.Use
	overlaps := false
	for _, h := range home {
		if h.First.After(v.lastOf(u).Add(together)) {
			continue
		}
		if last == nil || v.lastOf(h).After(v.lastOf(last)) {
			last = h
		}
		overlaps = overlaps || v.lastOf(h).After(u.First) && !h.First.After(v.lastOf(u))
	}
	if last == nil {
		return sighting{}, false
	}
	otherClient := !clients[u.Client] && u.Client != ""
	if !otherClient && family(u) != family(last) {
		return sighting{}, false // one host with both kinds of address
	}
	near := overlaps || u.First.Sub(v.lastOf(last)) <= together
	s := sighting{home: last, use: u}
	switch {
	case bound(u) && (overlaps || otherClient):
		s.rule = "instance_session_elsewhere"
	case bound(u):
		s.rule = "instance_session_moved"
	case otherClient && near:
		s.rule = "key_in_two_places"
	case near && !roams(u):
		s.rule = "key_moved"
	default:
		return sighting{}, false
	}
	return s, true
}

// family tells IPv6 networks from IPv4 ones.
func family(u *incident.Use) string {
	if strings.Contains(u.Network, ":") {
		return "6"
	}
	return "4"
}

// bound reports whether a session belongs to a machine that stays where it is:
// an instance by its session's name.
func bound(u *incident.Use) bool {
	return strings.HasPrefix(u.SessionName, "i-") && len(u.SessionName) >= 10
}

// roams reports whether a session's calls come from ever new addresses by
// design, as those of functions outside a VPC do.
func roams(u *incident.Use) bool { return strings.Contains(u.Credentials, ":function:") }

// afterContainment finds calls that succeeded, and credentials that the subject
// got itself, around a containment and from where it never was.
func (v *view) afterContainment() {
	for _, cu := range v.cuts {
		if cu.reach == deniesAssume || !cu.expl.explains() || cu.sig.Kind == incident.RoleDeleted || cu.sig.Kind == incident.UserDeleted || cu.rotated {
			continue
		}
		pr := v.usualFor(v.who, cu.sig.Time)
		v.succeeded(cu, pr)
		v.armed(cu, pr)
	}
}

// succeeded finds calls that went through after the containment. A probe by
// GetCallerIdentity always does: no policy can deny it.
func (v *view) succeeded(cu *cut, pr profile) {
	for _, u := range v.uses {
		if !u.First.After(cu.sig.Time) || u.First.Sub(cu.sig.Time) > evasionSpan {
			continue
		}
		if how := v.compareUse(pr, u); how == newNetwork && (u.Probe || cu.key == "" || u.AccessKeyID != cu.key) {
			v.addUse("evaded_new_network", fmt.Sprintf("after %s, %s was called from %s, where the principal never was", cu.words, u.Service, u.SourceIP), u)
			return
		}
	}
}

// armed finds credentials that the contained principal got itself in the
// minutes around its containment, by a call that it was not used to make.
func (v *view) armed(cu *cut, pr profile) {
	const around = 10 * time.Minute
	for _, sig := range v.taken[v.key] {
		if !v.seen(sig) || sig.Time.Sub(cu.sig.Time).Abs() > around || cu.sig == sig {
			continue
		}
		how := v.compareActor(pr, sig.Actor)
		if pr.first.After(cu.sig.Time.Add(-around)) {
			how = unknown // what was first seen in these minutes is nobody's custom
		}
		if how == usual || how == unknown && v.habit(sig, cu.sig.Time) {
			continue
		}
		v.add("evaded_by_new_credentials", fmt.Sprintf("%s called %s within minutes of when %s", callerName(sig.Actor), sig.Operation, cu.words), sig)
		return
	}
}

// habit reports whether the principal had made the same call before.
func (v *view) habit(sig *incident.Signal, t time.Time) bool {
	for _, other := range v.taken[v.key] {
		if other.Operation == sig.Operation && other.Time.Before(t.Add(-settled)) {
			return true
		}
	}
	return false
}
