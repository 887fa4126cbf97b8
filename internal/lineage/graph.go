package lineage

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Issuance is one set of temporary credentials and the call that issued it.
type Issuance struct {
	incident.Session
	EventID   string
	Operation string
	Owner     incident.Principal // whom the credentials speak for
	Caller    incident.Actor     // who asked
}

// Expired reports whether the credentials were past their end at t. Lifetimes
// are exact to a second in the records (aws-facts 6.2), so one second is
// allowed for.
func (i *Issuance) Expired(t time.Time) bool {
	return !i.ExpiresAt.IsZero() && !t.Before(i.ExpiresAt.Add(-time.Second))
}

// Live reports whether the credentials were issued and not yet past their end.
func (i *Issuance) Live(t time.Time) bool {
	return !i.IssuedAt.After(t) && !i.ExpiresAt.IsZero() && t.Before(i.ExpiresAt)
}

// Source names who renews: the caller, with the session's name less the digits
// that SDKs put in to make it unique. Services renew for each machine apart.
func (i *Issuance) Source() string {
	name := i.Name
	if !i.ByService {
		name = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, name)
	}
	return i.Owner.Key() + "|" + i.Caller.Principal.Key() + "|" + i.Subject + "|" + name
}

// Graph holds the links between credentials and principals that a set of
// signals and uses shows.
type Graph struct {
	issued    map[string][]*Issuance                   // by access key id, oldest first
	children  map[string][]*Issuance                   // by parent key
	byOwner   map[string][]*Issuance                   // by owner's Principal.Key
	byCaller  map[string][]*Issuance                   // by the caller's Principal.Key
	owners    map[string][]owned                       // by access key id
	workloads map[string]map[string]incident.Principal // by workload's Principal.Key
	names     map[string]incident.Principal            // best known spelling by Principal.Key
	fleets    map[string]map[string]bool               // keys of unknown owners, by workload's Principal.Key
}

type owned struct {
	principal incident.Principal
	from      time.Time
}

// Build reads the links out of a set. Neither order nor duplicates matter.
func Build(signals []incident.Signal, uses []incident.Use) *Graph {
	list := make([]*incident.Signal, len(signals))
	for i := range signals {
		list[i] = &signals[i]
	}
	return Link(list, uses)
}

// Link is Build of signals that lie elsewhere.
func Link(signals []*incident.Signal, uses []incident.Use) *Graph {
	g := &Graph{
		issued:    map[string][]*Issuance{},
		children:  map[string][]*Issuance{},
		byOwner:   map[string][]*Issuance{},
		byCaller:  map[string][]*Issuance{},
		owners:    map[string][]owned{},
		workloads: map[string]map[string]incident.Principal{},
		names:     map[string]incident.Principal{},
		fleets:    map[string]map[string]bool{},
	}
	for _, s := range signals {
		g.learn(s)
	}
	for i := range uses {
		g.name(uses[i].Principal)
		g.own(uses[i].AccessKeyID, uses[i].Principal, uses[i].First)
	}
	for _, list := range []map[string][]*Issuance{g.issued, g.children, g.byOwner, g.byCaller} {
		for k := range list {
			list[k] = uniqueIssuances(list[k])
		}
	}
	maps.Copy(g.issued, g.aliases(signals, uses))
	for _, s := range signals {
		g.linkWorkload(s)
	}
	return g
}

func (g *Graph) learn(s *incident.Signal) {
	g.name(s.Target)
	g.name(s.Actor.Principal)
	if s.Feed == incident.FromTrail {
		g.own(s.Actor.AccessKeyID, s.Actor.Principal, s.Time)
	}
	switch s.Kind {
	case incident.SessionIssued:
		g.issue(s)
	case incident.KeyCreated, incident.KeyStatusChanged, incident.KeyDeleted, incident.ThreatFinding, incident.CredentialFailed:
		g.own(s.Key, s.Target, s.Time)
	}
}

func (g *Graph) issue(s *incident.Signal) {
	if s.Issued == nil || s.Issued.AccessKeyID == "" {
		return
	}
	is := &Issuance{Session: *s.Issued, EventID: s.ID, Operation: s.Operation, Owner: s.Target, Caller: s.Actor}
	if is.IssuedAt.IsZero() {
		is.IssuedAt = s.Time
	}
	g.issued[is.AccessKeyID] = append(g.issued[is.AccessKeyID], is)
	owner := is.Owner.Key()
	g.byOwner[owner] = append(g.byOwner[owner], is)
	if is.Caller.Known() {
		caller := is.Caller.Principal.Key()
		g.byCaller[caller] = append(g.byCaller[caller], is)
	}
	if is.ParentKey != "" {
		g.children[is.ParentKey] = append(g.children[is.ParentKey], is)
	}
	g.own(is.AccessKeyID, s.Target, is.IssuedAt)
}

// session is what is known of one from the calls made with it.
type session struct {
	principal, name string
	issued          int64 // in seconds
}

// bySession indexes the known sessions by role, name and time of issue.
func (g *Graph) bySession() map[session]*Issuance {
	sessions := map[session]*Issuance{}
	for _, list := range g.issued {
		for _, is := range list {
			id := session{is.Owner.Key(), is.Name, is.IssuedAt.Unix()}
			if have, ok := sessions[id]; !ok || is.AccessKeyID < have.AccessKeyID {
				sessions[id] = is
			}
		}
	}
	return sessions
}

// aliases are the issuances of keys that belong to a session which was issued with
// another one: Identity Center hands out other keys than its records show
// (aws-facts 5). The session's role, name and time of issue say that they are the
// same.
func (g *Graph) aliases(signals []*incident.Signal, uses []incident.Use) map[string][]*Issuance {
	var sessions map[session]*Issuance
	found := map[string][]*Issuance{}
	note := func(key string, p *incident.Principal, name string, issued time.Time) {
		if key == "" || name == "" || issued.IsZero() || len(g.issued[key]) > 0 {
			return
		}
		if sessions == nil {
			sessions = g.bySession()
		}
		is, ok := sessions[session{p.Key(), name, issued.Unix()}]
		if !ok || slices.ContainsFunc(found[key], func(have *Issuance) bool { return have.EventID == is.EventID }) {
			return
		}
		alias := *is
		alias.AccessKeyID = key
		found[key] = append(found[key], &alias)
	}
	for i := range uses {
		note(uses[i].AccessKeyID, &uses[i].Principal, uses[i].SessionName, uses[i].IssuedAt)
	}
	for _, s := range signals {
		if a := &s.Actor; s.Feed == incident.FromTrail {
			note(a.AccessKeyID, &a.Principal, a.SessionName, a.IssuedAt)
		}
	}
	for key := range found {
		found[key] = uniqueIssuances(found[key])
	}
	return found
}

func (g *Graph) own(key string, p incident.Principal, from time.Time) {
	if key == "" || !p.Known() || p.Type != incident.Role && p.Type != incident.User && p.Type != incident.Account {
		return
	}
	list := g.owners[key]
	for i := range list {
		if list[i].principal.Same(p) {
			if from.Before(list[i].from) {
				list[i].from = from
			}
			return
		}
	}
	g.owners[key] = append(list, owned{p, from})
}

// name keeps the fullest spelling of a principal: ARN and unique id where any
// signal had them. Of several it keeps the smallest, so that order is nothing.
func (g *Graph) name(p incident.Principal) {
	if !p.Known() {
		return
	}
	key := p.Key()
	have, ok := g.names[key]
	if !ok {
		have = p
	}
	have.ARN = fuller(have.ARN, p.ARN)
	have.ID = smaller(have.ID, p.ID)
	have.Partition = smaller(have.Partition, p.Partition)
	g.names[key] = have
}

// fuller prefers the longer ARN, which carries the role's path.
func fuller(a, b string) string {
	if len(a) != len(b) {
		if len(a) > len(b) {
			return a
		}
		return b
	}
	return smaller(a, b)
}

func smaller(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// linkWorkload notes whose credentials a workload's reports name.
func (g *Graph) linkWorkload(s *incident.Signal) {
	if s.Workload == "" {
		return
	}
	p, w := s.Target, WorkloadOf(s.Account, s.Workload).Key()
	if !Resolved(p) {
		var ok bool
		if p, ok = g.Owner(s.Key, s.Time); !ok {
			g.unowned(w, s.Key)
			return
		}
	}
	if g.workloads[w] == nil {
		g.workloads[w] = map[string]incident.Principal{}
	}
	g.workloads[w][p.Key()] = p
}

// unowned notes a key of unknown owner that a workload's reports name.
func (g *Graph) unowned(workload, key string) {
	if key == "" {
		return
	}
	if g.fleets[workload] == nil {
		g.fleets[workload] = map[string]bool{}
	}
	g.fleets[workload][key] = true
}

// Resolved reports whether p is somebody whose credentials AWS issues: a role, a
// user or an account, as against a key, a workload or an identity from outside.
func Resolved(p incident.Principal) bool {
	return p.Known() && (p.Type == incident.Role || p.Type == incident.User || p.Type == incident.Account)
}

func uniqueIssuances(list []*Issuance) []*Issuance {
	slices.SortFunc(list, func(a, b *Issuance) int {
		if c := a.IssuedAt.Compare(b.IssuedAt); c != 0 {
			return c
		}
		if c := strings.Compare(a.AccessKeyID, b.AccessKeyID); c != 0 {
			return c
		}
		// The caller's own copy of a cross-account call knows more than the
		// owner's, so it stands first.
		if c := strings.Compare(b.Caller.ARN, a.Caller.ARN); c != 0 {
			return c
		}
		return strings.Compare(a.EventID, b.EventID)
	})
	return slices.CompactFunc(list, func(a, b *Issuance) bool {
		return a.AccessKeyID == b.AccessKeyID && a.IssuedAt.Equal(b.IssuedAt)
	})
}

// Issued is the issuance behind a key that failed or was used at t: the last
// one before t, since temporary key ids are unique only with their issue time.
func (g *Graph) Issued(key string, t time.Time) (*Issuance, bool) {
	list := g.issued[key]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].IssuedAt.After(t) {
			return list[i], true
		}
	}
	return nil, false
}

// IssuedTo is Issued among the credentials of one principal, as far as that is a
// role, a user or an account.
func (g *Graph) IssuedTo(p incident.Principal, key string, t time.Time) (*Issuance, bool) {
	if !Resolved(p) {
		return g.Issued(key, t)
	}
	list := g.issued[key]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].IssuedAt.After(t) && list[i].Owner.Same(p) {
			return list[i], true
		}
	}
	return nil, false
}

// Owner is whose credentials a key is, or was at t.
func (g *Graph) Owner(key string, t time.Time) (incident.Principal, bool) {
	if is, ok := g.Issued(key, t); ok && Resolved(is.Owner) {
		return is.Owner, true
	}
	var best owned
	for _, o := range g.owners[key] {
		if best.principal.Type == "" || ownsBetter(o, best, t) {
			best = o
		}
	}
	return best.principal, best.principal.Type != ""
}

func ownsBetter(a, b owned, t time.Time) bool {
	if aPast, bPast := !a.from.After(t), !b.from.After(t); aPast != bPast {
		return aPast
	}
	if !a.from.Equal(b.from) {
		return a.from.After(b.from) == !a.from.After(t)
	}
	return a.principal.Key() < b.principal.Key()
}

// Children are the sessions that were asked for with a key, oldest first.
func (g *Graph) Children(key string) []*Issuance { return g.children[key] }

// By are all known sessions that a principal asked for, oldest first.
func (g *Graph) By(p incident.Principal) []*Issuance { return g.byCaller[p.Key()] }

// Of are all known sessions of a principal, oldest first.
func (g *Graph) Of(p incident.Principal) []*Issuance { return g.byOwner[p.Key()] }

// WorkloadOwner is the one principal whose credentials a workload's reports
// name. With none, or several, it is not known.
func (g *Graph) WorkloadOwner(account, name string) (incident.Principal, bool) {
	owners := g.workloads[WorkloadOf(account, name).Key()]
	if len(owners) != 1 {
		return incident.Principal{}, false
	}
	for _, p := range owners {
		return p, true
	}
	return incident.Principal{}, false
}

// Spelled returns p with the ARN and unique id that any signal gave for it.
func (g *Graph) Spelled(p incident.Principal) incident.Principal {
	if full, ok := g.names[p.Key()]; ok {
		return full
	}
	return p
}

// Subject is whom a signal about failing, denied or found credentials is
// about: the role or user if known, else the federated identity, else the key,
// else the workload (CONTRACT ruling 5).
func (g *Graph) Subject(s *incident.Signal) incident.Principal {
	if Resolved(s.Target) {
		return g.Spelled(s.Target)
	}
	if p, ok := g.Owner(s.Key, s.Time); ok {
		return g.Spelled(p)
	}
	if s.Target.Known() && s.Target.Type != incident.Workload && s.Target.Type != incident.AccessKey {
		return g.Spelled(s.Target)
	}
	if s.Workload != "" {
		if p, ok := g.WorkloadOwner(s.Account, s.Workload); ok {
			return g.Spelled(p)
		}
	}
	if s.Key != "" && !g.fleet(s) {
		// Filed under the account that reported it: the account inside the id may
		// be a stranger's, which is evidence, not a name.
		return incident.Principal{Type: incident.AccessKey, Partition: s.Partition, Account: s.Account, Name: s.Key}
	}
	if s.Workload != "" {
		p := WorkloadOf(s.Account, s.Workload)
		p.Partition = s.Partition
		return p
	}
	return s.Target
}

// manyKeys is from how many keys of unknown owners a workload counts as a fleet,
// each member of which has a key of its own: the workload is what they share.
const manyKeys = 3

func (g *Graph) fleet(s *incident.Signal) bool {
	return s.Workload != "" && len(g.fleets[WorkloadOf(s.Account, s.Workload).Key()]) >= manyKeys
}
