package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/render"
)

const width = 80

// Text writes an examination for people, 80 columns wide: problems first, each
// with what mends it, then what could not be checked, advice, and what is fine.
func Text(w io.Writer, e Examination) error {
	var b strings.Builder
	b.WriteString(render.Paragraph("", e.summary()))
	explained := map[string]bool{}
	for _, f := range e.Findings {
		if f.Status == Problem || f.Status == Advice {
			f.write(&b, explained)
		}
		if f.Status == Unchecked && !explained["unchecked"] {
			explained["unchecked"] = true
			e.unchecked(&b)
		}
	}
	e.fine(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write examination: %w", err)
	}
	return nil
}

// summary is the line that must be enough.
func (e Examination) summary() string {
	what := "stack " + e.Facts.Stack
	if e.Facts.Before {
		what = "before a deployment"
	}
	counts := e.Counts()
	if e.Sound() {
		counts = strings.TrimSuffix("all is well, "+counts, ", ")
	}
	return fmt.Sprintf("Account %s, home Region %s, %s: %s.", e.Facts.Account, e.Facts.Home, what, counts)
}

// Counts says how much is not fine.
func (e Examination) Counts() string {
	var counts []string
	for _, c := range []struct {
		status    Status
		one, many string
	}{
		{Problem, "problem", "problems"},
		{Unchecked, "thing not checked", "things not checked"},
		{Advice, "piece of advice", "pieces of advice"},
	} {
		switch n := e.Count(c.status); n {
		case 0:
		case 1:
			counts = append(counts, "1 "+c.one)
		default:
			counts = append(counts, fmt.Sprintf("%d %s", n, c.many))
		}
	}
	return strings.Join(counts, ", ")
}

// write writes a finding with what mends it. Why it matters is said once for
// each check, and so are equal fixes.
func (f Finding) write(b *strings.Builder, explained map[string]bool) {
	b.WriteByte('\n')
	b.WriteString(render.Paragraph(strings.ToUpper(string(f.Status))+"  ", sentence(f.Seen)))
	if !explained[f.Check] {
		explained[f.Check] = true
		b.WriteString(render.Paragraph("  ", f.Why))
	}
	fixes := f.Fix
	if key := f.Check + "\x00" + f.Region + strings.Join(fixes, "\x00"); explained[key] {
		fixes = []string{"The same puts it right."}
	} else {
		explained[key] = true
	}
	for _, fix := range fixes {
		if text, ok := strings.CutPrefix(fix, "$ "); ok {
			b.WriteString(broken(text))
		} else {
			b.WriteString(render.Paragraph("  → ", fix))
		}
	}
	b.WriteString("  " + f.place() + "\n")
}

// place is where a finding belongs.
func (f Finding) place() string {
	if f.Region == "" {
		return "[" + f.Check + "]"
	}
	return "[" + f.Check + ", " + f.Region + "]"
}

// sentence makes a sentence of what was seen. A name at its beginning stays as
// it is.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	word, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(word, "-/:") {
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	return s + "."
}

// broken is a command in lines that a shell takes as one. It is broken before
// options alone, which stand outside quotes in all commands that are given.
func broken(text string) string {
	const indent = "    "
	var b strings.Builder
	line := indent
	for i, part := range options(render.Printable(text)) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(part)+2 > width {
			b.WriteString(line + " \\\n")
			line = indent + indent + part
			continue
		}
		if i > 0 {
			line += " "
		}
		line += part
	}
	return b.String() + line + "\n"
}

// options splits a command before its options, but not within quotes.
func options(text string) []string {
	var list []string
	quote := rune(0)
	start := 0
	for i, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == ' ' && strings.HasPrefix(text[i:], " --"):
			list = append(list, text[start:i])
			start = i + 1
		}
	}
	return append(list, text[start:])
}

// unchecked lists what is missing, and what for.
func (e Examination) unchecked(b *strings.Builder) {
	b.WriteString("\nNOT CHECKED\n")
	var order []string
	checks := map[string][]string{}
	denied := false
	for _, f := range e.Findings {
		if f.Status != Unchecked {
			continue
		}
		denied = denied || f.Permission != ""
		reason := f.Seen
		if f.Region != "" {
			reason += " in " + f.Region
		}
		if checks[reason] == nil {
			order = append(order, reason)
		}
		if !slices.Contains(checks[reason], f.Check) {
			checks[reason] = append(checks[reason], f.Check)
		}
	}
	for _, reason := range order {
		b.WriteString(render.Paragraph("  ", strings.Join(checks[reason], ", ")+": "+reason))
	}
	if denied {
		b.WriteString(render.Paragraph("  → ", "`trailverdict doctor --policy` prints a policy with all permissions that are needed; none of them changes anything."))
	}
}

func (e Examination) fine(b *strings.Builder) {
	if e.Count(OK) == 0 {
		return
	}
	b.WriteString("\nFINE\n")
	for _, f := range e.Findings {
		if f.Status != OK {
			continue
		}
		text := f.Title
		if f.Seen != "" {
			text += ": " + f.Seen
		}
		b.WriteString(render.Paragraph(fmt.Sprintf("  %-17s ", f.Check), text))
	}
}

// Schema names the shape of an examination in JSON.
const Schema = "trailverdict.doctor/v1"

type wireExamination struct {
	Schema    string        `json:"schema"`
	Account   string        `json:"account"`
	Partition string        `json:"partition"`
	Home      string        `json:"homeRegion"`
	Stack     string        `json:"stack"`
	Before    bool          `json:"before"`
	Sound     bool          `json:"sound"`
	Regions   []string      `json:"regions"`
	Findings  []wireFinding `json:"findings"`
}

type wireFinding struct {
	Check      string   `json:"check"`
	Status     string   `json:"status"`
	Title      string   `json:"title"`
	Region     string   `json:"region,omitempty"`
	Seen       string   `json:"seen,omitempty"`
	Why        string   `json:"why,omitempty"`
	Fix        []string `json:"fix"`
	Permission string   `json:"permission,omitempty"`
}

// JSON writes an examination as one line. Commands begin with "$ ".
func JSON(w io.Writer, e Examination) error {
	out := wireExamination{
		Schema: Schema, Account: e.Facts.Account, Partition: e.Facts.Partition, Home: e.Facts.Home, Stack: e.Facts.Stack,
		Before: e.Facts.Before, Sound: e.Sound(), Regions: e.Facts.Looked, Findings: []wireFinding{},
	}
	for _, f := range e.Findings {
		out.Findings = append(out.Findings, wireFinding{
			f.Check, string(f.Status), f.Title, f.Region, f.Seen, f.Why, append([]string{}, f.Fix...), f.Permission,
		})
	}
	return render.JSONLine(w, out)
}

// Permissions are all that the checks need to read.
func Permissions() []string {
	var list []string
	for _, c := range Checks() {
		list = append(list, c.Needs...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
