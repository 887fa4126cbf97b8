package notify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// night are quiet hours from the evening to the morning.
func night() []routing.Hours { return []routing.Hours{{From: 20 * time.Hour, Until: 30 * time.Hour}} }

// routedStory is a story at a desk that decides by routes.
func routedStory(t *testing.T, routes ...routing.Route) *story {
	s := newStory(t)
	s.Notifier = s.routed(incident.DefaultSettings(), routing.Rules{Routes: routes, Owners: []incident.Owner{{Name: "payments", Subjects: []string{"payments-*"}}}})
	return s
}

// passes lets the schedule come at a time, minutes after noon.
func (s *story) passes(minutes int) {
	s.t.Helper()
	now := noon().Add(time.Duration(minutes) * time.Minute)
	ids, err := s.Due(s.t.Context(), now)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := s.Again(s.t.Context(), id, now, now.Add(30*time.Second)); err != nil {
			s.t.Fatalf("Again(%s) = %v", id, err)
		}
	}
}

func TestWhatIsHeldIsToldAsItIsThen(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Quiet: night(), Urgent: incident.High})
	s.happens(9*60, caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	s.hears(both("tv-1 r1 expiry")...)
	s.happens(10*60, caseOf(incident.Expiry, incident.TokenExpired, incident.Medium))
	s.hears(both("tv-1 r2 expiry: The severity was raised from low to medium.")...)
	s.passes(17 * 60)
	s.hears()
	s.passes(18 * 60)
	s.hears("team tv-1 r2 expiry")
	s.passes(19 * 60)
	s.hears()
}

func TestWhatIsUrgentIsNotHeld(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Quiet: night(), Urgent: incident.High})
	s.happens(9*60, compromised(incident.High))
	s.hears(append(both("tv-1 r1 compromise"), "team tv-1 r1 compromise")...)
}

// What turned out to be nothing before the morning is nothing to be told.
func TestWhatIsOverBeforeTheMorningIsNotTold(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Quiet: night(), Urgent: incident.High})
	s.happens(9*60, caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	s.happens(10*60, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, supersededBy(detect.Withdrawn)))
	s.at = len(s.heard)
	s.passes(18 * 60)
	s.hears()
}

// But what was told before the night gets its end told.
func TestTheAllClearIsToldInTheMorning(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Match: routing.Match{Verdicts: []incident.Verdict{incident.Compromise}}, Quiet: night(), Urgent: incident.High})
	s.happens(0, compromised(incident.High))
	s.hears(append(both("tv-1 r1 compromise"), "team tv-1 r1 compromise")...)
	s.happens(9*60, caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational))
	s.hears(both("tv-1 r2 planned_change: The verdict changed from compromise to planned change.")...)
	s.passes(18 * 60)
	s.hears("team tv-1 r2 planned_change: The verdict changed from compromise to planned change.")
}

func TestEscalationIsForWhatLasts(t *testing.T) {
	boss := routing.Route{Name: "boss", Match: routing.Match{Severity: incident.High}, After: 30 * time.Minute}
	s := routedStory(t, boss)
	s.happens(0, compromised(incident.High))
	s.hears(both("tv-1 r1 compromise")...)
	s.passes(29)
	s.hears()
	s.passes(30)
	s.hears("boss tv-1 r1 compromise")
	s.happens(40, compromised(incident.Critical))
	s.hears(append(both("tv-1 r2 compromise: The severity was raised from high to critical."), "boss tv-1 r2 compromise: The severity was raised from high to critical.")...)

	s = routedStory(t, boss)
	s.happens(0, compromised(incident.High))
	s.happens(20, caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational))
	s.at = len(s.heard)
	s.passes(30)
	s.hears()
}

func TestRemindersComeUnderNumbersOfTheirOwn(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Repeat: 4 * time.Hour})
	s.happens(0, compromised(incident.High))
	s.hears(append(both("tv-1 r1 compromise"), "team tv-1 r1 compromise")...)
	s.passes(239)
	s.hears()
	s.passes(240)
	s.hears("team tv-1 r2 compromise: A reminder: this is not over, and nothing changed since 2026-03-04 12:00 UTC.")
	s.passes(245)
	s.hears()
	s.happens(250, compromised(incident.Critical))
	s.hears(append(both("tv-1 r3 compromise: The severity was raised from high to critical."), "team tv-1 r3 compromise: The severity was raised from high to critical.")...)
	s.happens(300, compromised(incident.Critical, status(incident.Resolved)))
	s.passes(600)
	s.hears()
}

func TestRoutesBySubjectOwnerAndOtherwise(t *testing.T) {
	s := routedStory(t,
		routing.Route{Name: "payments", Match: routing.Match{Owners: []string{"payments"}, Subjects: []string{"*-role"}}},
		routing.Route{Name: "rest", Otherwise: true},
	)
	s.happens(0, compromised(incident.High))
	s.hears(append(both("tv-1 r1 compromise"), "payments tv-1 r1 compromise")...)
	s.happens(1, compromised(incident.High, named("tv-2", "billing")))
	s.hears(append(both("tv-2 r1 compromise"), "rest tv-2 r1 compromise")...)
	if owner := s.heard[0].note.Owner; owner != "payments" {
		t.Errorf("the owner is %q", owner)
	}
}

func TestASuppressionIsForAllRoutes(t *testing.T) {
	s := newStory(t)
	settings := incident.DefaultSettings()
	settings.Suppressions = []incident.Suppression{{Cause: incident.TokenExpired, Until: noon().Add(8 * time.Hour), Reason: "known"}}
	s.Notifier = s.routed(settings, routing.Rules{Routes: []routing.Route{{Name: "team", Quiet: night(), Urgent: incident.High}}})
	s.happens(0, caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	s.hears()
	s.happens(9*60, caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	s.hears(both("tv-1 r1 expiry")...)
	s.passes(18 * 60)
	s.hears("team tv-1 r1 expiry")
}

// A cut-off that breaks forty workloads is one alert with forty names, and new
// names are told together.
func TestOneCutOffOfManyIsOneAlert(t *testing.T) {
	s := routedStory(t, routing.Route{Name: "team", Repeat: 24 * time.Hour})
	var all []string
	for n := range 45 {
		all = append(all, fmt.Sprintf("worker-%02d", n))
	}
	cut := func() detect.Case {
		return caseOf(incident.Compromise, incident.RevokedByStranger, incident.High, workloads(all...))
	}
	s.happens(0, cut())
	s.hears(append(both("tv-1 r1 compromise"), "team tv-1 r1 compromise")...)
	broken := func(n int) detect.Case {
		return caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Minute), func(c *detect.Case) {
			c.Finding.ID = fmt.Sprintf("tv-w%02d", n)
			c.Finding.Subject = incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: all[n]}}
		})
	}
	for n := range 40 {
		s.happens(2, broken(n))
	}
	s.hears()
	s.passes(6)
	got := s.heard[s.at:]
	if len(got) != 3 {
		t.Fatalf("heard %d messages of forty workloads: %v", len(got), got)
	}
	if names := got[0].finding.BlastRadius.Principals; len(names) != 40 || !strings.Contains(got[0].note.News, "workload worker-00") || !strings.Contains(got[0].note.News, "30 more") {
		t.Errorf("the alert names %d: %s", len(names), got[0].note.News)
	}
	s.at = len(s.heard)
	for n := range 5 {
		s.happens(7, broken(40+n))
	}
	s.hears()
	s.passes(12)
	const news = " tv-1 r3 compromise: This also broke workload worker-40, workload worker-41, workload worker-42, workload worker-43, workload worker-44; that is told here and not by itself."
	s.hears("findings"+news, "chat"+news, "team"+news)
	s.passes(30)
	s.hears()
}

// timetable is a history in which everything that time can do is done. It is
// told again until it is taken; the schedule comes every hour.
func timetable(t *testing.T, d *desk) {
	t.Helper()
	insist := func(at time.Time, do func(now time.Time) error) {
		for try := range 4 {
			if do(at.Add(time.Duration(try)*time.Minute)) == nil {
				return
			}
		}
		t.Fatalf("what happens at %s is not taken", at)
	}
	deliver := func(hour int, c detect.Case) {
		c = d.commit(c)
		insist(noon().Add(time.Duration(hour)*time.Hour), func(now time.Time) error { _, err := d.deliver(d.Notifier, c, now); return err })
	}
	pass := func(hour int) {
		insist(noon().Add(time.Duration(hour)*time.Hour+30*time.Minute), func(now time.Time) error { return d.scheduled(now) })
	}
	deliver(9, compromised(incident.Medium))
	for hour := 9; hour < 20; hour++ {
		pass(hour)
	}
	deliver(20, compromised(incident.Critical))
	for hour := 20; hour < 34; hour++ {
		pass(hour)
	}
	deliver(34, caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational))
	for hour := 34; hour < 48; hour++ {
		pass(hour)
	}
}

// scheduled is one run of the schedule, which may die.
func (d *desk) scheduled(now time.Time) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case death:
			err = errFault
		default:
			panic(r)
		}
	}()
	ids, err := d.Due(context.Background(), now)
	for _, id := range ids {
		if _, err := d.Again(context.Background(), id, now, now.Add(30*time.Second)); err != nil {
			return err
		}
	}
	return err
}

// Each call fails in turn, in each way: what is held, repeated and escalated is
// told all the same, and once.
func TestWhatTimeDoesSurvivesFaults(t *testing.T) {
	desk := func() *desk {
		d := newDesk(incident.DefaultSettings())
		d.Notifier = d.routed(incident.DefaultSettings(), routing.Rules{Routes: []routing.Route{
			{Name: "team", Quiet: night(), Urgent: incident.High, Repeat: 6 * time.Hour},
			{Name: "boss", After: 2 * time.Hour},
		}})
		return d
	}
	d := desk()
	var calls []string
	d.fault = func(call string) fault { calls = append(calls, call); return none }
	timetable(t, d)
	want, again := once(t, d.heard)
	if again > 0 || len(want) < 12 {
		t.Fatalf("undisturbed, %d came again, and these were heard: %q", again, want)
	}
	for _, f := range []fault{refused, unconfirmed, dies, diesAfter} {
		for at, call := range calls {
			d, n := desk(), -1
			d.fault = func(string) fault {
				if n++; n == at {
					return f
				}
				return none
			}
			timetable(t, d)
			got, again := once(t, d.heard)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("fault %d at call %d, %s: heard\n%q\nwant\n%q", f, at, call, got, want)
			}
			if again > gap(f, calls, at) {
				t.Errorf("fault %d at call %d, %s: %d messages came again", f, at, call, again)
			}
		}
	}
}
