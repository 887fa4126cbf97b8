package render

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
)

//go:embed report.html
var reportPage string

const (
	// maxDrawn is how many subjects are drawn: a browser should open the page
	// at once, and a reader comes no further.
	maxDrawn = 50
	// maxVerdicts is how many findings are listed.
	maxVerdicts = 200
	// maxListed is how many events are listed below the plots.
	maxListed = 200
)

// ReportHTML writes a report as one page that needs nothing else: no scripts,
// fonts or pictures from elsewhere. It follows the reader's choice of light or
// dark, fits a phone and a printer, and says in words what its plots show.
func ReportHTML(w io.Writer, r incident.Report) error {
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
	Tiles      []tile
	Changes    *changeList
	Cards      []card
	Undrawn    string
	Verdicts   []verdictRow
	BlindSpots []string
}

type tile struct {
	N     int
	Words string
}

type changeList struct {
	Since     string
	None      bool
	New, Gone []change
}

type change struct{ Kind, Subject, Anchor string }

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
	p := page{Period: period(r), Tiles: tiles(r)}
	anchors := map[string]string{}
	for i, a := range bySubject(r) {
		if i == maxDrawn {
			p.Undrawn = fmt.Sprintf("%d more principals are in the JSON report alone.", len(bySubject(r))-maxDrawn)
			break
		}
		anchor := "p" + strconv.Itoa(i+1)
		anchors[a.subject.Key()] = anchor
		c, err := cardOf(a, r, anchor)
		if err != nil {
			return page{}, fmt.Errorf("draw subject %d: %w", i+1, err)
		}
		p.Cards = append(p.Cards, c)
	}
	p.Changes = changesOf(r, anchors)
	p.Verdicts = verdictRows(r.Findings)
	for _, s := range r.BlindSpots {
		p.BlindSpots = append(p.BlindSpots, oneLine(s))
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
			out = append(out, tile{n, plural(n, anomalyName(k))})
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
	case name == anomalyName(incident.OffBeatIssuance):
		return "issuances off the beat"
	}
	return name + "s"
}

func changesOf(r incident.Report, anchors map[string]string) *changeList {
	if r.Since.IsZero() {
		return nil
	}
	c := &changeList{Since: r.Since.UTC().Format(clock) + " UTC", None: len(r.New)+len(r.Gone) == 0}
	describe := func(a incident.Anomaly) change {
		return change{anomalyName(a.Kind), oneLine(SubjectName(a.Subject)), anchors[a.Subject.Key()]}
	}
	for _, i := range r.New {
		c.New = append(c.New, describe(r.Anomalies[i]))
	}
	for _, a := range r.Gone {
		c.Gone = append(c.Gone, describe(a))
	}
	return c
}

func cardOf(a about, r incident.Report, anchor string) (card, error) {
	c := card{Anchor: anchor, Name: oneLine(SubjectName(a.subject)), Origin: origin(a.subject)}
	for _, x := range a.anomalies {
		c.Anomalies = append(c.Anomalies, oddityOf(x, r.To, isNew(r, x)))
	}
	if len(a.series.Failures)+len(a.series.Issuances) == 0 {
		return c, nil
	}
	var err error
	c.Plots, err = plotsOf(a, r.To)
	c.Times = listed(a.series)
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
	if len(s.Workloads) > 0 {
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
	return oneLine(out)
}

func oddityOf(a incident.Anomaly, to time.Time, fresh bool) oddity {
	o := oddity{Class: string(a.Kind), Kind: anomalyName(a.Kind), Summary: oneLine(a.Summary) + ".", Fix: oneLine(a.Fix), New: fresh}
	add := func(name, value string) { o.Facts = append(o.Facts, fact{name, value}) }
	add("How sure", percent(a.Confidence))
	if a.Period > 0 {
		add("Period", aboutPeriod(a))
	}
	add("Occurrences", strconv.Itoa(a.Occurrences))
	if a.Lifetime > 0 {
		add("Credential lifetime", span(a.Lifetime))
	}
	if !a.NextExpected.IsZero() {
		add(dueWords(a, to), a.NextExpected.UTC().Format(clock)+" UTC")
	}
	return o
}

func plotsOf(a about, to time.Time) (*plots, error) {
	_, what := pauses(a)
	p := &plots{What: what, Fits: fitWords(a), Keys: keysOf(a)}
	var err error
	if p.Wide, err = timeline(a, to, 900); err != nil {
		return nil, err
	}
	if p.Narrow, err = timeline(a, to, 340); err != nil {
		return nil, err
	}
	if p.Gaps, err = gapHistogram(a, 360, 170); err != nil {
		return nil, err
	}
	if len(a.series.Failures) > 0 {
		p.Week, err = weekMap(a, 360, 170)
	}
	return p, err
}

// fitWords says what the lifetime is that the histogram marks.
func fitWords(a about) string {
	switch {
	case fitted(a) == 0:
		return ""
	case a.anomalies[0].Kind == incident.RefreshBugAnomaly:
		return "the one that fits"
	}
	return "that of these credentials"
}

// keysOf explains the colours that the timeline uses.
func keysOf(a about) []key {
	var out []key
	used := map[ink]bool{}
	for _, t := range a.series.Failures {
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
	if len(a.series.Beats) > 0 {
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
			Verdict:  plainWords(string(f.Verdict)),
			Subject:  oneLine(SubjectName(f.Subject)),
			Summary:  oneLine(f.Summary),
			When:     when(f.FirstSeen, f.LastSeen),
			Severity: f.Severity.String(),
		})
	}
	return out
}
