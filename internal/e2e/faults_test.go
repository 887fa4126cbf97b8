package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// A fault is one way in which an account can be unkind. Run one of them with
// go test ./internal/e2e -run 'TestFaults/NAME' -v
type fault struct {
	name string
	// request decides what becomes of the nth request to DynamoDB.
	request func(n int) trouble
	// tell hands the story over; nil means one copy, batch by batch.
	tell func(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand)
	// jumps moves the clock by up to so much, either way, at each invocation.
	jumps time.Duration
}

// outage is a stretch of requests longer than the SDK is patient, now and then.
func outage(n int) bool { return n%150 >= 60 && n%150 < 66 }

// patience is how long an invocation may take: far more than it needs, even on
// a busy machine.
const patience = 5 * time.Second

func passes(int) trouble { return trouble{} }

var faults = []fault{
	{name: "nothing", request: passes},
	{name: "throttled", request: func(n int) trouble {
		if outage(n) {
			return trouble{drop: true, status: http.StatusBadRequest, code: "ProvisionedThroughputExceededException"}
		}
		return trouble{}
	}},
	{name: "failing", request: func(n int) trouble {
		if outage(n) {
			return trouble{drop: true, status: http.StatusInternalServerError, code: "InternalServerError"}
		}
		return trouble{}
	}},
	{name: "answers_lost", request: func(n int) trouble {
		if n%40 == 0 {
			return trouble{status: http.StatusInternalServerError, code: "InternalServerError"}
		}
		return trouble{}
	}},
	{name: "timeouts", request: func(n int) trouble {
		if n == 40 {
			return trouble{delay: patience + time.Second}
		}
		return trouble{}
	}},
	{name: "two_copies", request: passes, tell: together},
	{name: "delivered_thrice", request: passes, tell: thrice},
	{name: "poison", request: passes, tell: poisoned},
	{name: "clock_jumps", request: passes, jumps: 36 * time.Hour},
	{name: "half_comes_late", request: passes, tell: late},
}

// told are the stories that faults are tried on: one with each kind of work.
var told = []string{
	"containment_evaded-new-network", "role_deleted_by_stranger-compromised-deployer",
	"unexplained_failures-workload-linked-later", "token_expired-late-issuance",
}

// After each fault the table holds the findings of the undisturbed run.
func TestFaults(t *testing.T) {
	origin := localaws.DynamoDB(t).URL
	stories, err := scenario.Load(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	table := []string{fmt.Sprintf("%-20s %9s %9s %11s", "fault", "runs", "requests", "the same")}
	t.Cleanup(func() { t.Log("\n" + strings.Join(table, "\n")) })
	row := func(name string, tried, same, requests int) {
		mu.Lock()
		defer mu.Unlock()
		table = append(table, fmt.Sprintf("%-20s %9d %9d %6d of %d", name, tried, requests, same, tried))
	}
	t.Run("intake_killed", func(t *testing.T) {
		tried, same, requests := killedIntake(t)
		row("intake_killed", tried, same, requests)
	})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			requests, same, tried := 0, 0, 0
			for n, st := range stories {
				if !slices.Contains(told, st.Name) {
					continue
				}
				tried++
				p := prepare(t, st)
				g := newGate(t, origin, f.request)
				got := p.disturbed(t, f, g, uint64(n))
				requests += g.requests()
				if want := p.replayed(t); got != want {
					t.Errorf("%s: findings differ from the undisturbed run's\nwant %s\ngot  %s", st.Name, want, got)
					continue
				}
				same++
			}
			if tried != len(told) {
				t.Errorf("%d of %d stories were found", tried, len(told))
			}
			row(f.name, tried, same, requests)
		})
	}
}

// disturbed tells the story through a gate, and returns what the table holds
// once the trouble is over and late evidence was looked at again.
func (p *play) disturbed(t *testing.T, f fault, g *gate, seed uint64) string {
	t.Helper()
	name := emptyTable(t)
	through := tableAt(g.URL, name)
	rnd := mrand.New(mrand.NewPCG(seed, 5))
	var mu sync.Mutex
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if f.jumps == 0 {
			return p.asOf
		}
		return p.asOf.Add(time.Duration(rnd.Int64N(int64(2 * f.jumps)))).Add(-f.jumps)
	}
	var copies []*detect.Handler
	for range 2 {
		copies = append(copies, &detect.Handler{Keeper: detect.NewLive(through, through, p.settings), Now: now})
	}
	tell := f.tell
	if tell == nil {
		tell = alone
	}
	tell(t, p, copies, mrand.New(mrand.NewPCG(seed, 3)))
	direct := tableAt(localaws.DynamoDB(t).URL, name)
	p.settle(t, direct)
	return printed(t, p.standing(t, direct))
}

// settle looks again at what late events may have changed.
func (p *play) settle(t *testing.T, table *filing.Store) {
	t.Helper()
	ctx := context.Background()
	live := detect.NewLive(table, table, p.settings)
	for after := ""; ; {
		due, next, err := table.DueEvidence(ctx, time.Time{}, p.asOf.Add(100*time.Hour), after)
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Recheck(ctx, due, p.asOf); err != nil {
			t.Fatal(err)
		}
		if after = next; after == "" {
			return
		}
	}
}

// alone tells a story to one copy.
func alone(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand) {
	for _, b := range batches(p.messages, rnd) {
		deliver(t, copies[0], b)
	}
}

// together tells it to two copies at once.
func together(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand) {
	all := batches(p.messages, rnd)
	var wg sync.WaitGroup
	for n, h := range copies {
		wg.Go(func() {
			for k := n; k < len(all); k += len(copies) {
				deliver(t, h, all[k])
			}
		})
	}
	wg.Wait()
}

func thrice(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand) {
	for range 3 {
		alone(t, p, copies, rnd)
	}
}

// poisoned adds a message to each batch that nobody can understand. It fails,
// alone.
func poisoned(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand) {
	for n := 0; n < len(p.messages); n += 7 {
		bodies := append(slices.Clone(p.messages[n:min(n+7, len(p.messages))]), `{"eventVersion":"1.11","eventTime":`)
		failed := invoke(t, copies[0], envelope(bodies))
		if want := []string{fmt.Sprintf("m%d", len(bodies)-1)}; !slices.Equal(failed, want) && !p.damaged() {
			t.Errorf("messages %v failed, want %v", failed, want)
		}
	}
}

// damaged reports whether a story has damaged messages of its own.
func (p *play) damaged() bool { return strings.HasPrefix(p.story.Name, "token_expired-mixed-forms") }

// late tells half of the story, drawn at random, after all of the other half.
func late(t *testing.T, p *play, copies []*detect.Handler, rnd *mrand.Rand) {
	early := *p
	rest := *p
	early.messages, rest.messages = nil, nil
	for _, m := range p.messages {
		if rnd.IntN(2) == 0 {
			early.messages = append(early.messages, m)
		} else {
			rest.messages = append(rest.messages, m)
		}
	}
	alone(t, &early, copies, rnd)
	alone(t, &rest, copies, rnd)
}

// deliver does what SQS does: it delivers what failed again, until it works.
func deliver(t *testing.T, h *detect.Handler, batch []byte) {
	t.Helper()
	for range 200 {
		failed := invoke(t, h, batch)
		if len(failed) == 0 {
			return
		}
		batch = only(t, batch, failed)
	}
	t.Error("a batch did not get through in 200 deliveries")
}

// invoke hands a batch over and returns the ids that failed.
func invoke(t *testing.T, h *detect.Handler, batch []byte) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := h.Invoke(ctx, batch)
	if err != nil {
		return ids(t, batch)
	}
	var out struct {
		Items []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Error(err)
	}
	var failed []string
	for _, it := range out.Items {
		failed = append(failed, it.ID)
	}
	return failed
}

type delivery struct {
	Records []struct {
		ID     string `json:"messageId"`
		Body   string `json:"body"`
		Source string `json:"eventSource"`
	}
}

func ids(t *testing.T, batch []byte) []string {
	t.Helper()
	var d delivery
	if err := json.Unmarshal(batch, &d); err != nil {
		t.Error(err)
	}
	var out []string
	for _, r := range d.Records {
		out = append(out, r.ID)
	}
	return out
}

// only keeps the messages of a batch with the given ids.
func only(t *testing.T, batch []byte, keep []string) []byte {
	t.Helper()
	var d delivery
	if err := json.Unmarshal(batch, &d); err != nil {
		t.Error(err)
	}
	d.Records = slices.DeleteFunc(d.Records, func(r struct {
		ID     string `json:"messageId"`
		Body   string `json:"body"`
		Source string `json:"eventSource"`
	},
	) bool {
		return !slices.Contains(keep, r.ID)
	})
	b, err := json.Marshal(d)
	if err != nil {
		t.Error(err)
	}
	return b
}
