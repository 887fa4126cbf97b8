package routing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Lint returns what is wrong with the rules, the gravest first: what cannot be
// deployed, routes that never hear of anything, findings that nobody hears of,
// and suppressions and change windows that are over or do nothing. Locating the rules before tells
// of unknown time zones.
func (r Rules) Lint(now time.Time) []Issue {
	list := Limits(r.Routes)
	for n, route := range r.Routes {
		list = append(list, r.lintRoute(n, route)...)
		if route.neverWakes(now) {
			list = append(list, Issue{fmt.Sprintf("routes[%d].quiet_hours", n), fmt.Sprintf("route %s: its quiet hours never end", route.Name), true})
		}
	}
	list = append(list, r.unheard()...)
	if r.OwnerTag != "" {
		if why := nobodyHas([]incident.TagMatch{{Key: r.OwnerTag}}); why != "" {
			list = append(list, Issue{Path: "owner_tag", Message: "it makes nobody an owner: " + why})
		}
	}
	for n, s := range r.Suppressions {
		list = append(list, lintSuppression(n, s, now)...)
	}
	for n, w := range r.ChangeWindows {
		if key, message := lintWindow(w, now); message != "" {
			list = append(list, Issue{Path: fmt.Sprintf("change_windows[%d]%s", n, key), Message: fmt.Sprintf("the change window %q ", w.Name) + message})
		}
	}
	sortIssues(list)
	return list
}

func (r Rules) lintRoute(n int, route Route) []Issue {
	var list []Issue
	note := func(key, format string, args ...any) {
		list = append(list, Issue{fmt.Sprintf("routes[%d]%s", n, key), fmt.Sprintf("route %s: ", route.Name) + fmt.Sprintf(format, args...), false})
	}
	if why := cmp.Or(route.Match.impossible(), nobodyHas(route.Match.Tags)); why != "" {
		note(".match", "nothing reaches it: %s", why)
	} else if other, ok := r.hides(route); ok {
		note(".otherwise", "nothing reaches it: the route %s takes everything that it would", other)
	}
	for _, owner := range route.Match.Owners {
		if r.OwnerTag == "" && !slices.ContainsFunc(r.Owners, func(o incident.Owner) bool { return o.Name == owner }) {
			note(".match.owner", "owners names nobody %s, and without owner_tag nothing else does", owner)
		}
	}
	for m, other := range r.Routes[:n] {
		if other.Type == route.Type && other.Target == route.Target && overlap(other.Match, route.Match) && !route.Otherwise && !other.Otherwise && other.After == route.After {
			note(".target", "the route %s (routes[%d]) has the same receiver, which hears what both take twice", other.Name, m)
		}
	}
	if route.Repeat > 0 && route.Type == Email && route.Repeat < time.Hour {
		note(".repeat", "mails every %s are mails that nobody reads", incident.Span(route.Repeat))
	}
	if route.Urgent > incident.Critical || len(route.Quiet) == 0 {
		return list
	}
	if route.Match.Severity >= route.Urgent {
		note(".quiet_hours", "everything that it takes is urgent, so it is never quiet")
	}
	return list
}

// impossible is why no finding can match.
func (m Match) impossible() string {
	if len(m.Verdicts) > 0 && len(m.Causes) > 0 && !slices.ContainsFunc(m.Causes, func(c incident.Cause) bool { return slices.Contains(m.Verdicts, c.Verdict()) }) {
		return fmt.Sprintf("cause %s belongs to the verdict %s, not to %s", m.Causes[0], m.Causes[0].Verdict(), either(m.Verdicts))
	}
	for _, v := range m.possible() {
		if most(v) >= m.Severity {
			return ""
		}
	}
	return fmt.Sprintf("no finding with verdict %s is ever %s", either(m.possible()), m.Severity)
}

// possible are the verdicts that a match can take.
func (m Match) possible() []incident.Verdict {
	var list []incident.Verdict
	for _, v := range incident.Verdicts {
		if len(m.Verdicts) > 0 && !slices.Contains(m.Verdicts, v) {
			continue
		}
		if len(m.Causes) > 0 && !slices.ContainsFunc(m.Causes, func(c incident.Cause) bool { return c.Verdict() == v }) {
			continue
		}
		list = append(list, v)
	}
	return list
}

// most is the highest severity that a verdict can have. A planned change is on
// record, or low where it broke somebody.
func most(v incident.Verdict) incident.Severity {
	if v == incident.PlannedChange {
		return incident.Low
	}
	return incident.Critical
}

// hides names the route that takes everything that an otherwise route would.
func (r Rules) hides(route Route) (string, bool) {
	if !route.Otherwise {
		return "", false
	}
	for _, other := range r.Routes {
		if !other.Otherwise && other.After == 0 && other.Match.includes(route.Match) {
			return other.Name, true
		}
	}
	return "", false
}

// includes reports whether m certainly takes everything that o takes.
func (m Match) includes(o Match) bool {
	return m.Severity <= o.Severity && within(o.Verdicts, m.Verdicts) && within(o.Causes, m.Causes) && within(o.Accounts, m.Accounts) &&
		within(o.Subjects, m.Subjects) && within(o.Owners, m.Owners) && narrower(m.Tags, o.Tags)
}

// within reports whether a list of choices chooses among another's. An empty
// list chooses all.
func within[T comparable](a, b []T) bool {
	if len(b) == 0 {
		return true
	}
	return len(a) > 0 && !slices.ContainsFunc(a, func(v T) bool { return !slices.Contains(b, v) })
}

// overlap reports whether two matches can take one finding. It does not look
// into wildcards.
func overlap(a, b Match) bool {
	return slices.ContainsFunc(a.possible(), func(v incident.Verdict) bool { return slices.Contains(b.possible(), v) }) && meet(a.Causes, b.Causes) && meet(a.Accounts, b.Accounts) && meet(a.Owners, b.Owners) && meet(a.Subjects, b.Subjects) && !apart(a.Tags, b.Tags)
}

func meet[T comparable](a, b []T) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}

// unheard tells of grave findings that no route can take, whatever their subject
// or account.
func (r Rules) unheard() []Issue {
	if len(r.Routes) == 0 {
		return []Issue{{Path: "routes", Message: "there is no route: nobody hears of anything, unless an address is given when deploying or somebody subscribes to the topics"}}
	}
	var list []Issue
	for _, v := range incident.Verdicts {
		if v == incident.PlannedChange {
			continue // is kept on record
		}
		heard := slices.ContainsFunc(r.Routes, func(route Route) bool {
			m := route.Match
			return route.After == 0 && m.Severity <= incident.High && slices.Contains(m.possible(), v)
		})
		if !heard {
			list = append(list, Issue{Path: "routes", Message: fmt.Sprintf("no route hears at once of a finding with verdict %s and severity high", v)})
		}
	}
	return list
}

func lintSuppression(n int, s incident.Suppression, now time.Time) []Issue {
	var list []Issue
	note := func(key, format string, args ...any) {
		list = append(list, Issue{Path: fmt.Sprintf("suppressions[%d]%s", n, key), Message: fmt.Sprintf(format, args...)})
	}
	if !now.Before(s.Until) {
		note(".until", "the suppression ended on %s; what it covered is told again", s.Until.UTC().Format(time.RFC3339))
	}
	if v := s.Cause.Verdict(); s.Verdict != "" && v != "" && v != s.Verdict {
		note(".cause", "it covers nothing: %s is always %s", s.Cause, v)
	}
	if why := nobodyHas(s.Tags); why != "" {
		note(".tag", "it covers nothing: %s", why)
	}
	if s.Author == "" {
		note("", "nobody is named as its author, to be asked when it ends")
	}
	return list
}
