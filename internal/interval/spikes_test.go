package interval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/interval/streams"
)

func TestSpikes(t *testing.T) {
	noon := 12 * hour.Seconds()
	burst := func(at float64, n int, step float64) []time.Time {
		var s []float64
		for i := range n {
			s = append(s, at+float64(i)*step)
		}
		return after(s...)
	}
	for name, test := range map[string]struct {
		in    []time.Time
		floor int
		want  []int // counts of the spikes
	}{
		"nothing is no spike":                              {},
		"one failure is no spike":                          {in: after(noon)},
		"four failures are no spike":                       {in: burst(noon, 4, 1)},
		"five failures on a quiet key are one":             {in: burst(noon, 5, 1), want: []int{5}},
		"five failures are none where ten are the least":   {in: burst(noon, 5, 1), floor: 10},
		"the count is the true one":                        {in: burst(noon, 10, 20), want: []int{10}},
		"a burst across the edge of two bins is one spike": {in: burst(noon-60, 10, 12), want: []int{10}},
		"five across the edge of two bins are seen":        {in: burst(noon-20, 5, 10), want: []int{5}},
		"a burst that goes on is one spike":                {in: burst(noon, 200, 3), want: []int{200}},
		"two bursts an hour apart are two spikes":          {in: append(burst(noon, 10, 1), burst(noon+3600, 12, 1)...), want: []int{10, 12}},
		"slow failures over days never add up":             {in: burst(0, 300, 1200)},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, s := range Spikes(ones(test.in), SpikeOptions{Floor: test.floor}) {
				got = append(got, s.Count)
				if s.End.Before(s.Start) || s.Expected < 0 || s.Score < 3.9 {
					t.Errorf("spike %+v", s)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("spikes of %v failures, want %v", got, test.want)
			}
		})
	}
}

func TestALoadThatStaysIsOneSpikeAtItsStart(t *testing.T) {
	got := Spikes(ones(every(20*second, 3*24*180)), SpikeOptions{})
	if len(got) != 1 || !got[0].Start.Equal(monday) || got[0].End.After(monday.Add(12*hour)) {
		t.Errorf("Spikes() = %+v, want one that starts at once and ends when it was learnt", got)
	}
}

func TestABusyKeysHistoryExplainsItsCounts(t *testing.T) {
	busy := streams.TuningLoads()[2].Times(streams.Rand(5, 5), 7*24*hour)
	late := slices.DeleteFunc(Spikes(ones(busy), SpikeOptions{}), func(s Spike) bool { return s.Start.Before(streams.Start.Add(24 * hour)) })
	if len(late) > 1 {
		t.Errorf("in the six days after one of history: %+v", late)
	}
}

func TestSpikeCountsFoldedFailures(t *testing.T) {
	got := Spikes([]Counted{{monday, 30}, {monday.Add(10 * second), 12}, {monday.Add(hour), 0}, {monday.Add(hour), -5}}, SpikeOptions{})
	if len(got) != 1 || got[0].Count != 42 || !got[0].Start.Equal(monday) || !got[0].End.Equal(monday.Add(10*second)) {
		t.Errorf("Spikes() = %+v, want one of 42 failures", got)
	}
}

func TestKnownLoadIsNoSpike(t *testing.T) {
	var job []time.Time
	for i := range 40 {
		job = append(job, after(float64(i)*3600, float64(i)*3600+4, float64(i)*3600+9, float64(i)*3600+11, float64(i)*3600+20, float64(i)*3600+30, float64(i)*3600+31)...)
	}
	r, ok := Find(job, Options{})
	if !ok {
		t.Fatal("no rhythm in an hourly job")
	}
	if got := Spikes(ones(job), SpikeOptions{Rhythm: &r}); len(got) != 0 {
		t.Errorf("an hourly job's own failures are spikes: %+v", got)
	}
	onBeat := append(slices.Clone(job), streams.Burst(streams.Rand(1, 1), monday.Add(20*hour), 60, minute)...)
	got := Spikes(ones(onBeat), SpikeOptions{Rhythm: &r})
	if len(got) != 1 || got[0].Count != 67 || got[0].Expected < 7 {
		t.Errorf("a burst on the beat: %+v, want one spike of 67 failures of which at least 7 were to be expected", got)
	}
	offBeat := append(slices.Clone(job), streams.Burst(streams.Rand(1, 2), monday.Add(20*hour+30*minute), 10, minute)...)
	if got := Spikes(ones(offBeat), SpikeOptions{Rhythm: &r}); len(got) != 1 || got[0].Count != 10 {
		t.Errorf("ten failures off the beat: %+v, want one spike of ten", got)
	}
}

func TestSpikesAreAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := ones(anyTimes(t))
		want := Spikes(counts, SpikeOptions{})
		shuffled := slices.Clone(counts)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := Spikes(shuffled, SpikeOptions{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("Spikes() = %+v, after shuffling %+v", want, got)
		}
		total := 0
		for i, s := range want {
			total += s.Count
			if s.Count < 5 || i > 0 && !s.Start.After(want[i-1].End) {
				t.Fatalf("spikes overlap or are too small: %+v", want)
			}
		}
		if total > len(counts) {
			t.Fatalf("%d failures in spikes of %d", total, len(counts))
		}
	})
}

func TestBaselineIsSixteenBytes(t *testing.T) {
	if n := unsafe.Sizeof(Baseline{}); n != 16 {
		t.Errorf("Baseline is %d bytes, and one is kept for every key", n)
	}
}

func TestAdvanceIsLearningNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Baseline
		bin := uint32(1000)
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 40), 1, 50).Draw(t, "counts") {
			b.Learn(bin, n, 5)
			bin++
		}
		gap := uint32(rapid.IntRange(1, 3000).Draw(t, "gap"))
		slow, fast := b, b
		for i := range gap {
			slow.Learn(bin+i, 0, 5)
		}
		fast.Advance(bin + gap)
		if slow.Next != fast.Next || slow.Bins != fast.Bins || !near(slow.Mean, fast.Mean) || !near(slow.Square, fast.Square) {
			t.Fatalf("%d empty bins: learnt %+v, advanced %+v", gap, slow, fast)
		}
	})
}

func near(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5+1e-3*math.Abs(float64(a)) }

func TestABurstDoesNotTeachTheBaseline(t *testing.T) {
	var b Baseline
	b.Advance(1)
	b.Advance(2000)
	calm := b
	b.Learn(2000, 10_000, 5)
	if b.Chance(10) >= spikeChance {
		t.Errorf("after a burst ten failures have a chance of %v: it was learnt", b.Chance(10))
	}
	if b.Chance(5) < calm.Chance(5) {
		t.Error("a burst made failures less likely")
	}
}

func TestALoadThatStaysIsLearnt(t *testing.T) {
	var b Baseline
	b.Advance(1)
	b.Advance(3000)
	for i := range uint32(2000) {
		b.Learn(3000+i, 12, 5)
	}
	if c := b.Chance(13); c < spikeChance {
		t.Errorf("after a week of 12 failures a bin, 13 have a chance of %v", c)
	}
}

func TestChanceFallsWithTheCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Baseline
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 1000), 0, 40).Draw(t, "counts") {
			b.Learn(uint32(5+i), n, 5)
		}
		last := 1.0
		for _, k := range []int{0, 1, 2, 5, 10, 100, 1000, 100_000} {
			c := b.Chance(k)
			if math.IsNaN(c) || c < 0 || c > last+1e-12 {
				t.Fatalf("chance of %d is %v after %v (%+v)", k, c, last, b)
			}
			last = c
		}
	})
}
