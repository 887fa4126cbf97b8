package detect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// kept is a sink that keeps everything.
type kept struct {
	signals []incident.Signal
	uses    []incident.Use
}

func (k *kept) Signal(s incident.Signal) { k.signals = append(k.signals, s) }
func (k *kept) Use(u incident.Use)       { k.uses = append(k.uses, u) }
func (k *kept) Skipped(trail.Skip)       {}

// asOf is when a story's findings are asked for.
func asOf(st scenario.Story, k kept) time.Time {
	t := st.AsOf
	if !t.IsZero() {
		return t
	}
	for _, s := range k.signals {
		if s.Time.After(t) {
			t = s.Time
		}
	}
	for _, u := range k.uses {
		if u.Last.After(t) {
			t = u.Last
		}
	}
	return t
}

// Every story, in random order and batches and with events delivered again,
// ends in exactly the findings that the whole set gives.
func TestLiveSaysWhatTheWholeSetSays(t *testing.T) {
	stories, err := scenario.Load(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stories {
		t.Run(st.Name, func(t *testing.T) {
			var k kept
			if _, err := trail.Decode(bytes.NewReader(st.Events), st.Name, &k); err != nil {
				t.Fatal(err)
			}
			cfg := config.Default()
			if len(st.Config) > 0 {
				if cfg, err = file.Load("config.yaml", st.Config); err != nil {
					t.Fatal(err)
				}
			}
			now := asOf(st, k)
			want := correlate.Findings(correlate.Evidence{Signals: store.Resolve(k.signals), Uses: k.uses}, cfg.Settings, now)
			for seed := range uint64(3) {
				got := liveFindings(t, k, cfg.Settings, now, rand.New(rand.NewPCG(seed, 7)))
				compare(t, want, got)
			}
		})
	}
}

func liveFindings(t *testing.T, k kept, s incident.Settings, now time.Time, rnd *rand.Rand) []incident.Finding {
	t.Helper()
	ctx := context.Background()
	mem := newShelf()
	live := detect.NewLive(mem, mem, s)
	signals, uses := again(k.signals, rnd), again(k.uses, rnd)
	for len(signals)+len(uses) > 0 {
		a, b := min(len(signals), rnd.IntN(12)), min(len(uses), rnd.IntN(12))
		if err := live.Handle(ctx, signals[:a], uses[:b], now); err != nil {
			t.Fatal(err)
		}
		signals, uses = signals[a:], uses[b:]
	}
	settle(t, live, mem, now)
	return mem.AllFindings()
}

// settle looks again at everything that late events may have changed.
func settle(t *testing.T, live *detect.Live, mem *shelf, now time.Time) {
	t.Helper()
	ctx := context.Background()
	for after := ""; ; {
		due, next, err := mem.DueEvidence(ctx, time.Time{}, now.Add(time.Hour), after)
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Recheck(ctx, due, now); err != nil {
			t.Fatal(err)
		}
		if after = next; after == "" {
			return
		}
	}
}

// again delivers a list in another order, a third of it twice.
func again[T any](list []T, rnd *rand.Rand) []T {
	out := slices.Clone(list)
	for _, x := range list {
		if rnd.IntN(3) == 0 {
			out = append(out, x)
		}
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func compare(t *testing.T, want, got []incident.Finding) {
	t.Helper()
	byID := func(a, b incident.Finding) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) }
	want, got = slices.SortedFunc(slices.Values(want), byID), slices.SortedFunc(slices.Values(got), byID)
	a, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("live findings differ from those of the whole set\nwant %s\ngot %s", a, b)
	}
}
