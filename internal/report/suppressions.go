package report

import (
	"fmt"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// staleSuppressions says which suppressions are over, and which cover none of the
// findings at hand: somebody has to renew or remove them.
func staleSuppressions(in Input) []string {
	var out []string
	for _, s := range in.Settings.Suppressions {
		covered := 0
		for _, f := range in.Findings {
			if routing.Covers(s, f) {
				covered++
			}
		}
		what := fmt.Sprintf("The suppression of %s (%s)", routing.SuppressionScope(s), strings.Join(words(s), ", "))
		switch {
		case !in.AsOf.Before(s.Until) && covered > 0:
			out = append(out, fmt.Sprintf("%s ended on %s, and findings that it covered are told again: %d of these.", what, s.Until.UTC().Format("2006-01-02"), covered))
		case !in.AsOf.Before(s.Until):
			out = append(out, fmt.Sprintf("%s ended on %s, and covers nothing any more: remove it.", what, s.Until.UTC().Format("2006-01-02")))
		case covered == 0:
			out = append(out, what+" covers none of the findings of these events: is it still needed?")
		}
	}
	return out
}

// words are why a suppression was made, and by whom.
func words(s incident.Suppression) []string {
	if s.Author == "" {
		return []string{s.Reason}
	}
	return []string{s.Reason, s.Author}
}
