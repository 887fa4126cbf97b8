package routing

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Hours are a part of the day that comes back, by the clock of a place.
type Hours struct {
	// Days are those on which the hours begin; empty means every day. From and
	// Until are offsets from midnight; Until may lie past the next one.
	Days        []time.Weekday
	From, Until time.Duration
	// Zone is the place: a name of the IANA's database, an offset such as
	// +01:00, or empty for UTC. Clock is what it means, once it was looked up.
	Zone  string
	Clock []Shift
}

// Shift is how far ahead of UTC a clock is from some time on.
type Shift struct {
	From  time.Time
	Ahead time.Duration
}

// The years in which the shifts of clocks are looked up. They do not depend on
// the day, so that what is deployed from one file is the same every day.
const firstYear, lastYear = 2025, 2045

// Locate looks up the clocks of all quiet hours with the given function, such as
// time.LoadLocation, so that who decides by them needs no database of zones. The
// problems name each zone that is not known.
func (r Rules) Locate(load func(zone string) (*time.Location, error)) (Rules, []Issue) {
	var unknown []Issue
	routes := slices.Clone(r.Routes)
	for i := range routes {
		quiet := slices.Clone(routes[i].Quiet)
		for n := range quiet {
			place, err := locate(quiet[n].Zone, load)
			if err != nil {
				unknown = append(unknown, Issue{fmt.Sprintf("routes[%d].quiet_hours", i), fmt.Sprintf("route %s: there is no time zone %s", routes[i].Name, quiet[n].Zone), true})
				continue
			}
			quiet[n].Clock = shifts(place)
		}
		routes[i].Quiet = quiet
	}
	r.Routes = routes
	return r, unknown
}

func locate(zone string, load func(string) (*time.Location, error)) (*time.Location, error) {
	if zone == "" {
		return time.UTC, nil
	}
	if t, err := time.Parse("-07:00", zone); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(zone, offset), nil
	}
	return load(zone)
}

// shifts are what a clock does in those years.
func shifts(place *time.Location) []Shift {
	day := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	list := []Shift{{Ahead: aheadIn(place, day)}}
	for ; day.Year() <= lastYear; day = day.AddDate(0, 0, 1) {
		if next := day.AddDate(0, 0, 1); aheadIn(place, next) != list[len(list)-1].Ahead {
			minute := sort.Search(24*60, func(n int) bool {
				return aheadIn(place, day.Add(time.Duration(n)*time.Minute)) != list[len(list)-1].Ahead
			})
			list = append(list, Shift{day.Add(time.Duration(minute) * time.Minute), aheadIn(place, next)})
		}
	}
	return list
}

// aheadIn is how far ahead of UTC a place's clock is at t.
func aheadIn(place *time.Location, t time.Time) time.Duration {
	_, seconds := t.In(place).Zone()
	return time.Duration(seconds) * time.Second
}

// ahead is how far ahead of UTC the clock is at t.
func (h Hours) ahead(t time.Time) (d time.Duration) {
	for _, s := range h.Clock {
		if !t.Before(s.From) {
			d = s.Ahead
		}
	}
	return d
}

// end is when the hours that t lies in are over. They are those of the clock on
// the wall: when it is put forward they are shorter, and longer when back.
func (h Hours) end(t time.Time) (end time.Time, in bool) {
	wall := t.UTC().Add(h.ahead(t))
	for _, back := range []int{1, 0} { // what began yesterday may go on
		day := wall.Truncate(24*time.Hour).AddDate(0, 0, -back)
		until := day.Add(h.Until)
		if !h.begins(day.Weekday()) || wall.Before(day.Add(h.From)) || !wall.Before(until) {
			continue
		}
		// The clock may be put forward or back in between.
		end = until.Add(-h.ahead(until.Add(-h.ahead(t))))
		if !end.After(t) { // an hour that the clock shows twice, and t in the second
			end = t.Add(until.Sub(wall))
		}
		return end, true
	}
	return t, false
}

func (h Hours) begins(day time.Weekday) bool {
	return len(h.Days) == 0 || slices.Contains(h.Days, day)
}

// longest is how far the end of quiet hours may lie.
const longest = 7 * 24 * time.Hour

// awake is the first moment from t on that lies in no quiet hours. Hours that
// leave no gap are a mistake, which must not cost an alert: they count as none.
func (r Route) awake(t time.Time) time.Time {
	for end := t; end.Sub(t) <= longest; {
		next := end
		for _, h := range r.Quiet {
			if over, in := h.end(end); in && over.After(next) {
				next = over
			}
		}
		if next.Equal(end) {
			return end.UTC()
		}
		end = next
	}
	return t.UTC()
}

// neverWakes reports whether the quiet hours of a week, beginning at t, leave no
// gap.
func (r Route) neverWakes(t time.Time) bool {
	return slices.ContainsFunc(r.Quiet, func(h Hours) bool { _, in := h.end(t); return in }) && r.awake(t).Equal(t)
}
