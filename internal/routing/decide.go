package routing

import (
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Question is what is known when it is to be decided whether a route hears of an
// incident.
type Question struct {
	Finding incident.Finding
	// News is set where there is something that the route was not told.
	News bool
	// Over is set where the finding stands no more: another stands in its place,
	// or none does.
	Over bool
	// Opened is when anybody first heard of the incident, Told when the route
	// last did; zero where that never was.
	Opened, Told time.Time
	Now          time.Time
}

// Act is what is to be done for a route.
type Act string

const (
	// Tell it now, or Remind it of what it knows.
	Tell   Act = "tell"
	Remind Act = "remind"
	// Hold what there is to tell until later.
	Hold Act = "hold"
	// Pass over a route that does not take the finding.
	Pass Act = "pass"
	// Rest where there is nothing to tell.
	Rest Act = "rest"
)

// Decision is what becomes of a finding on a route.
type Decision struct {
	Act Act
	// Next is when to ask again, since time alone may change the answer; zero
	// means never.
	Next time.Time
	// Why says it in words.
	Why string
}

// Decide says whether a route hears of an incident now. What it was told once it
// hears the rest of, the all-clear before all, whether it takes that or not.
func (r Rules) Decide(route Route, q Question) Decision {
	misses := r.Misses(route, q.Finding)
	switch {
	case misses != "" && q.Told.IsZero():
		return Decision{Act: Pass, Why: misses}
	case !q.News && misses != "":
		return Decision{Act: Rest, Why: misses}
	case !q.News:
		return route.remind(q)
	}
	return route.tell(q)
}

// tell decides when the route hears of something new.
func (r Route) tell(q Question) Decision {
	d := Decision{Act: Tell, Why: "it takes " + r.Match.String()}
	at := q.Now
	if r.After > 0 && q.Told.IsZero() {
		if q.Over || q.Finding.Status == incident.Resolved {
			return Decision{Act: Rest, Why: fmt.Sprintf("it was over within %s", incident.Span(r.After))}
		}
		if at = from(q.Opened, q.Now).Add(r.After); at.After(q.Now) {
			d.Why = fmt.Sprintf("unless it is over %s after it was first told", incident.Span(r.After))
		} else {
			at, d.Why = q.Now, fmt.Sprintf("not over %s after it was first told", incident.Span(r.After))
		}
	}
	if q.Finding.Severity < r.Urgent {
		if awake := r.awake(at); awake.After(at) {
			at, d.Why = awake, d.Why+", when its quiet hours end"
		}
	} else if len(r.Quiet) > 0 && r.awake(at).After(at) {
		d.Why += fmt.Sprintf(", quiet hours or not: %s is urgent", q.Finding.Severity)
	}
	if at.After(q.Now) {
		d.Act, d.Next = Hold, at
	}
	return d
}

// remind decides about what the route knows.
func (r Route) remind(q Question) Decision {
	stands := !q.Over && q.Finding.Status != incident.Resolved && q.Finding.Verdict != incident.PlannedChange
	if r.Repeat == 0 || q.Told.IsZero() || !stands {
		return Decision{Act: Rest, Why: "it knows"}
	}
	at := q.Told.Add(r.Repeat)
	if q.Finding.Severity < r.Urgent {
		at = r.awake(incident.Later(at, q.Now))
	}
	why := fmt.Sprintf("it was told %s ago, and the incident is not over", incident.Span(q.Now.Sub(q.Told)))
	if at.After(q.Now) {
		return Decision{Act: Rest, Next: at, Why: "it knows"}
	}
	return Decision{Act: Remind, Why: why}
}

func from(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}
