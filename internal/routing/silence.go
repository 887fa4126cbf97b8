package routing

import (
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Silence is why nobody hears of a finding.
type Silence struct {
	// Until is when it ends; zero means that it holds for the finding as it is.
	Until time.Time
	// Reason says why, Author who decided it.
	Reason, Author string
}

// String says until when, and why: what goes behind "suppressed".
func (s Silence) String() string {
	text := "since " + s.Reason
	if !s.Until.IsZero() {
		text = fmt.Sprintf("until %s: %s", s.Until.UTC().Format("2006-01-02 15:04 MST"), s.Reason)
	}
	if s.Author != "" {
		text += " (" + s.Author + ")"
	}
	return text
}

// Silenced reports whether a finding is kept without telling anybody, and why: by
// the first suppression that covers it and has not ended at now, or by the first
// change window that expects it.
func (r Rules) Silenced(f incident.Finding, now time.Time) (Silence, bool) {
	for _, s := range r.Suppressions {
		if now.Before(s.Until) && r.Covers(s, f) {
			return Silence{s.Until, s.Reason, s.Author}, true
		}
	}
	return r.expected(f)
}

// Covers reports whether every part of a suppression that says something fits a
// finding. A compromise is covered by name alone, that of its verdict or of its
// cause: what was written against noise must not hide an attack on the same
// subject. By its tags it never is: whoever attacks may have put them on.
func (r Rules) Covers(s incident.Suppression, f incident.Finding) bool {
	switch {
	case f.Verdict == incident.Compromise && (s.Verdict == "" && s.Cause == "" || len(s.Tags) > 0),
		s.Verdict != "" && s.Verdict != f.Verdict,
		s.Cause != "" && s.Cause != f.Cause,
		s.Account != "" && s.Account != f.Account,
		s.Subject != "" && !isAbout(f, []string{s.Subject}):
		return false
	}
	return lacks(s.Tags, r.tags(f)) == ""
}
