package interval

import (
	"slices"
	"testing"
	"time"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// after returns the times that lie the given seconds after monday.
func after(seconds ...float64) []time.Time {
	out := make([]time.Time, len(seconds))
	for i, s := range seconds {
		out[i] = monday.Add(time.Duration(s * float64(time.Second)))
	}
	return out
}

// every returns n times, one period apart, shifted by the given offsets in turn.
func every(period time.Duration, n int, offsets ...time.Duration) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = monday.Add(time.Duration(i) * period)
		if len(offsets) > 0 {
			out[i] = out[i].Add(offsets[i%len(offsets)])
		}
	}
	return out
}

func TestBeats(t *testing.T) {
	for name, test := range map[string]struct{ in, want []time.Time }{
		"nothing has no beats":                               {nil, nil},
		"one failure is one beat":                            {after(7), after(7)},
		"retries belong to the failure before them":          {after(0, 30, 100, 219), after(0)},
		"exactly two minutes is another beat":                {after(0, 120), after(0, 120)},
		"retries follow one another however long they go on": {after(0, 110, 220, 330, 3600), after(0, 3600)},
		"order is nothing":                                   {after(3600, 30, 0, 3650), after(0, 3600)},
		"the same time twice is one beat":                    {after(5, 5, 5), after(5)},
		"an unknown time is left out":                        {append(after(0), time.Time{}), after(0)},
	} {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(test.in)
			if got := Beats(test.in); !slices.EqualFunc(got, test.want, time.Time.Equal) {
				t.Errorf("Beats(%v) = %v, want %v", test.in, got, test.want)
			}
			if !slices.Equal(given, test.in) {
				t.Error("Beats changed its argument")
			}
		})
	}
}
