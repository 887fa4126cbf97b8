package replay

import (
	"cmp"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// Alerting says which findings would be told to somebody.
type Alerting struct {
	Rules       routing.Rules
	MinSeverity incident.Severity
	AsOf        time.Time
}

// alerts reports whether f would be told.
func (a Alerting) alerts(f *incident.Finding) bool {
	if f == nil || f.Severity < a.MinSeverity {
		return false
	}
	_, suppressed := a.Rules.Silenced(*f, a.AsOf)
	return !suppressed
}

// Change is an incident that two configurations tell differently: Before or After
// is nil where that configuration would not have alerted.
type Change struct {
	Before, After *incident.Finding
}

// Of is the finding that there is, After rather than Before.
func (c Change) Of() *incident.Finding { return cmp.Or(c.After, c.Before) }

// Daily is how many alerts there are of a verdict and severity on a day.
type Daily struct {
	Day      string // in UTC, by the incidents' first event
	Verdict  incident.Verdict
	Severity incident.Severity
}

// Counts are how many alerts the configurations give.
type Counts struct{ Before, After int }

// Comparison is how the alerts of two configurations differ.
type Comparison struct {
	Counts
	Removed, Added, Changed int
	ByDay                   map[Daily]Counts
}

// Compare compares what was found under two configurations, both ByIncident. It
// calls each, which may be nil, with every change, in the order of the incidents'
// ids.
func Compare(before, after *Findings, a, b Alerting, each func(Change) error) (Comparison, error) {
	c := Comparison{ByDay: map[Daily]Counts{}}
	l, r := before.finals(), after.finals()
	defer l.stop()
	defer r.stop()
	for {
		pair, err := nextPair(l, r)
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		if !a.alerts(pair.Before) {
			pair.Before = nil
		}
		if !b.alerts(pair.After) {
			pair.After = nil
		}
		if c.count(pair) && each != nil {
			if err := each(pair); err != nil {
				return c, err
			}
		}
	}
}

// count counts a pair, and reports whether it is a change.
func (c *Comparison) count(p Change) bool {
	if p.Before != nil {
		c.Before++
		d := c.ByDay[dailyOf(p.Before)]
		d.Before++
		c.ByDay[dailyOf(p.Before)] = d
	}
	if p.After != nil {
		c.After++
		d := c.ByDay[dailyOf(p.After)]
		d.After++
		c.ByDay[dailyOf(p.After)] = d
	}
	switch {
	case p.Before == nil && p.After == nil:
		return false
	case p.Before == nil:
		c.Added++
	case p.After == nil:
		c.Removed++
	case p.Before.Verdict != p.After.Verdict, p.Before.Cause != p.After.Cause, p.Before.Severity != p.After.Severity:
		c.Changed++
	default:
		return false
	}
	return true
}

func dailyOf(f *incident.Finding) Daily {
	return Daily{f.FirstSeen.UTC().Format(time.DateOnly), f.Verdict, f.Severity}
}

// Days lists the keys of ByDay in the order of the days, gravest first.
func (c Comparison) Days() []Daily {
	var out []Daily
	for d := range c.ByDay {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Daily) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(b.Severity, a.Severity), cmp.Compare(rank(a.Verdict), rank(b.Verdict)))
	})
	return out
}

func rank(v incident.Verdict) int { return slices.Index(incident.Verdicts, v) }

// finals reads final findings one by one.
type finals struct {
	next func() ([]incident.Finding, error, bool)
	stop func()
	head *incident.Finding // nil until it is read, and at the end
}

func (f *Findings) finals() *finals {
	next, stop := iter.Pull2(f.Histories())
	return &finals{next: next, stop: stop}
}

// peek returns the next finding without taking it; nil at the end.
func (f *finals) peek() (*incident.Finding, error) {
	if f.head == nil {
		h, err, ok := f.next()
		if err != nil || !ok {
			return nil, err
		}
		f.head = &h[len(h)-1]
	}
	return f.head, nil
}

func (f *finals) take() *incident.Finding {
	head := f.head
	f.head = nil
	return head
}

// nextPair takes what comes next of two lists by id.
func nextPair(l, r *finals) (Change, error) {
	a, err := l.peek()
	if err != nil {
		return Change{}, err
	}
	b, err := r.peek()
	if err != nil {
		return Change{}, err
	}
	switch {
	case a == nil && b == nil:
		return Change{}, io.EOF
	case b == nil || a != nil && a.ID < b.ID:
		return Change{Before: l.take()}, nil
	case a == nil || b.ID < a.ID:
		return Change{After: r.take()}, nil
	}
	return Change{l.take(), r.take()}, nil
}
