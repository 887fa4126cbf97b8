package notify

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// TestCanariesComeAgainUntilTheyAreTold lets each step of telling one fail.
func TestCanariesComeAgainUntilTheyAreTold(t *testing.T) {
	const batch = `{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":{"pk":{"S":"canary/c-1"}}}}]}`
	broken := errors.New("out of order")
	for name, tt := range map[string]struct {
		read, publish, mark error
		answer              string
		told, poison        int
	}{
		"all goes well":         {nil, nil, nil, `{"batchItemFailures":[]}`, 1, 0},
		"the topic fails":       {nil, broken, nil, `{"batchItemFailures":[{"itemIdentifier":"1"}]}`, 0, 0},
		"the table fails":       {nil, nil, broken, `{"batchItemFailures":[{"itemIdentifier":"1"}]}`, 0, 0},
		"nobody understands it": {broken, nil, nil, `{"batchItemFailures":[]}`, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			at := time.Date(2026, 3, 1, 10, 0, 2, 0, time.UTC)
			marked := 0
			h := &Handler{
				Now:     func() time.Time { return at },
				Case:    func([]byte) (detect.Case, bool, error) { return detect.Case{}, false, tt.read },
				Observe: func(_ context.Context, got Report) { r = got },
				Canaries: &Canaries{
					Read: func([]byte) (incident.Canary, bool, error) {
						return incident.Canary{ID: "c-1", Sent: at.Add(-time.Second)}, tt.read == nil, tt.read
					},
					Publish: func(context.Context, incident.Canary, time.Time) error { return tt.publish },
					Told:    func(context.Context, incident.Canary, time.Time) error { marked++; return tt.mark },
				},
			}
			answer, err := h.Invoke(t.Context(), []byte(batch))
			if err != nil || string(answer) != tt.answer || len(r.Canaries) != tt.told || r.Poison != tt.poison || r.Records > 0 {
				t.Errorf("Invoke() = %s, %v; %+v", answer, err, r)
			}
			if tt.publish != nil && marked > 0 {
				t.Error("it is said to be told, and was not")
			}
		})
	}
}
