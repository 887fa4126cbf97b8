package store_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, l store.Limits) storetest.Store { return store.NewMemory(l) })
}

func TestMemoryLedger(t *testing.T) {
	storetest.RunLedger(t, func(_ *testing.T, l store.Limits) storetest.Ledger { return store.NewMemory(l) })
}

func TestCanonicalTellsContentsApart(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	base := incident.Signal{ID: "1", Account: "111122223333", Time: at, Threat: &incident.Threat{Type: "a"}}
	same := base
	same.Time = at.In(time.FixedZone("", 3600))
	same.Threat = &incident.Threat{Type: "a"}
	if a, b := store.Canonical(base), store.Canonical(same); string(a) != string(b) {
		t.Errorf("equal signals have the forms %s and %s", a, b)
	}
	other := base
	other.Threat = &incident.Threat{Type: "b"}
	if a, b := store.Canonical(base), store.Canonical(other); string(a) == string(b) {
		t.Errorf("different signals have the one form %s", a)
	}
}

func TestCanonicalOfNumbersThatAreNone(t *testing.T) {
	s := incident.Signal{ID: "1", Threat: &incident.Threat{Type: "a", Severity: math.Inf(1)}}
	if got := string(store.Canonical(s)); !strings.Contains(got, `"Type":"a"`) {
		t.Errorf("Canonical() = %s, want the contents", got)
	}
	if !math.IsInf(s.Threat.Severity, 1) {
		t.Error("Canonical changed the signal")
	}
}

// TestResolve compares Resolve with the rule's own words: of each account and
// id, the smallest canonical form.
func TestResolve(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.SliceOf(rapid.Custom(func(r *rapid.T) incident.Signal {
			return incident.Signal{
				ID:      fmt.Sprint(rapid.IntRange(0, 5).Draw(r, "id")),
				Account: rapid.SampledFrom([]string{"111122223333", "444455556666"}).Draw(r, "account"),
				Time:    time.Unix(int64(rapid.IntRange(0, 3).Draw(r, "time")), 0),
				Key:     rapid.SampledFrom([]string{"", "ASIA0"}).Draw(r, "key"),
			}
		})).Draw(r, "signals")
		want := map[string]string{}
		for _, s := range list {
			k, form := s.Account+s.ID, string(store.Canonical(s))
			if have, ok := want[k]; !ok || form < have {
				want[k] = form
			}
		}
		got := store.Resolve(list)
		if len(got) != len(want) {
			r.Fatalf("%d signals, want %d", len(got), len(want))
		}
		for i, s := range got {
			if form := string(store.Canonical(s)); form != want[s.Account+s.ID] {
				r.Errorf("signal %s = %s, want %s", s.ID, form, want[s.Account+s.ID])
			}
			if i > 0 && s.Time.Before(got[i-1].Time) {
				r.Errorf("signal %d is older than the one before it", i)
			}
		}
	})
}
