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

// How much is shown unless all is asked for, so that an answer fits on a screen.
const (
	shownFindings = 4
	shownOthers   = 3
	shownKeys     = 1
	shownCalls    = 2
	shownPlaces   = 3
	shownChildren = 2
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
	day   string          // that of all times of a key, if it is one
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

// findings are the first in full, and the others in a few lines unless all is
// asked for.
func (t *writer) findings(list []incident.Finding) error {
	list = t.grave(list)
	show, more := t.first(len(list), shownFindings)
	write, between := render.Text, ""
	for _, f := range list[:show] {
		t.WriteString(between)
		if err := write(t, f, render.TextOptions{Color: t.o.Color, Verbose: t.o.Verbose, AsOf: t.To}); err != nil {
			return err
		}
		if between = "\n" + strings.Repeat("─", 80) + "\n\n"; !t.o.Verbose {
			write, between = render.Headline, "\n"
		}
	}
	t.more("\n", more, "finding")
	return nil
}

// first is how many of n things are shown, and how many more there are.
func (t *writer) first(n, most int) (show, more int) {
	if t.o.Verbose {
		return n, 0
	}
	show = min(n, most)
	return show, n - show
}

// more says how many things are not shown.
func (t *writer) more(indent string, n int, thing string) {
	if n > 0 {
		t.WriteString(indent + render.More(n, thing) + "\n")
	}
}

// others are findings about others, in a line each.
func (t *writer) others() {
	list := t.grave(t.Others)
	if len(list) == 0 {
		return
	}
	t.WriteString("\nMet on the way\n")
	show, more := t.first(len(list), shownOthers)
	for _, f := range list[:show] {
		s := fmt.Sprintf("%s %s (%s), %s", render.Spaced(string(f.Verdict)), render.OneLine(render.SubjectName(f.Subject)), f.Severity, render.Relative(f.LastSeen, t.To))
		if t.o.Verbose {
			s += ": " + f.Summary
		}
		t.paragraph("  - ", s)
	}
	t.more("  ", more, "finding")
}

// lineage is the tree of each key.
func (t *writer) lineage() {
	show, more := t.first(len(t.Keys), shownKeys)
	for i, k := range t.Keys[:show] {
		t.day = k.day()
		switch {
		case i > 0:
			t.WriteString("\n")
		case t.day != "":
			fmt.Fprintf(t, "\nLineage (%s UTC)\n", t.day)
		default:
			t.WriteString("\nLineage (times are UTC)\n")
		}
		t.chain(k)
	}
	t.more("  ", more, "key")
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
	if t.o.Verbose && root.Issuance != nil && root.Issuance.By != "" && root.Issuance.Session != "" {
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
	show, more := t.first(len(k.Children), shownChildren)
	for _, c := range k.Children[:show] {
		t.key(indent, c, t.o.Verbose)
		t.children(indent+"  ", c)
	}
	t.more(indent, more, "key")
	if k.More > 0 {
		t.paragraph(indent, fmt.Sprintf("… and %s that it issued before", render.Count(k.More, "key")))
	}
}

// key writes a key: whose it is, then how it came, when it ends, who cut it
// off, and of one as a whole what it did and where. Unless all is asked for, those
// that it came from, and that it issued, stand in a line each.
func (t *writer) key(indent string, k *Key, whole bool) {
	head := k.ID + "  " + name(k.Owner)
	if k.Issuance != nil && k.Issuance.Session != "" {
		head += ", session " + k.Issuance.Session
	}
	short := !whole && !t.o.Verbose
	if short {
		head += t.state(k)
	}
	t.paragraph(indent+"└─ ", head)
	if !whole && t.shown[k.ID] {
		return
	}
	t.shown[k.ID] = t.shown[k.ID] || !whole
	if short {
		return
	}
	line := func(title, text string) { t.paragraph(fmt.Sprintf("%s   %-8s ", indent, title), text) }
	t.came(k, line)
	t.end(k, line)
	for _, c := range k.CutOffs {
		where := ""
		if t.o.Verbose {
			where = from(c.From, "")
		}
		line("cut off", fmt.Sprintf("%s by %s%s: %s", t.when(c.Time), c.By, where, c.What))
	}
	if whole {
		t.did(k, line)
		t.used(k, line)
	}
}

// state is how a key stands, in a few words.
func (t *writer) state(k *Key) string {
	switch is := k.Issuance; {
	case len(k.CutOffs) > 0:
		return ", cut off " + render.Relative(k.CutOffs[len(k.CutOffs)-1].Time, t.To)
	case is == nil || is.Expires.IsZero():
		return ""
	case is.Expires.After(t.To):
		return ", ends " + render.Relative(is.Expires, t.To)
	default:
		return ", ended " + render.Relative(is.Expires, t.To)
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
	show, more := t.first(len(k.Calls), shownCalls)
	for _, c := range k.Calls {
		count, failed = count+c.Count, failed+c.Failed()
		first, last = incident.Earlier(first, c.First), incident.Later(last, c.Last)
	}
	for _, c := range k.Calls[:show] {
		parts = append(parts, c.words(t.o.Verbose))
	}
	if more > 0 {
		parts = append(parts, render.Count(more, "other operation"))
	}
	s := render.Count(count, "call")
	if failed > 0 {
		s += fmt.Sprintf(", %d of them failed", failed)
	}
	if t.o.Verbose {
		s += ", " + t.between(first, last)
	}
	line("did", s+": "+strings.Join(parts, ", "))
}

// words is an operation with its count, and how its calls failed.
func (t Tally) words(failures bool) string {
	s := fmt.Sprintf("%d %s", t.Count, t.Operation)
	if t.Failed() == 0 || !failures {
		return s
	}
	var codes []string
	for _, code := range sorted(t.Errors) {
		codes = append(codes, fmt.Sprintf("%d %s", t.Errors[code], code))
	}
	return s + " (" + strings.Join(codes, ", ") + ")"
}

func (t *writer) used(k *Key, line func(title, text string)) {
	show, more := t.first(len(k.Places), shownPlaces)
	for i, p := range k.Places[:show] {
		title := "from"
		if i > 0 {
			title = ""
		}
		s := strings.TrimPrefix(from(p.Source, p.Client), " from ")
		if p.Refused {
			s += ", refused"
		}
		line(title, s+", "+t.between(p.First, p.Last))
	}
	if more > 0 {
		line("", render.More(more, "place"))
	}
}

// limits says what was read, and what cannot be seen there.
func (t *writer) limits() {
	t.WriteString("\n")
	read := fmt.Sprintf("%s of %s in %s", render.Count(t.Events, "event"), incident.Span(t.To.Sub(t.From)), strings.Join(t.Regions, ", "))
	if t.o.Verbose {
		read += fmt.Sprintf(", account %s, %s", t.Account, render.When(t.From, t.To))
	}
	t.paragraph("Read     ", read)
	title := "Unread   "
	for _, u := range t.unread() {
		t.paragraph(title, u)
		title = "         "
	}
	if !t.o.Verbose {
		t.paragraph("Unseen   ", "failed authentication, data events, other Regions, the last minutes")
		return
	}
	t.paragraph("Unseen   ", strings.Join(t.Blind(), "; "))
	t.paragraph("Asked    ", render.Count(t.Requests, "request"))
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
			s += ", " + render.More(n, "")
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
	return fmt.Sprintf("%s (%s)", t.clock(at), render.Relative(at, t.To))
}

// clock is a time, without the day if that is the one of all.
func (t *writer) clock(at time.Time) string {
	if t.day != "" {
		return at.UTC().Format(time.TimeOnly)
	}
	return clock(at)
}

// between is a time or a range of times.
func (t *writer) between(first, last time.Time) string {
	if t.day == "" {
		return strings.TrimSuffix(render.When(first, last), " UTC")
	}
	if first.Equal(last) {
		return t.clock(first)
	}
	return t.clock(first) + " to " + t.clock(last)
}

// day is the day of all times that are told of a key and of those above and below
// it, empty if they are of several.
func (k *Key) day() string {
	times := k.times()
	for p := k.Parent; p != nil; p = p.Parent {
		times = append(times, p.own()...)
	}
	day := ""
	for _, at := range times {
		d := at.UTC().Format(time.DateOnly)
		if day != "" && day != d {
			return ""
		}
		day = d
	}
	return day
}

// times are those of a key and of what it issued.
func (k *Key) times() []time.Time {
	times := k.own()
	for _, c := range k.Children {
		times = append(times, c.times()...)
	}
	return times
}

func (k *Key) own() []time.Time {
	var times []time.Time
	if is := k.Issuance; is != nil {
		times = append(times, is.Time)
		if !is.Expires.IsZero() {
			times = append(times, is.Expires)
		}
	}
	for _, c := range k.CutOffs {
		times = append(times, c.Time)
	}
	for _, p := range k.Places {
		times = append(times, p.First, p.Last)
	}
	for _, c := range k.Calls {
		times = append(times, c.First, c.Last)
	}
	return times
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
