package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPatternCovers(t *testing.T) {
	for _, tt := range []struct {
		p, q string
		want bool
	}{
		{"repo:acme/app", "repo:acme/app", true},
		{"repo:acme/app", "repo:acme/web", false},
		{"repo:acme/*", "repo:acme/app", true},
		{"repo:acme/*", "repo:acme/app*", true},
		{"repo:acme/*", "repo:acme/*", true},
		{"repo:acme/*", "repo:*", false},
		{"repo:acme/app*", "repo:acme/*", false},
		{"*", "", true},
		{"", "*", false},
		{"a?c", "abc", true},
		{"a?c", "a*c", false},
		{"a*c", "a?c", true},
		{"*:sub:*", "x:sub:y:sub:z", true},
		{"*a*b", "aXbYb", true},
		{"*a*b", "aXbYc", false},
		{"a*", "A", false},
		{"${aws:username}", "${AWS:username}", true},
		{"${aws:username}", "${aws:userid}", false},
		{"${aws:username}", "eve", false},
		{"*", "${aws:username}", true},
		{"?", "${aws:username}", false},
	} {
		if got := wild(tt.p).covers(wild(tt.q)); got != tt.want {
			t.Errorf("%q covers %q = %v, want %v", tt.p, tt.q, got, tt.want)
		}
	}
}

func TestPatternReading(t *testing.T) {
	for _, tt := range []struct {
		text       string
		exact, all bool
	}{
		{"abc", true, false},
		{"", true, false},
		{"a*", false, false},
		{"*", false, true},
		{"*:*", false, true},
		{"?", false, false},
		{"?*", false, true},
		{"${aws:username}", false, true},
		{"x${aws:username}", false, false},
		{"${*}${?}${$}", true, false},
		{"${unclosed", true, false},
		{"a\x00b\x02", true, false},
	} {
		p := wild(tt.text)
		if p.exact() != tt.exact || p.matchesAll() != tt.all {
			t.Errorf("wild(%q): exact %v, all %v, want %v, %v", tt.text, p.exact(), p.matchesAll(), tt.exact, tt.all)
		}
	}
	if exactly("a*").covers(wild("ab")) || !exactly("a*").covers(wild("a${*}")) {
		t.Error("an exact star is a wildcard")
	}
}

// TestPatternCoversMeansInclusion: if p covers q, every text that q matches
// matches p.
func TestPatternCoversMeansInclusion(t *testing.T) {
	word := rapid.StringMatching(`[ab*?]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		p, q := wild(word.Draw(t, "p")), wild(word.Draw(t, "q"))
		fill := strings.NewReplacer("*", rapid.StringMatching(`[ab]{0,3}`).Draw(t, "run"), "?", rapid.StringMatching(`[ab]`).Draw(t, "char"))
		text := exactly(fill.Replace(strings.NewReplacer("\x00", "*", "\x01", "?").Replace(string(q))))
		if !q.covers(text) {
			t.Fatalf("%q does not cover its own %q", q, text)
		}
		if p.covers(q) && !p.covers(text) {
			t.Fatalf("%q covers %q but not %q", p, q, text)
		}
	})
}
