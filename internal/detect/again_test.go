package detect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

const (
	ours = "111122223333"
	key  = "ASIAEXAMPLEWORKER001"
)

// refused are n failures of a key of which the reports say nothing else.
func refused(key string, n int, at time.Time) []incident.Signal {
	var out []incident.Signal
	for i := range n {
		out = append(out, incident.Signal{
			ID: fmt.Sprintf("refused-%s-%d", key, i), Account: ours, Time: at.Add(time.Duration(i) * time.Second), Kind: incident.CredentialFailed,
			Feed: incident.FromClient, Key: key, ErrorCode: "InvalidClientTokenId", Count: 1,
		})
	}
	return out
}

func role(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: ours, Name: name}
}

func issuance(key, roleName string, at time.Time, life time.Duration) incident.Signal {
	return incident.Signal{
		ID: "issued-" + key, Account: ours, Time: at, Kind: incident.SessionIssued, Feed: incident.FromTrail, Target: role(roleName),
		Actor:  incident.Actor{Principal: incident.Principal{Type: incident.User, Account: ours, Name: "broker"}, AccessKeyID: "AKIAEXAMPLE000000001"},
		Issued: &incident.Session{AccessKeyID: key, Name: "worker", IssuedAt: at, ExpiresAt: at.Add(life)},
	}
}

func liveOn(mem *store.Memory) *detect.Live {
	return detect.NewLive(mem, mem, incident.DefaultSettings())
}

func handle(t *testing.T, l *detect.Live, now time.Time, signals ...incident.Signal) {
	t.Helper()
	if err := l.Handle(context.Background(), signals, nil, now); err != nil {
		t.Fatal(err)
	}
}

// standing are the causes of the findings that stand about a principal.
func standing(t *testing.T, mem *store.Memory, p incident.Principal) []incident.Cause {
	t.Helper()
	cases, err := mem.Cases(context.Background(), p.Key())
	if err != nil {
		t.Fatal(err)
	}
	var out []incident.Cause
	for _, c := range cases {
		if c.SupersededBy == "" {
			out = append(out, c.Finding.Cause)
		}
	}
	return out
}

func TestWhatTellsOfAKeyLaterExplainsItsFailures(t *testing.T) {
	userKey := "AKIAEXAMPLEWORKER001"
	gone := incident.Signal{
		ID: "gone", Account: ours, Time: noon().Add(-time.Minute), Kind: incident.KeyDeleted, Feed: incident.FromTrail, Key: userKey,
		Target: incident.Principal{Type: incident.User, Account: ours, Name: "mailer"},
		Actor:  incident.Actor{Principal: incident.Principal{Type: incident.User, Account: ours, Name: "stranger"}, SourceIP: "203.0.113.9"},
	}
	for name, test := range map[string]struct {
		key   string
		later incident.Signal
		after time.Duration
		who   incident.Principal
		moves bool
	}{
		"an issuance hours later":                 {key, issuance(key, "api", noon().Add(-2*time.Hour), time.Hour), 3 * time.Hour, role("api"), true},
		"an issuance in time waits to be settled": {key, issuance(key, "api", noon().Add(-5*time.Minute), time.Hour), time.Minute, role("api"), false},
		"an issuance of another key":              {key, issuance("ASIAEXAMPLEWORKER002", "api", noon().Add(-2*time.Hour), time.Hour), 3 * time.Hour, role("api"), false},
		"a deletion at once":                      {userKey, gone, time.Minute, gone.Target, true},
		"a deletion hours later":                  {userKey, gone, 3 * time.Hour, gone.Target, true},
	} {
		t.Run(name, func(t *testing.T) {
			mem := store.NewMemory(store.DefaultLimits())
			live := liveOn(mem)
			handle(t, live, noon().Add(time.Minute), refused(test.key, 12, noon())...)
			asKey := incident.Principal{Type: incident.AccessKey, Account: ours, Name: test.key}
			if got := standing(t, mem, asKey); len(got) != 1 {
				t.Fatalf("findings about the key: %v, want one", got)
			}
			handle(t, live, noon().Add(test.after), test.later)
			owner, alone := standing(t, mem, test.who), standing(t, mem, asKey)
			if test.moves && (len(owner) != 1 || len(alone) != 0) || !test.moves && (len(owner) != 0 || len(alone) != 1) {
				t.Errorf("findings about the owner: %v, about the key: %v", owner, alone)
			}
		})
	}
}

// Sessions are looked at again when they have run out, unless their silence
// means nothing.
func TestSessionsAreDueWhenTheyHaveRunOut(t *testing.T) {
	service := issuance(key, "api", noon(), time.Hour)
	service.Issued.ByService = true
	endless := issuance(key, "api", noon(), time.Hour)
	endless.Issued.ExpiresAt = time.Time{}
	for name, test := range map[string]struct {
		signal incident.Signal
		now    time.Time
		want   time.Duration // after noon
	}{
		"an hour's session":               {issuance(key, "api", noon(), time.Hour), noon(), 80 * time.Minute},
		"a quarter of an hour's":          {issuance(key, "api", noon(), 15*time.Minute), noon(), 35 * time.Minute},
		"one that came after its end":     {issuance(key, "api", noon(), time.Hour), noon().Add(5 * time.Hour), 5*time.Hour + 20*time.Minute},
		"one without an end":              {endless, noon(), 80 * time.Minute},
		"a service's":                     {service, noon(), 0},
		"where time is not known":         {issuance(key, "api", noon(), time.Hour), time.Time{}, 0},
		"a session of somebody not known": {incident.Signal{ID: "x", Account: ours, Time: noon(), Kind: incident.SessionIssued, Issued: &incident.Session{AccessKeyID: key}}, noon(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			mem := store.NewMemory(store.DefaultLimits())
			handle(t, liveOn(mem), test.now, test.signal)
			due := func(until time.Time) int {
				list, _, err := mem.DueEvidence(context.Background(), time.Time{}, until, "")
				if err != nil {
					t.Fatal(err)
				}
				return len(list)
			}
			if test.want == 0 {
				if n := due(noon().Add(1000 * time.Hour)); n != 0 {
					t.Errorf("%d signals are due some time, want none", n)
				}
				return
			}
			if before, then := due(noon().Add(test.want-time.Second)), due(noon().Add(test.want)); before != 0 || then != 1 {
				t.Errorf("due before: %d, then: %d; want 0 and 1", before, then)
			}
		})
	}
}

func TestRevisitingLetsFindingsSettle(t *testing.T) {
	for name, who := range map[string]incident.Principal{
		"a key":      {Type: incident.AccessKey, Account: ours, Name: key},
		"a workload": {Type: incident.Workload, Account: ours, Name: "mailer"},
		"a role":     role("api"),
	} {
		t.Run(name, func(t *testing.T) {
			mem := store.NewMemory(store.DefaultLimits())
			live := liveOn(mem)
			signals := refused(key, 12, noon())
			for n := range signals {
				switch who.Type {
				case incident.Workload:
					signals[n].Key, signals[n].Workload = "", who.Name
				case incident.Role:
					signals[n].Target = who
				}
			}
			handle(t, live, noon().Add(time.Minute), signals...)
			for after, want := range map[time.Duration]incident.Status{10 * time.Minute: incident.Open, 20 * time.Minute: incident.Settled, 25 * time.Hour: incident.Resolved} {
				if err := live.Revisit(context.Background(), []incident.Principal{who}, noon().Add(after)); err != nil {
					t.Fatal(err)
				}
				cases, err := mem.Cases(context.Background(), who.Key())
				if err != nil || len(cases) != 1 || cases[0].Finding.Status != want || (want == incident.Resolved) != cases[0].Due.IsZero() {
					t.Errorf("after %s: %+v, %v; want one finding, %s", after, cases, err, want)
				}
			}
		})
	}
}

func TestLookingAgainWithoutReasonWritesNothing(t *testing.T) {
	mem := store.NewMemory(store.DefaultLimits())
	live := liveOn(mem)
	signals := refused(key, 12, noon())
	handle(t, live, noon().Add(time.Minute), signals...)
	who := incident.Principal{Type: incident.AccessKey, Account: ours, Name: key}
	before, _ := mem.Cases(context.Background(), who.Key())
	for range 3 {
		if err := live.Recheck(context.Background(), signals, noon().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := live.Revisit(context.Background(), []incident.Principal{who, role("nobody")}, noon().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := live.Recheck(context.Background(), nil, noon()); err != nil {
		t.Fatal(err)
	}
	after, _ := mem.Cases(context.Background(), who.Key())
	if len(before) != 1 || len(after) != 1 || after[0].Version != before[0].Version {
		t.Errorf("versions %+v, then %+v; want the same", before, after)
	}
}

// rivalry is a ledger in which somebody else is faster a few times.
type rivalry struct {
	*store.Memory
	conflicts int
}

func (r *rivalry) Commit(ctx context.Context, c detect.Commit) error {
	if r.conflicts--; r.conflicts >= 0 && len(c.Cases) > 0 {
		return detect.ErrConflict
	}
	return r.Memory.Commit(ctx, c)
}

// Whoever loses waits before deciding again, longer each time, and not beyond
// the time that is left.
func TestConflictsAreWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		conflicts, waits, told int
		err                    error
	}{
		"nobody else":       {0, 0, 1, nil},
		"one who is faster": {1, 1, 1, nil},
		"three":             {3, 3, 1, nil},
		"too many":          {100, 7, 0, detect.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rivalry{store.NewMemory(store.DefaultLimits()), test.conflicts}
			live := detect.NewLive(r, r, incident.DefaultSettings())
			var waits []time.Duration
			live.Retry = backoff.Backoff{
				First: time.Second, Most: time.Minute, Random: func() float64 { return 0.5 },
				Sleep: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
			}
			told := 0
			live.Decided = func(_ context.Context, c detect.Case) {
				if c.Finding.Cause == incident.UnexplainedFailures {
					told++
				}
			}
			err := live.Handle(t.Context(), refused(key, 12, noon()), nil, noon().Add(time.Minute))
			if !errors.Is(err, test.err) || len(waits) != test.waits || told != test.told {
				t.Errorf("%v after waits %v, %d cases told; want %v, %d waits, %d cases", err, waits, told, test.err, test.waits, test.told)
			}
			if !slices.IsSorted(waits) {
				t.Errorf("waits %v, which do not grow", waits)
			}
		})
	}
}

func TestAWaitEndsWithTheInvocation(t *testing.T) {
	r := &rivalry{store.NewMemory(store.DefaultLimits()), 100}
	live := detect.NewLive(r, r, incident.DefaultSettings())
	live.Retry = backoff.New(time.Hour, time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := live.Handle(ctx, refused(key, 12, noon()), nil, noon().Add(time.Minute)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Handle: %v, want that the time is up", err)
	}
}
