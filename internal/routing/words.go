package routing

import (
	"fmt"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Timing says when a route hears of what it takes.
func (r Route) Timing() string {
	when := "at once"
	if r.After > 0 {
		when = fmt.Sprintf("if it is not over %s after the first word", incident.Span(r.After))
	}
	parts := []string{when}
	if len(r.Quiet) > 0 {
		var hours []string
		for _, h := range r.Quiet {
			hours = append(hours, h.String())
		}
		parts = append(parts, fmt.Sprintf("below %s, not %s", r.Urgent, strings.Join(hours, " and ")))
	}
	if r.Repeat > 0 {
		parts = append(parts, fmt.Sprintf("again every %s until it is over", incident.Span(r.Repeat)))
	}
	return strings.Join(parts, "; ")
}

// String is hours as people write them.
func (h Hours) String() string {
	s := fmt.Sprintf("from %s to %s", clock(h.From), clock(h.Until))
	if h.From == 0 && h.Until == 24*time.Hour {
		s = "all day"
	}
	var days []string
	for _, d := range h.Days {
		days = append(days, d.String()[:3])
	}
	if len(days) > 0 {
		s += " on " + strings.Join(days, ", ")
	}
	if h.Zone != "" {
		s += " (" + h.Zone + ")"
	}
	return s
}

func clock(d time.Duration) string {
	if d > 24*time.Hour {
		d -= 24 * time.Hour
	}
	return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute)
}

// Way says how messages get to a route: who decides what it takes.
func (r Route) Way() string {
	if !r.Filtered() {
		return "a topic of its own"
	}
	if len(r.Match.filter()) == 0 {
		return fmt.Sprintf("the topic %s", Subscribe(r).Topic)
	}
	return fmt.Sprintf("the topic %s, by a filter", Subscribe(r).Topic)
}

// WindowTimes says when a change window is.
func WindowTimes(w incident.ChangeWindow) string {
	if w.End.IsZero() {
		return Hours{Days: w.Days, From: w.From, Until: w.Until, Zone: "UTC"}.String()
	}
	return fmt.Sprintf("%s to %s UTC", w.Start.UTC().Format("2006-01-02 15:04"), w.End.UTC().Format("2006-01-02 15:04"))
}

// SuppressionScope says what a suppression covers.
func SuppressionScope(s incident.Suppression) string {
	m := Match{Tags: s.Tags}
	if s.Verdict != "" {
		m.Verdicts = []incident.Verdict{s.Verdict}
	}
	if s.Cause != "" {
		m.Causes = []incident.Cause{s.Cause}
	}
	if s.Subject != "" {
		m.Subjects = []string{s.Subject}
	}
	if s.Account != "" {
		m.Accounts = []string{s.Account}
	}
	text := m.String()
	if s.Verdict == "" && s.Cause == "" {
		text += " (no compromise)"
	}
	return text
}
