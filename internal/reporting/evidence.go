package reporting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Evidence gives back what was observed. detect.Source has the contract.
type Evidence interface {
	Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error)
	Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error)
}

// Limits bound what a report looks at.
type Limits struct {
	// History is how long before a period's end events are looked at: rhythms
	// and changes need more than the period itself.
	History time.Duration
	// Signals and Uses are the most of each. Where there are more signals, less
	// history is looked at.
	Signals, Uses int
}

// DefaultLimits show twenty beats of the longest sessions that AWS issues, of 36
// hours, and fit into a gigabyte of memory.
func DefaultLimits() Limits {
	return Limits{History: 30 * 24 * time.Hour, Signals: 50_000, Uses: 50_000}
}

// gather reads the evidence up to a period's end. One page is as much as is
// wanted, since every page of everything takes a reading of the whole store.
func (r *Reporter) gather(ctx context.Context, p Period) (correlate.Evidence, error) {
	signals, since, err := r.signals(ctx, p)
	if err != nil {
		return correlate.Evidence{}, fmt.Errorf("read the signals to report on: %w", err)
	}
	uses, err := r.Evidence.Uses(ctx, store.Query{Now: p.End, Since: since, Limit: r.Limits.Uses})
	if err != nil {
		return correlate.Evidence{}, fmt.Errorf("read the uses to report on: %w", err)
	}
	e := correlate.Evidence{Signals: store.Resolve(signals.Items), Uses: uses.Items, Capped: slices.Concat(signals.Capped, uses.Capped)}
	switch {
	case signals.Next != "":
		e.Capped = append(e.Capped, fmt.Sprintf("the period has more than the %d signals that a report looks at, and the latest are missing", r.Limits.Signals))
	case since.After(r.start(p)):
		e.Capped = append(e.Capped, fmt.Sprintf("there are so many signals that none before %s were looked at", since.UTC().Format(time.RFC3339)))
	}
	if uses.Next != "" {
		e.Capped = append(e.Capped, fmt.Sprintf("there are more than the %d uses that a report looks at", r.Limits.Uses))
	}
	return e, nil
}

// start is where the history begins that a report would look at.
func (r *Reporter) start(p Period) time.Time {
	return p.End.Add(-max(r.Limits.History, p.Span.length()))
}

// signals reads as much history as the limit allows, but the whole period at
// least, and says since when that is.
func (r *Reporter) signals(ctx context.Context, p Period) (store.Page[incident.Signal], time.Time, error) {
	since := r.start(p)
	for {
		page, err := r.Evidence.Signals(ctx, store.Query{Now: p.End, Since: since, Limit: r.Limits.Signals})
		if err != nil || page.Next == "" || !since.Before(p.From()) {
			return page, since, err
		}
		since = p.End.Add(-max(p.End.Sub(since)/2, p.Span.length()))
	}
}
