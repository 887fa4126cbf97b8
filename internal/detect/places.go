package detect

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// places remembers where keys were used, so that only a key's first use in a
// place costs a read. It is a cache: what it forgets is read again.
type places struct {
	mu   sync.Mutex
	keys map[string]string // by access key id, the network of all its uses so far
}

// maxPlaces bounds the cache; a full one starts anew.
const maxPlaces = 20_000

func newPlaces() *places { return &places{keys: map[string]string{}} }

// known reports whether a key is known to be used from this network alone.
func (p *places) known(key, network string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[key] == network
}

func (p *places) learn(key, network string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) >= maxPlaces {
		clear(p.keys)
	}
	p.keys[key] = network
}

// moved are the principals of keys that turn out to be used from several
// networks: nothing else would ask for a decision about them. The uses are kept
// before this looks, so of two copies that each saw one place the later one
// sees both.
func (l *Live) moved(ctx context.Context, uses []incident.Use, now time.Time) ([]incident.Principal, error) {
	var out []incident.Principal
	asked := map[string]bool{}
	for _, u := range uses {
		if u.AccessKeyID == "" || u.Network == "" || lineage.InsideAWS(u.SourceIP) || asked[u.AccessKeyID] || l.seen.known(u.AccessKeyID, u.Network) {
			continue
		}
		asked[u.AccessKeyID] = true
		all, _, err := readAll(ctx, store.Query{Node: lineage.KeyNode(u.AccessKeyID), Now: now}, l.source.Uses)
		if err != nil {
			return nil, fmt.Errorf("read uses of key %s: %w", u.AccessKeyID, err)
		}
		if elsewhere(all, u.Network) {
			if !slices.ContainsFunc(out, u.Principal.Same) {
				out = append(out, u.Principal)
			}
			continue
		}
		l.seen.learn(u.AccessKeyID, u.Network)
	}
	return out, nil
}

// elsewhere reports whether any of a key's uses came from outside AWS and from
// another network.
func elsewhere(uses []incident.Use, network string) bool {
	return slices.ContainsFunc(uses, func(u incident.Use) bool {
		return u.Network != "" && u.Network != network && !lineage.InsideAWS(u.SourceIP)
	})
}
