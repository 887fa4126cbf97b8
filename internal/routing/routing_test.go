package routing_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// noon is a Wednesday's.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func found(v incident.Verdict, s incident.Severity) incident.Finding {
	return incident.Finding{
		ID: "tv-1", Status: incident.Open, Account: "111122223333", Verdict: v, Cause: v.Causes()[0], Severity: s,
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "payments-api", ARN: "arn:aws:iam::111122223333:role/app/payments-api"}},
	}
}

func TestEveryRouteThatTakesAFindingHearsOfIt(t *testing.T) {
	rules := routing.Rules{
		Routes: []routing.Route{
			{Name: "soc", Match: routing.Match{Verdicts: []incident.Verdict{incident.Compromise}}},
			{Name: "serious", Match: routing.Match{Severity: incident.High}},
			{Name: "payments", Match: routing.Match{Owners: []string{"payments"}}},
			{Name: "gateways", Match: routing.Match{Subjects: []string{"gateway-*", "arn:aws:iam::*:role/gw/*"}}},
			{Name: "account", Match: routing.Match{Accounts: []string{"444455556666"}, Causes: []incident.Cause{incident.ClockSkew}}},
			{Name: "rest", Otherwise: true},
			{Name: "late", After: time.Hour},
		},
		Owners: []incident.Owner{{Name: "payments", Subjects: []string{"payments-*"}}, {Name: "nobody", Subjects: []string{"*-api"}}},
	}
	for name, test := range map[string]struct {
		edit func(*incident.Finding)
		want string
	}{
		"a grave compromise":            {func(f *incident.Finding) {}, "soc serious payments late"},
		"a lesser one":                  {func(f *incident.Finding) { f.Severity = incident.Medium }, "soc payments late"},
		"another's":                     {func(f *incident.Finding) { f.Subject.Name, f.Severity = "billing-api", incident.Medium }, "soc late"},
		"what only the last route gets": {func(f *incident.Finding) { *f = found(incident.Expiry, incident.Low); f.Subject.Name = "x" }, "rest late"},
		"a name with a wildcard":        {func(f *incident.Finding) { *f = found(incident.Expiry, incident.Low); f.Subject.Name = "gateway-7" }, "gateways late"},
		"an ARN with a wildcard": {func(f *incident.Finding) {
			*f = found(incident.Expiry, incident.Low)
			f.Subject.Name, f.Subject.ARN = "x", "arn:aws:iam::111122223333:role/gw/x"
		}, "gateways late"},
		"account and cause": {func(f *incident.Finding) {
			*f = found(incident.Misconfiguration, incident.Low)
			f.Account, f.Subject.Name = "444455556666", "x"
		}, "account late"},
		"the account alone": {func(f *incident.Finding) {
			*f = found(incident.Expiry, incident.Low)
			f.Account, f.Subject.Name = "444455556666", "x"
		}, "rest late"},
		"an account that is none": {func(f *incident.Finding) {
			*f = found(incident.Expiry, incident.Low)
			f.Account, f.Subject.Name = "", "x"
		}, "rest late"},
	} {
		t.Run(name, func(t *testing.T) {
			f := found(incident.Compromise, incident.Critical)
			test.edit(&f)
			var got []string
			for _, r := range rules.Routes {
				if rules.Misses(r, f) == "" {
					got = append(got, r.Name)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%v hear of it, want %s", got, test.want)
			}
		})
	}
}

func TestWhyARouteDoesNotTakeIt(t *testing.T) {
	f := found(incident.Expiry, incident.Low)
	rules := routing.Rules{Routes: []routing.Route{{Name: "all"}, {Name: "rest", Otherwise: true}}}
	for want, r := range map[string]routing.Route{
		"verdict expiry is not compromise or inconclusive":              {Match: routing.Match{Verdicts: []incident.Verdict{incident.Compromise, incident.Inconclusive}}},
		"severity low is below high":                                    {Match: routing.Match{Severity: incident.High}},
		"cause token_expired is not refresh_bug":                        {Match: routing.Match{Causes: []incident.Cause{incident.RefreshBug}}},
		"account 111122223333 is not 1 or 2 or 3 or 4 or one of 2 more": {Match: routing.Match{Accounts: []string{"1", "2", "3", "4", "5", "6"}}},
		"subject payments-api is not payments":                          {Match: routing.Match{Subjects: []string{"payments"}}},
		"owner (unknown) is not payments":                               {Match: routing.Match{Owners: []string{"payments"}}},
		"the route all takes it":                                        rules.Routes[1],
		"":                                                              {Match: routing.Match{Verdicts: []incident.Verdict{incident.Expiry}, Severity: incident.Low, Subjects: []string{"payments-*"}}},
	} {
		if got := rules.Misses(r, f); got != want {
			t.Errorf("Misses(%+v) = %q, want %q", r.Match, got, want)
		}
	}
}

// located is a route with its clocks looked up.
func located(t testing.TB, r routing.Route) (routing.Rules, routing.Route) {
	t.Helper()
	rules, issues := routing.Rules{Routes: []routing.Route{r}}.Locate(time.LoadLocation)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return rules, rules.Routes[0]
}

func TestQuietHours(t *testing.T) {
	day := time.Hour * 24
	night := routing.Hours{From: 20 * time.Hour, Until: 31 * time.Hour, Zone: "Europe/Berlin"}
	weekend := routing.Hours{Days: []time.Weekday{time.Saturday, time.Sunday}, Until: day, Zone: "Europe/Berlin"}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, test := range map[string]struct {
		hours     []routing.Hours
		now, want string // equal: told at once
	}{
		"by day":                                {[]routing.Hours{night}, "2026-03-04T12:00:00Z", "2026-03-04T12:00:00Z"},
		"the moment they begin":                 {[]routing.Hours{night}, "2026-03-04T19:00:00Z", "2026-03-05T06:00:00Z"},
		"the moment before":                     {[]routing.Hours{night}, "2026-03-04T18:59:59Z", "2026-03-04T18:59:59Z"},
		"after midnight":                        {[]routing.Hours{night}, "2026-03-05T02:00:00Z", "2026-03-05T06:00:00Z"},
		"the moment they end":                   {[]routing.Hours{night}, "2026-03-05T06:00:00Z", "2026-03-05T06:00:00Z"},
		"in summer":                             {[]routing.Hours{night}, "2026-07-04T19:00:00Z", "2026-07-05T05:00:00Z"},
		"the night that the clock goes forward": {[]routing.Hours{night}, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
		"the night that the clock goes back":    {[]routing.Hours{night}, "2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z"},
		"a Friday's night and the weekend":      {[]routing.Hours{night, weekend}, "2026-03-06T20:00:00Z", "2026-03-09T06:00:00Z"},
		"hours of Friday alone":                 {[]routing.Hours{{Days: []time.Weekday{time.Friday}, From: 22 * time.Hour, Until: 30 * time.Hour}}, "2026-03-07T03:00:00Z", "2026-03-07T06:00:00Z"},
		"and not of Saturday":                   {[]routing.Hours{{Days: []time.Weekday{time.Friday}, From: 22 * time.Hour, Until: 30 * time.Hour}}, "2026-03-08T03:00:00Z", "2026-03-08T03:00:00Z"},
		"an offset":                             {[]routing.Hours{{From: 22 * time.Hour, Until: 30 * time.Hour, Zone: "+05:30"}}, "2026-03-04T16:30:00Z", "2026-03-05T00:30:00Z"},
		"no zone is UTC":                        {[]routing.Hours{{From: 22 * time.Hour, Until: 30 * time.Hour}}, "2026-03-04T22:00:00Z", "2026-03-05T06:00:00Z"},
		"hours that never end are a mistake":    {[]routing.Hours{{Until: day}}, "2026-03-04T12:00:00Z", "2026-03-04T12:00:00Z"},
		"02:30 is shown twice, the first time":  {[]routing.Hours{{From: time.Hour, Until: 150 * time.Minute, Zone: "Europe/Berlin"}}, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"},
		"and the second":                        {[]routing.Hours{{From: time.Hour, Until: 150 * time.Minute, Zone: "Europe/Berlin"}}, "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, r := located(t, routing.Route{Name: "a", Quiet: test.hours, Urgent: incident.High})
			q := routing.Question{Finding: found(incident.Expiry, incident.Low), News: true, Now: at(test.now)}
			d := rules.Decide(r, q)
			got := q.Now
			if d.Act == routing.Hold {
				got = d.Next
			}
			if !got.Equal(at(test.want)) {
				t.Errorf("told at %s, want %s (%s)", got.Format(time.RFC3339), test.want, d.Why)
			}
			q.Finding.Severity = incident.High
			if d := rules.Decide(r, q); d.Act != routing.Tell {
				t.Errorf("what is urgent: %+v", d)
			}
		})
	}
}

func TestAnUnknownZoneIsNamed(t *testing.T) {
	_, issues := routing.Rules{Routes: []routing.Route{{Name: "a"}, {Name: "b", Quiet: []routing.Hours{{Until: time.Hour, Zone: "Europe/Atlantis"}}}}}.Locate(time.LoadLocation)
	if want := []routing.Issue{{Path: "routes[1].quiet_hours", Message: "route b: there is no time zone Europe/Atlantis", Fatal: true}}; !cmp.Equal(want, issues) {
		t.Errorf("Locate() = %+v", issues)
	}
}

func TestEscalation(t *testing.T) {
	rules, r := located(t, routing.Route{Name: "boss", After: time.Hour})
	q := routing.Question{Finding: found(incident.Compromise, incident.High), News: true, Now: noon()}
	decide := func(edit func(*routing.Question)) routing.Decision {
		q := q
		edit(&q)
		return rules.Decide(r, q)
	}
	for name, test := range map[string]struct {
		edit func(*routing.Question)
		act  routing.Act
		next time.Time
	}{
		"the first word":                  {func(q *routing.Question) {}, routing.Hold, noon().Add(time.Hour)},
		"told half an hour ago":           {func(q *routing.Question) { q.Opened = noon().Add(-30 * time.Minute) }, routing.Hold, noon().Add(30 * time.Minute)},
		"told an hour ago":                {func(q *routing.Question) { q.Opened = noon().Add(-time.Hour) }, routing.Tell, time.Time{}},
		"over meanwhile":                  {func(q *routing.Question) { q.Opened, q.Over = noon().Add(-time.Hour), true }, routing.Rest, time.Time{}},
		"resolved meanwhile":              {func(q *routing.Question) { q.Opened, q.Finding.Status = noon().Add(-time.Hour), incident.Resolved }, routing.Rest, time.Time{}},
		"something new after it was told": {func(q *routing.Question) { q.Opened, q.Told = noon().Add(-2*time.Hour), noon().Add(-time.Hour) }, routing.Tell, time.Time{}},
		"the all-clear after it was told": {func(q *routing.Question) { q.Told, q.Over = noon().Add(-time.Hour), true }, routing.Tell, time.Time{}},
		"nothing new after it was told":   {func(q *routing.Question) { q.Told, q.News = noon().Add(-time.Hour), false }, routing.Rest, time.Time{}},
	} {
		if d := decide(test.edit); d.Act != test.act || !d.Next.Equal(test.next) {
			t.Errorf("%s: %+v, want %s at %s", name, d, test.act, test.next)
		}
	}
}

func TestReminders(t *testing.T) {
	rules, r := located(t, routing.Route{
		Name: "a", Match: routing.Match{Severity: incident.Medium}, Repeat: 4 * time.Hour, Urgent: incident.Critical,
		Quiet: []routing.Hours{{From: 20 * time.Hour, Until: 30 * time.Hour}},
	})
	for name, test := range map[string]struct {
		told time.Duration // before noon
		now  time.Duration // after noon
		edit func(*routing.Question)
		act  routing.Act
		next time.Duration // after noon; 0: never
	}{
		"not yet":             {time.Hour, 0, nil, routing.Rest, 3 * time.Hour},
		"now":                 {4 * time.Hour, 0, nil, routing.Remind, 0},
		"long ago":            {30 * time.Hour, 0, nil, routing.Remind, 0},
		"in the night":        {0, 9 * time.Hour, nil, routing.Rest, 18 * time.Hour},
		"urgent in the night": {0, 9 * time.Hour, func(q *routing.Question) { q.Finding.Severity = incident.Critical }, routing.Remind, 0},
		"resolved":            {4 * time.Hour, 0, func(q *routing.Question) { q.Finding.Status = incident.Resolved }, routing.Rest, 0},
		"settled":             {4 * time.Hour, 0, func(q *routing.Question) { q.Finding.Status = incident.Settled }, routing.Remind, 0},
		"over":                {4 * time.Hour, 0, func(q *routing.Question) { q.Over = true }, routing.Rest, 0},
		"planned":             {4 * time.Hour, 0, func(q *routing.Question) { q.Finding.Verdict = incident.PlannedChange }, routing.Rest, 0},
		"less than it takes":  {4 * time.Hour, 0, func(q *routing.Question) { q.Finding.Severity = incident.Low }, routing.Rest, 0},
		"never told":          {4 * time.Hour, 0, func(q *routing.Question) { q.Told = time.Time{} }, routing.Rest, 0},
	} {
		q := routing.Question{Finding: found(incident.Compromise, incident.High), Told: noon().Add(-test.told), Now: noon().Add(test.now)}
		if test.edit != nil {
			test.edit(&q)
		}
		next := time.Time{}
		if test.next > 0 {
			next = noon().Add(test.next)
		}
		if d := rules.Decide(r, q); d.Act != test.act || !d.Next.Equal(next) {
			t.Errorf("%s: %+v, want %s at %v", name, d, test.act, next)
		}
	}
}

func anyRoute(n int) *rapid.Generator[routing.Route] {
	return rapid.Custom(func(t *rapid.T) routing.Route {
		r := routing.Route{
			Name: fmt.Sprintf("r%d", n), Otherwise: rapid.IntRange(0, 4).Draw(t, "otherwise") == 0,
			After:  rapid.SampledFrom([]time.Duration{0, 0, 0, time.Hour}).Draw(t, "after"),
			Repeat: rapid.SampledFrom([]time.Duration{0, 0, 4 * time.Hour}).Draw(t, "repeat"),
			Urgent: incident.Severity(rapid.IntRange(0, 4).Draw(t, "urgent")),
			Match: routing.Match{
				Verdicts: rapid.SampledFrom([][]incident.Verdict{nil, nil, {incident.Compromise}, {incident.Expiry, incident.Inconclusive}}).Draw(t, "verdicts"),
				Severity: incident.Severity(rapid.IntRange(0, 4).Draw(t, "severity")),
				Subjects: rapid.SampledFrom([][]string{nil, nil, {"payments-*"}, {"other"}}).Draw(t, "subjects"),
			},
		}
		for range rapid.IntRange(0, 3).Draw(t, "quiet") {
			from := time.Duration(rapid.IntRange(0, 23).Draw(t, "from")) * time.Hour
			r.Quiet = append(r.Quiet, routing.Hours{
				From: from, Until: from + time.Duration(rapid.IntRange(1, 24).Draw(t, "for"))*time.Hour,
				Days: rapid.SampledFrom([][]time.Weekday{nil, {time.Saturday, time.Sunday}, {time.Wednesday, time.Thursday}}).Draw(t, "days"),
				Zone: rapid.SampledFrom([]string{"", "+05:30", "America/New_York"}).Draw(t, "zone"),
			})
		}
		return r
	})
}

func anyRules(t *rapid.T) routing.Rules {
	var rules routing.Rules
	for n := range rapid.IntRange(1, 5).Draw(t, "routes") {
		rules.Routes = append(rules.Routes, anyRoute(n).Draw(t, "route"))
	}
	rules, issues := rules.Locate(time.LoadLocation)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return rules
}

// Whatever the rules: an incident that a route takes and that goes on is told to
// it, at the latest when a week is over, if one asks again whenever Next says so.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := anyRules(t)
		f := found(rapid.SampledFrom(incident.Verdicts).Draw(t, "verdict"), incident.Severity(rapid.IntRange(0, 4).Draw(t, "severity")))
		start := noon().Add(time.Duration(rapid.IntRange(0, 365*24*60).Draw(t, "minute")) * time.Minute)
		for _, r := range rules.Routes {
			misses := rules.Misses(r, f)
			q := routing.Question{Finding: f, News: true, Now: start}
			d := rules.Decide(r, q)
			for asked := 0; d.Act == routing.Hold; asked++ {
				if !d.Next.After(q.Now) || asked > 50 {
					t.Fatalf("%s is asked again at %s, and it is %s", r.Name, d.Next, q.Now)
				}
				if q.Opened.IsZero() {
					q.Opened = q.Now
				}
				q.Now = d.Next
				d = rules.Decide(r, q)
			}
			if told := d.Act == routing.Tell; told != (misses == "") {
				t.Fatalf("%s: %+v, though it misses it for %q", r.Name, d, misses)
			}
			if waited := q.Now.Sub(start); waited > r.After+7*24*time.Hour || f.Severity >= r.Urgent && waited > r.After {
				t.Fatalf("%s waited for %s", r.Name, waited)
			}
		}
	})
}

// The order of routes does not matter, and the answer is always the same one.
func TestTheOrderOfRoutesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := anyRules(t)
		shuffled := rules
		shuffled.Routes = slices.Clone(rules.Routes)
		rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))).Shuffle(len(shuffled.Routes), func(i, j int) {
			shuffled.Routes[i], shuffled.Routes[j] = shuffled.Routes[j], shuffled.Routes[i]
		})
		q := routing.Question{
			Finding: found(rapid.SampledFrom(incident.Verdicts).Draw(t, "verdict"), incident.Severity(rapid.IntRange(0, 4).Draw(t, "severity"))),
			News:    rapid.Bool().Draw(t, "news"), Over: rapid.Bool().Draw(t, "over"), Now: noon(),
		}
		if rapid.Bool().Draw(t, "told") {
			q.Told, q.Opened = noon().Add(-5*time.Hour), noon().Add(-6*time.Hour)
		}
		for _, r := range rules.Routes {
			a, b := rules.Decide(r, q), shuffled.Decide(r, q)
			if a.Act != b.Act || !a.Next.Equal(b.Next) {
				t.Fatalf("%s: %+v, and in another order %+v", r.Name, a, b)
			}
		}
	})
}
