package sqs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// service is SQS as far as sending goes. It refuses a message as often as refuse
// says for its body.
type service struct {
	mu       sync.Mutex
	refuse   map[string]int
	fault    bool // refusals are the sender's fault
	err      error
	got      []string
	requests int
	largest  int
}

func (s *service) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.largest = max(s.largest, len(in.Entries))
	if s.err != nil {
		return nil, s.err
	}
	if aws.ToString(in.QueueUrl) != "https://queue" {
		return nil, errors.New("another queue")
	}
	var out sqs.SendMessageBatchOutput
	ids := map[string]bool{}
	for _, e := range in.Entries {
		if ids[*e.Id] {
			return nil, errors.New("an id twice")
		}
		ids[*e.Id] = true
		if s.refuse[*e.MessageBody] > 0 {
			s.refuse[*e.MessageBody]--
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("ServiceUnavailable"), SenderFault: s.fault})
			continue
		}
		s.got = append(s.got, *e.MessageBody)
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
	}
	return &out, nil
}

func events(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("event-%04d", i)
	}
	return list
}

// arrived sends events and returns what has arrived, in order.
func arrived(t *testing.T, s *service, list []string) ([]string, error) {
	t.Helper()
	err := New(s, "https://queue").Send(t.Context(), list)
	slices.Sort(s.got)
	return s.got, err
}

func TestSendUsesFewRequests(t *testing.T) {
	for n, requests := range map[int]int{0: 0, 1: 1, 10: 1, 11: 2, 1234: 124} {
		var s service
		got, err := arrived(t, &s, events(n))
		if diff := cmp.Diff(events(n), got); err != nil || n > 0 && diff != "" {
			t.Errorf("%d events: %v\n%s", n, err, diff)
		}
		if s.requests != requests || s.largest > maxBatch {
			t.Errorf("%d events took %d requests of up to %d, want %d of up to %d", n, s.requests, s.largest, requests, maxBatch)
		}
	}
}

func TestWhatTheServiceRefusesIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service{refuse: map[string]int{"event-0001": 1, "event-0007": 3}}
		got, err := arrived(t, &s, events(12))
		if diff := cmp.Diff(events(12), got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if s.requests != 5 {
			t.Errorf("%d requests, want two, and three more for what was refused", s.requests)
		}
	})
}

func TestSendGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service{refuse: map[string]int{"event-0001": 99}}
		got, err := arrived(t, &s, events(3))
		if err == nil || !strings.Contains(err.Error(), "ServiceUnavailable") || strings.Contains(err.Error(), "event-") {
			t.Errorf("the error is %v, want one that names the code and no message", err)
		}
		if want := []string{"event-0000", "event-0002"}; !slices.Equal(got, want) || s.requests != attempts {
			t.Errorf("%q have arrived with %d requests, want %q with %d", got, s.requests, want, attempts)
		}
	})
}

func TestAMessageRefusedForGoodHoldsUpNoOther(t *testing.T) {
	s := service{refuse: map[string]int{"event-0004": 1}, fault: true}
	got, err := arrived(t, &s, events(25))
	if err == nil || !strings.Contains(err.Error(), "for good: ServiceUnavailable") {
		t.Errorf("the error is %v", err)
	}
	if len(got) != 24 || s.requests != 3 {
		t.Errorf("%d have arrived with %d requests, want 24 with 3", len(got), s.requests)
	}
}

func TestSendNamesOneErrorOfMany(t *testing.T) {
	s := service{err: errors.New("operation error SQS: SendMessageBatch, access denied")}
	_, err := arrived(t, &s, events(30))
	if want := "send 30 events, 3 requests of which failed: operation error SQS: SendMessageBatch, access denied"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		s := service{refuse: map[string]int{"event-0000": 99}}
		if err := New(&s, "https://queue").Send(ctx, events(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestBatchesKeepWithinTheService(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 300<<10)), 0, 60).Draw(t, "sizes")
		var list, back []string
		for _, n := range sizes {
			list = append(list, strings.Repeat("x", n))
		}
		for _, b := range batches(list) {
			total := len(strings.Join(b, ""))
			if len(b) == 0 || len(b) > maxBatch || total > maxBytes && len(b) > 1 {
				t.Errorf("a batch of %d messages, %d bytes", len(b), total)
			}
			back = append(back, b...)
		}
		if !slices.Equal(back, list) {
			t.Error("the batches hold something else")
		}
	})
}

// TestAnswersThatDoNotAddUp are errors, so that nothing is taken for sent.
func TestAnswersThatDoNotAddUp(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":         `{}`,
		"too few":         `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"bf2b3d7a4b1d8a6c5f0d6f2a0f5e1b0c"}]}`,
		"somebody else's": `{"Failed":[{"Id":"7","Code":"InternalError","SenderFault":false},{"Id":"x","Code":"InternalError","SenderFault":false}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				fmt.Fprint(w, body)
			}))
			defer server.Close()
			cfg := aws.Config{Region: "eu-west-1", RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAEXAMPLEINTAKE001", SecretAccessKey: "invented"}, nil
			})}
			if err := New(NewClient(cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL_SQS": server.URL}[name] }), server.URL+"/queue").Send(t.Context(), events(2)); err == nil {
				t.Error("it passes for sent")
			}
		})
	}
}
