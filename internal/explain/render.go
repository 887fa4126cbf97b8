package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/trailverdict/trailverdict/internal/render"
)

// TextOptions say how much of an answer is written, and how.
type TextOptions struct {
	Color   bool
	Verbose bool // all checks, and what the answer rests on
}

// shownChecks is how many checks are shown unless all are asked for.
const shownChecks = 3

// Text writes an answer for people, 80 columns wide: the likely cause first,
// then what to check, in order, then what mends it; that before the checks if the
// text alone decides.
func Text(w io.Writer, a Answer, o TextOptions) error {
	var b strings.Builder
	b.WriteString(a.heading(o.Color))
	b.WriteString(render.Paragraph("  ", a.Why))
	if a.Exposed != "" {
		b.WriteString(render.Paragraph("  ", "The text holds a secret in clear ("+render.Spaced(a.Exposed)+"). Whoever saw it can use it: switch the credential off, and delete it where the text was taken from. It is not repeated here."))
	}
	if facts := a.facts(); facts != "" {
		b.WriteString(render.Paragraph("  ", facts))
	}
	if a.Sure == Certain { // then what to do comes first
		a.writeFix(&b, o.Verbose)
		a.writeChecks(&b, o.Verbose)
	} else {
		a.writeChecks(&b, o.Verbose)
		a.writeFix(&b, o.Verbose)
	}
	if a.Myth != "" {
		b.WriteString("\n" + render.Paragraph("  ", "Mind: "+a.Myth))
	}
	if o.Verbose {
		b.WriteString("\n" + render.Paragraph("  Ground: ", a.Source))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// heading is the line that must be enough.
func (a Answer) heading(color bool) string {
	lead := a.lead()
	s := render.Paragraph(lead+"  ", a.Title)
	if color && a.Verdict != "" {
		s = render.Painted(a.Verdict, lead) + s[len(lead):]
	}
	cause := string(a.Sure)
	if a.Cause != "" {
		cause = string(a.Cause) + ", " + cause
	}
	return s + render.Paragraph("  ", "("+cause+")")
}

func (a Answer) lead() string {
	switch {
	case a.Topic == "":
		return "UNKNOWN"
	case a.Verdict == "":
		return "NOT THE CREDENTIAL"
	}
	return strings.ToUpper(render.Spaced(string(a.Verdict)))
}

// facts are what the text names.
func (a Answer) facts() string {
	var parts []string
	add := func(title, value string) {
		if value != "" {
			parts = append(parts, title+" "+value)
		}
	}
	add("code", a.Code)
	add("call", a.Operation)
	add("key", a.KeyID)
	if a.Account != "" {
		add("made in account", a.Account)
	}
	if len(parts) == 0 {
		return ""
	}
	return "The text names " + strings.Join(parts, ", ") + "."
}

func (a Answer) writeChecks(b *strings.Builder, verbose bool) {
	if len(a.Checks) == 0 {
		return
	}
	b.WriteString("\n  Check, in this order\n")
	shown := a.Checks
	if !verbose && len(shown) > shownChecks {
		shown = shown[:shownChecks]
	}
	for i, c := range shown {
		number := fmt.Sprintf("    %d. ", i+1)
		if c.command() {
			b.WriteString(number + strings.TrimLeft(render.Command("       ", c.Do), " "))
		} else {
			b.WriteString(render.Paragraph(number, c.Do))
		}
		b.WriteString(render.Paragraph("       → ", c.Means))
	}
	if n := len(a.Checks) - len(shown); n > 0 {
		b.WriteString("    " + render.More(n, "check") + "\n")
	}
}

// command reports whether what to do is a command, and no sentence.
func (c Check) command() bool { return !strings.HasPrefix(c.Do, "The ") }

func (a Answer) writeFix(b *strings.Builder, verbose bool) {
	if a.Environment == Unknown {
		if len(a.Fix) > 0 {
			b.WriteString("\n  What mends it\n")
		}
		for _, s := range a.Fix {
			b.WriteString(render.Paragraph("    - ", s))
		}
		ask := "For the steps where it happens, say --environment profile, sso, oidc, ec2, ecs, eks or lambda"
		if !verbose {
			b.WriteString("\n" + render.Paragraph("  ", ask+"; -v says how to tell."))
			return
		}
		b.WriteString("\n" + render.Paragraph("  ", ask+". `aws configure list` tells which, in the column Type:"))
		for _, s := range sources {
			b.WriteString(render.Paragraph("    ", s.Do+" → "+s.Means))
		}
		return
	}
	title := "What mends it in " + a.Environment.String()
	if a.Environment == EC2 || a.Environment == ECS || a.Environment == EKS {
		title = "What mends it on " + a.Environment.String()
	}
	if a.Guessed {
		title += " (as the text looks; --environment says otherwise)"
	}
	b.WriteString("\n" + render.Paragraph("  ", title))
	for _, s := range a.Fix {
		b.WriteString(render.Paragraph("    - ", s))
	}
}

// Schema names the shape of an answer in JSON.
const Schema = "trailverdict.explanation/v1"

type wireAnswer struct {
	Schema      string      `json:"schema"`
	Topic       string      `json:"topic,omitempty"`
	Title       string      `json:"title"`
	Verdict     string      `json:"verdict,omitempty"`
	Cause       string      `json:"cause,omitempty"`
	Sure        string      `json:"sure"`
	Why         string      `json:"why"`
	Code        string      `json:"errorCode,omitempty"`
	Operation   string      `json:"operation,omitempty"`
	KeyID       string      `json:"accessKeyId,omitempty"`
	Account     string      `json:"accountOfKey,omitempty"`
	Exposed     string      `json:"exposed,omitempty"`
	Checks      []wireCheck `json:"checks"`
	Environment string      `json:"environment,omitempty"`
	Guessed     bool        `json:"environmentGuessed,omitempty"`
	Fix         []string    `json:"fix"`
	Myth        string      `json:"myth,omitempty"`
	Source      string      `json:"source"`
}

type wireCheck struct {
	Do    string `json:"do"`
	Means string `json:"means"`
}

// JSON writes an answer as one line.
func JSON(w io.Writer, a Answer) error {
	out := wireAnswer{
		Schema: Schema, Topic: a.Topic, Title: a.Title, Verdict: string(a.Verdict), Cause: string(a.Cause), Sure: string(a.Sure), Why: a.Why,
		Code: a.Code, Operation: a.Operation, KeyID: a.KeyID, Account: a.Account, Exposed: a.Exposed, Checks: []wireCheck{},
		Environment: string(a.Environment), Guessed: a.Guessed, Fix: append([]string{}, a.Fix...), Myth: a.Myth, Source: a.Source,
	}
	for _, c := range a.Checks {
		out.Checks = append(out.Checks, wireCheck(c))
	}
	return render.JSONLine(w, out)
}
