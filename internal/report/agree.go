package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
)

// agree adds what only the findings tell, so that the report never says less
// than they do: they know of cut-offs and uses, and need fewer events then.
func (v *view) agree() {
	for _, f := range v.findings {
		switch {
		case f.FirstSeen.After(v.asOf):
		case f.Cause == incident.RefreshBug && f.Interval != nil && !v.told(f, incident.RefreshBugAnomaly):
			v.add(refreshBugOf(f))
		case f.Cause == incident.NotRenewed && !v.told(f, incident.MissedRenewal):
			v.add(v.missedRenewalOf(f))
		}
	}
}

func (v *view) told(f incident.Finding, kind incident.AnomalyKind) bool {
	return slices.ContainsFunc(v.anomalies, func(a incident.Anomaly) bool {
		return a.Kind == kind && a.Subject.Key() == f.Subject.Key()
	})
}

func refreshBugOf(f incident.Finding) incident.Anomaly {
	lifetime, _ := interval.Nearest(f.Interval.Period)
	return incident.Anomaly{
		Kind:         incident.RefreshBugAnomaly,
		Subject:      f.Subject,
		Period:       f.Interval.Period,
		Jitter:       f.Interval.Jitter,
		Occurrences:  f.Interval.Occurrences,
		Lifetime:     lifetime,
		NextExpected: f.Interval.NextExpected,
		Confidence:   f.Confidence,
		Times:        []time.Time{f.FirstSeen, f.LastSeen},
		Summary:      fmt.Sprintf("Failures recur every %s (± %s), %d times", about(f.Interval.Period, f.Interval.Jitter), incident.Span(f.Interval.Jitter), f.Interval.Occurrences),
		Fix:          fix(lifetime),
	}
}

// missedRenewalOf says what a finding says, with the clock that stopped if a
// short one can be made out.
func (v *view) missedRenewalOf(f incident.Finding) incident.Anomaly {
	a := incident.Anomaly{
		Kind:        incident.MissedRenewal,
		Subject:     f.Subject,
		Occurrences: 1,
		Confidence:  f.Confidence,
		Times:       []time.Time{f.FirstSeen},
		Summary:     strings.TrimSuffix(f.Summary, "."),
		Fix:         missedFix,
	}
	sub, ok := v.subjects[f.Subject.Key()]
	if !ok {
		return a
	}
	for _, c := range v.clocks(sub, interval.Options{MinBeats: 4}) {
		if !v.asOf.After(c.Due) {
			continue
		}
		a.Period, a.Jitter, a.Occurrences, a.Times, a.NextExpected = c.Period, c.Jitter, c.Beats, c.Times, c.Due
		if len(sub.beats) == 0 {
			sub.beats = c.Expected(v.asOf)
		}
	}
	return a
}
