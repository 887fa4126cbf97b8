package interval

import (
	"cmp"
	"math"
	"slices"
)

// chain is a subset of beats that lie whole periods apart.
type chain struct {
	period, jitter float64 // seconds
	members        []int   // indices of beats
	steps          []int   // periods since the first member
	score          float64
	method         Method
}

// hitShare is the share of expected beats that came.
func (c chain) hitShare() float64 {
	return float64(len(c.members)) / float64(c.steps[len(c.steps)-1]+1)
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

// then joins a later stretch, whose members count from the beat offset.
func (c chain) then(later chain, at []float64, offset int) chain {
	last := len(c.members) - 1
	gap := at[later.members[0]+offset] - at[c.members[last]]
	between := c.steps[last] + max(1, int(gap/c.period+0.5))
	for i, m := range later.members {
		c.members = append(c.members, m+offset)
		c.steps = append(c.steps, between+later.steps[i])
	}
	return c
}

// A chain's score is a log-likelihood ratio. Take a beat that is expected k
// periods P after another one, with a standard deviation of s, and a beat that
// came at a distance of z*s from there. If beats keep the period, its density
// is that of a normal distribution; if they do not, it is even over the period
// around the expected time, times the number of beats m that lie there:
//
//	gain = -ln(s/P * sqrt(2 pi)) - z^2/2 - crowding*ln(m) - skipping*(k-1)
//
// The comparison is local: it asks where within a period a beat lies, never how
// many there are, so that clusters and office hours do not look like rhythms.
// Links add up, and the best chain for a period is found by dynamic
// programming. Beats that no link reaches are noise and cost nothing.
const (
	// crowding is how much of ln(m) is charged. All of it would be right if m
	// beats competed for every link; below one rhythms with noise are found
	// more often at the same rate of false alarms.
	crowding = 0.4
	// skipping is the price of a beat that did not come.
	skipping = 0.3
	// maxStep is how many periods a link may cross.
	maxStep = 8
	// lookBack is how many beats a link may cross, noise included.
	lookBack = 8
	// minMembers is the shortest chain.
	minMembers = 5
	// minPeriod is the shortest period looked for, in seconds: below it beats
	// merge.
	minPeriod = 240
)

// tracker is one way to follow beats: how far they stray, and whether each
// counts from the beat before (renewals) or all keep to a clock (schedules).
type tracker struct {
	sigma float64 // standard deviation of a beat, as a share of the period
	// follow is the share of a beat's deviation that shifts the beats after
	// it: all of it for renewals; for schedules the phase is an average.
	follow float64
	// need is the gain that tells a chain from chance.
	need  float64
	links []link // by steps less one
}

// link is what a link of so many steps gains at the expected time, by how much
// that falls with the square of the distance from there, in periods, and at what
// distance nothing is left.
type link struct{ gain, pull, reach float64 }

// trackers spans the jitters that can be told from chance among n beats, the
// coarse ones first.
func trackers(n int) []tracker {
	all := slices.Clone(tracking[:])
	for i, need := range needs(n) {
		all[i].need = need
	}
	return all
}

// tracking are the trackers, in the order of needRow.
var tracking = [...]tracker{
	newTracker(0.035, renewal),
	newTracker(0.08, renewal),
	newTracker(0.035, schedule),
	newTracker(0.08, schedule),
	newTracker(0.003, renewal),
	newTracker(0.012, renewal),
	newTracker(0.012, schedule),
}

// coarse is how many trackers look at all periods.
const coarse = 2

// What a tracker's follow may be.
const (
	renewal  = 1
	schedule = 0.2
)

func newTracker(sigma, follow float64) tracker {
	t := tracker{sigma: sigma, follow: follow}
	for k := 1; k <= maxStep; k++ {
		s := t.spread(k)
		gain := -math.Log(s*math.Sqrt(2*math.Pi)) - skipping*float64(k-1)
		if gain <= 0 {
			break
		}
		t.links = append(t.links, link{gain, 1 / (2 * s * s), s * math.Sqrt(2*gain)})
	}
	return t
}

// spread is the standard deviation of a beat k periods after the last one.
func (t tracker) spread(k int) float64 {
	if t.follow == renewal {
		return t.sigma * math.Sqrt(float64(k))
	}
	return t.sigma
}

// searcher holds what the search for the best chain of one stream needs.
type searcher struct {
	at     []float64
	cost   []float64 // crowding*ln(m), by m
	crowd  []float64 // that of each beat, for the current period
	total  []float64 // gain of the best chain that ends at a beat
	phase  []float64 // where that chain puts the beat
	from   []int     // the beat before in that chain; -1 for none
	step   []int     // periods since it
	length []int     // beats in that chain
}

func newSearcher(at []float64) *searcher {
	n := len(at)
	cost := make([]float64, n+1)
	for m := 1; m <= n; m++ {
		cost[m] = crowding * math.Log(float64(m))
	}
	return &searcher{
		at: at, cost: cost, crowd: make([]float64, n), total: make([]float64, n), phase: make([]float64, n),
		from: make([]int, n), step: make([]int, n), length: make([]int, n),
	}
}

// chained looks for the period whose chain of beats is least like chance.
func chained(at []float64) (chain, bool) {
	if len(at) < minMembers {
		return chain{}, false
	}
	s, all := newSearcher(at), trackers(len(at))
	best, ok := s.strongest(all)
	if !ok || best.margin < 0 {
		return chain{}, false
	}
	period, c := s.fundamental(best, all)
	c = resumed(at, c, period.tracker)
	c.method = Chain
	c.score = thresholdDecades + best.margin/math.Ln10
	return c, true
}

// fundamental returns the trial of the period of which best's is a multiple, if
// it is one, and its chain. Where half the beats are missing, every second or
// third period may make as good a chain of fewer beats; the true one has nearly
// all of the gain and more of the beats.
func (s *searcher) fundamental(best trial, trackers []tracker) (trial, chain) {
	c := s.chainOf(best)
	for part := 2.0; part <= 3; part++ {
		p := c.period / part
		if p < minPeriod {
			break
		}
		for _, t := range s.trials([]float64{p}, trackers) {
			if t.gain() >= 0.9*best.gain() && 4*len(s.chainOf(t).members) >= 5*len(c.members) {
				return s.fundamental(t, trackers)
			}
		}
	}
	return best, c
}

// resumeGain is what a further stretch of the same period needs to gain. The
// period is known by then, so that it is less than a first stretch needs.
const resumeGain = 7

// resumed adds the stretches before and after c in which beats keep the same
// period from another start, as they do when a workload was restarted.
func resumed(at []float64, c chain, t *tracker) chain {
	first, last := c.members[0], c.members[len(c.members)-1]
	if before, ok := stretch(at[:first], c.period, t); ok {
		before = resumed(at[:first], before, t)
		c = before.then(c, at, 0)
	}
	if after, ok := stretch(at[last+1:], c.period, t); ok {
		after = resumed(at[last+1:], after, t)
		c = c.then(after, at, last+1)
	}
	return c
}

// stretch is the best chain of a known period.
func stretch(at []float64, period float64, t *tracker) (chain, bool) {
	if len(at) < minMembers {
		return chain{}, false
	}
	s := newSearcher(at)
	last, gain := s.link(period, t)
	if gain < resumeGain {
		return chain{}, false
	}
	c := s.chain(last)
	c.period = period
	return c, true
}

// strongest returns the trial whose chain exceeds what its tracker needs by
// most, over all periods.
//
// All periods are looked at coarsely, and those that do best in detail: a tight
// rhythm is a good one for a loose tracker too.
func (s *searcher) strongest(all []tracker) (trial, bool) {
	periods := candidates(s.at)
	rough := s.trials(periods, all[:coarse])
	tried := append(rough, s.trials(s.near(periods, rough), all)...)
	if len(tried) == 0 {
		return trial{}, false
	}
	return slices.MinFunc(tried, better), true
}

// trial is a period that was looked at, and by how much its best chain exceeds
// what the tracker needs.
type trial struct {
	period, margin float64
	tracker        *tracker
}

// gain is what the trial's chain gains.
func (t trial) gain() float64 { return t.margin + t.tracker.need }

// better orders trials, the best one first.
func better(a, b trial) int {
	return cmp.Or(cmp.Compare(b.margin, a.margin), cmp.Compare(a.period, b.period))
}

// trials looks for chains of the given periods, which ascend.
func (s *searcher) trials(periods []float64, trackers []tracker) []trial {
	var out []trial
	for i := range trackers {
		t, last := &trackers[i], 0.0
		for _, p := range periods {
			if p <= last*(1+t.sigma/2) {
				continue // as good as the one below
			}
			last = p
			if _, gain := s.link(p, t); gain > 0 {
				out = append(out, trial{p, gain - t.need, t})
			}
		}
	}
	return out
}

// chainOf returns the chain that a trial found.
func (s *searcher) chainOf(t trial) chain {
	last, _ := s.link(t.period, t.tracker)
	return s.chain(last)
}

const (
	// promising is how many periods are looked at in detail,
	promising = 5
	// detail how far around each, as a share.
	detail = 0.015
)

// near returns the periods close to those that the best trials' own chains
// have.
func (s *searcher) near(periods []float64, rough []trial) []float64 {
	slices.SortFunc(rough, better)
	var centers []float64
	for _, t := range rough {
		if len(centers) == promising {
			break
		}
		if !closeTo(centers, t.period, 2*detail) {
			centers = append(centers, s.chainOf(t).period)
		}
	}
	out := slices.DeleteFunc(slices.Clone(periods), func(p float64) bool { return !closeTo(centers, p, detail) })
	out = append(out, centers...)
	slices.Sort(out)
	return out
}

func closeTo(centers []float64, p, share float64) bool {
	return slices.ContainsFunc(centers, func(c float64) bool { return abs(p/c-1) < share })
}

// candidates are the periods that gaps across up to three beats suggest, in
// ascending order. Periods far from the usual gap are left out: shorter ones
// would put hardly any two beats next to each other, longer ones leave most
// beats unexplained.
func candidates(at []float64) []float64 {
	usual := median(gapsOf(at))
	least, most := max(minPeriod, 0.35*usual), 3*usual
	all := make([]float64, 0, 9*len(at))
	for lag := 1; lag <= 3; lag++ {
		for i := 0; i+lag < len(at); i++ {
			for k := 1; k <= 3; k++ {
				if p := (at[i+lag] - at[i]) / float64(k); p >= least && p <= most {
					all = append(all, p)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func gapsOf(at []float64) []float64 {
	gaps := make([]float64, len(at)-1)
	for i := range gaps {
		gaps[i] = at[i+1] - at[i]
	}
	return gaps
}

// link finds the best chain of period p: the beat that it ends at, and what it
// gains.
func (s *searcher) link(p float64, t *tracker) (last int, gain float64) {
	s.count(p)
	window := (float64(len(t.links)) + 0.5) * p
	first := 0
	for j, at := range s.at {
		for at-s.at[first] > window || j-first > lookBack {
			first++
		}
		best, from, step, shift := before(s.phase[first:j], s.total[first:j], at, p, s.crowd[j], t)
		s.from[j], s.step[j], s.length[j] = first+from, step, 1
		s.total[j], s.phase[j] = best-s.crowd[j], at-shift
		if from < 0 {
			s.from[j] = -1
			continue
		}
		if s.length[j] = s.length[first+from] + 1; s.total[j] > gain && s.length[j] >= minMembers {
			last, gain = j, s.total[j]
		}
	}
	return last, gain
}

// before finds the beat to which one at a time is linked best, if that gains more
// than least, and by how much the link shifts the phase. Of the beats that may be,
// the phases and what their chains gain are given. It is -1 if none is.
//
// It is where the time goes.
func before(phase, total []float64, at, p, least float64, t *tracker) (best float64, from, step int, shift float64) {
	best, from = least, -1
	total = total[:len(phase)]
	inverse := 1 / p
	for i := len(phase) - 1; i >= 0; i-- { // those beyond the nearest seldom gain more
		d := (at - phase[i]) * inverse
		k := int(d + 0.5)
		if uint(k-1) >= uint(len(t.links)) {
			continue
		}
		l := &t.links[k-1]
		off := d - float64(k)
		if sum := total[i] + l.gain - off*off*l.pull; sum > best && math.Abs(off) <= l.reach {
			best, from, step, shift = sum, i, k, off
		}
	}
	return best, from, step, (1 - t.follow) * shift * p
}

// count sets crowd for period p.
func (s *searcher) count(p float64) {
	lo, hi := 0, 0
	for j, t := range s.at {
		for s.at[lo] < t-p/2 {
			lo++
		}
		for hi < len(s.at) && s.at[hi] <= t+p/2 {
			hi++
		}
		s.crowd[j] = s.cost[hi-lo]
	}
}

// chain returns the best chain that ends at a beat, as link left it.
func (s *searcher) chain(last int) chain {
	n := s.length[last]
	c := chain{members: make([]int, n), steps: make([]int, n)}
	for i := last; i >= 0; i = s.from[i] {
		n--
		c.members[n], c.steps[n] = i, s.step[i]
	}
	sum := 0
	for i, k := range c.steps {
		sum += k
		c.steps[i] = sum
	}
	c.refit(s.at)
	return c
}
