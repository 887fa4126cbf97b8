package settle_test

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
)

var errBroken = errors.New("broken")

// keys are n keys that were invented.
func keys(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("ASIAEXAMPLEFLEET%04d", i))
	}
	return out
}

func TestOneThatCannotBeDecidedAboutDoesNotKeepOthersWaiting(t *testing.T) {
	story(t, func(a *account) {
		a.settler.History = nil
		for _, key := range keys(5) {
			a.arrives(failures(key, 12)...)
		}
		stuck := keys(5)[0]
		a.live.fails = func(what string) error {
			if what == stuck {
				return errBroken
			}
			return nil
		}
		for range 10 {
			time.Sleep(5 * time.Minute)
			if _, err := a.run(); time.Since(noon()) > 20*time.Minute && !errors.Is(err, errBroken) {
				a.Errorf("Run() = %v, want %v", err, errBroken)
			}
		}
		for _, key := range keys(5) {
			want := incident.Settled
			if key == stuck {
				want = incident.Open
			}
			a.wants(incident.AccessKey, key, incident.UnexplainedFailures, want)
		}
		a.live.fails = nil
		a.passes(10 * time.Minute)
		a.wants(incident.AccessKey, stuck, incident.UnexplainedFailures, incident.Settled)
	})
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// recorder is a detector that notes what it is asked to recheck.
type recorder struct {
	keeper
	rechecked map[string]int // by key
	fails     func(key string) error
	takes     time.Duration
}

func (r *recorder) Recheck(ctx context.Context, signals []incident.Signal, _ time.Time) error {
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, s := range signals {
		if r.fails != nil {
			if err := r.fails(s.Key); err != nil {
				return err
			}
		}
		r.rechecked[s.Key]++
	}
	return nil
}

// due has the failures of keys looked at again at noon, all of one commit.
func (a *account) due(names []string) *recorder {
	a.Helper()
	r := &recorder{keeper: keeper{a.mem}, rechecked: map[string]int{}}
	a.settler.Decider, a.settler.History = r, nil
	var signals []incident.Signal
	for n, key := range names {
		signals = append(signals, incident.Signal{ID: strconv.Itoa(n), Account: ours, Time: noon(), Kind: incident.CredentialFailed, Key: key, ErrorCode: "InvalidClientTokenId"})
	}
	if err := a.mem.Commit(context.Background(), store.Commit{Signals: signals, Recheck: noon()}); err != nil {
		a.Fatal(err)
	}
	return r
}

func TestWhatFailsAgainAndAgainIsPassedOverAtLast(t *testing.T) {
	story(t, func(a *account) {
		names := keys(3)
		r := a.due(names)
		r.fails = func(key string) error {
			if key == names[1] {
				return errBroken
			}
			return nil
		}
		gaveUp := 0
		for range 15 {
			report, err := a.run()
			gaveUp += report.GaveUp
			if gaveUp == 0 != (err != nil) {
				a.Fatalf("given up %d, error %v", gaveUp, err)
			}
		}
		if gaveUp != 1 || r.rechecked[names[0]] != 12 || r.rechecked[names[1]] != 0 {
			a.Errorf("gave up %d times, rechecked %v", gaveUp, r.rechecked)
		}
	})
}

func TestAStoreThatIsDownLosesNothing(t *testing.T) {
	story(t, func(a *account) {
		names := keys(3)
		r := a.due(names)
		r.fails = func(string) error { return errBroken }
		for range 50 {
			if report, err := a.run(); !errors.Is(err, errBroken) || report.GaveUp != 0 {
				a.Fatalf("Run() = %+v, %v", report, err)
			}
			time.Sleep(5 * time.Minute)
		}
		r.fails = nil
		if _, err := a.run(); err != nil || len(r.rechecked) != 3 {
			a.Errorf("Run() = %v, rechecked %v; want all", err, r.rechecked)
		}
	})
}

func TestARunWithTooLittleTimeIsContinued(t *testing.T) {
	story(t, func(a *account) {
		names := keys(350)
		r := a.due(names)
		r.takes = time.Second
		behind := 0
		for range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			report, err := a.settler.Run(ctx, time.Now())
			cancel()
			if err != nil {
				a.Fatalf("Run() = %+v, %v", report, err)
			}
			if !report.Behind {
				break
			}
			behind++
		}
		if len(r.rechecked) != len(names) || behind < 2 {
			a.Errorf("%d of %d keys rechecked, %d runs behind", len(r.rechecked), len(names), behind)
		}
		if _, err := a.run(); err != nil || r.rechecked[names[349]] != 1 {
			a.Errorf("Run() = %v, last key rechecked %d times", err, r.rechecked[names[349]])
		}
	})
}

// A flood about one key is looked at once.
func TestSignalsThatNameTheSameAreLookedAtOnce(t *testing.T) {
	story(t, func(a *account) {
		r := a.due(slices.Repeat([]string{"ASIAEXAMPLEFLEET0001"}, 500))
		if _, err := a.run(); err != nil || r.rechecked["ASIAEXAMPLEFLEET0001"] != 1 {
			a.Errorf("Run() = %v, rechecked %v", err, r.rechecked)
		}
	})
}

func TestNotes(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(a *account)
		fails   bool
	}{
		"none":              {func(*account) {}, false},
		"no notes":          {func(a *account) { a.book.text = "]" }, false},
		"of another kind":   {func(a *account) { a.book.text = `{"evidence":7}` }, false},
		"from the future":   {func(a *account) { a.book.text = `{"evidence":{"since":"2030-01-01T00:00:00Z"}}` }, false},
		"a negative place":  {func(a *account) { a.book.text = `{"evidence":{"since":"2026-03-04T11:00:00Z","skip":-1}}` }, false},
		"that can't be had": {func(a *account) { a.book.fails = errBroken }, true},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				r := a.due(keys(2))
				test.prepare(a)
				if _, err := a.run(); (err != nil) != test.fails {
					a.Errorf("Run() = %v", err)
				}
				if done := len(r.rechecked) == 2; done == test.fails {
					a.Errorf("rechecked %v", r.rechecked)
				}
			})
		})
	}
}

func TestAPageThatIsNoneIsGivenUp(t *testing.T) {
	story(t, func(a *account) {
		r := a.due(keys(2))
		a.book.text = `{"evidence":{"since":"2026-03-04T11:00:00Z","until":"2026-03-04T12:00:00Z","after":"no token"}}`
		failed := 0
		for range 20 {
			if _, err := a.run(); err != nil {
				failed++
			}
		}
		if failed == 0 || failed > 12 || len(r.rechecked) != 2 {
			a.Errorf("%d runs failed, rechecked %v", failed, r.rechecked)
		}
	})
}

// Whatever the notes say, a run comes to its end, and leaves notes that the next
// one can use.
func FuzzNotes(f *testing.F) {
	for _, seed := range []string{
		"", "]", `{}`, `{"evidence":{"since":"2026-03-04T11:00:00Z","until":"2026-03-04T11:30:00Z","after":"1","skip":7,"tries":3}}`,
		`{"swept":{"iam.amazonaws.com":null,"cloudtrail.amazonaws.com":{"from":"2026-03-04T11:00:00Z","apart":"2026-03-05T10:00:00Z","names":{"StopLogging":"2026-03-04T11:30:00Z"}}}}`,
		`{"asked":[{"key":"ASIAEXAMPLEWORKER001","account":"111122223333","region":"eu-west-1","incident":"x","due":"2026-03-04T12:00:00Z","noted":"2026-03-04T11:50:00Z"},{}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		story(t, func(a *account) {
			a.due(keys(2))
			a.settler.History = nowhere{}
			a.book.text = text
			for range 14 { // as many as a page that is none takes
				_, _ = a.run()
			}
			if _, err := a.run(); err != nil {
				a.Errorf("Run() = %v", err)
			}
		})
	})
}

// nowhere is an event history in which nothing happened.
type nowhere struct{}

func (nowhere) Ask(context.Context, settle.Question) (settle.Answer, error) {
	return settle.Answer{Complete: true, Requests: 1}, nil
}

func TestNotesOfAnotherCopyStand(t *testing.T) {
	story(t, func(a *account) {
		r := a.due(keys(1))
		r.fails = func(string) error {
			a.book.text, a.book.version = `{}`, a.book.version+1
			return nil
		}
		if _, err := a.run(); !errors.Is(err, store.ErrConflict) || a.book.text != `{}` {
			a.Errorf("Run() = %v, notes %s; want a conflict", err, a.book.text)
		}
	})
}

// A clock that was ahead for one run makes no evidence pass unseen.
func TestAClockThatWasWrong(t *testing.T) {
	story(t, func(a *account) {
		if _, err := a.settler.Run(context.Background(), time.Now().Add(1000*time.Hour)); err != nil {
			a.Fatal(err)
		}
		a.arrives(failures(worker, 12)...)
		a.happens(deletion("lost", "orders-worker", "stranger"))
		a.passes(time.Hour)
		a.wants(incident.AccessKey, worker, incident.UnexplainedFailures, incident.Settled)
		if a.total.Recovered != 1 || a.total.Evidence == 0 {
			a.Errorf("report %+v; want the lost change and the evidence", a.total)
		}
	})
}

func TestCasesThatFailAreTriedAgain(t *testing.T) {
	story(t, func(a *account) {
		a.settler.Agenda = noAgenda{a.mem}
		if _, err := a.run(); !errors.Is(err, errBroken) {
			a.Errorf("Run() = %v, want that both lists could not be read", err)
		}
	})
}

// noAgenda cannot be read.
type noAgenda struct{ *store.Memory }

func (noAgenda) DueCases(context.Context, time.Time, string) ([]store.Case, string, error) {
	return nil, "", errBroken
}

func (noAgenda) DueEvidence(context.Context, time.Time, time.Time, string) ([]incident.Signal, string, error) {
	return nil, "", errBroken
}

// keyOf is an invented temporary key that carries an account's number.
func keyOf(account uint64) string {
	var raw [10]byte
	binary.BigEndian.PutUint64(raw[:8], (1<<47|account<<7)<<16)
	return "ASIA" + base32.StdEncoding.EncodeToString(raw[:])
}

// asked are the values that the event history was asked for by name of a
// resource, in order.
func (a *account) asked() (values, regions []string) {
	for _, r := range a.history.Requests() {
		if r.Attribute == "ResourceName" {
			values, regions = append(values, r.Value), append(regions, r.Region)
		}
	}
	return values, regions
}

func TestKeysThatCanBeLookedUp(t *testing.T) {
	own, _ := strconv.ParseUint(ours, 10, 64)
	if account, ok := lineage.AccountOfKey(keyOf(own)); !ok || account != ours {
		t.Fatalf("the invented key is of account %q", account)
	}
	for name, test := range map[string]struct {
		key, region string
		known       bool
		want        []string // Regions, in the order of the questions
	}{
		"where the client is, then at home":    {worker, "eu-west-1", false, []string{"eu-west-1", "us-east-1"}},
		"at home":                              {worker, "us-east-1", false, []string{"us-east-1"}},
		"of the own account":                   {keyOf(own), "us-east-1", false, []string{"us-east-1"}},
		"of another account":                   {keyOf(444455556666), "us-east-1", false, nil},
		"a user's key, at home alone":          {"AKIAEXAMPLEWORKER001", "eu-west-1", false, []string{"us-east-1"}},
		"one whose issuance is known":          {worker, "us-east-1", true, nil},
		"from a Region of another partition":   {worker, "cn-north-1", false, []string{"us-east-1"}},
		"from a Region that somebody invented": {worker, "evil.example/us-east-1", false, []string{"us-east-1"}},
		"from no Region":                       {worker, "", false, []string{"us-east-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				if test.known {
					a.arrives(session{role: "api", user: "broker", key: test.key, at: time.Now().Add(-2 * time.Hour), life: time.Hour}.record())
				}
				for _, f := range failures(test.key, 12) {
					a.arrives(strings.ReplaceAll(f, "eu-west-1", test.region))
				}
				a.passes(20 * time.Minute)
				if _, regions := a.asked(); !slices.Equal(regions, test.want) {
					a.Errorf("asked in %q, want %q", regions, test.want)
				}
			})
		})
	}
}

func TestAnIncidentHasAFewKeysLookedUp(t *testing.T) {
	story(t, func(a *account) {
		for range 4 { // it goes on for hours
			var all []string
			for _, key := range keys(20) {
				for _, f := range failures(key, 3) {
					all = append(all, strings.Replace(f, `"count":1`, `"workload":"fleet","count":1`, 1))
				}
			}
			a.arrives(all...)
			a.passes(time.Hour)
		}
		values, _ := a.asked()
		times := map[string]int{}
		for _, v := range values {
			times[v]++
		}
		if len(times) != settle.DefaultLimits().Keys {
			a.Errorf("%d keys were looked up: %v", len(times), times)
		}
		for key, n := range times {
			if n > 4 { // twice, in two Regions
				a.Errorf("key %s was looked up %d times", key, n)
			}
		}
		var first, last time.Time
		for _, r := range a.history.Requests() {
			if r.Attribute == "ResourceName" && r.Value == values[0] {
				if first.IsZero() {
					first = r.Time
				}
				last = r.Time
			}
		}
		if again := last.Sub(first); again < 20*time.Minute || again > time.Hour {
			a.Errorf("looked up again after %s", again)
		}
	})
}

func TestAHistoryThatFailsIsAskedAgainLater(t *testing.T) {
	story(t, func(a *account) {
		a.passes(30 * time.Minute)
		a.happens(deletion("lost", "orders-worker", "stranger"))
		a.history.Fail("AccessDeniedException")
		time.Sleep(10 * time.Minute)
		before := len(a.history.Requests())
		r, err := a.run()
		if err != nil || r.Unanswered == nil || len(a.history.Requests()) != before+1 {
			a.Errorf("Run() = %+v, %v after %d requests; want that one was not answered", r, err, len(a.history.Requests())-before)
		}
		a.passes(20 * time.Minute)
		if a.total.Recovered != 1 {
			a.Errorf("recovered %d, want the change", a.total.Recovered)
		}
	})
}

func TestWhatCannotBeTakenInIsFoundAgain(t *testing.T) {
	story(t, func(a *account) {
		a.passes(30 * time.Minute)
		a.happens(deletion("lost", "orders-worker", "stranger"))
		a.live.fails = func(what string) error {
			if what == "handle" {
				return errBroken
			}
			return nil
		}
		time.Sleep(20 * time.Minute)
		if _, err := a.run(); !errors.Is(err, errBroken) {
			a.Errorf("Run() = %v, want %v", err, errBroken)
		}
		a.live.fails = nil
		a.passes(6 * time.Hour)
		if f := a.findings(incident.Role, "orders-worker"); len(f) != 1 || a.total.Recovered != 1 {
			a.Errorf("findings %+v, recovered %d", f, a.total.Recovered)
		}
	})
}

// After days without a run everything of that time is compared.
func TestALongPauseIsMadeUpFor(t *testing.T) {
	story(t, func(a *account) {
		a.passes(30 * time.Minute)
		for n := range 60 {
			a.happens(deletion(fmt.Sprintf("lost-%d", n), fmt.Sprintf("role-%d", n%3), "stranger"))
			time.Sleep(time.Hour)
		}
		a.passes(time.Hour)
		if a.total.Recovered != 60 {
			a.Errorf("recovered %d of 60", a.total.Recovered)
		}
	})
}
