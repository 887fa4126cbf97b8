package detect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// ErrPoison says that an event cannot be understood, now or later. Its error
// names the reasons, never the content.
var ErrPoison = errors.New("event cannot be understood")

// Keeper takes in what was observed. Live is one.
type Keeper interface {
	Handle(ctx context.Context, signals []incident.Signal, uses []incident.Use, now time.Time) error
}

// Canaries keeps canaries where whoever tells finds them.
type Canaries interface {
	Keep(ctx context.Context, c incident.Canary, now time.Time) error
}

// Report is what one invocation did, for logs and metrics.
type Report struct {
	Messages, Signals, Uses, Irrelevant, Poison int
	// Oldest is the time of the earliest event, zero if there was none.
	Oldest time.Time
	Err    error
}

// Handler is the entry of the detecting function: bytes in, as Lambda hands
// them over, from EventBridge directly or from a queue.
//
// From a queue it answers with the messages that failed, so that the others are
// not delivered again. A message that cannot be understood fails alone and ends
// in the dead-letter queue. If the store fails, all of the batch fails, which
// loses nothing: what was kept is known when it comes again.
type Handler struct {
	Keeper Keeper
	Now    func() time.Time
	// Canaries takes in events that try the way to an alert; nil passes over
	// them.
	Canaries Canaries
	// Options tell the decoder what events do not say of themselves.
	Options []trail.Option
	// Observe is told about each invocation; nil is allowed.
	Observe func(context.Context, Report)

	idle sync.Pool // of *observed, one for each invocation at work
}

// Invoke handles one event or one batch.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var r Report
	answer, err := h.invoke(ctx, payload, &r)
	if err != nil {
		r.Err = err
	}
	if h.Observe != nil {
		h.Observe(ctx, r)
	}
	return answer, err
}

func (h *Handler) invoke(ctx context.Context, payload []byte, r *Report) ([]byte, error) {
	if messages, ok := queued(payload); ok {
		return h.batch(ctx, messages, r)
	}
	got := h.observer()
	defer h.idle.Put(got)
	if err := got.decode(payload, r); err != nil {
		return nil, err
	}
	return nil, h.keep(ctx, got)
}

// observer returns what takes in an invocation.
func (h *Handler) observer() *observed {
	got, ok := h.idle.Get().(*observed)
	if !ok {
		got = &observed{}
		got.decoder = trail.NewDecoder("", got, h.Options...)
	}
	got.signals, got.uses, got.canaries = nil, nil, nil // the keeper may have kept them
	return got
}

func (h *Handler) keep(ctx context.Context, got *observed) error {
	for _, c := range got.canaries {
		if h.Canaries == nil {
			break
		}
		if err := h.Canaries.Keep(ctx, c, h.Now()); err != nil {
			return err
		}
	}
	if len(got.signals)+len(got.uses) == 0 {
		return nil
	}
	return h.Keeper.Handle(ctx, got.signals, got.uses, h.Now())
}

// message is one of a queue's batch.
type message struct {
	id   string
	body string
}

// queued reads a batch of SQS messages, or reports that the payload is none, as
// what EventBridge sends is by its first member.
func queued(payload []byte) ([]message, bool) {
	if bytes.HasPrefix(payload, []byte(`{"version":"0"`)) || !bytes.Contains(payload, []byte(`messageId"`)) {
		return nil, false
	}
	v, err := jsonscan.Parse(payload)
	if err != nil {
		return nil, false
	}
	var list []message
	whole := true
	v.Get("Records").Elements(func(_ int, rec jsonscan.Value) bool {
		m := message{rec.Get("messageId").Str(), rec.Get("body").Str()}
		whole = whole && m.id != ""
		list = append(list, m)
		return true
	})
	return list, whole && len(list) > 0
}

// failures is the answer that names the messages to be delivered again.
type failures struct {
	Items []failure `json:"batchItemFailures"`
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

func (h *Handler) batch(ctx context.Context, messages []message, r *Report) ([]byte, error) {
	out := failures{Items: []failure{}}
	got := h.observer()
	defer h.idle.Put(got)
	var sound []message
	for _, m := range messages {
		if err := got.decode([]byte(m.body), r); err != nil {
			out.Items = append(out.Items, failure{m.id})
			continue
		}
		sound = append(sound, m)
	}
	if err := h.keep(ctx, got); err != nil {
		r.Err = err
		for _, m := range sound {
			out.Items = append(out.Items, failure{m.id})
		}
	}
	answer, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return answer, nil
}

// observed collects what was decoded. It is the decoder's sink.
type observed struct {
	signals []incident.Signal
	uses    []incident.Use
	skipped []trail.Skip
	decoder *trail.Decoder

	canaries []incident.Canary
}

func (o *observed) Signal(s incident.Signal) { o.signals = append(o.signals, s) }
func (o *observed) Canary(c incident.Canary) { o.canaries = append(o.canaries, c) }
func (o *observed) Use(u incident.Use)       { o.uses = append(o.uses, u) }
func (o *observed) Skipped(s trail.Skip)     { o.skipped = append(o.skipped, s) }

// decode adds what one event holds. An event of which nothing could be
// understood is poison; one of which a part could is taken for what it gives.
func (o *observed) decode(body []byte, r *Report) error {
	signals, uses := len(o.signals), len(o.uses)
	o.skipped = o.skipped[:0]
	st := o.decoder.Decode(body)
	r.Messages++
	r.Irrelevant += st.Irrelevant
	r.Signals += len(o.signals) - signals
	r.Uses += len(o.uses) - uses
	for i := signals; i < len(o.signals); i++ {
		if at := o.signals[i].Time; r.Oldest.IsZero() || at.Before(r.Oldest) {
			r.Oldest = at
		}
	}
	nothing := len(o.signals) == signals && len(o.uses) == uses && st.Irrelevant == 0
	if nothing && (len(o.skipped) > 0 || st.Values == 0) {
		r.Poison++
		return fmt.Errorf("%w: %s", ErrPoison, reasons(o.skipped))
	}
	return nil
}

func reasons(list []trail.Skip) string {
	if len(list) == 0 {
		return "empty"
	}
	return string(list[0].Reason)
}
