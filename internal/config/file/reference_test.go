package file

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const (
	referencePath = "../../../docs/configuration.md"
	examplePath   = "../../../docs/examples/trailverdict.yaml"
)

// docs/configuration.md is written from the schema and the worked example.
func TestReferenceIsUpToDate(t *testing.T) {
	want := writeReference(t)
	if *update {
		if err := os.WriteFile(referencePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/configuration.md is out of date; run: go test ./internal/config/file -update\n%s", diff)
	}
}

func TestExampleLoads(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("trailverdict.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		what string
		n    int
	}{
		{"accounts", len(c.Settings.Accounts)},
		{"trusted accounts", len(c.Settings.TrustedAccounts)},
		{"organisations", len(c.Settings.Organisations)},
		{"responders", len(c.Settings.Responders)},
		{"deployers", len(c.Settings.Deployers)},
		{"networks", len(c.Settings.TrustedNetworks)},
		{"change windows", len(c.Settings.ChangeWindows)},
		{"suppressions", len(c.Settings.Suppressions)},
		{"users of pipelines", len(c.Settings.Checks.CIUsers)},
		{"routes", len(c.Routes)},
		{"log groups", len(c.LogGroups)},
	} {
		if s.n == 0 {
			t.Errorf("the worked example shows no %s", s.what)
		}
	}
}

const referenceHead = `<!-- Written from internal/config/schema.json and docs/examples/trailverdict.yaml; run "go test ./internal/config/file -update" after changing them. -->

# Configuration

trailverdict runs without a configuration. One YAML file tells it what it cannot know: which accounts are yours, who
responds to incidents, who deploys, and who wants to be told what. The command line takes it with ` + "`--config FILE`" + `; the
Lambdas carry the same file.

A file with a mistake configures nothing. All its mistakes are reported at once, each with its line:

` + "```" + `
trailverdict.yaml:4:1: unknown key "organizations"; did you mean organisations?
trailverdict.yaml:9:16: thresholds.correlation: expected a duration such as 90s, 15m or 1h30m, got the number 3600; is it 3600s?
` + "```" + `

Editors check the file as you type if its first line names the schema:

` + "```yaml" + `
# yaml-language-server: $schema=https://raw.githubusercontent.com/trailverdict/trailverdict/main/internal/config/schema.json
` + "```" + `

Anchors, aliases, merge keys and tags are not supported.

## Keys
`

// writeReference walks the schema in its own order.
func writeReference(t *testing.T) []byte {
	t.Helper()
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	var schema yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(config.Schema(), &schema, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	ref := reference{schema: schema, defs: sub(schema, "$defs")}
	ref.WriteString(referenceHead)
	ref.keys(sub(schema, "properties"), required(schema))
	for _, p := range sub(schema, "properties") {
		if s := mapOf(p.Value); len(sub(s, "properties")) > 0 {
			ref.section(fmt.Sprint(p.Key), s)
		}
	}
	ref.WriteString("\n## Values\n\n")
	for _, d := range ref.defs {
		s := mapOf(d.Value)
		switch {
		case len(sub(s, "enum")) == 0 && get(s, "enum") != nil:
			fmt.Fprintf(&ref, "- **%s**: one of %s.\n", get(s, "title"), codes(get(s, "enum")))
		case get(s, "description") != nil && len(sub(s, "properties")) == 0:
			fmt.Fprintf(&ref, "- **%s**: %s\n", get(s, "title"), get(s, "description"))
		}
	}
	for _, d := range ref.defs {
		if s := mapOf(d.Value); len(sub(s, "properties")) > 0 {
			ref.section(fmt.Sprint(d.Key), s)
		}
	}
	fmt.Fprintf(&ref, "\n## A worked example\n\n[examples/trailverdict.yaml](examples/trailverdict.yaml):\n\n```yaml\n%s```\n", example)
	return ref.Bytes()
}

type reference struct {
	bytes.Buffer
	schema, defs yaml.MapSlice
}

func (ref *reference) section(name string, s yaml.MapSlice) {
	fmt.Fprintf(ref, "\n### %s\n", strings.ReplaceAll(name, "_", " "))
	if d := get(s, "description"); d != nil {
		fmt.Fprintf(ref, "\n%s\n", d)
	}
	ref.keys(sub(s, "properties"), required(s))
}

func (ref *reference) keys(properties yaml.MapSlice, required map[string]bool) {
	ref.WriteString("\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, p := range properties {
		s := mapOf(p.Value)
		standard := "none"
		if required[fmt.Sprint(p.Key)] {
			standard = "required"
		} else if d := get(s, "default"); d != nil && !isEmpty(d) {
			standard = fmt.Sprintf("`%v`", d)
		}
		fmt.Fprintf(ref, "| `%s` | %s | %s | %v |\n", p.Key, ref.kind(s), standard, get(s, "description"))
	}
}

// kind says what a value is, in a few words.
func (ref *reference) kind(s yaml.MapSlice) string {
	switch {
	case get(s, "const") != nil:
		return fmt.Sprintf("`%v`", get(s, "const"))
	case get(s, "$ref") != nil:
		return ref.kind(ref.resolve(fmt.Sprint(get(s, "$ref"))))
	case get(s, "oneOf") != nil && get(s, "type") == nil:
		return ref.kind(mapOf(get(s, "oneOf").([]any)[0])) + ", or a list"
	case get(s, "title") != nil:
		return fmt.Sprint(get(s, "title"))
	case get(s, "enum") != nil:
		return codes(get(s, "enum"))
	}
	switch get(s, "type") {
	case "array":
		return "list: " + ref.kind(sub(s, "items"))
	case "boolean":
		return "`true` or `false`"
	case "integer":
		return fmt.Sprintf("%v to %v", get(s, "minimum"), get(s, "maximum"))
	case "object":
		return "see below"
	}
	return "text"
}

func (ref *reference) resolve(pointer string) yaml.MapSlice {
	return sub(ref.defs, strings.TrimPrefix(pointer, "#/$defs/"))
}

func get(s yaml.MapSlice, key string) any {
	for _, item := range s {
		if item.Key == key {
			return item.Value
		}
	}
	return nil
}

func sub(s yaml.MapSlice, key string) yaml.MapSlice { return mapOf(get(s, key)) }

func mapOf(v any) yaml.MapSlice {
	s, _ := v.(yaml.MapSlice)
	return s
}

func required(s yaml.MapSlice) map[string]bool {
	names := map[string]bool{}
	list, _ := get(s, "required").([]any)
	for _, name := range list {
		names[fmt.Sprint(name)] = true
	}
	return names
}

func isEmpty(v any) bool {
	b, err := json.Marshal(v)
	return err == nil && (string(b) == "[]" || string(b) == "{}")
}

func codes(list any) string {
	var words []string
	for _, w := range list.([]any) {
		words = append(words, fmt.Sprintf("`%v`", w))
	}
	return strings.Join(words, ", ")
}
