package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// ErrNoStream says that a payload is no batch of a table's stream.
var ErrNoStream = errors.New("payload is no batch of a table's stream")

// Report is what one invocation did, for logs and metrics.
type Report struct {
	// Records counts those about cases. Poison are those that cannot be read,
	// and Failed those that must come again.
	Records, Poison, Failed int
	// Due counts cases that were looked at because time passed.
	Due      int
	Outcomes []Outcome
	Canaries []ToldCanary
	Err      error
}

// Handler is the entry of the notifying function: bytes in, as Lambda hands over
// a batch of the table's stream, or the schedule's word that time has passed.
//
// It answers with the records that failed. After a failure, later records of the
// same case wait, since they must be told in their order; other cases go on.
// Lambda then delivers everything from the first failure on again, and what was
// told is not told again.
//
// A record that cannot be read is counted and passed over: kept back, it would
// hold up every alert behind it, and it can't be read the next time either. The
// case's next version tells what it would have told; a case that is open has one.
type Handler struct {
	Notifier *Notifier
	// Case reads a case from a record's new image. It reports whether the
	// record is about a case.
	Case func(newImage []byte) (c detect.Case, ok bool, err error)
	Now  func() time.Time
	// Canaries are told as tests; nil lets them pass.
	Canaries *Canaries
	// Observe is told about each invocation; nil is allowed.
	Observe func(context.Context, Report)
}

const (
	// lease is how long a call lasts at most where its context does not say.
	lease = time.Minute
	// spare is what a call needs to end in order. What is left over when no
	// more is left comes again.
	spare = 5 * time.Second
)

// Invoke handles one batch.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var r Report
	handle := h.batch
	if scheduled(payload) {
		handle = h.due
	}
	answer, err := handle(ctx, payload, &r)
	r.Err = errors.Join(r.Err, err)
	if h.Observe != nil {
		h.Observe(ctx, r)
	}
	return answer, err
}

// failures is the answer that names the records to be delivered again.
type failures struct {
	Items []failure `json:"batchItemFailures"`
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

func (h *Handler) batch(ctx context.Context, payload []byte, r *Report) ([]byte, error) {
	list, err := records(payload)
	if err != nil {
		return nil, err
	}
	out, failed := failures{Items: []failure{}}, map[string]bool{}
	until, bounded := ctx.Deadline()
	for _, rec := range list {
		if is, err := h.canary(ctx, rec.image, r); is {
			if r.Err = errors.Join(r.Err, err); err != nil {
				r.Failed++
				out.Items = append(out.Items, failure{rec.sequence})
			}
			continue
		}
		c, ok, err := h.Case(rec.image)
		switch {
		case err != nil:
			r.Poison++
			r.Err = errors.Join(r.Err, err)
			continue
		case !ok:
			continue
		}
		r.Records++
		now := h.Now()
		if !bounded {
			until = now.Add(lease)
		}
		if failed[c.Finding.ID] || now.Add(spare).After(until) {
			err = errAgain
		} else {
			err = h.tell(ctx, c, now, until, r)
		}
		if err != nil {
			r.Failed++
			failed[c.Finding.ID] = true
			out.Items = append(out.Items, failure{rec.sequence})
		}
	}
	answer, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return answer, nil
}

// scheduled reports whether a payload is the word that time has passed, and not
// a batch.
func scheduled(payload []byte) bool {
	v, err := jsonscan.Parse(payload)
	return err == nil && v.Get("source").Str() == "trailverdict.schedule"
}

// due tells what is due. What it does not come to is due the next time; so is
// what failed, which does not keep others waiting.
func (h *Handler) due(ctx context.Context, _ []byte, r *Report) ([]byte, error) {
	ids, err := h.Notifier.Due(ctx, h.Now())
	if err != nil {
		return nil, err
	}
	until, bounded := ctx.Deadline()
	for _, id := range ids {
		now := h.Now()
		if !bounded {
			until = now.Add(lease)
		}
		if now.Add(spare).After(until) {
			break
		}
		r.Due++
		outcomes, err := h.Notifier.Again(ctx, id, now, until)
		r.Outcomes = append(r.Outcomes, outcomes...)
		if err != nil {
			r.Failed++
			r.Err = errors.Join(r.Err, err)
		}
	}
	return []byte("null"), nil
}

// errAgain says that a record was not tried.
var errAgain = errors.New("not tried")

func (h *Handler) tell(ctx context.Context, c detect.Case, now, until time.Time, r *Report) error {
	outcomes, err := h.Notifier.Handle(ctx, c, now, until)
	r.Outcomes = append(r.Outcomes, outcomes...)
	r.Err = errors.Join(r.Err, err)
	return err
}

// record is a change of an item.
type record struct {
	sequence string
	image    []byte
}

// records reads the changes of a batch that left an item behind. Those that
// removed one tell nothing.
func records(payload []byte) ([]record, error) {
	v, err := jsonscan.Parse(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoStream, err)
	}
	var list []record
	count, whole := 0, true
	v.Get("Records").Elements(func(_ int, rec jsonscan.Value) bool {
		count++
		change := rec.Get("dynamodb")
		sequence := change.Get("SequenceNumber").Str()
		whole = whole && sequence != ""
		if image := change.Get("NewImage"); image.Kind() == jsonscan.Object {
			list = append(list, record{sequence, image.Raw()})
		}
		return true
	})
	if count == 0 || !whole {
		return nil, ErrNoStream
	}
	return list, nil
}
