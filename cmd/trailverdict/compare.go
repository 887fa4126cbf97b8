package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
)

// compare writes how the alerts of another configuration differ from those of c.
func (p *program) compare(ctx context.Context, w io.Writer, inputs sources, c config.Config, o replayOptions) (decision, error) {
	other, err := loadConfig(o.compare)
	if err != nil {
		return decision{}, err
	}
	if !reflect.DeepEqual(c.LogGroups, other.LogGroups) {
		p.complain("the configurations name different log_groups; those of --config are used for both, since events are decoded once")
	}
	r, summary, err := p.record(ctx, inputs, c, o)
	if err != nil {
		return decision{}, err
	}
	defer r.Close()
	d := decision{summary: summary, asOf: summary.AsOf(o.asOf.before(time.Now()))}
	found, err := r.Decide(ctx, d.asOf, replay.ByIncident, o.workers, c.Settings, other.Settings)
	if err != nil {
		return decision{}, err
	}
	defer found[0].Close()
	defer found[1].Close()
	alerting := func(c config.Config) replay.Alerting {
		return replay.Alerting{Rules: c.Rules(), MinSeverity: o.minSeverity.Severity, AsOf: d.asOf}
	}
	page := comparison{w: w, before: cmp.Or(o.config, "the defaults"), after: o.compare, level: o.minSeverity.String()}
	each := page.keep
	if o.format.value == "json" {
		each = page.line
	}
	result, err := replay.Compare(found[0], found[1], alerting(c), alerting(other), each)
	if err != nil {
		return decision{}, fmt.Errorf("compare: %w", err)
	}
	if o.format.value == "json" {
		return d, page.total(result)
	}
	return d, page.text(result)
}

// comparison writes one.
type comparison struct {
	w             io.Writer
	before, after string // what the configurations are called
	level         string // the least severity of an alert
	changes       []replay.Change
	more          int // changes that are not listed
}

// listed is how many changes are listed for people. Programs get all.
const listed = 50

// keep keeps the gravest changes, the earliest of those that are as grave.
func (c *comparison) keep(ch replay.Change) error {
	at, _ := slices.BinarySearchFunc(c.changes, ch, func(a, b replay.Change) int {
		return cmp.Or(cmp.Compare(b.Of().Severity, a.Of().Severity), a.Of().FirstSeen.Compare(b.Of().FirstSeen), cmp.Compare(a.Of().ID, b.Of().ID))
	})
	if c.changes = slices.Insert(c.changes, at, ch); len(c.changes) > listed {
		c.changes = c.changes[:listed]
		c.more++
	}
	return nil
}

func (c *comparison) text(r replay.Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Alerts at severity %s or above\n\n", c.level)
	b.WriteString(render.Paragraph("  -  before  ", c.before))
	b.WriteString(render.Paragraph("  +  after   ", c.after))
	fmt.Fprintf(&b, "\n  before %d, after %d: %d no longer, %d new, %d told otherwise\n", r.Before, r.After, r.Removed, r.Added, r.Changed)
	if r.Removed+r.Added+r.Changed == 0 {
		b.WriteString("\nBoth configurations alert alike.\n")
		_, err := io.WriteString(c.w, b.String())
		return err
	}
	b.WriteString("\nBy verdict, severity and day, where the counts differ\n\n")
	fmt.Fprintf(&b, "  %-10s  %-16s  %-13s  %6s  %6s  %6s\n", "day", "verdict", "severity", "before", "after", "change")
	for _, row := range c.rows(r) {
		b.WriteString(row)
	}
	b.WriteString("\nThe alerts themselves\n")
	for _, ch := range c.changes {
		c.change(&b, ch)
	}
	if c.more > 0 {
		fmt.Fprintf(&b, "\n  and %d more, none graver: --format json lists all\n", c.more)
	}
	_, err := io.WriteString(c.w, b.String())
	return err
}

// rows are the days on which the counts differ, and the sums over all days.
func (c *comparison) rows(r replay.Comparison) []string {
	var out []string
	sums := map[replay.Daily]replay.Counts{}
	row := func(d replay.Daily, n replay.Counts) {
		out = append(out, fmt.Sprintf("  %-10s  %-16s  %-13s  %6d  %6d  %+6d\n", d.Day, d.Verdict, d.Severity, n.Before, n.After, n.After-n.Before))
	}
	for _, d := range r.Days() {
		n := r.ByDay[d]
		if n.Before != n.After {
			row(d, n)
		}
		all := replay.Daily{Day: "all days", Verdict: d.Verdict, Severity: d.Severity}
		sums[all] = replay.Counts{Before: sums[all].Before + n.Before, After: sums[all].After + n.After}
	}
	for _, d := range (replay.Comparison{ByDay: sums}).Days() {
		row(d, sums[d])
	}
	return out
}

// change tells of one incident what is told no longer, with a minus, and what is
// told now, with a plus.
func (c *comparison) change(b *strings.Builder, ch replay.Change) {
	f := ch.Of()
	fmt.Fprintf(b, "\n  %s  %s %s in %s\n", f.FirstSeen.UTC().Format(time.RFC3339), f.Subject.Type, render.Printable(f.Subject.Name), cmp.Or(f.Account, "an unknown account"))
	for _, side := range []struct {
		mark string
		f    *incident.Finding
	}{{"-", ch.Before}, {"+", ch.After}} {
		if side.f != nil {
			b.WriteString(render.Paragraph("  "+side.mark+"  ", fmt.Sprintf("%s %s (%s): %s", side.f.Severity, side.f.Verdict, side.f.Cause, render.Printable(side.f.Summary))))
		}
	}
}

// comparisonSchema names the form of both kinds of lines.
const comparisonSchema = "trailverdict.comparison/v1"

// line writes a change as a line of JSON. The findings in it are as replay writes
// them.
func (c *comparison) line(ch replay.Change) error {
	before, err := findingJSON(ch.Before)
	if err != nil {
		return err
	}
	after, err := findingJSON(ch.After)
	if err != nil {
		return err
	}
	kind := "changed"
	switch {
	case ch.Before == nil:
		kind = "added"
	case ch.After == nil:
		kind = "removed"
	}
	return render.JSONLine(c.w, struct {
		Schema string          `json:"schema"`
		Kind   string          `json:"kind"`
		Before json.RawMessage `json:"before,omitempty"`
		After  json.RawMessage `json:"after,omitempty"`
	}{comparisonSchema, kind, before, after})
}

func findingJSON(f *incident.Finding) (json.RawMessage, error) {
	if f == nil {
		return nil, nil
	}
	var b strings.Builder
	err := render.JSON(&b, *f)
	return json.RawMessage(strings.TrimSpace(b.String())), err
}

// total writes the counts as the last line of JSON.
func (c *comparison) total(r replay.Comparison) error {
	type day struct {
		Day      string `json:"day"`
		Verdict  string `json:"verdict"`
		Severity string `json:"severity"`
		Before   int    `json:"before"`
		After    int    `json:"after"`
	}
	days := []day{}
	for _, d := range r.Days() {
		days = append(days, day{d.Day, string(d.Verdict), d.Severity.String(), r.ByDay[d].Before, r.ByDay[d].After})
	}
	return render.JSONLine(c.w, struct {
		Schema  string `json:"schema"`
		Kind    string `json:"kind"`
		Before  int    `json:"before"`
		After   int    `json:"after"`
		Removed int    `json:"removed"`
		Added   int    `json:"added"`
		Changed int    `json:"changed"`
		Days    []day  `json:"days"`
	}{comparisonSchema, "total", r.Before, r.After, r.Removed, r.Added, r.Changed, days})
}
