package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/eventpattern"
)

// TestSOCConfiguration loads the worked example. What it says to whom, soc.md
// shows.
func TestSOCConfiguration(t *testing.T) {
	c, err := loaded(read(t, "examples/soc.yaml"))
	if err != nil || len(c.Routes) < 5 || len(c.Settings.Owners) == 0 || len(c.Settings.Suppressions) == 0 {
		t.Fatalf("%d routes, %v", len(c.Routes), err)
	}
}

func TestIntegrationsLoad(t *testing.T) {
	all := examples(t, "integrations.md", "yaml")
	if len(all) < 2 {
		t.Fatalf("%d configurations", len(all))
	}
	for _, example := range all {
		if c, err := loaded(example); err != nil || len(c.Routes) == 0 {
			t.Errorf("%v\n%s", err, example)
		}
	}
}

// found are the events that the bus would take of stories.
func found(t *testing.T, stories ...string) []map[string]any {
	t.Helper()
	var events []map[string]any
	for _, story := range stories {
		cmd := exec.Command("sh", "-c", "grep '^{' ../events/scenario/"+story+".txtar | go run ../cmd/trailverdict replay --format json --min-severity informational -")
		out, err := cmd.Output()
		if err != nil && len(out) == 0 {
			t.Fatalf("%s: %v", story, err)
		}
		for line := range bytes.Lines(out) {
			var detail map[string]any
			if err := json.Unmarshal(line, &detail); err != nil {
				t.Fatal(err)
			}
			events = append(events, map[string]any{
				"version": "0", "id": "0b7d6a57-3f41-4b1c-8f0e-50a9a7b4c101", "source": "trailverdict", "detail-type": "Credential Finding",
				"account": "111122223333", "time": "2026-03-02T15:00:00Z", "region": "us-east-1", "resources": []any{}, "detail": detail,
			})
		}
	}
	return events
}

// marked are the JSON blocks of the page behind a comment.
func marked(t *testing.T, mark string) []byte {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, "integrations.md"), "<!-- "+mark+" -->\n```json\n")
	text, _, ended := strings.Cut(rest, "\n```\n")
	if !ok || !ended || !json.Valid([]byte(text)) {
		t.Fatalf("integrations.md has no JSON marked %q", mark)
	}
	return []byte(text)
}

// TestIntegrationsTakeFindings matches the page's patterns against findings, and
// fills in the transformers.
func TestIntegrationsTakeFindings(t *testing.T) {
	events := found(t, "trust_opened-foreign-account", "token_expired-known-expiration", "clock_skew-signature-expired", "key_rotated-pipeline")
	for _, tt := range []struct {
		name  string
		wants map[string]bool // by verdict
		holds []string        // keys that the receiver asks for
	}{
		{"", map[string]bool{"compromise": true}, []string{"event_action", "dedup_key", "payload"}},
		{": all-clear", map[string]bool{"planned_change": true}, []string{"event_action", "dedup_key"}},
		{": tickets", map[string]bool{"expiry": true, "misconfiguration": true}, []string{"fields"}},
	} {
		pattern, err := eventpattern.Parse(marked(t, "pattern"+tt.name))
		if err != nil {
			t.Fatalf("pattern%s: %v", tt.name, err)
		}
		taken := 0
		for _, e := range events {
			// What the bus takes first is a first revision.
			e["detail"].(map[string]any)["revision"] = 1
			text, _ := json.Marshal(e)
			got, err := pattern.Matches(text)
			if err != nil {
				t.Fatal(err)
			}
			verdict := e["detail"].(map[string]any)["verdict"].(string)
			if got != tt.wants[verdict] {
				t.Errorf("the pattern%s takes %s: %t", tt.name, verdict, got)
			}
			if !got {
				continue
			}
			taken++
			body := transformed(t, marked(t, "transformer"+tt.name), e)
			for _, key := range tt.holds {
				if body[key] == nil {
					t.Errorf("what the transformer%s makes of %s has no %s: %v", tt.name, verdict, key, body)
				}
			}
		}
		if taken == 0 {
			t.Errorf("the pattern%s takes nothing", tt.name)
		}
	}
}

// transformed is what EventBridge sends: a variable within quotes is put there as
// it is, and one without as JSON.
func transformed(t *testing.T, text []byte, event map[string]any) map[string]any {
	t.Helper()
	var transformer struct {
		InputPathsMap map[string]string
		InputTemplate string
	}
	if err := json.Unmarshal(text, &transformer); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	filled := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|<\w+>`).ReplaceAllStringFunc(transformer.InputTemplate, func(s string) string {
		quoted := strings.HasPrefix(s, `"`)
		return regexp.MustCompile(`<(\w+)>`).ReplaceAllStringFunc(s, func(variable string) string {
			name := strings.Trim(variable, "<>")
			used[name] = true
			value := at(t, event, transformer.InputPathsMap[name])
			if quoted {
				return fmt.Sprint(value)
			}
			b, _ := json.Marshal(value)
			return string(b)
		})
	})
	for name := range transformer.InputPathsMap {
		if !used[name] {
			t.Errorf("the variable %s is not used in %s", name, transformer.InputTemplate)
		}
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(filled), &body); err != nil {
		t.Fatalf("%v: %s", err, filled)
	}
	return body
}

// at is the value at a path such as $.detail.id.
func at(t *testing.T, event map[string]any, path string) any {
	t.Helper()
	var v any = event
	for _, name := range strings.Split(strings.TrimPrefix(path, "$."), ".") {
		object, _ := v.(map[string]any)
		if v = object[name]; v == nil {
			t.Fatalf("the event has nothing at %q", path)
		}
	}
	return v
}

// TestSecurityHubGetsWhatItRequires holds the state machine against the fields
// that the format demands, and the paths that it reads against a finding.
func TestSecurityHubGetsWhatItRequires(t *testing.T) {
	text := marked(t, "state machine")
	var machine struct {
		States struct {
			Import struct {
				Arguments struct{ Findings []map[string]any }
			}
		}
	}
	if err := json.Unmarshal(text, &machine); err != nil || len(machine.States.Import.Arguments.Findings) != 1 {
		t.Fatal(err)
	}
	for _, key := range []string{"SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "UpdatedAt", "Title", "Description", "Resources", "FindingProviderFields"} {
		if machine.States.Import.Arguments.Findings[0][key] == nil {
			t.Errorf("the finding has no %s", key)
		}
	}
	event := found(t, "trust_opened-foreign-account")[0]
	paths := regexp.MustCompile(`\$states\.input\.([\w.]+\w)`).FindAllStringSubmatch(string(text), -1)
	if len(paths) < 10 {
		t.Errorf("only %d paths", len(paths))
	}
	for _, p := range paths {
		at(t, event, "$."+p[1])
	}
}

func TestIntegrationsAreCommandsOfAWS(t *testing.T) {
	for _, script := range examples(t, "integrations.md", "sh") {
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("sh", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		_, parameters, ok := strings.Cut(script, "--auth-parameters '")
		parameters, _, _ = strings.Cut(parameters, "'\n")
		if !ok || !json.Valid([]byte(parameters)) {
			t.Errorf("the connection's parameters are no JSON: %s", parameters)
		}
	}
}
