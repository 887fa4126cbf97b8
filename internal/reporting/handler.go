package reporting

import (
	"context"
	"time"
)

// Handler is the entry of the reporting function.
type Handler struct {
	Reporter *Reporter
	Now      func() time.Time
	// Account is the account in which a request is handled.
	Account func(context.Context) string
	// Observe is told about each run; nil is allowed.
	Observe func(context.Context, Outcome, error)
}

// Invoke makes the report that an event asks for.
func (h *Handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var out Outcome
	p, err := periodOf(event, h.Now())
	if err == nil {
		out, err = h.Reporter.Report(ctx, h.Account(ctx), p)
	}
	if h.Observe != nil {
		h.Observe(ctx, out, err)
	}
	return nil, err
}
