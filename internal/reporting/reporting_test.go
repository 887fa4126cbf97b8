package reporting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/store"
)

const ours = "111122223333"

// monday is when the stories begin.
var monday = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

func hours(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }

// shelf is a bucket: what is put under a key that is taken stands in its place.
type shelf struct {
	kept  map[string]string // by key
	types map[string]string
	err   error
}

func (s *shelf) Put(_ context.Context, key, contentType string, body []byte) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	s.kept[key], s.types[key] = string(body), contentType
	return "s3://reports/" + key, nil
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, error) { return []byte(s.kept[key]), s.err }

func (s *shelf) Link(_ context.Context, key string, life time.Duration) (string, error) {
	if _, ok := s.kept[key]; !ok {
		return "", fmt.Errorf("there is no %s", key)
	}
	return fmt.Sprintf("https://reports.example/%s?life=%s", key, life), nil
}

// people hear what they are told.
type people struct {
	heard []string // subjects
	notes []render.ReportNote
	err   error
}

func (p *people) Tell(_ context.Context, r incident.Report, n render.ReportNote) error {
	if p.err != nil {
		return p.err
	}
	p.heard, p.notes = append(p.heard, render.ReportSubject(r, n)), append(p.notes, n)
	return nil
}

// world is a store, a shelf and people.
type world struct {
	*testing.T
	memory *store.Memory
	shelf  *shelf
	people *people
	now    time.Time
	seen   []Outcome
	errs   []error
	limits Limits
}

func newWorld(t *testing.T) *world {
	return &world{
		T: t, memory: store.NewMemory(store.LiveLimits()), shelf: &shelf{kept: map[string]string{}, types: map[string]string{}},
		people: &people{}, now: hours(300), limits: DefaultLimits(),
	}
}

// fails lets a role fail every hour, n times from an hour on.
func (w *world) fails(name string, from, n int) {
	w.Helper()
	var list []incident.Signal
	for i := range n {
		list = append(list, incident.Signal{
			ID: fmt.Sprint(name, from+i), Account: ours, Region: "us-east-1", Time: hours(from + i).Add(7 * time.Minute), Kind: incident.CredentialFailed,
			Feed: incident.FromClient, ErrorCode: "ExpiredToken", Count: 1, Target: incident.Principal{Type: incident.Role, Account: ours, Name: name},
		})
	}
	w.keep(list...)
}

// keep has each signal kept soon after it happened, to be looked at again as the
// detector does.
func (w *world) keep(list ...incident.Signal) {
	w.Helper()
	for _, s := range list {
		recheck := s.Time.Add(time.Second + incident.DefaultSettings().Thresholds.Lateness)
		if err := w.memory.Commit(w.Context(), store.Commit{Signals: []incident.Signal{s}, Recheck: recheck}); err != nil {
			w.Fatal(err)
		}
	}
}

// newMemory is one in which payments fails every hour for ten days.
func newMemory(w *world) *store.Memory {
	w.memory = store.NewMemory(store.LiveLimits())
	w.fails("payments", 0, 240)
	return w.memory
}

func (w *world) invoke(event string) error {
	h := &Handler{
		Reporter: &Reporter{Evidence: w.memory, Notebook: w.memory, Shelf: w.shelf, Teller: w.people, Settings: incident.DefaultSettings(), Limits: w.limits, Link: DefaultLink},
		Now:      func() time.Time { return w.now }, Account: func(context.Context) string { return ours },
		Observe: func(_ context.Context, o Outcome, err error) { w.seen, w.errs = append(w.seen, o), append(w.errs, err) },
	}
	answer, err := h.Invoke(w.Context(), []byte(event))
	if len(answer) > 0 {
		w.Errorf("the answer is %s", answer)
	}
	return err
}

func (w *world) report(span Span, at time.Time) Outcome {
	w.Helper()
	if err := w.invoke(fmt.Sprintf(`{"source":"trailverdict.schedule","period":%q,"time":%q}`, span, at.Format(time.RFC3339))); err != nil {
		w.Fatal(err)
	}
	return w.seen[len(w.seen)-1]
}

func TestADayIsToldWhenSomethingChanged(t *testing.T) {
	w := newWorld(t)
	w.fails("long-ago", 0, 1)
	w.fails("payments", 49, 47) // from the third day on, to the end of the fourth
	for _, day := range []struct {
		what      string
		hour      int
		told      bool
		new, gone int
	}{
		{"before anything was odd", 48, false, 0, 0},
		{"the bug is new", 72, true, 1, 0},
		{"the bug goes on", 96, false, 0, 0},
		{"the bug is fixed", 120, true, 0, 1},
		{"the day after", 144, false, 0, 0},
	} {
		got := w.report(Day, hours(day.hour).Add(20*time.Minute))
		if (got.Told == 1) != day.told || got.New != day.new || got.Gone != day.gone {
			t.Errorf("%s: %+v", day.what, got)
		}
	}
	if len(w.shelf.kept) != 10 {
		t.Errorf("kept %q, want two forms of five days", slices.Sorted(maps.Keys(w.shelf.kept)))
	}
}

func TestAWeekIsToldEvenIfNothingIsOdd(t *testing.T) {
	w := newWorld(t)
	got := w.report(Week, hours(169))
	if got.Told != 1 || !slices.Equal(w.people.heard, []string{"[REPORT] nothing odd, account 111122223333"}) {
		t.Errorf("%+v, heard %q", got, w.people.heard)
	}
	w.report(Day, hours(169))
	if len(w.people.heard) != 1 {
		t.Errorf("a quiet day was told, too: %q", w.people.heard)
	}
}

func TestWithoutAReportBeforeWhateverIsOddIsTold(t *testing.T) {
	w := newWorld(t)
	w.fails("payments", 1, 20)
	if got := w.report(Day, hours(24)); got.Told != 1 || got.Anomalies != 1 || got.New != 0 {
		t.Errorf("%+v, want the one anomaly told", got)
	}
}

// TestARepeatedReportTakesThePlaceOfTheFirst starts it three times, minutes
// apart, as a schedule does that tries again.
func TestARepeatedReportTakesThePlaceOfTheFirst(t *testing.T) {
	w := newWorld(t)
	w.fails("payments", 1, 20)
	w.report(Day, hours(24).Add(20*time.Minute))
	first, note := maps.Clone(w.shelf.kept), w.people.notes[0]
	w.now = hours(301)
	w.report(Day, hours(24).Add(20*time.Minute))
	w.report(Day, hours(24).Add(59*time.Minute))
	if !maps.Equal(first, w.shelf.kept) {
		t.Error("the reports differ")
	}
	for _, n := range w.people.notes {
		if n != note {
			t.Errorf("told %+v, then %+v", note, n)
		}
	}
	want := []string{"111122223333/day/2026-03-03T00Z.html", "111122223333/day/2026-03-03T00Z.json"}
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if w.shelf.types[want[0]] != "text/html; charset=utf-8" || w.shelf.types[want[1]] != "application/json" {
		t.Errorf("types %q", w.shelf.types)
	}
	if note.Link != "https://reports.example/"+want[0]+"?life=12h0m0s" || note.Place != "s3://reports/"+want[0] {
		t.Errorf("note %+v", note)
	}
}

// unreadable is a store of which a part cannot be read or written.
type unreadable struct {
	*store.Memory
	due, uses, cases, notes, save error
}

func (u unreadable) DueEvidence(ctx context.Context, since, t time.Time, after string) ([]incident.Signal, string, error) {
	if u.due != nil {
		return nil, "", u.due
	}
	return u.Memory.DueEvidence(ctx, since, t, after)
}

func (u unreadable) Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error) {
	if u.uses != nil {
		return store.Page[incident.Use]{}, u.uses
	}
	return u.Memory.Uses(ctx, q)
}

func (u unreadable) Cases(ctx context.Context, subject string) ([]store.Case, error) {
	if u.cases != nil {
		return nil, u.cases
	}
	return u.Memory.Cases(ctx, subject)
}

func (u unreadable) Notes(ctx context.Context, name string) ([]byte, int64, error) {
	if u.notes != nil {
		return nil, 0, u.notes
	}
	return u.Memory.Notes(ctx, name)
}

func (u unreadable) SaveNotes(ctx context.Context, name string, text []byte, version int64) error {
	if u.save != nil {
		return u.save
	}
	return u.Memory.SaveNotes(ctx, name, text, version)
}

func TestFailuresAreReturned(t *testing.T) {
	w := newWorld(t)
	w.fails("payments", 1, 20)
	event := fmt.Sprintf(`{"time":%q}`, hours(24).Format(time.RFC3339))
	w.people.err = errors.New("no topic")
	if err := w.invoke(event); !errors.Is(err, w.people.err) || w.seen[0].Told != 0 || len(w.shelf.kept) != 2 {
		t.Errorf("with nobody to tell: %v, %+v", err, w.seen[0])
	}
	w.people.err, w.shelf.err = nil, errors.New("no bucket")
	if err := w.invoke(event); !errors.Is(err, w.shelf.err) || len(w.people.heard) != 0 {
		t.Errorf("without a bucket: %v, and %q was told", err, w.people.heard)
	}
	w.shelf.err = nil
	for _, broken := range []unreadable{
		{due: errors.New("no evidence")},
		{uses: errors.New("no uses")},
		{cases: errors.New("no cases")},
		{notes: errors.New("no book")},
		{save: errors.New("no pen")},
	} {
		broken.Memory = newMemory(w)
		r := &Reporter{Evidence: broken, Notebook: broken, Shelf: w.shelf, Teller: w.people, Limits: w.limits, Settings: incident.DefaultSettings()}
		_, err := r.Report(t.Context(), ours, Period{Day, hours(24)})
		if want := cmp.Or(broken.due, broken.uses, broken.cases, broken.notes, broken.save); !errors.Is(err, want) {
			t.Errorf("of a store that cannot be read: %v", err)
		}
	}
	if len(w.people.heard) != 0 {
		t.Errorf("%q was told", w.people.heard)
	}
	if len(w.errs) != 2 || w.errs[0] == nil || w.errs[1] == nil {
		t.Errorf("observed %v", w.errs)
	}
}

func TestWithoutATopicTheReportIsKept(t *testing.T) {
	w := newWorld(t)
	r := &Reporter{Evidence: w.memory, Notebook: w.memory, Shelf: w.shelf, Settings: incident.DefaultSettings(), Limits: w.limits}
	if got, err := r.Report(t.Context(), ours, Period{Week, hours(24)}); err != nil || got.Told != 0 || len(w.shelf.kept) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAFloodHidesTheOldestAndSaysSo(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		signals, hourly int
		says            string
	}{
		{1000, 1000, ""},
		{100, 1000, "none that was kept before 2026-03-0"},
		{1000, 1, "reads 1 signals an hour, and"},
	} {
		w.memory = newMemory(w)
		w.fails("orders", 0, 240)
		w.limits.Signals, w.limits.Hourly = c.signals, c.hourly
		got := w.report(Day, hours(240))
		page := w.shelf.kept[ours+"/day/2026-03-12T00Z.html"]
		if got.Capped != (c.says != "") || !strings.Contains(page, c.says) || got.Anomalies == 0 {
			t.Errorf("at most %d, %d an hour: %+v", c.signals, c.hourly, got)
		}
	}
}

func TestPeriodOf(t *testing.T) {
	now := time.Date(2026, time.March, 9, 6, 41, 3, 0, time.UTC)
	six := now.Truncate(time.Hour)
	for event, want := range map[string]Period{
		`{}`:                              {Day, six},
		`{"period":"week"}`:               {Week, six},
		`{"time":"2026-03-09T06:20:00Z"}`: {Day, six},
		`{"time":"2026-03-09T08:20:00+02:00","period":"week","source":"trailverdict.schedule"}`:       {Week, six},
		`{"source":"aws.events","detail-type":"Scheduled Event","time":"2026-03-08T06:20:00Z"}`:       {Day, six.Add(-24 * time.Hour)},
		`{"time":"2026-03-09T06:59:59Z","detail":{"period":"week"},"resources":["arn:aws:events:x"]}`: {Day, six},
	} {
		if got, err := periodOf([]byte(event), now); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", event, got, err, want)
		}
	}
	for _, event := range []string{
		``, `correct-horse`, `[]`, `"correct-horse"`, `{"period":"correct-horse"}`, `{"time":"correct-horse"}`, `{"period":7}`,
		`{"time":"2026-03-10T06:20:00Z"}`, `{"time":"1970-01-01T00:00:00Z"}`,
	} {
		if got, err := periodOf([]byte(event), now); !errors.Is(err, ErrEvent) || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%q: %+v, %v", event, got, err)
		}
	}
}

// TestAReportTellsWhatIsBeyondTheGuardRails in its own account and period alone.
func TestAReportTellsWhatIsBeyondTheGuardRails(t *testing.T) {
	w := newWorld(t)
	raised := func(id, account string, hour int, most time.Duration) incident.Signal {
		return incident.Signal{
			ID: id, Account: account, Region: "us-east-1", Time: hours(hour), Kind: incident.RoleUpdated, Feed: incident.FromTrail, Count: 1,
			MaxSession: most, Target: incident.Principal{Type: incident.Role, Account: account, Name: "role-" + id},
		}
	}
	w.keep(raised("early", ours, 3, 12*time.Hour), raised("long", ours, 30, 12*time.Hour), raised("short", ours, 31, time.Hour), raised("theirs", "444455556666", 32, 12*time.Hour))
	w.report(Day, hours(48))
	for key, body := range w.shelf.kept {
		want := "role-long"
		if strings.Contains(key, "444455556666") {
			want = "role-theirs"
		}
		for _, name := range []string{"role-early", "role-long", "role-short", "role-theirs"} {
			if got := strings.Contains(body, "sessions of role "+name); got != (name == want) {
				t.Errorf("%s tells of %s: %t", key, name, got)
			}
		}
	}
	heard := []string{"[REPORT] 1 beyond the guard rails, account " + ours, "[REPORT] 1 beyond the guard rails, account 444455556666"}
	if !slices.Equal(w.people.heard, heard) {
		t.Errorf("heard %q, want %q", w.people.heard, heard)
	}
	if len(w.shelf.kept) != 4 {
		t.Errorf("%d reports, want two forms for two accounts", len(w.shelf.kept))
	}
}
