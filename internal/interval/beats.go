package interval

import (
	"slices"
	"time"
)

// MergeWithin is the gap below which two failures belong to one beat: a client
// that fails retries at once, and its retries are not a rhythm of their own.
const MergeWithin = 120 * time.Second

// Beats returns the start of each beat, oldest first: times with less than
// MergeWithin to the one before are merged. It leaves its argument alone.
func Beats(times []time.Time) []time.Time {
	spans := beats(times)
	if len(spans) == 0 {
		return nil
	}
	starts := make([]time.Time, len(spans))
	for i, s := range spans {
		starts[i] = s.start
	}
	return starts
}

// span is one beat: from its first failure to the last of its retries.
type span struct{ start, end time.Time }

// length is how long the beat's retries went on.
func (s span) length() time.Duration { return s.end.Sub(s.start) }

func beats(times []time.Time) []span {
	var spans []span
	for _, t := range sorted(times) {
		last := len(spans) - 1
		if last >= 0 && t.Sub(spans[last].end) < MergeWithin {
			spans[last].end = t
			continue
		}
		spans = append(spans, span{t, t})
	}
	return spans
}

// sorted returns times in UTC, oldest first, without touching the argument.
// Zero times are unknown times and are left out.
func sorted(times []time.Time) []time.Time {
	out := make([]time.Time, 0, len(times))
	for _, t := range times {
		if !t.IsZero() {
			out = append(out, t.UTC())
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
