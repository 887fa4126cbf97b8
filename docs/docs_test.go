// Package docs holds the project's documentation, and the tests that keep it in
// step with the program.
package docs

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

var update = flag.Bool("update", false, "rewrite the generated pages")

// TestDetections keeps detections.md in step with the catalogue of events and
// the table of weights.
func TestDetections(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# What is understood, and what it is worth

<!-- Generated from internal/trail and internal/correlate by make update. -->

trailverdict takes in the events of the first part, and weighs what they show by the table of the
second. Both are data in the program: this page is made from them.

## Events

Names and error codes match exactly: look-alikes stay out. A change counts if it succeeded; one that
was refused is a denial.

`)
	events(&b)
	b.WriteString(`## Evidence

Each kind of evidence adds its weight, in log-odds, to one verdict. It counts once in a finding,
however many events show it: a thousand failures say no more about why than ten do. The verdict is
the heaviest side, its confidence follows from the distance to the others, and every finding lists
what spoke for it and what against. How often that is right is measured in [accuracy.md](accuracy.md).

`)
	evidence(&b)
	golden(t, "detections.md", b.String())
}

// part is a part of the events' table.
type part struct {
	purpose trail.Purpose
	title   string
}

// purposes are in the order in which a reader asks for them.
var purposes = []part{
	{trail.IdentityChange, "Changes of identities, permissions and trust"},
	{trail.Issuance, "Credentials being issued"},
	{trail.Failure, "Failing credentials, in CloudTrail"},
	{trail.Client, "Failing credentials, reported by clients"},
	{trail.LogLine, "Lines of CloudWatch Logs"},
	{trail.Intake, "What was found in them, on its way to the detector"},
	{trail.Refusal, "Denied calls"},
	{trail.AuditChange, "Changes of what is recorded"},
	{trail.Threat, "Findings of GuardDuty"},
	{trail.Health, "Notices of AWS Health"},
	{trail.Usage, "Successful calls"},
}

func events(b *strings.Builder) {
	for _, p := range purposes {
		fmt.Fprintf(b, "### %s\n\n| event | tells | read from |\n| --- | --- | --- |\n", p.title)
		for _, e := range trail.Catalogue() {
			if e.Purpose == p.purpose {
				fmt.Fprintf(b, "| **%s**%s | %s | %s |\n", cell(e.Title), name(e), cell(e.Meaning), cell(e.Reads))
			}
		}
		b.WriteByte('\n')
	}
}

// name is how an event is recognised.
func name(e trail.Entry) string {
	var parts []string
	for _, s := range []string{e.Source, e.Name} {
		if s != "" {
			parts = append(parts, "`"+s+"`")
		}
	}
	s := strings.Join(parts, " ")
	if len(e.Codes) > 0 {
		s = strings.TrimSpace(s + " with " + strings.Join(quoted(e.Codes), ", "))
	}
	if s == "" {
		return ""
	}
	return "<br>" + s
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = "`" + s + "`"
	}
	return out
}

// cell is text that does not end its table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func evidence(b *strings.Builder) {
	for _, v := range incident.Verdicts {
		fmt.Fprintf(b, "### Towards `%s`\n\n| evidence | weight | cause |\n| --- | --: | --- |\n", v)
		for _, row := range correlate.Weights {
			if row.Direction == v {
				fmt.Fprintf(b, "| %s | %.1f | `%s` |\n", cell(row.Means), row.Weight, row.Cause)
			}
		}
		b.WriteByte('\n')
	}
}

func TestEveryPurposeIsInTheTable(t *testing.T) {
	for _, e := range trail.Catalogue() {
		if !slices.ContainsFunc(purposes, func(p part) bool { return p.purpose == e.Purpose }) {
			t.Errorf("events of the purpose %s (%s) have no part in detections.md", e.Purpose, e.Title)
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is not what the program says (make update): %s", path, d)
	}
}

// TestClientFailures decodes the examples that tell clients what to send.
func TestClientFailures(t *testing.T) {
	text, err := os.ReadFile("client-failures.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples, want 2", len(examples))
	}
	for _, e := range examples {
		var got signals
		stats, err := trail.Decode(bytes.NewReader(e[1]), "example", &got)
		if err != nil || len(got) != 1 || got[0].Kind != incident.CredentialFailed || len(stats.Skipped) > 0 {
			t.Errorf("%s\ngives %v, %v, %v; want one failure", e[1], got, stats.Skipped, err)
		}
	}
}

// signals is a sink that keeps signals.
type signals []incident.Signal

func (s *signals) Signal(g incident.Signal) { *s = append(*s, g) }
func (s *signals) Use(incident.Use)         {}
func (s *signals) Skipped(trail.Skip)       {}

// TestLimitsNameWhatIsOpen holds the questions that aws-facts.md leaves open
// against what limits.md tells users, by the words that both must have.
func TestLimitsNameWhatIsOpen(t *testing.T) {
	open := numbered(t, "aws-facts.md", "## 15. Open questions")
	told := numbered(t, "limits.md", "## What is not known")
	words := [][]string{
		{"expired token"},
		{"EventBridge", "AssumeRole"},
		{"client"},
		{"Identity Center"},
		{"ECS", "Pod Identity"},
		{"denied", "trail"},
		{"codes", "U+202F", "SNS and SQS"},
		{"console revocation", "quarantine"},
	}
	if len(open) != len(words) || len(told) != len(words) {
		t.Fatalf("aws-facts.md has %d open questions, limits.md tells of %d, and the test knows %d", len(open), len(told), len(words))
	}
	for i, list := range words {
		for _, word := range list {
			if !strings.Contains(open[i], word) || !strings.Contains(told[i], word) {
				t.Errorf("question %d: %q is not in both of\n%s\n%s", i+1, word, open[i], told[i])
			}
		}
	}
}

// numbered are the points of the numbered list beneath a heading, each as one
// line.
func numbered(t *testing.T, page, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), heading+"\n")
	if !found {
		t.Fatalf("%s has no part %q", page, heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var points []string
	for line := range strings.Lines(rest) {
		n := len(points)
		switch {
		case strings.HasPrefix(line, fmt.Sprintf("%d. ", n+1)):
			points = append(points, strings.TrimSpace(line))
		case n > 0:
			points[n-1] += " " + strings.TrimSpace(line)
		}
	}
	return points
}

// TestLinks follows the links from page to page.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	links := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 10 {
		t.Errorf("only %d links found", links)
	}
}
