package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// sweep is a flag that takes the name of a threshold and values for it.
type sweep struct {
	text, name string
	values     []string
}

func (s *sweep) String() string { return s.text }
func (s *sweep) Type() string   { return "NAME=VALUES" }

// maxSteps bounds the values of a sweep, since each costs some memory.
const maxSteps = 50

// confidence is the threshold that is none of the configuration's: how sure a
// verdict has to be for an alert.
const confidence = "threshold"

// sweepable are the thresholds of the configuration.
func sweepable() map[string]func(to *incident.Thresholds, from incident.Thresholds) {
	type th = incident.Thresholds
	return map[string]func(to *th, from th){
		"correlation":    func(to *th, from th) { to.Correlation = from.Correlation },
		"spike_floor":    func(to *th, from th) { to.SpikeFloor = from.SpikeFloor },
		"spike_window":   func(to *th, from th) { to.SpikeWindow = from.SpikeWindow },
		"plain_failures": func(to *th, from th) { to.PlainFailures = from.PlainFailures },
		"denials":        func(to *th, from th) { to.Denials = from.Denials },
		"refresh_beats":  func(to *th, from th) { to.RefreshBeats = from.RefreshBeats },
		"lateness":       func(to *th, from th) { to.Lateness = from.Lateness },
		"quiet":          func(to *th, from th) { to.Quiet = from.Quiet },
		"propagation":    func(to *th, from th) { to.Propagation = from.Propagation },
	}
}

func (s *sweep) Set(text string) error {
	name, values, ok := strings.Cut(text, "=")
	if !ok || values == "" {
		return fmt.Errorf("expected a name and values, such as %s=0.5..0.9/0.1 or spike_floor=3,5,8", confidence)
	}
	var names []string
	for n := range sweepable() {
		names = append(names, n)
	}
	slices.Sort(names)
	if name != confidence && !slices.Contains(names, name) {
		return fmt.Errorf("%s is no threshold; there are %s, %s", name, confidence, strings.Join(names, ", "))
	}
	list, err := steps(values)
	if err != nil {
		return err
	}
	s.text, s.name, s.values = text, name, list
	for _, v := range list {
		if err := s.check(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *sweep) check(value string) error {
	if s.name == confidence {
		if t, err := strconv.ParseFloat(value, 64); err != nil || !(t >= 0 && t <= 1) {
			return fmt.Errorf("expected a confidence from 0 to 1, got %s", value)
		}
		return nil
	}
	_, err := s.apply(incident.DefaultSettings(), value)
	return err
}

// apply returns settings with one value of a threshold. The configuration's own
// reader says whether it is one.
func (s *sweep) apply(settings incident.Settings, value string) (incident.Settings, error) {
	c, err := file.Load("--sweep", []byte("version: 1\nthresholds:\n  "+s.name+": "+value+"\n"))
	if err != nil {
		return settings, err
	}
	sweepable()[s.name](&settings.Thresholds, c.Settings.Thresholds)
	return settings, nil
}

// steps reads a list, or a range with a step: 3,5,8 or 0.3..0.9/0.1 or 1h..3h/30m.
func steps(text string) ([]string, error) {
	from, rest, isRange := strings.Cut(text, "..")
	if !isRange {
		list := strings.Split(text, ",")
		if len(list) > maxSteps {
			return nil, fmt.Errorf("%d values, of which at most %d are swept", len(list), maxSteps)
		}
		return list, nil
	}
	to, by, ok := strings.Cut(rest, "/")
	if !ok {
		return nil, fmt.Errorf("a range needs a step, as in %s..%s/STEP", from, to)
	}
	if a, err := time.ParseDuration(from); err == nil && a != 0 {
		b, err1 := time.ParseDuration(to)
		c, err2 := time.ParseDuration(by)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("expected durations on both sides and as step, got %s", text)
		}
		return between(float64(a), float64(b), float64(c), func(x float64) string { return time.Duration(x).String() })
	}
	var n [3]float64
	for i, part := range []string{from, to, by} {
		var err error
		if n[i], err = strconv.ParseFloat(part, 64); err != nil {
			return nil, fmt.Errorf("expected numbers or durations, got %s", text)
		}
	}
	return between(n[0], n[1], n[2], func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) })
}

func between(from, to, by float64, format func(float64) string) ([]string, error) {
	count := math.Floor((to-from)/by+1e-9) + 1
	switch {
	case !(by > 0) || !(to >= from):
		return nil, fmt.Errorf("expected a range that grows by a step above zero")
	case count > maxSteps:
		return nil, fmt.Errorf("%.0f values, of which at most %d are swept", count, maxSteps)
	}
	var out []string
	for i := range int(count) {
		// Whole steps from the start, without what binary fractions add.
		out = append(out, format(math.Round((from+float64(i)*by)*1e9)/1e9))
	}
	return out, nil
}

// step is what one value gives.
type step struct {
	value    string
	alerts   int
	verdicts map[incident.Verdict]int
}

// sweep writes how many alerts there are for each value.
func (p *program) sweep(ctx context.Context, w io.Writer, inputs sources, c config.Config, o replayOptions) (decision, error) {
	r, summary, err := p.record(ctx, inputs, c, o)
	if err != nil {
		return decision{}, err
	}
	defer r.Close()
	d := decision{summary: summary, settings: c.Settings, asOf: summary.AsOf(o.asOf.before(time.Now()))}
	out, err := d.steps(ctx, r, o)
	if err != nil {
		return decision{}, err
	}
	if o.format.value == "json" {
		return d, sweepJSON(w, o.sweep.name, out)
	}
	return d, sweepText(w, o, out)
}

// steps decides with each value of the threshold. How sure one has to be makes no
// difference to what is decided, so that once is enough.
func (d *decision) steps(ctx context.Context, r *replay.Recording, o replayOptions) (out []step, err error) {
	if o.sweep.name == confidence {
		found, err := r.Decide(ctx, d.asOf, replay.ByIncident, o.workers, d.settings)
		if err != nil {
			return nil, err
		}
		defer found[0].Close()
		for _, value := range o.sweep.values {
			least, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, err
			}
			s, err := d.step(found[0], least, o)
			if err != nil {
				return nil, err
			}
			s.value = value
			out = append(out, s)
		}
		return out, nil
	}
	for _, value := range o.sweep.values {
		settings, err := o.sweep.apply(d.settings, value)
		if err != nil {
			return nil, err
		}
		found, err := r.Decide(ctx, d.asOf, replay.ByIncident, o.workers, settings)
		if err != nil {
			return nil, err
		}
		s, err := d.step(found[0], 0, o)
		found[0].Close()
		if err != nil {
			return nil, err
		}
		s.value = value
		out = append(out, s)
	}
	return out, nil
}

// step counts the alerts that are at least so sure.
func (d *decision) step(found *replay.Findings, least float64, o replayOptions) (step, error) {
	s := step{verdicts: map[incident.Verdict]int{}}
	for history, err := range found.Histories() {
		if err != nil {
			return step{}, err
		}
		f := history[len(history)-1]
		if _, suppressed := routing.Of(d.settings).Silenced(f, d.asOf); suppressed || f.Severity < o.minSeverity.Severity || f.Confidence < least {
			continue
		}
		s.alerts++
		s.verdicts[f.Verdict]++
	}
	return s, nil
}

func sweepText(w io.Writer, o replayOptions, steps []step) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Alerts at severity %s or above\n\n", o.minSeverity)
	fmt.Fprintf(&b, "%-14s %7s", o.sweep.name, "alerts")
	for _, v := range incident.Verdicts {
		fmt.Fprintf(&b, "  %*s", len(short(v)), short(v))
	}
	b.WriteByte('\n')
	for _, s := range steps {
		fmt.Fprintf(&b, "%-14s %7d", s.value, s.alerts)
		for _, v := range incident.Verdicts {
			fmt.Fprintf(&b, "  %*d", len(short(v)), s.verdicts[v])
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// short makes the verdicts fit beside each other.
func short(v incident.Verdict) string {
	switch v {
	case incident.Misconfiguration:
		return "misconfig."
	case incident.PlannedChange:
		return "planned"
	}
	return string(v)
}

func sweepJSON(w io.Writer, name string, steps []step) error {
	for _, s := range steps {
		err := render.JSONLine(w, struct {
			Schema   string                   `json:"schema"`
			Name     string                   `json:"name"`
			Value    string                   `json:"value"`
			Alerts   int                      `json:"alerts"`
			Verdicts map[incident.Verdict]int `json:"verdicts"`
		}{"trailverdict.sweep/v1", name, s.value, s.alerts, s.verdicts})
		if err != nil {
			return err
		}
	}
	return nil
}
