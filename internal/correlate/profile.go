package correlate

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// settled is how long before an incident a network or client must have been
// seen to count as usual. What appeared later may be the intruder's own.
const settled = time.Hour

// profile is where a principal usually is, and with what.
type profile struct {
	networks, clients map[string]bool
}

func (p profile) known() bool { return len(p.networks) > 0 }

// strangeness says how a call differs from what is usual.
type strangeness int

const (
	unknown   strangeness = iota // nothing is known to compare with
	usual                        // network and client were seen before
	newClient                    // known network, other client
	newNetwork
)

// usualFor is the profile of a principal before t. Where nothing was seen an
// hour before, the earliest that was seen must serve.
func (v *view) usualFor(who incident.Principal, t time.Time) profile {
	type seen struct {
		at              time.Time
		network, client string
	}
	var all []seen
	for _, u := range v.usesOf(who) {
		all = append(all, seen{u.First, u.Network, u.Client})
	}
	for _, is := range issuedUntil(v.graph.Of(who), v.end.at) {
		if is.Caller.Type != incident.Service {
			all = append(all, seen{is.IssuedAt, lineage.Network(is.Caller.SourceIP), lineage.Client(is.Caller.UserAgent)})
		}
	}
	var first time.Time
	for _, s := range all {
		if s.network != "" && (first.IsZero() || s.at.Before(first)) {
			first = s.at
		}
	}
	limit := t.Add(-settled)
	if first.After(limit) {
		limit = first.Add(time.Minute)
	}
	pr := profile{networks: map[string]bool{}, clients: map[string]bool{}}
	for _, s := range all {
		if s.at.After(limit) || !s.at.Before(t) {
			continue
		}
		if s.network != "" {
			pr.networks[s.network] = true
		}
		if s.client != "" {
			pr.clients[s.client] = true
		}
	}
	return pr
}

// compare says how a call from ip with agent differs from the profile.
func (v *view) compare(pr profile, ip, agent string) strangeness {
	network, client := lineage.Network(ip), lineage.Client(agent)
	if !pr.known() || network == "" {
		return unknown
	}
	home := pr.networks[network] || lineage.InsideAWS(ip) || v.trusted(ip)
	switch {
	case !home:
		return newNetwork
	case client != "" && len(pr.clients) > 0 && !pr.clients[client]:
		return newClient
	}
	return usual
}
