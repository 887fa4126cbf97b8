package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// staleSuppressions says which suppressions are over, and which cover none of the
// findings at hand: somebody has to renew or remove them.
func staleSuppressions(in Input) []string {
	var out []string
	for _, s := range in.Settings.Suppressions {
		covered := 0
		for _, f := range in.Findings {
			if routing.Of(in.Settings).Covers(s, f) {
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

// staleWindows says which change windows are over without a planned change of
// the findings at hand that lies in them. One that explains what is reported
// stays, since the report would change without it.
func staleWindows(in Input) []string {
	var out []string
	for _, w := range in.Settings.ChangeWindows {
		if w.Ended(in.AsOf) && !slices.ContainsFunc(in.Findings, func(f incident.Finding) bool { return planned(w, f) }) {
			out = append(out, fmt.Sprintf("The change window %q ended on %s, and no planned change of these events lies in it: remove it.", w.Name, w.End.UTC().Format("2006-01-02")))
		}
	}
	return out
}

// planned reports whether what a window is for lies in it.
func planned(w incident.ChangeWindow, f incident.Finding) bool {
	meant := f.Verdict == incident.PlannedChange
	if len(w.Expects) > 0 {
		meant = slices.Contains(w.Expects, f.Cause)
	}
	if len(w.Subjects) > 0 {
		meant = meant && lineage.Means(w.Subjects, f.Subject.Principal)
	}
	return meant && slices.ContainsFunc(f.Evidence, func(e incident.Evidence) bool { return w.Covers(e.Time) })
}

// words are why a suppression was made, and by whom.
func words(s incident.Suppression) []string {
	if s.Author == "" {
		return []string{s.Reason}
	}
	return []string{s.Reason, s.Author}
}
