// Package page writes an interval report as one HTML page, with its plots drawn
// in. The page needs nothing else: it runs no scripts and fetches nothing, since
// it is opened from a mail or a bucket, perhaps without a network. Its words are
// those of package render, and whatever an attacker named stays text in it.
//
// It is apart from package render since drawing takes a library and its fonts,
// which whoever writes only messages need not link.
package page

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

//go:embed report.html
var reportPage string

const (
	clock = time.DateTime
	// maxDrawn is how many subjects are drawn: a browser should open the page
	// at once, and a reader comes no further.
	maxDrawn = 50
	// maxVerdicts is how many findings are listed.
	maxVerdicts = 200
	// maxListed is how many events are listed below the plots.
	maxListed = 200
)

// Report writes a report as one page that needs nothing else: no scripts,
// fonts or pictures from elsewhere. It follows the reader's choice of light or
// dark, fits a phone and a printer, and says in words what its plots show.
func Report(w io.Writer, r incident.Report) error {
	t, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("parse report page: %w", err)
	}
	p, err := reportOf(r)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	// Written at once, so that no half of a page is ever published.
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// page is what the template shows. All text in it is harmless.
type page struct {
	Period     string
	Quiet      string // what is said where nothing is odd
	Tiles      []tile
	Changes    *changeList
	Cards      []card
	Undrawn    string
	Verdicts   []verdictRow
	Rails      []rail
	BlindSpots []string
	// Suppressions are those that somebody has to look at.
	Suppressions []string
}

type tile struct {
	N     int
	Words string
}

type changeList struct {
	Since     string
	None      bool
	New, Gone []change
	Changed   []change
}

type change struct{ Kind, Subject, Anchor, Trend, Words string }

type card struct {
	Anchor, Name, Origin string
	Anomalies            []oddity
	Plots                *plots
	Times                []string
}

type oddity struct {
	Class, Kind, Summary, Fix string
	New                       bool
	Facts                     []fact
}

type fact struct{ Name, Value string }

type plots struct {
	Wide, Narrow, Gaps, Week template.HTML
	What                     string
	Fits                     string // what the marked lifetime is
	Keys                     []key
}

// key explains a colour.
type key struct{ Shape, Color, Words string }

type verdictRow struct{ Class, Verdict, Subject, Summary, When, Severity string }

func reportOf(r incident.Report) (page, error) {
	p := page{Period: render.Period(r), Quiet: render.NothingOdd(r), Tiles: tiles(r)}
	anchors := map[string]string{}
	for i, a := range render.BySubject(r) {
		if i == maxDrawn {
			p.Undrawn = fmt.Sprintf("%d more principals are in the JSON report alone.", len(render.BySubject(r))-maxDrawn)
			break
		}
		anchor := "p" + strconv.Itoa(i+1)
		anchors[a.Subject.Key()] = anchor
		c, err := cardOf(a, r, anchor)
		if err != nil {
			return page{}, fmt.Errorf("draw subject %d: %w", i+1, err)
		}
		p.Cards = append(p.Cards, c)
	}
	p.Changes = changesOf(r, anchors)
	p.Verdicts = verdictRows(r.Findings)
	p.Rails = railsOf(r.Checks)
	for _, s := range r.Suppressions {
		p.Suppressions = append(p.Suppressions, render.OneLine(s))
	}
	for _, s := range r.BlindSpots {
		p.BlindSpots = append(p.BlindSpots, render.OneLine(s))
	}
	return p, nil
}

// tiles count anomalies by kind, then compromises.
func tiles(r incident.Report) []tile {
	counts := map[incident.AnomalyKind]int{}
	for _, a := range r.Anomalies {
		counts[a.Kind]++
	}
	var out []tile
	for _, k := range []incident.AnomalyKind{incident.OffBeatIssuance, incident.SpikeAnomaly, incident.RefreshBugAnomaly, incident.MissedRenewal, incident.CadenceChange} {
		if n := counts[k]; n > 0 {
			out = append(out, tile{n, plural(n, render.AnomalyName(k))})
		}
	}
	n := 0
	for _, f := range r.Findings {
		if f.Verdict == incident.Compromise {
			n++
		}
	}
	if n > 0 {
		out = append(out, tile{n, plural(n, "compromise")})
	}
	return out
}

func plural(n int, name string) string {
	switch {
	case n == 1:
		return name
	case name == render.AnomalyName(incident.OffBeatIssuance):
		return "issuances off the beat"
	}
	return name + "s"
}

func changesOf(r incident.Report, anchors map[string]string) *changeList {
	if r.Since.IsZero() {
		return nil
	}
	c := &changeList{Since: r.Since.UTC().Format(clock) + " UTC", None: len(r.New)+len(r.Gone)+len(r.Changed) == 0}
	describe := func(a incident.Anomaly) change {
		return change{Kind: render.AnomalyName(a.Kind), Subject: render.OneLine(render.SubjectName(a.Subject)), Anchor: anchors[a.Subject.Key()]}
	}
	for _, i := range r.New {
		c.New = append(c.New, describe(r.Anomalies[i]))
	}
	for _, x := range r.Changed {
		d := describe(r.Anomalies[x.Index])
		d.Trend, d.Words = string(x.Trend), render.OneLine(x.Words)
		c.Changed = append(c.Changed, d)
	}
	for _, a := range r.Gone {
		c.Gone = append(c.Gone, describe(a))
	}
	return c
}

func cardOf(a render.About, r incident.Report, anchor string) (card, error) {
	c := card{Anchor: anchor, Name: render.OneLine(render.SubjectName(a.Subject)), Origin: origin(a.Subject)}
	for _, x := range a.Anomalies {
		c.Anomalies = append(c.Anomalies, oddityOf(x, r.To, isNew(r, x)))
	}
	if len(a.Series.Failures)+len(a.Series.Issuances) == 0 {
		return c, nil
	}
	var err error
	c.Plots, err = plotsOf(a, r.To)
	c.Times = listed(a.Series)
	return c, err
}

func isNew(r incident.Report, a incident.Anomaly) bool {
	return slices.ContainsFunc(r.New, func(i int) bool {
		b := r.Anomalies[i]
		return b.Kind == a.Kind && b.Subject.Key() == a.Subject.Key() && slices.EqualFunc(a.Times, b.Times, time.Time.Equal)
	})
}

// origin is the small print under a subject's name.
func origin(s incident.Subject) string {
	out := s.ARN
	if out == "" && s.Account != "" {
		out = "account " + s.Account
	}
	if len(s.Workloads) > 0 && (s.Type != incident.Workload || s.Workloads[0] != s.Name) {
		out += " · in " + s.Workloads[0]
		if n := len(s.Workloads) - 1; n > 0 {
			out += fmt.Sprintf(" and %d more", n)
		}
	}
	if n := len(s.AccessKeyIDs); n == 1 {
		out += " · key " + s.AccessKeyIDs[0]
	} else if n > 1 {
		out += fmt.Sprintf(" · %d keys", n)
	}
	return render.OneLine(out)
}

func oddityOf(a incident.Anomaly, to time.Time, fresh bool) oddity {
	o := oddity{Class: string(a.Kind), Kind: render.AnomalyName(a.Kind), Summary: render.OneLine(a.Summary) + ".", Fix: render.OneLine(a.Fix), New: fresh}
	add := func(name, value string) { o.Facts = append(o.Facts, fact{name, value}) }
	add("How sure", render.Percent(a.Confidence))
	if a.Period > 0 {
		add("Period", aboutPeriod(a))
	}
	add("Occurrences", strconv.Itoa(a.Occurrences))
	if a.Lifetime > 0 {
		add("Credential lifetime", incident.Span(a.Lifetime))
	}
	if !a.NextExpected.IsZero() {
		add(render.DueWords(a, to), a.NextExpected.UTC().Format(clock)+" UTC")
	}
	return o
}

// aboutPeriod writes a period and its jitter, no finer than the jitter allows.
func aboutPeriod(a incident.Anomaly) string {
	unit := time.Second
	for _, u := range []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		if a.Jitter/4 >= u {
			unit = u
		}
	}
	return incident.Span(a.Period.Round(unit)) + " ± " + incident.Span(a.Jitter)
}

func plotsOf(a render.About, to time.Time) (*plots, error) {
	gaps, what := pauses(a)
	p := &plots{What: what, Fits: fitWords(a), Keys: keysOf(a)}
	var err error
	if p.Wide, err = timeline(a, to, 900); err != nil {
		return nil, err
	}
	if p.Narrow, err = timeline(a, to, 340); err != nil {
		return nil, err
	}
	if len(gaps) > 0 {
		if p.Gaps, err = gapHistogram(a, 360, 170); err != nil {
			return nil, err
		}
	}
	if len(a.Series.Failures) > 0 {
		p.Week, err = weekMap(a, 360, 170)
	}
	return p, err
}

// fitWords says what the lifetime is that the histogram marks.
func fitWords(a render.About) string {
	switch {
	case fitted(a) == 0:
		return ""
	case a.Anomalies[0].Kind == incident.RefreshBugAnomaly:
		return "the one that fits"
	}
	return "that of these credentials"
}

// keysOf explains the colours that the timeline uses.
func keysOf(a render.About) []key {
	var out []key
	used := map[ink]bool{}
	for _, t := range a.Series.Failures {
		used[kindOf(a, t)] = true
	}
	for _, k := range []struct {
		ink ink
		key
	}{
		{inkOn, key{"", "on", "failed on the beat"}},
		{inkOff, key{"", "off", "failed"}},
		{inkSpike, key{"", "spike", "failed in a spike"}},
	} {
		if used[k.ink] {
			out = append(out, k.key)
		}
	}
	usual, strange := issuances(a)
	if len(usual) > 0 {
		out = append(out, key{"ring", "issued", "credentials issued"})
	}
	if len(strange) > 0 {
		out = append(out, key{"dot", "spike", "issued off the beat"})
	}
	if len(a.Series.Beats) > 0 {
		out = append(out, key{"line", "beat", "expected"})
	}
	return out
}

// listed are the events in words, for those who cannot see plots.
func listed(s incident.Series) []string {
	type event struct {
		at   time.Time
		what string
	}
	var all []event
	for _, t := range s.Failures {
		all = append(all, event{t, "failed"})
	}
	for _, t := range s.Issuances {
		all = append(all, event{t, "issued"})
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.at.Compare(b.at) })
	all = all[max(0, len(all)-maxListed):]
	out := make([]string, len(all))
	for i, e := range all {
		out[i] = e.at.UTC().Format(clock) + " " + e.what
	}
	return out
}

// verdictRows lists findings, the gravest first.
func verdictRows(findings []incident.Finding) []verdictRow {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b incident.Finding) int { return int(b.Severity) - int(a.Severity) })
	sorted = sorted[:min(len(sorted), maxVerdicts)]
	var out []verdictRow
	for _, f := range sorted {
		out = append(out, verdictRow{
			Class:    string(f.Verdict),
			Verdict:  render.Spaced(string(f.Verdict)),
			Subject:  render.OneLine(render.SubjectName(f.Subject)),
			Summary:  render.OneLine(f.Summary),
			When:     render.When(f.FirstSeen, f.LastSeen),
			Severity: f.Severity.String(),
		})
	}
	return out
}

// rail is a guard rail and what lies beyond it.
type rail struct {
	Name, Fix, More string
	Count           int
	Changes         []beyond
}

type beyond struct{ Fact, Who string }

func railsOf(checks []incident.Check) []rail {
	var out []rail
	for _, k := range incident.CheckKinds {
		shown, more := render.ChecksOf(k, checks)
		if len(shown) == 0 {
			continue
		}
		r := rail{Name: render.CheckName(k), Count: len(shown) + more, Fix: render.OneLine(shown[len(shown)-1].Fix) + "."}
		if more > 0 {
			r.More = fmt.Sprintf("%d older ones are in the JSON report alone.", more)
		}
		for _, c := range shown {
			r.Changes = append(r.Changes, beyond{render.OneLine(c.Fact) + ".", render.CheckWho(c)})
		}
		out = append(out, r)
	}
	return out
}
