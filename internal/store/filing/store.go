package filing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Store keeps observations and cases in a table. It is safe for concurrent use,
// and any number of stores may share a table.
type Store struct {
	table  Table
	limits store.Limits
}

// New returns a store on a table.
func New(t Table, limits store.Limits) *Store { return &Store{t, limits} }

// all is more than any page holds: a Memory's pages are cut here.
const all = 1 << 29

// Put keeps signals and uses, and counts what was there already. It reads what
// lies beside the signals, for which Commit has no need.
func (s *Store) Put(ctx context.Context, signals []incident.Signal, uses []incident.Use) (store.Outcome, error) {
	known, err := s.known(ctx, signals)
	if err != nil {
		return store.Outcome{}, fmt.Errorf("read what is known of %d signals: %w", len(signals), err)
	}
	var out store.Outcome
	var fresh []incident.Signal
	for i := range signals {
		one, err := known.Put(ctx, signals[i:i+1], nil)
		if err != nil {
			return store.Outcome{}, err
		}
		if out = out.Add(one); one.Duplicates == 0 {
			fresh = append(fresh, signals[i])
		}
	}
	return out, s.Commit(ctx, store.Commit{Signals: fresh, Uses: uses})
}

// known reads the hours of the nodes in which the signals would lie.
func (s *Store) known(ctx context.Context, signals []incident.Signal) (*store.Memory, error) {
	m := store.NewMemory(store.Limits{SignalsPerHour: all, Uses: all})
	read := map[[2]string]bool{}
	for _, signal := range signals {
		node, hour := store.SignalNodes(signal)[0], hourOf(signal.Time)
		if read[[2]string{node, hour}] {
			continue
		}
		read[[2]string{node, hour}] = true
		r := reading{table: s.table, limits: s.limits, node: node, into: m}
		if err := r.signals(ctx, evidencePrefix+hour, evidencePrefix+hour+"0"); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Commit keeps evidence and cases together, or neither, without reading.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	cases, err := s.cases(c.Cases)
	if err != nil {
		return err
	}
	evidence := append(s.foldSignals(c.Signals, c.Recheck), s.foldUses(c.Uses)...)
	if len(evidence)+len(cases) == 0 {
		return nil
	}
	if err := s.table.Write(ctx, evidence, cases); err != nil {
		return fmt.Errorf("write %d items and %d cases: %w", len(evidence), len(cases), err)
	}
	return nil
}

// Signals returns a page of signals, oldest first.
func (s *Store) Signals(ctx context.Context, q store.Query) (page store.Page[incident.Signal], err error) {
	from := q.Since
	if q.After != "" {
		if from, err = store.PositionTime(q.After); err != nil {
			return page, err
		}
	}
	m := store.NewMemory(s.limits)
	r := reading{table: s.table, limits: s.limits, node: q.Node, into: m, wanted: q.PageSize()}
	r.enough = func() (bool, error) {
		page, err = signalsOf(ctx, m, q)
		return page.Next != "", err
	}
	if err := r.signals(ctx, evidenceFrom(from), evidenceEnd); err != nil {
		return store.Page[incident.Signal]{}, fmt.Errorf("read signals: %w", err)
	}
	if page.Next != "" {
		return page, nil
	}
	return signalsOf(ctx, m, q)
}

// signalsOf cuts a page from what a Memory holds. Unlike the Memory's own, it
// names the limits that were reached in what was read so far.
func signalsOf(ctx context.Context, m *store.Memory, q store.Query) (store.Page[incident.Signal], error) {
	size := q.PageSize()
	q.Limit = all
	page, err := m.Signals(ctx, q)
	if err == nil && len(page.Items) > size {
		page.Items = slices.Clip(page.Items[:size])
		page.Next = store.Position(page.Items[size-1])
	}
	return page, err
}

// Uses returns a page of uses, in the order of their keys.
func (s *Store) Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error) {
	m := store.NewMemory(s.limits)
	r := reading{table: s.table, limits: s.limits, node: q.Node, into: m}
	items, err := r.uses(ctx, q.Now)
	if err != nil {
		return store.Page[incident.Use]{}, fmt.Errorf("read uses: %w", err)
	}
	if q.Node != "" {
		// What fails here is left to the next reading. The answer is complete.
		_ = s.tidy(ctx, q.Node, items)
	}
	size := q.PageSize()
	q.Limit = all
	page, err := m.Uses(ctx, q)
	if err == nil && len(page.Items) > size {
		page.Items = slices.Clip(page.Items[:size])
		page.Next = page.Items[size-1].Key()
	}
	return page, err
}

// Cases returns the cases of a subject in the order of their first event.
func (s *Store) Cases(ctx context.Context, subject string) ([]store.Case, error) {
	var out []store.Case
	for item, err := range s.table.Items(ctx, caseNode(subject), "", lastSort) {
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		c, err := DecodeCase(item.Data, item.Version)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	store.SortCases(out)
	return out, nil
}

// DueCases returns a page of the cases that are due at t, earliest first.
func (s *Store) DueCases(ctx context.Context, t time.Time, after string) (due []store.Case, next string, err error) {
	items, next, err := s.table.Due(ctx, Cases, time.Time{}, t, after)
	if err != nil {
		return nil, "", fmt.Errorf("read due cases: %w", err)
	}
	for _, item := range items {
		c, err := DecodeCase(item.Data, item.Version)
		if err != nil {
			return nil, "", err
		}
		if !c.Due.IsZero() && !c.Due.After(t) {
			due = append(due, c)
		}
	}
	store.SortDue(due)
	return due, next, nil
}

// DueEvidence returns a page of the signals to be looked at again after since
// and not after t, earliest first.
func (s *Store) DueEvidence(ctx context.Context, since, t time.Time, after string) (signals []incident.Signal, next string, err error) {
	items, next, err := s.table.Due(ctx, Evidence, since, t, after)
	if err != nil {
		return nil, "", fmt.Errorf("read due evidence: %w", err)
	}
	for _, item := range items {
		list, err := decodeSignals(item.Data)
		if err != nil {
			return nil, "", err
		}
		signals = append(signals, list...)
	}
	return signals, next, nil
}
