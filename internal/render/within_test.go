package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func asJSON(f incident.Finding) (string, error) {
	var b strings.Builder
	err := JSON(&b, f)
	return b.String(), err
}

func TestWhatFitsIsNotShortened(t *testing.T) {
	want, err := asJSON(opened())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Within(opened(), len(want), asJSON); err != nil || got != want {
		t.Errorf("Within() = %s, %v", got, err)
	}
	got, err := Within(opened(), len(want)-1, asJSON)
	if err != nil || len(got) >= len(want) {
		t.Errorf("Within() of one byte less = %d bytes of %d, %v", len(got), len(want), err)
	}
	if !strings.Contains(got, "evidence that was left out: long texts, and 4 of 8 facts, since a message holds no more") || !strings.Contains(got, "now trusts account") {
		t.Errorf("the shortened finding is %s", got)
	}
}

func TestWhatCannotBeShortenedIsAnError(t *testing.T) {
	if got, err := Within(opened(), 100, asJSON); err == nil {
		t.Errorf("Within() 100 bytes = %q", got)
	}
}

func TestShortenedFindingsAreWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Repeat(rapid.StringN(1, 6, -1).Draw(r, "text"), rapid.IntRange(1, 400).Draw(r, "times"))
		f := opened()
		f.Summary, f.Subject.Name, f.NextSteps = text, text, []string{text, text}
		for n := range rapid.IntRange(0, 60).Draw(r, "facts") {
			f.Evidence = append(f.Evidence, incident.Evidence{EventID: fmt.Sprint(n), Fact: text})
		}
		limit := rapid.IntRange(6000, 60_000).Draw(r, "limit")
		got, err := Within(f, limit, asJSON)
		if err != nil || len(got) > limit || !json.Valid([]byte(got)) {
			r.Fatalf("Within(%d) = %d bytes, %v", limit, len(got), err)
		}
	})
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcdefgh": "abcdefgh", "abcdefghi": "abcde…", "üüüüü": "üü…", "😀😀😀": "😀…"} {
		if got := Short(in, 8); got != want || !utf8.ValidString(got) {
			t.Errorf("Short(%q) = %q, want %q", in, got, want)
		}
	}
}
