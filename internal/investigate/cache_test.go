package investigate

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func second(n int) time.Time { return time.Unix(1_772_000_000+int64(n), 0).UTC() }

// TestGapsCompleteSegments holds that segments and gaps cover a question's time,
// no second twice by gaps, and none of a segment.
func TestGapsCompleteSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Question{From: second(rapid.IntRange(0, 30).Draw(t, "from"))}
		q.To = q.From.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "length")) * time.Second)
		var segments []Segment
		for range rapid.IntRange(0, 5).Draw(t, "segments") {
			s := Segment{From: second(rapid.IntRange(-5, 65).Draw(t, "start"))}
			s.To = s.From.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "span")) * time.Second)
			if !s.To.Before(q.From) && !s.From.After(q.To) {
				segments = append(segments, s)
			}
		}
		open := gaps(q, segments)
		for at := q.From; !at.After(q.To); at = at.Add(time.Second) {
			known, asked := false, 0
			for _, s := range segments {
				known = known || !at.Before(s.From) && !at.After(s.To)
			}
			for _, g := range open {
				if !at.Before(g.From) && !at.After(g.To) {
					asked++
				}
			}
			if known && asked != 0 || !known && asked != 1 {
				t.Fatalf("%v: known %v, asked %d times; gaps %v", at, known, asked, open)
			}
		}
	})
}

// TestFolderForgets what is old, and nothing of others.
func TestFolderForgets(t *testing.T) {
	path := t.TempDir()
	old := filepath.Join(path, "x"+suffix)
	for _, name := range []string{old, filepath.Join(path, "README")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, second(0), second(0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenFolder(path, second(0).Add(keepFor)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err != nil {
		t.Error("a file that is not too old was deleted")
	}
	if _, err := OpenFolder(path, second(1).Add(keepFor)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old file was kept")
	}
	if _, err := os.Stat(filepath.Join(path, "README")); err != nil {
		t.Error("somebody else's file was deleted")
	}
}

// FuzzSegment holds that damaged lines are left out whole, and others come back.
func FuzzSegment(f *testing.F) {
	whole, err := wireSegment{From: second(0), To: second(9), Calls: []Call{{ID: "1", Operation: "s3:ListBuckets", Time: second(3)}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(`{"from":"2026-03-04T12:00:00Z","signals":["AA=="]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		s, ok := decodeSegment(line)
		if !ok {
			return
		}
		folder, err := OpenFolder(t.TempDir(), second(0))
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Region: "us-east-1", From: s.From, To: s.To}
		if err := folder.Add("111122223333", q, s); err != nil {
			t.Fatal(err)
		}
		if s.To.Before(s.From) {
			return
		}
		again, err := folder.Read("111122223333", q)
		if err != nil || len(again) != 1 {
			t.Fatalf("%d segments come back, %v", len(again), err)
		}
		if d := cmp.Diff(s, again[0], cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.Comparer(func(a, b []incident.Use) bool { return len(a) == len(b) })); d != "" {
			t.Error(d)
		}
	})
}
