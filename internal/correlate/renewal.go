package correlate

import (
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// source is one that asks for sessions of a principal, as
// lineage.Issuance.Source tells them.
type source struct {
	sessions []*lineage.Issuance // by IssuedAt
	issued   []time.Time         // the same of each

	looked int // at how many of them, for the clock
	clock  interval.Clock
	ticks  bool // there is one
}

// sources are those of sessions, by name.
func sources(list []*lineage.Issuance) []*source {
	groups := map[string]*source{}
	for _, is := range list {
		name := is.Source()
		s := groups[name]
		if s == nil {
			s = &source{}
			groups[name] = s
		}
		s.sessions, s.issued = append(s.sessions, is), append(s.issued, is.IssuedAt)
	}
	out := make([]*source, 0, len(groups))
	for _, name := range sortedKeys(groups) {
		out = append(out, groups[name])
	}
	return out
}

// clockwork is the renewal clock of one source of the subject's sessions.
type clockwork struct {
	interval.Clock
	sessions []*lineage.Issuance
}

func (c clockwork) last() *lineage.Issuance { return c.sessions[len(c.sessions)-1] }

// clockAt is the renewal clock of a source at t. Only whether it stopped depends
// on t for as long as nothing is issued.
func (s *source) clockAt(t time.Time) (clockwork, bool) {
	n := len(issuedUntil(s.sessions, t))
	if n != s.looked {
		s.looked = n
		s.clock, s.ticks = interval.Renewals(s.issued[:n], t, interval.Options{MinBeats: 4})
	}
	c := clockwork{s.clock, s.sessions[:n]}
	if s.ticks {
		c.Stopped = c.Rhythm.Stopped(t)
	}
	return c, s.ticks
}

// clocks are the renewal clocks of sources.
func (v *view) clocks(list []*source) []clockwork {
	var out []clockwork
	for _, s := range list {
		if c, ok := s.clockAt(v.end.at); ok {
			out = append(out, c)
		}
	}
	return out
}

// ownClocks are those of the subject's sessions.
func (v *view) ownClocks() []clockwork {
	list, ok := v.renewed[v.key]
	if !ok {
		list = sources(v.graph.Of(v.who))
		v.renewed[v.key] = list
	}
	return v.clocks(list)
}

// clocksBy are those of the sessions that a principal asks for.
func (v *view) clocksBy(who incident.Principal) []clockwork {
	key := who.Key()
	list, ok := v.renews[key]
	if !ok {
		list = sources(v.graph.By(who))
		v.renews[key] = list
	}
	return v.clocks(list)
}

// notRenewed finds renewals that were established and stopped: while the
// credential went on being used, or while the same role's others went on. A
// service that simply stopped is no finding (CONTRACT ruling 13).
func (v *view) notRenewed() {
	clocks := v.ownClocks()
	for _, c := range clocks {
		last := c.last()
		var failed []*incident.Signal
		for _, f := range v.expired {
			if v.withLast(f, last) {
				failed = append(failed, f.sig)
			}
		}
		words := fmt.Sprintf("renewed every %s until %s, then no more", span(c.Period), clock(last.IssuedAt))
		switch {
		case len(failed) > 0 && v.overdue(c):
			v.add("renewal_stopped_in_use", words+"; its last key was still used after it had expired", failed...)
		case !c.Stopped:
		case v.usedToTheEnd(c):
			v.addUse("renewal_stopped_in_use", words+"; its last key was used until it expired", v.lastUse(last))
		case v.stoppedAlone(c, clocks):
			it := v.add("renewal_stopped_alone", words+", while its neighbours went on")
			it.first, it.last, it.count, it.origin = c.Due, c.Due, 1, last.EventID
		}
	}
}

// withLast reports whether a failure is of the clock's last key after its end,
// or names no key at a time when the subject had none that was good.
func (v *view) withLast(f failure, last *lineage.Issuance) bool {
	if f.sig.Key != "" {
		return f.why == pastExpiration && f.is.AccessKeyID == last.AccessKeyID && f.is.IssuedAt.Equal(last.IssuedAt)
	}
	return last.Expired(f.sig.Time) && !slices.ContainsFunc(v.issued, func(is *lineage.Issuance) bool { return is.Live(f.sig.Time) })
}

// overdue reports whether a renewal was missed. Where the last key was seen to
// fail after its end, missing one beat by more than its jitter is enough.
func (v *view) overdue(c clockwork) bool {
	return c.Stopped || v.end.at.After(c.NextExpected.Add(max(3*c.Jitter, c.Period/10)))
}

// lastUse is the use of a session's key that went on longest; nil for none.
func (v *view) lastUse(is *lineage.Issuance) *incident.Use {
	var last *incident.Use
	for _, u := range v.usesWith(is.AccessKeyID) {
		if last == nil || v.lastOf(u).After(v.lastOf(last)) {
			last = u
		}
	}
	return last
}

// usedToTheEnd reports whether the last credential was used past the time of
// the missed renewal, up to its expiration, and life elsewhere went on.
func (v *view) usedToTheEnd(c clockwork) bool {
	last := c.last()
	if last.ExpiresAt.IsZero() || last.ByService || !v.end.at.After(last.ExpiresAt) {
		return false
	}
	u := v.lastUse(last)
	if u == nil {
		return false
	}
	used := v.lastOf(u)
	return used.After(c.Due) && last.ExpiresAt.Sub(used) <= 10*time.Minute && v.last.After(last.ExpiresAt)
}

// stoppedAlone reports whether a neighbour's renewals went on for at least
// three periods: another source of the same role, or another role that the same
// caller renews at the same pace. Instances and functions come and go, so they
// prove nothing; nor does a source that was seen to stop working before.
func (v *view) stoppedAlone(c clockwork, clocks []clockwork) bool {
	last := c.last()
	if last.ByService {
		return false
	}
	if u := v.lastUse(last); u != nil && v.lastOf(u).Before(c.Due) {
		return false
	}
	neighbours := append(clocks, v.clocksBy(last.Caller.Principal)...)
	return slices.ContainsFunc(neighbours, func(n clockwork) bool {
		pace := (n.Period - c.Period).Abs() <= c.Period/5
		return pace && !n.Stopped && !n.last().ByService && n.last().IssuedAt.After(c.Due.Add(2*c.Period))
	})
}

// sortedKeys lists a map's keys in order, so that nothing depends on the map's.
func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
