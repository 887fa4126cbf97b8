package routing

import (
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// unexpected is why a change window does not expect a finding; empty if it does.
// All of the finding has to lie in the window, and what was done has to be done by
// those whom the window names. A compromise, or a sign of one, is never expected.
func unexpected(w incident.ChangeWindow, f incident.Finding) string {
	switch {
	case f.Verdict == incident.Compromise || slices.ContainsFunc(f.CounterEvidence, isOfCompromise):
		return "there are signs of a compromise"
	case len(w.Expects) == 0:
		return "it expects nothing by name"
	case !slices.Contains(w.Expects, f.Cause):
		return fmt.Sprintf("it expects %s, not %s", either(w.Expects), f.Cause)
	case len(w.Subjects) > 0 && !isAbout(f, w.Subjects):
		return "it is about others"
	case !w.Covers(f.FirstSeen):
		return "what happened began outside of it"
	case !w.Covers(f.LastSeen):
		return "what happened went on outside of it"
	}
	return undue(w, f.Evidence)
}

func isOfCompromise(e incident.Evidence) bool { return e.Direction == incident.Compromise }

// undue is what of a finding's evidence happened outside of a window, or was done
// by somebody whom it does not name; empty if nothing.
func undue(w incident.ChangeWindow, list []incident.Evidence) string {
	done := false
	for _, e := range list {
		switch {
		case !w.Covers(e.Time):
			return "a part of it happened outside of the window"
		case len(w.Actors) == 0 || !e.Signal.Deed():
		case !slices.ContainsFunc(w.Actors, func(pattern string) bool { return lineage.Matches(pattern, lineage.ActorOf(e.Actor)) }):
			return fmt.Sprintf("%s did a part of it, and is not %s", known(e.Actor), either(w.Actors))
		default:
			done = true
		}
	}
	if len(w.Actors) > 0 && !done {
		return fmt.Sprintf("nobody is known to have done it, so that it may not be %s", either(w.Actors))
	}
	return ""
}

// expected is the silence of the first change window that expects a finding.
func (r Rules) expected(f incident.Finding) (Silence, bool) {
	for _, w := range r.ChangeWindows {
		if unexpected(w, f) == "" {
			return Silence{Reason: fmt.Sprintf("the change window %q expects %s%s", w.Name, f.Cause, by(w))}, true
		}
	}
	return Silence{}, false
}

// by says whose changes of what a window is about.
func by(w incident.ChangeWindow) string {
	text := ""
	if len(w.Actors) > 0 {
		text = " by " + either(w.Actors)
	}
	if len(w.Subjects) > 0 {
		text += " of " + either(w.Subjects)
	}
	return text
}

// Windows says of each change window for its subject that a finding falls into, at
// least in part, why the window does not keep it from being told.
func (r Rules) Windows(f incident.Finding) []string {
	var list []string
	for _, w := range r.ChangeWindows {
		falls := w.Covers(f.FirstSeen) || w.Covers(f.LastSeen) || slices.ContainsFunc(f.Evidence, func(e incident.Evidence) bool { return w.Covers(e.Time) })
		about := len(w.Subjects) == 0 || isAbout(f, w.Subjects)
		if why := unexpected(w, f); falls && about && why != "" {
			list = append(list, fmt.Sprintf("The change window %q does not keep it from being told: %s.", w.Name, why))
		}
	}
	return list
}

// undone are the causes that nobody brings about by doing something, of those that
// a window expects.
func undone(w incident.ChangeWindow) []incident.Cause {
	return slices.DeleteFunc(slices.Clone(w.Expects), func(c incident.Cause) bool {
		switch c {
		case incident.ProviderRemoved, incident.UnexplainedRevocation, incident.UnexplainedDeletion, incident.UnexplainedTrustChange:
			return true
		}
		return c.Verdict() == incident.PlannedChange
	})
}

// lintWindow says what is wrong with a change window.
func lintWindow(w incident.ChangeWindow, now time.Time) (key, message string) {
	switch causes := undone(w); {
	case w.Ended(now):
		return ".end", "ended on " + w.End.UTC().Format(time.RFC3339)
	case len(w.Actors) == 0 && len(w.Expects) == 0:
		return "", "names neither actors nor what it expects, so that it explains what anybody does in it"
	case len(w.Actors) > 0 && len(causes) > 0:
		return ".expects", fmt.Sprintf("never meets %s: it names actors, and nobody does that", either(causes))
	}
	return "", ""
}
