package notify

import (
	"fmt"
	"strings"

	"github.com/trailverdict/trailverdict/internal/render"
)

// words says what is new, in a sentence. The first message about an incident
// needs none.
func (d decision) words() string {
	f := d.news.finding()
	switch d.reason {
	case VerdictChanged:
		return changed("verdict", string(d.told.Verdict), string(f.Verdict))
	case CauseChanged:
		return changed("cause", string(d.told.Cause), string(f.Cause))
	case SeverityRaised:
		return fmt.Sprintf("The severity was raised from %s to %s.", d.told.Severity, f.Severity)
	case NewSubject:
		return "It now names " + enumerate(newMembers(d.told, f)) + ", too."
	case New, ReachGrew:
		return d.broke()
	case Reminder:
		return fmt.Sprintf("A reminder: this is not over, and nothing changed since %s.", d.told.At.UTC().Format("2006-01-02 15:04 MST"))
	case TakesOver:
		return fmt.Sprintf("What was told as %s is about %s.", d.before.Name, render.SubjectName(f.Subject))
	case Superseded:
		if d.heir != nil {
			return fmt.Sprintf("Finding %s stands in place of this one: %s", d.heir.Finding.ID, d.heir.Finding.Summary)
		}
		return fmt.Sprintf("Finding %s stands in place of this one.", d.news.Case.SupersededBy)
	case Withdrawn:
		return "With what came later, the evidence makes no finding any more."
	}
	return ""
}

func changed(what, from, to string) string {
	return fmt.Sprintf("The %s changed from %s to %s.", what, strings.ReplaceAll(from, "_", " "), strings.ReplaceAll(to, "_", " "))
}

// broke says what a cut-off broke since the last message.
func (d decision) broke() string {
	if len(d.news.Broken) <= d.told.Broken {
		return ""
	}
	var names []string
	for _, b := range d.news.Broken[d.told.Broken:] {
		names = append(names, b.Name)
	}
	return "This also broke " + enumerate(names) + "; that is told here and not by itself."
}

// enumerate lists the first names, and counts the others.
func enumerate(names []string) string {
	const most = 10
	if n := len(names) - most; n > 0 {
		names = append(names[:most:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}
