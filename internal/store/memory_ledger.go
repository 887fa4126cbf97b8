package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ledger is what Memory keeps besides observations.
type ledger struct {
	cases    map[string]map[string]Case // by subject and id
	rechecks []recheck                  // in the order of time
}

// recheck is evidence that is to be looked at again.
type recheck struct {
	at      time.Time
	signals []incident.Signal
}

// Cases returns the cases of a subject in the order of their first event.
func (m *Memory) Cases(_ context.Context, subject string) ([]Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Case
	for _, c := range m.ledger.cases[subject] {
		out = append(out, c)
	}
	SortCases(out)
	return out, nil
}

// SortCases puts a subject's cases in the order of their first event.
func SortCases(list []Case) {
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i].Finding, &list[j].Finding
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.ID, b.ID)) < 0
	})
}

// Commit keeps evidence and cases together, or neither.
func (m *Memory) Commit(_ context.Context, c Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, n := range c.Cases {
		same := func(o Case) bool { return o.Finding.ID == n.Finding.ID && o.Subject() == n.Subject() }
		if m.ledger.cases[n.Subject()][n.Finding.ID].Version != n.Version || slices.ContainsFunc(c.Cases[:i], same) {
			return fmt.Errorf("commit case %s: %w", n.Finding.ID, ErrConflict)
		}
	}
	m.put(c.Signals, c.Uses)
	for _, n := range c.Cases {
		m.ledger.put(n)
	}
	if !c.Recheck.IsZero() && len(c.Signals) > 0 {
		m.ledger.again(recheck{c.Recheck, slices.Clone(c.Signals)})
	}
	return nil
}

func (l *ledger) put(c Case) {
	c.Version++
	if l.cases[c.Subject()] == nil {
		l.cases[c.Subject()] = map[string]Case{}
	}
	l.cases[c.Subject()][c.Finding.ID] = c
}

func (l *ledger) again(r recheck) {
	at, _ := slices.BinarySearchFunc(l.rechecks, r.at, func(have recheck, t time.Time) int {
		if have.at.After(t) {
			return 1
		}
		return -1 // after those of the same time
	})
	l.rechecks = slices.Insert(l.rechecks, at, r)
}

// DueCases returns the cases that are due at t, all on one page.
func (m *Memory) DueCases(_ context.Context, t time.Time, _ string) (due []Case, next string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cases := range m.ledger.cases {
		for _, c := range cases {
			if !c.Due.IsZero() && !c.Due.After(t) {
				due = append(due, c)
			}
		}
	}
	SortDue(due)
	return due, "", nil
}

// SortDue puts cases in the order in which they are due.
func SortDue(list []Case) {
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Subject(), b.Subject()), cmp.Compare(a.Finding.ID, b.Finding.ID)) < 0
	})
}

// DueEvidence returns the signals to be looked at again after since and not
// after t, those of one commit a page.
func (m *Memory) DueEvidence(_ context.Context, since, t time.Time, after string) (signals []incident.Signal, next string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	skip := 0
	if after != "" {
		if skip, err = strconv.Atoi(after); err != nil {
			return nil, "", fmt.Errorf("read due evidence: page token: %w", err)
		}
	}
	seen := 0
	for _, r := range m.ledger.rechecks {
		if !r.at.After(since) || r.at.After(t) {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if signals != nil {
			return signals, strconv.Itoa(seen - 1), nil
		}
		signals = slices.Clone(r.signals)
	}
	return signals, "", nil
}
