package replay

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSorterSorts gives a sorter so little memory that it merges runs of runs.
func TestSorterSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sorter{limit: rapid.IntRange(30, 200).Draw(t, "limit"), join: func(_, a, b []byte) []byte {
			return fmt.Appendf(nil, "%d", number(a)+number(b))
		}}
		defer s.close()
		want := map[string]int{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 300), 0, 1000).Draw(t, "numbers") {
			key := fmt.Sprintf("key %d", n)
			want[key]++
			if err := s.add([]byte(key), []byte("1")); err != nil {
				t.Fatal(err)
			}
		}
		var keys []string
		for e, err := range s.entries() {
			if err != nil {
				t.Fatal(err)
			}
			if got := number(e.value); got != want[string(e.key)] {
				t.Fatalf("%s = %d, want %d", e.key, got, want[string(e.key)])
			}
			keys = append(keys, string(e.key))
		}
		if !slices.IsSorted(keys) || len(keys) != len(want) {
			t.Fatalf("%d keys, sorted %t; want %d", len(keys), slices.IsSorted(keys), len(want))
		}
		for level, runs := range s.runs {
			if len(runs) >= fanIn {
				t.Fatalf("%d runs on level %d, want fewer than %d", len(runs), level, fanIn)
			}
		}
	})
}

func number(b []byte) (n int) {
	_, _ = fmt.Sscan(string(b), &n)
	return n
}

func TestATruncatedRunIsAnError(t *testing.T) {
	s := sorter{limit: 10}
	defer s.close()
	for range 3 {
		if err := s.add([]byte("a key"), bytes.Repeat([]byte("x"), 100)); err != nil {
			t.Fatal(err)
		}
	}
	s.runs[0][0].size -= 3
	for _, err := range s.entries() {
		if err != nil {
			return
		}
	}
	t.Error("read to the end, want an error")
}

// TestACrowdKeepsTheFirstOfEveryHour holds a trimmed crowd to what was there to
// choose from, however often it is trimmed on the way.
func TestACrowdKeepsTheFirstOfEveryHour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Int64Range(0, 6*3600), 1, 200).Draw(t, "seconds")
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		slices.Sort(seconds)
		var often, once crowd
		for i, at := range seconds {
			e := entry{key: fmt.Appendf(nil, "%d", i)}
			often.add(at, e, limit)
			once.members = append(once.members, member{seconds: at, entry: e})
		}
		dropped := often.trim(limit)
		if once.trim(limit) != dropped || dropped != (len(seconds) > limit) {
			t.Fatalf("dropped = %t of %d, limit %d", dropped, len(seconds), limit)
		}
		hours := map[int64]bool{}
		for _, at := range seconds {
			hours[hourOf(at)] = true
		}
		kept := map[int64]bool{}
		for i, m := range often.members {
			if !bytes.Equal(m.entry.key, once.members[i].entry.key) {
				t.Fatalf("member %d is %s, want %s", i, m.entry.key, once.members[i].entry.key)
			}
			kept[hourOf(m.seconds)] = true
		}
		if len(often.members) != min(limit, len(seconds)) || len(kept) != min(len(hours), limit) {
			t.Fatalf("%d of %d kept, in %d of %d hours", len(often.members), len(seconds), len(kept), len(hours))
		}
	})
}
