package investigate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/render"
)

// TextOptions say how much of a result is written, and how.
type TextOptions struct {
	Color, Verbose bool
	MinSeverity    incident.Severity
}

// How much is shown unless all is asked for.
const (
	shownFindings = 3
	shownKeys     = 3
	shownCalls    = 5
	shownPlaces   = 4
	shownChildren = 4
)

// Text writes a result for people, 80 columns wide: the verdicts on what was
// asked, then the lineage of its keys, then what could not be seen.
func Text(w io.Writer, r Result, o TextOptions) error {
	t := &writer{Result: r, o: o, shown: map[string]bool{}}
	t.answer()
	if err := t.findings(t.Findings); err != nil {
		return err
	}
	t.others()
	t.lineage()
	t.further()
	t.limits()
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write investigation: %w", err)
	}
	return nil
}

// writer is a result as it is being written.
type writer struct {
	strings.Builder
	Result
	o     TextOptions
	shown map[string]bool // keys that stand above others and were written
}

func (t *writer) paragraph(prefix, s string) { t.WriteString(render.Paragraph(prefix, s)) }

// subject is what was asked about.
func (r Result) subject() string {
	switch {
	case r.Key != "":
		return "key " + r.Key
	case r.Principal.Type != "":
		return string(r.Principal.Type) + " " + r.Principal.Name
	case r.Principal.Name != "":
		return "principal " + r.Principal.Name
	}
	return "account " + r.Account
}

// grave are the findings that are grave enough.
func (t *writer) grave(list []incident.Finding) []incident.Finding {
	return slices.DeleteFunc(slices.Clone(list), func(f incident.Finding) bool { return f.Severity < t.o.MinSeverity })
}

// answer is the line that must be enough where there is no finding.
func (t *writer) answer() {
	if len(t.grave(t.Findings)) > 0 {
		return
	}
	s := "Nothing speaks of an incident of " + t.subject() + "."
	if len(t.Unread) > 0 {
		s = "Nothing that could be read speaks of an incident of " + t.subject() + "; not all could be."
	}
	if t.Key != "" && len(t.Keys) > 0 {
		s = t.keyAnswer(t.Keys[0])
	}
	if n := len(t.Findings); n > 0 {
		s += fmt.Sprintf(" %s below severity %s.", render.Count(n, "finding"), t.o.MinSeverity)
	}
	t.paragraph("", s)
}

// keyAnswer says how a key stands about which there is no finding.
func (t *writer) keyAnswer(k *Key) string {
	switch {
	case k.Owner.Name == "" && len(k.Calls) == 0:
		return fmt.Sprintf("The event history knows nothing of key %s: it was issued and used before %s, elsewhere, or never.%s", k.ID, clock(t.From), t.elsewhere(k.ID))
	case len(k.CutOffs) > 0:
		c := k.CutOffs[len(k.CutOffs)-1]
		return fmt.Sprintf("Key %s of %s was cut off %s: %s, by %s.", k.ID, name(k.Owner), render.Relative(c.Time, t.To), c.What, c.By)
	case k.Issuance != nil && !k.Issuance.Expires.IsZero() && !k.Issuance.Expires.After(t.To):
		return fmt.Sprintf("Key %s of %s reached its end %s; calls after that fail because it expired. Nobody cut it off.", k.ID, name(k.Owner), render.Relative(k.Issuance.Expires, t.To))
	case k.Issuance != nil && !k.Issuance.Expires.IsZero():
		return fmt.Sprintf("Key %s of %s is good until %s (%s). Nothing seen here cut it off.", k.ID, name(k.Owner), clock(k.Issuance.Expires), render.Relative(k.Issuance.Expires, t.To))
	}
	return fmt.Sprintf("Nothing seen here cut off key %s of %s.", k.ID, name(k.Owner))
}

// elsewhere says that a key's id names another account.
func (t *writer) elsewhere(key string) string {
	if account, ok := lineage.AccountOfKey(key); ok && account != t.Account {
		return fmt.Sprintf(" Its id says that it belongs to account %s, and this is %s.", account, t.Account)
	}
	return ""
}

func (t *writer) findings(list []incident.Finding) error {
	list = t.grave(list)
	show := list
	if !t.o.Verbose && len(show) > shownFindings+1 {
		show = show[:shownFindings]
	}
	for i, f := range show {
		if i > 0 {
			t.WriteString("\n" + strings.Repeat("─", 80) + "\n\n")
		}
		if err := render.Text(t, f, render.TextOptions{Color: t.o.Color, Verbose: t.o.Verbose, AsOf: t.To}); err != nil {
			return err
		}
	}
	if n := len(list) - len(show); n > 0 {
		fmt.Fprintf(t, "\n… and %s more (-v shows all)\n", render.Count(n, "finding"))
	}
	return nil
}

// others are findings about others, in a line each.
func (t *writer) others() {
	list := t.grave(t.Others)
	if len(list) == 0 {
		return
	}
	t.WriteString("\nMet on the way\n")
	show := list
	if !t.o.Verbose && len(show) > shownFindings+1 {
		show = show[:shownFindings]
	}
	for _, f := range show {
		t.paragraph("  - ", fmt.Sprintf("%s %s (%s), %s: %s", strings.ReplaceAll(string(f.Verdict), "_", " "), render.OneLine(render.SubjectName(f.Subject)), f.Severity, render.Relative(f.LastSeen, t.To), f.Summary))
	}
	if n := len(list) - len(show); n > 0 {
		fmt.Fprintf(t, "  … and %d more (-v shows all)\n", n)
	}
}

// lineage is the tree of each key.
func (t *writer) lineage() {
	show := t.Keys
	if !t.o.Verbose && len(show) > shownKeys+1 {
		show = show[:shownKeys]
	}
	for i, k := range show {
		title := "Lineage (times are UTC)"
		if i > 0 {
			title = ""
		}
		t.WriteString("\n")
		if title != "" {
			t.WriteString(title + "\n\n")
		}
		t.chain(k)
	}
	if n := len(t.Keys) - len(show); n > 0 {
		fmt.Fprintf(t, "\n… and %s more (-v shows all)\n", render.Count(n, "key"))
	}
}

// further says how to ask for a key's lineage, where an account was asked about.
func (t *writer) further() {
	if len(t.Keys) > 0 {
		return
	}
	for _, f := range t.grave(t.Findings) {
		if len(f.Subject.AccessKeyIDs) > 0 {
			t.WriteString("\n")
			t.paragraph("Next     ", "where the key comes from and what it did:")
			t.WriteString("         `trailverdict investigate --access-key " + render.OneLine(f.Subject.AccessKeyIDs[0]) + "`\n")
			return
		}
	}
}

// chain writes a key beneath those that it came from.
func (t *writer) chain(k *Key) {
	var above []*Key
	for p := k.Parent; p != nil; p = p.Parent {
		above = append([]*Key{p}, above...)
	}
	indent := "  "
	root := k
	if len(above) > 0 {
		root = above[0]
	}
	if root.Issuance != nil && root.Issuance.By != "" && root.Issuance.Session != "" {
		t.paragraph(indent, root.Issuance.By)
		indent += "  "
	}
	for _, p := range above {
		t.key(indent, p, false)
		indent += "  "
	}
	t.key(indent, k, true)
	t.children(indent+"  ", k)
}

func (t *writer) children(indent string, k *Key) {
	show := k.Children
	if !t.o.Verbose && len(show) > shownChildren+1 {
		show = show[:shownChildren]
	}
	for _, c := range show {
		t.key(indent, c, true)
		t.children(indent+"  ", c)
	}
	if n := len(k.Children) - len(show) + k.More; n > 0 {
		fmt.Fprintf(t, "%s… and %s more that it issued\n", indent, render.Count(n, "key"))
	}
}

// key writes a key: whose it is, then how it came, when it ends, who cut it
// off, what it did and where.
func (t *writer) key(indent string, k *Key, whole bool) {
	head := k.ID + "  " + name(k.Owner)
	if k.Issuance != nil && k.Issuance.Session != "" {
		head += ", session " + k.Issuance.Session
	}
	t.paragraph(indent+"└─ ", head)
	if !whole && t.shown[k.ID] {
		return
	}
	t.shown[k.ID] = t.shown[k.ID] || !whole
	line := func(title, text string) { t.paragraph(fmt.Sprintf("%s   %-8s ", indent, title), text) }
	t.came(k, line)
	t.end(k, line)
	for _, c := range k.CutOffs {
		line("cut off", fmt.Sprintf("%s by %s%s: %s", t.when(c.Time), c.By, from(c.From, ""), c.What))
	}
	if whole {
		t.did(k, line)
		t.used(k, line)
	}
}

func (t *writer) came(k *Key, line func(title, text string)) {
	is := k.Issuance
	switch {
	case is == nil && lineage.IDKind(k.ID) == lineage.TemporaryKey:
		line("issued", "not found: before "+clock(t.From.Add(-longestSession))+", in another Region or account, or under another id (Identity Center)")
	case is == nil:
		line("created", "not found within the 90 days of the event history")
	case is.Session == "" && lineage.IDKind(k.ID) != lineage.TemporaryKey:
		line("created", fmt.Sprintf("%s by %s%s", t.when(is.Time), is.By, from(is.From, is.Client)))
	default:
		s := fmt.Sprintf("%s by %s%s, %s", t.when(is.Time), is.By, from(is.From, is.Client), is.Operation)
		if is.By == is.From {
			s = fmt.Sprintf("%s by %s, %s", t.when(is.Time), is.By, is.Operation)
		}
		if is.Identity != "" {
			s += " for " + is.Identity
		}
		line("issued", s)
	}
}

func (t *writer) end(k *Key, line func(title, text string)) {
	is := k.Issuance
	switch {
	case lineage.IDKind(k.ID) == lineage.LongTermKey:
		line("ends", "never by itself")
	case is == nil || is.Expires.IsZero():
		line("ends", "not known")
	case is.Expires.After(t.To):
		line("ends", t.when(is.Expires))
	default:
		line("ended", t.when(is.Expires))
	}
}

func (t *writer) did(k *Key, line func(title, text string)) {
	if len(k.Calls) == 0 {
		what := "nothing that is recorded"
		if k.Issuance != nil && k.Issuance.Time.Before(t.From) {
			what += " since " + clock(t.From)
		}
		if !k.Asked {
			what = "not asked"
		}
		line("did", what)
		return
	}
	count, failed := 0, 0
	first, last := k.Calls[0].First, k.Calls[0].Last
	var parts []string
	show := k.Calls
	if !t.o.Verbose && len(show) > shownCalls+1 {
		show = show[:shownCalls]
	}
	for _, c := range k.Calls {
		count, failed = count+c.Count, failed+c.Failed()
		first, last = incident.Earlier(first, c.First), incident.Later(last, c.Last)
	}
	for _, c := range show {
		parts = append(parts, c.words())
	}
	if n := len(k.Calls) - len(show); n > 0 {
		parts = append(parts, fmt.Sprintf("and %s more", render.Count(n, "operation")))
	}
	s := render.Count(count, "call")
	if failed > 0 {
		s += fmt.Sprintf(", %d of them failed", failed)
	}
	line("did", fmt.Sprintf("%s, %s: %s", s, strings.TrimSuffix(render.When(first, last), " UTC"), strings.Join(parts, ", ")))
}

// words is an operation with its count, and how its calls failed.
func (t Tally) words() string {
	s := fmt.Sprintf("%d %s", t.Count, t.Operation)
	if t.Failed() == 0 {
		return s
	}
	var codes []string
	for _, code := range sorted(t.Errors) {
		codes = append(codes, fmt.Sprintf("%d %s", t.Errors[code], code))
	}
	return s + " (" + strings.Join(codes, ", ") + ")"
}

func (t *writer) used(k *Key, line func(title, text string)) {
	show := k.Places
	if !t.o.Verbose && len(show) > shownPlaces+1 {
		show = show[:shownPlaces]
	}
	for i, p := range show {
		title := "from"
		if i > 0 {
			title = ""
		}
		s := strings.TrimPrefix(from(p.Source, p.Client), " from ")
		if p.Refused {
			s += ", refused"
		}
		line(title, s+", "+strings.TrimSuffix(render.When(p.First, p.Last), " UTC"))
	}
	if n := len(k.Places) - len(show); n > 0 {
		line("", fmt.Sprintf("and %s more", render.Count(n, "place")))
	}
}

// limits says what was read, and what cannot be seen there.
func (t *writer) limits() {
	t.WriteString("\n")
	t.paragraph("Read     ", fmt.Sprintf("account %s, %s, %s to %s UTC: %s, %s", t.Account, strings.Join(t.Regions, ", "), clock(t.From), clock(t.To), render.Count(t.Events, "event"), render.Count(t.Requests, "request")))
	title := "Unread   "
	for _, u := range t.unread() {
		t.paragraph(title, u)
		title = "         "
	}
	unseen := "failed authentication, data events, other Regions, the last minutes"
	if t.o.Verbose {
		unseen = strings.Join(t.Blind(), "; ")
	}
	t.paragraph("Unseen   ", unseen)
}

// unread says what was not read to its end. Unless all is asked for, questions
// with one reason share a line.
func (t *writer) unread() []string {
	var lines, order []string
	questions := map[string][]string{}
	for _, u := range t.Unread {
		lines = append(lines, u.String()+": "+u.Why)
		if questions[u.Why] == nil {
			order = append(order, u.Why)
		}
		questions[u.Why] = append(questions[u.Why], u.String())
	}
	if t.o.Verbose {
		return lines
	}
	lines = nil
	for _, why := range order {
		s := questions[why][0]
		if n := len(questions[why]) - 1; n > 0 {
			s += fmt.Sprintf(", and %d more (-v shows all)", n)
		}
		lines = append(lines, s+": "+why)
	}
	return lines
}

// Blind says what the event history cannot show.
func (r Result) Blind() []string {
	list := []string{
		"calls that failed authentication (expired, deleted or wrongly signed keys): CloudTrail does not record them",
		"data events, such as reading objects of S3",
		"Regions other than " + strings.Join(r.Regions, ", "),
		"the last minutes, as the history comes late",
	}
	if r.To.Sub(r.From) > reach {
		list = append(list, "what is older than 90 days")
	}
	return list
}

func (t *writer) when(at time.Time) string {
	return fmt.Sprintf("%s (%s)", clock(at), render.Relative(at, t.To))
}

func clock(t time.Time) string { return t.UTC().Format(time.DateTime) }

// from is where a call came from, and with what.
func from(source, client string) string {
	switch {
	case source == "" && client == "":
		return ""
	case source == "":
		return " with " + client
	case client == "" || client == source:
		return " from " + source
	}
	return fmt.Sprintf(" from %s (%s)", source, client)
}

// name names a key's owner.
func name(p incident.Principal) string {
	if !p.Known() {
		return "an unknown owner"
	}
	return string(p.Type) + " " + p.Name
}
