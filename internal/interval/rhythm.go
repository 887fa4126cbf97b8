package interval

import (
	"math"
	"time"
)

// Options says how to look for a rhythm. The zero value is the default.
type Options struct {
	// MinBeats is the least number of beats that can make a rhythm; 0 means 5,
	// and nothing below 4 is ever one.
	MinBeats int
	// Seen are lifetimes that this principal's credentials are known to have,
	// besides those of Lifetimes.
	Seen []time.Duration
}

func (o Options) minBeats() int {
	if o.MinBeats == 0 {
		return 5
	}
	return max(o.MinBeats, 4)
}

// Method says how a rhythm was found.
type Method string

const (
	// Clean: four to seven beats whose gaps are too equal for chance.
	Clean Method = "clean gaps"
	// Chain: eight beats or more, of which a chain at one period explains more
	// than chance would.
	Chain Method = "chain"
	// Anchored: six beats or more whose gaps are all whole multiples of a
	// credential lifetime.
	Anchored Method = "anchored to a lifetime"
)

// Rhythm is a period that events keep.
type Rhythm struct {
	Period time.Duration
	// Jitter is the standard deviation of a beat around where it was expected.
	Jitter time.Duration
	// Phase is the time of the last beat that kept the rhythm; beats are to be
	// expected at whole periods from it.
	Phase time.Time
	// Beats is how many beats kept the rhythm.
	Beats int
	// HitShare is the share of the expected beats that came, 0 to 1.
	HitShare float64
	// Score is the number of decades by which chance is excluded: 3 means that
	// one stream without a rhythm in a thousand would look like this.
	Score float64
	// NextExpected is when the next beat is due after the last event.
	NextExpected time.Time
	// Lifetime is the credential lifetime that the period fits; 0 if none.
	Lifetime time.Duration
	Method   Method

	// Times are the beats that kept the rhythm, oldest first.
	Times []time.Time
	// Length is how long a beat's retries go on.
	Length time.Duration
}

// MaxBeats is how many of the latest beats are looked at: what the live state
// of a principal holds, and enough for every rhythm that matters.
const MaxBeats = 64

// Find looks for the strongest rhythm in times. It reports false where chance
// is a good enough explanation.
func Find(times []time.Time, o Options) (Rhythm, bool) { return FindIn(Merge(times), o) }

// FindIn is Find among beats, oldest first and as Merge makes them.
func FindIn(all []Beat, o Options) (Rhythm, bool) {
	all = Latest(all)
	if len(all) < o.minBeats() {
		return Rhythm{}, false
	}
	at := offsets(all)
	c, ok := clean(at, o)
	if !ok {
		c, ok = anchored(at, o)
	}
	if !ok {
		c, ok = chained(at)
	}
	if !ok {
		return Rhythm{}, false
	}
	return rhythm(all, c, o), true
}

// offsets are the starts of beats in seconds after the first one.
func offsets(all []Beat) []float64 {
	at := make([]float64, len(all))
	for i, s := range all {
		at[i] = s.Start.Sub(all[0].Start).Seconds()
	}
	return at
}

// rhythm describes a chain of beats in the caller's terms.
func rhythm(all []Beat, c chain, o Options) Rhythm {
	r := Rhythm{
		Period:   seconds(c.period),
		Jitter:   seconds(c.jitter),
		Beats:    len(c.members),
		HitShare: c.hitShare(),
		Score:    c.score,
		Method:   c.method,
	}
	for _, i := range c.members {
		r.Times = append(r.Times, all[i].Start)
		r.Length = max(r.Length, all[i].length())
	}
	r.Phase = r.Times[len(r.Times)-1]
	r.NextExpected = next(r.Phase, r.Period, all[len(all)-1].End)
	r.Lifetime, _ = nearest(r.Period, o.Seen)
	return r
}

// next returns the first beat after t.
func next(phase time.Time, period time.Duration, t time.Time) time.Time {
	if period <= 0 {
		return phase
	}
	n := t.Sub(phase)/period + 1
	return phase.Add(n * period).Round(time.Second)
}

// Expected are the beats that the rhythm lets expect, from its first one to the
// second after until: those that came, those that are missing between them, and
// those to come. Of a rhythm that stopped only three more are expected. There
// are at most a few hundred.
func (r Rhythm) Expected(until time.Time) []time.Time {
	var out []time.Time
	for i, t := range r.Times {
		if i > 0 {
			gap := t.Sub(r.Times[i-1])
			missing := int(math.Round(gap.Seconds()/r.Period.Seconds())) - 1
			for k := 1; k <= min(missing, maxExpected-len(out)); k++ {
				out = append(out, r.Times[i-1].Add(gap/time.Duration(missing+1)*time.Duration(k)))
			}
		}
		out = append(out, t)
	}
	last := until.Add(2 * r.Period)
	if r.Stopped(until) {
		last = r.Phase.Add(3 * r.Period)
	}
	for t := r.Phase.Add(r.Period); r.Period > 0 && !t.After(last) && len(out) < maxExpected; t = t.Add(r.Period) {
		out = append(out, t)
	}
	return out
}

// After is the first beat to be expected after t.
func (r Rhythm) After(t time.Time) time.Time {
	if t.Before(r.Phase) {
		t = r.Phase
	}
	return next(r.Phase, r.Period, t)
}

// Stopped reports whether the rhythm fell silent before asOf for longer than
// its own gaps explain: as many beats are missing as the share of beats that
// usually come makes incredible, two of a rhythm that never missed one.
func (r Rhythm) Stopped(asOf time.Time) bool {
	miss := max(1-r.HitShare, 0.01)
	missing := math.Ceil(math.Log(silence) / math.Log(miss))
	return asOf.After(r.Phase.Add(seconds(missing*r.Period.Seconds()) + r.slack(missing) + r.Length))
}

// silence is the probability of a silence below which a rhythm has stopped.
const silence = 1e-4

// maxExpected bounds Expected.
const maxExpected = 500

// onBeatShare bounds how far from a beat counts as on it, as a share of the
// period: beyond it a tolerance would cover too much of the clock.
const onBeatShare = 0.15

// OnBeat reports whether a failure at t keeps the rhythm: it lies within three
// times the jitter of a beat, or among that beat's retries.
func OnBeat(r Rhythm, t time.Time) bool {
	if r.Period <= 0 || len(r.Times) == 0 {
		return false
	}
	i := lastBefore(r.Times, t)
	if i >= 0 && r.within(t.Sub(r.Times[i])) {
		return true
	}
	return i+1 < len(r.Times) && r.within(t.Sub(r.Times[i+1]))
}

// within reports whether a time that lies d after a beat lies on the lattice
// that this beat anchors.
func (r Rhythm) within(d time.Duration) bool {
	steps := math.Round(d.Seconds() / r.Period.Seconds())
	off := d - time.Duration(steps*float64(r.Period))
	slack := r.slack(steps)
	if off >= -slack && off <= slack+r.Length {
		return true
	}
	// Retries may outlast half a period: then the beat before is the anchor.
	return off < 0 && off+r.Period <= slack+r.Length
}

// slack is how far from its expected time a beat may lie that is steps periods
// away from one that was seen: errors add up along the way.
func (r Rhythm) slack(steps float64) time.Duration {
	s := 3 * r.Jitter.Seconds() * math.Sqrt(max(1, abs(steps)))
	s = max(s, 0.02*r.Period.Seconds(), 5)
	return seconds(min(s, onBeatShare*r.Period.Seconds()))
}

// lastBefore is the index of the last time not after t; -1 if there is none.
func lastBefore(times []time.Time, t time.Time) int {
	lo, hi := 0, len(times)
	for lo < hi {
		mid := (lo + hi) / 2
		if times[mid].After(t) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo - 1
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

func abs(x float64) float64 { return math.Abs(x) }

// Confidence is the probability that the rhythm is no chance.
func (r Rhythm) Confidence() float64 { return Confidence(r.Score) }

// Confidence turns a number of decades by which chance is excluded into the
// probability that it was none, where a thing is as rare as one in fifty.
func Confidence(score float64) float64 {
	return min(0.999, 1/(1+math.Pow(10, rarity-score)))
}

// rarity is how rare rhythms and spikes are among the streams looked at, in
// decades: one in fifty.
const rarity = 1.7
