package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const (
	// mailWidth is what mail programs show without breaking lines again.
	mailWidth = 72
	// subjectWidth is what SNS allows: less than 100 ASCII characters.
	subjectWidth = 99
	// mailedEvidence is how many facts of a side a mail shows at most: the
	// weightiest. The JSON form has them all.
	mailedEvidence = 12
)

// EmailSubject is the subject line of a mail about a finding: ASCII on one line,
// less than 100 characters, the verdict first, since phones show only the
// beginning.
func EmailSubject(f incident.Finding, n Note) string {
	head := "[" + heading(f.Verdict) + "] "
	cause := ": " + Spaced(string(f.Cause))
	tail := " (" + f.Severity.String() + ")"
	if n.isUpdate(f) {
		tail += ", update"
	}
	name := ascii(OneLine(SubjectName(f.Subject)))
	if len(head)+len(name)+len(cause)+len(tail) > subjectWidth {
		cause = ""
	}
	name = cut(name, subjectWidth-len(head)-len(cause)-len(tail), "...")
	return head + name + cause + tail
}

// ascii replaces what is not ASCII, one mark for one character.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// heading is a verdict as it leads a message.
func heading(v incident.Verdict) string { return strings.ToUpper(Spaced(string(v))) }

// Spaced is a name of ours as people write it.
func Spaced(s string) string {
	return strings.NewReplacer("_by_aws", " by AWS", "_region", " Region", "_", " ").Replace(s)
}

// Email writes the body of a mail about a finding, for a person who reads it on
// a phone: the verdict and whom it is about, what to do now, then the evidence in
// the order of time and what spoke against it. It is plain text with lines of at
// most 72 characters, and times are in UTC.
func Email(w io.Writer, f incident.Finding, n Note) error {
	var m mail
	m.paragraph("", heading(f.Verdict)+": "+SubjectName(f.Subject)+firstStep(f.NextSteps))
	m.paragraph("", assessment(f)+", "+n.place(f))
	m.WriteByte('\n')
	m.paragraph("", f.Summary)
	m.list("What is new", "", n.News)
	m.steps(f.NextSteps)
	times := timesOf(f)
	m.evidence("Why ("+times.title()+")", f.Evidence, times)
	m.evidence("What spoke against it", f.CounterEvidence, times)
	m.known(f)
	m.list("What would change the verdict", "- ", wouldChange(f)...)
	m.links(append(Links(f), Link{"What " + Spaced(string(f.Verdict)) + " means, and what to do", Playbook(f.Verdict)}))
	m.identity(f)
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return nil
}

// firstStep is what to do first, without the command for it.
func firstStep(steps []string) string {
	if steps = nonEmpty(steps); len(steps) == 0 {
		return ""
	}
	list := parts(steps[0])
	if len(list) == 0 || list[0].command {
		return ""
	}
	said := strings.TrimRight(list[0].text, " :.(")
	if strings.HasSuffix(said, "?") {
		return ". " + said
	}
	return ". " + said + "."
}

// mail is a body as it is being written.
type mail struct{ strings.Builder }

func (m *mail) section(title string) { m.WriteString("\n" + strings.ToUpper(title) + "\n") }

// paragraph writes s after a prefix. Words that are longer than a line are cut,
// since a name that somebody chose must not spoil the form.
func (m *mail) paragraph(prefix, s string) {
	room := mailWidth - columns(prefix)
	var list []string
	for _, word := range strings.Fields(Printable(s)) {
		for columns(word) > room {
			at := cutAt(word, room)
			list = append(list, word[:at])
			word = word[at:]
		}
		list = append(list, word)
	}
	m.WriteString(fold(prefix, list, mailWidth))
}

// list writes a section with a paragraph for each item that says something.
func (m *mail) list(title, mark string, items ...string) {
	for n, item := range nonEmpty(items) {
		if n == 0 {
			m.section(title)
		}
		m.paragraph(mark, item)
	}
}

func nonEmpty(items []string) []string {
	var list []string
	for _, s := range items {
		if strings.TrimSpace(s) != "" {
			list = append(list, s)
		}
	}
	return list
}

// steps writes what to do. A command that a sentence leads up to stands on lines
// of its own that can be copied; one within a sentence stays there.
func (m *mail) steps(steps []string) {
	for n, step := range nonEmpty(steps) {
		if n == 0 {
			m.section("Do now")
		}
		m.step(fmt.Sprintf("%d. ", n+1), parts(step))
	}
}

func (m *mail) step(number string, parts []part) {
	indent := strings.Repeat(" ", len(number))
	said := ""
	say := func() {
		if said = strings.TrimSpace(said); said != "" {
			m.paragraph(number, said)
			number = indent
		}
		said = ""
	}
	for _, p := range parts {
		switch {
		case p.command && leadsUp(said, number == indent):
			say()
			for _, line := range shellLines(indent, p.text, mailWidth) {
				m.WriteString(line + "\n")
			}
		case p.command:
			said += "`" + p.text + "`"
		case said == "":
			said = strings.TrimLeft(p.text, "; ")
		default:
			said += p.text
		}
	}
	say()
}

// leadsUp reports whether a command follows that is not a part of the sentence:
// after a colon, or after another such command.
func leadsUp(said string, begun bool) bool {
	said = strings.TrimSpace(said)
	return strings.HasSuffix(said, ":") || said == "" && begun
}

// evidence writes facts in the order of time.
func (m *mail) evidence(title string, facts []incident.Evidence, times eventTimes) {
	if len(facts) == 0 {
		return
	}
	m.section(title)
	shown := weightiest(facts, min(len(facts), mailedEvidence))
	for _, e := range shown {
		if day := times.turns(e.Time); day != "" {
			m.WriteString(day + "\n")
		}
		m.paragraph("  "+times.of(e.Time)+"  ", e.Fact)
	}
	if n := len(facts) - len(shown); n > 0 {
		fmt.Fprintf(m, "  and %d more of less weight\n", n)
	}
}

// known is the rhythm and the reach of the incident, where they are known.
func (m *mail) known(f incident.Finding) {
	if f.Interval != nil {
		m.list("Rhythm", "", rhythm(*f.Interval, time.Time{}))
	}
	if f.BlastRadius != nil {
		m.list("Reach", "", reach(*f.BlastRadius, f.FirstSeen, time.Time{}))
	}
}

// links stand whole, so that a mail program makes them something to follow.
func (m *mail) links(links []Link) {
	for n, l := range links {
		if n == 0 {
			m.section("Where to look")
		}
		m.paragraph("", l.Title)
		m.WriteString(l.URL + "\n")
	}
}

// identity is what other systems need to find the finding again.
func (m *mail) identity(f incident.Finding) {
	m.section("Details")
	m.paragraph("", string(f.Cause)+", seen "+When(f.FirstSeen, f.LastSeen))
	if len(f.Subject.AccessKeyIDs) > 0 {
		m.paragraph("keys ", strings.Join(f.Subject.AccessKeyIDs, " "))
	}
	if len(f.Subject.Workloads) > 0 {
		m.paragraph("workloads ", strings.Join(f.Subject.Workloads, ", "))
	}
	if len(f.ATTACK) > 0 {
		m.paragraph("ATT&CK ", strings.Join(f.ATTACK, " "))
	}
	m.paragraph("", fmt.Sprintf("finding %s, revision %d, %s", f.ID, f.Revision, f.Status))
}
