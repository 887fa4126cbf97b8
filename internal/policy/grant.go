package policy

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// maxWays and maxGrants bound how far the alternatives in the conditions of one
// statement and of a whole policy are multiplied out. A trust policy has at
// most 4,096 characters, so one list of alternatives always fits; of several,
// those beyond the bound count as absent.
const (
	maxWays   = 1024
	maxGrants = 2048
)

// grant is one way into a role: who may do what, if all limits hold. A policy
// is the union of its grants.
type grant struct {
	who    party
	verb   verb
	limits []limit // sorted
}

type verb int

const (
	assume verb = iota // sts:AssumeRole and its two federated siblings
	tag
	setIdentity
	setContext
)

// verbs are the actions of trust policies, in lower case. Which of the three
// ways to assume a role is granted makes no difference to who gets in.
var verbs = map[string]verb{
	"sts:assumerole":                assume,
	"sts:assumerolewithsaml":        assume,
	"sts:assumerolewithwebidentity": assume,
	"sts:tagsession":                tag,
	"sts:setsourceidentity":         setIdentity,
	"sts:setcontext":                setContext,
}

// covers reports whether g lets in everybody whom h lets in.
func (g grant) covers(h grant) bool {
	if g.verb != h.verb || !g.who.covers(h.who) {
		return false
	}
	for i := range g.limits {
		if !implied(h.limits, &g.limits[i]) {
			return false
		}
	}
	return true
}

// implied reports whether one of limits implies l.
func implied(limits []limit, l *limit) bool {
	for i := range limits {
		if limits[i].key == l.key && limits[i].implies(*l) {
			return true
		}
	}
	return false
}

// missing are the limits of g that those of h do not imply.
func (g grant) missing(h grant) []limit {
	var list []limit
	for i := range g.limits {
		if !implied(h.limits, &g.limits[i]) {
			list = append(list, g.limits[i])
		}
	}
	return list
}

// grants resolves a trust policy into what it grants, denies applied.
func grants(p incident.TrustPolicy, home string) []grant {
	var list []grant
	for _, s := range p.Statements {
		if s.Deny {
			continue
		}
		for _, who := range allowed(s, home) {
			list = append(list, granted(who, s, p.Statements, home, maxGrants-len(list))...)
		}
	}
	return list
}

// allowed is whom an allowing statement names.
func allowed(s incident.TrustStatement, home string) []party {
	if s.NotPrincipal {
		return []party{{kind: anybody, except: exceptions(s, home)}}
	}
	return parties(s, home)
}

func parties(s incident.TrustStatement, home string) []party {
	var list []party
	for _, p := range s.Principals {
		if who := readParty(p, home); !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	return list
}

// exceptions writes down whom a NotPrincipal leaves out, in one order.
func exceptions(s incident.TrustStatement, home string) string {
	names := []string{"nobody"}
	for _, who := range parties(s, home) {
		names = append(names, describeParty(who))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// granted is what an allowing statement grants to who. Beyond a number of
// grants it does not multiply alternatives any more.
func granted(who party, s incident.TrustStatement, all []incident.TrustStatement, home string, most int) []grant {
	var list []grant
	for _, v := range []verb{assume, tag, setIdentity, setContext} {
		actions := actionsOf(s, v, who)
		if len(actions) == 0 {
			continue
		}
		asked := asks(s)
		for _, d := range all {
			if !d.Deny || !coversActions(d, actions) {
				continue
			}
			if ways, ok := spares(d, who, home); ok {
				asked = append(asked, ways)
			}
		}
		for _, limits := range multiply(asked, min(maxWays, most-len(list))) {
			if possible(who, limits) {
				list = append(list, grant{who, v, limits})
			}
		}
	}
	return list
}

// actionsOf are the actions of kind v that s speaks of and that are open to
// who: an OIDC provider's users come by AssumeRoleWithWebIdentity alone. A
// statement that grants only ways that are closed to who is taken at its word.
func actionsOf(s incident.TrustStatement, v verb, who party) []string {
	var usable, all []string
	for action, of := range verbs {
		if of != v || !coversActions(s, []string{action}) {
			continue
		}
		all = append(all, action)
		if v != assume || who.kind == anybody || action == wayIn(who.kind) {
			usable = append(usable, action)
		}
	}
	if usable == nil {
		return all
	}
	return usable
}

func wayIn(k kind) string {
	switch k {
	case oidc:
		return "sts:assumerolewithwebidentity"
	case saml:
		return "sts:assumerolewithsaml"
	}
	return "sts:assumerole"
}

// coversActions reports whether s speaks of every one of actions.
func coversActions(s incident.TrustStatement, actions []string) bool {
	for _, a := range actions {
		if !speaksOf(s, exactly(a)) {
			return false
		}
	}
	return true
}

func speaksOf(s incident.TrustStatement, action pattern) bool {
	exempting, spared := false, false
	for _, a := range s.Actions {
		exempt, not := strings.CutPrefix(a, "!")
		matched := wild(strings.ToLower(exempt)).covers(action)
		if !not && matched {
			return true
		}
		exempting, spared = exempting || not, spared || not && matched
	}
	return exempting && !spared
}

// asks are the demands of a statement's conditions. A condition without a
// value asks nothing.
func asks(s incident.TrustStatement) []demand {
	var list []demand
	for _, c := range s.Conditions {
		if d := readDemand(c); d != nil {
			list = append(list, d)
		}
	}
	return list
}

// spares are the ways for a request by who not to be hit by the deny d. It
// hits all of them if there is none; ok is false if it hits none of them.
func spares(d incident.TrustStatement, who party, home string) (ways demand, ok bool) {
	denied := parties(d, home)
	if d.NotPrincipal {
		for _, p := range denied {
			if p.covers(who) {
				return nil, false
			}
			if l, ok := being(p); ok && who.covers(p) {
				ways = append(ways, []limit{l})
			}
		}
	} else if !slices.ContainsFunc(denied, func(p party) bool { return p.covers(who) || p.kind == anybody }) {
		return nil, false
	}
	for _, c := range d.Conditions {
		escape := readEscape(c)
		if escape == nil {
			return nil, false // without a value it holds for nobody
		}
		ways = append(ways, escape...)
	}
	return ways, true
}

// being is the limit that only p passes.
func being(p party) (limit, bool) {
	switch p.kind {
	case account:
		return limit{key: "aws:principalaccount", value: exactly(p.account), said: p.account}, true
	case identity:
		return limit{key: "aws:principalarn", value: exactly(p.name), said: p.name}, true
	case orphan:
		return limit{key: "aws:userid", value: wild(p.name + "*"), said: p.name}, true
	case service:
		return limit{key: "aws:principalservicename", value: exactly(p.name), said: p.name}, true
	}
	return limit{}, false
}

// multiply turns demands that must all be met into the ways to meet them. What
// makes more than most of them, but at least one, is left out.
func multiply(asked []demand, most int) [][]limit {
	// The smallest first, so that what does not fit is the largest.
	asked = slices.Clone(asked)
	slices.SortStableFunc(asked, func(a, b demand) int { return len(a) - len(b) })
	ways := [][]limit{nil}
	for _, d := range asked {
		if n := len(ways) * len(d); n > 1 && n > most {
			continue
		}
		var longer [][]limit
		for _, way := range ways {
			for _, more := range d {
				longer = append(longer, sorted(slices.Concat(way, more)))
			}
		}
		ways = longer
	}
	for i, way := range ways {
		ways[i] = sorted(tightened(way))
	}
	return ways
}

// tightened gives limits that hold for a missing key their teeth back where
// another one demands the key.
func tightened(way []limit) []limit {
	for i, l := range way {
		demanded := func(m limit) bool { return m.key == l.key && !m.absent }
		if l.absent && l.test != byNull && slices.ContainsFunc(way, demanded) {
			way[i].absent = false
		}
	}
	return way
}

// possible reports whether who can pass limits on the account it belongs to.
func possible(who party, limits []limit) bool {
	if who.kind != account && who.kind != identity {
		return true
	}
	return !slices.ContainsFunc(limits, func(l limit) bool {
		return l.key == "aws:principalaccount" && !l.admits(who.account)
	})
}
