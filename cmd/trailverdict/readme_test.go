package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/scenario"
)

var update = flag.Bool("update", false, "rewrite the session in the README")

// session is the part of the README that shows a replay.
var session = regexp.MustCompile("(?s)```\n\\$ trailverdict replay --config trailverdict.yaml events.ndjson\n(.*?)```")

// TestReadmeShowsWhatIsPrinted replays the story that the README shows, and
// wants the README to show what comes out.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	const readme, story = "../../README.md", "../../events/scenario/containment_evaded-new-network.txtar"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	shown := session.FindSubmatchIndex(text)
	if shown == nil {
		t.Fatal("the README shows no replay")
	}
	want := replayed(t, story)
	if *update {
		text = bytes.Join([][]byte{text[:shown[2]], []byte(want), text[shown[3]:]}, nil)
		if err := os.WriteFile(readme, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(text[shown[2]:shown[3]])); d != "" {
		t.Errorf("the README shows something else (make update): %s", d)
	}
}

// replayed is what a replay of a story prints, both streams in the order of a
// terminal, but for the time it took.
func replayed(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, events := filepath.Join(dir, "trailverdict.yaml"), filepath.Join(dir, "events.ndjson")
	for name, content := range map[string][]byte{config: s.Config, events: s.Events} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	run(context.Background(), func(string) string { return "" }, strings.NewReader(""), &out, &out, []string{"replay", "--config", config, events})
	return regexp.MustCompile(`records in .*`).ReplaceAllString(out.String(), "records in 2 ms")
}
