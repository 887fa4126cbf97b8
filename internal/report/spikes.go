package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
)

// maxSpikes is how many spikes of one principal are told, the latest ones.
const maxSpikes = 10

// spikes looks for more failures than the principal's history explains. The
// load of a known rhythm counts as history.
func (v *view) spikes(sub *subject) {
	counts := make([]interval.Counted, len(sub.failures))
	for i, s := range sub.failures {
		counts[i] = interval.Counted{Time: s.Time, N: s.Count}
	}
	o := interval.SpikeOptions{Floor: v.settings.Thresholds.SpikeFloor}
	if r, ok := v.rhythm(sub, sub.all); ok {
		o.Rhythm = &r
	}
	list := interval.Spikes(counts, o)
	if extra := len(list) - maxSpikes; extra > 0 {
		list = list[extra:]
	}
	for _, s := range list {
		in := sub.between(s.Start, s.End)
		v.add(incident.Anomaly{
			Kind:        incident.SpikeAnomaly,
			Subject:     sub.named(in),
			Occurrences: s.Count,
			Confidence:  interval.Confidence(s.Score),
			Times:       times(in),
			Summary:     fmt.Sprintf("%d failures within %s, where %s to be expected", s.Count, incident.Span(max(s.End.Sub(s.Start), time.Second)), expected(s.Expected)),
			Fix:         "See the finding about these failures for who or what cut the credential off; without one, ask the owner what changed at that time.",
		})
	}
}

func expected(n float64) string {
	if n < 0.5 {
		return "hardly any was"
	}
	return fmt.Sprintf("%.1f were", n)
}

// between are the failures from start to end.
func (sub *subject) between(start, end time.Time) []Failure {
	var out []Failure
	for _, s := range sub.failures {
		if !s.Time.Before(start) && !s.Time.After(end) {
			out = append(out, s)
		}
	}
	return out
}

// Burst is the most that failed within a bin, wherever it begins.
func Burst(list []Failure) (most int) {
	ordered := slices.Clone(list)
	slices.SortFunc(ordered, func(a, b Failure) int { return a.Time.Compare(b.Time) })
	sum, first := 0, 0
	for _, f := range ordered {
		sum += f.Count
		for f.Time.Sub(ordered[first].Time) > interval.Bin {
			sum -= ordered[first].Count
			first++
		}
		most = max(most, sum)
	}
	return most
}
