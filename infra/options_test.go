package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/config"
)

func TestBadContextIsNamed(t *testing.T) {
	for name, tt := range map[string]struct{ key, value, want string }{
		"a misspelt key":               {"emial", "a@example.com", "context trailverdict:emial: unknown key"},
		"a name with a blank":          {"name", "my detector", "context trailverdict:name: expected a letter"},
		"a name that is too long":      {"name", strings.Repeat("x", 25), "context trailverdict:name: expected a letter"},
		"another partition":            {"partition", "aws-eu", "context trailverdict:partition: expected one of aws, aws-cn, aws-us-gov"},
		"a short account":              {"account", "1234", "context trailverdict:account: expected the account's 12 digits"},
		"no Region":                    {"regions", "Ireland", "context trailverdict:regions: expected Regions such as eu-west-1"},
		"a Region given twice":         {"regions", "eu-west-1,eu-west-1", `context trailverdict:regions: "eu-west-1" is given twice`},
		"the home Region":              {"regions", "us-east-1", "context trailverdict:regions: us-east-1 is the home Region"},
		"a Region of another land":     {"regions", "cn-north-1", "context trailverdict:regions: cn-north-1 is not in the partition aws"},
		"no address":                   {"email", "soc", "context trailverdict:email: expected e-mail addresses"},
		"half an address":              {"operators", "a@example.com,", "context trailverdict:operators: expected e-mail addresses"},
		"a bus by its name":            {"soc-bus", "findings", "context trailverdict:soc-bus: expected the ARN of an event bus"},
		"a bus of another partition":   {"soc-bus", "arn:aws-cn:events:cn-north-1:999988887777:event-bus/x", "context trailverdict:soc-bus: the bus is not in the partition aws"},
		"a log group with a star":      {"log-groups", "/aws/*", "context trailverdict:log-groups: expected names of log groups"},
		"a log group given twice":      {"log-groups", "/app/a,/app/a", `context trailverdict:log-groups: "/app/a" is given twice`},
		"a log group of our own":       {"log-groups", "trailverdict-DetectLogs-1ABC", "context trailverdict:log-groups: trailverdict-DetectLogs-1ABC is one of the detector's own"},
		"too many log groups":          {"log-groups", groups(41), "context trailverdict:log-groups: 41 log groups are to be searched"},
		"yes in place of on":           {"dashboard", "yes", `context trailverdict:dashboard: expected one of off, on, got "yes"`},
		"days that Logs does not know": {"log-days", "31", "context trailverdict:log-days: expected a number of days"},
		"a link for ever":              {"report-link-hours", "169", "context trailverdict:report-link-hours: expected hours from 1 to 168"},
		"no such file":                 {"config", "missing.yaml", "context trailverdict:config: open missing.yaml"},
		"a file with an error":         {"config", "options_test.go", "context trailverdict:config: options_test.go:4:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readOptions(map[string]any{prefix + tt.key: tt.value})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("readOptions() = %v, want %q in it", err, tt.want)
			}
		})
	}
}

// groups are the names of so many log groups.
func groups(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("/app/%d", i))
	}
	return strings.Join(list, ",")
}

func TestStackSetIsForAllAccounts(t *testing.T) {
	_, err := readOptions(map[string]any{
		prefix + "stack-set": "on", prefix + "name": "a-rather-long-name", prefix + "account": "111122223333", prefix + "regions": "eu-west-1",
	})
	for _, want := range []string{"trailverdict:name: expected at most 15 characters", "trailverdict:account: a StackSet is for many", "trailverdict:regions: a StackSet's forwarder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readOptions() = %v, want %q in it", err, want)
		}
	}
	if o, err := readOptions(map[string]any{prefix + "stack-set": "on"}); err != nil || o.name != "StackSet-trailverdict" {
		t.Errorf("the stacks are called %s, %v", o.name, err)
	}
}

func TestManyLogGroups(t *testing.T) {
	if _, err := readOptions(map[string]any{prefix + "log-groups": groups(maxGroups)}); err != nil {
		t.Errorf("as many as Lambda allows: %v", err)
	}
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	_, err := readOptions(map[string]any{prefix + "name": "1", prefix + "account": "x", prefix + "colour": "red", "other": "thing"})
	if err == nil {
		t.Fatal("three errors, and none reported")
	}
	for _, key := range []string{"name", "account", "colour"} {
		if !strings.Contains(err.Error(), prefix+key) {
			t.Errorf("%q says nothing of %s", err, key)
		}
	}
	if strings.Contains(err.Error(), "other") {
		t.Errorf("%q speaks of a key that is not ours", err)
	}
}

func TestGoodContext(t *testing.T) {
	o, err := readOptions(map[string]any{
		prefix + "partition": "aws-us-gov", prefix + "regions": []any{"us-gov-east-1"}, prefix + "email": " a@example.com , b@example.com",
		prefix + "soc-bus": "arn:aws-us-gov:events:us-gov-west-1:999988887777:event-bus/findings", prefix + "log-days": 365, prefix + "implicit-denials": "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.home() != "us-gov-west-1" || len(o.emails) != 2 || o.emails[1] != "b@example.com" || len(o.operators) != 2 || o.logDays != 365 || o.implicitDenials || !o.reserve {
		t.Errorf("readOptions() = %+v", o)
	}
}

func TestMissingFunctionsAreNamed(t *testing.T) {
	o, err := readOptions(map[string]any{prefix + "functions": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stage(o)
	for _, f := range functions() {
		if err == nil || !strings.Contains(err.Error(), f.name+"/bootstrap is missing: run make functions first") {
			t.Errorf("stage() = %v, which does not name %s", err, f.name)
		}
	}
}

func TestTheConfigurationIsPackedBesideEachFunction(t *testing.T) {
	built := t.TempDir()
	for _, f := range functions() {
		if err := os.MkdirAll(filepath.Join(built, f.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(built, f.name, "bootstrap"), []byte("program"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"", "testdata/routes.yaml"} {
		context := map[string]any{prefix + "functions": built}
		if path != "" {
			context[prefix+"config"] = path
		}
		o, err := readOptions(context)
		if err != nil {
			t.Fatal(err)
		}
		s, err := stage(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.remove()
		for _, f := range functions() {
			packed := filepath.Join(s.folder(f.name), config.PackedName)
			if path == "" {
				if _, err := os.Stat(packed); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s has a configuration, though there is none: %v", f.name, err)
				}
				continue
			}
			if got, err := config.LoadPacked(packed, os.ReadFile); err != nil || len(got.Routes) == 0 || !reflect.DeepEqual(got, o.config) {
				t.Errorf("%s reads %+v, %v; want what the file says", f.name, got, err)
			}
		}
	}
}
