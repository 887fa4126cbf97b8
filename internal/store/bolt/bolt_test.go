package bolt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/bolt"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

func open(t *testing.T, path string, l store.Limits) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, l store.Limits) storetest.Store {
		return open(t, filepath.Join(t.TempDir(), "store"), l)
	})
}

func TestLedger(t *testing.T) {
	storetest.RunLedger(t, func(t *testing.T, l store.Limits) storetest.Ledger {
		return open(t, filepath.Join(t.TempDir(), "store"), l)
	})
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func commit(t *testing.T, s *bolt.Store, c store.Commit) {
	t.Helper()
	if err := s.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

// sample is evidence and a case about one role.
func sample() (role incident.Principal, c store.Commit) {
	role = incident.Principal{Type: incident.Role, Account: "111122223333", Name: "api"}
	return role, store.Commit{
		Signals: []incident.Signal{{ID: "1", Account: "111122223333", Time: noon(), Kind: incident.RoleDeleted, Target: role}},
		Uses:    []incident.Use{{Account: "111122223333", Principal: role, First: noon(), Last: noon()}},
		Cases:   []store.Case{{Finding: incident.Finding{ID: "f", Subject: incident.Subject{Principal: role}, LastSeen: noon()}, Due: noon()}},
		Recheck: noon(),
	}
}

func TestWhatWasKeptIsThereInTheNextRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s, err := bolt.Open(path, store.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	role, c := sample()
	commit(t, s, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.DefaultLimits())
	wantCounts(t, s, role, 1)
}

// wantCounts expects so many signals, uses and cases of a principal.
func wantCounts(t *testing.T, s *bolt.Store, who incident.Principal, want int) {
	t.Helper()
	ctx, q := context.Background(), store.Query{Node: who.Key()}
	signals, err := s.Signals(ctx, q)
	uses, usesErr := s.Uses(ctx, q)
	cases, casesErr := s.Cases(ctx, who.Key())
	due, _, dueErr := s.DueCases(ctx, noon(), "")
	again, _, againErr := s.DueEvidence(ctx, time.Time{}, noon(), "")
	if err := errors.Join(err, usesErr, casesErr, dueErr, againErr); err != nil {
		t.Fatal(err)
	}
	if len(signals.Items) != want || len(uses.Items) != want || len(cases) != want || len(due) != want || len(again) != want {
		t.Errorf("%d signals, %d uses, %d cases, %d due, %d to recheck; want %d of each",
			len(signals.Items), len(uses.Items), len(cases), len(due), len(again), want)
	}
}

func TestPruneDropsWhatHasExpired(t *testing.T) {
	limits := store.DefaultLimits()
	limits.Retention = 24 * time.Hour
	s := open(t, filepath.Join(t.TempDir(), "store"), limits)
	role, c := sample()
	commit(t, s, c)
	if n, err := s.Prune(noon().Add(24*time.Hour - 1)); err != nil || n != 0 {
		t.Errorf("Prune() = %d, %v before the end", n, err)
	}
	wantCounts(t, s, role, 1)
	if n, err := s.Prune(noon().Add(24 * time.Hour)); err != nil || n != 3 {
		t.Errorf("Prune() = %d, %v; want 3", n, err)
	}
	wantCounts(t, s, role, 0)
}

func TestOpenErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	open(t, path, store.DefaultLimits())
	if _, err := bolt.Open(path, store.DefaultLimits()); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("a second Open = %v", err)
	}
	other := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(other, []byte(strings.Repeat("no store", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(other, store.DefaultLimits()); err == nil {
		t.Error("a text file was opened as a store")
	}
	if _, err := bolt.Open(filepath.Join(t.TempDir(), "no", "folder"), store.DefaultLimits()); err == nil {
		t.Error("a file in no folder was opened")
	}
}
