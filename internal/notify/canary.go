package notify

import (
	"context"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Canaries are what the notifying function does with test alerts.
type Canaries struct {
	// Read reads a canary from a record's new image. It reports whether the
	// record is about one that was not told yet.
	Read func(newImage []byte) (c incident.Canary, ok bool, err error)
	// Publish sends the test alert, and Told writes down when it went out.
	Publish, Told func(ctx context.Context, c incident.Canary, at time.Time) error
}

// ToldCanary is a canary and when its test alert went out.
type ToldCanary struct {
	incident.Canary
	At time.Time
}

// canary tells of the canary in a record, if there is one. After an error it is
// told again.
func (h *Handler) canary(ctx context.Context, image []byte, r *Report) (ok bool, err error) {
	if h.Canaries == nil {
		return false, nil
	}
	c, ok, err := h.Canaries.Read(image)
	if err != nil {
		return false, nil // it is no case either, and counted as what cannot be read
	}
	if !ok {
		return false, nil
	}
	at := h.Now()
	if err := h.Canaries.Publish(ctx, c, at); err != nil {
		return true, err
	}
	if err := h.Canaries.Told(ctx, c, at); err != nil {
		return true, err
	}
	r.Canaries = append(r.Canaries, ToldCanary{c, at})
	return true, nil
}
