package notify

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// episode is a history with every way of telling in it: versions of cases in the
// order of the stream.
func episode(d *desk) []detect.Case {
	expired := caseOf(incident.Expiry, incident.TokenExpired, incident.Low, since(time.Hour))
	worse := caseOf(incident.Compromise, incident.TokenExposed, incident.High, since(time.Hour), workloads("a"))
	cut := disabled(incident.Compromise, incident.KeyDisabledByStranger)
	key, role := moved(&story{desk: d})
	gone := key
	gone.SupersededBy, gone.SupersededBySubject, role.Supersedes = "tv-role", role.Subject(), []string{"tv-key"}
	none := cut
	none.SupersededBy = detect.Withdrawn
	return []detect.Case{cut, key, expired, gone, role, expired, worse, worse, none}
}

// play commits and delivers an episode, each version again until it is taken.
func play(t *testing.T, d *desk) {
	t.Helper()
	now := noon()
	for _, c := range episode(d) {
		c = d.commit(c)
		for try := 0; ; try++ {
			now = now.Add(10 * time.Minute)
			if _, err := d.deliver(d.Notifier, c, now); err == nil {
				break
			}
			if try == 3 {
				t.Fatalf("version %d of %s is not taken", c.Version, c.Finding.ID)
			}
		}
	}
}

// once are the messages without those that came again. What comes again must be
// the same to the byte.
func once(t *testing.T, heard []message) (list []string, again int) {
	t.Helper()
	seen := map[string]string{}
	for _, m := range heard {
		key := fmt.Sprintf("%s %s r%d", m.channel, m.id, m.revision)
		body, was := seen[key]
		switch {
		case !was:
			seen[key] = m.body
			list = append(list, key+" "+string(m.verdict))
		case body != m.body:
			t.Errorf("%s came again as something else:\n%s\n%s", key, body, m.body)
		default:
			again++
		}
	}
	slices.Sort(list)
	return list, again
}

// TestFaults makes every call of an episode fail in turn, in every way.
// Afterwards everything was heard, and nothing twice but what was published and
// could not be marked.
func TestFaults(t *testing.T) {
	d := newDesk(incident.DefaultSettings())
	var calls []string
	d.fault = func(call string) fault { calls = append(calls, call); return none }
	play(t, d)
	want, again := once(t, d.heard)
	if again > 0 || len(want) < 12 {
		t.Fatalf("undisturbed, %d came again, and these were heard: %q", again, want)
	}
	names := map[fault]string{refused: "refused", unconfirmed: "unconfirmed", dies: "dies before", diesAfter: "dies after"}
	for f, name := range names {
		tried, twice := 0, 0
		for at, call := range calls {
			d := newDesk(incident.DefaultSettings())
			n := -1
			d.fault = func(string) fault {
				if n++; n == at {
					return f
				}
				return none
			}
			play(t, d)
			got, again := once(t, d.heard)
			if !slices.Equal(got, want) {
				t.Errorf("%s at call %d, %s: heard\n%q\nwant\n%q", name, at, call, got, want)
			}
			if again > gap(f, calls, at) {
				t.Errorf("%s at call %d, %s: %d messages came again", name, at, call, again)
			}
			tried, twice = tried+1, twice+again
		}
		t.Logf("%-12s %3d calls: all was heard, %d messages came again", name, tried, twice)
	}
}

// gap is how many messages may come again: one, where it was published and the
// program could not know or not mark that it was.
func gap(f fault, calls []string, at int) int {
	switch {
	case calls[at] == "publish" && (f == unconfirmed || f == diesAfter):
		return 1
	case calls[at] == "keep" && calls[at-1] == "publish" && (f == refused || f == dies):
		return 1
	}
	return 0
}

// TestAnyDelivery delivers versions in any order, any number of times, with
// calls that fail and programs that end. In the end every channel knows what
// stands, and no revision was heard twice outside of the gap.
func TestAnyDelivery(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := newDesk(incident.DefaultSettings())
		var stream []detect.Case
		for range rapid.IntRange(1, 14).Draw(r, "versions") {
			stream = append(stream, d.commit(anyCase(r)))
		}
		allowed, lastWasPublish := 0, false
		d.fault = func(call string) fault {
			f := fault(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}).Draw(r, "fault"))
			if call == "publish" && (f == unconfirmed || f == diesAfter) || lastWasPublish && call == "keep" && (f == refused || f == dies) {
				allowed++
			}
			lastWasPublish = call == "publish" && (f == none || f == unconfirmed)
			return f
		}
		now := noon()
		deliver := func(c detect.Case) error {
			now = now.Add(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
			lastWasPublish = false
			_, err := d.deliver(d.Notifier, c, now)
			return err
		}
		for range rapid.IntRange(0, 30).Draw(r, "deliveries") {
			_ = deliver(rapid.SampledFrom(stream).Draw(r, "version")) // delivered again below
		}
		// In the end each version is delivered until it is taken, and all settle.
		d.fault = nil
		for _, c := range rapid.Permutation(stream).Draw(r, "order") {
			if err := deliver(c); err != nil {
				r.Fatalf("Handle() without faults = %v", err)
			}
		}
		now = now.Add(time.Hour)
		for _, c := range latest(d) {
			c.Finding.Status = incident.Settled
			if err := deliver(d.commit(c)); err != nil {
				r.Fatalf("Handle() without faults = %v", err)
			}
			now = now.Add(time.Hour)
		}
		check(r, d, now, allowed)
	})
}

// latest are the cases as they stand.
func latest(d *desk) []detect.Case {
	var list []detect.Case
	for _, cases := range d.ledger {
		list = append(list, cases...)
	}
	slices.SortFunc(list, func(a, b detect.Case) int { return len(a.Finding.ID) - len(b.Finding.ID) })
	return list
}

func anyCase(r *rapid.T) detect.Case {
	if rapid.IntRange(0, 3).Draw(r, "cut") == 0 {
		c := disabled(incident.Compromise, rapid.SampledFrom([]incident.Cause{incident.KeyDisabledByStranger, incident.TokenExposed}).Draw(r, "cause"))
		if rapid.Bool().Draw(r, "planned") {
			c.Finding.Verdict, c.Finding.Cause, c.Finding.Severity = incident.PlannedChange, incident.KeyDisabledByOwner, incident.Informational
		}
		c.SupersededBy = rapid.SampledFrom([]string{"", "", "", detect.Withdrawn}).Draw(r, "ended")
		return c
	}
	kinds := []detect.Case{
		caseOf(incident.Compromise, incident.TokenExposed, incident.High), caseOf(incident.Compromise, incident.RevokedByStranger, incident.Critical),
		caseOf(incident.Expiry, incident.TokenExpired, incident.Low), caseOf(incident.Inconclusive, incident.UnexplainedFailures, incident.Low),
		caseOf(incident.PlannedChange, incident.KeyRotated, incident.Informational),
	}
	c := rapid.SampledFrom(kinds).Draw(r, "finding")
	named(rapid.SampledFrom([]string{"tv-1", "tv-22"}).Draw(r, "id"), "payments-role")(&c)
	since(time.Duration(rapid.IntRange(-10, 100).Draw(r, "minute")) * time.Minute)(&c)
	c.Finding.Subject.Workloads = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "payments-worker"}), func(s string) string { return s }).Draw(r, "workloads")
	c.SupersededBy = rapid.SampledFrom([]string{"", "", "", "", detect.Withdrawn}).Draw(r, "ended")
	return c
}

func check(r *rapid.T, d *desk, now time.Time, allowed int) {
	seen, again := map[string]string{}, 0
	last := map[string]message{}
	for _, m := range d.heard {
		key := fmt.Sprintf("%s %s r%d", m.channel, m.id, m.revision)
		if body, was := seen[key]; was {
			again++
			if body != m.body {
				r.Fatalf("%s came again as something else", key)
			}
			continue
		}
		seen[key] = m.body
		stream := m.channel + " " + m.id
		if m.revision <= last[stream].revision {
			r.Fatalf("%s came after revision %d", key, last[stream].revision)
		}
		last[stream] = m
	}
	if again > allowed {
		r.Fatalf("%d messages came again, %d could not be marked", again, allowed)
	}
	for _, c := range latest(d) {
		for _, channel := range []string{"findings", "chat"} {
			m, page := last[channel+" "+c.Finding.ID], pageOf(r, d, c.Finding.ID)
			want := Tell(page.Told[channel], News{Case: c, Broken: page.Broken, Now: now, Inhibited: isInhibited(d, c)})
			if want.Tells() || want == Gathering || want == Outdated {
				r.Fatalf("%s was not told about %s, the reason would be %s", channel, c.Finding.ID, want)
			}
			// What was heard and could not be marked may be followed by silence.
			if marked := page.Told[channel].Revision; m.revision < marked || m.revision > marked && allowed == 0 {
				r.Fatalf("%s heard revision %d last, and %d is marked", channel, m.revision, page.Told[channel].Revision)
			}
			if want == NothingNew && m.finding.Verdict != c.Finding.Verdict {
				r.Fatalf("%s heard last that %s is %s, and it is %s", channel, c.Finding.ID, m.finding.Verdict, c.Finding.Verdict)
			}
		}
		if page := pageOf(r, d, c.Finding.ID); page.Claim.Token != "" && page.Claim.Until.After(now) {
			r.Fatalf("a claim is left on %s", c.Finding.ID)
		}
	}
}

func pageOf(r *rapid.T, d *desk, id string) Page {
	p, err := d.memory.Page(r.Context(), id)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// isInhibited reports whether the cut-off that stands now tells of a case.
func isInhibited(d *desk, c detect.Case) bool {
	for _, by := range latest(d) {
		cut := cutOf(by, thresholds())
		cut.Until = cut.Until.Add(slack)
		p, err := d.memory.Page(context.Background(), by.Finding.ID)
		if err != nil {
			return false
		}
		told := slices.ContainsFunc(p.Broken, func(b Broken) bool { return b.CaseID == c.Finding.ID })
		if told && mayBeInhibited(c.Finding) && c.SupersededBy == "" && len(explaining([]Cut{cut}, c.Finding)) > 0 {
			return true
		}
	}
	return false
}
