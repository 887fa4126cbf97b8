// Package docs holds the project's documentation, and the tests that keep it in
// step with the program.
package docs

import (
	"encoding/json"
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

	"github.com/trailverdict/trailverdict/internal/check"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/doctor"
	"github.com/trailverdict/trailverdict/internal/explain"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/logline"
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
	rails(&b)
	golden(t, "detections.md", b.String())
}

// TestInvestigate holds the page about investigate to what it explains.
func TestInvestigate(t *testing.T) {
	page, err := os.ReadFile("investigate.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- Generated from internal/explain by make update. -->\n", "<!-- End of what is generated. -->\n"
	before, rest, found := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("investigate.md has no place for the errors")
	}
	var b strings.Builder
	b.WriteString(before + begin + "\n| error | codes | verdict | decided | ground |\n| --- | --- | --- | --- | --- |\n")
	for _, topic := range explain.Topics() {
		verdict := "no credential incident"
		if topic.Verdict != "" {
			verdict = "`" + string(topic.Verdict) + "`"
		}
		if topic.Cause != "" {
			verdict += ", `" + string(topic.Cause) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(topic.Title), strings.Join(quoted(topic.Codes), " "), verdict, topic.Sure, cell(topic.Source))
	}
	b.WriteString("\n" + end + after)
	golden(t, "investigate.md", b.String())
}

// TestDoctor keeps the list of checks, and what each of them needs, in step with
// the checks.
func TestDoctor(t *testing.T) {
	page, err := os.ReadFile("doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- Generated from internal/doctor by make update. -->\n", "<!-- End of what is generated. -->\n"
	before, rest, found := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("doctor.md has no place for the checks")
	}
	var b strings.Builder
	b.WriteString(before + begin + "\n| check | what must hold | or else | reads |\n| --- | --- | --- | --- |\n")
	for _, c := range doctor.Checks() {
		id := "`" + c.ID + "`"
		if c.Before {
			id += " ¹"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, cell(c.Title), cell(c.Why), strings.Join(quoted(c.Needs), " "))
	}
	b.WriteString("\n" + end + after)
	golden(t, "doctor.md", b.String())
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
	{trail.Canary, "Tests of the way to an alert"},
	{trail.LogLine, "Lines of CloudWatch Logs"},
	{trail.Intake, "What was found in them, on its way to the detector"},
	{trail.Refusal, "Denied calls"},
	{trail.AuditChange, "Changes of what is recorded"},
	{trail.GuardRail, "Environments, for guard rails"},
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

// rails describes the guard rails.
func rails(b *strings.Builder) {
	b.WriteString(`## Guard rails

What follows is no incident: no verdict is made of it, and nobody is woken. It lets an incident become
worse. The reports tell it, and ` + "`trailverdict checks`" + ` lists it out of recorded events; the part
` + "[`checks`](configuration.md#checks)" + ` of the configuration says what is looked for.

`)
	for _, r := range check.Rails() {
		state := "off"
		if r.On {
			state = "on"
		}
		fmt.Fprintf(b, "### `%s`\n\n**%s.** %s\n\n- **Setting**: `checks.%s`, %s without it.\n- **Told by**: %s\n- **Not told**: %s\n- **Cannot be seen**: %s\n\n",
			r.Kind, r.Title, r.Why, r.Key, state, r.Reads, r.Quiet, r.Blind)
	}
}

func TestEveryGuardRailIsDescribed(t *testing.T) {
	var kinds []incident.CheckKind
	for _, r := range check.Rails() {
		kinds = append(kinds, r.Kind)
	}
	if d := cmp.Diff(incident.CheckKinds, kinds); d != "" {
		t.Error(d)
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

// examples are the blocks of a page that are written in a language.
func examples(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, block := range strings.Split(string(text), "\n```") {
		if name, body, ok := strings.Cut(block, "\n"); i%2 == 1 && ok && name == language {
			out = append(out, body+"\n")
		}
	}
	return out
}

// told is the only signal of an example.
func told(t *testing.T, example string) incident.Signal {
	t.Helper()
	var got signals
	stats, err := trail.Decode(strings.NewReader(example), "example", &got)
	if err != nil || len(got) != 1 || len(stats.Skipped) > 0 {
		t.Fatalf("%s\ngives %v, %v, %v; want one signal", example, got, stats.Skipped, err)
	}
	return got[0]
}

// TestEvents decodes the examples that tell clients what to send.
func TestEvents(t *testing.T) {
	all := examples(t, "events.md", "json")
	if len(all) != 2 {
		t.Fatalf("%d examples, want 2", len(all))
	}
	if s := told(t, all[0]); s.Kind != incident.CredentialFailed || s.Key == "" || s.Target.Name != "payments" {
		t.Errorf("%+v", s)
	}
	if s := told(t, all[1]); s.Kind != incident.CredentialExposed || s.Exposure.What != "session_token" {
		t.Errorf("%+v", s)
	}
	page, err := os.ReadFile("events.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []incident.Reason{
		incident.ReasonExpired, incident.ReasonClockSkew, incident.ReasonSignature, incident.ReasonNoToken, incident.ReasonProviderMissing, incident.ReasonAudience,
		incident.ReasonProviderDown, incident.ReasonRegionNotEnabled, incident.ReasonRoleUnusable, incident.ReasonRefreshFailed,
	} {
		if !strings.Contains(string(page), "`"+string(r)+"`") {
			t.Errorf("events.md does not list the reason %s", r)
		}
	}
}

func TestClientFailures(t *testing.T) {
	for _, e := range examples(t, "client-failures.md", "json") {
		if s := told(t, e); s.Kind != incident.CredentialFailed {
			t.Errorf("%s\ngives %+v", e, s)
		}
	}
	bare := examples(t, "client-failures.md", "")
	if len(bare) != 2 {
		t.Fatalf("%d blocks without a language, want a filter pattern and a line", len(bare))
	}
	if facts := logline.Read(bare[1]); len(facts) != 1 || facts[0].Operation != "sts:AssumeRole" || facts[0].KeyID == "" {
		t.Errorf("%s\ngives %v", bare[1], facts)
	}
	for _, text := range examples(t, "client-failures.md", "yaml") {
		if c, err := loaded(text); err != nil || len(c.LogGroups) != 1 {
			t.Errorf("%s\n%v", text, err)
		}
	}
	checkPutEvents(t, examples(t, "client-failures.md", "sh")[0])
}

func loaded(text string) (config.Config, error) { return file.Load("example", []byte(text)) }

// checkPutEvents makes of the entries that a command puts on a bus the events
// that EventBridge makes of them.
func checkPutEvents(t *testing.T, command string) {
	t.Helper()
	_, text, _ := strings.Cut(command, "--entries '")
	text, _, ok := strings.Cut(text, "'\n")
	var entries []struct{ Source, DetailType, Detail string }
	if err := json.Unmarshal([]byte(text), &entries); !ok || err != nil || len(entries) != 1 {
		t.Fatalf("%s: %v", command, err)
	}
	e := entries[0]
	s := told(t, fmt.Sprintf(`{"version":"0","id":"1","detail-type":%q,"source":%q,"account":"111122223333","time":"2026-03-01T10:00:05Z","region":"eu-west-1","resources":[],"detail":%s}`, e.DetailType, e.Source, e.Detail))
	if s.Kind != incident.CredentialFailed || s.Workload == "" || s.Key == "" {
		t.Errorf("%+v", s)
	}
}

// TestTextsAreUnderstood reads the error texts that client-failures.md says are
// understood, and the project's examples, by the filter pattern of that page.
func TestTextsAreUnderstood(t *testing.T) {
	page, err := os.ReadFile("client-failures.md")
	if err != nil {
		t.Fatal(err)
	}
	pattern := examples(t, "client-failures.md", "")[0]
	const longest = 1024 // of CloudWatch Logs
	if len(pattern) > longest {
		t.Errorf("the filter pattern has %d characters, CloudWatch Logs takes %d", len(pattern), longest)
	}
	var want []string
	for _, term := range logline.Terms() {
		want = append(want, `?"`+term+`"`)
	}
	if d := cmp.Diff(strings.Join(want, " "), strings.TrimSpace(pattern)); d != "" {
		t.Errorf("the filter pattern is not made of logline.Terms: %s", d)
	}
	passes := func(message string) bool {
		return slices.ContainsFunc(logline.Terms(), func(term string) bool { return strings.Contains(message, term) })
	}
	rows := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([^`]+(?:Exception|Error|error|code)[^`]*)`(?: with.*)? \\|$").FindAllSubmatch(page, -1)
	if len(rows) < 5 {
		t.Errorf("only %d texts are found on the page", len(rows))
	}
	for _, row := range rows {
		message := string(row[1])
		if strings.Contains(message, "Amazon.Runtime") {
			message += "\n   at Amazon.Runtime.Internal.HttpErrorResponseExceptionHandler.HandleException\n ErrorCode: ExpiredToken"
		}
		if strings.HasPrefix(message, "UnrecognizedClientException") {
			message += "\n    at throwDefaultError (/app/node_modules/@smithy/smithy-client/dist-cjs/index.js:838:20)"
		}
		if facts := logline.Read(message); len(facts) != 1 || !passes(message) {
			t.Errorf("%s\ngives %v, passes the filter: %v", message, facts, passes(message))
		}
	}
	files, err := filepath.Glob("../events/single/logs-*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d logs, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var logs struct{ LogEvents []struct{ Message string } }
		if err := json.Unmarshal(text, &logs); err != nil {
			t.Fatal(err)
		}
		for _, e := range logs.LogEvents {
			if len(logline.Read(e.Message)) > 0 && !passes(e.Message) {
				t.Errorf("%s: the filter holds back a line that tells something", file)
			}
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
