package correlate

import (
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// clockwork is the renewal clock of one source of the subject's sessions.
type clockwork struct {
	interval.Clock
	sessions []lineage.Issuance
}

func (c clockwork) last() lineage.Issuance { return c.sessions[len(c.sessions)-1] }

// clocksOf are the renewal clocks among issuances, by who asks for whom under
// which name.
func (v *view) clocksOf(list []lineage.Issuance) []clockwork {
	groups := map[string][]lineage.Issuance{}
	for _, is := range list {
		groups[is.Source()] = append(groups[is.Source()], is)
	}
	var out []clockwork
	for _, name := range sortedKeys(groups) {
		list := groups[name]
		at := make([]time.Time, len(list))
		for n, is := range list {
			at[n] = is.IssuedAt
		}
		if c, ok := interval.Renewals(at, v.end.at, interval.Options{MinBeats: 4}); ok {
			out = append(out, clockwork{c, list})
		}
	}
	return out
}

// notRenewed finds renewals that were established and stopped: while the
// credential went on being used, or while the same role's others went on. A
// service that simply stopped is no finding (CONTRACT ruling 13).
func (v *view) notRenewed() {
	clocks := v.clocksOf(v.issuances())
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
func (v *view) withLast(f failure, last lineage.Issuance) bool {
	if f.sig.Key != "" {
		return f.why == pastExpiration && f.is.AccessKeyID == last.AccessKeyID && f.is.IssuedAt.Equal(last.IssuedAt)
	}
	return last.Expired(f.sig.Time) && !slices.ContainsFunc(v.issuances(), func(is lineage.Issuance) bool { return is.Live(f.sig.Time) })
}

// overdue reports whether a renewal was missed. Where the last key was seen to
// fail after its end, missing one beat by more than its jitter is enough.
func (v *view) overdue(c clockwork) bool {
	return c.Stopped || v.end.at.After(c.NextExpected.Add(max(3*c.Jitter, c.Period/10)))
}

func (v *view) lastUse(is lineage.Issuance) incident.Use {
	var last incident.Use
	for _, u := range v.usesOfKey(v.who, is.AccessKeyID) {
		if u.Last.After(last.Last) {
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
	return u.Last.After(c.Due) && last.ExpiresAt.Sub(u.Last) <= 10*time.Minute && v.last.After(last.ExpiresAt)
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
	if u := v.lastUse(last); !u.Last.IsZero() && u.Last.Before(c.Due) {
		return false
	}
	neighbours := append(clocks, v.clocksOf(issuedUntil(v.graph.By(last.Caller.Principal), v.end.at))...)
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
