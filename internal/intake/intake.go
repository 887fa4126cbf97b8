// Package intake makes events of what the logs of programs tell about
// credentials, and puts them on the queue that the detector reads.
//
// It takes a subscription's payload of CloudWatch Logs. What leaves it are the
// events that clients themselves report by (docs/events.md), with facts alone:
// codes, ids and names, never a line or a part of one. Identical failures of a
// second become one event with their count. The same payload gives the same
// events with the same ids, so one that is delivered twice counts once.
//
// What it does not promise: records of CloudTrail that a trail writes to a log
// group are counted and left alone, since EventBridge delivers them.
package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// ErrPoison says that a payload cannot be understood, now or later. Its error
// names the reasons, never the content.
var ErrPoison = errors.New("payload cannot be understood")

// Queue takes events on to the detector.
type Queue interface {
	// Send puts each event on the queue as a message of its own. After an error
	// some may be there; all may be sent again, since they are known by their ids.
	Send(ctx context.Context, events []string) error
}

// Report is what one invocation did, for logs and metrics.
type Report struct {
	Values     int // log events, and what was wrapped in them
	Failures   int // failed calls that were told of
	Exposures  int // secrets that were seen
	Events     int // events that were made of both
	Irrelevant int // log events that tell nothing
	Recorded   int // what AWS itself recorded, which comes by another way
	Skipped    map[trail.SkipReason]int
	// Oldest is the time of the earliest failure or exposure, zero if there was
	// none.
	Oldest time.Time
	Err    error
}

// Handler is the entry of the function: bytes in, as Lambda hands them over.
type Handler struct {
	Queue Queue
	// Writer says who writes to a log group; nil means that nobody knows.
	Writer func(group string) (workload, principalARN string)
	// Observe is told about each invocation; nil is allowed.
	Observe func(context.Context, Report)
}

// Invoke handles one payload. After an error it may be handed over again. The
// answer is empty: nobody reads it.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var r Report
	r.Err = h.handle(ctx, payload, &r)
	if h.Observe != nil {
		h.Observe(ctx, r)
	}
	return nil, r.Err
}

func (h *Handler) handle(ctx context.Context, payload []byte, r *Report) error {
	f := newFolder()
	stats, err := trail.Decode(bytes.NewReader(payload), "", f, trail.LogWriters(func(group string) (string, string) {
		f.group = group
		if h.Writer == nil {
			return "", ""
		}
		return h.Writer(group)
	}))
	if err != nil {
		return fmt.Errorf("decode payload: %w", err)
	}
	r.Values, r.Irrelevant, r.Skipped = stats.Values, stats.Irrelevant, stats.Skipped
	r.Failures, r.Exposures, r.Recorded = f.failures, f.exposures, f.recorded
	if stats.Values == 0 || len(stats.Skipped) > 0 && f.nothing() && stats.Irrelevant == 0 {
		return fmt.Errorf("%w: %s", ErrPoison, f.reason())
	}
	events, err := encode(f.folded(), r)
	if err != nil || len(events) == 0 {
		return err
	}
	if err := h.Queue.Send(ctx, events); err != nil {
		return fmt.Errorf("pass on %d events: %w", len(events), err)
	}
	return nil
}

func encode(signals []incident.Signal, r *Report) ([]string, error) {
	events := make([]string, 0, len(signals))
	for _, s := range signals {
		b, err := trail.EncodeClientEvent(s)
		if err != nil {
			return nil, err
		}
		events = append(events, string(b))
		if r.Oldest.IsZero() || s.Time.Before(r.Oldest) {
			r.Oldest = s.Time
		}
	}
	r.Events = len(events)
	return events, nil
}
