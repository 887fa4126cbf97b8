package interval

import (
	"math"
	"slices"
	"time"
)

// A credential's lifetime is known beforehand, so a series of six beats or more
// whose gaps are all whole multiples of one lifetime is told from chance even
// with some beats missing and with more jitter than the clean rule allows.
//
// The gap of a mildly regular stream (gamma 3) with a mean near the lifetime L
// falls within 4 % of L, 2 L or 3 L with a probability below 0.13, within 8 %
// below 0.25, within 12 % below 0.37; that of a Poisson stream with about half of
// these. Five, seven and eleven such gaps in a row, over the table's lifetimes,
// make 4, 6 and 2 in 10,000: within the budget of one in a thousand
// principal-days.
const anchoredSteps = 3

var anchorings = [...]struct {
	beats  int     // from how many on
	share  float64 // of the lifetime, that a gap may miss it by
	chance float64 // of one gap
}{
	{12, 0.12, 0.37},
	{8, 0.08, 0.25},
	{6, 0.04, 0.13},
}

// anchored applies the rule to each lifetime, shortest first.
func anchored(at []float64, o Options) (chain, bool) {
	for _, a := range anchorings {
		if len(at) < a.beats {
			continue
		}
		lives := slices.Clone(o.Seen)
		for _, l := range Lifetimes() {
			lives = append(lives, l.Duration)
		}
		slices.Sort(lives)
		for _, d := range lives {
			if c, ok := anchoredTo(at, d, a.share); ok {
				c.score = -float64(len(at)-1) * math.Log10(a.chance)
				return c, true
			}
		}
		return chain{}, false
	}
	return chain{}, false
}

// anchoredTo reports whether every gap is one, two or three times a lifetime,
// and at least half of them once.
func anchoredTo(at []float64, lifetime time.Duration, share float64) (chain, bool) {
	period := lifetime.Seconds()
	if period <= 0 {
		return chain{}, false
	}
	c := chain{members: []int{0}, steps: []int{0}}
	single := 0
	for i := 1; i < len(at); i++ {
		gap := at[i] - at[i-1]
		k := math.Round(gap / period)
		if k < 1 || k > anchoredSteps || math.Abs(gap-k*period) > share*period {
			return chain{}, false
		}
		if k == 1 {
			single++
		}
		c.members = append(c.members, i)
		c.steps = append(c.steps, c.steps[i-1]+int(k))
	}
	if 2*single < len(at)-1 {
		return chain{}, false
	}
	c.refit(at)
	c.method = Anchored
	return c, true
}
