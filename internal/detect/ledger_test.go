package detect_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// shelf is a ledger in memory, on top of the store's own.
type shelf struct {
	*store.Memory
	mu    sync.Mutex
	cases map[string]detect.Case
	again []incident.Signal
}

func newShelf() *shelf {
	return &shelf{Memory: store.NewMemory(store.DefaultLimits()), cases: map[string]detect.Case{}}
}

func (s *shelf) Cases(_ context.Context, subject string) ([]detect.Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []detect.Case
	for _, c := range s.cases {
		if c.Finding.Subject.Key() == subject {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b detect.Case) int { return a.Finding.FirstSeen.Compare(b.Finding.FirstSeen) })
	return out, nil
}

func (s *shelf) Commit(ctx context.Context, c detect.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range c.Cases {
		if s.cases[n.Finding.ID].Version != n.Version {
			return detect.ErrConflict
		}
	}
	if _, err := s.Put(ctx, c.Signals, c.Uses); err != nil {
		return err
	}
	for _, n := range c.Cases {
		n.Version++
		s.cases[n.Finding.ID] = n
	}
	if !c.Recheck.IsZero() {
		s.again = append(s.again, c.Signals...)
	}
	return nil
}

func (s *shelf) DueCases(context.Context, time.Time, string) ([]detect.Case, string, error) {
	return nil, "", nil
}

func (s *shelf) DueEvidence(context.Context, time.Time, time.Time, string) ([]incident.Signal, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.again), "", nil
}

func (s *shelf) AllFindings() []incident.Finding {
	var out []incident.Finding
	for _, c := range s.cases {
		if c.SupersededBy == "" {
			out = append(out, c.Finding)
		}
	}
	slices.SortFunc(out, func(a, b incident.Finding) int { return strings.Compare(a.ID, b.ID) })
	return out
}
