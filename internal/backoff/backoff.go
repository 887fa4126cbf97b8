// Package backoff waits between tries: longer each time, and never twice alike,
// so that those who got into each other's way part.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait.
type Backoff struct {
	// First is the longest wait before the second try. The longest doubles with
	// each try, up to Most.
	First, Most time.Duration
	// Random is a number from 0 to below 1, each time another one.
	Random func() float64
	// Sleep waits, or returns early with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// New returns a backoff that sleeps, by chance.
func New(first, most time.Duration) Backoff {
	return Backoff{First: first, Most: most, Random: rand.Float64, Sleep: Sleep}
}

// Wait waits before a try; the first, 0, is not waited for. It returns early with
// the context's error, so no wait outlives the deadline of whoever waits.
func (b Backoff) Wait(ctx context.Context, try int) error {
	if err := ctx.Err(); err != nil || try <= 0 {
		return err
	}
	return b.Sleep(ctx, b.before(try))
}

// before is the wait before a try: from half of the longest to all of it.
func (b Backoff) before(try int) time.Duration {
	longest := b.First
	for range try - 1 {
		if longest *= 2; longest >= b.Most {
			longest = b.Most
			break
		}
	}
	return longest/2 + time.Duration(b.Random()*float64(longest/2))
}

// Sleep waits on the clock.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
