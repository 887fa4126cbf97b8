package detect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// gathering collects the evidence that bears on a few subjects: what is filed
// under the subjects themselves and the names that they go by, and one step
// further what is filed under those who changed them.
//
// The aim is that correlate says of these subjects exactly what it would say
// with the whole store before it. What it asks for is in its rules: marks and
// deeds of actors and of whoever gave them their credentials, the account's
// audit trail, identity providers, managed policies, and the other renewals of
// a caller.
type gathering struct {
	source  Historian
	now     time.Time
	nodes   int                  // the most that are read
	items   int                  // the most signals and uses that are read; 0 means any number
	full    bool                 // a limit was reached
	read    map[string]bool      // nodes
	from    map[string]time.Time // of the nodes that were read in part: since when
	met     map[string]bool      // items; nil where the source may have several versions of one
	signals []incident.Signal
	uses    []incident.Use
	capped  []string
	known   *correlate.Set // all of that; nil where more was read since
}

// maxNodes bounds what one decision reads of a table; reaching it shows in the finding.
const maxNodes = 400

func newGathering(s Historian, now time.Time) *gathering {
	return &gathering{source: s, now: now, nodes: maxNodes, read: map[string]bool{}, from: map[string]time.Time{}}
}

// add reads a node that was not read yet.
func (g *gathering) add(ctx context.Context, node string) ([]incident.Signal, error) {
	if node == "" || g.full || g.read[node] {
		return nil, nil
	}
	g.known = nil
	if g.full = g.reached(); g.full {
		return nil, nil
	}
	g.read[node] = true
	h, err := g.source.History(ctx, node, g.now)
	if err != nil {
		return nil, fmt.Errorf("read what is filed under %s: %w", node, err)
	}
	if !h.From.IsZero() {
		g.from[node] = h.From
	}
	g.signals = appendUnmet(g.signals, g.met, h.Signals, func(s *incident.Signal) string { return s.Account + "|" + s.ID })
	g.uses = appendUnmet(g.uses, g.met, h.Uses, func(u *incident.Use) string { return u.Key() })
	g.capped = append(g.capped, h.Capped...)
	return h.Signals, nil
}

// appendUnmet appends the items that were not met under another node, where that
// is looked at.
func appendUnmet[T any](to []T, met map[string]bool, items []T, id func(*T) string) []T {
	if met == nil {
		return append(to, items...)
	}
	if len(to)+len(items) > cap(to) {
		to = slices.Grow(to, max(len(to), len(items)))
	}
	for i := range items {
		if key := id(&items[i]); !met[key] {
			met[key] = true
			to = append(to, items[i])
		}
	}
	return to
}

// reached reports whether a limit is reached, and notes which.
func (g *gathering) reached() bool {
	if len(g.read) >= g.nodes {
		g.capped = append(g.capped, fmt.Sprintf("related principals: %d read", g.nodes))
		return true
	}
	if g.items <= 0 || len(g.signals)+len(g.uses) < g.items {
		return false
	}
	g.capped = append(g.capped, fmt.Sprintf("related principals: %d signals and uses read", g.items))
	return true
}

// around reads everything that bears on the subjects of the given signals and
// on the given principals.
func (g *gathering) around(ctx context.Context, seeds []incident.Signal, who []incident.Principal) error {
	g.signals, g.known = append(g.signals, seeds...), nil
	open := map[string]bool{}
	for n := range seeds {
		names(&seeds[n], open)
	}
	for _, p := range who {
		open[p.Key()] = true
	}
	if err := g.identities(ctx, open); err != nil {
		return err
	}
	return g.context(ctx)
}

// identities follows names: principals, keys of unknown owners and workloads,
// and whatever other names the signals found there give.
func (g *gathering) identities(ctx context.Context, open map[string]bool) error {
	for len(open) > 0 {
		next := map[string]bool{}
		for _, node := range slices.Sorted(maps.Keys(open)) {
			found, err := g.add(ctx, node)
			if err != nil {
				return err
			}
			for n := range found {
				names(&found[n], next)
			}
		}
		maps.DeleteFunc(next, func(node string, _ bool) bool { return g.read[node] })
		open = next
	}
	return nil
}

// names adds the names by which a signal's subject goes. A key whose owner the
// signal gives needs no look: what concerns it is filed under the owner.
func names(s *incident.Signal, into map[string]bool) {
	if s.Kind == incident.SessionIssued {
		return
	}
	owned := lineage.Resolved(s.Target)
	if s.Target.Known() && s.Target.Type != incident.AccessKey {
		into[s.Target.Key()] = true
	}
	if s.Key != "" && !owned {
		into[lineage.KeyNode(s.Key)] = true
	}
	if s.Workload != "" {
		into[lineage.WorkloadOf(s.Account, s.Workload).Key()] = true
	}
}

// owners reads what is filed under the owners that keys turned out to have.
func (g *gathering) owners(ctx context.Context) error {
	for {
		graph := lineage.Build(g.signals, g.uses)
		open := map[string]bool{}
		for n := range g.signals {
			if s := &g.signals[n]; s.Kind != incident.SessionIssued && (s.Key != "" || s.Workload != "") {
				if p := graph.Subject(s); lineage.Resolved(p) && !g.read[p.Key()] {
					open[p.Key()] = true
				}
			}
		}
		if len(open) == 0 {
			return nil
		}
		for _, node := range slices.Sorted(maps.Keys(open)) {
			if err := g.identities(ctx, map[string]bool{node: true}); err != nil {
				return err
			}
		}
		if g.full {
			return nil
		}
	}
}

// chain is how many callers in a row are followed back, as correlate follows
// inherited marks.
const chain = 5

// context reads, one step further, those who did something to the subjects, and
// the things that they were given or rely on.
func (g *gathering) context(ctx context.Context) error {
	if err := g.owners(ctx); err != nil {
		return err
	}
	open := map[string]bool{}
	for n := range g.signals {
		related(&g.signals[n], open)
	}
	return g.callers(ctx, open)
}

// callers reads nodes, those of who asked for the sessions there, and so on.
func (g *gathering) callers(ctx context.Context, open map[string]bool) error {
	for range chain {
		callers := map[string]bool{}
		for _, node := range slices.Sorted(maps.Keys(open)) {
			found, err := g.add(ctx, node)
			if err != nil {
				return err
			}
			for n := range found {
				if s := &found[n]; s.Kind == incident.SessionIssued && s.Target.Key() == node && s.Actor.Known() {
					callers[s.Actor.Principal.Key()] = true
				}
			}
		}
		if open = callers; len(open) == 0 {
			return nil
		}
	}
	return nil
}

// related adds what bears on a signal besides its subject. Who put tags on
// something bears on nothing.
func related(s *incident.Signal, into map[string]bool) {
	if s.Kind == incident.TagsChanged {
		return
	}
	if s.Actor.Known() && s.Actor.Type != incident.Service && s.Kind != incident.CredentialFailed {
		into[s.Actor.Principal.Key()] = true
	}
	if s.Account != "" {
		into[incident.Principal{Type: incident.Account, Account: s.Account, Name: s.Account}.Key()] = true
	}
	if s.Policy != nil && s.Policy.ARN != "" {
		into["policy/"+s.Policy.ARN] = true
	}
	if s.Issued != nil {
		into[lineage.ProviderNode(s.Issued.Provider)] = true
	}
	if s.Trust != nil {
		for _, st := range s.Trust.Statements {
			for _, p := range st.Principals {
				if p.Type == "Federated" {
					into[lineage.ProviderNode(p.Value)] = true
				}
			}
		}
	}
	delete(into, "")
}

// concerned are the subjects to decide about, with everything that bears on each
// of them read. To read about one may show that it touched others in turn.
func (g *gathering) concerned(ctx context.Context, signals []incident.Signal, who []incident.Principal) (map[string]incident.Principal, error) {
	for {
		r := reachOf(g.evidence(), signals, who)
		for _, actor := range slices.Sorted(maps.Keys(r)) {
			if _, err := g.add(ctx, actor); err != nil {
				return nil, err
			}
		}
		about := concerned(g.evidence(), signals, r)
		for _, p := range who {
			about[p.Key()] = p
		}
		more, err := g.follow(ctx, about)
		if err != nil || !more {
			return about, err
		}
	}
}

// follow reads what bears on principals of whom nothing was read yet, and
// reports whether there were any.
func (g *gathering) follow(ctx context.Context, about map[string]incident.Principal) (bool, error) {
	open := map[string]bool{}
	for _, p := range about {
		if node := nodeOf(p); !g.read[node] {
			open[node] = true
		}
	}
	if len(open) == 0 || g.full {
		return false, nil
	}
	if err := g.identities(ctx, open); err != nil {
		return false, err
	}
	return true, g.context(ctx)
}

// nodeOf is the node under which what concerns a subject is filed.
func nodeOf(p incident.Principal) string {
	switch {
	case p.Type == incident.AccessKey:
		return lineage.KeyNode(p.Name)
	case p.Type == incident.Federated && strings.Contains(p.Name+p.ARN, "-provider/"):
		return lineage.ProviderNode(cmp.Or(p.ARN, p.Name))
	}
	return p.Key()
}

// evidence is everything that was gathered, with one version of each event.
func (g *gathering) evidence() *correlate.Set {
	if g.known == nil {
		g.signals = store.Resolve(g.signals)
		capped := slices.Clone(g.capped)
		slices.Sort(capped)
		g.known = correlate.Index(correlate.Evidence{Signals: g.signals, Uses: g.uses, Capped: slices.Compact(capped)})
	}
	return g.known
}
