package interval

import (
	"slices"
	"testing"
	"time"
)

func TestRenewals(t *testing.T) {
	wobble := []time.Duration{0, 6 * second, -4 * second, 9 * second, -7 * second}
	steady := every(50*minute, 20, wobble...)
	end := steady[19]
	faster := slices.Clone(steady)
	for i := range 15 {
		faster = append(faster, end.Add(time.Duration(i+1)*20*minute+wobble[i%5]))
	}
	for name, test := range map[string]struct {
		in      []time.Time
		asOf    time.Time
		none    bool
		stopped bool
		offBeat int
		changed bool
	}{
		"a steady clock is in order":                              {in: steady, asOf: end.Add(40 * minute)},
		"one late renewal is no stop":                             {in: steady, asOf: end.Add(70 * minute)},
		"three missed renewals are a stop":                        {in: steady, asOf: end.Add(3 * hour), stopped: true},
		"a clock that was taken up again has not stopped":         {in: append(slices.Clone(steady), end.Add(13*hour), end.Add(13*hour+50*minute)), asOf: end.Add(14 * hour)},
		"a clock that stopped again has":                          {in: append(slices.Clone(steady), end.Add(13*hour), end.Add(13*hour+50*minute)), asOf: end.Add(17 * hour), stopped: true},
		"issuances at odd times are no clock":                     {in: after(0, 900, 4000, 4500, 9900, 10400, 17000, 17200), asOf: monday.Add(9 * hour), none: true},
		"a clock that misses half cannot be said to stop so soon": {in: halved(every(50*minute, 40)), asOf: monday.Add(40*50*minute + 2*hour)},
		"an issuance between the beats is off the beat":           {in: append(slices.Clone(steady), steady[7].Add(23*minute)), asOf: end, offBeat: 1},
		"a restart is no issuance off the beat":                   {in: append(every(50*minute, 10, wobble...), every(50*minute, 10, 10*50*minute+21*minute)...), asOf: monday.Add(20*50*minute + 10*minute)},
		"a cadence that became faster has changed":                {in: faster, asOf: faster[34], changed: true},
		"a changed cadence that goes on has not stopped":          {in: faster, asOf: faster[34].Add(19 * minute), changed: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := Renewals(test.in, test.asOf, Options{})
			if ok == test.none {
				t.Fatalf("Renewals() = %+v, %v", c, ok)
			}
			if c.Stopped != test.stopped || len(c.OffBeat) != test.offBeat || (c.Change != nil) != test.changed {
				t.Errorf("stopped %v, off beat %v, change %+v", c.Stopped, c.OffBeat, c.Change)
			}
			if c.Stopped && !c.Due.Equal(c.Phase.Add(c.Period)) {
				t.Errorf("due at %s, the last one was at %s", c.Due, c.Phase)
			}
			if c.Change != nil && (c.Change.From-50*minute).Abs() > minute || c.Change != nil && (c.Change.To-20*minute).Abs() > minute {
				t.Errorf("change %+v, want from 50m to 20m", c.Change)
			}
		})
	}
}

// halved leaves out half the times, irregularly.
func halved(times []time.Time) []time.Time {
	keep := []bool{true, false, true, true, false, false, true, false, true, true, false, true, false, false}
	var out []time.Time
	for i, at := range times {
		if keep[i%len(keep)] {
			out = append(out, at)
		}
	}
	return out
}
