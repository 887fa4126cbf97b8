package interval

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Bin is the time over which failures are counted. Bins lie at whole multiples
// of it since the epoch, so that everybody cuts time at the same places.
const Bin = 5 * time.Minute

// halfBin is the step by which the window of one bin's length moves, so that a
// burst across the edge of two bins is seen whole.
const halfBin = Bin / 2

// spikeChance is the tail probability below which a window's count is a spike:
// 10^-3.7 for a bin, shared by the two windows that end in it, less a little for
// the baseline's own error. Over the backgrounds of the evaluation false alarms
// stay at 0.02 per key and day on average, while ten failures on a quiet key
// and 200 within ten minutes on any are always seen.
const spikeChance = 1e-4

// defaultFloor is the least count that can be a spike, whatever the history.
const defaultFloor = 5

// Counted is a number of failures at one time.
type Counted struct {
	Time time.Time
	N    int
}

// SpikeOptions says how to look for spikes. The zero value is the default.
type SpikeOptions struct {
	// Floor is the least count within one bin that can be a spike; 0 means 5.
	Floor int
	// Rhythm is known periodic load. The load that is usual for one of its
	// beats is subtracted, whatever goes beyond it counts.
	Rhythm *Rhythm
}

func (o SpikeOptions) floor() int {
	if o.Floor <= 0 {
		return defaultFloor
	}
	return o.Floor
}

// Spike is a time in which far more failed than the history explains.
type Spike struct {
	Start, End time.Time // of the failures in it
	// Count is how many failed from Start to End, known load included.
	Count int
	// Expected is how many the baseline and the known load let expect in that
	// time.
	Expected float64
	// Score is the number of decades by which chance is excluded.
	Score float64
}

// Spikes finds the spikes in a key's failures, oldest first. Counts are summed
// in event time; the caller has dropped duplicates. Failures that are further
// apart than a bin never add up.
func Spikes(counts []Counted, o SpikeOptions) []Spike {
	cells := cellsOf(counts, o.Rhythm)
	bins := binsOf(cells)
	var (
		base Baseline
		out  []Spike
		prev cell
	)
	for i, c := range cells {
		window := c
		if i > 0 && prev.index == c.index-1 {
			window = prev.join(c)
		}
		for len(bins) > 0 && bins[0].index < window.index>>1 {
			base.Learn(uint32(bins[0].index), bins[0].excess, o.floor())
			bins = bins[1:]
		}
		base.Advance(uint32(window.index >> 1))
		if window.excess >= o.floor() {
			if p := base.Chance(window.excess); p < spikeChance {
				out = extend(out, window, c, base, p)
			}
		}
		prev = c
	}
	return out
}

// cell is the failures of half a bin, or of the whole one that starts there.
type cell struct {
	index       int64 // half bins since the epoch
	first, last time.Time
	count       int     // all failures
	excess      int     // those that known load does not explain
	known       float64 // count less excess
}

// join adds the cell that follows.
func (c cell) join(d cell) cell {
	c.last = d.last
	c.count += d.count
	c.excess += d.excess
	c.known += d.known
	return c
}

// extend makes a spike of window, or adds its last cell to the spike that
// reached up to it.
func extend(out []Spike, window, last cell, base Baseline, p float64) []Spike {
	score := -math.Log10(max(p, 1e-300))
	if n := len(out) - 1; n >= 0 && !window.first.After(out[n].End) {
		s := &out[n]
		s.End = last.last
		s.Count += last.count
		s.Expected += last.known + float64(base.Mean)/2
		s.Score = max(s.Score, score)
		return out
	}
	return append(out, Spike{
		Start: window.first, End: window.last, Count: window.count,
		Expected: window.known + float64(base.Mean), Score: score,
	})
}

// cellsOf sums counts into half bins, oldest first.
func cellsOf(counts []Counted, known *Rhythm) []cell {
	ordered := slices.Clone(counts)
	slices.SortFunc(ordered, func(a, b Counted) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.N, b.N))
	})
	explained := load(ordered, known)
	var out []cell
	for i, c := range ordered {
		if c.N <= 0 || c.Time.Unix() < 0 {
			continue
		}
		t := c.Time.UTC()
		index := t.Unix() / int64(halfBin/time.Second)
		if n := len(out); n == 0 || out[n-1].index != index {
			out = append(out, cell{index: index, first: t})
		}
		last := &out[len(out)-1]
		last.last = t
		last.count += c.N
		last.excess += c.N - explained[i]
		last.known += float64(explained[i])
	}
	return out
}

// binsOf joins half bins to bins.
func binsOf(cells []cell) []cell {
	var out []cell
	for _, c := range cells {
		c.index >>= 1
		if n := len(out); n > 0 && out[n-1].index == c.index {
			out[n-1] = out[n-1].join(c)
			continue
		}
		out = append(out, c)
	}
	return out
}

// load says how many of each ordered count the known rhythm explains: of the
// failures of one beat, as many as a beat usually has, and what chance adds to
// that. A burst in one beat does not raise it, since the usual is the median.
func load(ordered []Counted, known *Rhythm) []int {
	explained := make([]int, len(ordered))
	if known == nil || known.Period <= 0 {
		return explained
	}
	total := map[int64]int{}
	for _, c := range ordered {
		if beat, on := known.beat(c.Time); on && c.N > 0 {
			total[beat] += c.N
		}
	}
	left := allowance(total)
	for i, c := range ordered {
		if beat, on := known.beat(c.Time); on && c.N > 0 {
			explained[i] = min(left[beat], c.N)
			left[beat] -= explained[i]
		}
	}
	return explained
}

// beat numbers the beat that t belongs to, counted from the rhythm's phase;
// false if t is off the beat.
func (r Rhythm) beat(t time.Time) (int64, bool) {
	periods := t.Sub(r.Phase).Seconds() / r.Period.Seconds()
	return int64(math.Floor(periods + onBeatShare + 0.1)), OnBeat(r, t)
}

// allowance gives every beat the median load of all beats and three standard
// deviations of chance.
func allowance(total map[int64]int) map[int64]int {
	if len(total) == 0 {
		return nil
	}
	loads := make([]int, 0, len(total))
	for _, n := range total {
		loads = append(loads, n)
	}
	slices.Sort(loads)
	usual := float64(loads[(len(loads)-1)/2])
	left := make(map[int64]int, len(total))
	for k := range total {
		left[k] = int(usual + 3*math.Sqrt(usual))
	}
	return left
}
