package intake

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// queue keeps what is sent.
type queue struct {
	events []string
	err    error
}

func (q *queue) Send(_ context.Context, events []string) error {
	q.events = append(q.events, events...)
	return q.err
}

// kept is a decoder's sink that keeps everything.
type kept struct {
	signals []incident.Signal
	uses    []incident.Use
	skips   []trail.Skip
}

func (k *kept) Signal(s incident.Signal) { k.signals = append(k.signals, s) }
func (k *kept) Use(u incident.Use)       { k.uses = append(k.uses, u) }
func (k *kept) Skipped(s trail.Skip)     { k.skips = append(k.skips, s) }

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func decoded(t failer, text string) kept {
	t.Helper()
	var k kept
	if _, err := trail.Decode(strings.NewReader(text), "test", &k); err != nil {
		t.Fatalf("%v", err)
	}
	return k
}

// line is one log event.
type line struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// payload is what a subscription delivers.
func payload(t failer, group string, lines ...line) []byte {
	t.Helper()
	inner, err := json.Marshal(map[string]any{
		"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": group, "logStream": "s", "subscriptionFilters": []string{"trailverdict"}, "logEvents": lines,
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return packed(string(inner))
}

func packed(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, text)
	z.Close()
	return fmt.Appendf(nil, `{"awslogs":{"data":%q}}`, base64.StdEncoding.EncodeToString(b.Bytes()))
}

// taken hands a payload to the function, and returns the signals that the
// detector will see.
func taken(t failer, h Handler, p []byte) ([]incident.Signal, Report) {
	t.Helper()
	var q queue
	var r Report
	h.Queue, h.Observe = &q, func(_ context.Context, seen Report) { r = seen }
	if _, err := h.Invoke(context.Background(), p); err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	k := decoded(t, strings.Join(q.events, "\n"))
	if len(k.skips) > 0 || len(k.signals) != len(q.events) || r.Events != len(q.events) {
		t.Fatalf("%d events give %d signals, skips %v; %d reported", len(q.events), len(k.signals), k.skips, r.Events)
	}
	return k.signals, r
}

const (
	noon    = 1772366400000 // 2026-03-01T12:00:00Z
	expired = "botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the GetObject operation: The provided token has expired."
	invalid = "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 1, api error InvalidClientTokenId: The security token included in the request is invalid."
)

func TestIdenticalFailuresOfASecondBecomeOneEvent(t *testing.T) {
	got, r := taken(t, Handler{}, payload(t, "/ecs/payments",
		line{"4", noon + 1200, expired}, // the next second
		line{"2", noon + 400, expired},
		line{"1", noon + 300, expired},
		line{"3", noon + 900, expired},
		line{"5", noon + 500, invalid}, // another failure
		line{"6", noon + 500, "request served in 12 ms"},
	))
	type event struct {
		ID, Code string
		At       time.Duration
		Count    int
	}
	var events []event
	for _, s := range got {
		events = append(events, event{s.ID, s.ErrorCode, s.Time.Sub(time.UnixMilli(noon)), s.Count})
	}
	want := []event{
		{"/ecs/payments:1", "ExpiredToken", 0, 3},
		{"/ecs/payments:5", "InvalidClientTokenId", 0, 1},
		{"/ecs/payments:4", "ExpiredToken", time.Second, 1},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	wantReport := Report{Values: 6, Failures: 5, Events: 3, Irrelevant: 1, Oldest: time.UnixMilli(noon).UTC()}
	if diff := cmp.Diff(wantReport, r, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestWhoFailsIsNotFoldedAway(t *testing.T) {
	marked := func(members string) string {
		return `{"trailverdict":"credential_failure","errorCode":"ExpiredToken"` + members + `}`
	}
	for name, messages := range map[string][2]string{
		"two keys":                     {marked(`,"accessKeyId":"ASIAQRSTUVWXYZ234567"`), marked(`,"accessKeyId":"ASIAQRSTUVWXYZ234568"`)},
		"two workloads":                {marked(`,"workload":"a"`), marked(`,"workload":"b"`)},
		"two roles":                    {marked(`,"principalArn":"arn:aws:iam::111122223333:role/a"`), marked(`,"principalArn":"arn:aws:iam::111122223333:role/b"`)},
		"two operations":               {marked(`,"operation":"sts:GetCallerIdentity"`), marked(`,"operation":"s3:ListBuckets"`)},
		"two addresses":                {marked(`,"sourceIPAddress":"192.0.2.1"`), marked(`,"sourceIPAddress":"192.0.2.2"`)},
		"two reasons":                  {"SignatureDoesNotMatch: " + "Signature expired: 20260301T110000Z is now earlier than 20260301T115500Z (Service: Sts, Status Code: 403, Request ID: 1)", "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. (Service: Sts, Status Code: 403, Request ID: 2)"},
		"two ids of the program's own": {marked(`,"eventId":"a"`), marked(`,"eventId":"b"`)},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := taken(t, Handler{}, payload(t, "/ecs/payments", line{"1", noon, messages[0]}, line{"2", noon, messages[1]}))
			if len(got) != 2 {
				t.Errorf("%d signals, want two: %+v", len(got), got)
			}
			again, _ := taken(t, Handler{}, payload(t, "/ecs/payments", line{"1", noon, messages[0]}, line{"2", noon, messages[0]}))
			if want := 1; !strings.Contains(name, "ids") && (len(again) != want || again[0].Count != 2) {
				t.Errorf("the same line twice gives %+v, want one signal of two", again)
			}
		})
	}
}

func TestAnEventThatStandsTwiceInAPayloadCountsOnce(t *testing.T) {
	got, _ := taken(t, Handler{}, payload(t, "/ecs/payments", line{"1", noon, expired}, line{"1", noon, expired}))
	if len(got) != 1 || got[0].Count != 1 {
		t.Errorf("signals %+v, want one of one", got)
	}
}

func TestTheLogGroupSaysWhoWrites(t *testing.T) {
	c, err := file.Load("trailverdict.yaml", []byte(`
version: 1
log_groups:
  - {pattern: /ecs/payments-*, workload: payments, principal: "arn:aws:iam::111122223333:role/apps/payments"}
  - {pattern: /aws/lambda/*, principal: "arn:aws:iam::111122223333:role/functions"}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ group, workload, role string }{
		{"/ecs/payments-api", "payments", "payments"},
		{"/aws/lambda/nightly", "nightly", "functions"},
		{"/ecs/orders", "/ecs/orders", ""},
	} {
		got, _ := taken(t, Handler{Writer: c.LogWriter}, payload(t, tt.group, line{"1", noon, expired}))
		if len(got) != 1 || got[0].Workload != tt.workload || got[0].Target.Name != tt.role || got[0].Actor.Name != tt.role {
			t.Errorf("%s: signals %+v, want one of %s, role %q", tt.group, got, tt.workload, tt.role)
		}
	}
}

func TestNoLineLeaves(t *testing.T) {
	const (
		token  = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDzXk3vbQ7q9aJf0dRyz1mGm6sJ2Kc8vPq4TtYw5xNfLgIgUhB3oOe7iV1kSlMfD2aQzRj9nCwXyEp0GtHbKuLqAZv"
		secret = "q8Zr3Vt6Yb1Nc5Mx9Kd2Jf7Hg4Ls0Pw+Qe/Ra6Tu"
		prose  = "correct-horse-battery-staple"
	)
	lines := []line{
		{"1", noon, prose + " " + expired + " " + prose},
		{"2", noon, "AWS_SESSION_TOKEN=" + token + " AWS_SECRET_ACCESS_KEY=" + secret + " AWS_ACCESS_KEY_ID=ASIAQRSTUVWXYZ234567 " + prose},
		{"3", noon, `{"trailverdict":"credential_failure","errorCode":"ExpiredToken","errorMessage":"` + prose + `","workload":"AWS_SECRET_ACCESS_KEY=` + secret + `","more":"` + prose + `"}`},
		{"4", noon, prose},
	}
	for name, p := range map[string][]byte{
		"a payload":           payload(t, "/ecs/payments", lines...),
		"a line that is cut":  packed(`{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logEvents":[{"id":"1","timestamp":1,"message":"` + prose + token),
		"no payload":          []byte(prose + token),
		"a payload of a word": packed(`"` + prose + `"`),
	} {
		t.Run(name, func(t *testing.T) {
			for _, sendErr := range []error{nil, errors.New("the queue is gone")} {
				q := queue{err: sendErr}
				var r Report
				h := Handler{Queue: &q, Observe: func(_ context.Context, seen Report) { r = seen }}
				answer, err := h.Invoke(t.Context(), p)
				out := fmt.Sprintf("%s %v %+v %s", strings.Join(q.events, "\n"), err, r, answer)
				for _, part := range []string{prose, token[30:60], secret[:16], "provided token"} {
					if strings.Contains(out, part) {
						t.Error("a part of a line came out")
					}
				}
				if name == "a payload" && (len(q.events) < 4 || r.Exposures != 3) {
					t.Errorf("%d events, %+v; want those of two failures and three exposures", len(q.events), r)
				}
			}
		})
	}
}

func TestPayloadsThatTellNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		payload []byte
		poison  bool
	}{
		"lines of no interest":     {payload(t, "g", line{"1", noon, "hello"}), false},
		"CloudWatch's own message": {packed(`{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Lambda function."}]}`), false},
		"CloudTrail's records":     {payload(t, "g", line{"1", noon, recorded(t)}), false},
		"nothing":                  {nil, true},
		"no base64":                {[]byte(`{"awslogs":{"data":"?"}}`), true},
		"something else":           {[]byte(`{"key":"value"}`), true},
		"half a payload":           {payload(t, "g", line{"1", noon, expired})[:100], true},
	} {
		t.Run(name, func(t *testing.T) {
			var q queue
			h := Handler{Queue: &q}
			_, err := h.Invoke(t.Context(), tt.payload)
			if errors.Is(err, ErrPoison) != tt.poison || err != nil && !tt.poison {
				t.Errorf("Invoke: %v; poison: %v", err, tt.poison)
			}
			if len(q.events) > 0 {
				t.Errorf("sent %q", q.events)
			}
		})
	}
}

func recorded(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", "single", "iam-deleterole.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRecordsOfCloudTrailAreCountedAndLeftAlone(t *testing.T) {
	got, r := taken(t, Handler{}, payload(t, "aws-cloudtrail-logs", line{"1", noon, recorded(t)}, line{"2", noon, expired}))
	if len(got) != 1 || got[0].Kind != incident.CredentialFailed || r.Recorded == 0 || r.Failures != 1 {
		t.Errorf("signals %+v, %+v; want the failure alone, and the record counted", got, r)
	}
}

func TestABadLineCostsOnlyItself(t *testing.T) {
	got, r := taken(t, Handler{}, payload(t, "/ecs/payments", line{"1", 0, expired}, line{"2", noon, expired}))
	if len(got) != 1 || r.Skipped[trail.SkipNoEventTime] != 1 {
		t.Errorf("signals %+v, skipped %v; want one of each", got, r.Skipped)
	}
}

func TestAFailingQueueFailsTheInvocation(t *testing.T) {
	gone := errors.New("the queue is gone")
	var r Report
	h := Handler{Queue: &queue{err: gone}, Observe: func(_ context.Context, seen Report) { r = seen }}
	_, err := h.Invoke(t.Context(), payload(t, "/ecs/payments", line{"1", noon, expired}))
	if want := "pass on 1 events: the queue is gone"; !errors.Is(err, gone) || err.Error() != want || r.Err == nil {
		t.Errorf("Invoke: %v, reported %v; want %s", err, r.Err, want)
	}
}

// TestFoldingLosesNoFailure gives any lines in any order, and again.
func TestFoldingLosesNoFailure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := []string{
			expired, invalid, "hello", "AWS_ACCESS_KEY_ID=ASIAQRSTUVWXYZ234567 " + expired,
			`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","eventId":"own","eventTime":"2026-03-01T12:00:00Z"}`,
			`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","workload":"w","count":7}`,
		}
		n := rapid.IntRange(1, 40).Draw(t, "lines")
		lines := make([]line, n)
		for i := range lines {
			lines[i] = line{fmt.Sprintf("%03d", i), noon + rapid.Int64Range(0, 3000).Draw(t, "at"), rapid.SampledFrom(messages).Draw(t, "message")}
		}
		raw := store.Resolve(decoded(t, string(payload(t, "g", lines...))).signals)
		want := 0
		for _, s := range raw {
			want += s.Count
		}
		got, r := taken(t, Handler{}, payload(t, "g", lines...))
		total, ids := 0, map[string]bool{}
		for _, s := range got {
			total += s.Count
			ids[s.ID] = true
		}
		if total != want || r.Failures != want || len(ids) != len(got) {
			t.Errorf("%d failures in %d events with %d ids, %d reported, want %d", total, len(got), len(ids), r.Failures, want)
		}
		if len(got) > 0 && (!slices.ContainsFunc(raw, func(s incident.Signal) bool { return s.ID == got[0].ID && s.Time.Equal(got[0].Time) }) || !got[0].Time.Equal(raw[0].Time)) {
			t.Errorf("the first failure, %s, is called %s", raw[0].ID, got[0].ID)
		}
		shuffled := rapid.Permutation(lines).Draw(t, "order")
		if again, _ := taken(t, Handler{}, payload(t, "g", shuffled...)); !cmp.Equal(got, again) {
			t.Errorf("in another order:\n%s", cmp.Diff(got, again))
		}
	})
}

// TestStoriesEndAlike tells every story that has lines of logs in it, once with
// the lines and once with what the intake made of them.
func TestStoriesEndAlike(t *testing.T) {
	stories, err := scenario.Load(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, st := range stories {
		if !bytes.Contains(st.Events, []byte("logEvents")) && !bytes.Contains(st.Events, []byte("awslogs")) {
			continue
		}
		told++
		t.Run(st.Name, func(t *testing.T) {
			c := config.Default()
			if len(st.Config) > 0 {
				if c, err = file.Load("config.yaml", st.Config); err != nil {
					t.Fatal(err)
				}
			}
			direct, passed := decoded(t, string(st.Events)), throughIntake(t, st, c)
			end := direct.end(st.AsOf)
			want, got := direct.findings(c, end), passed.findings(c, end)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("findings (-direct +passed on):\n%s", diff)
			}
			if fewer := len(direct.signals) - len(passed.signals); fewer < 0 {
				t.Errorf("%d signals became %d", len(direct.signals), len(passed.signals))
			}
		})
	}
	if told < 5 {
		t.Errorf("only %d stories have lines of logs", told)
	}
}

// TestAFloodEndsAlike has a role deleted while its program fails many times a
// second, and logs it.
func TestAFloodEndsAlike(t *testing.T) {
	var lines []line
	for i := range 600 {
		lines = append(lines, line{fmt.Sprintf("%05d", i), noon + int64(i)*97, invalid})
	}
	st := scenario.Story{Name: "flood", Config: []byte("version: 1\nlog_groups: [{pattern: orders, principal: 'arn:aws:iam::111122223333:role/orders'}]\n")}
	st.Events = slices.Concat(
		[]byte(`{"eventVersion":"1.08","eventID":"d","eventTime":"2026-03-01T11:58:00Z","eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1","recipientAccountId":"111122223333","requestParameters":{"roleName":"orders"},"userIdentity":{"type":"IAMUser","userName":"mallory","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/mallory"}}`+"\n"),
		payload(t, "orders", lines...), []byte("\n"),
	)
	c, err := file.Load("config.yaml", st.Config)
	if err != nil {
		t.Fatal(err)
	}
	var direct kept
	if _, err := trail.Decode(bytes.NewReader(st.Events), "test", &direct, trail.LogWriters(c.LogWriter)); err != nil {
		t.Fatal(err)
	}
	passed := throughIntake(t, st, c)
	want, got := direct.findings(c, direct.end(st.AsOf)), passed.findings(c, direct.end(st.AsOf))
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings (-direct +passed on):\n%s", diff)
	}
	if len(want) != 1 || want[0].Verdict != incident.Compromise || want[0].Subject.Name != "orders" {
		t.Errorf("findings %+v, want one compromise of the role", want)
	}
	if len(passed.signals) > 61 {
		t.Errorf("600 failures of a minute are passed on as %d events", len(passed.signals))
	}
}

// throughIntake replaces the lines of logs in a story.
func throughIntake(t *testing.T, st scenario.Story, c config.Config) kept {
	t.Helper()
	var text strings.Builder
	for event := range bytes.Lines(st.Events) {
		if !bytes.Contains(event, []byte("logEvents")) && !bytes.Contains(event, []byte("awslogs")) {
			text.Write(event)
			continue
		}
		var q queue
		h := Handler{Queue: &q, Writer: c.LogWriter}
		for range 2 { // delivered twice
			if _, err := h.Invoke(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
		text.WriteString(strings.Join(q.events, "\n") + "\n")
	}
	k := decoded(t, text.String())
	k.signals = store.Resolve(k.signals)
	return k
}

func (k kept) findings(c config.Config, end time.Time) []incident.Finding {
	return correlate.Findings(correlate.Evidence{Signals: store.Resolve(slices.Clone(k.signals)), Uses: k.uses}, c.Settings, end)
}

// end is the time that a story's findings are asked for.
func (k kept) end(asOf time.Time) time.Time {
	if !asOf.IsZero() {
		return asOf
	}
	for _, s := range k.signals {
		if s.Time.After(asOf) {
			asOf = s.Time
		}
	}
	for _, u := range k.uses {
		if u.Last.After(asOf) {
			asOf = u.Last
		}
	}
	return asOf
}
