package settle

import (
	"context"
	"time"
)

// Handler is the entry of the settling function. What it is handed does not
// matter: it does what is due.
type Handler struct {
	Settler *Settler
	Now     func() time.Time
	// Observe is told about each run; nil is allowed.
	Observe func(context.Context, Report, error)
}

// Invoke lets the settler run once.
func (h *Handler) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	r, err := h.Settler.Run(ctx, h.Now())
	if h.Observe != nil {
		h.Observe(ctx, r, err)
	}
	return nil, err
}
