package settle

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

const (
	// history is how far back a principal's sessions are read to see a clock
	// in them: as many lifetimes as a clock needs several times over, and a
	// week.
	historyLifetimes = 64
	leastHistory     = 7 * 24 * time.Hour
	// maxPages bounds what is read of a principal with very much evidence.
	maxPages = 16
	// usualLifetime is STS's default, for issuances that do not give an end.
	usualLifetime = time.Hour
)

// visits are after how many periods without a renewal a clock is looked at
// again: when it must have stopped, when its neighbours must have gone on, and
// when even one that often misses a beat has stopped.
var visits = []float64{2.5, 4.5, 7}

// renewals looks at sessions of one principal that have run out: whether those
// who asked for them asked again. Of those who did not, and used to, the
// principal is decided about; a renewal that stops sends no event.
func (r *run) renewals(ctx context.Context, group []incident.Signal) error {
	r.report.Evidence += len(group)
	who := group[0].Target
	later, _, err := r.sessions(ctx, who, earliest(group))
	if err != nil {
		return err
	}
	lapsed := lapsed(group, later)
	if len(lapsed) == 0 {
		return nil
	}
	since := lapsed[0].IssuedAt
	for _, is := range lapsed {
		since = incident.Earlier(since, is.IssuedAt.Add(-max(historyLifetimes*lifetime(is), leastHistory)))
	}
	all, whole, err := r.sessions(ctx, who, since)
	if err != nil {
		return err
	}
	stopped := false
	for _, is := range lapsed {
		clock, ok := interval.Renewals(issued(all, is.Source()), r.now, interval.Options{MinBeats: 4})
		if !ok && whole {
			continue // it never renewed
		}
		stopped = stopped || clock.Stopped || !whole
		if err := r.visitAgain(ctx, group, is, clock.Period); err != nil {
			return err
		}
	}
	if !stopped {
		return nil
	}
	r.report.Lapsed++
	if err := r.Decider.Revisit(ctx, []incident.Principal{who}, r.now); err != nil {
		return fmt.Errorf("decide about the renewals of %s: %w", who.Key(), err)
	}
	return nil
}

// lapsed are the sessions of a group that whoever asked for them did not follow
// by another one.
func lapsed(group []incident.Signal, later []*lineage.Issuance) []*lineage.Issuance {
	var out []*lineage.Issuance
	for _, is := range lineage.Build(group, nil).Of(group[0].Target) {
		renewed := func(next *lineage.Issuance) bool {
			return next.IssuedAt.After(is.IssuedAt) && next.Source() == is.Source()
		}
		if !is.ByService && !slices.ContainsFunc(later, renewed) {
			out = append(out, is)
		}
	}
	return out
}

// issued are the times at which a source asked for sessions.
func issued(list []*lineage.Issuance, source string) []time.Time {
	var out []time.Time
	for _, is := range list {
		if is.Source() == source {
			out = append(out, is.IssuedAt)
		}
	}
	return out
}

// visitAgain has a session looked at again when its silence may say more. The
// session is kept again for that, which changes nothing about it.
func (r *run) visitAgain(ctx context.Context, group []incident.Signal, is *lineage.Issuance, period time.Duration) error {
	n := slices.IndexFunc(group, func(s incident.Signal) bool { return s.ID == is.EventID })
	if n < 0 || period <= 0 {
		return nil
	}
	for _, periods := range visits {
		at := is.IssuedAt.Add(time.Duration(periods * float64(period))).Add(r.Settings.Thresholds.Lateness)
		if !at.After(r.now) {
			continue
		}
		if err := r.Agenda.Commit(ctx, store.Commit{Signals: group[n : n+1], Recheck: at}); err != nil {
			return fmt.Errorf("plan to look at session %s again: %w", is.EventID, err)
		}
		return nil
	}
	return nil
}

// sessions are the sessions of a principal that were issued since a time, and
// whether they are all.
func (r *run) sessions(ctx context.Context, who incident.Principal, since time.Time) (list []*lineage.Issuance, whole bool, err error) {
	kept, whole, err := r.filed(ctx, who.Key(), since)
	found := slices.DeleteFunc(kept, func(s incident.Signal) bool { return s.Kind != incident.SessionIssued })
	return lineage.Build(found, nil).Of(who), whole, err
}

func lifetime(is *lineage.Issuance) time.Duration {
	if is.ExpiresAt.After(is.IssuedAt) {
		return is.ExpiresAt.Sub(is.IssuedAt)
	}
	return usualLifetime
}

func earliest(group []incident.Signal) time.Time {
	first := group[0].Time
	for _, s := range group {
		first = incident.Earlier(first, s.Time)
	}
	return first
}
