package detect

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
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

// news reports whether a principal was not met in a network yet.
func (p *places) news(principal, network string) bool {
	at := principal + "|" + network
	if p.known(at, network) {
		return false
	}
	p.learn(at, network)
	return true
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
		h, err := l.source.History(ctx, lineage.KeyNode(u.AccessKeyID), now)
		if err != nil {
			return nil, fmt.Errorf("read uses of key %s: %w", u.AccessKeyID, err)
		}
		if err := l.wonder(ctx, &u, h.Signals, now); err != nil {
			return nil, err
		}
		if elsewhere(h.Uses, u.Network) {
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

// triedBefore wonders about a session whose issuance came later than its uses.
func (l *Live) triedBefore(ctx context.Context, key string, now time.Time) error {
	h, err := l.source.History(ctx, lineage.KeyNode(key), now)
	if err != nil {
		return fmt.Errorf("read uses of key %s: %w", key, err)
	}
	for n := range h.Uses {
		if lineage.InsideAWS(h.Uses[n].SourceIP) {
			continue
		}
		if err := l.wonder(ctx, &h.Uses[n], h.Signals, now); err != nil {
			return err
		}
	}
	return nil
}

// soon is when settle looks at a session that is used where it was not asked for.
const soon = time.Minute

// wonder lets settle look at a session that is tried out in another network than
// it was asked for from, or that a service handed to a machine. Of what a session
// does that succeeds, nearly nothing is delivered, so nothing else would show two
// places. The session is kept again for that, which changes nothing about it.
func (l *Live) wonder(ctx context.Context, u *incident.Use, filed []incident.Signal, now time.Time) error {
	n := slices.IndexFunc(filed, func(s incident.Signal) bool {
		return s.Issued != nil && s.Issued.AccessKeyID == u.AccessKeyID && s.Account == u.Account
	})
	if n < 0 || now.IsZero() || u.Network == "" || lineage.Network(filed[n].Actor.SourceIP) == u.Network || !l.seen.news(u.Principal.Key(), u.Network) {
		return nil
	}
	if err := l.ledger.Commit(ctx, Commit{Signals: filed[n : n+1], Recheck: now.Add(soon)}); err != nil {
		return fmt.Errorf("plan to look at session %s: %w", filed[n].ID, err)
	}
	return nil
}
