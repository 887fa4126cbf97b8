// Package storetest is the contract of a store as tests. A store passes Run,
// or it is none.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, l store.Limits) storetest.Store { return store.NewMemory(l) })
//	}
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Store is what is tested.
type Store = detect.Store

// Open returns a new, empty store with the given limits.
type Open func(t *testing.T, limits store.Limits) Store

// Run checks that the stores that open returns keep the contract.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"an empty store has no items":                            empty,
		"a signal that is put twice is there once":               putTwice,
		"the counts of a put are exact":                          counts,
		"one event with two contents resolves the same way":      conflict,
		"a signal is filed under all its nodes":                  filing,
		"a signal about nobody is not lost":                      nobody,
		"equal ids in two accounts are two signals":              accounts,
		"equal names in two accounts are two nodes":              names,
		"signals come oldest first":                              oldestFirst,
		"a window leaves out what is older":                      window,
		"pages hold every item once":                             paging,
		"a signal that comes while paging spoils nothing":        pagingWhilePutting,
		"a page token that is not ours is an error":              badToken,
		"uses of one key are joined":                             join,
		"what is past its retention is not read":                 retention,
		"a flood keeps the oldest and says so":                   flood,
		"a flood leaves other kinds, hours and principals alone": floodAlone,
		"too many uses leave a fixed sample and say so":          manyUses,
		"times of any year and zone can be kept":                 times,
		"order, duplicates and batches change nothing":           anyOrder,
		"what was read may be kept and changed":                  aliasing,
		"a history is what the pages hold":                       history,
		"a long history is its newest hours, and says so":        longHistory,
		"a history leaves out what is past its retention":        historyRetention,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

const (
	ours   = "111122223333"
	theirs = "444455556666"
)

// noon is when the tests' events happen.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func role(account, name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: account, Name: name}
}

// failure is a failed call with a role's key at a time after noon.
func failure(id string, after time.Duration, roleName, key string) incident.Signal {
	return incident.Signal{
		ID: id, Account: ours, Time: noon().Add(after), Kind: incident.CredentialFailed, Feed: incident.FromClient,
		Target: role(ours, roleName), Key: key, ErrorCode: "InvalidClientTokenId", Count: 1,
	}
}

// call is a successful call of a role's session.
func call(id string, after time.Duration, roleName, service string) incident.Use {
	at := noon().Add(after)
	return incident.Use{
		Account: ours, Region: "eu-west-1", Principal: role(ours, roleName), AccessKeyID: "ASIA" + roleName,
		SourceIP: "192.0.2.1", Network: "192.0.2.0/24", Client: "boto3", Service: service,
		First: at, Last: at, FirstID: id, LastID: id,
	}
}

func node(roleName string) string { return role(ours, roleName).Key() }

func put(t tb, s Store, signals []incident.Signal, uses []incident.Use) store.Outcome {
	t.Helper()
	out, err := s.Put(context.Background(), signals, uses)
	if err != nil {
		t.Fatalf("Put() = %v", err)
	}
	return out
}

// tb is what a test and a property have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// pages reads every page of q, each in turn, with the limits that they name.
func pages[T any](t tb, q store.Query, read func(context.Context, store.Query) (store.Page[T], error)) (all [][]T, capped []string) {
	t.Helper()
	for {
		page, err := read(context.Background(), q)
		if err != nil {
			t.Fatalf("read %+v: %v", q, err)
		}
		all = append(all, page.Items)
		capped = append(capped, page.Capped...)
		if page.Next == "" {
			return all, capped
		}
		if len(all) > 10_000 {
			t.Fatalf("read %+v: pages without end", q)
		}
		q.After = page.Next
	}
}

func signals(t tb, s Store, q store.Query) []incident.Signal {
	t.Helper()
	all, _ := pages(t, q, s.Signals)
	return slices.Concat(all...)
}

func uses(t tb, s Store, q store.Query) []incident.Use {
	t.Helper()
	all, _ := pages(t, q, s.Uses)
	return slices.Concat(all...)
}

func ids(list []incident.Signal) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.ID
	}
	return out
}

func wantIDs(t tb, got []incident.Signal, want ...string) {
	t.Helper()
	if !slices.Equal(ids(got), want) {
		t.Fatalf("signals = %v, want %v", ids(got), want)
	}
}

func empty(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	for _, q := range []store.Query{{}, {Node: node("api")}, {Node: "key/ASIANOBODY"}} {
		if got := signals(t, s, q); len(got) != 0 {
			t.Errorf("signals of %+v = %v, want none", q, ids(got))
		}
		if got := uses(t, s, q); len(got) != 0 {
			t.Errorf("uses of %+v = %v, want none", q, got)
		}
	}
}

func putTwice(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	f := failure("1", 0, "api", "ASIAAPI")
	put(t, s, []incident.Signal{f, f}, nil)
	put(t, s, []incident.Signal{f}, nil)
	wantIDs(t, signals(t, s, store.Query{}), "1")
	wantIDs(t, signals(t, s, store.Query{Node: node("api")}), "1")
}

func counts(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	one, two := failure("1", 0, "api", ""), failure("2", 0, "api", "")
	other := one
	other.ErrorCode = "ExpiredToken"
	got := put(t, s, []incident.Signal{one, one, two, other}, []incident.Use{call("3", 0, "api", "s3"), call("3", 0, "api", "s3")})
	got = got.Add(put(t, s, []incident.Signal{one, other}, nil))
	if want := (store.Outcome{Duplicates: 3, Conflicts: 1}); got != want {
		t.Errorf("outcome = %+v, want %+v", got, want)
	}
}

func conflict(t *testing.T, open Open) {
	a, b := failure("1", 0, "api", "ASIAAPI"), failure("1", time.Minute, "api", "ASIAOTHER")
	forward, backward := open(t, store.DefaultLimits()), open(t, store.DefaultLimits())
	put(t, forward, []incident.Signal{a}, nil)
	put(t, forward, []incident.Signal{b}, nil)
	put(t, backward, []incident.Signal{b}, nil)
	put(t, backward, []incident.Signal{a}, nil)
	for _, q := range []store.Query{{}, {Node: node("api")}, {Node: node("api"), Limit: 1}} {
		x, y := store.Resolve(signals(t, forward, q)), store.Resolve(signals(t, backward, q))
		if d := cmp.Diff(x, y); d != "" || len(x) != 1 {
			t.Errorf("query %+v: %d and %d signals, which differ: %s", q, len(x), len(y), d)
		}
	}
}

func filing(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	f := failure("1", 0, "api", "ASIAAPI")
	f.Workload = "payments"
	f.Actor = incident.Actor{Principal: role(theirs, "caller"), AccessKeyID: "ASIACALLER"}
	put(t, s, []incident.Signal{f, failure("2", 0, "other", "ASIAOTHER")}, nil)
	nodes := lineage.Nodes(f)
	if len(nodes) != 5 {
		t.Fatalf("lineage.Nodes() = %v, want role, actor, two keys and workload", nodes)
	}
	for _, n := range nodes {
		wantIDs(t, signals(t, s, store.Query{Node: n}), "1")
	}
}

func nobody(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	put(t, s, []incident.Signal{{ID: "1", Account: ours, Time: noon(), Kind: incident.SignInFailed}}, nil)
	wantIDs(t, signals(t, s, store.Query{}), "1")
}

func accounts(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	a, b := failure("1", 0, "api", ""), failure("1", 0, "api", "")
	b.Account = theirs
	if out := put(t, s, []incident.Signal{a, b}, nil); out != (store.Outcome{}) {
		t.Errorf("outcome = %+v, want neither duplicates nor conflicts", out)
	}
	wantIDs(t, store.Resolve(signals(t, s, store.Query{})), "1", "1")
}

func names(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	a, b := failure("1", 0, "api", ""), failure("2", 0, "api", "")
	b.Account, b.Target = theirs, role(theirs, "api")
	put(t, s, []incident.Signal{a, b}, nil)
	wantIDs(t, signals(t, s, store.Query{Node: node("api")}), "1")
	wantIDs(t, signals(t, s, store.Query{Node: role(theirs, "api").Key()}), "2")
}

func oldestFirst(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	put(t, s, []incident.Signal{failure("3", time.Hour, "api", ""), failure("2", 0, "api", "")}, nil)
	put(t, s, []incident.Signal{failure("4", 30*time.Hour, "api", ""), failure("1", 0, "api", ""), failure("0", -time.Hour, "api", "")}, nil)
	wantIDs(t, signals(t, s, store.Query{Node: node("api")}), "0", "1", "2", "3", "4")
}

func window(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	put(t, s,
		[]incident.Signal{failure("1", 0, "api", ""), failure("2", time.Minute, "api", ""), failure("3", time.Hour, "api", "")},
		[]incident.Use{call("a", 0, "api", "s3"), call("b", time.Hour, "api", "sqs")})
	q := store.Query{Node: node("api"), Since: noon().Add(time.Minute)}
	wantIDs(t, signals(t, s, q), "2", "3")
	if got := uses(t, s, q); len(got) != 1 || got[0].Service != "sqs" {
		t.Errorf("uses = %v, want the one of sqs", got)
	}
}

func paging(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	var list []incident.Signal
	var calls []incident.Use
	for i := range 25 {
		// Ties in time, and ids with every kind of separator.
		list = append(list, failure(fmt.Sprintf("id %02d |/\"\\\x00 é", i), time.Duration(i/4)*time.Second, "api", ""))
		calls = append(calls, call("c", 0, "api", fmt.Sprintf("service-%02d", i)))
	}
	put(t, s, list, calls)
	for _, size := range []int{1, 4, 24, 25, 26} {
		got, _ := pages(t, store.Query{Node: node("api"), Limit: size}, s.Signals)
		wantIDs(t, slices.Concat(got...), ids(list)...)
		checkSizes(t, got, size)
		gotUses, _ := pages(t, store.Query{Node: node("api"), Limit: size}, s.Uses)
		if d := cmp.Diff(calls, slices.Concat(gotUses...)); d != "" {
			t.Errorf("uses in pages of %d: %s", size, d)
		}
		checkSizes(t, gotUses, size)
	}
}

func checkSizes[T any](t *testing.T, got [][]T, size int) {
	t.Helper()
	for i, page := range got {
		if len(page) > size {
			t.Errorf("page %d holds %d items, want at most %d", i, len(page), size)
		}
	}
}

func pagingWhilePutting(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	put(t, s, []incident.Signal{failure("1", 0, "api", ""), failure("3", 2*time.Second, "api", ""), failure("5", 4*time.Second, "api", "")}, nil)
	first, err := s.Signals(context.Background(), store.Query{Node: node("api"), Limit: 2})
	if err != nil || first.Next == "" {
		t.Fatalf("first page = %+v, %v; want one that goes on", first, err)
	}
	put(t, s, []incident.Signal{failure("0", -time.Second, "api", ""), failure("2", time.Second, "api", "")}, nil)
	rest := signals(t, s, store.Query{Node: node("api"), Limit: 2, After: first.Next})
	wantIDs(t, append(first.Items, rest...), "1", "3", "5")
}

func badToken(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	put(t, s, []incident.Signal{failure("1", 0, "api", "")}, nil)
	if page, err := s.Signals(context.Background(), store.Query{Node: node("api"), After: "somebody else's"}); err == nil {
		t.Errorf("Signals() = %v, want an error", ids(page.Items))
	}
}

func join(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	early, late := call("early", 0, "api", "s3"), call("late", time.Hour, "api", "s3")
	put(t, s, nil, []incident.Use{late})
	put(t, s, nil, []incident.Use{early, late})
	want := early.Join(late)
	for _, n := range append(lineage.UseNodes(early), "") {
		if d := cmp.Diff([]incident.Use{want}, uses(t, s, store.Query{Node: n})); d != "" {
			t.Errorf("uses of %q: %s", n, d)
		}
	}
}

func retention(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.Retention = 24 * time.Hour
	s := open(t, limits)
	long := call("c", time.Hour, "api", "sqs")
	long.First = noon().Add(-100 * time.Hour)
	put(t, s,
		[]incident.Signal{failure("1", 0, "api", ""), failure("2", time.Hour, "api", "")},
		[]incident.Use{call("a", 0, "api", "s3"), long})
	for _, n := range []string{"", node("api")} {
		q := store.Query{Node: n, Now: noon().Add(24 * time.Hour)}
		wantIDs(t, signals(t, s, q), "2")
		if got := uses(t, s, q); len(got) != 1 || got[0].Service != "sqs" {
			t.Errorf("uses = %v, want the one of sqs, which was seen last", got)
		}
		q.Now = noon().Add(24*time.Hour - time.Second)
		wantIDs(t, signals(t, s, q), "1", "2")
	}
}

func flood(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.SignalsPerHour = 3
	s := open(t, limits)
	for i := range 20 { // newest first, so that the oldest must push others out
		put(t, s, []incident.Signal{failure(fmt.Sprintf("%02d", 19-i), time.Duration(19-i)*time.Second, "api", "ASIAAPI")}, nil)
	}
	for _, n := range []string{"", node("api"), lineage.KeyNode("ASIAAPI")} {
		got, capped := pages(t, store.Query{Node: n, Limit: 2}, s.Signals)
		wantIDs(t, slices.Concat(got...), "00", "01", "02")
		if len(capped) == 0 {
			t.Errorf("node %q: no limit named, though 17 signals were dropped", n)
		}
	}
	if _, capped := pages(t, store.Query{Node: node("api"), Since: noon().Add(2 * time.Hour)}, s.Signals); len(capped) != 0 {
		t.Errorf("limits of a window after the flood = %v, want none", capped)
	}
}

func floodAlone(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.SignalsPerHour = 2
	s := open(t, limits)
	change := incident.Signal{ID: "change", Account: ours, Time: noon().Add(time.Minute), Kind: incident.TrustChanged, Target: role(ours, "api")}
	shared := failure("shared", 30*time.Second, "api", "ASIASHARED")
	put(t, s, []incident.Signal{
		failure("1", 0, "api", ""), failure("2", time.Second, "api", ""), failure("3", 2*time.Second, "api", ""),
		shared, change, failure("4", time.Hour, "api", ""), failure("5", 0, "other", ""),
	}, nil)
	wantIDs(t, signals(t, s, store.Query{Node: node("api")}), "1", "2", "change", "4")
	wantIDs(t, signals(t, s, store.Query{Node: node("other")}), "5")
	wantIDs(t, signals(t, s, store.Query{Node: lineage.KeyNode("ASIASHARED")}), "shared")
	wantIDs(t, store.Resolve(signals(t, s, store.Query{})), "1", "5", "2", "shared", "change", "4")
}

func manyUses(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.Uses = 5
	var calls []incident.Use
	for i := range 30 {
		calls = append(calls, call("c", time.Duration(i)*time.Second, "api", fmt.Sprintf("service-%02d", i)))
	}
	forward, backward := open(t, limits), open(t, limits)
	for i := range calls {
		put(t, forward, nil, calls[i:i+1])
		put(t, backward, nil, calls[len(calls)-1-i:len(calls)-i])
	}
	put(t, backward, nil, calls)
	x, capped := pages(t, store.Query{Node: node("api")}, forward.Uses)
	y, _ := pages(t, store.Query{Node: node("api")}, backward.Uses)
	if d := cmp.Diff(slices.Concat(x...), slices.Concat(y...)); d != "" {
		t.Errorf("the sample depends on the order: %s", d)
	}
	if n := len(slices.Concat(x...)); n != 5 || len(capped) == 0 {
		t.Errorf("%d uses with the limits %v, want 5 and a limit named", n, capped)
	}
}

func historyOf(t tb, s Store, node string, now time.Time) store.History {
	t.Helper()
	h, err := s.History(context.Background(), node, now)
	if err != nil {
		t.Fatalf("History(%q) = %v", node, err)
	}
	return h
}

func history(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.SignalsPerHour, limits.History = 3, 20
	s := open(t, limits)
	change := incident.Signal{ID: "change", Account: ours, Time: noon().Add(30 * time.Hour), Kind: incident.TrustChanged, Target: role(ours, "api")}
	put(t, s, []incident.Signal{change, failure("1", 0, "api", "ASIAAPI"), failure("2", time.Minute, "other", "")}, []incident.Use{call("a", 0, "api", "s3"), call("b", 0, "other", "s3")})
	for i := range 10 { // more than an hour holds, less than a history does
		put(t, s, []incident.Signal{failure(fmt.Sprint("x", i), time.Duration(i)*time.Second+2*time.Hour, "api", "")}, []incident.Use{call(fmt.Sprint(i), 0, "api", "sqs")})
	}
	for _, n := range []string{node("api"), node("other"), lineage.KeyNode("ASIAAPI"), node("nobody")} {
		h := historyOf(t, s, n, noon().Add(40*time.Hour))
		q := store.Query{Node: n}
		_, capped := pages(t, q, s.Signals)
		if d := cmp.Diff(signals(t, s, q), h.Signals, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("signals of %s (-pages +history): %s", n, d)
		}
		if d := cmp.Diff(uses(t, s, q), h.Uses, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("uses of %s (-pages +history): %s", n, d)
		}
		if !h.From.IsZero() || !slices.Equal(capped, h.Capped) {
			t.Errorf("history of %s from %s with limits %v, want all of it, with %v", n, h.From, h.Capped, capped)
		}
	}
}

// longHistory has a busy week behind it, a quiet day, and a busy hour.
func longHistory(t *testing.T, open Open) {
	for name, test := range map[string]struct {
		most, lastHour int
	}{
		"room for everything":      {1000, 10},
		"room for some days":       {90, 10},
		"room for some hours":      {15, 10},
		"no room for the last one": {5, 10},
		"nothing in the last one":  {90, 0},
	} {
		t.Run(name, func(t *testing.T) {
			limits := store.DefaultLimits()
			limits.History = test.most
			s := open(t, limits)
			var batch []incident.Signal
			for i := range 7 * 24 {
				batch = append(batch, failure(fmt.Sprint("week-", i), -time.Duration(i+1)*time.Hour, "api", ""))
			}
			for i := range test.lastHour {
				batch = append(batch, failure(fmt.Sprint("now-", i), time.Duration(i)*time.Minute, "api", ""))
			}
			for part := range slices.Chunk(batch, 20) {
				put(t, s, part, nil)
			}
			put(t, s, nil, []incident.Use{call("a", -100*time.Hour, "api", "s3")})
			h := historyOf(t, s, node("api"), noon().Add(30*time.Minute))
			if len(h.Uses) != 1 {
				t.Errorf("%d uses, want the one that there is", len(h.Uses))
			}
			if want := signals(t, s, store.Query{Node: node("api"), Since: h.From}); cmp.Diff(want, h.Signals, cmpopts.EquateEmpty()) != "" {
				t.Errorf("%d signals since %s, want %d", len(h.Signals), h.From, len(want))
			}
			if len(batch) <= test.most {
				if !h.From.IsZero() || len(h.Capped) > 0 {
					t.Errorf("from %s with limits %v, want all of it", h.From, h.Capped)
				}
				return
			}
			lastHour := noon()
			if test.lastHour == 0 {
				lastHour = noon().Add(-time.Hour)
			}
			if h.From.IsZero() || h.From.After(lastHour) || !h.From.Equal(h.From.Truncate(time.Hour)) || len(h.Capped) != 1 {
				t.Errorf("from %s with limits %v, want whole hours, the last one at least, and a limit named", h.From, h.Capped)
			}
			if n := len(h.Signals); n > test.most && h.From.Before(lastHour.Add(-time.Hour)) || n == 0 {
				t.Errorf("%d signals, want at most %d", n, test.most)
			}
		})
	}
}

func historyRetention(t *testing.T, open Open) {
	limits := store.DefaultLimits()
	limits.Retention = 24 * time.Hour
	s := open(t, limits)
	put(t, s, []incident.Signal{failure("1", 0, "api", ""), failure("2", time.Hour, "api", "")}, []incident.Use{call("a", 0, "api", "s3"), call("c", time.Hour, "api", "sqs")})
	h := historyOf(t, s, node("api"), noon().Add(24*time.Hour))
	wantIDs(t, h.Signals, "2")
	if len(h.Uses) != 1 || h.Uses[0].Service != "sqs" {
		t.Errorf("uses = %v, want the one of sqs", h.Uses)
	}
}

func times(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	var list []incident.Signal
	for i, at := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 5, time.UTC),
		noon().In(time.FixedZone("", 7200)), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		f := failure(fmt.Sprint(i), 0, "api", "")
		f.Time = at
		list = append(list, f)
	}
	put(t, s, list, nil)
	got := signals(t, s, store.Query{Node: node("api"), Limit: 1})
	wantIDs(t, got, "0", "1", "2", "3")
	for i := range got {
		if !got[i].Time.Equal(list[i].Time) {
			t.Errorf("time of signal %d = %v, want %v", i, got[i].Time, list[i].Time)
		}
	}
}

// anyOrder puts one set in two ways and compares all that can be read, with
// limits so small that they are reached.
func anyOrder(t *testing.T, open Open) {
	limits := store.Limits{SignalsPerHour: 3, Uses: 3}
	rapid.Check(t, func(r *rapid.T) {
		set := rapid.SliceOfN(rapid.Custom(drawSignal), 1, 30).Draw(r, "signals")
		calls := rapid.SliceOfN(rapid.Custom(drawUse), 0, 15).Draw(r, "uses")
		plain, mixed := open(t, limits), open(t, limits)
		put(r, plain, set, calls)

		again := rapid.SliceOf(rapid.SampledFrom(set)).Draw(r, "duplicates")
		shuffled := rapid.Permutation(append(again, set...)).Draw(r, "order")
		for len(shuffled) > 0 {
			n := rapid.IntRange(1, len(shuffled)).Draw(r, "batch")
			put(r, mixed, shuffled[:n], nil)
			shuffled = shuffled[n:]
			_ = signals(r, mixed, store.Query{Node: node("api")}) // a reading in between changes nothing
		}
		put(r, mixed, nil, rapid.Permutation(append(calls, calls...)).Draw(r, "order of uses"))

		for _, n := range []string{"", node("api"), node("worker"), lineage.KeyNode("ASIA0"), lineage.KeyNode("ASIA1")} {
			compareStores(r, plain, mixed, store.Query{Node: n, Limit: 4})
		}
	})
}

func compareStores(r *rapid.T, a, b Store, q store.Query) {
	r.Helper()
	x, xCapped := pages(r, q, a.Signals)
	y, yCapped := pages(r, q, b.Signals)
	if d := cmp.Diff(store.Resolve(slices.Concat(x...)), store.Resolve(slices.Concat(y...))); d != "" {
		r.Fatalf("signals of %q depend on the order: %s", q.Node, d)
	}
	if q.Node != "" {
		xh, yh := historyOf(r, a, q.Node, noon()), historyOf(r, b, q.Node, noon())
		if d := cmp.Diff(store.Resolve(xh.Signals), store.Resolve(yh.Signals)); d != "" {
			r.Fatalf("the history of %q depends on the order: %s", q.Node, d)
		}
		if d := cmp.Diff(xh.Uses, yh.Uses); d != "" {
			r.Fatalf("the history of %q depends on the order: %s", q.Node, d)
		}
	}
	xu, xuCapped := pages(r, q, a.Uses)
	yu, yuCapped := pages(r, q, b.Uses)
	if d := cmp.Diff(slices.Concat(xu...), slices.Concat(yu...)); d != "" {
		r.Fatalf("uses of %q depend on the order: %s", q.Node, d)
	}
	if d := cmp.Diff(sortedSet(xCapped, xuCapped), sortedSet(yCapped, yuCapped)); d != "" {
		r.Fatalf("limits named of %q depend on the order: %s", q.Node, d)
	}
}

func sortedSet(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// drawSignal draws from so few values that ids, contents, nodes and hours
// coincide.
func drawSignal(r *rapid.T) incident.Signal {
	f := failure(
		fmt.Sprint(rapid.IntRange(0, 12).Draw(r, "id")),
		time.Duration(rapid.IntRange(0, 8).Draw(r, "quarters of an hour"))*15*time.Minute,
		rapid.SampledFrom([]string{"api", "worker"}).Draw(r, "role"),
		rapid.SampledFrom([]string{"", "ASIA0", "ASIA1"}).Draw(r, "key"))
	f.Kind = rapid.SampledFrom([]incident.Kind{incident.CredentialFailed, incident.CallDenied}).Draw(r, "kind")
	return f
}

func drawUse(r *rapid.T) incident.Use {
	return call(
		fmt.Sprint(rapid.IntRange(0, 9).Draw(r, "id")),
		time.Duration(rapid.IntRange(0, 9).Draw(r, "minutes"))*time.Minute,
		rapid.SampledFrom([]string{"api", "worker"}).Draw(r, "role"),
		rapid.SampledFrom([]string{"s3", "sqs", "sns", "kms", "ec2"}).Draw(r, "service"))
}

func aliasing(t *testing.T, open Open) {
	s := open(t, store.DefaultLimits())
	list := []incident.Signal{failure("1", 0, "api", "")}
	calls := []incident.Use{call("c", 0, "api", "s3")}
	put(t, s, list, calls)
	list[0].ID, calls[0].Service = "changed", "changed"
	got, gotUses := signals(t, s, store.Query{}), uses(t, s, store.Query{})
	got[0].ID, gotUses[0].Service = "changed", "changed"
	wantIDs(t, signals(t, s, store.Query{}), "1")
	if u := uses(t, s, store.Query{}); len(u) != 1 || u[0].Service != "s3" {
		t.Errorf("uses = %v, want the one of s3", u)
	}
}

// Broken wraps a store so that its nth call fails, for tests of what stands
// above stores.
type Broken struct {
	Store
	Left int // calls that still succeed
}

// ErrBroken is what a Broken store returns.
var ErrBroken = errors.New("store is broken")

func (b *Broken) fail() error {
	if b.Left--; b.Left < 0 {
		return ErrBroken
	}
	return nil
}

// Put puts, or fails.
func (b *Broken) Put(ctx context.Context, s []incident.Signal, u []incident.Use) (store.Outcome, error) {
	if err := b.fail(); err != nil {
		return store.Outcome{}, err
	}
	return b.Store.Put(ctx, s, u)
}

// Signals reads, or fails.
func (b *Broken) Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error) {
	if err := b.fail(); err != nil {
		return store.Page[incident.Signal]{}, err
	}
	return b.Store.Signals(ctx, q)
}

// History reads, or fails.
func (b *Broken) History(ctx context.Context, node string, now time.Time) (store.History, error) {
	if err := b.fail(); err != nil {
		return store.History{}, err
	}
	return b.Store.History(ctx, node, now)
}

// Uses reads, or fails.
func (b *Broken) Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error) {
	if err := b.fail(); err != nil {
		return store.Page[incident.Use]{}, err
	}
	return b.Store.Uses(ctx, q)
}
