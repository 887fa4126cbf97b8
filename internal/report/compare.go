package report

import (
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Compare tells what changed since an earlier report, as it was kept.
func Compare(r, earlier incident.Report) incident.Report {
	r.Since, r.New, r.Gone, r.Changed = earlier.To, nil, nil, nil
	taken := make([]bool, len(earlier.Anomalies))
	for i, a := range r.Anomalies {
		n := nearest(earlier.Anomalies, taken, a)
		if n < 0 {
			r.New = append(r.New, i)
			continue
		}
		taken[n] = true
		if c, ok := between(earlier.Anomalies[n], a, earlier.To, r.To); ok {
			c.Index = i
			r.Changed = append(r.Changed, c)
		}
	}
	for n, b := range earlier.Anomalies {
		if !taken[n] {
			r.Gone = append(r.Gone, b)
		}
	}
	return r
}

// nearest is the anomaly of an earlier report that one goes on from: of several,
// as two workloads of a role may have, that with the most similar period. It is
// -1 if there is none.
func nearest(list []incident.Anomaly, taken []bool, a incident.Anomaly) int {
	best := -1
	for n, b := range list {
		if !taken[n] && same(a, b) && (best < 0 || (b.Period-a.Period).Abs() < (list[best].Period-a.Period).Abs()) {
			best = n
		}
	}
	return best
}

// same reports whether two anomalies are one at different times. Spikes and
// changes of cadence are told apart by when they began. A kept report does not
// name the account of everybody.
func same(a, b incident.Anomaly) bool {
	p, q := a.Subject, b.Subject
	if a.Kind != b.Kind || p.Type != q.Type || p.Name != q.Name || p.Account != q.Account && p.Account != "" && q.Account != "" {
		return false
	}
	if a.Kind == incident.SpikeAnomaly || a.Kind == incident.CadenceChange {
		return begin(a).Equal(begin(b))
	}
	return true
}

// begin is when an anomaly began, as exactly as a kept report says it.
func begin(a incident.Anomaly) time.Time { return start(a).UTC().Truncate(time.Second) }

// between tells how an anomaly of one report differs from that of another.
func between(was, is incident.Anomaly, before, now time.Time) (incident.Change, bool) {
	switch is.Kind {
	case incident.RefreshBugAnomaly:
		return rhythmChange(was, is, before, now)
	case incident.SpikeAnomaly:
		if is.Occurrences > was.Occurrences {
			return incident.Change{Trend: incident.Worse, Words: fmt.Sprintf("%d failures instead of %d", is.Occurrences, was.Occurrences)}, true
		}
	case incident.OffBeatIssuance:
		last := was.Times[max(0, len(was.Times)-1):]
		n := 0
		for _, t := range is.Times {
			if len(last) == 0 || t.Truncate(time.Second).After(last[0]) {
				n++
			}
		}
		if n > 0 {
			return incident.Change{Trend: incident.Worse, Words: fmt.Sprintf("%d more off the beat", n)}, true
		}
	}
	return incident.Change{}, false
}

// rhythmChange tells of a rhythm that stopped, came back, or has another period.
func rhythmChange(was, is incident.Anomaly, before, now time.Time) (incident.Change, bool) {
	silent := func(a incident.Anomaly, at time.Time) bool {
		return !a.NextExpected.IsZero() && a.NextExpected.Before(at)
	}
	longer := is.Period.Seconds() / max(1, was.Period.Seconds())
	switch {
	case silent(is, now) && !silent(was, before):
		return incident.Change{Trend: incident.Better, Words: "none came since " + stamp(is.NextExpected.Add(-is.Period))}, true
	case !silent(is, now) && silent(was, before):
		return incident.Change{Trend: incident.Worse, Words: "the failures came back"}, true
	case was.Period > 0 && longer < 1/1.1:
		return incident.Change{Trend: incident.Worse, Words: cadence(was, is)}, true
	case was.Period > 0 && longer > 1.1:
		return incident.Change{Trend: incident.Better, Words: cadence(was, is)}, true
	}
	return incident.Change{}, false
}

func cadence(was, is incident.Anomaly) string {
	return fmt.Sprintf("every %s instead of every %s", about(is.Period, is.Jitter), about(was.Period, was.Jitter))
}
