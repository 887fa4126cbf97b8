package policy

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Assessment is what a new trust policy means compared with the last known
// one. All lists are sorted and free of repetitions.
type Assessment struct {
	// NoBaseline is set if the previous policy is not known. Everything in the
	// new one is then judged as if it were new.
	NoBaseline bool
	// Unreadable is set if the new policy could not be read; nothing else is.
	Unreadable bool
	// Findings are the differences, the most dangerous first.
	Findings []Grant
	// Gained and Lost describe who is trusted now and was not, and the reverse.
	Gained, Lost []string
	// Orphans are the ids in the new policy of roles and users that were
	// deleted. Nobody can use them, even under the same name.
	Orphans []string
	// OpenedTo is whom the Opened findings let in.
	OpenedTo Openings

	own Own
}

// Grant is one difference between two trust policies.
type Grant struct {
	Level  Level
	Reason Reason
	// Who is whom it is about, such as "account 999988887777".
	Who string
	// Fact is a sentence about the role, without its name and without a full
	// stop: "role now trusts account 999988887777". Values of conditions
	// appear in it only where they name somebody.
	Fact string
}

// Openings are the strangers that a role was opened to.
type Openings struct {
	// Anyone is set if they cannot be listed: everybody with an AWS account,
	// or the members of a foreign organisation.
	Anyone bool
	// Accounts are foreign accounts.
	Accounts []string
	// Providers are identity providers whose users are let in too freely.
	Providers []ProviderOpening
}

// ProviderOpening is an identity provider and the subject that it may vouch
// for.
type ProviderOpening struct {
	// Provider is the host and path of an OIDC provider in lower case, or the
	// ARN of a SAML provider.
	Provider string
	// Subject may have wildcards; empty means every subject.
	Subject string
}

// Level is that of the most dangerous finding.
func (a Assessment) Level() Level {
	if len(a.Findings) == 0 {
		return Unchanged
	}
	return a.Findings[0].Level
}

// Opened reports whether strangers can assume the role now who could not
// before.
func (a Assessment) Opened() bool { return a.Level() == Opened }

// AdmitsAccount reports whether account is one of the strangers that the role
// was opened to.
func (a Assessment) AdmitsAccount(account string) bool {
	if a.own.trusts(account, "") {
		return false
	}
	return a.OpenedTo.Anyone && account != "" || slices.Contains(a.OpenedTo.Accounts, account)
}

// AdmitsSubject reports whether the role was opened to an identity that a
// provider vouches for. The provider is given as its ARN, its URL or its host.
func (a Assessment) AdmitsSubject(provider, subject string) bool {
	who := readProvider(provider, a.own.Partition)
	return slices.ContainsFunc(a.OpenedTo.Providers, func(o ProviderOpening) bool {
		if o.Provider != "*" && !strings.EqualFold(o.Provider, who.name) {
			return false
		}
		return o.Subject == "" || wild(o.Subject).covers(exactly(subject))
	})
}

// Assess compares next with the last known trust policy of the same role, or
// judges all of next if prev is nil or unreadable.
//
// The two are compared by what they grant, not by what they say. A grant that
// prev had too, or that is a part of one it had, is no difference however it
// is written, so that neither tidying up nor adding a deny is ever an opening.
func Assess(prev *incident.TrustPolicy, next incident.TrustPolicy, own Own) Assessment {
	a := Assessment{own: own, NoBaseline: prev == nil || prev.Unreadable, Unreadable: next.Unreadable}
	if a.Unreadable {
		return a
	}
	was := ledger{}
	if !a.NoBaseline {
		was = keep(grants(*prev, own.Partition))
	}
	now := keep(grants(next, own.Partition))
	c := comparison{own: own, was: was, now: now}
	for _, g := range now.all {
		c.gained(&a, g)
	}
	for _, g := range was.all {
		c.lost(&a, g)
	}
	a.sort()
	return a
}

func (a *Assessment) sort() {
	sort.Slice(a.Findings, func(i, j int) bool {
		f, g := &a.Findings[i], &a.Findings[j]
		return cmp.Or(
			cmp.Compare(g.Level, f.Level),
			strings.Compare(f.Who, g.Who),
			strings.Compare(string(f.Reason), string(g.Reason)),
			strings.Compare(f.Fact, g.Fact),
		) < 0
	})
	a.Findings = slices.Compact(a.Findings)
	for _, list := range []*[]string{&a.Gained, &a.Lost, &a.Orphans, &a.OpenedTo.Accounts} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	sort.Slice(a.OpenedTo.Providers, func(i, j int) bool {
		o, p := a.OpenedTo.Providers[i], a.OpenedTo.Providers[j]
		return cmp.Or(strings.Compare(o.Provider, p.Provider), strings.Compare(o.Subject, p.Subject)) < 0
	})
	a.OpenedTo.Providers = slices.Compact(a.OpenedTo.Providers)
}

// ledger is a policy's grants, found by party.
type ledger struct {
	all []grant
	by  map[party][]grant
}

func keep(list []grant) ledger {
	l := ledger{all: list, by: map[party][]grant{}}
	for _, g := range list {
		l.by[g.who] = append(l.by[g.who], g)
	}
	return l
}

// covers reports whether some grant of l lets in everybody whom g lets in.
func (l ledger) covers(g grant) bool {
	for _, who := range []party{g.who, {kind: account, account: g.who.account, partition: g.who.partition}, {kind: anybody}} {
		if slices.ContainsFunc(l.by[who], func(h grant) bool { return h.covers(g) }) {
			return true
		}
	}
	return false
}

// trusts reports whether l lets who do v under any conditions.
func (l ledger) trusts(who party, v verb) bool {
	return slices.ContainsFunc(l.by[who], func(g grant) bool { return g.verb == v })
}

// comparison judges single grants against the policy before or after.
type comparison struct {
	own      Own
	was, now ledger
}

// gained reports g, a grant of the new policy.
func (c comparison) gained(a *Assessment, g grant) {
	if g.who.kind == orphan {
		a.Orphans = append(a.Orphans, g.who.name)
	}
	if c.was.covers(g) || c.incidental(g) {
		return
	}
	f := c.weigh(g)
	a.Findings = append(a.Findings, Grant{Level: f.level, Reason: f.reason, Who: describe(g), Fact: f.fact(g)})
	if f.reason != ConditionChanged && f.reason != ConditionLost && g.verb == assume {
		a.Gained = append(a.Gained, describe(g))
	}
	if f.level == Opened {
		a.OpenedTo.add(g, f.danger)
	}
}

// incidental reports whether g merely comes with a grant to assume the role
// that is new itself, as the right to tag sessions does.
func (c comparison) incidental(g grant) bool {
	if g.verb == assume {
		return false
	}
	g.verb = assume
	beside := func(h grant) bool { return h.verb == assume && slices.Equal(h.limits, g.limits) }
	return slices.ContainsFunc(c.now.by[g.who], beside) && !c.was.covers(g)
}

// difference is a danger that is known to be new, and what is missing compared
// with the policy before.
type difference struct {
	danger
	lost []string // condition keys
}

// weigh judges a grant that is not covered by the policy before. Of several
// earlier grants to the same party the nearest counts.
func (c comparison) weigh(g grant) difference {
	least := difference{danger: c.fresh(g)}
	compared := false
	for _, h := range c.was.by[g.who] {
		if h.verb != g.verb {
			continue
		}
		d := c.against(g, h)
		nearer := cmp.Or(d.danger.less(least.danger), slices.Compare(d.lost, least.lost)) < 0
		if !compared || nearer {
			least, compared = d, true
		}
	}
	return least
}

// fresh judges g as if its party had not been trusted at all.
func (c comparison) fresh(g grant) danger {
	d := c.own.judge(g)
	if d.level > LowRisk || g.who.kind != oidc {
		return d
	}
	if owner, known := c.owners(g); owner != "" && len(known) > 0 && !slices.Contains(known, owner) {
		return danger{Weakened, SubjectOwnerNew, d.to}
	}
	if d.reason == NewPrincipal && len(c.was.all) > 0 && !c.was.trusts(g.who, assume) {
		d.reason = NewProvider
	}
	return d
}

// owners are the organisation that g's subject belongs to, and those that the
// same provider's subjects came from so far.
func (c comparison) owners(g grant) (owner string, known []string) {
	for _, h := range c.was.by[g.who] {
		if o := ownerOf(h); o != "" {
			known = append(known, o)
		}
	}
	return ownerOf(g), known
}

// ownerOf is the organisation that a provider's grant is for: the owner of the
// subject, or the identity pool.
func ownerOf(g grant) string {
	if isCognito(g.who.name) {
		return claimed(g, "aud").said
	}
	return subjectOwner(claimed(g, "sub").value)
}

// claimed is g's limit on a claim of its provider's tokens, if it has one.
func claimed(g grant, name string) limit {
	for _, l := range g.limits {
		if host, claim, ok := claimOf(l.key); ok && host == g.who.name && claim == name && !l.not && l.test != byNull {
			return l
		}
	}
	return limit{}
}

// against judges g against an earlier grant to the same party that does not
// cover it.
func (c comparison) against(g, before grant) difference {
	d := difference{danger: c.fresh(g)}
	another := false // somebody else at the same party, not the same one under other conditions
	for _, l := range before.missing(g) {
		switch {
		case !replaced(l, g):
			d.lost = append(d.lost, usualKey(l.key))
		case namesSomebody(l, g.who):
			another = true
		}
	}
	slices.Sort(d.lost)
	d.lost = slices.Compact(d.lost)
	switch {
	case len(d.lost) > 0 && d.level < Weakened:
		d.danger = danger{Weakened, ConditionLost, ""}
	case len(d.lost) == 0 && !another:
		d.danger = danger{Changed, ConditionChanged, ""}
	}
	return d
}

// replaced reports whether g still asks for l's key, with another value.
func replaced(l limit, g grant) bool {
	return slices.ContainsFunc(g.limits, func(m limit) bool {
		return m.key == l.key && alike(l.test, m.test) && m.not == l.not &&
			(l.absent || !m.absent) && (l.presence() || !m.presence())
	})
}

// alike reports whether values of two tests say the same kind of thing. Of a
// Bool's two values each is the opposite of the other.
func alike(a, b test) bool {
	return a == b && a != byTruth || a == byText && b == byFold || a == byFold && b == byText
}

// namesSomebody reports whether a limit on who says which of them it is, so
// that another value means somebody else.
func namesSomebody(l limit, who party) bool {
	switch who.kind {
	case anybody:
		return l.strict() && (slices.Contains(ownerKeys, l.key) || strings.HasPrefix(l.key, "aws:source") && l.key != "aws:sourceidentity" || l.key == "aws:userid")
	case oidc:
		host, claim, ok := claimOf(l.key)
		return ok && host == who.name && !l.not && claim != "amr"
	}
	return false
}

// lost reports g, a grant of the old policy, unless it lives on.
func (c comparison) lost(a *Assessment, g grant) {
	if g.verb != assume || c.now.covers(g) {
		return
	}
	who := describe(g)
	again := func(h grant) bool { return h.verb == assume && describe(h) == who }
	if !slices.ContainsFunc(c.now.by[g.who], again) {
		a.Lost = append(a.Lost, who)
		a.Findings = append(a.Findings, Grant{Narrowed, TrustRemoved, who, "role no longer trusts " + who})
		return
	}
	if slices.ContainsFunc(a.Findings, func(f Grant) bool { return f.Who == who }) {
		return
	}
	a.Findings = append(a.Findings, Grant{Narrowed, ConditionAdded, who, "role now asks more of " + who})
}

// add notes whom g lets in.
func (o *Openings) add(g grant, d danger) {
	switch {
	case g.who.kind == oidc || g.who.kind == saml:
		o.Providers = append(o.Providers, ProviderOpening{g.who.name, claimed(g, "sub").said})
	case d.reason == ForeignAccount:
		o.Accounts = append(o.Accounts, d.to)
	default:
		o.Anyone = true
	}
}
