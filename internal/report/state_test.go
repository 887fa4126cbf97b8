package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

func fold(b *Book, g *lineage.Graph, signals ...incident.Signal) {
	b.Fold(signals, g, monday.AddDate(1, 0, 0), func(string, *incident.Signal) {})
}

// drawn is a set of events of few principals, workloads, keys and sources, whose
// failures have no more beats than are kept.
func drawn(t *rapid.T) []incident.Signal {
	var s story
	for range rapid.IntRange(0, 60).Draw(t, "events") {
		p := role(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "role"))
		at := monday.Add(time.Duration(rapid.IntRange(0, 3_000_000).Draw(t, "at")) * 100 * time.Millisecond)
		if rapid.Bool().Draw(t, "issued") {
			s.issues(p, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "caller"), at)
			continue
		}
		s.fails(p, rapid.SampledFrom([]string{"", "ASIAINVENTED00000001", "AKIAINVENTED00000001"}).Draw(t, "key"), "ExpiredToken", at)
		s.Signals[len(s.Signals)-1].Workload = rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "workload")
	}
	return s.Signals
}

// TestABookIsAFunctionOfTheSet folds events in any order, in any parts, some of
// them twice, through what is kept of the book in between.
func TestABookIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawn(t)
		g := lineage.Build(all, nil)
		want := NewBook()
		fold(want, g, all...)
		mixed := rapid.Permutation(append(slices.Clone(all), all[:len(all)/2]...)).Draw(t, "order")
		got := NewBook()
		for len(mixed) > 0 {
			n := rapid.IntRange(1, len(mixed)).Draw(t, "part")
			fold(got, g, mixed[:n]...)
			mixed = mixed[n:]
			got = again(t, got)
		}
		if a, b := encoded(t, want), encoded(t, got); !bytes.Equal(a, b) {
			t.Fatalf("at once  %s\nin parts %s", a, b)
		}
		if len(want.States) > 0 && !reflect.DeepEqual(want.States, again(t, want).States) {
			t.Fatalf("kept %+v, read %+v", want.States, again(t, want).States)
		}
	})
}

func encoded(t interface{ Fatal(...any) }, b *Book) []byte {
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func again(t interface{ Fatal(...any) }, b *Book) *Book {
	out, err := DecodeBook(encoded(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheLatestBeatsDoNotDependOnParts has far more beats than are kept, and
// folds them in ever so many parts whose events come at most ten beats late.
func TestTheLatestBeatsDoNotDependOnParts(t *testing.T) {
	var s story
	s.failsHourly(role("payments"), 300)
	s.renewed(role("payments"), "deployer", 50*minute, 300)
	all := s.Signals
	slices.SortStableFunc(all, func(a, b incident.Signal) int { return a.Time.Compare(b.Time) })
	g := lineage.Build(all, nil)
	want := NewBook()
	fold(want, g, all...)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 0; i+20 <= len(all); i += 10 {
		r.Shuffle(20, func(a, b int) { all[i+a], all[i+b] = all[i+b], all[i+a] })
	}
	got := NewBook()
	for part := range slices.Chunk(all, 7) {
		fold(got, g, part...)
	}
	if a, b := encoded(t, want), encoded(t, got); !bytes.Equal(a, b) {
		t.Errorf("at once  %s\nin parts %s", a, b)
	}
}

// TestBeatsTakeFewBytes tries the worst: beats that are far apart and long.
func TestBeatsTakeFewBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []interval.Beat
		at := monday
		for range rapid.IntRange(0, interval.MaxBeats).Draw(t, "beats") {
			at = at.Add(interval.MergeWithin + time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "gap"))*time.Millisecond).Truncate(time.Second)
			end := at.Add(time.Duration(rapid.Int64Range(0, 1<<24).Draw(t, "length")) * time.Second)
			if end.Year() > 9000 {
				break
			}
			list = append(list, interval.Beat{Start: at, End: end})
			at = end
		}
		data := encodeBeats(list)
		got, err := decodeBeats(data)
		if err != nil || len(data) > MaxBeatBytes || len(got) > len(list) {
			t.Fatalf("%d bytes, %d beats of %d, %v", len(data), len(got), len(list), err)
		}
		if kept := list[len(list)-len(got):]; len(got) > 0 && !reflect.DeepEqual(got, kept) {
			t.Fatalf("%v came back as %v", kept, got)
		}
		if at.Sub(monday) < 5*365*24*hour && len(got) < min(len(list), 48) {
			t.Fatalf("of %d beats within five years %d were kept", len(list), len(got))
		}
	})
}

func TestABookThatIsDamagedIsNone(t *testing.T) {
	for _, data := range []string{
		``, `{}`, `null`, `[]`, `{"v":2}`, `{"v":1,"s":[{}]}`, `{"v":1,"s":[{"t":"role","n":"a","f":{"b":"gA=="}}]}`,
		`{"v":1,"s":[{"t":"role","n":"a","h":"////////////////"}]}`, `{"v":1,"s":[{"t":"role","n":"a","r":[{"n":"x","b":"AQ=="}]}]}`,
	} {
		if b, err := DecodeBook([]byte(data)); err == nil {
			t.Errorf("%s is the book %+v", data, b)
		}
	}
}

func FuzzDecodeBook(f *testing.F) {
	var s story
	s.failsHourly(role("payments"), 9)
	s.renewed(role("payments"), "deployer", 50*minute, 12)
	b := NewBook()
	fold(b, lineage.Build(s.Signals, nil), s.Signals...)
	data, err := b.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"v":1,"s":[{"t":"role","n":"a","f":{"b":"gA=="}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBook(data)
		if err != nil {
			return
		}
		in := inputOf(s.Evidence, nil, monday.Add(48*hour))
		in.Book.Join(b)
		Make(in)
		once := again(t, b)
		if !bytes.Equal(encoded(t, once), encoded(t, again(t, once))) {
			t.Error("a book that was kept twice differs")
		}
	})
}

func TestASpikeIsSeenInABurst(t *testing.T) {
	var list []Failure
	for i, n := range []int{1, 3, 4, 1} {
		list = append(list, Failure{Time: monday.Add(time.Duration(i) * 3 * minute), Count: n})
	}
	if got := Burst(list); got != 7 {
		t.Errorf("Burst() = %d, want the 3 and the 4 within five minutes", got)
	}
	if got := Burst(nil); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestCompare(t *testing.T) {
	noon := monday.Add(12 * hour)
	bug := func(name string, period time.Duration, next time.Time) incident.Anomaly {
		return incident.Anomaly{
			Kind: incident.RefreshBugAnomaly, Subject: incident.Subject{Principal: role(name)}, Period: period, NextExpected: next,
			Times: []time.Time{monday.Add(hour)}, Occurrences: 9,
		}
	}
	spike := func(at time.Time, n int) incident.Anomaly {
		return incident.Anomaly{Kind: incident.SpikeAnomaly, Subject: incident.Subject{Principal: role("s")}, Times: []time.Time{at}, Occurrences: n}
	}
	strange := func(times ...time.Time) incident.Anomaly {
		return incident.Anomaly{Kind: incident.OffBeatIssuance, Subject: incident.Subject{Principal: role("o")}, Period: hour, Times: times}
	}
	due := noon.Add(hour)
	for name, c := range map[string]struct {
		was, is []incident.Anomaly
		want    string // new, changes, gone
	}{
		"nothing":                         {nil, nil, "[] [] 0"},
		"the same bug goes on":            {[]incident.Anomaly{bug("a", hour, monday.Add(3*hour))}, []incident.Anomaly{bug("a", hour, due)}, "[] [] 0"},
		"another role's bug":              {[]incident.Anomaly{bug("a", hour, monday.Add(3*hour))}, []incident.Anomaly{bug("b", hour, due)}, "[0] [] 1"},
		"a bug comes twice as often":      {[]incident.Anomaly{bug("a", 2*hour, monday.Add(3*hour))}, []incident.Anomaly{bug("a", hour, due)}, "[] [worse: every 1 h instead of every 2 h] 0"},
		"a bug comes half as often":       {[]incident.Anomaly{bug("a", hour, monday.Add(3*hour))}, []incident.Anomaly{bug("a", 2*hour, due)}, "[] [better: every 2 h instead of every 1 h] 0"},
		"a bug stopped":                   {[]incident.Anomaly{bug("a", hour, monday.Add(3*hour))}, []incident.Anomaly{bug("a", hour, noon.Add(-hour))}, "[] [better: none came since 2026-03-02 10:00:00] 0"},
		"a bug came back":                 {[]incident.Anomaly{bug("a", hour, monday.Add(hour))}, []incident.Anomaly{bug("a", hour, due)}, "[] [worse: the failures came back] 0"},
		"the same spike":                  {[]incident.Anomaly{spike(monday, 40)}, []incident.Anomaly{spike(monday, 40)}, "[] [] 0"},
		"a spike went on":                 {[]incident.Anomaly{spike(monday, 40)}, []incident.Anomaly{spike(monday, 400)}, "[] [worse: 400 failures instead of 40] 0"},
		"another spike":                   {[]incident.Anomaly{spike(monday, 40)}, []incident.Anomaly{spike(monday.Add(hour), 40)}, "[0] [] 1"},
		"no further issuance":             {[]incident.Anomaly{strange(monday)}, []incident.Anomaly{strange(monday)}, "[] [] 0"},
		"further issuances off the beat":  {[]incident.Anomaly{strange(monday)}, []incident.Anomaly{strange(monday, noon, noon)}, "[] [worse: 2 more off the beat] 0"},
		"two workloads, one of them ends": {[]incident.Anomaly{bug("a", hour, monday.Add(3*hour)), bug("a", 6*hour, monday.Add(9*hour))}, []incident.Anomaly{bug("a", 6*hour, due)}, "[] [] 1"},
	} {
		got := Compare(incident.Report{To: noon, Anomalies: c.is}, incident.Report{To: monday.Add(2 * hour), Anomalies: c.was})
		var words []string
		for _, x := range got.Changed {
			words = append(words, string(x.Trend)+": "+x.Words)
		}
		if s := fmt.Sprint(got.New, words, len(got.Gone)); s != c.want || !got.Since.Equal(monday.Add(2*hour)) {
			t.Errorf("%s: %s since %s, want %s", name, s, got.Since, c.want)
		}
	}
}
