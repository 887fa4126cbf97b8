package interval

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Baseline is what a key's failures usually are: exponentially weighted first
// and second moments of its count per bin. It is 16 bytes, so that it can be
// kept for every key, and the zero value is a key without history.
//
// It is fed in event time, bin by bin. Bins without failures need not be fed:
// Advance accounts for them.
type Baseline struct {
	// Next is the first bin that has not been learnt, in bins since the epoch;
	// 0 before anything was.
	Next uint32
	// Mean and Square are the weighted means of the count and of its square.
	Mean, Square float32
	// Bins is how many bins have been learnt.
	Bins uint32
}

const (
	// memory is over how many bins the moments are averaged, three days of
	// them: a variance needs that many to be known, and a working day's load is
	// not forgotten over night.
	memory = 3 * 24 * 12

	// priorMean and priorSquare stand for a key without history: a failure in
	// twenty bins. They count as much as priorBins of its own, half a day: less,
	// and a key's first burst would excuse its second.
	priorMean   = 0.05
	priorSquare = priorMean + 0.02
	priorBins   = 144
)

// weight is how many bins the moments rest on.
func (b Baseline) weight() float64 { return min(memory-1, float64(b.Bins)+priorBins) }

// rate is the weight of the next bin.
func (b Baseline) rate() float32 { return float32(1 / (b.weight() + 1)) }

// keep is what a number of bins without failures leave of the moments. It is
// what as many calls of Learn would leave.
func (b Baseline) keep(bins uint32) float32 {
	weight := b.weight()
	young := min(float64(bins), memory-1-weight)
	old := float64(bins) - young
	return float32(weight / (weight + young) * math.Exp(old*math.Log1p(-1.0/memory)))
}

// Advance learns that there were no failures from Next up to bin, which is
// left for Learn. Bins before Next are ignored.
func (b *Baseline) Advance(bin uint32) {
	b.start(bin)
	if bin <= b.Next {
		return
	}
	keep := b.keep(bin - b.Next)
	b.Mean *= keep
	b.Square *= keep
	b.Bins += bin - b.Next
	b.Next = bin
}

// Learn takes in the count of one bin, which must not lie before Next; earlier
// ones are ignored. A count that would be a spike teaches only as much as the
// largest count that would not.
func (b *Baseline) Learn(bin uint32, count, floor int) {
	b.Advance(bin)
	if bin < b.Next {
		return
	}
	x, rate := float32(min(count, b.limit(floor))), b.rate()
	b.Mean += rate * (x - b.Mean)
	b.Square += rate * (x*x - b.Square)
	b.Bins++
	b.Next = bin + 1
}

func (b *Baseline) start(bin uint32) {
	if b.Next != 0 {
		return
	}
	*b = Baseline{Next: max(bin, 1), Mean: priorMean, Square: priorSquare}
}

// Chance is the probability that a bin of this key holds count failures or
// more: the tail of a negative binomial with the baseline's mean and variance,
// or of a Poisson distribution where the variance does not exceed the mean.
func (b Baseline) Chance(count int) float64 {
	if count <= 0 {
		return 1
	}
	if b.Next == 0 {
		b.start(1)
	}
	mean := max(float64(b.Mean), 1e-3)
	variance := float64(b.Square) - float64(b.Mean)*float64(b.Mean)
	k := float64(count)
	if variance <= mean*1.001 {
		return mathext.GammaIncReg(k, mean)
	}
	p := mean / variance
	size := mean * p / (1 - p)
	return mathext.RegIncBeta(k, size, 1-p)
}

// limit is the largest count that is no spike.
func (b Baseline) limit(floor int) int {
	lo, hi := floor-1, floor
	for b.Chance(hi) >= spikeChance && hi < 1<<30 {
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; b.Chance(mid) >= spikeChance {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
