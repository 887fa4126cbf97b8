package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.UTC)

type requestKey struct{}

func options() Options {
	return Options{
		Function: "detect", Metrics: true, Now: func() time.Time { return noon },
		RequestID: func(ctx context.Context) string { id, _ := ctx.Value(requestKey{}).(string); return id },
	}
}

func request(t *testing.T) context.Context {
	return context.WithValue(t.Context(), requestKey{}, "5f1c0f9e-7d0b-4b55-9d0b-2f5a8a9d6c11")
}

// lines decodes what was written, but for the times, which are the machine's.
func lines(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range bytes.Lines(b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if s, ok := m["timestamp"].(string); ok {
			if _, err := time.Parse(time.RFC3339, s); err != nil {
				t.Errorf("timestamp: %v", err)
			}
			delete(m, "timestamp")
		}
		out = append(out, m)
	}
	return out
}

func TestALineSaysWhoAndWhatAbout(t *testing.T) {
	var b bytes.Buffer
	log, _ := New(&b, options())
	log.WarnContext(request(t), "lookup throttled", Incident("tv-6a284b407b17f6d7a04d"), Err(fmt.Errorf("look up key: %w", errors.New("rate exceeded"))),
		"verdict", incident.Compromise, "severity", incident.High, "messages", 3, "took", 2*time.Second, "since", noon)
	log.Info("outside of any request")
	log.Debug("not at this level")
	want := []map[string]any{
		{
			"level": "WARN", "message": "lookup throttled", "function": "detect", "requestId": "5f1c0f9e-7d0b-4b55-9d0b-2f5a8a9d6c11",
			"incident": "tv-6a284b407b17f6d7a04d", "error": "look up key: rate exceeded", "verdict": "compromise", "severity": "high",
			"messages": 3.0, "took": 2e9, "since": "2026-03-01T12:00:00.123Z",
		},
		{"level": "INFO", "message": "outside of any request", "function": "detect"},
	}
	if diff := cmp.Diff(want, lines(t, &b)); diff != "" {
		t.Error(diff)
	}
}

func TestADecisionIsLoggedAndItsCapsCounted(t *testing.T) {
	var b bytes.Buffer
	log, meter := New(&b, options())
	f := incident.Finding{
		ID: "tv-1", Verdict: incident.Compromise, Cause: incident.TrustOpened, Severity: incident.High, Status: incident.Open, Summary: "mallory opened it",
		Capped: []string{"evidence: 20 of 31 listed", "signals: 4000 of an hour"},
	}
	Decided(request(t), log, meter, f, "")
	f.ID, f.Capped = "tv-2", nil
	Decided(request(t), log, meter, f, "tv-1")
	if err := meter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "mallory") {
		t.Error("the log names people")
	}
	got := lines(t, &b)
	if got[0]["incident"] != "tv-1" || got[0]["caps"] != 2.0 || got[0]["requestId"] == nil || got[0]["supersededBy"] != nil || got[0]["verdict"] != "compromise" {
		t.Errorf("the first line is %v", got[0])
	}
	if got[1]["supersededBy"] != "tv-1" || got[1]["caps"] != 0.0 {
		t.Errorf("the second line is %v", got[1])
	}
	if got[2]["CapsReached"] != 1.0 {
		t.Errorf("the metrics are %v, want one finding with caps", got[2])
	}
}

func TestNoPayloadAndNoSecretIsLogged(t *testing.T) {
	const (
		token  = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDzXk3vbQ7q9aJf0dRyz1mGm6sJ2Kc8vPq4TtYw5xNfLgIgUhB3oOe7iV1kSlMfD2aQzRj9nCwXyEp0GtHbKuLqAZv"
		secret = "correct-horse-battery-staple"
	)
	payload := []byte(`{"detail":{"secret":"` + secret + `"}}`)
	var b bytes.Buffer
	log, _ := New(&b, options())
	log = log.With("payload", json.RawMessage(payload))
	log.Error("handle", "event", payload, "buffer", bytes.NewBuffer(payload), "signal", incident.Signal{Workload: secret}, "map", map[string]string{"a": secret},
		"pointer", &incident.Signal{Workload: secret}, "text", "AWS_SESSION_TOKEN="+token, "nothing", nil, slog.Group("group", "event", payload),
		Err(errors.New("request failed: AWS_SESSION_TOKEN="+token)), "long", strings.Repeat("é", 5000))
	out := b.String()
	for _, part := range []string{secret, token[20:50]} {
		if strings.Contains(out, part) {
			t.Errorf("%s holds a part of what must not be logged", strings.ReplaceAll(out, part, "…"))
		}
	}
	got := lines(t, &b)[0]
	if got["event"] != "([]uint8)" || got["error"] != "(withheld: it holds a credential)" || got["nothing"] != "(<nil>)" {
		t.Errorf("attributes %v", got)
	}
	if long, _ := got["long"].(string); long != strings.Repeat("é", maxText/2)+"…" {
		t.Errorf("a long text becomes %d bytes", len(long))
	}
}

// flood logs a message n times at a time, and returns the lines that were
// written.
func flood(t *testing.T, h slog.Handler, b *bytes.Buffer, at time.Time, message string, n int) []map[string]any {
	t.Helper()
	b.Reset()
	for range n {
		if err := h.Handle(t.Context(), slog.NewRecord(at, slog.LevelWarn, message, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return lines(t, b)
}

func TestAFloodOfLinesIsSampledAndCounted(t *testing.T) {
	var b bytes.Buffer
	log, meter := New(&b, options())
	h := log.Handler()

	written := flood(t, h, &b, noon, "poison message", 1000)
	if len(written) != 29 { // 20 in a second that is calm so far, then the 110th, 210th, … 910th
		t.Errorf("%d of 1000 lines are written, want 29", len(written))
	}
	omitted := 0
	for _, l := range written {
		n, _ := l["omitted"].(float64)
		omitted += int(n)
	}
	if omitted != 890-9 {
		t.Errorf("the lines tell of %d that were left out, want %d", omitted, 890-9)
	}
	if got := flood(t, h, &b, noon, "commit failed", 1); len(got) != 1 {
		t.Error("another kind of line is drowned")
	}
	if got := flood(t, h, &b, noon.Add(time.Second), "poison message", 15); len(got) != 15 {
		t.Errorf("%d of 15 lines of a calm second are written", len(got))
	}
	got := flood(t, h, &b, noon.Add(time.Minute), "poison message", 1)
	if len(got) != 1 {
		t.Fatal("the first line of a minute is left out")
	}
	if err := meter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if metric := lines(t, &b)[1]; metric["LogLinesOmitted"] != 971.0 {
		t.Errorf("the metric is %v, want 971", metric["LogLinesOmitted"])
	}
}

func TestWhatWasLeftOutIsToldInTheNextMinute(t *testing.T) {
	var b bytes.Buffer
	log, _ := New(&b, options())
	if written := flood(t, log.Handler(), &b, noon, "poison message", 60); len(written) != calm {
		t.Fatalf("%d lines are written", len(written))
	}
	if got := flood(t, log.Handler(), &b, noon.Add(2*time.Minute), "poison message", 1); len(got) != 1 || got[0]["omitted"] != 40.0 {
		t.Errorf("the next minute's first line is %v, want one that tells of 40", got)
	}
}

func TestKindsAreBounded(t *testing.T) {
	s := &sampler{}
	for i := range 10 * maxKinds {
		s.pass(noon, fmt.Sprint("kind ", i))
	}
	if len(s.kinds) > maxKinds+1 {
		t.Errorf("%d kinds are counted apart", len(s.kinds))
	}
}

func TestEMF(t *testing.T) {
	got := string(Encode(noon, "detect", "r-1", []Sample{
		{EventsKept, []float64{42}}, {Lateness, []float64{0.5, 12, 1e-7, 3e9}}, {CapsReached, nil}, {EventToAlert, []float64{math.NaN(), math.Inf(1)}},
	}))
	want := `{"_aws":{"Timestamp":1772366400123,"CloudWatchMetrics":[{"Namespace":"trailverdict","Dimensions":[["Function"]],` +
		`"Metrics":[{"Name":"EventsKept","Unit":"Count"},{"Name":"Lateness","Unit":"Seconds"}]}]},"Function":"detect","requestId":"r-1","EventsKept":42,"Lateness":[0.5,12,0.0000001,3000000000]}` + "\n"
	if got != want {
		t.Errorf("Encode:\n%s\nwant:\n%s", got, want)
	}
	if got := Encode(noon, "detect", "", nil); len(got) > 0 {
		t.Errorf("without samples: %s", got)
	}
	if got := string(Encode(noon, `a"b`, "", []Sample{{AlertsSent, []float64{1}}})); !strings.Contains(got, `"Function":"a\"b","AlertsSent":1}`) {
		t.Errorf("without a request: %s", got)
	}
}

func TestManyValuesTakeSeveralLines(t *testing.T) {
	var values []float64
	for i := range 250 {
		values = append(values, float64(i))
	}
	b := bytes.NewBuffer(Encode(noon, "notify", "", []Sample{{AlertsSent, []float64{250}}, {EventToAlert, values}}))
	seen, alerts := 0, 0
	for i, l := range lines(t, b) {
		list := l["EventToAlert"].([]any)
		if len(list) > 100 || list[0] != float64(seen) {
			t.Errorf("line %d has %d values from %v on", i, len(list), list[0])
		}
		seen += len(list)
		if l["AlertsSent"] != nil {
			alerts++
		}
	}
	if seen != 250 || alerts != 1 {
		t.Errorf("%d values, and the count on %d lines; want 250, and one", seen, alerts)
	}
}

func TestMeter(t *testing.T) {
	var b bytes.Buffer
	_, m := New(&b, options())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { m.Add(EventsKept, 2) })
	}
	wg.Wait()
	m.Add(EventsPoison, 0)
	m.Observe(EventToAlert, 1500*time.Millisecond)
	m.Since(Lateness, noon.Add(-time.Minute))
	m.Since(Lateness, noon.Add(time.Minute)) // by another clock
	m.Since(Lateness, time.Time{})
	if err := m.Flush(request(t)); err != nil {
		t.Fatal(err)
	}
	got := lines(t, &b)
	if len(got) != 1 {
		t.Fatalf("%d lines", len(got))
	}
	delete(got[0], "_aws")
	want := map[string]any{"Function": "detect", "requestId": "5f1c0f9e-7d0b-4b55-9d0b-2f5a8a9d6c11", "EventsKept": 16.0, "EventToAlert": 1.5, "Lateness": []any{60.0, 0.0}}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := m.Flush(request(t)); err != nil || b.Len() > 0 {
		t.Errorf("the second flush writes %s, %v", b.String(), err)
	}
}

func TestMetricsAreSwitchedOff(t *testing.T) {
	var b bytes.Buffer
	o := options()
	o.Metrics = false
	_, m := New(&b, o)
	m.Add(EventsKept, 1)
	m.Observe(Lateness, time.Second)
	m.Since(Lateness, noon)
	if err := m.Flush(t.Context()); err != nil || b.Len() > 0 {
		t.Errorf("metrics that are off write %s, %v", b.String(), err)
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	_, m := New(full{}, options())
	m.Add(EventsKept, 1)
	if err := m.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "write metrics") {
		t.Errorf("Flush: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestEveryMetricIsDescribed(t *testing.T) {
	seen := map[Metric]bool{}
	for _, d := range Metrics() {
		if seen[d.Metric] || d.Means == "" || d.Unit != "Count" && d.Unit != "Seconds" {
			t.Errorf("%+v", d)
		}
		seen[d.Metric] = true
	}
	for _, m := range []Metric{EventsKept, EventsIrrelevant, EventsPoison, EventsFailed, Lateness, AlertsSent, EventToAlert, LookupsSpent, CapsReached, LogLinesOmitted} {
		if !seen[m] {
			t.Errorf("%s is not described", m)
		}
	}
}
