package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// series are the events of the anomalies' subjects, each once.
func (v *view) series() []incident.Series {
	var out []incident.Series
	for _, a := range v.anomalies {
		if n := len(out); n > 0 && out[n-1].Subject.Key() == a.Subject.Key() {
			out[n-1].Subject.AccessKeyIDs = unique(slices.Concat(out[n-1].Subject.AccessKeyIDs, a.Subject.AccessKeyIDs))
			out[n-1].Subject.Workloads = unique(slices.Concat(out[n-1].Subject.Workloads, a.Subject.Workloads))
			continue
		}
		out = append(out, v.seriesOf(a.Subject))
	}
	return out
}

func (v *view) seriesOf(who incident.Subject) incident.Series {
	s := incident.Series{Subject: who}
	sub, ok := v.subjects[who.Key()]
	if !ok {
		return s
	}
	s.Failures, s.Issuances = times(sub.failures), issuedAt(sub.issued)
	for _, f := range sub.failures {
		at := f.Time.UTC()
		s.Weekly[at.Weekday()][at.Hour()] += max(1, f.Count)
	}
	s.Beats = sub.beats
	for _, list := range []*[]time.Time{&s.Failures, &s.Issuances} {
		if extra := len(*list) - maxSeries; extra > 0 {
			*list = (*list)[extra:]
			s.Left += extra
		}
	}
	return s
}

// changes compares the anomalies of two times.
func changes(then, now []incident.Anomaly) (fresh []int, gone []incident.Anomaly) {
	for i, a := range now {
		if !slices.ContainsFunc(then, func(b incident.Anomaly) bool { return same(a, b) }) {
			fresh = append(fresh, i)
		}
	}
	for _, b := range then {
		if !slices.ContainsFunc(now, func(a incident.Anomaly) bool { return same(a, b) }) {
			gone = append(gone, b)
		}
	}
	return fresh, gone
}

// same reports whether two anomalies are one at different times. Rhythms go on;
// spikes and single events are told apart by when they began.
func same(a, b incident.Anomaly) bool {
	if a.Kind != b.Kind || a.Subject.Key() != b.Subject.Key() {
		return false
	}
	switch a.Kind {
	case incident.SpikeAnomaly, incident.CadenceChange:
		return start(a).Equal(start(b))
	case incident.OffBeatIssuance:
		return slices.EqualFunc(a.Times, b.Times, time.Time.Equal)
	}
	return cmp.Compare(a.Period.Round(a.Period/5), b.Period.Round(a.Period/5)) == 0 || (a.Period-b.Period).Abs() <= a.Period/10
}
