package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Book and Cuts that live as long as the program.
type Memory struct {
	mu    sync.Mutex
	pages map[string]Page
	cuts  map[string]Cut
}

// NewMemory returns an empty book.
func NewMemory() *Memory {
	return &Memory{pages: map[string]Page{}, cuts: map[string]Cut{}}
}

// Page returns the page of a case.
func (m *Memory) Page(_ context.Context, caseID string) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pages[caseID].clone()
	p.CaseID = caseID
	return p, nil
}

// Keep stores a page unless it changed since it was read.
func (m *Memory) Keep(_ context.Context, p Page) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have := m.pages[p.CaseID].Version; have != p.Version {
		return fmt.Errorf("page of %s is at version %d, not %d: %w", p.CaseID, have, p.Version, ErrConflict)
	}
	p = p.clone()
	p.Version++
	m.pages[p.CaseID] = p
	return nil
}

// Due returns the ids of cases that are due at t.
func (m *Memory) Due(_ context.Context, t time.Time) (caseIDs []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, p := range m.pages {
		if !p.Due.IsZero() && !p.Due.After(t) {
			caseIDs = append(caseIDs, id)
		}
	}
	slices.SortFunc(caseIDs, func(a, b string) int {
		return cmp.Or(m.pages[a].Due.Compare(m.pages[b].Due), cmp.Compare(a, b))
	})
	return caseIDs, nil
}

// Cuts returns the cut-offs that can still explain something at t.
func (m *Memory) Cuts(_ context.Context, t time.Time) ([]Cut, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Cut
	for _, c := range m.cuts {
		if !c.Until.Before(t) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Cut) int { return cmp.Compare(a.CaseID, b.CaseID) })
	return list, nil
}

// KeepCut stores a cut-off, or forgets it if it reaches nobody.
func (m *Memory) KeepCut(_ context.Context, c Cut) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(c.Names) == 0 {
		delete(m.cuts, c.CaseID)
		return nil
	}
	c.Names = slices.Clone(c.Names)
	m.cuts[c.CaseID] = c
	return nil
}
