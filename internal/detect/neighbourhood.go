package detect

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Neighbourhood is a part of what a store holds about which can be decided by
// itself.
type Neighbourhood struct {
	// Subjects are whom to decide about, by Principal.Key.
	Subjects []string
	// Evidence is what bears on them.
	Evidence *correlate.Set
	// Full is set where the evidence was more than allowed. It then lacks what
	// was furthest away.
	Full bool
	// Crowded is set where what was left out is not far away at all, but under the
	// nodes themselves and the other names of who is concerned.
	Crowded bool
}

// NeighbourhoodOf gathers what bears on whoever is concerned by what is filed
// under the given nodes first of all, until it has read as many items as
// allowed. The neighbourhoods of all nodes of a store together hold every
// subject, some of them more than once.
//
// Unlike a function in an account it reads a store that is complete: one version
// of each event, and what concerns a key filed under its owner, too. So what
// others do need not be followed, since it is their neighbourhoods'.
func NeighbourhoodOf(ctx context.Context, s Historian, nodes []string, items int) (Neighbourhood, error) {
	g := newGathering(s, time.Time{})
	g.nodes, g.items, g.met = math.MaxInt, items, map[string]bool{}
	n := neighbours{gathering: g, core: map[string]bool{}, about: map[string]incident.Principal{}}
	for _, node := range nodes {
		if p := principalOf(node); p.Known() {
			n.about[p.Key()] = p
		}
	}
	own, err := n.enter(ctx, nodes)
	for err == nil {
		for _, s := range own {
			concern(g.evidence(), s, n.about)
		}
		var next []string
		for _, p := range n.about {
			if node := nodeOf(p); !n.core[node] {
				next = append(next, node)
			}
		}
		if len(next) == 0 || g.full {
			break
		}
		slices.Sort(next)
		_, err = n.enter(ctx, slices.Compact(next))
	}
	return Neighbourhood{slices.Sorted(maps.Keys(n.about)), g.evidence(), g.full, n.crowded}, err
}

// neighbours is a gathering about subjects whose nodes are the core.
type neighbours struct {
	*gathering
	core    map[string]bool
	about   map[string]incident.Principal
	crowded bool
}

// enter reads nodes and what bears on the signals that are filed there first of
// all, and returns those of them that can decide something.
func (n *neighbours) enter(ctx context.Context, nodes []string) (own []*incident.Signal, err error) {
	aliases, context := map[string]bool{}, map[string]bool{}
	for _, node := range nodes {
		n.core[node] = true
		delete(n.read, node) // it may have been read as an alias
		found, err := n.add(ctx, node)
		if err != nil {
			return nil, err
		}
		for i := range found {
			s := &found[i]
			if store.SignalNodes(*s)[0] != node && lineage.Resolved(s.Target) {
				continue // by the node's principal, not about it
			}
			related(s, context)
			if s.Kind != incident.SessionIssued {
				own = append(own, s)
				names(s, aliases)
			}
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		if _, err := n.add(ctx, alias); err != nil {
			return nil, err
		}
	}
	n.crowded = n.crowded || n.full
	return own, n.callers(ctx, context)
}

// principalOf is the principal whose node it is, if it is one's.
func principalOf(node string) incident.Principal {
	parts := strings.SplitN(node, "/", 3)
	if len(parts) < 3 {
		return incident.Principal{}
	}
	switch p := (incident.Principal{Type: incident.PrincipalType(parts[0]), Account: parts[1], Name: parts[2]}); p.Type {
	case incident.Role, incident.User, incident.Federated, incident.Workload, incident.Account:
		return p
	}
	return incident.Principal{}
}
