package detect

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Suppressed reports whether a finding is to be kept without telling anybody,
// and by which suppression: the first that matches and has not ended at now.
func Suppressed(f incident.Finding, list []incident.Suppression, now time.Time) (incident.Suppression, bool) {
	for _, s := range list {
		if now.Before(s.Until) && suppresses(s, f) {
			return s, true
		}
	}
	return incident.Suppression{}, false
}

// suppresses reports whether every part of s that says something fits f.
func suppresses(s incident.Suppression, f incident.Finding) bool {
	switch {
	case s.Verdict != "" && s.Verdict != f.Verdict,
		s.Cause != "" && s.Cause != f.Cause,
		s.Account != "" && s.Account != f.Account:
		return false
	}
	return s.Subject == "" ||
		lineage.Wildcard(s.Subject, f.Subject.Name) ||
		f.Subject.ARN != "" && lineage.Wildcard(s.Subject, f.Subject.ARN)
}
