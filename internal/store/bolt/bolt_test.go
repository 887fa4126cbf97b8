package bolt_test

import (
	"path/filepath"
	"testing"

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
