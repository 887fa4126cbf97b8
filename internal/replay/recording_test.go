package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/render/page"
	"github.com/trailverdict/trailverdict/internal/replay"
)

// small limits make every story too large for memory, and cost nothing else.
func small() replay.Limits {
	return replay.Limits{Whole: 1, Items: 1, SignalsPerKind: 1 << 20, UsesPerNode: 1 << 20, Buffer: 2000, Recent: 7}
}

// neighbourly decides neighbourhood by neighbourhood, without leaving anything out.
func neighbourly() replay.Limits {
	l := small()
	l.Items = 0
	return l
}

// decided is what a recording gives, as JSON, every revision of it.
func decided(t *testing.T, limits replay.Limits, workers int, settings incident.Settings, parts ...[]byte) (string, replay.Summary) {
	t.Helper()
	var inputs []replay.Input
	for i, p := range parts {
		inputs = append(inputs, replay.Stream(fmt.Sprintf("part %d", i), bytes.NewReader(p)))
	}
	ctx := context.Background()
	r := replay.NewRecording(limits)
	defer r.Close()
	sum, err := replay.Read(ctx, replay.All(inputs), r, replay.Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Outcome, err = r.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := r.Decide(ctx, sum.AsOf(sum.Last), replay.Canonical, workers, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer found[0].Close()
	var b strings.Builder
	for history, err := range found[0].Histories() {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range history {
			if err := render.JSON(&b, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.String(), sum
}

// everything is the events of all stories, or of one in so many, which then
// happen in one place.
func everything(t *testing.T, oneIn int) []byte {
	t.Helper()
	var all []byte
	for i, s := range stories(t) {
		if i%oneIn == 0 {
			all = append(append(all, s.Events...), '\n')
		}
	}
	return all
}

func TestALargeRecordingGivesWhatItWouldInMemory(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			want, wantSum := decided(t, replay.DefaultLimits(), 1, incident.DefaultSettings(), s.Events)
			got, gotSum := decided(t, neighbourly(), 1, incident.DefaultSettings(), s.Events)
			if got != want {
				t.Errorf("neighbourhood by neighbourhood:\n%s\nas a whole:\n%s", got, want)
			}
			if gotSum.Outcome != wantSum.Outcome {
				t.Errorf("outcome = %+v, want %+v", gotSum.Outcome, wantSum.Outcome)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		all := everything(t, 1)
		want, _ := decided(t, replay.DefaultLimits(), 1, incident.DefaultSettings(), all)
		got, _ := decided(t, neighbourly(), 3, incident.DefaultSettings(), all)
		if got != want {
			t.Error(difference(got, want))
		}
	})
}

// difference is the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d of %d and %d:\n%s\nwant:\n%s", i, len(g), len(w), g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func TestNeitherWorkersNorFilesMatter(t *testing.T) {
	lines := strings.SplitAfter(string(everything(t, 8)), "\n")
	for name, limits := range map[string]replay.Limits{"in memory": replay.DefaultLimits(), "large": neighbourly(), "beyond the limits": crowded()} {
		t.Run(name, func(t *testing.T) {
			want, _ := decided(t, limits, 1, incident.DefaultSettings(), []byte(strings.Join(lines, "")))
			for i, workers := range []int{2, 7} {
				got, _ := decided(t, limits, workers, incident.DefaultSettings(), scattered(rand.New(rand.NewPCG(1, uint64(i))), lines)...)
				if got != want {
					t.Fatalf("%d workers: %s", workers, difference(got, want))
				}
			}
		})
	}
}

// crowded limits are all reached.
func crowded() replay.Limits {
	return replay.Limits{Whole: 120, Items: 120, SignalsPerKind: 3, UsesPerNode: 2, Buffer: 2000, Recent: 7}
}

// scattered deals lines out to some files in another order, some of them twice.
func scattered(r *rand.Rand, lines []string) [][]byte {
	parts := make([][]byte, 9)
	for _, i := range r.Perm(len(lines)) {
		for range 1 + r.IntN(2) {
			n := r.IntN(len(parts))
			parts[n] = append(append(parts[n], lines[i]...), '\n')
		}
	}
	return parts
}

func random() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

// reported is the report about a recording, as JSON and as a page.
func reported(t *testing.T, limits replay.Limits, asOf time.Time, events []byte) string {
	t.Helper()
	ctx := context.Background()
	r := replay.NewRecording(limits)
	defer r.Close()
	sum, err := replay.Read(ctx, replay.All([]replay.Input{replay.Stream("events", bytes.NewReader(events))}), r, replay.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	made, err := r.Report(ctx, sum.AsOf(asOf), 2, incident.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := errors.Join(render.ReportJSON(&b, made), page.Report(&b, made)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestALargeRecordingGivesTheReportThatItWouldInMemory(t *testing.T) {
	check := func(t *testing.T, asOf time.Time, events []byte) {
		want := reported(t, replay.DefaultLimits(), asOf, events)
		if got := reported(t, neighbourly(), asOf, events); got != want {
			t.Error(cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
		}
	}
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) { check(t, s.AsOf, s.Events) })
	}
	t.Run("all of them", func(t *testing.T) { check(t, time.Time{}, everything(t, 3)) })
	t.Run("up to a time", func(t *testing.T) {
		check(t, time.Date(2026, time.March, 17, 9, 0, 0, 0, time.UTC), everything(t, 3))
	})
}
