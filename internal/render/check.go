package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// CheckSchema names the shape of a check in JSON. It changes with the shape.
const CheckSchema = "trailverdict.check/v1"

// check is a check as JSON. What is not known is absent.
type check struct {
	Schema   string  `json:"schema,omitempty"`
	Check    string  `json:"check"`
	Account  string  `json:"account"`
	Region   string  `json:"region"`
	Subject  subject `json:"subject"`
	Time     string  `json:"time"`
	EventID  string  `json:"eventId"`
	Actor    string  `json:"actor,omitempty"`
	SourceIP string  `json:"sourceIPAddress,omitempty"`
	Fact     string  `json:"fact"`
	Fix      string  `json:"fix"`
}

func wireCheck(c incident.Check) check {
	return check{
		Check: string(c.Kind), Account: c.Account, Region: c.Region,
		Subject: subject{Type: string(c.Subject.Type), Name: c.Subject.Name, ARN: c.Subject.ARN, AccessKeyIDs: list(c.Subject.AccessKeyIDs)},
		Time:    stamp(c.Time), EventID: c.EventID, Actor: c.Actor, SourceIP: c.SourceIP, Fact: c.Fact, Fix: c.Fix,
	}
}

// CheckJSON writes a check as one line.
func CheckJSON(w io.Writer, c incident.Check) error {
	out := wireCheck(c)
	out.Schema = CheckSchema
	return JSONLine(w, out)
}

// ChecksText writes checks for people, 80 columns wide, kind by kind.
func ChecksText(w io.Writer, checks []incident.Check) error {
	t := &text{}
	t.checks(checks, maxChecks)
	if len(checks) == 0 {
		t.WriteString("Nothing lies beyond the guard rails that are looked at.\n")
	}
	if _, err := io.WriteString(w, strings.TrimPrefix(t.String(), "\n")); err != nil {
		return fmt.Errorf("write checks: %w", err)
	}
	return nil
}

// CheckName says in people's words what is beyond which guard rail.
func CheckName(k incident.CheckKind) string {
	switch k {
	case incident.SessionDuration:
		return "long sessions"
	case incident.OIDCSubject:
		return "tokens of any subject"
	case incident.StaticKeys:
		return "access keys in environments"
	case incident.CIKeys:
		return "long-lived keys of pipelines"
	}
	return string(k)
}

// Of the checks of a kind a person is shown the latest: so many, and a few where
// they stand beside much else.
const (
	maxChecks = 20
	fewChecks = 3
)

// ChecksOf are the checks of a kind that a page shows, the latest, and how many
// older ones there are.
func ChecksOf(k incident.CheckKind, checks []incident.Check) (shown []incident.Check, more int) {
	return latestOf(k, checks, maxChecks)
}

func latestOf(k incident.CheckKind, checks []incident.Check, most int) (shown []incident.Check, more int) {
	for _, c := range checks {
		if c.Kind == k {
			shown = append(shown, c)
		}
	}
	more = max(0, len(shown)-most)
	return shown[more:], more
}

// checkCounts counts checks by guard rail, as words.
func checkCounts(checks []incident.Check) string {
	var words []string
	for _, k := range incident.CheckKinds {
		if shown, _ := latestOf(k, checks, len(checks)); len(shown) > 0 {
			words = append(words, fmt.Sprintf("%s (%d)", CheckName(k), len(shown)))
		}
	}
	return strings.Join(words, ", ")
}

func (t *text) checks(checks []incident.Check, most int) {
	for _, k := range incident.CheckKinds {
		shown, more := latestOf(k, checks, most)
		if len(shown) == 0 {
			continue
		}
		fmt.Fprintf(t, "\nGuard rail: %s (%d)\n", CheckName(k), len(shown)+more)
		if more > 0 {
			t.paragraph("  ", fmt.Sprintf("%d older ones are in the JSON alone.", more))
		}
		for _, c := range shown {
			t.paragraph("  - ", c.Fact+".")
			t.paragraph("    ", CheckWho(c)+".")
		}
		t.paragraph("  ", "What to do: "+shown[len(shown)-1].Fix+".")
	}
}

// CheckWho says when, by whom and from where.
func CheckWho(c incident.Check) string {
	s := c.Time.UTC().Format(clock) + " UTC"
	if c.Actor != "" {
		s += ", by " + c.Actor
	}
	if c.SourceIP != "" {
		s += ", from " + c.SourceIP
	}
	return OneLine(s)
}
