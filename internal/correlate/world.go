package correlate

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// Set is evidence, sorted and indexed for any number of questions. Nothing in it
// depends on the order in which the evidence was given. It points into the
// evidence, which must stay as it is.
type Set struct {
	Evidence

	graph     *lineage.Graph
	signals   []*incident.Signal
	subjects  map[string]*subject
	attached  map[string][]incident.Principal // who ever had a managed policy attached, by its ARN
	byActor   map[string][]*incident.Signal   // identity changes, by the actor's Principal.Key
	audits    map[string][]*incident.Signal   // what was done to the trail, by the actor's Principal.Key
	taken     map[string][]*incident.Signal   // credentials that a principal got itself, by its Principal.Key
	marked    map[string][]*incident.Signal   // signs of compromise, by the subject's Principal.Key
	usesOf    map[string][]*incident.Use      // by Principal.Key, by First
	keyUses   map[holding][]*incident.Use     // by First
	providers map[string][]*incident.Signal   // by lineage.ProviderHost
	policies  map[string][]*incident.Signal   // what was written to a managed policy, by ARN
	last      time.Time                       // time of the last thing that happened
}

// world is a set of evidence as somebody with settings looks at it.
type world struct {
	*Set
	settings incident.Settings
	table    map[Rule]Row
	networks []netip.Prefix    // trusted by configuration
	capped   []string          // limits that were reached
	unissued *lineage.Issuance // stands for one that is not known

	memo
}

// memo is what fills while subjects are judged: what was found out once and is the
// same at every cursor.
type memo struct {
	told     map[*incident.Signal]bool              // provider changes told by the findings of roles
	known    map[string]*haunts                     // where principals were seen, by Principal.Key
	roamers  map[string][]roamer                    // keys that were seen in several networks, by Principal.Key
	armed    map[string][]*incident.Use             // by a tool for attacks, by Principal.Key
	renewed  map[string][]*source                   // sources of a principal's sessions, by Principal.Key
	renews   map[string][]*source                   // sources of sessions that a principal asks for, by Principal.Key
	assessed map[*incident.Signal]policy.Assessment // trust policies against the one before
}

func newMemo() memo {
	return memo{
		told:     map[*incident.Signal]bool{},
		known:    map[string]*haunts{},
		roamers:  map[string][]roamer{},
		armed:    map[string][]*incident.Use{},
		renewed:  map[string][]*source{},
		renews:   map[string][]*source{},
		assessed: map[*incident.Signal]policy.Assessment{},
	}
}

// holding is a key in the hands of a principal.
type holding struct{ who, key string }

// subject is a principal with everything that was observed about it.
type subject struct {
	who     incident.Principal
	key     string             // its Principal.Key
	signals []*incident.Signal // in canonical order
	changes []*incident.Signal // those that are no issuance, failure or denial
}

// Index sorts and indexes evidence.
func Index(e Evidence) *Set {
	set := &Set{
		Evidence:  e,
		signals:   canonical(e.Signals),
		subjects:  map[string]*subject{},
		byActor:   map[string][]*incident.Signal{},
		audits:    map[string][]*incident.Signal{},
		taken:     map[string][]*incident.Signal{},
		marked:    map[string][]*incident.Signal{},
		usesOf:    map[string][]*incident.Use{},
		keyUses:   map[holding][]*incident.Use{},
		providers: map[string][]*incident.Signal{},
		policies:  map[string][]*incident.Signal{},
	}
	uses := foldUses(e.Uses)
	set.graph = lineage.Link(set.signals, uses)
	for k := range uses {
		u := &uses[k]
		who := u.Principal.Key()
		set.usesOf[who] = append(set.usesOf[who], u)
		if u.AccessKeyID != "" {
			h := holding{who, u.AccessKeyID}
			set.keyUses[h] = append(set.keyUses[h], u)
		}
		set.last = incident.Later(set.last, u.Last)
	}
	set.attached = set.attachments()
	for _, sig := range set.signals {
		set.last = incident.Later(set.last, sig.Time)
		set.index(sig)
		for _, p := range set.about(sig) {
			s := set.subject(p)
			s.signals = append(s.signals, sig)
			if isChange(sig.Kind) {
				s.changes = append(s.changes, sig)
			}
			if marking(sig.Kind) {
				set.marked[p.Key()] = append(set.marked[p.Key()], sig)
			}
		}
	}
	for _, uses := range set.usesOf {
		set.subject(set.graph.Spelled(uses[0].Principal))
	}
	return set
}

func newWorld(e *Set, s incident.Settings) *world {
	return &world{
		Set:      e,
		settings: s,
		table:    rows(),
		networks: prefixes(s.TrustedNetworks),
		capped:   sortedStrings(e.Capped),
		unissued: &lineage.Issuance{},
		memo:     newMemo(),
	}
}

// apart is the same world for another goroutine.
func (w *world) apart() *world {
	o := *w
	o.memo = newMemo()
	return &o
}

// find is a principal's subject, one without signals where it has none.
func (e *Set) find(p incident.Principal) *subject {
	key := p.Key()
	if s := e.subjects[key]; s != nil {
		return s
	}
	return &subject{who: p, key: key}
}

// subject is a principal's subject, a new one where it has none.
func (e *Set) subject(p incident.Principal) *subject {
	key := p.Key()
	s := e.subjects[key]
	if s == nil {
		s = &subject{who: p, key: key}
		e.subjects[key] = s
	}
	return s
}

// isChange reports whether a signal changes something, as against the many that
// only use what is there.
func isChange(k incident.Kind) bool {
	switch k {
	case incident.SessionIssued, incident.CredentialFailed, incident.CallDenied, incident.SignInFailed:
		return false
	}
	return true
}

func (e *Set) index(sig *incident.Signal) {
	if actor := sig.Actor.Principal.Key(); sig.Actor.Known() {
		if identityChange(sig.Kind) {
			e.byActor[actor] = append(e.byActor[actor], sig)
		}
		if sig.Kind == incident.SessionIssued || sig.Kind == incident.KeyCreated {
			e.taken[actor] = append(e.taken[actor], sig)
		}
		if audits(sig) {
			e.audits[actor] = append(e.audits[actor], sig)
		}
	}
	switch sig.Kind {
	case incident.ProviderCreated, incident.ProviderChanged, incident.ProviderDeleted:
		host := providerHost(sig)
		e.providers[host] = append(e.providers[host], sig)
	case incident.ManagedPolicyWritten:
		if sig.Policy != nil {
			e.policies[sig.Policy.ARN] = append(e.policies[sig.Policy.ARN], sig)
		}
	}
}

func providerHost(sig *incident.Signal) string {
	for _, name := range []string{sig.Target.ARN, sig.Target.Name, sig.Resource} {
		if name != "" {
			return lineage.ProviderHost(name)
		}
	}
	return ""
}

// attachments are the principals that ever had a managed policy attached, by
// the policy's ARN.
func (e *Set) attachments() map[string][]incident.Principal {
	attached := map[string][]incident.Principal{}
	for _, sig := range e.signals {
		if sig.Kind != incident.PolicyAttached && sig.Kind != incident.PolicyDetached || sig.Policy == nil {
			continue
		}
		list := attached[sig.Policy.ARN]
		if !slices.ContainsFunc(list, sig.Target.Same) {
			attached[sig.Policy.ARN] = append(list, sig.Target)
		}
	}
	return attached
}

// about lists the subjects that a signal concerns.
func (e *Set) about(sig *incident.Signal) []incident.Principal {
	switch sig.Kind {
	case incident.TrailStarted, incident.TrailStopped, incident.TrailDeleted, incident.TrailUpdated, incident.SelectorsChanged, incident.STSPreferenceChanged:
		return []incident.Principal{e.account(sig)}
	case incident.ManagedPolicyWritten:
		if sig.Policy == nil {
			return nil
		}
		if list := e.attached[sig.Policy.ARN]; len(list) > 0 {
			return spelled(e.graph, list)
		}
		if sig.Revocation != nil {
			return []incident.Principal{e.account(sig)}
		}
		return nil
	}
	if p := e.graph.Subject(sig); p.Known() && p.Type != incident.Service {
		return []incident.Principal{p}
	}
	if isChange(sig.Kind) && sig.Account != "" {
		return []incident.Principal{e.account(sig)} // it names nobody, but it happened
	}
	return nil
}

func spelled(g *lineage.Graph, list []incident.Principal) []incident.Principal {
	out := make([]incident.Principal, len(list))
	for n, p := range list {
		out[n] = g.Spelled(p)
	}
	return out
}

func (e *Set) account(sig *incident.Signal) incident.Principal {
	return incident.Principal{Type: incident.Account, Partition: sig.Partition, Account: sig.Account, Name: sig.Account}
}

// canonical sorts the signals by time and id, and drops what is there twice:
// the same event, and the copies of one call that several accounts received.
func canonical(signals []incident.Signal) []*incident.Signal {
	list := make([]*incident.Signal, len(signals))
	for n := range signals {
		list[n] = &signals[n]
	}
	slices.SortFunc(list, compareSignals)
	best := map[string]*incident.Signal{}
	for _, sig := range list {
		if have := best[sharedKey(sig)]; have == nil || sig.Actor.ARN > have.Actor.ARN {
			best[sharedKey(sig)] = sig
		}
	}
	seen := make(map[string]bool, len(list))
	out := list[:0]
	for _, sig := range list {
		id := sig.Account + "|" + sig.ID + "|" + string(sig.Kind)
		if seen[id] || sig.SharedID != "" && best[sharedKey(sig)] != sig {
			continue
		}
		seen[id] = true
		out = append(out, sig)
	}
	return out
}

// sharedKey is equal for the copies of one call. Of them the one that names
// the caller stands: it knows more.
func sharedKey(sig *incident.Signal) string {
	if sig.SharedID == "" {
		return ""
	}
	return sig.SharedID + "|" + string(sig.Kind)
}

func compareSignals(a, b *incident.Signal) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	if c := strings.Compare(a.Account, b.Account); c != 0 {
		return c
	}
	return strings.Compare(string(a.Kind), string(b.Kind))
}

func foldUses(uses []incident.Use) []incident.Use {
	byKey := make(map[string]incident.Use, len(uses))
	for _, u := range uses {
		if have, ok := byKey[u.Key()]; ok {
			u = have.Join(u)
		}
		byKey[u.Key()] = u
	}
	out := make([]incident.Use, 0, len(byKey))
	for _, u := range byKey {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b incident.Use) int {
		if c := a.First.Compare(b.First); c != 0 {
			return c
		}
		return strings.Compare(a.Key(), b.Key())
	})
	return out
}

func prefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// trusted reports whether an address lies in a network that the configuration
// counts as usual for everybody.
func (w *world) trusted(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(w.networks, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

func sortedStrings(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
