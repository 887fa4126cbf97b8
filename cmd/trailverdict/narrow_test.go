package main

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/render"
)

func fit(width int, chunks ...string) string {
	var b strings.Builder
	n := &narrowTerminal{w: &b, width: width}
	for _, c := range chunks {
		_, _ = n.Write([]byte(c)) // a Builder takes all
	}
	n.end()
	return b.String()
}

func TestTextsFitNarrowTerminals(t *testing.T) {
	text := "\x1b[1;31mCOMPROMISE\x1b[0m  role orders-api                                  critical, 99 % sure\n" +
		render.Paragraph("  ", "Role orders-api was contained, and somebody is trying to get round it, from a network where it never was before today.") +
		"\n  Why\n" +
		render.Paragraph("    13:21:10   +6 min  ", "after sessions were revoked, sts.amazonaws.com was called from 203.0.113.61, where the principal never was") +
		"    13:21:20   +6 min  short\n" +
		strings.Repeat("─", 80) + "\n" +
		`{"a": "JSON stays in one piece, however long it may be, so that it can be copied as it is"}` + "\nno end of line"
	want := "\x1b[1;31mCOMPROMISE\x1b[0m role orders-api critical, 99 % sure\n" +
		"  Role orders-api was contained, and somebody is\n  trying to get round it, from a network where it\n  never was before today.\n" +
		"\n  Why\n" +
		"    13:21:10 +6 min after sessions were revoked,\n        sts.amazonaws.com was called from\n        203.0.113.61, where the principal never\n        was\n" +
		"    13:21:20   +6 min  short\n" +
		strings.Repeat("─", 50) + "\n" +
		`{"a": "JSON stays in one piece, however long it may be, so that it can be copied as it is"}` + "\nno end of line"
	if got := fit(50, text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNothingIsLostInNarrowTerminals holds that words and their order stay,
// whatever is written in whatever pieces, and that what has room fits.
func TestNothingIsLostInNarrowTerminals(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var text strings.Builder
		for _, words := range rapid.SliceOf(rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,12}`), 1, 40)).Draw(r, "paragraphs") {
			text.WriteString(render.Paragraph(rapid.SampledFrom([]string{"", "  ", "  - ", "    13:21:10   +6 min  "}).Draw(r, "prefix"), strings.Join(words, " ")))
		}
		cut := rapid.IntRange(0, text.Len()).Draw(r, "cut")
		width := rapid.IntRange(40, 79).Draw(r, "width")
		got := fit(width, text.String()[:cut], text.String()[cut:])
		if !slices.Equal(strings.Fields(got), strings.Fields(text.String())) {
			r.Fatalf("%q became %q", text.String(), got)
		}
		for line := range strings.Lines(got) {
			if n := shown(strings.TrimSuffix(line, "\n")); n > width {
				r.Fatalf("%d of %d columns: %q", n, width, line)
			}
		}
	})
}
