package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// TestMain tells jsii not to speak about Node's age, and ends its process.
func TestMain(m *testing.M) {
	if os.Getenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION") == "" {
		_ = os.Setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
	}
	code := m.Run()
	if started {
		jsii.Close()
	}
	os.Exit(code)
}

// started is set once there is a process of jsii's to be ended.
var started bool

// needsNode skips a test that synthesises where that cannot be done.
func needsNode(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "Node is not installed"
	}
	if racing {
		missing = "jsii does not run under the race detector"
	}
	switch {
	case missing == "":
		started = true
	case os.Getenv("CI") == "true" && !racing:
		t.Fatalf("%s, and a CI run must not leave out the stack", missing)
	default:
		t.Skipf("NOT TESTED: the stack is not synthesised, since %s", missing)
	}
}

// functionsOf makes a folder with something small in place of each function.
func functionsOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range functions() {
		if err := os.MkdirAll(filepath.Join(dir, f.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.name, "bootstrap"), []byte("stand-in for "+f.name+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contextOf is what the CDK's command line would pass: what cdk.json says, and
// what a user adds.
func contextOf(t *testing.T, more map[string]any) map[string]any {
	t.Helper()
	context, err := fileContext("../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	context[prefix+"functions"] = functionsOf(t)
	maps.Copy(context, more)
	return context
}

// template is a stack as CloudFormation gets it.
type template struct {
	name      string
	text      []byte
	resources map[string]resource
	Outputs   map[string]any
}

type resource struct {
	Type           string
	Properties     map[string]any
	DeletionPolicy string
	Condition      string
	Metadata       map[string]any
}

// synth synthesises the stacks with all checks on: CloudFormation's rules, whose
// findings are errors, and AWS's advice as cdk-nag knows it. It fails the test
// for any error, and returns the warnings.
func synth(t *testing.T, more map[string]any) (stacks map[string]template, warnings []string) {
	t.Helper()
	needsNode(t)
	out := t.TempDir()
	context := contextOf(t, more)
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out), Context: &context})
	zips := ""
	if context[prefix+"stack-set"] == "on" {
		zips = t.TempDir()
	}
	if err := synthesise(app, context, zips); err != nil {
		t.Fatal(err)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	func() {
		defer func() {
			if p := recover(); p != nil {
				t.Fatalf("synthesise: %v", p)
			}
		}()
		app.Synth(nil)
	}()
	adviceFollowed(t, out)
	stacksAreApart(t, out)
	messages := annotations(t, out)
	for _, m := range messages["aws:cdk:error"] {
		t.Error(m)
	}
	return templates(t, out), messages["aws:cdk:warning"]
}

// stacksAreApart checks that no stack would be deployed over another.
func stacksAreApart(t *testing.T, out string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type, Environment string
			Properties        struct{ StackName string }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	taken := map[string]string{}
	for id, a := range manifest.Artifacts {
		if a.Type != "aws:cloudformation:stack" {
			continue
		}
		place := a.Environment + " " + cmp.Or(a.Properties.StackName, id)
		if other := taken[place]; other != "" {
			t.Errorf("%s and %s would be deployed over one another, as %s", id, other, place)
		}
		taken[place] = id
	}
	if len(taken) < 2 {
		t.Errorf("only %v found in the manifest", taken)
	}
}

// adviceFollowed reads the reports of cdk-nag, which say of each part whether it
// follows each rule, or why it does not.
func adviceFollowed(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "AwsSolutions-*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			looked++
			switch rule, part, compliance, reason := row[0], row[1], row[2], row[3]; {
			case compliance == "Suppressed" && len(reason) < 20:
				t.Errorf("%s does not follow %s, for no good reason: %s", part, rule, reason)
			case compliance != "Compliant" && compliance != "Suppressed":
				t.Errorf("%s does not follow %s (%s): %s", part, rule, compliance, row[5])
			}
		}
	}
	if looked < 30 {
		t.Errorf("cdk-nag looked at %d things, which cannot be all", looked)
	}
}

// templates reads the stacks that were synthesised into a folder.
func templates(t *testing.T, out string) map[string]template {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	stacks := map[string]template{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".template.json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := template{name: name, text: text}
		var parsed struct {
			Resources map[string]resource
			Outputs   map[string]any
		}
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		s.resources, s.Outputs = parsed.Resources, parsed.Outputs
		stacks[name] = s
	}
	return stacks
}

// annotations are what was said about the stacks, by its level.
func annotations(t *testing.T, out string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(out, "*.metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(out, "manifest.json")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		walk(v, func(m map[string]any) {
			if level, ok := m["type"].(string); ok && m["data"] != nil {
				found[level] = append(found[level], fmt.Sprint(m["data"]))
			}
		})
	}
	return found
}

// walk visits the objects inside a JSON value.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, inner := range v {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

// of lists a stack's resources of a type, by their logical ids.
func (s template) of(kind string) map[string]resource {
	found := map[string]resource{}
	for id, r := range s.resources {
		if r.Type == kind {
			found[id] = r
		}
	}
	return found
}
