package report

import (
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
	s.Failures, s.Issuances = sub.drawn(), nil
	for _, x := range sub.Renewed {
		for _, b := range x.Beats {
			s.Issuances = append(s.Issuances, b.Start)
		}
	}
	slices.SortFunc(s.Issuances, time.Time.Compare)
	for _, h := range sub.Hours {
		at := time.Unix(h*3600, 0).UTC()
		s.Weekly[at.Weekday()][at.Hour()]++
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

// drawn are the failures: those that are known in full, and before them the
// beats that are known.
func (sub *subject) drawn() []time.Time {
	full := times(sub.failures)
	var out []time.Time
	for _, b := range sub.all {
		if len(full) > 0 && !b.End.Before(full[0].Truncate(time.Second)) {
			break
		}
		out = append(out, b.Start)
	}
	return append(out, full...)
}
