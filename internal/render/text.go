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
	// Silence is why nobody hears of a finding that is written nevertheless.
	Silence string
}

const (
	width = 80
	clock = "2006-01-02 15:04:05"
)

// What is shown unless all is asked for, so that a finding fits on a screen: the
// weightiest facts of either side, and the first steps, in as many rows.
const (
	shownFor     = 3
	shownAgainst = 1
	shownSteps   = 8
)

// Text writes a finding for people, 80 columns wide: the verdict and whom it is
// about first, then what to do, then why.
func Text(w io.Writer, f incident.Finding, o TextOptions) error {
	t := &text{verbose: o.Verbose, asOf: o.AsOf}
	why, against := t.limited(f.Evidence, shownFor), t.limited(f.CounterEvidence, shownAgainst)
	t.heading(f, o.Color)
	if o.Verbose {
		t.paragraph("  ", f.Summary)
	} else {
		t.paragraph("  ", withoutFact(f.Summary, why))
	}
	t.silenced(o.Silence)
	t.doNow(f.NextSteps)
	times := timesOf(f)
	t.evidence("Why ("+times.title()+ago(f.FirstSeen, o.AsOf)+")", why, times)
	t.evidence("What spoke against it", against, times)
	t.facts += len(f.Evidence) + len(f.CounterEvidence) - len(why) - len(against)
	t.known(f)
	if o.Verbose {
		t.list("What would change the verdict", wouldChange(f))
		t.links(Links(f))
	}
	t.identity(f)
	return t.writeTo(w)
}

// Headline writes a finding in a few lines: the verdict, whom it is about, and
// what happened.
func Headline(w io.Writer, f incident.Finding, o TextOptions) error {
	t := &text{asOf: o.AsOf}
	t.heading(f, o.Color)
	t.paragraph("  ", f.Summary)
	t.silenced(o.Silence)
	return t.writeTo(w)
}

// withoutFact is a summary without the fact at its end, if that stands among
// those that follow.
func withoutFact(summary string, facts []incident.Evidence) string {
	for _, e := range facts {
		if s, ok := strings.CutSuffix(summary, ": "+e.Fact+"."); ok {
			return s + "."
		}
	}
	return summary
}

// text is a finding as it is being written.
type text struct {
	strings.Builder
	verbose bool
	asOf    time.Time
	// How many steps and facts are not shown.
	steps, facts int
}

func (t *text) writeTo(w io.Writer) error {
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write finding: %w", err)
	}
	return nil
}

func (t *text) silenced(why string) {
	if why != "" {
		t.paragraph("  ", "Suppressed "+OneLine(why))
	}
}

// heading is the one line that must be enough: what, who, how bad, how sure.
func (t *text) heading(f incident.Finding, color bool) {
	verdict := heading(f.Verdict)
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
	if s.Type != incident.Federated {
		return Spaced(string(s.Type)) + " " + s.Name
	}
	for _, kind := range []string{":oidc-provider/", ":saml-provider/"} {
		if _, name, ok := strings.Cut(s.Name, kind); ok {
			return "identity provider " + name
		}
	}
	return "federated identity " + s.Name
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

// doNow is what to do. The first steps are the urgent ones.
func (t *text) doNow(steps []string) {
	if len(steps) == 0 {
		return
	}
	t.section("Do now")
	rows := 0
	for i, s := range steps {
		step := Paragraph(fmt.Sprintf("    %d. ", i+1), s)
		if rows += onScreen(step); i > 0 && rows > shownSteps && !t.verbose {
			t.steps = len(steps) - i
			return
		}
		t.WriteString(step)
	}
}

// onScreen is how many rows lines take on a terminal of 80 columns. A command
// stays in one line, which a terminal breaks.
func onScreen(lines string) int {
	n := 0
	for line := range strings.Lines(lines) {
		n += max(1, (columns(strings.TrimSuffix(line, "\n"))+width-1)/width)
	}
	return n
}

// more says how many steps and facts are not shown.
func (t *text) more() {
	switch {
	case t.steps > 0 && t.facts > 0:
		t.paragraph("  ", fmt.Sprintf("… %s, %s, -v shows them", Count(t.steps, "more step"), Count(t.facts, "more fact")))
	case t.steps > 0:
		t.paragraph("  ", More(t.steps, "step"))
	case t.facts > 0:
		t.paragraph("  ", More(t.facts, "fact"))
	}
}

// More says that there are more things than were shown, and how they are.
func More(n int, thing string) string {
	switch {
	case n == 1:
		return strings.TrimSpace("… 1 more "+thing) + ", -v shows it"
	case thing == "":
		return fmt.Sprintf("… %d more, -v shows them", n)
	}
	return fmt.Sprintf("… %d more %ss, -v shows them", n, thing)
}

func (t *text) section(title string) { fmt.Fprintf(t, "\n  %s\n", title) }

// evidence are facts in the order of time.
func (t *text) evidence(title string, facts []incident.Evidence, times eventTimes) {
	if len(facts) == 0 {
		return
	}
	t.section(title)
	for _, e := range facts {
		if day := times.turns(e.Time); day != "" {
			t.WriteString("    " + day + "\n")
		}
		prefix := "    " + times.of(e.Time) + "  "
		t.paragraph(prefix, e.Fact)
		if t.verbose {
			t.origin(strings.Repeat(" ", columns(prefix)), e)
		}
	}
}

// limited are the weightiest facts, unless all are asked for.
func (t *text) limited(facts []incident.Evidence, most int) []incident.Evidence {
	if t.verbose {
		most = len(facts)
	}
	return weightiest(facts, min(len(facts), most))
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

// known is the rhythm and the reach of the incident, where they are known, and
// what of the evidence could not be weighed.
func (t *text) known(f incident.Finding) {
	t.WriteByte('\n')
	if i := f.Interval; i != nil {
		t.paragraph("  Rhythm  ", rhythm(*i, t.asOf))
	}
	if b := f.BlastRadius; b != nil && t.verbose {
		t.paragraph("  Reach   ", reach(*b, f.FirstSeen, t.asOf))
	} else if b != nil {
		t.paragraph("  Reach   ", reachInShort(*b, f.FirstSeen, t.asOf))
	}
	if len(f.Capped) > 0 && !t.verbose {
		t.paragraph("  Mind    ", "not all evidence could be weighed; -v says what was left out")
	}
	t.more()
}

func rhythm(i incident.Interval, asOf time.Time) string {
	s := fmt.Sprintf("%d times, every %s (± %s)", i.Occurrences, incident.Span(i.Period), incident.Span(i.Jitter))
	if !i.NextExpected.IsZero() {
		s += fmt.Sprintf(", next expected at %s UTC", i.NextExpected.UTC().Format(clock)) + ago(i.NextExpected, asOf)
	}
	return s
}

// reach says whom and what a credential reaches, and how long yet: counted from
// now, and from the incident's first event where there is no now.
func reach(b incident.BlastRadius, first, asOf time.Time) string {
	s := alive(b, first, asOf)
	if len(b.Principals) > 0 {
		s += "; principals: " + some(b.Principals)
	}
	if len(b.Services) > 0 {
		s += "; services used: " + strings.Join(b.Services, ", ")
	}
	return s
}

func reachInShort(b incident.BlastRadius, first, asOf time.Time) string {
	s := alive(b, first, asOf)
	if n := len(b.Principals); n > 1 {
		s += "; " + Count(n, "principal")
	}
	return s
}

func alive(b incident.BlastRadius, first, asOf time.Time) string {
	live := Count(b.LiveSessions, "session") + " still alive"
	until := b.Until.UTC().Format(clock) + " UTC"
	switch {
	case b.LiveSessions == 0:
		return "no session still alive"
	case b.Until.IsZero():
		return live
	case asOf.IsZero():
		return strings.TrimSuffix(fmt.Sprintf("%s until %s (%s)", live, until, since(b.Until, first)), " ()")
	case b.Until.Before(asOf):
		return fmt.Sprintf("no session still alive; the last of %d ended %s (%s)", b.LiveSessions, until, Relative(b.Until, asOf))
	}
	return fmt.Sprintf("%s until %s (%s)", live, until, Relative(b.Until, asOf))
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

// identity is what other systems need to find the finding again, and how it stands.
func (t *text) identity(f incident.Finding) {
	parts := []string{fmt.Sprintf("%s, %s", f.Cause, f.Status), "account " + f.Account}
	if f.Region != "" {
		parts = append(parts, f.Region)
	}
	if len(f.Subject.AccessKeyIDs) == 1 {
		parts = append(parts, "key "+f.Subject.AccessKeyIDs[0])
	} else if n := len(f.Subject.AccessKeyIDs); n > 1 {
		parts = append(parts, fmt.Sprintf("%d keys", n))
	}
	if t.verbose {
		parts = append(parts, fmt.Sprintf("revision %d", f.Revision), When(f.FirstSeen, f.LastSeen)+ago(f.LastSeen, t.asOf))
	} else if f.LastSeen.After(f.FirstSeen) {
		parts = append(parts, "until "+strings.TrimPrefix(f.LastSeen.UTC().Format(clock), f.FirstSeen.UTC().Format(time.DateOnly)+" ")+ago(f.LastSeen, t.asOf))
	}
	parts = append(parts, f.ID)
	if t.verbose {
		if len(f.Subject.AccessKeyIDs) > 1 {
			parts = append(parts, "keys "+strings.Join(f.Subject.AccessKeyIDs, " "))
		}
		for _, tag := range f.Subject.Tags {
			parts = append(parts, "tag "+OneLine(tag.Key+"="+tag.Value))
		}
		if len(f.ATTACK) > 0 {
			parts = append(parts, "ATT&CK "+strings.Join(f.ATTACK, " "))
		}
	}
	if t.verbose {
		t.WriteByte('\n')
	}
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
	return fold(prefix, Words(Printable(s)), width)
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

// Words splits s at spaces, but not inside `…`, which holds a command that has
// to survive being copied.
func Words(s string) []string {
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
