package streams

import (
	"math"
	"math/rand/v2"
	"time"
)

// Load is a kind of failure counts that a key has without anybody attacking.
type Load struct {
	Name string
	draw func(r *rand.Rand, seconds float64) []float64
}

// Times draws the failures of the given time, each an event of its own.
func (l Load) Times(r *rand.Rand, d time.Duration) []time.Time { return times(l.draw(r, d.Seconds())) }

// TuningLoads are the backgrounds on which the spike threshold was fixed.
func TuningLoads() []Load {
	return []Load{
		{"quiet", func(r *rand.Rand, d float64) []float64 { return poisson(r, d, 0.5/day) }},
		{"retry bursts", func(r *rand.Rand, d float64) []float64 { return retries(r, d, 3/day, 4, 60) }},
		{"busy", func(r *rand.Rand, d float64) []float64 { return overdispersed(r, d, 6, 1.5) }},
		{"office hours", func(r *rand.Rand, d float64) []float64 { return workdays(r, d, 12/hour) }},
		{"hourly broken job", func(r *rand.Rand, d float64) []float64 { return job(r, d, hour, 4) }},
	}
}

// CheckingLoads are the backgrounds on which it is checked.
func CheckingLoads() []Load {
	return []Load{
		{"silent but for one day", func(r *rand.Rand, d float64) []float64 { return poisson(r, min(d, day), 4/day) }},
		{"rare failures, three retries each", func(r *rand.Rand, d float64) []float64 { return retries(r, d, 8/day, 3, 20) }},
		{"busy by turns", func(r *rand.Rand, d float64) []float64 { return overdispersed(r, d, 2, 0.6) }},
		{"night batch", func(r *rand.Rand, d float64) []float64 { return job(r, d, day, 3) }},
		{"job every 15 minutes", func(r *rand.Rand, d float64) []float64 { return job(r, d, hour/4, 2) }},
	}
}

const day = 24 * hour

func poisson(r *rand.Rand, d, perSecond float64) []float64 {
	var out []float64
	for t := r.ExpFloat64() / perSecond; t < d; t += r.ExpFloat64() / perSecond {
		out = append(out, t)
	}
	return out
}

// retries draws failures each of which is repeated some times on average,
// pause seconds apart on average.
func retries(r *rand.Rand, d, perSecond, repeats, pause float64) []float64 {
	var out []float64
	for _, t := range poisson(r, d, perSecond) {
		for range 1 + drawPoisson(r, repeats-1) {
			out = append(out, t)
			t += r.ExpFloat64() * pause
		}
	}
	return out
}

// overdispersed draws failures whose rate varies from bin to bin by a gamma
// distribution of the given shape around mean.
func overdispersed(r *rand.Rand, d, mean, shape float64) []float64 {
	var out []float64
	for bin := 0.0; bin < d; bin += 300 {
		for range drawPoisson(r, mean*gammaReal(r, shape)/shape) {
			out = append(out, bin+300*r.Float64())
		}
	}
	return out
}

// workdays draws a Poisson stream with a smooth working day.
func workdays(r *rand.Rand, d, perSecond float64) []float64 {
	var out []float64
	for _, t := range poisson(r, d, perSecond) {
		h, weekday := math.Mod(t/hour, 24), int(t/day)%7
		busy := 0.03
		if weekday < 5 {
			busy += 0.97 * math.Exp(-(h-13)*(h-13)/(2*3*3))
		}
		if r.Float64() < busy {
			out = append(out, t)
		}
	}
	return out
}

// job draws a schedule whose every run fails with some retries.
func job(r *rand.Rand, d, period, repeats float64) []float64 {
	var out []float64
	for start := r.Float64() * period; start < d; start += period {
		t := start + 5*r.NormFloat64()
		for range 1 + drawPoisson(r, repeats-1) {
			out = append(out, max(0, t))
			t += r.ExpFloat64() * 8
		}
	}
	return out
}

// Burst draws n failures evenly over a time that starts at from.
func Burst(r *rand.Rand, from time.Time, n int, over time.Duration) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = from.Add(time.Duration(r.Float64() * float64(over))).Truncate(time.Second)
	}
	return out
}

func drawPoisson(r *rand.Rand, mean float64) int {
	n := 0
	for t := r.ExpFloat64(); t < mean; t += r.ExpFloat64() {
		n++
	}
	return n
}

// gammaReal draws from a gamma distribution (Marsaglia and Tsang 2000).
func gammaReal(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gammaReal(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	for {
		x := r.NormFloat64()
		v := math.Pow(1+x/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
