package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/lookup"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/settle"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// world is an event history with the real client before it, and a clock that
// moves when somebody sleeps.
type world struct {
	*localaws.EventHistory
	history *lookup.History
	now     time.Time
	slept   time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: noon()}
	w.EventHistory = localaws.NewEventHistory(func() time.Time { return w.now })
	w.history = lookup.New(client(direct{w.EventHistory}, "http://history.invalid"), lookup.Clock{
		Now: func() time.Time { return w.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			w.now, w.slept = w.now.Add(d), w.slept+d
			return ctx.Err()
		},
	})
	return w
}

// direct hands requests to a handler without a network between them.
type direct struct{ http.Handler }

func (d direct) Do(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, req)
	return rec.Result(), nil
}

func client(c aws.HTTPClient, url string) lookup.API {
	cfg := aws.Config{
		Region:     "us-east-1",
		HTTPClient: c,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		}),
	}
	return lookup.NewClient(cfg, func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_CLOUDTRAIL": url, "AWS_ENDPOINT_URL": "http://another.invalid"}[name]
	})
}

func (w *world) add(t *testing.T, records ...string) {
	t.Helper()
	if err := w.Add(records...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) ask(t *testing.T, q settle.Question) settle.Answer {
	t.Helper()
	a, err := w.history.Ask(context.Background(), q)
	if err != nil {
		t.Fatalf("Ask(%+v) = %v", q, err)
	}
	return a
}

func deletion(id string, at time.Time) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1",
		"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ci","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/ci","accessKeyId":"AKIAEXAMPLECI0000001"},
		"requestParameters":{"roleName":"orders-api"},"responseElements":null,"readOnly":false,"managementEvent":true,"recipientAccountId":"111122223333"}`,
		id, at.Format(time.RFC3339))
}

const (
	issuedKey  = "ASIAEXAMPLEORDERS001"
	secret     = "IQoJb3JpZ2luX2VjEXAMPLE"
	assumeRole = `{"eventVersion":"1.11","eventID":"issue","eventTime":"2026-03-04T11:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1",
		"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ci","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/ci","accessKeyId":"AKIAEXAMPLECI0000001"},
		"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/orders-api","roleSessionName":"build-7"},
		"responseElements":{"credentials":{"accessKeyId":"` + issuedKey + `","expiration":"Mar 4, 2026, 12:00:00 PM","sessionToken":"` + secret + `"},
		 "assumedRoleUser":{"assumedRoleId":"AROAEXAMPLEORDERS:build-7","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/build-7"}},
		"readOnly":true,"managementEvent":true,"recipientAccountId":"111122223333"}`
)

func deletions(w *world, t *testing.T, n int) {
	t.Helper()
	for i := range n {
		w.add(t, deletion(fmt.Sprintf("e%03d", i), noon().Add(time.Duration(i-n)*time.Minute)))
	}
}

func TestAKeyLeadsToItsIssuance(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	a := w.ask(t, settle.Question{Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey})
	if len(a.Signals) != 1 || !a.Complete || a.Requests != 1 {
		t.Fatalf("answer %+v, want one signal for one request", a)
	}
	s := a.Signals[0]
	if s.Kind != incident.SessionIssued || s.Issued.AccessKeyID != issuedKey || s.Target.Name != "orders-api" || !s.Issued.ExpiresAt.Equal(noon()) {
		t.Errorf("signal %+v, issued %+v", s, s.Issued)
	}
	if strings.Contains(fmt.Sprintf("%+v %+v", a, s.Issued), secret) {
		t.Error("the session token came through")
	}
}

func TestRegionsAreAskedApart(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	if a := w.ask(t, settle.Question{Attribute: settle.ResourceName, Value: issuedKey}); len(a.Signals) != 0 || !a.Complete {
		t.Errorf("the home Region answers %+v", a)
	}
	if r := w.Requests(); r[0].Region != "us-east-1" {
		t.Errorf("asked in %s", r[0].Region)
	}
}

func TestPagesAreReadAsFarAsTheyMay(t *testing.T) {
	for name, test := range map[string]struct {
		pages, signals, requests int
		complete                 bool
	}{
		"one page unless more is asked": {0, 50, 1, false},
		"two of three":                  {2, 100, 2, false},
		"exactly all":                   {3, 120, 3, true},
		"no more than there is":         {9, 120, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			deletions(w, t, 120)
			a := w.ask(t, settle.Question{Attribute: settle.EventName, Value: "DeleteRole", From: noon().Add(-24 * time.Hour), To: noon(), Pages: test.pages})
			if len(a.Signals) != test.signals || a.Requests != test.requests || a.Complete != test.complete {
				t.Errorf("%d signals, %d requests, complete %v; want %+v", len(a.Signals), a.Requests, a.Complete, test)
			}
			if a.Signals[0].ID != "e119" {
				t.Errorf("first is %s, want the newest", a.Signals[0].ID)
			}
		})
	}
}

func TestAWindowIsAskedFor(t *testing.T) {
	w := newWorld(t)
	deletions(w, t, 10)
	a := w.ask(t, settle.Question{Attribute: settle.EventSource, Value: "iam.amazonaws.com", From: noon().Add(-5 * time.Minute), To: noon().Add(-3*time.Minute + time.Millisecond)})
	if len(a.Signals) != 3 {
		t.Errorf("%d signals, want 3", len(a.Signals))
	}
}

func TestOneRequestASecond(t *testing.T) {
	w := newWorld(t)
	deletions(w, t, 120)
	for i := range 4 {
		w.ask(t, settle.Question{Attribute: settle.EventName, Value: "DeleteRole", Pages: 3, From: noon().Add(-time.Duration(10+i) * time.Hour)})
	}
	if requests := w.Requests(); len(requests) != 12 || w.slept != 11*time.Second {
		t.Errorf("%d requests in %s, want 12 in 11s", len(requests), w.slept)
	}
	last := time.Time{}
	for _, r := range w.Requests() {
		if r.Error != "" || r.Time.Sub(last) < time.Second {
			t.Errorf("a request at %s after one at %s: %q", r.Time, last, r.Error)
		}
		last = r.Time
	}
}

func TestTurnsAreNotSavedUp(t *testing.T) {
	w := newWorld(t)
	deletions(w, t, 120)
	w.now = w.now.Add(time.Hour)
	w.ask(t, settle.Question{Attribute: settle.EventName, Value: "DeleteRole", Pages: 3})
	if w.slept != 2*time.Second {
		t.Errorf("three requests after an hour took %s, want 2s", w.slept)
	}
}

func TestAnswersAreRemembered(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	q := settle.Question{Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey}
	first := w.ask(t, q)
	first.Signals[0].ID = "changed by whoever got it"
	again := w.ask(t, q)
	if again.Requests != 0 || len(again.Signals) != 1 || again.Signals[0].ID != "issue" {
		t.Errorf("the second answer is %+v, want the first for nothing", again)
	}
	for name, other := range map[string]settle.Question{
		"another value":     {Region: "eu-west-1", Attribute: settle.ResourceName, Value: "ASIAEXAMPLEORDERS002"},
		"another attribute": {Region: "eu-west-1", Attribute: settle.AccessKeyID, Value: issuedKey},
		"another Region":    {Region: "eu-west-2", Attribute: settle.ResourceName, Value: issuedKey},
		"another window":    {Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey, From: noon().Add(-time.Hour)},
	} {
		if a := w.ask(t, other); a.Requests != 1 {
			t.Errorf("%s: %d requests, want 1", name, a.Requests)
		}
	}
	w.now = w.now.Add(6 * time.Minute)
	if a := w.ask(t, q); a.Requests != 1 {
		t.Errorf("after six minutes: %d requests, want 1: events arrive late", a.Requests)
	}
}

func TestThrottlingOpensTheCircuit(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	ask := func() error {
		_, err := w.history.Ask(context.Background(), settle.Question{Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey})
		return err
	}
	w.Fail("ThrottlingException", "ThrottlingException")
	for _, step := range []struct {
		after    time.Duration
		want     error
		requests int
	}{
		{0, settle.ErrThrottled, 1},
		{59 * time.Second, settle.ErrThrottled, 1}, // known without asking
		{2 * time.Second, settle.ErrThrottled, 2},  // throttled again: twice as long
		{time.Minute, settle.ErrThrottled, 2},
		{61 * time.Second, nil, 3},
	} {
		w.now = w.now.Add(step.after)
		if err := ask(); !errors.Is(err, step.want) || (step.want == nil) != (err == nil) {
			t.Errorf("%s later: %v, want %v", step.after, err, step.want)
		}
		if n := len(w.Requests()); n != step.requests {
			t.Errorf("%s later: %d requests, want %d", step.after, n, step.requests)
		}
	}
}

func TestTheCircuitClosesWhenTheClockIsSetBack(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	w.now = noon().Add(1000 * time.Hour)
	w.Fail("ThrottlingException")
	q := settle.Question{Attribute: settle.ResourceName, Value: issuedKey}
	if _, err := w.history.Ask(context.Background(), q); !errors.Is(err, settle.ErrThrottled) {
		t.Fatalf("Ask() = %v", err)
	}
	w.now = noon()
	w.ask(t, q)
	if w.slept > time.Minute {
		t.Errorf("slept %s", w.slept)
	}
}

func TestOtherErrorsLeaveTheCircuitClosed(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	w.Fail("InternalFailure", "AccessDeniedException")
	q := settle.Question{Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey}
	for range 2 {
		if _, err := w.history.Ask(context.Background(), q); err == nil || errors.Is(err, settle.ErrThrottled) {
			t.Errorf("Ask() = %v, want another error", err)
		}
	}
	if a := w.ask(t, q); len(a.Signals) != 1 || len(w.Requests()) != 3 {
		t.Errorf("answer %+v after %d requests; want no retries of its own", a, len(w.Requests()))
	}
}

// shaky is a history whose answers can get lost on the way.
type shaky struct {
	direct
	lost []bool // of the next requests
}

func (s *shaky) Do(req *http.Request) (*http.Response, error) {
	if len(s.lost) > 0 {
		lost := s.lost[0]
		if s.lost = s.lost[1:]; lost {
			return nil, errors.New("connection reset")
		}
	}
	return s.direct.Do(req)
}

func TestBrokenConnections(t *testing.T) {
	for name, test := range map[string]struct {
		lost              []bool
		signals, requests int
		fails             bool
	}{
		"a page that got lost is asked for again": {[]bool{false, true}, 120, 4, false},
		"each page once": {[]bool{true, false, true, false, true}, 120, 6, false},
		"a page that got lost twice leaves no answer": {[]bool{false, true, true}, 0, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			deletions(w, t, 120)
			h := lookup.New(client(&shaky{direct{w.EventHistory}, test.lost}, "http://history.invalid"), lookup.Clock{
				Now: func() time.Time { return w.now },
				Sleep: func(_ context.Context, d time.Duration) error {
					w.now = w.now.Add(d)
					return nil
				},
			})
			a, err := h.Ask(context.Background(), settle.Question{Attribute: settle.EventName, Value: "DeleteRole", Pages: 3})
			if len(a.Signals) != test.signals || a.Requests != test.requests || (err != nil) != test.fails {
				t.Errorf("%d signals for %d requests, error %v; want %+v", len(a.Signals), a.Requests, err, test)
			}
		})
	}
}

func TestTheEnvironmentNamesTheEndpoint(t *testing.T) {
	w := newWorld(t)
	w.add(t, assumeRole)
	h := lookup.New(client(nil, localaws.ServeEventHistory(t, w.EventHistory).URL), lookup.Clock{})
	a, err := h.Ask(context.Background(), settle.Question{Region: "eu-west-1", Attribute: settle.ResourceName, Value: issuedKey})
	if err != nil || len(a.Signals) != 1 {
		t.Errorf("Ask() = %+v, %v; want the issuance, over the network", a, err)
	}
}

func TestNobodyWaitsForATurnThatComesTooLate(t *testing.T) {
	w := newWorld(t)
	w.now = time.Now() // deadlines are real
	for i := range 120 {
		w.add(t, deletion(fmt.Sprint(i), w.now.Add(-time.Hour)))
	}
	ctx, cancel := context.WithDeadline(context.Background(), w.now.Add(900*time.Millisecond))
	defer cancel()
	_, err := w.history.Ask(ctx, settle.Question{Attribute: settle.EventName, Value: "DeleteRole", Pages: 3})
	if !errors.Is(err, context.DeadlineExceeded) || w.slept != 0 {
		t.Errorf("Ask() = %v after %s, want the deadline at once", err, w.slept)
	}
}

func TestARecordThatIsNoneIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.add(t, `{"eventID":"odd","eventTime":"2026-03-04T11:59:00Z","eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1","requestParameters":{}}`, deletion("good", noon()))
	a := w.ask(t, settle.Question{Attribute: settle.EventName, Value: "DeleteRole"})
	if len(a.Signals) != 1 || a.Signals[0].ID != "good" || !a.Complete {
		t.Errorf("answer %+v, want the one that can be understood", a)
	}
}
