package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// TextOptions say how much of a finding is written, and how.
type TextOptions struct {
	// Color marks the verdict with ANSI escape sequences.
	Color bool
	// Verbose writes all evidence, with event ids, actors and weights, and what
	// would change the verdict.
	Verbose bool
	// AsOf is what times are also told relative to; without it they are not.
	AsOf time.Time
	// Suppression is set for a finding that is written though it is suppressed.
	Suppression *incident.Suppression
}

const (
	width = 80
	// shownEvidence is how many facts of a side are shown unless all are asked
	// for: the weightiest.
	shownEvidence = 5
	shownSteps    = 3
	clock         = "2006-01-02 15:04:05"
)

// Text writes a finding for people, 80 columns wide: the verdict and whom it is
// about first, then what to do, then why.
func Text(w io.Writer, f incident.Finding, o TextOptions) error {
	t := &text{verbose: o.Verbose, asOf: o.AsOf}
	t.heading(f, o.Color)
	t.paragraph("  ", f.Summary)
	if s := o.Suppression; s != nil {
		t.paragraph("  ", fmt.Sprintf("Suppressed until %s: %s", s.Until.UTC().Format(clock), s.Reason))
	}
	t.steps(f.NextSteps)
	times := timesOf(f)
	t.evidence("Why ("+times.title()+")", f.Evidence, times)
	t.evidence("What spoke against it", f.CounterEvidence, times)
	t.known(f)
	if o.Verbose {
		t.list("What would change the verdict", wouldChange(f))
		t.links(Links(f))
	} else if len(f.Capped) > 0 {
		t.section("Not all evidence could be weighed; -v says what was left out")
	}
	t.identity(f)
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write finding: %w", err)
	}
	return nil
}

// text is a finding as it is being written.
type text struct {
	strings.Builder
	verbose bool
	asOf    time.Time
}

// heading is the one line that must be enough: what, who, how bad, how sure.
func (t *text) heading(f incident.Finding, color bool) {
	verdict := strings.ToUpper(strings.ReplaceAll(string(f.Verdict), "_", " "))
	left := verdict + "  " + OneLine(SubjectName(f.Subject))
	right := fmt.Sprintf("%s, %s sure", f.Severity, Percent(f.Confidence))
	gap := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(left)-utf8.RuneCountInString(right)))
	if len(gap) < 2 {
		gap = "\n  "
	}
	if color {
		left = Painted(f.Verdict, verdict) + left[len(verdict):]
	}
	t.WriteString(left + gap + right + "\n")
}

// OneLine is s without anything that could make it look like several lines:
// escaped, and with single spaces.
func OneLine(s string) string { return strings.Join(strings.Fields(Printable(s)), " ") }

// SubjectName names a subject as people do: "role payments-api".
func SubjectName(s incident.Subject) string {
	kind := strings.ReplaceAll(string(s.Type), "_", " ")
	if s.Type == incident.Federated {
		kind = "federated identity"
	}
	return kind + " " + s.Name
}

// Count is a number of things, by a name that takes an s.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Percent writes a probability, and never says that anything is certain.
func Percent(p float64) string {
	return fmt.Sprintf("%.0f %%", min(99, max(1, 100*rounded(p, 1000))))
}

// Painted is s in a verdict's colour.
func Painted(v incident.Verdict, s string) string { return paint(v) + s + plain }

const plain = "\x1b[0m"

// paint is the escape sequence that starts a verdict's colour.
func paint(v incident.Verdict) string {
	switch v {
	case incident.Compromise:
		return "\x1b[1;31m" // red
	case incident.Inconclusive:
		return "\x1b[1;33m" // yellow
	case incident.Misconfiguration, incident.Expiry:
		return "\x1b[1;36m" // cyan
	}
	return "\x1b[1;32m" // green
}

// steps are what to do. The first ones are the urgent ones.
func (t *text) steps(steps []string) {
	if len(steps) == 0 {
		return
	}
	t.section("Do now")
	shown := steps
	if !t.verbose && len(steps) > shownSteps+1 {
		shown = steps[:shownSteps]
	}
	for i, s := range shown {
		t.paragraph(fmt.Sprintf("    %d. ", i+1), s)
	}
	t.more(len(steps) - len(shown))
}

// more says how many entries of a list are not shown.
func (t *text) more(n int) {
	if n > 0 {
		fmt.Fprintf(t, "    … and %d more (-v shows all)\n", n)
	}
}

func (t *text) section(title string) { fmt.Fprintf(t, "\n  %s\n", title) }

// evidence are facts in the order of time.
func (t *text) evidence(title string, facts []incident.Evidence, times eventTimes) {
	if len(facts) == 0 {
		return
	}
	t.section(title)
	shown := weightiest(facts, t.limit(len(facts)))
	for _, e := range shown {
		if day := times.turns(e.Time); day != "" {
			t.WriteString("    " + day + "\n")
		}
		prefix := "    " + times.of(e.Time) + "  "
		t.paragraph(prefix, e.Fact)
		if t.verbose {
			t.origin(strings.Repeat(" ", columns(prefix)), e)
		}
	}
	t.more(len(facts) - len(shown))
}

// limit is how many of n facts are shown. One more than usual is shown rather
// than announced.
func (t *text) limit(n int) int {
	if t.verbose || n <= shownEvidence+1 {
		return n
	}
	return shownEvidence
}

// weightiest returns the n weightiest facts, in the order of time.
func weightiest(facts []incident.Evidence, n int) []incident.Evidence {
	sorted := slices.Clone(facts)
	slices.SortStableFunc(sorted, func(a, b incident.Evidence) int { return cmp.Compare(b.Weight, a.Weight) })
	sorted = sorted[:n]
	slices.SortStableFunc(sorted, func(a, b incident.Evidence) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.EventID, b.EventID))
	})
	return sorted
}

// origin is where a fact comes from, and what it weighed.
func (t *text) origin(indent string, e incident.Evidence) {
	if e.Actor != "" {
		t.paragraph(indent, e.Actor)
	}
	source := string(e.Signal)
	if e.SourceIP != "" {
		source = "from " + e.SourceIP + " · " + source
	}
	t.paragraph(indent, fmt.Sprintf("%s · %.2f for %s", source, e.Weight, direction(e)))
	t.paragraph(indent, "event "+e.EventID)
}

// known is the rhythm and the reach of the incident, where they are known.
func (t *text) known(f incident.Finding) {
	if i := f.Interval; i != nil {
		t.section("Rhythm")
		t.paragraph("    ", rhythm(*i))
	}
	if b := f.BlastRadius; b != nil {
		t.section("Reach")
		t.paragraph("    ", reach(*b))
	}
}

func rhythm(i incident.Interval) string {
	s := fmt.Sprintf("%d times, every %s (± %s)", i.Occurrences, incident.Span(i.Period), incident.Span(i.Jitter))
	if !i.NextExpected.IsZero() {
		s += ", next expected at " + i.NextExpected.UTC().Format(clock)
	}
	return s
}

func reach(b incident.BlastRadius) string {
	s := fmt.Sprintf("%d sessions still alive", b.LiveSessions)
	if b.LiveSessions == 1 {
		s = "1 session still alive"
	}
	if !b.Until.IsZero() {
		s += " until " + b.Until.UTC().Format(clock)
	}
	if len(b.Principals) > 0 {
		s += "; principals: " + some(b.Principals)
	}
	if len(b.Services) > 0 {
		s += "; services used: " + strings.Join(b.Services, ", ")
	}
	return s
}

// some lists names, of very many the first ones.
func some(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (t *text) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	t.section(title)
	for _, s := range items {
		t.paragraph("    - ", s)
	}
}

// links stand whole, so that they can be followed.
func (t *text) links(links []Link) {
	for n, l := range links {
		if n == 0 {
			t.section("Where to look")
		}
		t.paragraph("    ", l.Title)
		t.WriteString("      " + l.URL + "\n")
	}
}

// identity is what other systems need to find the finding again.
func (t *text) identity(f incident.Finding) {
	parts := []string{string(f.Cause), "account " + f.Account}
	if f.Region != "" {
		parts = append(parts, f.Region)
	}
	if len(f.Subject.AccessKeyIDs) == 1 {
		parts = append(parts, "key "+f.Subject.AccessKeyIDs[0])
	} else if n := len(f.Subject.AccessKeyIDs); n > 1 {
		parts = append(parts, fmt.Sprintf("%d keys", n))
	}
	parts = append(parts, When(f.FirstSeen, f.LastSeen)+ago(f.LastSeen, t.asOf), fmt.Sprintf("revision %d, %s", f.Revision, f.Status), f.ID)
	if t.verbose {
		if len(f.Subject.AccessKeyIDs) > 1 {
			parts = append(parts, "keys "+strings.Join(f.Subject.AccessKeyIDs, " "))
		}
		if len(f.ATTACK) > 0 {
			parts = append(parts, "ATT&CK "+strings.Join(f.ATTACK, " "))
		}
	}
	t.WriteByte('\n')
	t.paragraph("  ", strings.Join(parts, " · "))
}

// ago is how long before asOf something was, after a comma; nothing if asOf is not
// known.
func ago(last, asOf time.Time) string {
	if asOf.IsZero() {
		return ""
	}
	return ", " + Relative(last, asOf)
}

// When is a time or a range of times, naming the day once.
func When(first, last time.Time) string {
	first, last = first.UTC(), last.UTC()
	s := first.Format(clock)
	switch {
	case last.Equal(first):
	case last.Format(time.DateOnly) == first.Format(time.DateOnly):
		s += " to " + last.Format(time.TimeOnly)
	default:
		s += " to " + last.Format(clock)
	}
	return s + " UTC"
}

func (t *text) paragraph(prefix, s string) { t.WriteString(Paragraph(prefix, s)) }

// Paragraph is s after a prefix, harmless and broken into lines of 80 columns,
// the further ones beneath its beginning.
func Paragraph(prefix, s string) string {
	return fold(prefix, words(Printable(s)), width)
}

// fold writes words after a prefix, in lines of the given width, the further
// ones beneath the first word.
func fold(prefix string, words []string, width int) string {
	var b strings.Builder
	b.WriteString(prefix)
	indent := utf8.RuneCountInString(prefix)
	column := indent
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
	return b.String()
}

// words splits s at spaces, but not inside `…`, which holds a command that has
// to survive being copied.
func words(s string) []string {
	var list []string
	command := false
	for _, word := range strings.Fields(s) {
		if command {
			list[len(list)-1] += " " + word
		} else {
			list = append(list, word)
		}
		if strings.Count(word, "`")%2 == 1 {
			command = !command
		}
	}
	return list
}
