package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/routing"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// print writes the findings that are to be shown, and counts all of them.
func (p *program) print(w io.Writer, d *decision, o replayOptions) error {
	s := p.shower(w, d, o)
	for history, err := range d.findings.Histories() {
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		d.count(history[len(history)-1], o)
		if !o.revisions {
			history = history[len(history)-1:]
		}
		for _, f := range history {
			silence, silenced := routing.Of(d.settings).Silenced(f, d.asOf)
			if f.Severity < o.minSeverity.Severity || silenced && !o.verbose {
				continue
			}
			if err := s.show(f, silence); err != nil {
				return err
			}
		}
	}
	if s.shown == 0 && o.format.value == "text" && !d.summary.Nothing() {
		_, err := fmt.Fprintf(w, "No findings at severity %s or above.\n", o.minSeverity)
		return err
	}
	return s.endBatches()
}

// shower writes one finding after the other.
type shower struct {
	*program
	write   func(incident.Finding, routing.Silence) error
	short   func(incident.Finding, routing.Silence) error // of further ones
	w       io.Writer
	o       replayOptions
	shown   int
	batch   []incident.Finding // for Security Hub
	leftOut int
}

// batched is how many findings for Security Hub are held at once, a multiple of
// what goes into a batch.
const batched = 1000

func (s *shower) show(f incident.Finding, silence routing.Silence) error {
	s.shown++
	switch {
	case s.o.format.value == "text":
		return s.text(f, silence)
	case s.o.format.value != "asff":
		return s.write(f, silence)
	}
	if s.batch = append(s.batch, f); len(s.batch) < batched {
		return nil
	}
	return s.writeBatches()
}

// text writes a finding for people: the first one, which is the gravest, in full,
// and the others in a few lines, unless all is asked for.
func (s *shower) text(f incident.Finding, silence routing.Silence) error {
	write, between := s.write, "\n"+strings.Repeat("─", 80)+"\n\n"
	if s.shown == 1 {
		between = ""
	} else if !s.o.verbose && !s.o.revisions {
		write, between = s.short, "\n"
		if s.shown == 2 {
			between = "\n" + strings.Repeat("─", 80) + "\nFurther findings; -v shows them in full\n\n"
		}
	}
	if _, err := io.WriteString(s.w, between); err != nil {
		return fmt.Errorf("write finding: %w", err)
	}
	return write(f, silence)
}

// writeBatches writes findings as Security Hub imports them.
func (s *shower) writeBatches() error {
	leftOut, err := render.ASFF(s.w, s.batch, version())
	s.leftOut += leftOut
	s.batch = s.batch[:0]
	return err
}

func (s *shower) endBatches() error {
	err := s.writeBatches()
	if s.leftOut > 0 {
		_, _ = fmt.Fprintf(s.stderr, "%s left out: Security Hub imports only what belongs to a known account\n", render.Count(s.leftOut, "finding"))
	}
	return err
}

// shower is how findings are written in the format asked for.
func (p *program) shower(w io.Writer, d *decision, o replayOptions) *shower {
	s := &shower{program: p, w: w, o: o}
	switch o.format.value {
	case "json":
		s.write = func(f incident.Finding, _ routing.Silence) error { return render.JSON(w, f) }
	case "ocsf":
		s.write = func(f incident.Finding, _ routing.Silence) error { return render.OCSF(w, f, version()) }
	case "text":
		t := render.TextOptions{Color: o.output == "" && p.colors(p.stdout), Verbose: o.verbose}
		if o.asOf.isSet() { // a recording's end is no time to tell others relative to
			t.AsOf = d.asOf
		}
		as := func(write func(io.Writer, incident.Finding, render.TextOptions) error) func(incident.Finding, routing.Silence) error {
			return func(f incident.Finding, s routing.Silence) error {
				t := t
				if s.Reason != "" {
					t.Silence = s.String()
				}
				return write(w, f, t)
			}
		}
		s.write, s.short = as(render.Text), as(render.Headline)
	}
	return s
}

// summarize writes to standard error what was read and what came of it.
func (p *program) summarize(d decision, o replayOptions, took time.Duration) {
	s := d.summary
	var b strings.Builder
	line := func(title, text string) { b.WriteString(render.Paragraph(fmt.Sprintf("  %-11s  ", title), text)) }

	fmt.Fprintf(&b, "\nRead %s, %s: %s in %s\n", render.Count(s.Files, "file"), size(s.Bytes), render.Count(s.Records, "record"), lasted(took))
	if !s.First.IsZero() {
		line("from", render.When(s.First, s.Last))
	}
	if !s.Nothing() {
		line("signals", fmt.Sprintf("%d, and %s; %d of no interest", s.Signals, render.Count(s.Uses, "successful call"), s.Irrelevant))
		line("duplicates", fmt.Sprint(s.Duplicates)+plus(s.Conflicts, "with other contents than before"))
	}
	if s.Resumed > 0 {
		line("resumed", render.Count(s.Resumed, "file")+" known from before")
	}
	if s.Other > 0 {
		line("other files", fmt.Sprintf("%d without events", s.Other))
	}
	if s.Odd > 0 {
		line("odd", render.Count(s.Odd, "record")+" not written as CloudTrail writes its log files, and read in full, which takes longer")
	}
	if len(s.Skipped) > 0 {
		line("skipped", skipped(s))
	}
	for _, e := range s.Examples {
		line("", example(e))
	}
	for _, err := range s.Failed {
		line("unreadable", err.Error())
	}
	if !o.compares() && !d.unjudged && !s.Nothing() {
		line("findings", d.tally.words(o))
	}
	title := "not visible"
	for _, gap := range s.Gaps() {
		line(title, gap)
		title = ""
	}
	p.flush()
	w, end := narrowed(p.stderr)
	defer end()
	_, _ = io.WriteString(w, b.String()) // there is nobody left to tell
}

// lasted is how long something took.
func lasted(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	}
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return incident.Span(d)
}

// skipped counts what was left out, by reason.
func skipped(s replay.Summary) string {
	var parts []string
	for _, r := range s.SkipReasons() {
		parts = append(parts, fmt.Sprintf("%d %s", s.Skipped[r], because(r)))
	}
	return strings.Join(parts, ", ")
}

// because says in words why something was left out.
func because(r trail.SkipReason) string {
	words := map[trail.SkipReason]string{
		trail.SkipTruncated: "truncated", trail.SkipSyntax: "not JSON", trail.SkipTooLarge: "too large", trail.SkipTooDeep: "nested too deep",
		trail.SkipDecompress: "damaged gzip or base64", trail.SkipUnknownShape: "of an unknown form", trail.SkipNoEventTime: "without a time",
		trail.SkipBadField: "with a bad field", trail.SkipNoIdentity: "naming no key, principal or workload",
	}
	return cmp.Or(words[r], string(r))
}

// example says where something was left out.
func example(e trail.Skip) string {
	s := fmt.Sprintf("%s at byte %d: %s", e.Source, e.Offset, because(e.Reason))
	if e.Detail != "" {
		s += " (" + strings.TrimSuffix(e.Detail, ", 0 bytes in") + ")"
	}
	return s
}

// tally counts final findings by verdict, and those that are not shown.
type tally struct {
	verdicts        map[incident.Verdict]int
	low, suppressed int
	compromise      bool // one that is not suppressed
}

func (d *decision) count(f incident.Finding, o replayOptions) {
	t := &d.tally
	if t.verdicts == nil {
		t.verdicts = map[incident.Verdict]int{}
	}
	t.verdicts[f.Verdict]++
	_, suppressed := routing.Of(d.settings).Silenced(f, d.asOf)
	switch {
	case suppressed:
		t.suppressed++
	case f.Severity < o.minSeverity.Severity:
		t.low++
	}
	t.compromise = t.compromise || f.Verdict == incident.Compromise && !suppressed
}

func (t tally) words(o replayOptions) string {
	var parts []string
	for _, v := range incident.Verdicts {
		if n := t.verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ") + plus(t.low, "below "+o.minSeverity.String()) + plus(t.suppressed, "suppressed")
}

// plus is a remark about n things, if there are any.
func plus(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d %s", n, what)
}

// size writes bytes as people do.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	value, unit := float64(n)/1000, "kB"
	for _, next := range []string{"MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
