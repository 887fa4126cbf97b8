package lookup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// API is the part of CloudTrail's client that is called.
type API interface {
	LookupEvents(context.Context, *cloudtrail.LookupEventsInput, ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error)
}

// Clock is where time comes from. Its zero value is the real one.
type Clock struct {
	Now func() time.Time
	// Sleep returns after a while, or with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// History is CloudTrail's event history. It is safe for concurrent use.
type History struct {
	api     API
	clock   Clock
	pace    Pace
	circuit circuit
	known   cache
}

// New returns a history that asks api.
func New(api API, c Clock) *History {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = backoff.Sleep
	}
	return &History{api: api, clock: c}
}

// PageSize is the most events that LookupEvents returns.
const PageSize = 50

// Ask returns what the history holds, newest first. After an error, what the
// pages before it held is lost: it would look like all there is.
func (h *History) Ask(ctx context.Context, q settle.Question) (settle.Answer, error) {
	q = exact(q)
	if a, ok := h.known.get(q, h.clock.Now()); ok {
		a.Requests = 0
		return a, nil
	}
	in := input(q)
	var a settle.Answer
	for range q.Pages {
		out, requests, err := h.page(ctx, q, in)
		a.Requests += requests
		if err != nil {
			return settle.Answer{Requests: a.Requests}, fmt.Errorf("look up %s: %w", q.Attribute, err)
		}
		if err := Decode(out.Events, (*sink)(&a)); err != nil {
			return settle.Answer{Requests: a.Requests}, fmt.Errorf("look up %s: %w", q.Attribute, err)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			a.Complete = true
			break
		}
	}
	h.known.put(q, a, h.clock.Now())
	return a, nil
}

// exact puts a question in the form in which CloudTrail takes it, so that equal
// questions are known to be.
func exact(q settle.Question) settle.Question {
	q.Pages = max(q.Pages, 1)
	for _, t := range []*time.Time{&q.From, &q.To} {
		if !t.IsZero() {
			*t = time.Unix(t.Unix(), 0).UTC()
		}
	}
	return q
}

func input(q settle.Question) *cloudtrail.LookupEventsInput {
	in := &cloudtrail.LookupEventsInput{
		MaxResults: aws.Int32(PageSize),
		LookupAttributes: []types.LookupAttribute{{
			AttributeKey:   types.LookupAttributeKey(q.Attribute),
			AttributeValue: aws.String(q.Value),
		}},
	}
	if !q.From.IsZero() {
		in.StartTime = aws.Time(q.From)
	}
	if !q.To.IsZero() {
		in.EndTime = aws.Time(q.To)
	}
	return in
}

// page reads one page. Where a connection broke, which says nothing about
// CloudTrail, it asks once more.
func (h *History) page(ctx context.Context, q settle.Question, in *cloudtrail.LookupEventsInput) (out *cloudtrail.LookupEventsOutput, requests int, err error) {
	for range 2 {
		if err := h.turn(ctx); err != nil {
			return nil, requests, err
		}
		requests++
		out, err = h.request(ctx, q, in)
		if err == nil || answered(err) || ctx.Err() != nil {
			break
		}
	}
	return out, requests, err
}

// turn waits until a request may be made, if it may.
func (h *History) turn(ctx context.Context) error {
	if h.circuit.open(h.clock.Now()) {
		return settle.ErrThrottled
	}
	return h.wait(ctx)
}

// request makes one request.
func (h *History) request(ctx context.Context, q settle.Question, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	out, err := h.api.LookupEvents(ctx, in, func(o *cloudtrail.Options) {
		if q.Region != "" {
			o.Region = q.Region
		}
	})
	switch {
	case Throttled(err):
		h.circuit.trip(h.clock.Now())
		return nil, settle.ErrThrottled
	case err != nil:
		return nil, err
	}
	h.circuit.reset()
	return out, nil
}

// wait waits for the turn to make a request. It does not begin to wait for a
// turn that comes too late.
func (h *History) wait(ctx context.Context) error {
	d := h.pace.Next(h.clock.Now())
	if d <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && h.clock.Now().Add(d).After(deadline) {
		return context.DeadlineExceeded
	}
	return h.clock.Sleep(ctx, d)
}

// event is an event as LookupEvents gives it, as far as it is decoded.
type event struct {
	EventID         string     `json:"EventId"`
	EventTime       *time.Time `json:",omitempty"`
	CloudTrailEvent string
}

// Decode passes on what events mean. One that cannot be understood is left out,
// as the decoder does everywhere.
func Decode(events []types.Event, to trail.Sink) error {
	var page struct{ Events []event }
	for _, e := range events {
		page.Events = append(page.Events, event{aws.ToString(e.EventId), e.EventTime, aws.ToString(e.CloudTrailEvent)})
	}
	if len(page.Events) == 0 {
		return nil
	}
	b, err := json.Marshal(page)
	if err == nil {
		_, err = trail.Decode(bytes.NewReader(b), "LookupEvents", to)
	}
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// sink collects what the decoder finds in an answer.
type sink settle.Answer

func (s *sink) Signal(x incident.Signal) { s.Signals = append(s.Signals, x) }
func (s *sink) Use(u incident.Use)       { s.Uses = append(s.Uses, u) }
func (s *sink) Skipped(trail.Skip)       {}
