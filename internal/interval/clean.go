package interval

import (
	"math"
	"slices"
)

// Few beats can only be told from chance when they are clean. What chance
// does: let the gaps of a stream be gamma distributed with shape a, which is
// the exponential gap of a Poisson stream for a = 1 and a mildly regular
// stream for a = 3. The probability that all of m gaps lie within a ratio
// largest/smallest <= r of each other does not depend on the rate, and is
//
//	p = m * (ln r)^(m-1) * Gamma(a m) / (Gamma(a)^m * m^(a m))
//
// to first order in ln r, from integrating the density of ln(gap) to the m-th
// power. We take a = 3, the harder case: a rule that mildly regular streams
// seldom pass is passed by Poisson streams hardly ever.
//
// The budget is one false alarm in a thousand principal-days. A principal's
// failures of a day start at most one such short series, which is looked at
// with 4, 5, 6 and 7 beats: a quarter of the budget each. Each quarter is
// split once more: half of it goes to periods near a credential lifetime. The
// table of lifetimes covers about a tenth of the periods between ten minutes
// and two days on a log scale, so this half allows a ten times larger p there.
const (
	nullShape    = 3
	cleanBudget  = 0.001 / 4 / 2
	lifetimeOdds = 10
)

// clean applies the rule for four to seven beats.
func clean(at []float64, o Options) (chain, bool) {
	n := len(at)
	if n < 4 || n > 7 {
		return chain{}, false
	}
	gaps := make([]float64, n-1)
	for i := range gaps {
		gaps[i] = at[i+1] - at[i]
	}
	period := (at[n-1] - at[0]) / float64(n-1)
	p := cleanChance(len(gaps), slices.Max(gaps)/slices.Min(gaps))
	_, near := nearest(seconds(period), o.Seen)
	if !near && (n == 4 || p > cleanBudget) || p > cleanBudget*lifetimeOdds {
		return chain{}, false
	}
	c := whole(at)
	c.method = Clean
	c.score = -math.Log10(max(p, 1e-12))
	return c, true
}

// cleanChance is the probability that all of m gaps of a mildly regular stream
// lie within the given ratio of each other.
func cleanChance(m int, ratio float64) float64 {
	if ratio <= 1 {
		return 0
	}
	k := float64(m)
	whole, _ := math.Lgamma(nullShape * k)
	one, _ := math.Lgamma(nullShape)
	log := math.Log(k) + (k-1)*math.Log(math.Log(ratio)) + whole - k*one - nullShape*k*math.Log(k)
	return min(1, math.Exp(log))
}

// whole is the chain of all beats, one period apart each.
func whole(at []float64) chain {
	c := chain{}
	for i := range at {
		c.members = append(c.members, i)
		c.steps = append(c.steps, i)
	}
	c.refit(at)
	return c
}
