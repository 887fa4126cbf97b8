package filing_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

// shelf is the least that a table can be. It counts what it yields, and reads
// item by item, so that others may write in between.
type shelf struct {
	mu      sync.Mutex
	items   map[[2]string]filing.Item
	yielded int
	fail    error
}

func newShelf() *shelf { return &shelf{items: map[[2]string]filing.Item{}} }

func (s *shelf) Items(_ context.Context, node, from, to string) iter.Seq2[filing.Item, error] {
	return func(yield func(filing.Item, error) bool) {
		after := [2]string{"", ""}
		for {
			item, ok, err := s.next(after, node, from, to)
			if err != nil || !ok {
				if err != nil {
					yield(filing.Item{}, err)
				}
				return
			}
			after = [2]string{item.Node, item.Sort}
			if !yield(item, nil) {
				return
			}
		}
	}
}

func compareKeys(a, b [2]string) int { return slices.Compare(a[:], b[:]) }

func (s *shelf) next(after [2]string, node, from, to string) (best filing.Item, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, item := range s.items {
		in := node == "" || k[0] == node && k[1] >= from && k[1] < to
		if in && compareKeys(k, after) > 0 && (!ok || compareKeys(k, [2]string{best.Node, best.Sort}) < 0) {
			best, ok = item, true
		}
	}
	s.yielded++
	return best, ok, s.fail
}

func (s *shelf) Write(_ context.Context, evidence, cases []filing.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range cases {
		if s.items[[2]string{c.Node, c.Sort}].Version != c.Version-1 {
			return store.ErrConflict
		}
	}
	for _, item := range slices.Concat(evidence, cases) {
		s.items[[2]string{item.Node, item.Sort}] = item
	}
	return s.fail
}

func (s *shelf) Replace(ctx context.Context, old, evidence []filing.Item) error {
	if err := s.Write(ctx, evidence, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range old {
		delete(s.items, [2]string{item.Node, item.Sort})
	}
	return nil
}

func (s *shelf) Due(_ context.Context, kind filing.Kind, since, until time.Time, _ string) (page []filing.Item, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.items {
		if item.Kind() == kind && !item.Due.IsZero() && item.Due.After(since) && !item.Due.After(until) {
			page = append(page, item)
		}
	}
	slices.SortFunc(page, func(a, b filing.Item) int { return a.Due.Compare(b.Due) })
	return page, "", s.fail
}

// held are the sort keys of a node that begin with a prefix.
func (s *shelf) held(node, prefix string) (sorts []string) {
	for k := range s.items {
		if k[0] == node && strings.HasPrefix(k[1], prefix) {
			sorts = append(sorts, k[1])
		}
	}
	return sorts
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, l store.Limits) storetest.Store { return filing.New(newShelf(), l) })
}

func TestLedger(t *testing.T) {
	storetest.RunLedger(t, func(_ *testing.T, l store.Limits) storetest.Ledger { return filing.New(newShelf(), l) })
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func role(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Account: "111122223333", Name: name}
}

func failure(id string, after time.Duration, key string) incident.Signal {
	return incident.Signal{
		ID: id, Account: "111122223333", Time: noon().Add(after), Kind: incident.CredentialFailed, Feed: incident.FromClient,
		Target: role("api"), Key: key, ErrorCode: "InvalidClientTokenId", Count: 1,
	}
}

func use(id string, after time.Duration) incident.Use {
	at := noon().Add(after)
	return incident.Use{Account: "111122223333", Principal: role("api"), Service: "s3", First: at, Last: at, FirstID: id, LastID: id}
}

func commit(t *testing.T, s *filing.Store, c store.Commit) {
	t.Helper()
	if err := s.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

func signals(t *testing.T, s *filing.Store, q store.Query) store.Page[incident.Signal] {
	t.Helper()
	page, err := s.Signals(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestACommitIsOneItemForEachNode is what keeps a flood from making a key hot.
func TestACommitIsOneItemForEachNode(t *testing.T) {
	table := newShelf()
	s := filing.New(table, store.DefaultLimits())
	var list []incident.Signal
	for i := range 100 {
		list = append(list, failure(fmt.Sprint(i), time.Duration(i)*time.Millisecond, "ASIAONE"))
	}
	commit(t, s, store.Commit{Signals: list, Recheck: noon().Add(time.Hour)})
	if n := len(table.items); n != 2 {
		t.Errorf("100 failures of one key are %d items, want the role's and the key's", n)
	}

	table = newShelf()
	s = filing.New(table, store.DefaultLimits())
	for i := range list {
		list[i].Key = fmt.Sprint("ASIA", i%10)
	}
	commit(t, s, store.Commit{Signals: list, Recheck: noon().Add(time.Hour)})
	if n := len(table.items); n != 11 {
		t.Errorf("100 failures of ten keys of a role are %d items, want the role's and ten", n)
	}
}

// TestAFloodIsNotReadToItsEnd puts far more into an hour than the limit keeps.
func TestAFloodIsNotReadToItsEnd(t *testing.T) {
	table := newShelf()
	limits := store.DefaultLimits()
	limits.SignalsPerHour = 10
	s := filing.New(table, limits)
	for i := range 600 {
		commit(t, s, store.Commit{Signals: []incident.Signal{failure(fmt.Sprintf("%03d", i), time.Duration(i)*time.Second, "")}})
	}
	change := incident.Signal{ID: "change", Account: "111122223333", Time: noon().Add(50 * time.Minute), Kind: incident.TrustChanged, Target: role("api")}
	commit(t, s, store.Commit{Signals: []incident.Signal{change, failure("late", 2*time.Hour, "")}})

	table.yielded = 0
	page := signals(t, s, store.Query{Node: role("api").Key()})
	if n := len(page.Items); n != 12 || page.Items[10].ID != "change" || page.Items[11].ID != "late" || len(page.Capped) != 1 {
		t.Errorf("%d signals with the limits %v, want ten of the flood, the change and the late one", n, page.Capped)
	}
	if table.yielded > 20 {
		t.Errorf("%d items were read of 602", table.yielded)
	}
}

// TestAFloodOfOneSecondIsBoundedToo has nothing to tell by what comes first.
func TestAFloodOfOneSecondIsBoundedToo(t *testing.T) {
	table := newShelf()
	limits := store.DefaultLimits()
	limits.SignalsPerHour = 10
	s := filing.New(table, limits)
	for i := range 300 {
		commit(t, s, store.Commit{Signals: []incident.Signal{failure(fmt.Sprintf("%03d", i), 0, "")}})
	}
	table.yielded = 0
	page := signals(t, s, store.Query{Node: role("api").Key()})
	if len(page.Items) != 10 || len(page.Capped) != 1 {
		t.Errorf("%d signals with the limits %v, want 10", len(page.Items), page.Capped)
	}
	if table.yielded > 60 {
		t.Errorf("%d items were read of 300", table.yielded)
	}
}

// TestAPageEndsWithItsHour reads a long history in small pages.
func TestAPageEndsWithItsHour(t *testing.T) {
	table := newShelf()
	s := filing.New(table, store.DefaultLimits())
	for i := range 200 {
		commit(t, s, store.Commit{Signals: []incident.Signal{failure(fmt.Sprintf("%03d", i), time.Duration(i)*time.Hour, "")}})
	}
	table.yielded = 0
	page := signals(t, s, store.Query{Node: role("api").Key(), Limit: 10})
	if len(page.Items) != 10 || page.Next == "" || table.yielded > 30 {
		t.Errorf("a page of %d signals took %d items, want 10 and few more", len(page.Items), table.yielded)
	}
}

func TestLargeCommitsAreSplit(t *testing.T) {
	table := newShelf()
	s := filing.New(table, store.DefaultLimits())
	var list []incident.Signal
	for i := range 3000 {
		f := failure(fmt.Sprintf("%04d", i), time.Duration(i)*time.Millisecond, "")
		f.Resource = strings.Repeat(fmt.Sprint(i), 20)
		list = append(list, f)
	}
	commit(t, s, store.Commit{Signals: list, Recheck: noon()})
	for k, item := range table.items {
		if len(item.Data) > 64<<10 {
			t.Errorf("item %v has %d bytes", k, len(item.Data))
		}
	}
	if n := len(signals(t, s, store.Query{Node: role("api").Key(), Limit: 5000}).Items); n != 3000 || len(table.items) < 2 {
		t.Errorf("%d signals in %d items, want 3000 in several", n, len(table.items))
	}
	due, _, err := s.DueEvidence(context.Background(), time.Time{}, noon(), "")
	if err != nil || len(due) != 3000 {
		t.Errorf("%d signals are due, %v; want 3000", len(due), err)
	}
}

func TestLongNamesAreKept(t *testing.T) {
	s := filing.New(newShelf(), store.DefaultLimits())
	long := strings.Repeat("é", 4000)
	a, b := failure("a", 0, ""), failure("b", 0, "")
	a.Target.Name, b.Target.Name = long+"a", long+"b"
	commit(t, s, store.Commit{Signals: []incident.Signal{a, b}})
	if got := signals(t, s, store.Query{Node: a.Target.Key()}).Items; len(got) != 1 || got[0].Target.Name != long+"a" {
		t.Errorf("%d signals, want the one", len(got))
	}
}

func uses(t *testing.T, s *filing.Store) []incident.Use {
	t.Helper()
	page, err := s.Uses(context.Background(), store.Query{Node: role("api").Key()})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func TestManyItemsOfOneUseBecomeOne(t *testing.T) {
	table := newShelf()
	s := filing.New(table, store.DefaultLimits())
	for range 3 { // again and again
		for i := range 200 {
			commit(t, s, store.Commit{Uses: []incident.Use{use(fmt.Sprintf("%03d", i), time.Duration(i)*time.Minute)}})
		}
		want := []incident.Use{use("000", 0).Join(use("199", 199*time.Minute))}
		for range 2 {
			if d := cmp.Diff(want, uses(t, s)); d != "" {
				t.Fatal(d)
			}
		}
		if left := table.held(role("api").Key(), "u/"); len(left) != 1 {
			t.Errorf("%d items are left: %v", len(left), left)
		}
	}
}

// TestAReaderMissesNothingThatIsTidied lets another reader tidy at every point
// of a reading.
func TestAReaderMissesNothingThatIsTidied(t *testing.T) {
	const n = 70
	for at := range n {
		table := &interrupted{shelf: newShelf()}
		s := filing.New(table, store.DefaultLimits())
		for i := range n {
			commit(t, s, store.Commit{Uses: []incident.Use{use(fmt.Sprintf("%03d", i), time.Duration(i)*time.Minute)}})
		}
		table.left, table.do = at, func() { uses(t, filing.New(table.shelf, store.DefaultLimits())) }
		want := []incident.Use{use("000", 0).Join(use("069", 69*time.Minute))}
		if d := cmp.Diff(want, uses(t, s)); d != "" {
			t.Fatalf("tidied after %d items: %s", at, d)
		}
	}
}

// interrupted does something once, in the midst of a reading.
type interrupted struct {
	*shelf
	left int
	do   func()
}

func (i *interrupted) Items(ctx context.Context, node, from, to string) iter.Seq2[filing.Item, error] {
	return func(yield func(filing.Item, error) bool) {
		for item, err := range i.shelf.Items(ctx, node, from, to) {
			if i.left--; i.left == -1 {
				i.do()
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

func TestATableThatFailsIsAnError(t *testing.T) {
	table := newShelf()
	s := filing.New(table, store.DefaultLimits())
	commit(t, s, store.Commit{Signals: []incident.Signal{failure("1", 0, "")}})
	table.fail = errors.New("as asked")
	ctx, q := context.Background(), store.Query{Node: role("api").Key()}
	for name, call := range map[string]func() error{
		"Put":         func() error { _, err := s.Put(ctx, []incident.Signal{failure("2", 0, "")}, nil); return err },
		"Commit":      func() error { return s.Commit(ctx, store.Commit{Signals: []incident.Signal{failure("2", 0, "")}}) },
		"Signals":     func() error { _, err := s.Signals(ctx, q); return err },
		"Uses":        func() error { _, err := s.Uses(ctx, q); return err },
		"Cases":       func() error { _, err := s.Cases(ctx, q.Node); return err },
		"DueCases":    func() error { _, _, err := s.DueCases(ctx, noon(), ""); return err },
		"DueEvidence": func() error { _, _, err := s.DueEvidence(ctx, noon(), noon(), ""); return err },
	} {
		if err := call(); !errors.Is(err, table.fail) {
			t.Errorf("%s = %v, want %v", name, err, table.fail)
		}
	}
}

// TestDamagedItemsAreAnError holds that what cannot be read is not passed over.
func TestDamagedItemsAreAnError(t *testing.T) {
	ctx, q := context.Background(), store.Query{Node: role("api").Key()}
	for _, data := range [][]byte{nil, {0}, {1, 0xff}, {99, 1, 2}} {
		table := newShelf()
		s := filing.New(table, store.DefaultLimits())
		commit(t, s, store.Commit{
			Signals: []incident.Signal{failure("1", 0, "")}, Uses: []incident.Use{use("1", 0)},
			Cases: []store.Case{{Finding: incident.Finding{ID: "f", Subject: incident.Subject{Principal: role("api")}}, Due: noon()}},
		})
		for k, item := range table.items {
			item.Data = data
			table.items[k] = item
		}
		_, err := s.Signals(ctx, q)
		_, usesErr := s.Uses(ctx, q)
		_, casesErr := s.Cases(ctx, q.Node)
		_, _, dueErr := s.DueCases(ctx, noon(), "")
		if err == nil || usesErr == nil || casesErr == nil || dueErr == nil {
			t.Errorf("data %v: %v, %v, %v, %v; want errors", data, err, usesErr, casesErr, dueErr)
		}
	}
}
