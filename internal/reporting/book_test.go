package reporting

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// failures of a role of an account, n at once.
func failed(account, name string, at time.Time, n int) []incident.Signal {
	var list []incident.Signal
	for i := range n {
		at := at.Add(time.Duration(i) * time.Second)
		list = append(list, incident.Signal{
			ID: fmt.Sprint(name, at.Unix()), Account: account, Region: "us-east-1", Time: at, Kind: incident.CredentialFailed,
			Feed: incident.FromClient, ErrorCode: "ExpiredToken", Count: 1, Target: incident.Principal{Type: incident.Role, Account: account, Name: name},
		})
	}
	return list
}

// reported are the anomalies of a day's report, as its JSON has them.
func (w *world) reported(account string, hour int) []string {
	w.Helper()
	w.report(Day, hours(hour))
	var out []string
	for part := range strings.SplitSeq(w.shelf.kept[account+"/day/"+hours(hour).Format("2006-01-02T15Z")+".json"], `"name":"`) {
		name, rest, _ := strings.Cut(part, `"`)
		if _, kind, ok := strings.Cut(rest, `"anomaly":"`); ok {
			kind, _, _ = strings.Cut(kind, `"`)
			out = append(out, name+" "+kind)
		}
	}
	return out
}

// TestARhythmIsKnownFromTheBook has failures that come so seldom that no day
// shows their rhythm: the book does. What is no longer in the table is known too.
func TestARhythmIsKnownFromTheBook(t *testing.T) {
	w := newWorld(t)
	var got []string
	for day := range 10 {
		w.keep(failed(ours, "nightly", hours(24*day+1), 1)...)
		w.keep(failed(ours, "seldom", hours(24*day+5).Add(time.Duration(day*day*37%700)*time.Minute), 1)...)
		got = w.reported(ours, 24*day+24)
		kept := w.memory
		w.memory = store.NewMemory(store.LiveLimits()) // the table forgets; the book stays
		for i := range pages {
			copyNote(t, kept, w.memory, fmt.Sprintf(pageName, i))
		}
		copyNote(t, kept, w.memory, coverName)
	}
	if !slices.Equal(got, []string{"nightly refresh_bug"}) {
		t.Errorf("after ten days %q", got)
	}
}

func copyNote(t *testing.T, from, to *store.Memory, name string) {
	t.Helper()
	text, version, err := from.Notes(t.Context(), name)
	if err != nil || version == 0 {
		return
	}
	if err := to.SaveNotes(t.Context(), name, text, 0); err != nil {
		t.Fatal(err)
	}
}

// TestABookThatCannotBeReadIsMadeAgain damages each page in turn.
func TestABookThatCannotBeReadIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	for day := range 9 {
		w.keep(failed(ours, "nightly", hours(24*day+1), 1)...)
	}
	if got := w.reported(ours, 24*9); !slices.Equal(got, []string{"nightly refresh_bug"}) {
		t.Fatalf("a first report tells %q", got)
	}
	w.keep(failed(ours, "nightly", hours(24*9+1), 1)...)
	names := []string{coverName}
	for i := range pages {
		names = append(names, fmt.Sprintf(pageName, i))
	}
	for _, name := range names {
		_, version, err := w.memory.Notes(t.Context(), name)
		if err != nil || version == 0 {
			continue
		}
		if err := w.memory.SaveNotes(t.Context(), name, []byte(`{"v":99`), version); err != nil {
			t.Fatal(err)
		}
		if got := w.reported(ours, 24*10); !slices.Equal(got, []string{"nightly refresh_bug"}) {
			t.Errorf("with %s damaged: %q", name, got)
		}
	}
}

// TestTwoRunsAtOnceLoseNothing has another run write the book whenever this one
// is about to.
func TestTwoRunsAtOnceLoseNothing(t *testing.T) {
	w := newWorld(t)
	w.keep(failed(ours, "a", hours(1), 1)...)
	w.keep(failed(ours, "b", hours(2), 1)...)
	other := &meddler{Memory: w.memory, do: func() { w.report(Week, hours(24)) }}
	r := &Reporter{Evidence: w.memory, Notebook: other, Shelf: w.shelf, Settings: incident.DefaultSettings(), Limits: w.limits}
	if _, err := r.Report(t.Context(), ours, Period{Day, hours(24)}); err != nil {
		t.Fatal(err)
	}
	b, err := openBook(t.Context(), w.memory, w.limits)
	if err != nil || len(b.book.States) != 2 || !b.until.Equal(hours(24)) {
		t.Errorf("the book knows %d principals until %s, %v", len(b.book.States), b.until, err)
	}
}

type meddler struct {
	*store.Memory
	do func()
}

func (m *meddler) SaveNotes(ctx context.Context, name string, text []byte, version int64) error {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Memory.SaveNotes(ctx, name, text, version)
}

// TestAFloodOfNamesDisplacesNoRhythm invents more principals than are known.
func TestAFloodOfNamesDisplacesNoRhythm(t *testing.T) {
	w := newWorld(t)
	w.fails("steady", 1, 20)
	w.limits.Principals = 2 * pages
	for i := range 40 * pages {
		w.keep(failed(ours, fmt.Sprint("made-up-", i), hours(3).Add(time.Duration(i)*time.Second), 1)...)
	}
	if got := w.report(Day, hours(24)); !got.Capped || got.Principals <= w.limits.Principals {
		t.Errorf("%+v, want the limit to be reached", got)
	}
	b, err := openBook(t.Context(), w.memory, w.limits)
	if n := len(b.book.States); err != nil || n > w.limits.Principals || b.book.States["role/"+ours+"/steady"].Failed.Beats == nil {
		t.Errorf("%d principals are known of %d, %v; the steady one must be", n, w.limits.Principals, err)
	}
	if page := w.shelf.kept[ours+"/day/2026-03-03T00Z.html"]; !strings.Contains(page, "128 principals are known between reports") {
		t.Error("the page does not say so")
	}
}

// TestWhatIsUsualIsNoSpike has a job that fails twelve times at odd hours of each
// day. Its twin began today.
func TestWhatIsUsualIsNoSpike(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	for day := range 10 {
		for range 12 {
			w.keep(failed(ours, "usual", hours(24*day).Add(time.Duration(r.IntN(24*60-5))*time.Minute), 12)...)
		}
	}
	w.keep(failed(ours, "sudden", hours(24*9+5), 12)...)
	got := w.reported(ours, 240)
	if !slices.Equal(got, []string{"sudden spike"}) {
		t.Errorf("%q, want the sudden one alone", got)
	}
}

// TestEachAccountHasItsReport has two accounts whose events come to one table.
func TestEachAccountHasItsReport(t *testing.T) {
	const theirs = "444455556666"
	w := newWorld(t)
	w.fails("payments", 1, 20)
	for hour := range 20 {
		w.keep(failed(theirs, "orders", hours(hour), 1)...)
	}
	w.report(Week, hours(24))
	if len(w.shelf.kept) != 4 || len(w.people.notes) != 2 || w.people.notes[0].Account != ours || w.people.notes[1].Account != theirs {
		t.Fatalf("kept %d objects, told %+v", len(w.shelf.kept), w.people.notes)
	}
	for account, names := range map[string][2]string{ours: {"payments", "orders"}, theirs: {"orders", "payments"}} {
		page := w.shelf.kept[account+"/week/2026-03-03T00Z.html"]
		if !strings.Contains(page, names[0]) || strings.Contains(page, names[1]) {
			t.Errorf("the page of %s does not tell of %s alone", account, names[0])
		}
	}
	w.limits.Accounts = 1
	if got := w.report(Week, hours(24)); got.Accounts != 1 || !got.Capped {
		t.Errorf("%+v, want one report and a limit reached", got)
	}
}

func TestAKeyThatTurnsOutToBelongToSomebody(t *testing.T) {
	w := newWorld(t)
	const key = "ASIAINVENTED00000001"
	for i := range 6 {
		s := failed(ours, "", hours(i), 1)[0]
		s.ID, s.Target, s.Key = fmt.Sprint("of-key-", i), incident.Principal{}, key
		w.keep(s)
	}
	if got := w.reported(ours, 6); !slices.Equal(got, []string{key + " refresh_bug"}) {
		t.Fatalf("before anything is known of it: %q", got)
	}
	owner := incident.Principal{Type: incident.Role, Account: ours, Name: "owner"}
	w.keep(incident.Signal{
		ID: "issued", Account: ours, Region: "us-east-1", Time: hours(0).Add(-time.Minute), Kind: incident.SessionIssued, Feed: incident.FromTrail, Target: owner,
		Issued: &incident.Session{AccessKeyID: key, IssuedAt: hours(0).Add(-time.Minute), ExpiresAt: hours(12)},
	})
	s := failed(ours, "", hours(6), 1)[0]
	s.ID, s.Target, s.Key = "of-key-6", incident.Principal{}, key
	w.keep(s)
	if got := w.reported(ours, 8); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, key) }) {
		t.Errorf("the key's own name is still told: %q", got)
	}
	b, err := openBook(t.Context(), w.memory, w.limits)
	if err != nil || len(b.book.States[owner.Key()].Failed.Beats) != 7 {
		t.Errorf("the owner has the beats %v, %v, want all seven", b.book.States[owner.Key()].Failed.Beats, err)
	}
}
