// Package detect is the use case at the heart of the program: keep what was
// observed, and say what it means.
//
// A Detector holds no state of its own. Findings are a function of what the
// store holds, the settings and the time asked about, so several detectors may
// work on one store, and a detector may be restarted at any moment. It does not
// tell anybody; that is the caller's part.
package detect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Recorder keeps observations.
type Recorder interface {
	// Put keeps signals and uses. It may be called with the same ones any
	// number of times, in any order and in any batches, with the same result:
	// signals are known by account, id and contents, and uses of one key are
	// joined. What Put was given can be read when it returns. After an error
	// any part may have been kept, and Put may be repeated. The slices remain
	// the caller's.
	Put(ctx context.Context, signals []incident.Signal, uses []incident.Use) (store.Outcome, error)
}

// Source gives observations back, page by page. Every item that was there when
// the first page was read, and is not past its retention, is on one of the
// pages; one that comes in between may be.
type Source interface {
	// Signals returns the signals of a node, oldest first. Where an event was
	// put with different contents, each version is returned.
	Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error)
	// Uses returns the uses of a node in the order of their keys, each key once.
	Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error)
	Historian
}

// Historian gives back what is known about one node.
type Historian interface {
	// History returns all that is filed under a node and has not passed its
	// retention at now, or the newest part if there is more than the store's
	// limits allow. What it holds was there when reading began, or came since.
	History(ctx context.Context, node string, now time.Time) (store.History, error)
}

// Store is a place for what was observed. The package storetest is this
// contract as tests.
type Store interface {
	Recorder
	Source
}

// Detector decides about what a store holds.
type Detector struct {
	store    Store
	settings incident.Settings
}

// New returns a detector that keeps its observations in s.
func New(s Store, settings incident.Settings) *Detector {
	return &Detector{store: s, settings: settings}
}

// Ingest keeps what was observed.
func (d *Detector) Ingest(ctx context.Context, signals []incident.Signal, uses []incident.Use) (store.Outcome, error) {
	out, err := d.store.Put(ctx, signals, uses)
	if err != nil {
		return out, fmt.Errorf("keep %d signals and %d uses: %w", len(signals), len(uses), err)
	}
	return out, nil
}

// evidencePage is more than most recordings hold. What is read is kept anyway,
// and copied once less if it comes at once.
const evidencePage = 1 << 20

// Evidence reads everything that can be known at asOf, with one version of
// each event.
func (d *Detector) Evidence(ctx context.Context, asOf time.Time) (correlate.Evidence, error) {
	q := store.Query{Now: asOf, Limit: evidencePage}
	signals, capped, err := readAll(ctx, q, d.store.Signals)
	if err != nil {
		return correlate.Evidence{}, fmt.Errorf("read signals: %w", err)
	}
	uses, more, err := readAll(ctx, q, d.store.Uses)
	if err != nil {
		return correlate.Evidence{}, fmt.Errorf("read uses: %w", err)
	}
	capped = append(capped, more...)
	slices.Sort(capped)
	return correlate.Evidence{
		Signals: store.Resolve(signals),
		Uses:    uses,
		Capped:  slices.Compact(capped),
	}, nil
}

// Findings are the conclusions at asOf, one for each incident.
func (d *Detector) Findings(ctx context.Context, asOf time.Time) ([]incident.Finding, error) {
	e, err := d.Evidence(ctx, asOf)
	if err != nil {
		return nil, err
	}
	return correlate.Findings(e, d.settings, asOf), nil
}

// Revisions are the conclusions that every incident went through up to asOf.
func (d *Detector) Revisions(ctx context.Context, asOf time.Time) ([]incident.Finding, error) {
	e, err := d.Evidence(ctx, asOf)
	if err != nil {
		return nil, err
	}
	return correlate.Revisions(e, d.settings, asOf), nil
}

// readAll reads page after page.
func readAll[T any](ctx context.Context, q store.Query, read func(context.Context, store.Query) (store.Page[T], error)) (items []T, capped []string, err error) {
	var pages [][]T
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		page, err := read(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		pages = append(pages, page.Items)
		capped = append(capped, page.Capped...)
		if page.Next == "" && len(pages) == 1 {
			return page.Items, capped, nil
		}
		if page.Next == "" {
			return slices.Concat(pages...), capped, nil
		}
		q.After = page.Next
	}
}
