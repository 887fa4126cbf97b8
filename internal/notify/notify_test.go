package notify

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// story is a timeline: what happens to cases, and what must be heard of it.
type story struct {
	t *testing.T
	*desk
	at int // messages that were looked at
}

func newStory(t *testing.T, edits ...func(*incident.Settings)) *story {
	s := incident.DefaultSettings()
	for _, edit := range edits {
		edit(&s)
	}
	return &story{t: t, desk: newDesk(s)}
}

// happens commits a case and delivers it, minutes after noon.
func (s *story) happens(minutes int, c detect.Case) detect.Case {
	s.t.Helper()
	c = s.commit(c)
	s.delivers(minutes, c)
	return c
}

func (s *story) delivers(minutes int, c detect.Case) {
	s.t.Helper()
	if _, err := s.deliver(s.Notifier, c, noon().Add(time.Duration(minutes)*time.Minute)); err != nil {
		s.t.Fatalf("Handle() = %v", err)
	}
}

// hears checks what was heard since the last time.
func (s *story) hears(want ...string) {
	s.t.Helper()
	var got []string
	for _, m := range s.heard[s.at:] {
		got = append(got, m.String())
	}
	s.at = len(s.heard)
	if d := cmp.Diff(want, got); d != "" {
		s.t.Errorf("what was heard differs (-want +got):\n%s", d)
	}
}

func both(want string) []string { return []string{"findings " + want, "chat " + want} }

func compromised(s incident.Severity, edits ...func(*detect.Case)) detect.Case {
	return caseOf(incident.Compromise, incident.RevokedByStranger, s, edits...)
}

func named(id, role string) func(*detect.Case) {
	return func(c *detect.Case) { c.Finding.ID, c.Finding.Subject.Name = id, role }
}

func since(after time.Duration) func(*detect.Case) {
	return func(c *detect.Case) { c.Finding.FirstSeen, c.Finding.LastSeen = noon().Add(after), noon().Add(after) }
}

func TestAnIncidentFromBeginningToEnd(t *testing.T) {
	s := newStory(t)
	s.happens(0, caseOf(incident.Inconclusive, incident.UnexplainedFailures, incident.Low))
	s.hears(both("tv-1 r1 inconclusive")...)
	s.happens(1, caseOf(incident.Inconclusive, incident.UnexplainedFailures, incident.Low))
	s.hears()
	s.happens(2, compromised(incident.High))
	s.hears(both("tv-1 r2 compromise: The verdict changed from inconclusive to compromise.")...)
	s.happens(3, compromised(incident.Critical))
	s.hears(both("tv-1 r3 compromise: The severity was raised from high to critical.")...)
	s.happens(20, compromised(incident.Critical, status(incident.Settled)))
	s.hears()
	s.happens(40, caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational))
	s.hears(both("tv-1 r4 planned_change: The verdict changed from compromise to planned change.")...)
	s.happens(1500, caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational, status(incident.Resolved)))
	s.hears()
}

// Number 16 of the tests that other tools fail: two findings of one subject in
// one second are two incidents.
func TestTwoFindingsInOneSecondAreTwo(t *testing.T) {
	s := newStory(t)
	s.happens(0, compromised(incident.High, named("tv-1", "payments-role")))
	s.happens(0, compromised(incident.High, named("tv-2", "payments-role")))
	s.hears(slices.Concat(both("tv-1 r1 compromise"), both("tv-2 r1 compromise"))...)
}

// Number 17: a new member of a known incident is told, but a fleet that fails
// one by one makes no flood.
func TestNewMembersAreTold(t *testing.T) {
	s := newStory(t)
	s.happens(0, compromised(incident.High, workloads("a")))
	s.hears(both("tv-1 r1 compromise")...)
	s.happens(10, compromised(incident.High, workloads("a", "b")))
	s.hears(both("tv-1 r2 compromise: It now names b, too.")...)
	s.happens(11, compromised(incident.High, workloads("a", "b", "c")))
	s.happens(12, compromised(incident.High, workloads("a", "b", "c", "d")))
	s.hears()
	s.happens(27, compromised(incident.High, workloads("a", "b", "c", "d"), status(incident.Settled)))
	s.hears(both("tv-1 r3 compromise: It now names c, d, too.")...)
	s.happens(28, compromised(incident.High, workloads("d"), status(incident.Settled)))
	s.hears()
}

// Number 18: a new copy on the same book tells nothing again, even if everything
// is delivered once more.
func TestADeploymentTellsNothingAgain(t *testing.T) {
	s := newStory(t)
	first := s.happens(0, caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	second := s.happens(1, compromised(incident.High))
	s.hears(slices.Concat(both("tv-1 r1 expiry"), both("tv-1 r2 compromise: The verdict changed from expiry to compromise."))...)
	s.Notifier = s.copy(incident.DefaultSettings())
	for range 3 {
		s.delivers(2, first)
		s.delivers(2, second)
	}
	s.hears()
}

func TestWhatIsOutdatedIsNotTold(t *testing.T) {
	s := newStory(t)
	first := s.commit(compromised(incident.Critical))
	second := s.commit(caseOf(incident.PlannedChange, incident.RevokedByResponder, incident.Informational))
	s.delivers(0, first)
	s.hears() // by now it is known to be planned
	s.delivers(0, second)
	s.hears()
	third := s.commit(caseOf(incident.Expiry, incident.TokenExpired, incident.Low))
	fourth := s.commit(compromised(incident.High))
	s.delivers(1, fourth)
	s.hears(both("tv-1 r1 compromise")...)
	s.delivers(1, third)
	s.delivers(1, fourth)
	s.hears()
}

func TestPlannedChangesStayOnRecord(t *testing.T) {
	s := newStory(t)
	s.happens(0, caseOf(incident.PlannedChange, incident.KeyRotated, incident.Informational))
	s.hears()
	s.happens(5, caseOf(incident.PlannedChange, incident.KeyRotated, incident.Low, workloads("straggler")))
	s.hears(both("tv-1 r1 planned_change")...)
}

func TestSuppressionsKeepSilentUntilTheyEnd(t *testing.T) {
	s := newStory(t, func(s *incident.Settings) {
		s.Suppressions = []incident.Suppression{{Cause: incident.TokenExpired, Subject: "payments-*", Until: noon().Add(time.Hour), Reason: "known"}}
	})
	expiry := caseOf(incident.Expiry, incident.TokenExpired, incident.Low)
	s.happens(0, expiry)
	s.happens(10, expiry)
	s.hears()
	s.happens(15, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, named("tv-2", "other")))
	s.hears(both("tv-2 r1 expiry")...)
	s.happens(20, compromised(incident.High))
	s.hears(both("tv-1 r1 compromise")...)
	s.happens(70, expiry)
	s.hears(both("tv-1 r2 expiry: The verdict changed from compromise to expiry.")...)
}

func TestWhatAChangeWindowExpectsIsNotTold(t *testing.T) {
	expects := func(s *incident.Settings) {
		s.ChangeWindows = []incident.ChangeWindow{{Name: "move", Start: noon().Add(-time.Hour), End: noon().Add(time.Hour), Expects: []incident.Cause{incident.KeyRotated}}}
	}
	rotated := caseOf(incident.PlannedChange, incident.KeyRotated, incident.Low, workloads("straggler"))
	s := newStory(t, expects)
	s.happens(0, rotated)
	s.happens(5, caseOf(incident.PlannedChange, incident.KeyRotated, incident.Low, workloads("straggler"), since(70*time.Minute)))
	s.hears(both("tv-1 r1 planned_change")...) // it went on after the window
	s = newStory(t, expects)
	s.happens(0, rotated)
	s.hears()
	s.happens(10, caseOf(incident.PlannedChange, incident.KeyDisabledByOwner, incident.Low, named("tv-2", "other")))
	s.hears(both("tv-2 r1 planned_change")...)
	s.happens(20, compromised(incident.High))
	s.hears(both("tv-1 r1 compromise")...)
}

func TestAnExpiryStormIsToldAsTheReachOfItsCutOff(t *testing.T) {
	s := newStory(t)
	cut := disabled(incident.Compromise, incident.KeyDisabledByStranger)
	s.happens(0, cut)
	s.hears(both("tv-cut r1 compromise")...)
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour), workloads("payments-worker")))
	s.hears(both("tv-cut r2 compromise: This also broke role payments-role; that is told here and not by itself.")...)
	last := s.heard[len(s.heard)-1].finding
	if d := cmp.Diff([]string{session, "role payments-role"}, last.BlastRadius.Principals); d != "" {
		t.Errorf("principals of the cut-off's reach: %s", d)
	}
	// More of the storm is gathered, and nothing of it is told for itself.
	for i := range 5 {
		f := caseOf(incident.Inconclusive, incident.UnexplainedFailures, incident.Low, since(time.Hour), named(fmt.Sprintf("tv-w%d", i), ""))
		f.Finding.Subject = incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: fmt.Sprintf("w%d", i)}, Workloads: []string{"payments-worker"}}
		s.happens(62, f)
		f.Finding.Status = incident.Settled
		s.commit(f)
	}
	s.hears()
	settled := s.ledger["workload/111122223333/w3"][0]
	s.delivers(80, settled)
	s.hears(both("tv-cut r3 compromise: This also broke workload w0, workload w1, workload w2, workload w3, workload w4; that is told here and not by itself.")...)
	// One that is worse than expired is told.
	s.happens(81, caseOf(incident.Compromise, incident.TokenExposed, incident.High, since(time.Hour)))
	s.hears(both("tv-1 r1 compromise")...)
}

// The quiet twin: what no cut-off explains is told.
func TestWhatNoCutOffExplainsIsTold(t *testing.T) {
	s := newStory(t)
	s.happens(0, disabled(incident.Compromise, incident.KeyDisabledByStranger))
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(-time.Minute)))
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour), named("tv-2", "other")))
	s.hears(slices.Concat(both("tv-cut r1 compromise"), both("tv-1 r1 expiry"), both("tv-2 r1 expiry"))...)
}

func TestAPlannedCutOffThatBreaksSomethingIsTold(t *testing.T) {
	s := newStory(t)
	cut := disabled(incident.PlannedChange, incident.KeyDisabledByOwner)
	cut.Finding.Severity = incident.Informational
	s.happens(0, cut)
	s.hears()
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour)))
	s.hears(both("tv-cut r1 planned_change: This also broke role payments-role; that is told here and not by itself.")...)
	if got := s.heard[0].finding.Severity; got != incident.Low {
		t.Errorf("severity = %s, want low", got)
	}
}

func TestASuppressedCutOffHidesNothing(t *testing.T) {
	s := newStory(t, func(s *incident.Settings) {
		s.Suppressions = []incident.Suppression{{Subject: "deploy", Until: noon().Add(24 * time.Hour), Reason: "known"}}
	})
	s.happens(0, disabled(incident.PlannedChange, incident.KeyDisabledByOwner))
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour)))
	s.hears(both("tv-1 r1 expiry")...)
}

func TestAnOldVersionTakesNoCutOffBack(t *testing.T) {
	s := newStory(t)
	old := s.happens(0, disabled(incident.Compromise, incident.TokenExposed))
	s.happens(10, disabled(incident.Compromise, incident.KeyDisabledByStranger))
	s.delivers(11, old)
	s.at = len(s.heard)
	s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour)))
	s.hears(both("tv-cut r3 compromise: This also broke role payments-role; that is told here and not by itself.")...)
}

func TestWhatACutOffHidComesOutWhenItIsNone(t *testing.T) {
	for name, end := range map[string]func(*detect.Case){
		"withdrawn":                supersededBy(detect.Withdrawn),
		"something else after all": func(c *detect.Case) { c.Finding.Cause = incident.TokenExposed },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			cut := s.happens(0, disabled(incident.Compromise, incident.KeyDisabledByStranger))
			s.happens(61, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour)))
			s.at = len(s.heard)
			end(&cut)
			s.happens(70, cut)
			if cuts, err := s.memory.Cuts(t.Context(), noon()); err != nil || len(cuts) > 0 {
				t.Errorf("cut-offs that are kept: %v, %v", cuts, err)
			}
			var heard []string
			for _, m := range s.heard[s.at:] {
				heard = append(heard, m.channel+" "+m.id)
			}
			if want := []string{"findings tv-1", "chat tv-1", "findings tv-cut", "chat tv-cut"}; !slices.Equal(heard, want) {
				t.Errorf("heard of %v, want %v", heard, want)
			}
			s.at = len(s.heard)
			s.happens(71, caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour)))
			s.hears()
		})
	}
}

// moved is the pair of cases when the owner of a key becomes known.
func moved(s *story) (key, role detect.Case) {
	key = caseOf(incident.Inconclusive, incident.UnexplainedFailures, incident.Low)
	key.Finding.ID = "tv-key"
	key.Finding.Subject.Principal = incident.Principal{Type: incident.AccessKey, Account: "111122223333", Name: "ASIAQEXAMPLE00000001"}
	role = compromised(incident.High, named("tv-role", "payments-role"))
	role.Finding.Summary = "Role payments-role lost its sessions."
	return key, role
}

func TestAChangedSubjectIsToldAsAnUpdate(t *testing.T) {
	const (
		ended = "tv-key r2 inconclusive"
		goes  = "tv-role r1 compromise: What was told as access key ASIAQEXAMPLE00000001 is about role payments-role."
	)
	for name, order := range map[string][]string{"the old finding first": {"key", "role"}, "the new one first": {"role", "key"}} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			key, role := moved(s)
			s.happens(0, key)
			s.hears(both("tv-key r1 inconclusive")...)
			key.SupersededBy, key.SupersededBySubject, role.Supersedes = "tv-role", role.Subject(), []string{"tv-key"}
			versions := map[string]detect.Case{"key": s.commit(key), "role": s.commit(role)}
			for _, which := range order {
				s.delivers(3, versions[which])
			}
			want := []string{"findings " + ended, "findings " + goes, "chat " + goes}
			var got []string
			for _, m := range s.heard[s.at:] {
				got = append(got, m.String())
				if m.channel == "chat" && m.note.Thread != "tv-key" {
					t.Errorf("the message stands in thread %q", m.note.Thread)
				}
				if m.id == "tv-key" && (m.finding.Status != incident.Resolved || !strings.Contains(m.finding.Summary, "tv-role stands in place of this one: Role payments-role lost its sessions.")) {
					t.Errorf("the end is told as %q, %q", m.finding.Status, m.finding.Summary)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("what was heard differs (-want +got):\n%s", d)
			}
			s.at = len(s.heard)
			s.delivers(4, versions["key"])
			s.delivers(4, versions["role"])
			s.hears()
		})
	}
}

// The twin: where nobody heard of the old one, the new one is new, and where the
// new one is not told, the end of the old one is.
func TestAChangedSubjectThatNobodyHeardOf(t *testing.T) {
	s := newStory(t)
	key, role := moved(s)
	s.commit(key)
	key.SupersededBy, key.SupersededBySubject, role.Supersedes = "tv-role", role.Subject(), []string{"tv-key"}
	s.happens(0, key)
	s.happens(0, role)
	s.hears(both("tv-role r1 compromise")...)

	s = newStory(t, func(s *incident.Settings) {
		s.Suppressions = []incident.Suppression{{Verdict: incident.Compromise, Subject: "payments-role", Until: noon().Add(24 * time.Hour), Reason: "known"}}
	})
	key, role = moved(s)
	s.happens(0, key)
	s.hears(both("tv-key r1 inconclusive")...)
	key.SupersededBy, key.SupersededBySubject, role.Supersedes = "tv-role", role.Subject(), []string{"tv-key"}
	s.happens(1, role)
	s.happens(1, key)
	s.hears(both("tv-key r2 inconclusive")...)
}

func TestAWithdrawnFindingIsToldOnce(t *testing.T) {
	s := newStory(t)
	s.happens(0, compromised(incident.High))
	s.hears(both("tv-1 r1 compromise")...)
	s.happens(1, compromised(incident.High, supersededBy(detect.Withdrawn)))
	s.hears(both("tv-1 r2 compromise")...)
	if f := s.heard[3].finding; f.Status != incident.Resolved || f.Summary != "With what came later, the evidence makes no finding any more." || len(f.NextSteps) > 0 {
		t.Errorf("told as %q, %q, %q", f.Status, f.Summary, f.NextSteps)
	}
	s.happens(2, compromised(incident.High))
	s.hears(both("tv-1 r3 compromise")...)
}

func TestOneChannelsFailureIsItsOwn(t *testing.T) {
	s := newStory(t)
	calls := 0
	s.fault = func(call string) fault {
		if call == "publish" {
			if calls++; calls == 1 {
				return refused
			}
		}
		return none
	}
	c := s.commit(compromised(incident.High))
	list, err := s.deliver(s.Notifier, c, noon())
	if err == nil || !strings.Contains(err.Error(), "publish revision 1 on findings") {
		t.Fatalf("Handle() = %v", err)
	}
	s.hears("chat tv-1 r1 compromise")
	if len(list) != 1 || list[0].Channel != "chat" || list[0].Revision != 1 || list[0].Reason != New {
		t.Errorf("outcomes: %+v", list)
	}
	s.delivers(0, c)
	s.hears("findings tv-1 r1 compromise")
}

// TestANumberIsNeverUsedTwice lets a publication go unmarked, and something else
// come next: a receiver that drops what it saw must not drop that.
func TestANumberIsNeverUsedTwice(t *testing.T) {
	s := newStory(t)
	published := false
	s.fault = func(call string) fault {
		switch {
		case call == "publish":
			published = true
		case published && call == "keep":
			return dies
		}
		return none
	}
	if _, err := s.deliver(s.Notifier, s.commit(caseOf(incident.Expiry, incident.TokenExpired, incident.Low)), noon()); err == nil {
		t.Fatal("the program did not end")
	}
	s.hears("findings tv-1 r1 expiry")
	s.fault = nil
	s.happens(1, compromised(incident.High))
	s.hears(both("tv-1 r2 compromise")...)
}

func TestTwoCopiesTellOnce(t *testing.T) {
	for range 50 {
		s := newStory(t)
		other := s.copy(incident.DefaultSettings())
		c := s.commit(compromised(incident.High))
		var group sync.WaitGroup
		for _, n := range []*Notifier{s.Notifier, other, s.Notifier} {
			group.Go(func() {
				if _, err := s.deliver(n, c, noon()); err != nil {
					t.Errorf("Handle() = %v", err)
				}
			})
		}
		group.Wait()
		s.hears(both("tv-1 r1 compromise")...)
	}
}

func TestOfTwoCopiesOneDoesNotWaitForEver(t *testing.T) {
	s := newStory(t)
	until := noon().Add(time.Hour)
	if err := s.memory.Keep(t.Context(), Page{CaseID: "tv-1", Claim: Claim{Token: "another", Until: until}}); err != nil {
		t.Fatal(err)
	}
	c := s.commit(compromised(incident.High))
	s.delivers(0, c) // a claim of an hour is a clock that jumped
	s.hears(both("tv-1 r1 compromise")...)

	s = newStory(t)
	if err := s.memory.Keep(t.Context(), Page{CaseID: "tv-1", Claim: Claim{Token: "another", Until: noon().Add(10 * time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	c = s.commit(compromised(incident.High))
	if _, err := s.deliver(s.Notifier, c, noon()); err == nil {
		t.Error("a case that another copy holds was told")
	}
	s.hears()
	s.delivers(11, c)
	s.hears(both("tv-1 r1 compromise")...)
}

// A storm of very many is told in few messages, each of which is bounded, and
// what the cut-off's page has no room for is told for itself rather than lost.
func TestAStormOfHundredsIsToldInFewMessages(t *testing.T) {
	s := newStory(t)
	cut := disabled(incident.Compromise, incident.KeyDisabledByStranger)
	for i := range maxBroken {
		cut.Finding.BlastRadius.Principals = append(cut.Finding.BlastRadius.Principals, fmt.Sprintf("arn:aws:sts::111122223333:assumed-role/payments-role/w%03d", i))
	}
	s.happens(0, cut)
	hit := func(i int) detect.Case {
		f := caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour), named(fmt.Sprintf("tv-w%03d", i), ""))
		f.Finding.Subject = incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: fmt.Sprintf("w%03d", i)}}
		return f
	}
	const storm = 420
	for i := range storm {
		s.happens(61+i/30, hit(i)) // 30 a minute
	}
	last := s.heard[len(s.heard)-1]
	for _, m := range s.heard {
		if m.id != "tv-cut" {
			t.Fatalf("%s is told for itself", m.id)
		}
		if len(m.note.News) > 1000 {
			t.Errorf("the news has %d bytes: %s", len(m.note.News), m.note.News)
		}
	}
	if n := len(s.heard); n > 2*6 {
		t.Errorf("%d messages on two channels about a storm of 14 minutes, want one in five minutes", n)
	}
	s.delivers(90, s.ledger["workload/111122223333/w000"][0])
	if last = s.heard[len(s.heard)-1]; !slices.Contains(last.finding.BlastRadius.Principals, fmt.Sprintf("workload w%03d", storm-1)) {
		t.Errorf("the last message names %d in its reach, not all of the storm", len(last.finding.BlastRadius.Principals))
	}
	s.at = len(s.heard)
	full := Page{}
	for i := range maxBroken {
		full.breaks(Broken{CaseID: fmt.Sprint(i), Subject: "s", Name: "n"})
	}
	if added, in := full.breaks(Broken{CaseID: "one more"}); added || in {
		t.Error("a full page takes in one more")
	}
	if added, in := full.breaks(Broken{CaseID: "7"}); added || !in {
		t.Error("a full page does not know what it holds")
	}
	wide := Page{}
	for i := range maxBroken {
		wide.breaks(Broken{CaseID: fmt.Sprint(i), Subject: strings.Repeat("s", 2000), Name: "n"})
	}
	if n := len(wide.Broken); n == 0 || n*2000 > maxBrokenBytes {
		t.Errorf("a page lists %d findings of 2000 bytes each", n)
	}
}
