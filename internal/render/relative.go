package render

import (
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Relative says how far a time lies from now, as people do: "12 min ago", "in 3
// h". It is never more exact than it needs to be.
func Relative(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return "in " + Distance(-d)
	}
	return Distance(d) + " ago"
}

// Distance is a length of time in its largest unit: "45 s", "12 min", "3 h",
// "5 days".
func Distance(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
}

// eventTimes writes the times of a finding's evidence: by the clock in UTC, and
// counted from the incident's first event.
type eventTimes struct {
	first  time.Time
	oneDay bool
	day    string // the one under which evidence is being written
}

func timesOf(f incident.Finding) eventTimes {
	t := eventTimes{first: f.FirstSeen.UTC(), oneDay: true}
	for _, list := range [][]incident.Evidence{f.Evidence, f.CounterEvidence} {
		for _, e := range list {
			t.oneDay = t.oneDay && e.Time.UTC().Format(time.DateOnly) == t.first.Format(time.DateOnly)
		}
	}
	return t
}

// title says what the times are.
func (t eventTimes) title() string {
	if t.oneDay {
		return t.first.Format(time.DateOnly) + " UTC, + since " + t.first.Format(time.TimeOnly)
	}
	return "UTC, + since " + t.first.Format(clock)
}

// turns is the day, where another one begins and the title does not name it.
func (t *eventTimes) turns(at time.Time) string {
	day := at.UTC().Format(time.DateOnly)
	if t.oneDay || day == t.day {
		return ""
	}
	t.day = day
	return day
}

// of is a time, in a column of its own width.
func (t eventTimes) of(at time.Time) string {
	return fmt.Sprintf("%s %8s", at.UTC().Format(time.TimeOnly), since(at, t.first))
}

// since is how long a time lies after the first one, or before it; nothing for
// the first one itself.
func since(at, first time.Time) string {
	switch d := at.Sub(first); {
	case d >= time.Second:
		return "+" + Distance(d)
	case d <= -time.Second:
		return "-" + Distance(d)
	}
	return ""
}
