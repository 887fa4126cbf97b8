// Package streams generates event times for tests and for the evaluation of
// package interval: streams with a rhythm, in which something is to be found,
// and streams without one, in which nothing is.
//
// Equal seeds give equal streams. Two families of streams without a rhythm are
// kept apart: thresholds were fixed on Tuning, and are checked on Checking,
// which shares neither shapes nor seeds with it.
package streams

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Start is when every stream starts: a Monday.
var Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// Rand returns the generator for a seed and a case within it.
func Rand(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }

// Beat describes a stream with a rhythm.
type Beat struct {
	Period time.Duration
	// Jitter is the standard deviation of a beat as a share of the period.
	Jitter float64
	// Drift is set where each beat counts from the one before, as renewals do;
	// otherwise beats keep to a clock.
	Drift bool
	// Missing is the share of beats that do not come.
	Missing float64
	// Noise is the number of unrelated failures per beat that is due.
	Noise float64
	// Beats is how many beats are due.
	Beats int
}

// Times draws a stream, oldest first.
func (b Beat) Times(r *rand.Rand) []time.Time {
	period := b.Period.Seconds()
	at := r.Float64() * period
	var out []float64
	for i := range b.Beats {
		step := at + float64(i)*period + r.NormFloat64()*b.Jitter*period
		if b.Drift {
			step = at
			at += period * (1 + r.NormFloat64()*b.Jitter)
		}
		if r.Float64() >= b.Missing {
			out = append(out, step)
		}
	}
	end := float64(b.Beats) * period
	for t := r.ExpFloat64() * period / b.Noise; b.Noise > 0 && t < end; t += r.ExpFloat64() * period / b.Noise {
		out = append(out, t)
	}
	return times(out)
}

// Background is a kind of stream without a rhythm.
type Background struct {
	Name string
	// Gaps draws n event times in seconds, with one event in an hour on
	// average while the source is active.
	draw func(r *rand.Rand, n int) []float64
}

// Times draws n events whose rate is perHour while the source is active.
func (b Background) Times(r *rand.Rand, n int, perHour float64) []time.Time {
	at := b.draw(r, n)
	for i := range at {
		at[i] /= perHour
	}
	return times(at)
}

const hour = 3600.0

// Tuning are the backgrounds on which thresholds were fixed.
func Tuning() []Background {
	return []Background{
		{"poisson", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return r.ExpFloat64() })
		}},
		{"clustered", func(r *rand.Rand, n int) []float64 { return clustered(r, n, 4, 0.15) }},
		{"office hours", func(r *rand.Rand, n int) []float64 { return office(r, n, 9, 17) }},
		{"mildly regular (gamma 3)", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return gamma(r, 3) })
		}},
		{"dense, as beats", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return (120 + 100*r.ExpFloat64()) / hour })
		}},
	}
}

// Checking are the backgrounds on which they are checked.
func Checking() []Background {
	return []Background{
		{"poisson of changing rate", func(r *rand.Rand, n int) []float64 { return switching(r, n) }},
		{"clustered, larger clusters", func(r *rand.Rand, n int) []float64 { return clustered(r, n, 9, 0.4) }},
		{"office hours with a lunch break", func(r *rand.Rand, n int) []float64 { return lunch(r, n) }},
		{"mildly regular (log-normal 0.55)", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return math.Exp(0.55*r.NormFloat64() - 0.55*0.55/2) })
		}},
		{"mildly regular (Weibull 1.8)", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return math.Pow(r.ExpFloat64(), 1/1.8) / 0.8893 })
		}},
		{"never twice within half the mean", func(r *rand.Rand, n int) []float64 {
			return renewal(r, n, func() float64 { return 0.5 + 0.5*r.ExpFloat64() })
		}},
	}
}

func renewal(r *rand.Rand, n int, gap func() float64) []float64 {
	out := make([]float64, n)
	t := 0.0
	for i := range out {
		t += gap() * hour
		out[i] = t
	}
	return out
}

// gamma draws a gap of mean 1 with an integer shape.
func gamma(r *rand.Rand, shape int) float64 {
	sum := 0.0
	for range shape {
		sum += r.ExpFloat64()
	}
	return sum / float64(shape)
}

// clustered draws clusters of size events on average, a cluster's events
// spread hours apart on average.
func clustered(r *rand.Rand, n int, size, spread float64) []float64 {
	var out []float64
	for t := 0.0; len(out) < n; {
		t += r.ExpFloat64() * size * hour
		at := t
		for range 1 + int(r.ExpFloat64()*(size-1)+0.5) {
			out = append(out, at)
			at += r.ExpFloat64() * spread * hour
		}
	}
	slices.Sort(out)
	return out[:n]
}

// office draws a Poisson stream that is nine times slower outside the given
// hours and at weekends.
func office(r *rand.Rand, n int, from, to float64) []float64 {
	return thinned(r, n, func(t float64) float64 {
		h, day := math.Mod(t/hour, 24), int(t/hour/24)%7
		if day < 5 && h >= from && h < to {
			return 1
		}
		return 1.0 / 9
	})
}

func lunch(r *rand.Rand, n int) []float64 {
	return thinned(r, n, func(t float64) float64 {
		h, day := math.Mod(t/hour, 24), int(t/hour/24)%7
		if day < 6 && h >= 7.5 && h < 19 && (h < 12 || h >= 13.5) {
			return 1
		}
		return 0.05
	})
}

// switching draws a Poisson stream whose rate jumps between slow and fast.
func switching(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	t, rate := 0.0, 1.0
	for i := range out {
		if r.Float64() < 0.12 {
			rate = 2.3 - rate
		}
		t += r.ExpFloat64() / rate * hour
		out[i] = t
	}
	return out
}

// thinned draws a Poisson stream of the rate's shape, whose largest value is 1.
func thinned(r *rand.Rand, n int, rate func(float64) float64) []float64 {
	out := make([]float64, 0, n)
	for t := 0.0; len(out) < n; {
		t += r.ExpFloat64() * hour
		if r.Float64() < rate(t) {
			out = append(out, t)
		}
	}
	return out
}

// times turns seconds after Start into times of one second's resolution, as
// CloudTrail has it.
func times(at []float64) []time.Time {
	slices.Sort(at)
	out := make([]time.Time, len(at))
	for i, s := range at {
		out[i] = Start.Add(time.Duration(math.Round(s)) * time.Second)
	}
	return out
}
