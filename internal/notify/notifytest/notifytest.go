// Package notifytest is the contract of a notify.Book and of notify.Cuts as
// tests. A database passes Run, or it cannot be told to.
//
//	func TestBook(t *testing.T) {
//		notifytest.Run(t, func(t *testing.T) notifytest.Store { return notify.NewMemory() })
//	}
package notifytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/notify"
)

// Store is what is tested.
type Store interface {
	notify.Book
	notify.Cuts
}

// Open returns a new, empty store.
type Open func(t *testing.T) Store

// Run checks that the stores that open returns keep the contract.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Store){
		"a page that was never kept is empty and has its id": neverKept,
		"a page comes back as it was kept":                   comesBack,
		"the version grows by one with every keep":           grows,
		"a page that changed meanwhile is a conflict":        conflict,
		"a page that exists is no new one":                   notNew,
		"of many at once one wins":                           race,
		"what was read may be changed":                       aliasing,
		"pages of other cases are left alone":                others,
		"what is due is found, earliest first":               due,
		"cut-offs are found until they end":                  cuts,
		"a cut-off is kept in place of the last":             replaced,
		"a cut-off without names is forgotten":               forgotten,
		"many cut-offs are all found, in order":              manyCuts,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// full is a page with every field set.
func full(id string) notify.Page {
	return notify.Page{
		CaseID: id,
		Name:   "role payments-role",
		Told: map[string]notify.Told{
			"findings": {
				Revision: 3, Version: 7, Verdict: incident.Compromise, Cause: incident.TrustOpened, Severity: incident.Critical,
				Members: []string{"0123456789abcdef", "fedcba9876543210"}, Broken: 1, Closed: true, At: noon().Add(1234567 * time.Microsecond),
			},
			"chat": {Revision: 2, Version: 6, Verdict: incident.Expiry, At: noon()},
		},
		Given:  notify.Given{Revision: 4, Version: 8, Broken: 2},
		Claim:  notify.Claim{Token: "a token", Until: noon().Add(time.Minute)},
		Thread: "tv-0",
		Opened: noon().Add(-time.Hour), Due: noon().Add(time.Hour), Subject: "role/111122223333/payments-role",
		Broken: []notify.Broken{{CaseID: "tv-2", Subject: "workload/111122223333/a", Name: "workload a"}, {CaseID: "tv-1", Subject: "role/111122223333/b", Name: "role b"}},
		Cut:    notify.KeptCut{Version: 5, Names: "0123456789abcdef", From: noon(), Until: noon().Add(time.Hour)},
	}
}

func cut(id string, until time.Duration) notify.Cut {
	return notify.Cut{
		CaseID: id, Subject: "role/111122223333/payments-role",
		Names: []string{"key/ASIAQEXAMPLE00000001", "role/111122223333/payments-role"},
		From:  noon(), Until: noon().Add(until),
	}
}

func keep(t *testing.T, s Store, p notify.Page) {
	t.Helper()
	if err := s.Keep(context.Background(), p); err != nil {
		t.Fatalf("Keep() = %v", err)
	}
}

func page(t *testing.T, s Store, id string) notify.Page {
	t.Helper()
	p, err := s.Page(context.Background(), id)
	if err != nil {
		t.Fatalf("Page() = %v", err)
	}
	return p
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("differs (-want +got):\n%s", d)
	}
}

func neverKept(t *testing.T, s Store) {
	same(t, page(t, s, "tv-1"), notify.Page{CaseID: "tv-1"})
}

func comesBack(t *testing.T, s Store) {
	keep(t, s, full("tv-1"))
	want := full("tv-1")
	want.Version = 1
	same(t, page(t, s, "tv-1"), want)

	empty := notify.Page{CaseID: "tv-1", Version: 1}
	keep(t, s, empty)
	empty.Version = 2
	same(t, page(t, s, "tv-1"), empty)
}

func grows(t *testing.T, s Store) {
	for n := range 3 {
		keep(t, s, notify.Page{CaseID: "tv-1", Version: int64(n)})
	}
	if got := page(t, s, "tv-1").Version; got != 3 {
		t.Errorf("version = %d after 3 keeps", got)
	}
}

func conflict(t *testing.T, s Store) {
	keep(t, s, notify.Page{CaseID: "tv-1"})
	mine, others := page(t, s, "tv-1"), page(t, s, "tv-1")
	others.Name = "others"
	keep(t, s, others)
	mine.Name = "mine"
	if err := s.Keep(context.Background(), mine); !errors.Is(err, notify.ErrConflict) {
		t.Errorf("Keep() of what changed = %v, want ErrConflict", err)
	}
	if got := page(t, s, "tv-1"); got.Name != "others" || got.Version != 2 {
		t.Errorf("after a conflict the page is %+v", got)
	}
}

func notNew(t *testing.T, s Store) {
	keep(t, s, full("tv-1"))
	if err := s.Keep(context.Background(), notify.Page{CaseID: "tv-1"}); !errors.Is(err, notify.ErrConflict) {
		t.Errorf("Keep() of a new page where one is = %v, want ErrConflict", err)
	}
	if err := s.Keep(context.Background(), notify.Page{CaseID: "tv-2", Version: 4}); !errors.Is(err, notify.ErrConflict) {
		t.Errorf("Keep() of a page that is gone = %v, want ErrConflict", err)
	}
}

func race(t *testing.T, s Store) {
	const writers = 8
	var group sync.WaitGroup
	won := make([]bool, writers)
	for n := range writers {
		group.Go(func() {
			err := s.Keep(context.Background(), notify.Page{CaseID: "tv-1", Name: fmt.Sprint(n)})
			won[n] = err == nil
			if err != nil && !errors.Is(err, notify.ErrConflict) {
				t.Errorf("Keep() = %v", err)
			}
		})
	}
	group.Wait()
	winner := slices.Index(won, true)
	if winner < 0 || slices.Contains(won[winner+1:], true) {
		t.Fatalf("writers that won: %v, want one", won)
	}
	if got := page(t, s, "tv-1"); got.Name != fmt.Sprint(winner) || got.Version != 1 {
		t.Errorf("the page is %+v, but writer %d won", got, winner)
	}
}

func aliasing(t *testing.T, s Store) {
	p := full("tv-1")
	keep(t, s, p)
	p.Told["findings"], p.Broken[0].Name = notify.Told{}, "changed"
	got := page(t, s, "tv-1")
	got.Told["chat"], got.Broken[1].Name = notify.Told{}, "changed"
	want := full("tv-1")
	want.Version = 1
	same(t, page(t, s, "tv-1"), want)
}

func others(t *testing.T, s Store) {
	keep(t, s, full("tv-1"))
	keep(t, s, full("tv-10"))
	keep(t, s, notify.Page{CaseID: "tv-1", Version: 1})
	want := full("tv-10")
	want.Version = 1
	same(t, page(t, s, "tv-10"), want)
}

// due waits for an index that may be behind.
func due(t *testing.T, s Store) {
	for id, at := range map[string]time.Duration{"tv-1": 2 * time.Hour, "tv-2": time.Hour, "tv-3": 3 * time.Hour, "tv-4": time.Hour} {
		keep(t, s, notify.Page{CaseID: id, Due: noon().Add(at)})
	}
	keep(t, s, notify.Page{CaseID: "tv-5"})
	keep(t, s, notify.Page{CaseID: "tv-4", Version: 1}) // no longer
	dueAt(t, s, 0)
	dueAt(t, s, time.Hour, "tv-2")
	dueAt(t, s, 2*time.Hour+time.Minute, "tv-2", "tv-1")
	keep(t, s, notify.Page{CaseID: "tv-2", Version: 1, Due: noon().Add(150 * time.Minute)})
	dueAt(t, s, 5*time.Hour, "tv-1", "tv-2", "tv-3")
}

func dueAt(t *testing.T, s Store, after time.Duration, want ...string) {
	t.Helper()
	var got []string
	for range 50 {
		var err error
		if got, err = s.Due(context.Background(), noon().Add(after)); err != nil {
			t.Fatalf("Due() = %v", err)
		}
		if slices.Equal(got, want) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after %s %q is due, want %q", after, got, want)
}

func find(t *testing.T, s Store, after time.Duration) []notify.Cut {
	t.Helper()
	list, err := s.Cuts(context.Background(), noon().Add(after))
	if err != nil {
		t.Fatalf("Cuts() = %v", err)
	}
	return list
}

func keepCut(t *testing.T, s Store, c notify.Cut) {
	t.Helper()
	if err := s.KeepCut(context.Background(), c); err != nil {
		t.Fatalf("KeepCut() = %v", err)
	}
}

func cuts(t *testing.T, s Store) {
	if got := find(t, s, 0); len(got) != 0 {
		t.Errorf("an empty store has cut-offs: %v", got)
	}
	keepCut(t, s, cut("tv-2", 2*time.Hour))
	keepCut(t, s, cut("tv-1", time.Hour))
	keepCut(t, s, cut("tv-1", time.Hour)) // as after a timeout
	same(t, find(t, s, time.Hour), []notify.Cut{cut("tv-1", time.Hour), cut("tv-2", 2*time.Hour)})
	same(t, find(t, s, time.Hour+time.Second), []notify.Cut{cut("tv-2", 2*time.Hour)})
	if got := find(t, s, 3*time.Hour); len(got) != 0 {
		t.Errorf("cut-offs that ended are found: %v", got)
	}
}

func replaced(t *testing.T, s Store) {
	keepCut(t, s, cut("tv-1", 2*time.Hour))
	next := cut("tv-1", time.Hour)
	next.Names = []string{"user/111122223333/lena"}
	keepCut(t, s, next)
	same(t, find(t, s, 0), []notify.Cut{next})
}

func forgotten(t *testing.T, s Store) {
	keepCut(t, s, cut("tv-1", time.Hour))
	keepCut(t, s, cut("tv-2", time.Hour))
	keepCut(t, s, notify.Cut{CaseID: "tv-1"})
	keepCut(t, s, notify.Cut{CaseID: "tv-3"})
	same(t, find(t, s, 0), []notify.Cut{cut("tv-2", time.Hour)})
}

// manyCuts is more than a page of a database that pages.
func manyCuts(t *testing.T, s Store) {
	const n = 60
	wide := make([]string, 300)
	for i := range wide {
		wide[i] = fmt.Sprintf("role/111122223333/%060d", i)
	}
	var want []notify.Cut
	for i := range n {
		c := cut(fmt.Sprintf("tv-%02d", i), time.Hour)
		c.Names = wide
		want = append(want, c)
		keepCut(t, s, c)
	}
	same(t, find(t, s, 0), want)
}
