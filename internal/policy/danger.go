package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Own is what an installation knows about itself.
type Own struct {
	// Account and Partition are those of the role; an empty Partition is aws.
	Account, Partition string
	// Accounts are our other accounts; TrustedAccounts belong to others and
	// may be trusted by roles.
	Accounts, TrustedAccounts []string
	// Organisations are ids (o-…) of organisations that are ours or trusted.
	Organisations []string
}

// trusts reports whether an account may be trusted. Account ids of another
// partition are nobody's that we know.
func (o Own) trusts(account, partition string) bool {
	if partition != "" || account == "" {
		return false
	}
	return account == o.Account || slices.Contains(o.Accounts, account) || slices.Contains(o.TrustedAccounts, account)
}

// danger is how dangerous a grant is by itself, and why.
type danger struct {
	level  Level
	reason Reason
	to     string // what the reason is about: an account, organisation, network, subject
}

// less orders dangers; of two equal ones the more specific comes first.
func (d danger) less(e danger) int {
	return cmp.Or(
		cmp.Compare(d.level, e.level),
		compareBool(d.to == "", e.to == ""),
		strings.Compare(string(d.reason), string(e.reason)),
		strings.Compare(d.to, e.to),
	)
}

// judge says how dangerous g is. All limits hold together, so the narrowest
// decides.
func (o Own) judge(g grant) danger {
	if g.verb != assume {
		return danger{level: Changed, reason: sessionReason(g.verb)}
	}
	switch g.who.kind {
	case anybody:
		return o.judgeAnybody(g)
	case account, identity:
		return o.judgeAccount(g)
	case orphan:
		return danger{Changed, OrphanedPrincipal, g.who.name}
	case service:
		return o.judgeService(g)
	case oidc:
		return o.judgeOIDC(g)
	case saml:
		return o.judgeSAML(g)
	}
	return danger{Weakened, UnknownPrincipal, g.who.name}
}

func sessionReason(v verb) Reason {
	switch v {
	case tag:
		return SessionTagsAllowed
	case setIdentity:
		return SourceIdentityAllowed
	}
	return SessionContextAllowed
}

func (o Own) judgeAnybody(g grant) danger {
	least := danger{Opened, AnyPrincipal, ""}
	if g.who.except != "" {
		least.reason = AllButSome
	}
	for _, l := range g.limits {
		if d, ok := o.narrows(l); ok && d.less(least) < 0 {
			least = d
		}
	}
	return least
}

// judgeAccount judges a principal of some account. A foreign one stays
// foreign whatever else is asked of it, unless the conditions prove it ours.
func (o Own) judgeAccount(g grant) danger {
	if o.trusts(g.who.account, g.who.partition) {
		return danger{Changed, NewPrincipal, g.who.account}
	}
	for _, l := range g.limits {
		if d, ok := o.narrows(l); ok && d.level == Changed && slices.Contains(ownerKeys, l.key) {
			return d
		}
	}
	return danger{Opened, ForeignAccount, g.who.account}
}

// ownerKeys are the condition keys that tell whose the caller is.
var ownerKeys = []string{
	"aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
	"aws:vpceorgid", "aws:vpceorgpaths", "aws:vpceaccount", "aws:resourceorgid", "aws:resourceaccount",
}

// narrows says what is left of everybody when l holds; ok is false if that is
// still everybody.
func (o Own) narrows(l limit) (d danger, ok bool) {
	if !l.strict() {
		return danger{}, false
	}
	switch l.key {
	case "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce":
		return narrowsToNetwork(l)
	case "aws:principalisawsservice", "aws:viaawsservice":
		return danger{Weakened, AnyService, ""}, l.test == byTruth && l.value == "true"
	}
	if !l.textual() {
		return danger{}, false
	}
	switch l.key {
	case "aws:principalorgid", "aws:principalorgpaths", "aws:vpceorgid", "aws:vpceorgpaths",
		"aws:sourceorgid", "aws:sourceorgpaths", "aws:resourceorgid":
		return o.narrowsToOrganisation(l)
	case "aws:principalaccount", "aws:vpceaccount", "aws:sourceaccount", "aws:resourceaccount":
		return o.narrowsToAccount(l)
	case "aws:principalarn", "aws:sourcearn":
		return o.narrowsToARN(l)
	case "aws:userid", "aws:principalservicename":
		return narrowsToID(l)
	}
	if _, claim, isClaim := claimOf(l.key); isClaim && slices.Contains(subjectClaims, claim) {
		level, reason := claimLevel(claim, l.value)
		return danger{level, reason, l.said}, level < Opened
	}
	return danger{}, false
}

func (o Own) narrowsToOrganisation(l limit) (danger, bool) {
	if sameOwner(l) {
		return danger{Changed, NewPrincipal, "the role's organisation"}, true
	}
	id, _, _ := strings.Cut(string(l.value), "/")
	switch {
	case l.key == "aws:resourceorgid" || !pattern(id).exact():
		return danger{}, false
	case slices.Contains(o.Organisations, id):
		return danger{Changed, NewPrincipal, id}, true
	case len(o.Organisations) > 0:
		return danger{Opened, ForeignOrganisation, id}, true
	}
	return danger{Weakened, UnknownOrganisation, id}, true
}

func (o Own) narrowsToAccount(l limit) (danger, bool) {
	id := string(l.value)
	switch {
	case sameOwner(l):
		return danger{Changed, NewPrincipal, o.Account}, true
	case l.key == "aws:resourceaccount" || !isAccount(id):
		return danger{}, false
	}
	return o.inAccount(id, "")
}

// sameOwner reports whether l compares the caller's owner with the role's by a
// policy variable.
func sameOwner(l limit) bool {
	switch strings.ToLower(l.said) {
	case "${aws:resourceorgid}":
		return l.key == "aws:principalorgid" || l.key == "aws:vpceorgid" || l.key == "aws:sourceorgid"
	case "${aws:resourceaccount}":
		return l.key == "aws:principalaccount" || l.key == "aws:vpceaccount" || l.key == "aws:sourceaccount"
	case "${aws:principalorgid}":
		return l.key == "aws:resourceorgid"
	case "${aws:principalaccount}":
		return l.key == "aws:resourceaccount"
	}
	return false
}

func (o Own) narrowsToARN(l limit) (danger, bool) {
	a, ok := readARN(string(l.value), o.Partition)
	switch {
	case !ok:
		return danger{}, false
	case a.account == "" && a.service == "s3" && pattern(a.resource).exact():
		return danger{Weakened, UnknownPrincipal, l.said}, true // buckets belong to somebody unnamed
	case !isAccount(a.account):
		return danger{}, false
	case !pattern(a.partition).exact():
		a.partition = ""
	}
	return o.inAccount(a.account, a.partition)
}

func (o Own) inAccount(id, partition string) (danger, bool) {
	if o.trusts(id, partition) {
		return danger{Changed, NewPrincipal, id}, true
	}
	return danger{Opened, ForeignAccount, id}, true
}

// narrowsToID takes a unique id, or what precedes the session's name in one.
// It does not tell whose it is.
func narrowsToID(l limit) (danger, bool) {
	if l.key == "aws:principalservicename" {
		return danger{Changed, NewPrincipal, l.said}, l.value.exact()
	}
	id, _, _ := strings.Cut(string(l.value), ":")
	return danger{Weakened, UnknownPrincipal, l.said}, isUniqueID(strings.TrimRight(id, "\x00"))
}

// narrowsToNetwork takes an address block or a virtual network. They keep
// everybody else out, but whose they are is not known here: an intruder's own
// address is as narrow as it gets.
func narrowsToNetwork(l limit) (danger, bool) {
	d := danger{Weakened, AnyoneFromNetwork, l.said}
	if l.key != "aws:sourceip" {
		return d, l.value.exact()
	}
	b := addressBlock(l.value)
	return d, b.IsValid() && b.Bits() >= widestBlock(b.Addr().Is4())
}

// widestBlock is the prefix length of the largest block of addresses that is
// somebody's: registries hand out no more than a /8 of IPv4 and a /19 of IPv6.
func widestBlock(v4 bool) int {
	if v4 {
		return 8
	}
	return 19
}

func (o Own) judgeService(g grant) danger {
	name := g.who.name
	limited := false
	for _, l := range g.limits {
		switch l.key {
		case "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths":
			d, ok := o.narrows(l)
			if ok && d.level == Opened {
				return danger{Weakened, ServiceForOthers, d.to}
			}
			limited = limited || ok
		}
		limited = limited || strings.HasPrefix(l.key, "aws:principaltag/") && l.strict() && !l.presence()
	}
	switch {
	case name == "*":
		if limited {
			return danger{Changed, NewPrincipal, name}
		}
		return danger{Opened, AnyPrincipal, ""}
	case !isService(name):
		return danger{Weakened, UnusualService, name}
	case name == "rolesanywhere.amazonaws.com" && !limited:
		return danger{Weakened, AnyCertificate, name}
	}
	return danger{Changed, NewPrincipal, name}
}

// isService reports whether name looks like an AWS service's principal.
func isService(name string) bool {
	host, found := strings.CutSuffix(strings.TrimSuffix(name, ".cn"), ".amazonaws.com")
	return found && host != "" && wild(host).exact()
}

func (o Own) judgeOIDC(g grant) danger {
	who := g.who
	if who.name == "*" {
		return danger{Opened, AnyPrincipal, ""}
	}
	if who.account != "" && !o.trusts(who.account, who.partition) {
		return danger{Opened, ForeignProvider, who.account}
	}
	if isCognito(who.name) {
		return o.judgeCognito(g)
	}
	least := danger{Opened, SubjectMissing, ""}
	for _, l := range g.limits {
		if d, ok := o.narrowsProvider(who.name, l); ok && d.less(least) < 0 {
			least = d
		}
	}
	if least.level < Weakened && !hasAudience(g) {
		return danger{Weakened, AudienceMissing, ""}
	}
	return least
}

// narrowsProvider says what is left of a provider's users when l holds.
func (o Own) narrowsProvider(host string, l limit) (danger, bool) {
	if slices.Contains(ownerKeys, l.key) {
		// Users of a provider have no account: a demand for one shuts them out.
		return danger{Changed, NewPrincipal, l.said}, l.strict() && !l.presence()
	}
	keyHost, claim, ok := claimOf(l.key)
	if !ok || l.not || !l.textual() || !slices.Contains(subjectClaims, claim) {
		return danger{}, false
	}
	if keyHost != host {
		return danger{LowRisk, OtherProvider, l.key}, l.strict()
	}
	level, reason := claimLevel(claim, l.value)
	if l.absent && level < Weakened {
		level, reason = Weakened, SubjectOptional
	}
	return danger{level, reason, l.said}, true
}

func hasAudience(g grant) bool {
	return slices.ContainsFunc(g.limits, func(l limit) bool {
		host, claim, ok := claimOf(l.key)
		return ok && host == g.who.name && slices.Contains(audienceClaims, claim) && l.strict() && !l.presence()
	})
}

func isCognito(host string) bool { return strings.HasPrefix(host, "cognito-identity") }

// judgeCognito judges identity pools. Their users have no subject that a
// policy could know beforehand: the pool is the audience, and without it any
// pool of any account will do.
func (o Own) judgeCognito(g grant) danger {
	if !hasAudience(g) {
		return danger{Opened, AudienceMissing, ""}
	}
	for _, l := range g.limits {
		_, claim, ok := claimOf(l.key)
		if ok && claim == "amr" && l.strict() && l.value == "authenticated" || ok && claim == "sub" && l.strict() && l.value.exact() {
			return danger{Changed, NewPrincipal, g.who.name}
		}
	}
	return danger{LowRisk, GuestsAdmitted, ""}
}

func (o Own) judgeSAML(g grant) danger {
	if !o.trusts(g.who.account, g.who.partition) {
		return danger{Opened, ForeignProvider, g.who.account}
	}
	asked := slices.ContainsFunc(g.limits, func(l limit) bool {
		return strings.HasPrefix(l.key, "saml:") && l.strict() && !l.presence()
	})
	if !asked {
		return danger{Weakened, AudienceMissing, ""}
	}
	return danger{Changed, NewPrincipal, g.who.name}
}
