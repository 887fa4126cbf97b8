package interval

import (
	"math"
	"slices"
	"time"
)

// Clock is an established cadence of issuances: a workload that renews its
// credentials.
type Clock struct {
	Rhythm
	// Stopped is set when the clock fell silent for longer than its own gaps
	// explain; Due is when the first renewal was missed.
	Stopped bool
	Due     time.Time
	// OffBeat are issuances that do not keep the rhythm although the clock's
	// own renewals around them came in time: somebody else asks for
	// credentials from the same source.
	OffBeat []time.Time
	// Change is set when the cadence changed for good.
	Change *Change
}

// Change is a cadence that became another.
type Change struct {
	At       time.Time // the first beat of the new cadence
	From, To time.Duration
}

// Renewals looks for a renewal clock in the times at which one source issued
// credentials to one workload, and for what went wrong with it up to asOf.
func Renewals(times []time.Time, asOf time.Time, o Options) (Clock, bool) {
	return RenewalsIn(Merge(times), asOf, o)
}

// RenewalsIn is Renewals among beats, oldest first and as Merge makes them.
func RenewalsIn(all []Beat, asOf time.Time, o Options) (Clock, bool) {
	before, after, changed := split(all, o)
	last := latest(all)
	if changed {
		all = only(after.Times)
	}
	r, ok := FindIn(all, o)
	if !ok {
		return Clock{}, false
	}
	c := Clock{Rhythm: r}
	if last.After(r.Phase.Add(r.Period)) {
		c.Phase = last // asked again after a silence: it goes on from there
	}
	c.Stopped, c.Due = c.Rhythm.Stopped(asOf), c.Phase.Add(r.Period)
	if changed {
		c.Change = &Change{At: after.Times[0], From: before.Period, To: r.Period}
		return c, true
	}
	c.OffBeat = r.offBeat(all)
	return c, true
}

// latest is when the last of the beats began.
func latest(all []Beat) time.Time {
	if len(all) == 0 {
		return time.Time{}
	}
	return all[len(all)-1].Start
}

// offBeat are the times off the beat. Only a clock that hardly ever misses can
// tell them from its own irregularity.
func (r Rhythm) offBeat(all []Beat) []time.Time {
	if r.HitShare < 0.8 || r.Jitter.Seconds() > 0.05*r.Period.Seconds() {
		return nil
	}
	var off []time.Time
	for _, t := range starts(all) {
		if t.After(r.Times[0]) && t.Before(r.Phase.Add(r.Period)) && !OnBeat(r, t) {
			off = append(off, t)
		}
	}
	if len(off)*4 > r.Beats {
		return nil
	}
	return off
}

// only are beats of one time each.
func only(times []time.Time) []Beat {
	out := make([]Beat, len(times))
	for i, t := range times {
		out[i] = Beat{t, t}
	}
	return out
}

// minSide is how many beats each side of a change needs.
const minSide = 5

// split finds where one cadence became another.
func split(all []Beat, o Options) (before, after Rhythm, ok bool) {
	all = Latest(all)
	at := cut(starts(all))
	if at == 0 {
		return before, after, false
	}
	before, ok = FindIn(only(starts(all[:at])), o)
	if !ok {
		return before, after, false
	}
	after, ok = FindIn(only(starts(all[at-1:])), o)
	if !ok {
		return before, after, false
	}
	ratio := before.Period.Seconds() / after.Period.Seconds()
	return before, after, ratio > 1.1 || ratio < 1/1.1
}

// cut is the beat after which gaps differ most from those before: the split
// with the least absolute deviation of the gaps' logarithms from the median of
// their side. It is 0 if there are too few beats.
func cut(all []time.Time) int {
	gaps := make([]float64, 0, len(all))
	for i := 1; i < len(all); i++ {
		gaps = append(gaps, math.Log(all[i].Sub(all[i-1]).Seconds()))
	}
	best, least := 0, math.Inf(1)
	for k := minSide - 1; k <= len(gaps)-(minSide-1); k++ {
		if d := deviation(gaps[:k]) + deviation(gaps[k:]); d < least {
			best, least = k+1, d
		}
	}
	return best
}

func deviation(x []float64) float64 {
	m := median(x)
	sum := 0.0
	for _, v := range x {
		sum += abs(v - m)
	}
	return sum
}

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return s[len(s)/2]
}
