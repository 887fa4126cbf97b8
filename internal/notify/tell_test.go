package notify

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// caseOf is a case about a role at version 5, changed by edits.
func caseOf(v incident.Verdict, cause incident.Cause, s incident.Severity, edits ...func(*detect.Case)) detect.Case {
	c := detect.Case{Version: 5, Finding: incident.Finding{
		ID: "tv-1", Status: incident.Open, Account: "111122223333", Verdict: v, Cause: cause, Severity: s,
		Subject:   incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "payments-role"}},
		FirstSeen: noon(), LastSeen: noon(),
	}}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

func workloads(names ...string) func(*detect.Case) {
	return func(c *detect.Case) { c.Finding.Subject.Workloads = names }
}

func keys(ids ...string) func(*detect.Case) {
	return func(c *detect.Case) { c.Finding.Subject.AccessKeyIDs = ids }
}

func status(s incident.Status) func(*detect.Case) {
	return func(c *detect.Case) { c.Finding.Status = s }
}

func supersededBy(id string) func(*detect.Case) {
	return func(c *detect.Case) { c.SupersededBy = id }
}

// heard is what a channel knows that was told of version 3 ten minutes ago.
func heard(v incident.Verdict, cause incident.Cause, s incident.Severity, members ...string) Told {
	told := Told{Revision: 2, Version: 3, Verdict: v, Cause: cause, Severity: s, At: noon().Add(-10 * time.Minute)}
	for _, name := range members {
		told.Members = append(told.Members, digest(name))
	}
	slices.Sort(told.Members)
	return told
}

// TestTell is the decision table: each reason to tell with its quiet twin.
func TestTell(t *testing.T) {
	const (
		critical = incident.Critical
		high     = incident.High
		medium   = incident.Medium
		low      = incident.Low
		info     = incident.Informational
	)
	revoked, exposed := incident.RevokedByStranger, incident.TokenExposed
	compromise := func(s incident.Severity, edits ...func(*detect.Case)) detect.Case {
		return caseOf(incident.Compromise, revoked, s, edits...)
	}
	expiry := func(edits ...func(*detect.Case)) detect.Case {
		return caseOf(incident.Expiry, incident.TokenExpired, low, edits...)
	}
	planned := func(s incident.Severity, edits ...func(*detect.Case)) detect.Case {
		return caseOf(incident.PlannedChange, incident.RoleDeletedByOwner, s, edits...)
	}
	knowsHigh := heard(incident.Compromise, revoked, high)
	recently := func(told Told) Told { told.At = noon().Add(-time.Minute); return told }
	closed := func(told Told) Told { told.Closed = true; return told }
	version := func(told Told, v int64) Told { told.Version = v; return told }
	one := []Broken{{CaseID: "tv-9"}}

	for name, test := range map[string]struct {
		told Told
		news News
		want Reason
	}{
		"a compromise that nobody heard of":                     {Told{}, News{Case: compromise(high)}, New},
		"a resolved one that nobody heard of is still told":     {Told{}, News{Case: compromise(high, status(incident.Resolved))}, New},
		"the same version again":                                {version(knowsHigh, 5), News{Case: compromise(high)}, NothingNew},
		"more of the same":                                      {knowsHigh, News{Case: compromise(high)}, NothingNew},
		"the incident settled":                                  {knowsHigh, News{Case: compromise(high, status(incident.Settled))}, NothingNew},
		"the incident is over":                                  {knowsHigh, News{Case: compromise(high, status(incident.Resolved))}, NothingNew},
		"an older version than was told":                        {version(knowsHigh, 6), News{Case: caseOf(incident.Expiry, incident.TokenExpired, low)}, Outdated},
		"another verdict":                                       {heard(incident.Inconclusive, incident.UnexplainedFailures, low), News{Case: compromise(high)}, VerdictChanged},
		"an all-clear":                                          {knowsHigh, News{Case: planned(info)}, VerdictChanged},
		"more of the all-clear":                                 {heard(incident.PlannedChange, incident.RoleDeletedByOwner, info), News{Case: planned(info)}, OnRecord},
		"another cause":                                         {heard(incident.Compromise, exposed, high), News{Case: compromise(high)}, CauseChanged},
		"a severity that was raised":                            {knowsHigh, News{Case: compromise(critical)}, SeverityRaised},
		"a severity that fell":                                  {knowsHigh, News{Case: compromise(medium)}, NothingNew},
		"a planned change that broke nothing":                   {Told{}, News{Case: planned(info)}, OnRecord},
		"a planned change that broke a workload":                {Told{}, News{Case: planned(low)}, New},
		"a planned change that broke others":                    {Told{}, News{Case: planned(info), Broken: one}, New},
		"a workload that was not named before":                  {heard(incident.Compromise, revoked, high, "a"), News{Case: compromise(high, workloads("a", "b"))}, NewSubject},
		"a workload that was named before":                      {heard(incident.Compromise, revoked, high, "a", "b"), News{Case: compromise(high, workloads("b"))}, NothingNew},
		"a user's key that was not named before":                {knowsHigh, News{Case: compromise(high, keys("AKIAQEXAMPLE00000001"))}, NewSubject},
		"one more temporary key":                                {knowsHigh, News{Case: compromise(high, keys("ASIAQEXAMPLE00000001"))}, NothingNew},
		"a new workload right after a message":                  {recently(knowsHigh), News{Case: compromise(high, workloads("a"))}, Gathering},
		"one right after a message, when no version is to come": {recently(knowsHigh), News{Case: compromise(high, workloads("a"), status(incident.Settled))}, NewSubject},
		"a new verdict right after a message":                   {recently(heard(incident.Expiry, incident.TokenExpired, low)), News{Case: compromise(high)}, VerdictChanged},
		"a clock that went back does not silence":               {Told{Revision: 1, Verdict: incident.Compromise, Cause: revoked, Severity: high, At: noon().Add(time.Hour)}, News{Case: compromise(high, workloads("a"))}, NewSubject},
		"something else that it broke":                          {knowsHigh, News{Case: compromise(high), Broken: one}, ReachGrew},
		"something that it was told to have broken":             {Told{Revision: 2, Version: 3, Verdict: incident.Compromise, Cause: revoked, Severity: high, Broken: 1}, News{Case: compromise(high), Broken: one}, NothingNew},
		"something else that it broke right after a message":    {recently(knowsHigh), News{Case: compromise(high, status(incident.Settled)), Broken: one}, Gathering},
		"a suppressed finding":                                  {Told{}, News{Case: compromise(high), Suppressed: true}, Suppressed},
		"a suppressed finding that gets worse":                  {knowsHigh, News{Case: compromise(critical), Suppressed: true}, Suppressed},
		"an expiry that a known cut-off explains":               {Told{}, News{Case: expiry(), Inhibited: true}, Inhibited},
		"one that was told before the cut-off was known":        {heard(incident.Expiry, incident.RefreshBug, low), News{Case: expiry(), Inhibited: true}, Inhibited},
		"one that takes the place of an alarm":                  {knowsHigh, News{Case: expiry(), Inhibited: true}, VerdictChanged},
		"a finding in place of one that was told":               {Told{}, News{Case: compromise(high), TakesOver: true}, TakesOver},
		"an all-clear in place of one that was told":            {Told{}, News{Case: planned(info), TakesOver: true}, TakesOver},
		"a finding in place of one, told already":               {knowsHigh, News{Case: compromise(high), TakesOver: true}, NothingNew},
		"a told finding that another took over":                 {knowsHigh, News{Case: compromise(high, supersededBy("tv-2"))}, Superseded},
		"one where the other's message says so":                 {knowsHigh, News{Case: compromise(high, supersededBy("tv-2")), TakenOver: true}, TakenOver},
		"one that nobody heard of":                              {Told{}, News{Case: compromise(high, supersededBy("tv-2"))}, NeverTold},
		"a told finding of which nothing is left":               {knowsHigh, News{Case: compromise(high, supersededBy(detect.Withdrawn))}, Withdrawn},
		"the end, told already":                                 {closed(knowsHigh), News{Case: compromise(high, supersededBy(detect.Withdrawn))}, NothingNew},
		"a finding that is one again":                           {closed(knowsHigh), News{Case: compromise(high)}, New},
		"a planned change that is one again":                    {closed(knowsHigh), News{Case: planned(info)}, OnRecord},
	} {
		t.Run(name, func(t *testing.T) {
			test.news.Now = noon()
			if got := Tell(test.told, test.news); got != test.want {
				t.Errorf("Tell() = %s, want %s", got, test.want)
			}
			if test.want.Tells() {
				after := test.told.after(test.news, test.told.Revision+1)
				if again := Tell(after, test.news); again.Tells() {
					t.Errorf("Tell() after it was told = %s", again)
				}
			}
		})
	}
}

// reasons are all there are, and whether they tell.
var reasons = map[Reason]bool{
	New: true, VerdictChanged: true, CauseChanged: true, SeverityRaised: true, NewSubject: true, ReachGrew: true, TakesOver: true, Reminder: true, Superseded: true, Withdrawn: true,
	NothingNew: false, Outdated: false, Gathering: false, Suppressed: false, Inhibited: false, OnRecord: false, TakenOver: false, NotRouted: false, Held: false, NeverTold: false,
}

func TestEveryReasonSaysWhetherItTells(t *testing.T) {
	for r, want := range reasons {
		if r.Tells() != want {
			t.Errorf("%s.Tells() = %v", r, !want)
		}
	}
}

func TestEveryReasonIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	tells, _, ok := strings.Cut(string(page), "## What is not")
	for r := range reasons {
		row := "\n| `" + string(r) + "` | "
		if !strings.Contains(string(page), row) || strings.Contains(tells, row) != r.Tells() {
			t.Errorf("%s has no row, or one in the wrong table", r)
		}
	}
	if rows := strings.Count(string(page), "\n| `"); !ok || rows != len(reasons) {
		t.Errorf("%d rows for %d reasons", rows, len(reasons))
	}
}

func TestMembersAreRememberedWithinBounds(t *testing.T) {
	told := Told{}
	for i := range 2 * maxMembers {
		name := string(rune('a'+i%26)) + time.Duration(i).String()
		n := News{Case: caseOf(incident.Compromise, incident.TokenExposed, incident.High, workloads(name)), Now: noon()}
		told = told.after(n, i+1)
		if len(newMembers(told, n.Case.Finding)) > 0 {
			t.Fatalf("%s is new after it was told, with %d members known", name, len(told.Members))
		}
	}
	if len(told.Members) > maxMembers {
		t.Errorf("%d members are remembered", len(told.Members))
	}
}
