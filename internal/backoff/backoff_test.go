package backoff_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/backoff"
)

// noted is a backoff that notes its waits instead.
func noted(random float64, waits *[]time.Duration) backoff.Backoff {
	return backoff.Backoff{
		First: 20 * time.Millisecond, Most: time.Second,
		Random: func() float64 { return random },
		Sleep:  func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil },
	}
}

func TestWaitsGrowUpToTheMost(t *testing.T) {
	var waits []time.Duration
	b := noted(0, &waits)
	for try := range 9 {
		if err := b.Wait(t.Context(), try); err != nil {
			t.Fatal(err)
		}
	}
	want := []time.Duration{10, 20, 40, 80, 160, 320, 500, 500}
	if len(waits) != len(want) {
		t.Fatalf("%d waits, want %d: the first try is not waited for", len(waits), len(want))
	}
	for n := range want {
		if waits[n] != want[n]*time.Millisecond {
			t.Errorf("wait %d is %s, want %s", n+1, waits[n], want[n]*time.Millisecond)
		}
	}
}

func TestWaitsDifferByChance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		try := rapid.IntRange(1, 100_000).Draw(t, "try")
		random := rapid.Float64Range(0, 0.999).Draw(t, "random")
		var waits []time.Duration
		for _, r := range []float64{0, random, 0.999} {
			if err := noted(r, &waits).Wait(context.Background(), try); err != nil {
				t.Fatal(err)
			}
		}
		if waits[0] <= 0 || waits[0] > waits[1] || waits[1] > waits[2] || waits[2] > time.Second || waits[2] <= waits[0] {
			t.Errorf("waits %v before try %d", waits, try)
		}
	})
}

func TestNoWaitOutlivesTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := backoff.New(time.Hour, time.Hour)
	go cancel()
	if err := b.Wait(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait of an hour ends with %v", err)
	}
	for _, try := range []int{0, 1} {
		if err := b.Wait(ctx, try); !errors.Is(err, context.Canceled) {
			t.Errorf("try %d after the end: %v", try, err)
		}
	}
	if err := backoff.New(time.Nanosecond, time.Nanosecond).Wait(t.Context(), 1); err != nil {
		t.Error(err)
	}
}
