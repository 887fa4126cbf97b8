package filing

import (
	"context"
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/store"
)

// History returns what is filed under a node, by one reading from its first item
// to its last. Where that turns out to be more than the limit, it starts again
// with the newest hours, and goes back in ever longer steps as far as the limit
// allows: so a busy node costs a bounded number of reads, however long it has
// been busy.
func (s *Store) History(ctx context.Context, node string, now time.Time) (store.History, error) {
	m := store.NewMemory(s.limits)
	r := reading{table: s.table, limits: s.limits, node: node, into: m, most: s.limits.History, withUses: true, now: now}
	err := r.signals(ctx, evidencePrefix, useEnd)
	if err != nil {
		return store.History{}, fmt.Errorf("read history: %w", err)
	}
	if r.over {
		return s.newest(ctx, node, now)
	}
	// What fails here is left to the next reading. The answer is complete.
	_ = s.tidy(ctx, node, r.useItems)
	return m.History(ctx, node, now)
}

// steps are how far back a history is read that is too long to be read whole.
// The first step is always read.
var steps = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// newest reads the newest part of a node's history.
func (s *Store) newest(ctx context.Context, node string, now time.Time) (store.History, error) {
	m := store.NewMemory(s.limits)
	var from time.Time
	var capped []string
	end, left := evidenceEnd, s.limits.History
	for n, back := range steps {
		start := now.UTC().Truncate(time.Hour).Add(-back)
		part := reading{table: s.table, limits: s.limits, node: node, into: store.NewMemory(s.limits)}
		if n > 0 {
			part.most = left
		}
		if err := part.signals(ctx, evidenceFrom(start), end); err != nil {
			return store.History{}, fmt.Errorf("read history: %w", err)
		}
		if part.over {
			break
		}
		page, err := part.into.Signals(ctx, store.Query{Node: node, Limit: all})
		if err != nil {
			return store.History{}, err
		}
		if _, err := m.Put(ctx, page.Items, nil); err != nil {
			return store.History{}, err
		}
		capped = append(capped, page.Capped...)
		from, end = start, evidenceFrom(start)
		if left -= part.read; left <= 0 {
			break
		}
	}
	uses := reading{table: s.table, limits: s.limits, node: node, into: m}
	if _, err := uses.uses(ctx, now); err != nil {
		return store.History{}, fmt.Errorf("read history: %w", err)
	}
	h, err := m.History(ctx, node, now)
	if err == nil && h.From.IsZero() {
		h.From, h.Capped = from, append(h.Capped, store.CappedHistory(node, from))
	}
	h.Capped = append(h.Capped, capped...)
	return h, err
}
