package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// batchOf is a batch of the stream with an image for each case: its place in
// the list.
func batchOf(n int) []byte {
	var records []string
	for i := range n {
		records = append(records, fmt.Sprintf(
			`{"eventID":"%d","eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"s%d","NewImage":{"n":{"N":"%d"}},"StreamViewType":"NEW_IMAGE"}}`, i, i, i))
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// handlerOn handles batches about the cases of a list.
func handlerOn(d *desk, list []detect.Case, report *Report) *Handler {
	return &Handler{
		Notifier: d.Notifier, Now: noon, Observe: func(_ context.Context, r Report) { *report = r },
		Case: func(image []byte) (c detect.Case, ok bool, err error) {
			var place struct{ N struct{ N json.Number } }
			if err := json.Unmarshal(image, &place); err != nil {
				return c, false, err
			}
			n, err := place.N.N.Int64()
			switch c = list[n]; {
			case err != nil:
				return c, false, err
			case c.Finding.ID == "poison":
				return c, false, errors.New("read case: unknown format")
			}
			return c, c.Finding.ID != "evidence", nil
		},
	}
}

func odd(id string) detect.Case { return detect.Case{Finding: incident.Finding{ID: id}} }

func invoke(t *testing.T, h *Handler, ctx context.Context, payload []byte) string {
	t.Helper()
	answer, err := h.Invoke(ctx, payload)
	if err != nil {
		t.Fatalf("Invoke() = %v", err)
	}
	return string(answer)
}

func TestABatchIsTold(t *testing.T) {
	s := newStory(t)
	list := []detect.Case{
		s.commit(compromised(incident.High, named("tv-1", "a"))), odd("evidence"), odd("poison"),
		s.commit(caseOf(incident.Expiry, incident.TokenExpired, incident.Low, named("tv-2", "b"))),
	}
	var r Report
	if got := invoke(t, handlerOn(s.desk, list, &r), t.Context(), batchOf(len(list))); got != `{"batchItemFailures":[]}` {
		t.Errorf("answer = %s", got)
	}
	s.hears(append(both("tv-1 r1 compromise"), both("tv-2 r1 expiry")...)...)
	if r.Records != 2 || r.Poison != 1 || r.Failed != 0 || len(r.Outcomes) != 4 || r.Err == nil || r.Err.Error() != "read case: unknown format" {
		t.Errorf("report = %+v", r)
	}
}

func TestAfterAFailureTheCaseWaitsAndOthersGoOn(t *testing.T) {
	s := newStory(t)
	first := s.commit(caseOf(incident.Expiry, incident.TokenExpired, incident.Low, named("tv-1", "a")))
	other := s.commit(compromised(incident.High, named("tv-2", "b")))
	second := s.commit(compromised(incident.High, named("tv-1", "a")))
	list := []detect.Case{first, other, second}
	calls := 0
	s.fault = func(string) fault {
		if calls++; calls == 1 {
			return refused
		}
		return none
	}
	var r Report
	if got := invoke(t, handlerOn(s.desk, list, &r), t.Context(), batchOf(3)); got != `{"batchItemFailures":[{"itemIdentifier":"s0"},{"itemIdentifier":"s2"}]}` {
		t.Errorf("answer = %s", got)
	}
	s.hears(both("tv-2 r1 compromise")...)
	if r.Failed != 2 || !errors.Is(r.Err, errFault) {
		t.Errorf("report = %+v", r)
	}
	if got := invoke(t, handlerOn(s.desk, list, &r), t.Context(), batchOf(3)); got != `{"batchItemFailures":[]}` {
		t.Errorf("answer the second time = %s", got)
	}
	s.hears(both("tv-1 r1 compromise")...)
}

func TestWithoutTimeTheRestComesAgain(t *testing.T) {
	s := newStory(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	deadline, _ := ctx.Deadline()
	list := []detect.Case{s.commit(compromised(incident.High)), s.commit(compromised(incident.High, named("tv-2", "b")))}
	var r Report
	h := handlerOn(s.desk, list, &r)
	times := []time.Time{deadline.Add(-time.Minute), deadline.Add(-time.Second)}
	h.Now = func() time.Time { now := times[0]; times = times[1:]; return now }
	if got := invoke(t, h, ctx, batchOf(2)); got != `{"batchItemFailures":[{"itemIdentifier":"s1"}]}` {
		t.Errorf("answer = %s", got)
	}
	s.hears(both("tv-1 r1 compromise")...)
}

func TestWhatIsNoBatch(t *testing.T) {
	s := newStory(t)
	for _, payload := range []string{
		``, `{}`, `[]`, `{"Records":[]}`, `{"Records":[{"messageId":"m","body":"secret"}]}`, `{"Records":[{"dynamodb":{"NewImage":{}}}]}`, `{"Records":`,
	} {
		var r Report
		_, err := handlerOn(s.desk, nil, &r).Invoke(t.Context(), []byte(payload))
		if !errors.Is(err, ErrNoStream) || !errors.Is(r.Err, ErrNoStream) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Invoke(%s) = %v", payload, err)
		}
	}
}

func TestRemovedItemsTellNothing(t *testing.T) {
	var r Report
	payload := `{"Records":[{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"case/x"}}}}]}`
	if got := invoke(t, handlerOn(newStory(t).desk, nil, &r), t.Context(), []byte(payload)); got != `{"batchItemFailures":[]}` || r.Records != 0 {
		t.Errorf("answer = %s, report %+v", got, r)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(batchOf(2))
	f.Add([]byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":{}}}]}`))
	f.Add([]byte(`{"Records":{"dynamodb":{"SequenceNumber":1,"NewImage":[]}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		list, err := records(payload)
		if err != nil && !errors.Is(err, ErrNoStream) {
			t.Errorf("records() = %v", err)
		}
		for _, rec := range list {
			if rec.sequence == "" || !json.Valid(rec.image) {
				t.Errorf("record %q with image %q", rec.sequence, rec.image)
			}
		}
	})
}
