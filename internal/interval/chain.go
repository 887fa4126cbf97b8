package interval

import (
	"math"
	"slices"
)

// chain is a subset of beats that lie whole periods apart.
type chain struct {
	period, jitter float64
	members        []int // indices of beats
	steps          []int // periods since the first member
	score          float64
	method         Method
}

// hitShare is the share of expected beats that came.
func (c chain) hitShare() float64 {
	expected := c.steps[len(c.steps)-1] + 1
	return float64(len(c.members)) / float64(expected)
}

// maxStep is how many periods a chain may cross without a beat.
const maxStep = 3

// minPeriod is the shortest period looked for: below it beats merge.
const minPeriod = 240

// chained looks for the period whose chain of beats is least like chance.
//
// For each period that a gap suggests, the chain with the largest
// log-likelihood ratio is found by dynamic programming: each link adds the log
// of how much denser beats of that period lie at this distance than beats of a
// Poisson stream of the same rate would. Beats outside the chain are noise.
func chained(at []float64, o Options) (chain, bool) {
	n := len(at)
	if n < 8 {
		return chain{}, false
	}
	best, llr := chain{}, math.Inf(-1)
	rate := float64(n-1) / at[n-1]
	for _, p := range candidates(at) {
		for _, sigma := range []float64{0.01, 0.03, 0.07} {
			c, s := link(at, p, sigma, rate)
			if s > llr && len(c.members) >= 6 {
				best, llr = c, s
			}
		}
	}
	if llr < threshold(n) {
		return chain{}, false
	}
	best.refit(at)
	best.method = Chain
	best.score = 3 + (llr-threshold(n))/math.Ln10
	return best, true
}

// threshold is the log-likelihood ratio that one stream in a thousand without
// a rhythm reaches.
func threshold(n int) float64 { return 14 + 0.1*float64(n) }

// candidates are the periods that gaps of up to three beats suggest, thinned
// to one a percent.
func candidates(at []float64) []float64 {
	var all []float64
	for i := range at {
		for lag := 1; lag <= 3 && i+lag < len(at); lag++ {
			d := at[i+lag] - at[i]
			for k := 1.0; k <= maxStep; k++ {
				if d/k >= minPeriod {
					all = append(all, d/k)
				}
			}
		}
	}
	slices.Sort(all)
	return thin(all)
}

func thin(all []float64) []float64 {
	var out []float64
	for _, p := range all {
		if len(out) == 0 || p > out[len(out)-1]*1.005 {
			out = append(out, p)
		}
	}
	return out
}

// link finds the best chain of period p with relative jitter sigma.
func link(at []float64, p, sigma, rate float64) (chain, float64) {
	n := len(at)
	total := make([]float64, n)
	from := make([]int, n)
	step := make([]int, n)
	first := 0
	best := 0
	for j := range at {
		from[j] = -1
		for at[j]-at[first] > (maxStep+0.5)*p {
			first++
		}
		for i := first; i < j; i++ {
			gain, k := gain(at[j]-at[i], p, sigma, rate)
			if k > 0 && total[i]+gain > total[j] {
				total[j], from[j], step[j] = total[i]+gain, i, k
			}
		}
		if total[j] > total[best] {
			best = j
		}
	}
	return unroll(best, from, step), total[best]
}

// gain is what a link over distance d adds to the log-likelihood ratio, and
// how many periods it crosses; 0 periods if it is no link.
func gain(d, p, sigma, rate float64) (float64, int) {
	k := math.Round(d / p)
	if k < 1 || k > maxStep {
		return 0, 0
	}
	s := sigma * p * math.Sqrt(k)
	z := (d - k*p) / s
	if abs(z) > 4 {
		return 0, 0
	}
	return math.Log(0.6) + (k-1)*math.Log(0.4) - math.Log(s*math.Sqrt(2*math.Pi)*rate) - z*z/2, int(k)
}

func unroll(last int, from, step []int) chain {
	var c chain
	for i := last; i >= 0; i = from[i] {
		c.members = append(c.members, i)
		c.steps = append(c.steps, step[i])
	}
	slices.Reverse(c.members)
	slices.Reverse(c.steps)
	sum := 0
	for i, k := range c.steps {
		sum += k
		c.steps[i] = sum
	}
	return c
}

// refit sets period and jitter from the chain's own links.
func (c *chain) refit(at []float64) {
	last := len(c.members) - 1
	c.period = (at[c.members[last]] - at[c.members[0]]) / float64(max(1, c.steps[last]))
	sum := 0.0
	for i := 1; i <= last; i++ {
		k := float64(c.steps[i] - c.steps[i-1])
		off := at[c.members[i]] - at[c.members[i-1]] - k*c.period
		sum += off * off / k
	}
	c.jitter = math.Sqrt(sum / float64(max(1, last)))
}
