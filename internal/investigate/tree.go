package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Key is an access key in its lineage.
type Key struct {
	ID    string
	Owner incident.Principal // nobody where it is not known
	// Issuance is the call that issued a temporary key, or created a user's;
	// nil where no such call was found.
	Issuance *Issuance
	CutOffs  []CutOff
	// Places are where it was used from, and Calls what it did, the most
	// frequent first.
	Places []Place
	Calls  []Tally
	// Asked is set for the keys whose calls were asked for: without it, no calls
	// mean nothing.
	Asked bool
	// Parent is the key above in the chain, Children those that it issued.
	Parent   *Key
	Children []*Key
	// More is how many further children there are.
	More int
}

// Issuance is how a key came about.
type Issuance struct {
	Time, Expires time.Time
	Operation     string
	By            string // who asked, in words
	From, Client  string
	Session       string
	Chained       bool
	Identity      string // for whom an identity provider vouched
}

// CutOff is an event that ends a key or denies it everything.
type CutOff struct {
	Time           time.Time
	What, By, From string
}

// Place is a network and a client.
type Place struct {
	Source, Client string
	First, Last    time.Time
	Refused        bool // only refused calls came from there
}

// Tally counts calls of one operation.
type Tally struct {
	Operation   string
	Count       int
	Errors      map[string]int // failed ones, by code
	First, Last time.Time
}

// Failed is how many of the calls failed.
func (t Tally) Failed() int {
	n := 0
	for _, c := range t.Errors {
		n += c
	}
	return n
}

// forest builds keys.
type forest struct {
	*inquiry
	graph   *lineage.Graph
	signals []incident.Signal
	uses    []incident.Use
}

// tree are the keys that were asked about, with what is above and below.
func (i *inquiry) tree(g *lineage.Graph, signals []incident.Signal, uses []incident.Use) []*Key {
	f := forest{i, g, signals, uses}
	p := plan{inquiry: i, graph: g, uses: uses}
	var ids []string
	switch {
	case i.Key != "":
		ids = []string{i.Key}
	case i.Principal.Name != "":
		ids = p.keysOf()
	}
	var keys []*Key
	for _, id := range ids {
		keys = append(keys, f.whole(id, p.chain(id)))
	}
	return keys
}

// whole is a key with those above it and those below.
func (f *forest) whole(id string, chain []string) *Key {
	k := f.key(id)
	f.children(k, maxDepth, map[string]bool{id: true})
	for below, ids := k, chain[1:]; len(ids) > 0; below, ids = below.Parent, ids[1:] {
		below.Parent = f.key(ids[0])
	}
	return k
}

func (f *forest) children(k *Key, depth int, seen map[string]bool) {
	all := f.graph.Children(k.ID)
	for _, is := range newest(all) {
		if depth == 0 || seen[is.AccessKeyID] {
			continue
		}
		seen[is.AccessKeyID] = true
		child := f.key(is.AccessKeyID)
		f.children(child, depth-1, seen)
		k.Children = append(k.Children, child)
	}
	k.More = max(0, len(all)-maxSessions)
}

func (f *forest) key(id string) *Key {
	k := &Key{ID: id, Asked: f.wasAsked(id)}
	if who, ok := f.graph.Owner(id, f.To); ok {
		k.Owner = f.graph.Spelled(who)
	}
	if is, ok := f.graph.Issued(id, f.To); ok {
		k.Owner = f.graph.Spelled(is.Owner)
		k.Issuance = &Issuance{
			Time: is.IssuedAt, Expires: is.ExpiresAt, Operation: is.Operation, By: who(is.Caller), From: is.Caller.SourceIP,
			Client: lineage.Client(is.Caller.UserAgent), Session: is.Name, Chained: is.Chained, Identity: is.Subject,
		}
	} else {
		k.Issuance = f.created(id)
	}
	f.cutOffs(k)
	f.places(k)
	f.tally(k)
	return k
}

// created is how a user's key came about.
func (f *forest) created(id string) *Issuance {
	for _, s := range f.signals {
		if s.Kind == incident.KeyCreated && s.Key == id {
			return &Issuance{Time: s.Time, Operation: s.Operation, By: who(s.Actor), From: s.Actor.SourceIP, Client: lineage.Client(s.Actor.UserAgent)}
		}
	}
	return nil
}

func (f *forest) wasAsked(id string) bool {
	for q := range f.asked {
		if q.Attribute == AccessKeyID && q.Value == id || q.Attribute == Everything {
			return true
		}
	}
	return f.Principal.Type != incident.Role && f.Principal.Name != "" && f.graphOwner(id)
}

// graphOwner reports whether a key is one of the user that was asked about, whose
// calls are found by its name.
func (f *forest) graphOwner(id string) bool {
	who, ok := f.graph.Owner(id, f.To)
	return ok && who.Type == incident.User && who.Name == f.Principal.Name
}

// cutOffs are the events that ended a key, oldest first.
func (f *forest) cutOffs(k *Key) {
	for _, s := range f.signals {
		if what := f.ends(k, &s); what != "" {
			k.CutOffs = append(k.CutOffs, CutOff{Time: s.Time, What: what, By: who(s.Actor), From: s.Actor.SourceIP})
		}
	}
	slices.SortStableFunc(k.CutOffs, func(a, b CutOff) int { return a.Time.Compare(b.Time) })
}

// ends says in which way a signal ends a key, if it does. Of a session it must
// have been issued before.
func (f *forest) ends(k *Key, s *incident.Signal) string {
	if s.Key == k.ID {
		switch {
		case s.Kind == incident.KeyDeleted:
			return "the key was deleted"
		case s.Kind == incident.KeyStatusChanged && s.KeyStatus != "Active":
			return "the key was set to " + strings.ToLower(s.KeyStatus)
		}
	}
	issued := f.issued(k)
	if !s.Target.Same(k.Owner) || !issued.IsZero() && s.Time.Before(issued) || k.endedBefore(s.Time) {
		return ""
	}
	switch s.Kind {
	case incident.SessionsRevoked, incident.InlinePolicyPut, incident.ManagedPolicyWritten:
		return revokes(s, issued)
	case incident.RoleDeleted:
		return "the role was deleted"
	case incident.UserDeleted:
		return "the user was deleted"
	case incident.QuarantineAttached:
		return "AWS quarantined the user"
	}
	return ""
}

// endedBefore reports whether a key had reached its end at a time. Nothing cuts it
// off after that.
func (k *Key) endedBefore(at time.Time) bool {
	return k.Issuance != nil && !k.Issuance.Expires.IsZero() && k.Issuance.Expires.Before(at)
}

func revokes(s *incident.Signal, issued time.Time) string {
	r := s.Revocation
	switch {
	case r == nil:
		return ""
	case len(r.Users) > 0:
		return "sessions of some users were revoked"
	case r.IssuedBefore.IsZero():
		return "all sessions were revoked"
	case !issued.IsZero() && !issued.Before(r.IssuedBefore):
		return ""
	}
	return "sessions issued before " + r.IssuedBefore.UTC().Format(time.DateTime) + " were revoked"
}

// issued is when a session was issued, zero for users' keys.
func (f *forest) issued(k *Key) time.Time {
	if lineage.IDKind(k.ID) != lineage.TemporaryKey {
		return time.Time{}
	}
	if k.Issuance != nil {
		return k.Issuance.Time
	}
	for _, u := range f.uses {
		if u.AccessKeyID == k.ID && !u.IssuedAt.IsZero() {
			return u.IssuedAt
		}
	}
	return time.Time{}
}

// places are the networks and clients that used a key, in the order in which
// they came.
func (f *forest) places(k *Key) {
	found := map[string]*Place{}
	note := func(source, client string, first, last time.Time, refused bool) {
		id := cmp.Or(lineage.Network(source), source) + "|" + client
		p := found[id]
		if p == nil {
			p = &Place{source, client, first, last, true}
			found[id] = p
		}
		if first.Before(p.First) {
			p.First, p.Source = first, source
		}
		if last.After(p.Last) {
			p.Last = last
		}
		p.Refused = p.Refused && refused
	}
	for _, u := range f.uses {
		if u.AccessKeyID == k.ID {
			note(u.SourceIP, u.Client, u.First, u.Last, false)
		}
	}
	for _, s := range f.signals {
		if s.Actor.AccessKeyID == k.ID && s.Feed == incident.FromTrail {
			note(s.Actor.SourceIP, lineage.Client(s.Actor.UserAgent), s.Time, s.Time, s.Kind == incident.CallDenied)
		}
	}
	for _, id := range sorted(found) {
		k.Places = append(k.Places, *found[id])
	}
	slices.SortStableFunc(k.Places, func(a, b Place) int { return a.First.Compare(b.First) })
}

// tally counts a key's calls.
func (f *forest) tally(k *Key) {
	found := map[string]*Tally{}
	for _, c := range f.calls {
		if c.KeyID != k.ID {
			continue
		}
		t := found[c.Operation]
		if t == nil {
			t = &Tally{Operation: c.Operation, Errors: map[string]int{}, First: c.Time, Last: c.Time}
			found[c.Operation] = t
		}
		t.Count++
		if c.Error != "" {
			t.Errors[c.Error]++
		}
		t.First, t.Last = incident.Earlier(t.First, c.Time), incident.Later(t.Last, c.Time)
	}
	for _, op := range sorted(found) {
		k.Calls = append(k.Calls, *found[op])
	}
	slices.SortStableFunc(k.Calls, func(a, b Tally) int { return b.Count - a.Count })
}

// who names an actor as people do.
func who(a incident.Actor) string {
	switch {
	case a.InvokedBy != "" && (a.Type == incident.Service || !a.Known()):
		return a.InvokedBy
	case !a.Known():
		return "somebody unknown"
	}
	s := a.Name
	if a.Type == incident.Role || a.Type == incident.User {
		s = fmt.Sprintf("%s %s", a.Type, a.Name)
	}
	if a.Type == incident.Account {
		s = "account " + a.Name
	}
	if a.SessionName != "" {
		s += " (" + a.SessionName + ")"
	}
	return s
}
