package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// isAbout reports whether one of the patterns means the finding's subject.
func isAbout(f incident.Finding, patterns []string) bool {
	return lineage.Means(patterns, f.Subject.Principal)
}

// misses is why a match does not take a finding; empty if it does.
func (m Match) misses(f incident.Finding, owner string, tags []incident.Tag) string {
	switch {
	case len(m.Verdicts) > 0 && !slices.Contains(m.Verdicts, f.Verdict):
		return fmt.Sprintf("verdict %s is not %s", f.Verdict, either(m.Verdicts))
	case f.Severity < m.Severity:
		return fmt.Sprintf("severity %s is below %s", f.Severity, m.Severity)
	case len(m.Causes) > 0 && !slices.Contains(m.Causes, f.Cause):
		return fmt.Sprintf("cause %s is not %s", f.Cause, either(m.Causes))
	case len(m.Accounts) > 0 && !slices.Contains(m.Accounts, f.Account):
		return fmt.Sprintf("account %s is not %s", known(f.Account), either(m.Accounts))
	case len(m.Subjects) > 0 && !isAbout(f, m.Subjects):
		return fmt.Sprintf("subject %s is not %s", known(f.Subject.Name), either(m.Subjects))
	case len(m.Owners) > 0 && !slices.Contains(m.Owners, owner):
		return fmt.Sprintf("owner %s is not %s", known(owner), either(m.Owners))
	}
	return lacks(m.Tags, tags)
}

func known(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

// either lists values, of which there may be many.
func either[T ~string](list []T) string {
	const most = 4
	var words []string
	for _, v := range list[:min(len(list), most)] {
		words = append(words, string(v))
	}
	if n := len(list) - most; n > 0 {
		words = append(words, fmt.Sprintf("one of %d more", n))
	}
	return strings.Join(words, " or ")
}

// String says what a match takes.
func (m Match) String() string {
	var parts []string
	add := func(what, values string) {
		if values != "" {
			parts = append(parts, what+" "+values)
		}
	}
	add("verdict", either(m.Verdicts))
	if m.Severity > incident.Informational {
		add("severity", m.Severity.String()+" and above")
	}
	add("cause", either(m.Causes))
	add("account", either(m.Accounts))
	add("subject", either(m.Subjects))
	add("owner", either(m.Owners))
	parts = append(parts, tagWords(m.Tags)...)
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// Misses is why a route does not take a finding, whenever that may be; empty if
// it does.
func (r Rules) Misses(route Route, f incident.Finding) string {
	owner, tags := r.Owner(f), r.tags(f)
	if why := route.Match.misses(f, owner, tags); why != "" || !route.Otherwise {
		return why
	}
	for _, other := range r.Routes {
		// Who waits for an incident to last may never hear of it.
		if !other.Otherwise && other.After == 0 && other.Match.misses(f, owner, tags) == "" {
			return "the route " + other.Name + " takes it"
		}
	}
	return ""
}
