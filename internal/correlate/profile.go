package correlate

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// settled is how long before an incident a network or client must have been
// seen to count as usual. What appeared later may be the intruder's own.
const settled = time.Hour

// haunts are the networks and clients of a principal, with when each was first
// seen. They are the same at every cursor, since what comes later is newer.
type haunts struct {
	networks, clients map[string]time.Time
	first             time.Time // of anything
}

// haunts gathers where a principal was seen: using its credentials, and asking
// for them.
func (w *world) hauntsOf(who incident.Principal) *haunts {
	key := who.Key()
	if h := w.known[key]; h != nil {
		return h
	}
	h := &haunts{networks: map[string]time.Time{}, clients: map[string]time.Time{}}
	for _, u := range w.usesOf[key] {
		h.saw(u.First, u.Network, u.Client)
	}
	for _, is := range w.graph.Of(who) {
		if is.Caller.Type != incident.Service {
			h.saw(is.IssuedAt, lineage.Network(is.Caller.SourceIP), lineage.Client(is.Caller.UserAgent))
		}
	}
	w.known[key] = h
	return h
}

func (h *haunts) saw(at time.Time, network, client string) {
	if network == "" {
		return
	}
	earliest(h.networks, network, at)
	earliest(h.clients, client, at)
	if h.first.IsZero() || at.Before(h.first) {
		h.first = at
	}
}

func earliest(seen map[string]time.Time, name string, at time.Time) {
	if have, ok := seen[name]; !ok || at.Before(have) {
		seen[name] = at
	}
}

// profile is where a principal usually was before some time, and with what.
type profile struct {
	*haunts
	from, until time.Time // seen first up to from counts; until is when asked
}

// usualFor is the profile of a principal before t. Where nothing was seen an
// hour before, the earliest that was seen must serve.
func (w *world) usualFor(who incident.Principal, t time.Time) profile {
	h := w.hauntsOf(who)
	limit := t.Add(-settled)
	if h.first.After(limit) {
		limit = h.first.Add(time.Minute)
	}
	return profile{h, limit, t}
}

func (p profile) known() bool { return !p.first.IsZero() && p.first.Before(p.until) }

func (p profile) network(name string) bool { return p.has(p.networks, name) }
func (p profile) client(name string) bool  { return p.has(p.clients, name) }

func (p profile) has(seen map[string]time.Time, name string) bool {
	at, ok := seen[name]
	return ok && !at.After(p.from) && at.Before(p.until)
}

// strangeness says how a call differs from what is usual.
type strangeness int

const (
	unknown   strangeness = iota // nothing is known to compare with
	usual                        // network and client were seen before
	newClient                    // known network, other client
	newNetwork
)

// compare says how a call from an address, by a client, differs from the
// profile. Services and private addresses are never strange: nobody outside
// can come from there.
func (w *world) compare(p profile, ip, network, client string) strangeness {
	switch {
	case !p.known() || network == "":
		return unknown
	case !p.network(network) && !lineage.InsideAWS(ip) && !w.trusted(ip):
		return newNetwork
	case client != "" && !p.client(client) && !lineage.InsideAWS(ip):
		return newClient
	}
	return usual
}

func (w *world) compareActor(p profile, a incident.Actor) strangeness {
	return w.compare(p, a.SourceIP, lineage.Network(a.SourceIP), lineage.Client(a.UserAgent))
}

func (w *world) compareUse(p profile, u *incident.Use) strangeness {
	return w.compare(p, u.SourceIP, u.Network, u.Client)
}
