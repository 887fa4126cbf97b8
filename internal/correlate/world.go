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

// world is the evidence, sorted and indexed. Nothing in it depends on the order
// in which the evidence was given.
type world struct {
	settings incident.Settings
	table    map[Rule]Row
	networks []netip.Prefix // trusted by configuration
	capped   []string

	graph     *lineage.Graph
	signals   []*incident.Signal
	subjects  map[string]*subject
	byActor   map[string][]*incident.Signal // identity changes, by the actor's Principal.Key
	audits    map[string][]*incident.Signal // what was done to the trail, by the actor's Principal.Key
	taken     map[string][]*incident.Signal // credentials that a principal got itself, by its Principal.Key
	marked    map[string][]*incident.Signal // signs of compromise, by the subject's Principal.Key
	usesOf    map[string][]*incident.Use    // by Principal.Key, by First
	keyUses   map[holding][]*incident.Use   // by First
	providers map[string][]*incident.Signal // by lineage.ProviderHost
	policies  map[string][]*incident.Signal // what was written to a managed policy, by ARN
	unissued  *lineage.Issuance             // stands for one that is not known
	last      time.Time                     // time of the last thing that happened

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

func newWorld(e Evidence, s incident.Settings) *world {
	w := &world{
		settings:  s,
		table:     rows(),
		networks:  prefixes(s.TrustedNetworks),
		capped:    sortedStrings(e.Capped),
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
		unissued:  &lineage.Issuance{},
		memo:      newMemo(),
	}
	uses := foldUses(e.Uses)
	w.graph = lineage.Link(w.signals, uses)
	for k := range uses {
		u := &uses[k]
		who := u.Principal.Key()
		w.usesOf[who] = append(w.usesOf[who], u)
		if u.AccessKeyID != "" {
			h := holding{who, u.AccessKeyID}
			w.keyUses[h] = append(w.keyUses[h], u)
		}
		w.last = incident.Later(w.last, u.Last)
	}
	attached := w.attachments()
	for _, sig := range w.signals {
		w.last = incident.Later(w.last, sig.Time)
		w.index(sig)
		for _, p := range w.about(sig, attached) {
			s := w.subject(p)
			s.signals = append(s.signals, sig)
			if isChange(sig.Kind) {
				s.changes = append(s.changes, sig)
			}
			if marking(sig.Kind) {
				w.marked[p.Key()] = append(w.marked[p.Key()], sig)
			}
		}
	}
	for _, uses := range w.usesOf {
		w.subject(w.graph.Spelled(uses[0].Principal))
	}
	return w
}

// apart is the same world for another goroutine.
func (w *world) apart() *world {
	o := *w
	o.memo = newMemo()
	return &o
}

// find is a principal's subject, one without signals where it has none.
func (w *world) find(p incident.Principal) *subject {
	key := p.Key()
	if s := w.subjects[key]; s != nil {
		return s
	}
	return &subject{who: p, key: key}
}

// subject is a principal's subject, a new one where it has none.
func (w *world) subject(p incident.Principal) *subject {
	key := p.Key()
	s := w.subjects[key]
	if s == nil {
		s = &subject{who: p, key: key}
		w.subjects[key] = s
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

func (w *world) index(sig *incident.Signal) {
	if actor := sig.Actor.Principal.Key(); sig.Actor.Known() {
		if identityChange(sig.Kind) {
			w.byActor[actor] = append(w.byActor[actor], sig)
		}
		if sig.Kind == incident.SessionIssued || sig.Kind == incident.KeyCreated {
			w.taken[actor] = append(w.taken[actor], sig)
		}
		if audits(sig) {
			w.audits[actor] = append(w.audits[actor], sig)
		}
	}
	switch sig.Kind {
	case incident.ProviderCreated, incident.ProviderChanged, incident.ProviderDeleted:
		host := providerHost(sig)
		w.providers[host] = append(w.providers[host], sig)
	case incident.ManagedPolicyWritten:
		if sig.Policy != nil {
			w.policies[sig.Policy.ARN] = append(w.policies[sig.Policy.ARN], sig)
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
func (w *world) attachments() map[string][]incident.Principal {
	attached := map[string][]incident.Principal{}
	for _, sig := range w.signals {
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
func (w *world) about(sig *incident.Signal, attached map[string][]incident.Principal) []incident.Principal {
	switch sig.Kind {
	case incident.TrailStarted, incident.TrailStopped, incident.TrailDeleted, incident.TrailUpdated, incident.SelectorsChanged, incident.STSPreferenceChanged:
		return []incident.Principal{w.account(sig)}
	case incident.ManagedPolicyWritten:
		if sig.Policy == nil {
			return nil
		}
		if list := attached[sig.Policy.ARN]; len(list) > 0 {
			return spelled(w.graph, list)
		}
		if sig.Revocation != nil {
			return []incident.Principal{w.account(sig)}
		}
		return nil
	}
	if p := w.graph.Subject(sig); p.Known() && p.Type != incident.Service {
		return []incident.Principal{p}
	}
	if isChange(sig.Kind) && sig.Account != "" {
		return []incident.Principal{w.account(sig)} // it names nobody, but it happened
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

func (w *world) account(sig *incident.Signal) incident.Principal {
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
