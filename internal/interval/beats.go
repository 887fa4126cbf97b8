package interval

import (
	"cmp"
	"slices"
	"time"
)

// MergeWithin is the gap below which two failures belong to one beat: a client
// that fails retries at once, and its retries are not a rhythm of their own.
const MergeWithin = 120 * time.Second

// Beats returns the start of each beat, oldest first: times with less than
// MergeWithin to the one before are merged. It leaves its argument alone.
func Beats(times []time.Time) []time.Time {
	return starts(Merge(times))
}

func starts(list []Beat) []time.Time {
	if len(list) == 0 {
		return nil
	}
	out := make([]time.Time, len(list))
	for i, b := range list {
		out[i] = b.Start
	}
	return out
}

// Beat is one beat: from its first failure to the last of its retries.
type Beat struct{ Start, End time.Time }

// length is how long the beat's retries went on.
func (b Beat) length() time.Duration { return b.End.Sub(b.Start) }

// Merge returns the beats that times make, oldest first.
func Merge(times []time.Time) []Beat {
	list := make([]Beat, 0, len(times))
	for _, t := range sorted(times) {
		list = join(list, Beat{t, t})
	}
	return list
}

// Union returns the beats that all the times of two lists of beats make. It is
// what merging those times would give, in whatever parts they come.
func Union(a, b []Beat) []Beat {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Beat) int { return cmp.Or(x.Start.Compare(y.Start), x.End.Compare(y.End)) })
	list := all[:0]
	for _, x := range all {
		list = join(list, x)
	}
	return list
}

// join adds a beat that starts no earlier than those of the list.
func join(list []Beat, b Beat) []Beat {
	last := len(list) - 1
	if last < 0 || b.Start.Sub(list[last].End) >= MergeWithin {
		return append(list, b)
	}
	if b.End.After(list[last].End) {
		list[last].End = b.End
	}
	return list
}

// Latest returns the last MaxBeats of a list, all that is looked at.
func Latest(list []Beat) []Beat { return list[max(0, len(list)-MaxBeats):] }

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
