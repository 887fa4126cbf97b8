package settle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Decider decides about what is kept. detect.Live is one.
type Decider interface {
	// Handle keeps what was observed and revises the findings that it changes.
	Handle(ctx context.Context, signals []incident.Signal, uses []incident.Use, now time.Time) error
	// Recheck decides again about the subjects of signals that are kept.
	Recheck(ctx context.Context, signals []incident.Signal, now time.Time) error
	// Revisit decides again about principals.
	Revisit(ctx context.Context, who []incident.Principal, now time.Time) error
}

// Agenda is the part of a ledger that says what is due, and what is kept of whom.
type Agenda interface {
	Cases(ctx context.Context, subject string) ([]store.Case, error)
	DueCases(ctx context.Context, t time.Time, after string) (cases []store.Case, next string, err error)
	DueEvidence(ctx context.Context, since, t time.Time, after string) (signals []incident.Signal, next string, err error)
	Commit(ctx context.Context, c store.Commit) error
}

// Evidence gives back what was observed.
type Evidence interface {
	Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error)
	Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error)
}

// Limits bound what one run spends.
type Limits struct {
	// Requests is how many requests a run makes to the event history, and Pages
	// how many it makes for one question.
	Requests, Pages int
	// Keys is how many keys of one incident are looked up.
	Keys int
}

// DefaultLimits fit into a run of one minute at a request a second.
func DefaultLimits() Limits { return Limits{Requests: 30, Pages: 4, Keys: 5} }

// Settler looks again. Several may run at once, at the price of doing the same
// twice.
type Settler struct {
	Decider  Decider
	Agenda   Agenda
	Evidence Evidence
	Notebook Notebook
	// History is the event history; nil if nothing is to be looked up.
	History  History
	Settings incident.Settings
	// Home is the Region in which the events of IAM are.
	Home   string
	Limits Limits
}

// Report is what a run did, for logs and metrics.
type Report struct {
	Evidence  int // signals that were looked at again
	Lapsed    int // renewals that seem to have stopped
	Cases     int // cases that were due
	Lookups   int // requests to the event history
	Found     int // keys whose history was found there
	Recovered int // signals that had not arrived
	// Unanswered is why the event history gave no answer, if it did not. What
	// was to be asked is asked by a later run.
	Unanswered error
	// Behind says that something was left for the next run: for want of time or
	// of requests.
	Behind bool
	// GaveUp counts what could not be decided about again after many attempts.
	GaveUp int
}

// run is one run of a Settler.
type run struct {
	*Settler
	now    time.Time
	notes  notes
	report Report
	seen   map[string]bool // what was decided about in this run
	left   int             // requests to the event history
	closed bool            // it takes no more of them
}

// reserve is the time that is kept back for writing down how far a run came.
const reserve = 3 * time.Second

// Run looks at everything that is due at now. After an error the next run goes
// on where this one failed.
func (s *Settler) Run(ctx context.Context, now time.Time) (Report, error) {
	r := &run{Settler: s, now: now, seen: map[string]bool{}, left: s.Limits.Requests, closed: s.History == nil}
	version, err := r.load(ctx)
	if err != nil {
		return r.report, err
	}
	var errs []error
	for _, stage := range []struct {
		share float64 // of the time that is left
		do    func(context.Context) error
	}{
		{0.5, r.evidence},
		{0.5, r.cases},
		{0.5, r.inquire},
		{1, r.reconcile},
	} {
		errs = append(errs, r.within(ctx, stage.share, stage.do))
	}
	errs = append(errs, r.save(ctx, version))
	return r.report, errors.Join(errs...)
}

// within gives a stage a share of the time that is left. That it was not enough
// is no error.
func (r *run) within(ctx context.Context, share float64, stage func(context.Context) error) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline) - reserve
		limited, cancel = context.WithTimeout(ctx, time.Duration(share*float64(left)))
	}
	defer cancel()
	err := stage(limited)
	if limited.Err() != nil && ctx.Err() == nil {
		r.report.Behind = true
		return nil
	}
	return err
}

// first reports whether something comes up for the first time in this run.
func (r *run) first(what string) bool {
	if r.seen[what] {
		return false
	}
	r.seen[what] = true
	return true
}

// cases decides again about the subjects of cases that are due: they settle,
// then resolve. One that cannot be decided about does not keep others waiting.
func (r *run) cases(ctx context.Context) error {
	var errs []error
	for after := ""; ; {
		due, next, err := r.Agenda.DueCases(ctx, r.now, after)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("read cases that are due: %w", err))...)
		}
		for _, c := range due {
			if ctx.Err() != nil {
				return errors.Join(append(errs, ctx.Err())...)
			}
			if !r.first("case " + c.Subject()) {
				continue
			}
			r.report.Cases++
			if err := r.Decider.Revisit(ctx, []incident.Principal{c.Finding.Subject.Principal}, r.now); err != nil {
				errs = append(errs, fmt.Errorf("settle finding %s: %w", c.Finding.ID, err))
			}
			errs = append(errs, r.pursue(ctx, &c.Finding))
		}
		if after = next; after == "" {
			return errors.Join(errs...)
		}
	}
}
