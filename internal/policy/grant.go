package policy

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// maxGrants bounds how far the alternatives of one statement are multiplied
// out. IAM's quota for a trust policy leaves room for about a third of it;
// conditions beyond it count as absent.
const maxGrants = 1024

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
	return g.verb == h.verb && g.who.covers(h.who) && len(g.missing(h)) == 0
}

// missing are the limits of g that those of h do not imply.
func (g grant) missing(h grant) []limit {
	var list []limit
	for _, l := range g.limits {
		if !slices.ContainsFunc(h.limits, func(m limit) bool { return m.implies(l) }) {
			list = append(list, l)
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
			list = append(list, granted(who, s, p.Statements, home)...)
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

// granted is what an allowing statement grants to who.
func granted(who party, s incident.TrustStatement, all []incident.TrustStatement, home string) []grant {
	var list []grant
	for _, v := range []verb{assume, tag, setIdentity, setContext} {
		actions := actionsOf(s, v, who)
		if len(actions) == 0 {
			continue
		}
		asked := asks(s)
		void := false
		for _, d := range all {
			if !d.Deny || !coversActions(d, actions) {
				continue
			}
			ways, exist := spares(d, who, home)
			void = void || !exist
			asked = append(asked, ways...)
		}
		if void {
			continue
		}
		for _, limits := range multiply(asked) {
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

// asks are the clauses that a statement's conditions amount to. A condition
// without a value asks nothing.
func asks(s incident.TrustStatement) []clause {
	var list []clause
	for _, c := range s.Conditions {
		list = append(list, clauses(c)...)
	}
	return list
}

// spares are the clauses that a request by who must meet in order that the
// deny d does not hit it. If none exist, it hits all of them.
func spares(d incident.TrustStatement, who party, home string) (list []clause, exist bool) {
	var outside clause // ways not to be among the denied principals
	if d.NotPrincipal {
		for _, p := range parties(d, home) {
			if p.covers(who) {
				return nil, true
			}
			if l, ok := being(p); ok && who.covers(p) {
				outside = append(outside, l)
			}
		}
	} else if !slices.ContainsFunc(parties(d, home), func(p party) bool { return p.covers(who) || p.kind == anybody }) {
		return nil, true
	}
	if len(d.Conditions) == 0 {
		return []clause{outside}, len(outside) > 0
	}
	return escapes(outside, d.Conditions), true
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

// escapes negates a conjunction of conditions: a request escapes the deny if
// it is outside or fails any one of them. The result is a conjunction again;
// it is empty, as if nobody were denied, if it would become too long.
func escapes(outside clause, conditions []incident.Condition) []clause {
	list := []clause{outside}
	for _, c := range conditions {
		var longer []clause
		for _, failing := range negation(clauses(c)) {
			for _, have := range list {
				longer = append(longer, slices.Concat(have, failing))
			}
		}
		// A condition without a value holds for nobody, so neither does the deny.
		if longer == nil || len(longer) > maxGrants {
			return nil
		}
		list = longer
	}
	return list
}

// negation is the opposite of one condition's clauses. These are either one
// clause or several of one limit each.
func negation(of []clause) []clause {
	if len(of) == 1 {
		var list []clause
		for _, l := range of[0] {
			list = append(list, clause{l.negated()})
		}
		return list
	}
	var alternatives clause
	for _, c := range of {
		for _, l := range c {
			alternatives = append(alternatives, l.negated())
		}
	}
	if alternatives == nil {
		return nil
	}
	return []clause{alternatives}
}

// multiply turns a conjunction of clauses into the ways to meet it.
func multiply(asked []clause) [][]limit {
	ways := [][]limit{nil}
	// The shortest first, so that what does not fit is the longest.
	asked = slices.Clone(asked)
	slices.SortStableFunc(asked, func(a, b clause) int { return len(a) - len(b) })
	for _, c := range asked {
		if len(c) == 0 || len(ways)*len(c) > maxGrants {
			continue
		}
		var longer [][]limit
		for _, way := range ways {
			for _, l := range c {
				longer = append(longer, append(slices.Clip(way), l))
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
