package page

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/render/rendertest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestReportGolden(t *testing.T) {
	for name, r := range map[string]incident.Report{
		"report.html":       rendertest.Odd(),
		"report-quiet.html": {BlindSpots: []string{"No client reported a failure."}},
	} {
		t.Run(name, func(t *testing.T) {
			path, got := filepath.Join("testdata", name), reported(t, r)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("differs from %s (run the test with -update if that is meant): %s", path, d)
			}
		})
	}
}

func reported(t interface{ Fatal(...any) }, r incident.Report) []byte {
	var b bytes.Buffer
	if err := Report(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReportPageNeedsNothingElse: it is opened from a mail or a bucket, perhaps
// without a network, and must not tell anybody that it was.
func TestReportPageNeedsNothingElse(t *testing.T) {
	for name, r := range map[string]incident.Report{"odd": rendertest.Odd(), "hostile": rendertest.Hostile(), "empty": {}} {
		html := string(reported(t, r))
		for _, forbidden := range []string{"<script", "<link", "<img", "<iframe", "<object", "@import", "url(", "javascript:", "srcset", "xlink"} {
			if strings.Contains(strings.ToLower(html), forbidden) {
				t.Errorf("%s: the page holds %q", name, forbidden)
			}
		}
		if m := regexp.MustCompile(`(?i)\s(src|href|action|on[a-z]+)\s*=\s*["']?[^#"']`).FindString(stripText(html)); m != "" {
			t.Errorf("%s: the page refers to something outside it: %q", name, m)
		}
		for line := range strings.SplitSeq(html, "\n") {
			if render.Printable(line) != line {
				t.Errorf("%s: the page holds control or formatting characters: %q", name, line)
			}
		}
		if strings.Contains(html, "ZgotmplZ") {
			t.Errorf("%s: the template found a value where none may stand", name)
		}
	}
}

// stripText leaves only the tags of a page.
func stripText(html string) string {
	return strings.Join(regexp.MustCompile(`<[^>]*>`).FindAllString(html, -1), "\n")
}

// TestReportPageSaysItsPlots: whoever cannot see a plot can read it.
func TestReportPageSaysItsPlots(t *testing.T) {
	html := string(reported(t, rendertest.Odd()))
	svgs := regexp.MustCompile(`<svg [^>]*>`).FindAllString(html, -1)
	if len(svgs) < 8 {
		t.Fatalf("%d plots, want three principals with several each", len(svgs))
	}
	for _, tag := range svgs {
		if !strings.Contains(tag, `role="img"`) || !regexp.MustCompile(`aria-label="[^"]{20,}"`).MatchString(tag) {
			t.Errorf("a plot without words: %s", tag)
		}
	}
	if regexp.MustCompile(`#C010|Liberation Sans;`).MatchString(html) {
		t.Error("a colour or a font of the plots was not handed to the style sheet")
	}
	if !strings.Contains(html, "2026-03-04 04:21:00 failed") {
		t.Error("the events are not listed in words")
	}
}

func TestReportDrawsNotEverything(t *testing.T) {
	var r incident.Report
	for i := range 200 {
		a := rendertest.Odd().Anomalies[3]
		a.Subject = incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: strings.Repeat("x", i+1)}}
		r.Anomalies = append(r.Anomalies, a)
	}
	html := string(reported(t, r))
	if n := strings.Count(html, "<article"); n != maxDrawn {
		t.Errorf("%d principals on the page, want %d", n, maxDrawn)
	}
	if !strings.Contains(html, "150 more principals") {
		t.Error("the page does not say what it left out")
	}
}

func TestReportEnduresAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if len(reported(t, rendertest.Any(t))) == 0 {
			t.Fatal("nothing was written")
		}
	})
}

func TestCountsMarksAnAxis(t *testing.T) {
	for most, top := range map[float64]float64{0: 1, 1: 1, 3: 3, 4: 4, 5: 6, 9: 10, 40: 40, 41: 60, 333: 400, 1999: 2000} {
		got, m := counts(most)
		if got != top || len(m) > 6 || m[0].Label != "0" {
			t.Errorf("counts(%v) = %v with %d marks, want %v", most, got, len(m), top)
		}
	}
}
