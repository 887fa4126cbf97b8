package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/replay"
)

// objects are inputs from afar that count how often they are opened. The one at
// broken fails.
func objects(opened *atomic.Int64, broken int, parts ...[]byte) []replay.Input {
	var inputs []replay.Input
	for i, p := range parts {
		name := fmt.Sprintf("s3://trail/%d", i)
		inputs = append(inputs, replay.Remote(name, name, int64(len(p)), func() (io.ReadCloser, error) {
			if i == broken {
				return nil, errors.New("access denied")
			}
			opened.Add(1)
			return io.NopCloser(bytes.NewReader(p)), nil
		}))
	}
	return inputs
}

// resumed reads inputs with a journal, and gives the findings and the summary as
// text.
func resumed(t *testing.T, path string, inputs []replay.Input) string {
	t.Helper()
	j, err := replay.OpenJournal(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	r := replay.NewRecording(replay.DefaultLimits())
	defer r.Close()
	sum, err := replay.Read(ctx, replay.All(inputs), r, replay.Options{Workers: 2, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Outcome, err = r.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := r.Decide(ctx, sum.Last, replay.Canonical, 1, incident.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	defer found[0].Close()
	var b strings.Builder
	for history, err := range found[0].Histories() {
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(asJSON(t, history))
	}
	sum.Resumed, sum.Failed, sum.Examples = 0, nil, nil // which examples there are is chance
	return fmt.Sprintf("%s%+v %q", b.String(), sum, sum.Gaps())
}

func TestAReplayGoesOnWhereItWas(t *testing.T) {
	parts := scattered(random(), strings.SplitAfter(string(everything(t, 8)), "\n"))
	parts[3] = append(parts[3], "{broken\n"...)
	var opened atomic.Int64
	want := resumed(t, filepath.Join(t.TempDir(), "journal"), objects(&opened, -1, parts...))

	path := filepath.Join(t.TempDir(), "journal")
	opened.Store(0)
	resumed(t, path, objects(&opened, 5, parts...))
	if got := resumed(t, path, objects(&opened, -1, parts...)); got != want {
		t.Error(difference(got, want))
	}
	if opened.Load() != int64(len(parts)) {
		t.Errorf("opened %d inputs, want each of the %d once", opened.Load(), len(parts))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 9, 12, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if cut > 0 && cut < 13 {
			continue // less than the head is nobody's journal
		}
		if got := resumed(t, path, objects(&opened, -1, parts...)); got != want {
			t.Errorf("killed after %d bytes of %d: %s", cut, len(whole), difference(got, want))
		}
	}
}

func TestAJournalOfOtherCircumstancesIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path, "one version")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.OpenJournal(path, "another version"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names the file", err)
	}
	precious := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(precious, []byte("what was found so far"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.OpenJournal(precious, "one version"); err == nil {
		t.Error("a file that is no journal was opened")
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "what was found so far" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}
