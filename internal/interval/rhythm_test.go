package interval

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/interval/streams"
)

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

func TestFind(t *testing.T) {
	wobble := []time.Duration{0, 3 * second, -2 * second, 5 * second, -4 * second, 1 * second}
	for name, test := range map[string]struct {
		in       []time.Time
		options  Options
		period   time.Duration // 0: none may be found
		lifetime time.Duration
	}{
		"nine failures an hour apart fit the default lifetime":  {in: every(hour, 9, wobble...), period: hour, lifetime: hour},
		"five clean failures are enough":                        {in: every(47*minute, 5, wobble...), period: 47 * minute},
		"one failure of eight may be missing":                   {in: slices.Delete(every(hour, 8, wobble...), 4, 5), period: hour, lifetime: hour},
		"four are enough near a lifetime if they are asked for": {in: every(6*hour, 4, wobble...), options: Options{MinBeats: 4}, period: 6 * hour, lifetime: 6 * hour},
		"four are not enough far from a lifetime":               {in: every(47*minute, 4, wobble...), options: Options{MinBeats: 4}},
		"four are not enough by default":                        {in: every(6*hour, 4, wobble...)},
		"three are never enough":                                {in: every(hour, 3), options: Options{MinBeats: 1}},
		"seven are not enough where eight are asked for":        {in: every(hour, 7), options: Options{MinBeats: 8}},
		"five failures at odd times are no rhythm":              {in: after(0, 3000, 7900, 9100, 16000)},
		"twelve failures at odd times are no rhythm":            {in: after(0, 700, 3000, 7900, 9100, 16000, 16500, 21000, 29000, 31000, 31500, 40000)},
		"a lifetime that was seen in an issuance is one":        {in: every(5*hour, 6, wobble...), options: Options{Seen: []time.Duration{5 * hour}}, period: 5 * hour, lifetime: 5 * hour},
		"retries every minute are one beat and no rhythm":       {in: every(minute, 500)},
		"a rhythm is seen among its retries":                    {in: append(every(hour, 9), every(hour, 9, 20*second, 40*second)...), period: hour, lifetime: hour},
		"a restart between two stretches does not hide it":      {in: append(every(hour, 8), every(hour, 8, 8*hour+25*minute)...), period: hour, lifetime: hour},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := Find(test.in, test.options)
			if ok != (test.period > 0) {
				t.Fatalf("Find() = %+v, %v; want a period of %s", r, ok, test.period)
			}
			if off := (r.Period - test.period).Abs(); off > test.period/50 {
				t.Errorf("period %s, want %s", r.Period, test.period)
			}
			if r.Lifetime != test.lifetime {
				t.Errorf("lifetime %s, want %s", r.Lifetime, test.lifetime)
			}
		})
	}
}

func TestRhythmSaysWhatComesNext(t *testing.T) {
	r, ok := Find(every(hour, 9), Options{})
	if !ok {
		t.Fatal("no rhythm in nine failures an hour apart")
	}
	if r.Beats != 9 || r.HitShare != 1 || r.Jitter != 0 {
		t.Errorf("%d beats, share %v, jitter %s; want 9, 1, 0", r.Beats, r.HitShare, r.Jitter)
	}
	if want := monday.Add(9 * hour); !r.NextExpected.Equal(want) {
		t.Errorf("next at %s, want %s", r.NextExpected, want)
	}
	if c := r.Confidence(); c < 0.95 || c >= 1 {
		t.Errorf("confidence %v of a clean rhythm", c)
	}
}

func TestNextExpectedLiesAfterTheLastEvent(t *testing.T) {
	times := append(every(hour, 9), monday.Add(11*hour+20*minute))
	r, ok := Find(times, Options{})
	if !ok {
		t.Fatal("no rhythm")
	}
	if want := monday.Add(12 * hour); !r.NextExpected.Equal(want) {
		t.Errorf("next at %s, want %s", r.NextExpected, want)
	}
}

func TestOnBeat(t *testing.T) {
	times := every(hour, 12, 0, 4*second, -3*second)
	retries := every(hour, 12, 40*second)
	r, ok := Find(append(times, retries...), Options{})
	if !ok {
		t.Fatal("no rhythm")
	}
	for name, test := range map[string]struct {
		at   time.Time
		want bool
	}{
		"a beat that was seen":             {monday.Add(3 * hour), true},
		"a retry shortly after a beat":     {monday.Add(5*hour + 35*second), true},
		"the next beat":                    {monday.Add(12 * hour), true},
		"a beat some periods later":        {monday.Add(15 * hour), true},
		"a beat before the first":          {monday.Add(-2 * hour), true},
		"half a period after a beat":       {monday.Add(3*hour + 30*minute), false},
		"ten minutes after a beat":         {monday.Add(3*hour + 10*minute), false},
		"ten minutes before the next beat": {monday.Add(12*hour - 10*minute), false},
	} {
		if got := OnBeat(r, test.at); got != test.want {
			t.Errorf("%s: OnBeat() = %v, want %v", name, got, test.want)
		}
	}
	if OnBeat(Rhythm{}, monday) {
		t.Error("no rhythm has a beat")
	}
}

// TestOnBeatLeavesMostOfTheClock: a tolerance that covered most of the period
// would let an attack hide on the beat.
func TestOnBeatLeavesMostOfTheClock(t *testing.T) {
	b := streams.Beat{Period: hour, Jitter: 0.08, Beats: 40}
	r, ok := Find(b.Times(streams.Rand(3, 1)), Options{})
	if !ok {
		t.Fatal("no rhythm")
	}
	on, all := 0, 0
	for at := r.Times[0]; at.Before(r.Phase); at = at.Add(minute) {
		all++
		if OnBeat(r, at) {
			on++
		}
	}
	if share := float64(on) / float64(all); share > 0.5 {
		t.Errorf("%.0f %% of all times are on the beat", 100*share)
	}
}

func TestFindIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := anyTimes(t)
		want, found := Find(times, Options{})
		shuffled := append(slices.Clone(times), times...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got, ok := Find(shuffled, Options{})
		if ok != found || !reflect.DeepEqual(got, want) {
			t.Fatalf("Find() = %+v, after shuffling and doubling %+v", want, got)
		}
	})
}

func TestFindSaysOnlyWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := anyTimes(t)
		r, ok := Find(times, Options{MinBeats: 4})
		if !ok {
			return
		}
		all := Beats(times)
		last := slices.MaxFunc(times, time.Time.Compare)
		switch {
		case r.Period < MergeWithin:
			t.Fatalf("period %s", r.Period)
		case r.Beats != len(r.Times) || r.Beats < 4 || r.Beats > len(all):
			t.Fatalf("%d beats of %d, %d times", r.Beats, len(all), len(r.Times))
		case r.HitShare <= 0 || r.HitShare > 1:
			t.Fatalf("hit share %v", r.HitShare)
		case !r.NextExpected.After(last) && r.NextExpected.Sub(last).Abs() > time.Second:
			t.Fatalf("next beat %s is not after %s", r.NextExpected, last)
		case r.Score < 2 || !slices.IsSortedFunc(r.Times, time.Time.Compare):
			t.Fatalf("score %v, times %v", r.Score, r.Times)
		}
		for _, b := range r.Times {
			if !OnBeat(r, b) {
				t.Fatalf("beat %s is off its own rhythm", b)
			}
		}
	})
}

// anyTimes draws times of any kind, many of them periodic.
func anyTimes(t *rapid.T) []time.Time {
	period := rapid.Float64Range(1, 100_000).Draw(t, "period")
	jitter := rapid.Float64Range(0, 0.2).Draw(t, "jitter")
	var out []time.Time
	for i := range rapid.IntRange(0, 80).Draw(t, "beats") {
		at := float64(i) * period * (1 + jitter*rapid.Float64Range(-0.1, 0.1).Draw(t, "off"))
		out = append(out, after(float64(int(at)))...)
	}
	for _, s := range rapid.SliceOfN(rapid.IntRange(-1_000_000, 1_000_000), 0, 30).Draw(t, "noise") {
		out = append(out, after(float64(s))...)
	}
	return out
}

func TestFindEnduresBadInput(t *testing.T) {
	jumping := every(hour, 10)
	jumping[4] = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	jumping[7] = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, in := range map[string][]time.Time{
		"nothing":               {},
		"one event":             after(1),
		"all at one second":     slices.Repeat(after(5), 10_000),
		"a million events":      every(second, 1_000_000),
		"a million, far apart":  every(5*minute, 1_000_000, 0, 70*second, -40*second, 11*second, 100*second),
		"two far apart":         {time.Time{}, monday, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a clock that jumps":    jumping,
		"zero times":            make([]time.Time, 20),
		"two beats, many times": append(slices.Repeat(after(5), 50), slices.Repeat(after(5000), 50)...),
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := Find(in, Options{MinBeats: 4})
			if ok && (r.Period <= 0 || r.Beats < 4) {
				t.Errorf("Find() = %+v", r)
			}
			Spikes(ones(in), SpikeOptions{})
			Renewals(in, monday.Add(24*hour), Options{})
		})
	}
}

// TestCleanChance checks the closed form against drawn streams.
func TestCleanChance(t *testing.T) {
	const draws = 200_000
	r := rand.New(rand.NewPCG(11, 11))
	for _, ratio := range []float64{1.1, 1.2} {
		hits := 0
		for range draws {
			least, most := 1e9, 0.0
			for range 4 {
				g := r.ExpFloat64() + r.ExpFloat64() + r.ExpFloat64()
				least, most = min(least, g), max(most, g)
			}
			if most/least <= ratio {
				hits++
			}
		}
		got, want := cleanChance(4, ratio), float64(hits)/draws
		if got < 0.7*want || got > 1.5*want {
			t.Errorf("cleanChance(4, %v) = %v, drawn %v", ratio, got, want)
		}
	}
}

func TestLifetimesHaveASource(t *testing.T) {
	last := time.Duration(0)
	for _, l := range Lifetimes() {
		if l.Name == "" || l.Fix == "" || l.Source == "" || l.Duration <= last {
			t.Errorf("lifetime %+v is not complete, or out of order", l)
		}
		if got, ok := nearest(l.Duration, nil); !ok || got != l.Duration {
			t.Errorf("nearest(%s) = %s", l.Duration, got)
		}
		last = l.Duration
	}
	if got, ok := nearest(80*time.Minute, nil); ok {
		t.Errorf("80 minutes are no lifetime, and fit %s", got)
	}
}

// ones counts each time once.
func ones(times []time.Time) []Counted {
	out := make([]Counted, len(times))
	for i, t := range times {
		out[i] = Counted{Time: t, N: 1}
	}
	return out
}
