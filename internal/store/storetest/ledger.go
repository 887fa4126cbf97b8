package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Ledger is a store that keeps cases too.
type Ledger interface {
	detect.Store
	detect.Ledger
}

// OpenLedger returns a new, empty ledger with the given limits.
type OpenLedger func(t *testing.T, limits store.Limits) Ledger

// RunLedger checks that the ledgers that open returns keep the contract of
// detect.Ledger.
func RunLedger(t *testing.T, open OpenLedger) {
	for name, test := range map[string]func(*testing.T, Ledger){
		"an empty ledger has no cases":                      noCases,
		"a case comes back as it was kept":                  caseComesBack,
		"each commit of a case is its next version":         versions,
		"a case that changed meanwhile conflicts":           stale,
		"a case cannot be committed twice at once":          twiceAtOnce,
		"a commit that conflicts keeps nothing":             conflictKeepsNothing,
		"evidence is kept with its case":                    together,
		"evidence may come without cases, and the reverse":  alone,
		"a commit may be repeated":                          repeated,
		"a case that was taken over says by whom":           superseded,
		"cases come in the order of their first event":      caseOrder,
		"cases of other subjects are not in the way":        subjects,
		"cases are due, earliest first":                     dueCases,
		"a case is due when its last version says":          dueMoves,
		"pages of what is due hold every case once":         duePages,
		"evidence is due after one time and until another":  dueEvidence,
		"pages of what is due hold all evidence":            dueEvidencePages,
		"a commit may be large":                             large,
		"a large commit that conflicts keeps nothing":       largeConflict,
		"of many commits at once one wins for each version": race,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, store.DefaultLimits())) })
	}
}

// caseOf is a case about a role that is not kept yet.
func caseOf(id, roleName string) store.Case {
	return store.Case{Finding: incident.Finding{
		ID: id, Revision: 1, Status: incident.Open, Account: ours, Partition: "aws",
		Subject: incident.Subject{Principal: role(ours, roleName)},
		Verdict: incident.Inconclusive, Cause: incident.UnexplainedFailures, Severity: incident.Low,
		FirstSeen: noon(), LastSeen: noon(), Summary: "calls of role " + roleName + " fail",
	}}
}

func commit(t testing.TB, l Ledger, c store.Commit) {
	t.Helper()
	if err := l.Commit(context.Background(), c); err != nil {
		t.Fatalf("Commit() = %v", err)
	}
}

func wantConflict(t *testing.T, l Ledger, c store.Commit) {
	t.Helper()
	if err := l.Commit(context.Background(), c); !errors.Is(err, detect.ErrConflict) {
		t.Fatalf("Commit() = %v, want %v", err, detect.ErrConflict)
	}
}

func casesOf(t testing.TB, l Ledger, roleName string) []store.Case {
	t.Helper()
	list, err := l.Cases(context.Background(), node(roleName))
	if err != nil {
		t.Fatalf("Cases() = %v", err)
	}
	return list
}

// wantCases compares cases by id and version.
func wantCases(t *testing.T, got []store.Case, want ...string) {
	t.Helper()
	var names []string
	for _, c := range got {
		names = append(names, fmt.Sprintf("%s v%d", c.Finding.ID, c.Version))
	}
	if !slices.Equal(names, want) {
		t.Fatalf("cases = %q, want %q", names, want)
	}
}

func noCases(t *testing.T, l Ledger) {
	wantCases(t, casesOf(t, l, "api"))
	due, next, err := l.DueCases(context.Background(), noon(), "")
	if err != nil || len(due) != 0 || next != "" {
		t.Errorf("DueCases() = %v, %q, %v; want none", due, next, err)
	}
	commit(t, l, store.Commit{})
}

func caseComesBack(t *testing.T, l Ledger) {
	c := caseOf("f1", "api")
	c.Due = noon().Add(time.Hour)
	f := &c.Finding
	f.Region, f.Confidence = "eu-west-1", 0.625
	f.Subject.AccessKeyIDs, f.Subject.Workloads = []string{"ASIAAPI"}, []string{"payments é"}
	f.Evidence = []incident.Evidence{{
		EventID: "11111111-2222-4333-8444-555555555555", Time: noon(), Signal: incident.CredentialFailed, Actor: "role/x",
		SourceIP: "192.0.2.1", Direction: incident.Expiry, Weight: -0.5, Rule: "r", Fact: "a call failed",
	}}
	f.CounterEvidence = []incident.Evidence{{EventID: "other"}}
	f.WouldChange, f.NextSteps, f.ATTACK, f.Capped = []string{"a"}, []string{"b", "c"}, []string{"T1098.003"}, []string{"d"}
	f.Interval = &incident.Interval{Period: time.Hour, Jitter: time.Second, Occurrences: 9, NextExpected: noon()}
	f.BlastRadius = &incident.BlastRadius{LiveSessions: 4, Until: noon(), Principals: []string{"p"}, Services: []string{"s3"}}
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	c.Version = 1
	if d := cmp.Diff([]store.Case{c}, casesOf(t, l, "api")); d != "" {
		t.Error(d)
	}
}

func versions(t *testing.T, l Ledger) {
	c := caseOf("f1", "api")
	for v := range int64(4) {
		c.Version = v
		c.Finding.Revision = int(v) + 1
		commit(t, l, store.Commit{Cases: []store.Case{c}})
		got := casesOf(t, l, "api")
		wantCases(t, got, fmt.Sprintf("f1 v%d", v+1))
		if got[0].Finding.Revision != int(v)+1 {
			t.Errorf("version %d holds revision %d", v+1, got[0].Finding.Revision)
		}
	}
}

func stale(t *testing.T, l Ledger) {
	c := caseOf("f1", "api")
	c.Version = 1
	wantConflict(t, l, store.Commit{Cases: []store.Case{c}}) // there is none yet
	c.Version = 0
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	wantConflict(t, l, store.Commit{Cases: []store.Case{c}})
	c.Version = 1
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	for _, version := range []int64{0, 1, 3} {
		c.Version = version
		wantConflict(t, l, store.Commit{Cases: []store.Case{c}})
	}
	wantCases(t, casesOf(t, l, "api"), "f1 v2")
}

func twiceAtOnce(t *testing.T, l Ledger) {
	c := caseOf("f1", "api")
	wantConflict(t, l, store.Commit{Cases: []store.Case{c, c}})
	wantCases(t, casesOf(t, l, "api"))
}

func conflictKeepsNothing(t *testing.T, l Ledger) {
	commit(t, l, store.Commit{Cases: []store.Case{caseOf("f1", "api")}})
	fresh, old := caseOf("f2", "worker"), caseOf("f1", "api")
	for _, cases := range [][]store.Case{{fresh, old}, {old, fresh}, {old}} {
		wantConflict(t, l, store.Commit{
			Signals: []incident.Signal{failure("1", 0, "api", "")}, Uses: []incident.Use{call("2", 0, "api", "s3")},
			Cases: cases, Recheck: noon(),
		})
	}
	wantCases(t, casesOf(t, l, "worker"))
	wantIDs(t, signals(t, l, store.Query{Node: node("api")}))
	if got := uses(t, l, store.Query{Node: node("api")}); len(got) != 0 {
		t.Errorf("uses = %v, want none", got)
	}
	wantIDs(t, dueSignals(t, l, time.Time{}, noon().Add(time.Hour)))
}

func together(t *testing.T, l Ledger) {
	commit(t, l, store.Commit{
		Signals: []incident.Signal{failure("1", 0, "api", "ASIAAPI"), failure("2", time.Hour, "worker", "")},
		Uses:    []incident.Use{call("3", 0, "api", "s3")},
		Cases:   []store.Case{caseOf("f1", "api"), caseOf("f2", "worker")},
	})
	wantIDs(t, signals(t, l, store.Query{Node: node("api")}), "1")
	wantIDs(t, signals(t, l, store.Query{Node: node("worker")}), "2")
	wantIDs(t, signals(t, l, store.Query{}), "1", "2")
	if got := uses(t, l, store.Query{Node: node("api")}); len(got) != 1 {
		t.Errorf("uses = %v, want one", got)
	}
	wantCases(t, casesOf(t, l, "api"), "f1 v1")
	wantCases(t, casesOf(t, l, "worker"), "f2 v1")
}

func alone(t *testing.T, l Ledger) {
	commit(t, l, store.Commit{Signals: []incident.Signal{failure("1", 0, "api", "")}})
	commit(t, l, store.Commit{Uses: []incident.Use{call("2", 0, "api", "s3")}})
	commit(t, l, store.Commit{Uses: []incident.Use{call("3", time.Hour, "api", "s3")}})
	commit(t, l, store.Commit{Cases: []store.Case{caseOf("f1", "api")}})
	wantIDs(t, signals(t, l, store.Query{Node: node("api")}), "1")
	want := []incident.Use{call("2", 0, "api", "s3").Join(call("3", time.Hour, "api", "s3"))}
	if d := cmp.Diff(want, uses(t, l, store.Query{Node: node("api")})); d != "" {
		t.Errorf("uses: %s", d)
	}
	wantCases(t, casesOf(t, l, "api"), "f1 v1")
}

func repeated(t *testing.T, l Ledger) {
	c := store.Commit{
		Signals: []incident.Signal{failure("1", 0, "api", ""), failure("2", 0, "api", "")},
		Cases:   []store.Case{caseOf("f1", "api")},
	}
	commit(t, l, c)
	wantConflict(t, l, c)
	c.Cases = nil
	commit(t, l, c)
	slices.Reverse(c.Signals)
	commit(t, l, c)
	commit(t, l, store.Commit{Signals: c.Signals[:1]})
	wantIDs(t, signals(t, l, store.Query{Node: node("api")}), "1", "2")
	wantCases(t, casesOf(t, l, "api"), "f1 v1")
}

func superseded(t *testing.T, l Ledger) {
	old := caseOf("f1", "key")
	commit(t, l, store.Commit{Cases: []store.Case{old}})
	old.Version, old.SupersededBy = 1, "f2"
	commit(t, l, store.Commit{Cases: []store.Case{old, caseOf("f2", "api")}})
	got := casesOf(t, l, "key")
	wantCases(t, got, "f1 v2")
	if got[0].SupersededBy != "f2" {
		t.Errorf("superseded by %q, want f2", got[0].SupersededBy)
	}
	wantCases(t, casesOf(t, l, "api"), "f2 v1")
}

func caseOrder(t *testing.T, l Ledger) {
	for id, after := range map[string]time.Duration{"a": 2 * time.Hour, "b": 0, "c": time.Hour, "d": time.Hour} {
		c := caseOf(id, "api")
		c.Finding.FirstSeen = noon().Add(after)
		commit(t, l, store.Commit{Cases: []store.Case{c}})
	}
	wantCases(t, casesOf(t, l, "api"), "b v1", "c v1", "d v1", "a v1")
}

func subjects(t *testing.T, l Ledger) {
	other := caseOf("f1", "api")
	other.Finding.Subject.Account = theirs
	commit(t, l, store.Commit{Cases: []store.Case{caseOf("f1", "api"), caseOf("f2", "api-2"), other}})
	wantCases(t, casesOf(t, l, "api"), "f1 v1")
	wantIDs(t, signals(t, l, store.Query{}))
}

// due reads every page of the cases that are due.
func due(t testing.TB, l Ledger, at time.Time) []store.Case {
	t.Helper()
	var all []store.Case
	for after, n := "", 0; ; n++ {
		page, next, err := l.DueCases(context.Background(), at, after)
		if err != nil || n > 1000 {
			t.Fatalf("DueCases(), page %d: %v", n, err)
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		after = next
	}
}

func dueCases(t *testing.T, l Ledger) {
	for id, after := range map[string]time.Duration{"late": 2 * time.Hour, "early": 0, "middle": time.Hour} {
		c := caseOf(id, id)
		c.Due = noon().Add(after)
		commit(t, l, store.Commit{Cases: []store.Case{c}})
	}
	commit(t, l, store.Commit{Cases: []store.Case{caseOf("never", "never")}})
	wantCases(t, due(t, l, noon().Add(-time.Nanosecond)))
	wantCases(t, due(t, l, noon().Add(time.Hour)), "early v1", "middle v1")
	wantCases(t, due(t, l, noon().Add(100*time.Hour)), "early v1", "middle v1", "late v1")
}

func dueMoves(t *testing.T, l Ledger) {
	c := caseOf("f1", "api")
	c.Due = noon()
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	c.Version, c.Due = 1, noon().Add(time.Hour)
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	wantCases(t, due(t, l, noon()))
	wantCases(t, due(t, l, noon().Add(time.Hour)), "f1 v2")
	c.Version, c.Due = 2, time.Time{}
	commit(t, l, store.Commit{Cases: []store.Case{c}})
	wantCases(t, due(t, l, noon().Add(100*time.Hour)))
}

func duePages(t *testing.T, l Ledger) {
	const n = 230
	var want []string
	for i := range n {
		c := caseOf(fmt.Sprintf("f%03d", i), fmt.Sprint(i%7))
		c.Due = noon().Add(time.Duration(i/3) * time.Second)
		commit(t, l, store.Commit{Cases: []store.Case{c}})
		want = append(want, c.Finding.ID)
	}
	var got []string
	var last time.Time
	for _, c := range due(t, l, noon().Add(time.Hour)) {
		got = append(got, c.Finding.ID)
		if c.Due.Before(last) {
			t.Errorf("case %s comes after one that is due later", c.Finding.ID)
		}
		last = c.Due
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// dueSignals reads every page of the evidence that is due.
func dueSignals(t testing.TB, l Ledger, since, at time.Time) []incident.Signal {
	t.Helper()
	var all []incident.Signal
	for after, n := "", 0; ; n++ {
		page, next, err := l.DueEvidence(context.Background(), since, at, after)
		if err != nil || n > 1000 {
			t.Fatalf("DueEvidence(), page %d: %v", n, err)
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		after = next
	}
}

func dueEvidence(t *testing.T, l Ledger) {
	for id, after := range map[string]time.Duration{"late": 2 * time.Hour, "early": 0, "middle": time.Hour} {
		// Two nodes, so that evidence is not due once for each of its names.
		commit(t, l, store.Commit{Signals: []incident.Signal{failure(id, 0, "api", "ASIAAPI")}, Recheck: noon().Add(after)})
	}
	commit(t, l, store.Commit{Signals: []incident.Signal{failure("never", 0, "api", "ASIAAPI")}})
	wantIDs(t, dueSignals(t, l, time.Time{}, noon().Add(time.Hour)), "early", "middle")
	wantIDs(t, dueSignals(t, l, noon(), noon().Add(time.Hour)), "middle")
	wantIDs(t, dueSignals(t, l, noon().Add(-time.Nanosecond), noon()), "early")
	wantIDs(t, dueSignals(t, l, noon().Add(2*time.Hour), noon().Add(100*time.Hour)))
	if got := signals(t, l, store.Query{Node: node("api")}); len(got) != 4 {
		t.Errorf("signals = %v, want all four", ids(got))
	}
}

func dueEvidencePages(t *testing.T, l Ledger) {
	var want []string
	for i := range 130 {
		f := failure(fmt.Sprintf("%03d", i), 0, fmt.Sprint("role", i%3), "")
		commit(t, l, store.Commit{Signals: []incident.Signal{f}, Recheck: noon().Add(time.Duration(i/50) * time.Second)})
		want = append(want, f.ID)
	}
	got := ids(dueSignals(t, l, time.Time{}, noon().Add(time.Hour)))
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// largeCommit is more than a database's transactions hold.
func largeCommit() (c store.Commit) {
	for i := range 120 {
		name := fmt.Sprint("role", i)
		c.Signals = append(c.Signals, failure(fmt.Sprint(i), 0, name, ""))
		c.Cases = append(c.Cases, caseOf("f"+name, name))
	}
	return c
}

func large(t *testing.T, l Ledger) {
	commit(t, l, largeCommit())
	for i := range 120 {
		name := fmt.Sprint("role", i)
		wantIDs(t, signals(t, l, store.Query{Node: node(name)}), fmt.Sprint(i))
		wantCases(t, casesOf(t, l, name), "f"+name+" v1")
	}
}

func largeConflict(t *testing.T, l Ledger) {
	commit(t, l, store.Commit{Cases: []store.Case{caseOf("frole77", "role77")}})
	wantConflict(t, l, largeCommit())
	wantIDs(t, signals(t, l, store.Query{}))
	wantCases(t, casesOf(t, l, "role5"))
}

// race lets many add to one case at once, each until it succeeded a few times.
// Every commit brings evidence of its own, so the evidence tells which were kept.
func race(t *testing.T, l Ledger) {
	const workers, each = 6, 5
	var mu sync.Mutex
	var wg sync.WaitGroup
	winners := map[int64][]string{}
	lost := map[string]bool{}
	for w := range workers {
		wg.Go(func() {
			for n := range each {
				version, id := addToCase(t, l, fmt.Sprintf("%d-%d", w, n), func(id string) {
					mu.Lock()
					defer mu.Unlock()
					lost[id] = true
				})
				mu.Lock()
				winners[version] = append(winners[version], id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wantCases(t, casesOf(t, l, "api"), fmt.Sprintf("f1 v%d", workers*each))
	var want []string
	for version := int64(1); version <= workers*each; version++ {
		if len(winners[version]) != 1 {
			t.Errorf("version %d was committed by %q, want one", version, winners[version])
		}
		want = append(want, winners[version]...)
	}
	got := signals(t, l, store.Query{Node: node("api")})
	if d := cmp.Diff(want, ids(got), cmpopts.SortSlices(func(a, b string) bool { return a < b })); d != "" {
		t.Errorf("the evidence is not that of the commits that were kept: %s", d)
	}
	for _, s := range got {
		if lost[s.ID] {
			t.Errorf("evidence %s is kept, though its commit conflicted", s.ID)
		}
	}
}

// addToCase commits the case's next version, and returns it with the evidence
// that went with it.
func addToCase(t *testing.T, l Ledger, name string, lost func(id string)) (version int64, id string) {
	for try := 0; ; try++ {
		c := caseOf("f1", "api")
		if have, err := l.Cases(context.Background(), node("api")); err != nil || try > 10_000 {
			t.Errorf("Cases(), try %d: %v", try, err)
			return 0, ""
		} else if len(have) > 0 {
			c = have[0]
		}
		id := fmt.Sprintf("%s-%d", name, try)
		err := l.Commit(context.Background(), store.Commit{
			Signals: []incident.Signal{failure(id, 0, "api", "")}, Cases: []store.Case{c},
		})
		switch {
		case err == nil:
			return c.Version + 1, id
		case !errors.Is(err, detect.ErrConflict):
			t.Errorf("Commit() = %v", err)
			return 0, ""
		}
		lost(id)
	}
}
