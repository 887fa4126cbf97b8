package file

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accepts reports whether the schema accepts a file, read as an editor does.
func accepts(t *testing.T, s *jsonschema.Schema, file string) bool {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatalf("%q: %v", file, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatalf("%q: %v", file, err)
	}
	return s.Validate(v) == nil
}

// fragments are what may stand for a key's value, good and bad. Each goes below
// "version: 1".
var fragments = []string{
	"",
	"accounts: []", "accounts: ['111122223333']", "accounts: [111122223333]", "accounts: ['1111']", "accounts: '111122223333'", "accounts: {}", "accounts: [null]", "accounts: [['111122223333']]",
	"accounts: ['111122223333', '111122223333']", "trusted_accounts: ['999988887777']", "trusted_accounts: [true]",
	"organisations: [o-a1b2c3d4e5]", "organisations: [o-1]", "organisations: [O-A1B2C3D4E5]", "organizations: [o-a1b2c3d4e5]",
	"responders: [soc]", "responders: ['soc-*']", "responders: ['*']", "responders: ['?*']", "responders: ['role/soc']", "responders: ['arn:aws:iam::111122223333:role/soc']",
	"responders: ['arn:aws-us-gov:sts::*:assumed-role/soc/*']", "responders: ['arn:aws:iam::*:role/*']", "responders: ['arn:aws:iam::*:*']", "responders: ['arn:aws:iam::*:role/soc/*']", "responders: [role, user]", "responders: ['user*']",
	"responders: ['arn:aws:s3:::b']", "responders: ['']", "responders: [a b]", "responders: [ec2.amazonaws.com]", "responders: [{name: soc}]", "responders: [7]",
	"deployers: [ci, ci]", "deployers: [" + strings.Repeat("x", 65) + "]",
	"trusted_networks: [198.51.100.0/24]", "trusted_networks: ['2001:db8::/32']", "trusted_networks: [198.51.100.7]", "trusted_networks: [office]", "trusted_networks: [10.0.0.0/8, 10.0.0.0/8]",
	"change_windows: []", "change_windows: {}", "change_windows: [{name: w}]", "change_windows: [{name: w, from: '08:00', until: '09:00'}]", "change_windows: [{from: '08:00', until: '09:00'}]",
	"change_windows: [{name: w, from: '08:00'}]", "change_windows: [{name: w, from: '8:00', until: '09:00'}]", "change_windows: [{name: w, from: '22:00', until: '24:00'}]", "change_windows: [{name: w, from: '24:00', until: '02:00'}]", "change_windows: [{name: w, from: '22:00', until: '25:00'}]",
	"change_windows: [{name: w, days: [mon, fri], from: '08:00', until: '09:00'}]", "change_windows: [{name: w, days: [mon, mon], from: '08:00', until: '09:00'}]", "change_windows: [{name: w, days: [Monday], from: '08:00', until: '09:00'}]", "change_windows: [{name: w, days: [mon]}]",
	"change_windows: [{name: w, start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z'}]", "change_windows: [{name: w, start: '2026-03-01T00:00:00Z'}]", "change_windows: [{name: w, start: '2026-03-01', end: '2026-03-02'}]", "change_windows: [{name: w, start: '2026-03-01T00:00:00.5+01:00', end: '2026-03-02T00:00:00Z', actors: [ci]}]",
	"change_windows: [{name: w, start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z', from: '08:00', until: '09:00'}]", "change_windows: [{name: '', from: '08:00', until: '09:00'}]", "change_windows: [{name: w, from: '08:00', until: '09:00', actors: ['*']}]", "change_windows: [{name: w, from: '08:00', until: '09:00', who: [ci]}]",
	"change_windows: [{name: w, from: '08:00', until: '09:00', expects: role_deleted_by_owner}]", "change_windows: [{name: w, from: '08:00', until: '09:00', expects: [key_rotated, token_expired], subjects: ['a-*', b], actors: [ci]}]", "change_windows: [{name: w, from: '08:00', until: '09:00', subjects: a}]",
	"change_windows: [{name: w, from: '08:00', until: '09:00', expects: []}]", "change_windows: [{name: w, from: '08:00', until: '09:00', expects: [trust_opened]}]", "change_windows: [{name: w, from: '08:00', until: '09:00', expects: role_deleted}]", "change_windows: [{name: w, from: '08:00', until: '09:00', expects: [key_rotated, key_rotated]}]", "change_windows: [{name: w, from: '08:00', until: '09:00', subjects: '*'}]", "change_windows: [{name: w, from: '08:00', until: '09:00', subjects: []}]",
	"thresholds: {}", "thresholds: []", "thresholds: {correlation: 1h}", "thresholds: {correlation: 1h30m}", "thresholds: {correlation: 90m}", "thresholds: {correlation: 3600}", "thresholds: {correlation: ''}", "thresholds: {correlation: 1.5h}", "thresholds: {correlation: 1 h}", "thresholds: {correlation: 1d}", "thresholds: {correlation: h}",
	"thresholds: {spike_floor: 2}", "thresholds: {spike_floor: 1}", "thresholds: {spike_floor: '5'}", "thresholds: {spike_floor: 2.5}", "thresholds: {spike_floor: 1000001}", "thresholds: {spike_floor: true}", "thresholds: {refresh_beats: 2}", "thresholds: {refresh_beats: 3}", "thresholds: {max_evidence: 0}", "thresholds: {max_evidence: 250}", "thresholds: {max_evidence: 251}", "thresholds: {denials: -1}", "thresholds: {plain_failures: 1}", "thresholds: {plain-failures: 1}",
	"suppressions: [{cause: clock_skew, until: '2026-06-30', reason: r}]", "suppressions: [{cause: clock_skew, until: '2026-06-30T00:00:00Z', reason: r, author: a, subject: 'x*', account: '111122223333', verdict: misconfiguration}]",
	"suppressions: [{cause: clock_skew, until: '2026-06-30'}]", "suppressions: [{cause: clock_skew, reason: r}]", "suppressions: [{until: '2026-06-30', reason: r}]", "suppressions: [{cause: skew, until: '2026-06-30', reason: r}]", "suppressions: [{verdict: benign, until: '2026-06-30', reason: r}]", "suppressions: [{subject: '*', until: '2026-06-30', reason: r}]", "suppressions: [{subject: ' x', until: '2026-06-30', reason: r}]", "suppressions: [{subject: '', until: '2026-06-30', reason: r}]",
	"suppressions: [{cause: clock_skew, until: never, reason: r}]", "suppressions: [{cause: clock_skew, until: '2026-06-30', reason: '  '}]", "suppressions: [{cause: clock_skew, until: '2026-06-30', reason: ' r '}]", "suppressions: [{cause: clock_skew, until: '2026-06-30', reason: \"a\\nb\"}]", "suppressions: [{cause: clock_skew, until: '2026-06-30', reason: '" + strings.Repeat("é", 500) + "'}]", "suppressions: [{cause: clock_skew, until: '2026-06-30', reason: '" + strings.Repeat("x", 501) + "'}]",
	"routes: [{name: a, type: email, target: a@example.com}]", "routes: [{name: a, type: email, target: example.com}]", "routes: [{name: a, type: email, target: a@localhost}]", "routes: [{name: a, type: email, target: 'A <a@example.com>'}]", "routes: [{name: A b, type: email, target: a@example.com}]", "routes: [{type: email, target: a@example.com}]", "routes: [{name: a, target: a@example.com}]", "routes: [{name: a, type: email}]", "routes: [{name: a, type: pager, target: a@example.com}]",
	"routes: [{name: a, type: sqs, target: 'arn:aws:sqs:eu-west-1:111122223333:q'}]", "routes: [{name: a, type: sqs, target: 'arn:aws-cn:sqs:cn-north-1:111122223333:q.fifo'}]", "routes: [{name: a, type: sqs, target: 'https://sqs.eu-west-1.amazonaws.com/111122223333/q'}]",
	"routes: [{name: a, type: lambda, target: 'arn:aws:lambda:eu-west-1:111122223333:function:f:live'}]", "routes: [{name: a, type: lambda, target: f}]", "routes: [{name: a, type: chat, target: 'arn:aws:chatbot::111122223333:chat-configuration/slack-channel/c'}]", "routes: [{name: a, type: chat, target: '#soc'}]",
	"routes: [{name: a, type: https, target: 'https://example.com/a?b=c'}]", "routes: [{name: a, type: https, target: 'https://example.com:8443'}]", "routes: [{name: a, type: https, target: 'http://example.com'}]", "routes: [{name: a, type: https, target: 'https://u:p@example.com'}]", "routes: [{name: a, type: https, target: 'https://example.com/#a'}]", "routes: [{name: a, type: https, target: 7}]",
	"routes: [{name: a, type: email, target: a@example.com, match: {}}]", "routes: [{name: a, type: email, target: a@example.com, match: {verdict: expiry}}]", "routes: [{name: a, type: email, target: a@example.com, match: {verdict: [expiry, compromise], severity: high, account: '111122223333', cause: [refresh_bug]}}]",
	"routes: [{name: a, type: email, target: a@example.com, match: {verdict: []}}]", "routes: [{name: a, type: email, target: a@example.com, match: {verdict: [expiry, expiry]}}]", "routes: [{name: a, type: email, target: a@example.com, match: {severity: [high]}}]", "routes: [{name: a, type: email, target: a@example.com, match: {account: [111122223333]}}]", "routes: [{name: a, type: email, target: a@example.com, match: {subject: x}}]", "routes: [{name: a, type: email, target: a@example.com, match: {subject: ['a-*', b], owner: payments}}]", "routes: [{name: a, type: email, target: a@example.com, match: {subject: '*'}}]", "routes: [{name: a, type: email, target: a@example.com, match: {owner: []}}]", "routes: [{name: a, type: email, target: a@example.com, match: {owner: 'a|b'}}]",
	"routes: [{name: a, type: email, target: a@example.com, otherwise: true, after: 30m, repeat: 4h, quiet_hours: {from: '20:00', until: '07:00', days: [mon, fri], zone: Europe/Berlin}, urgent: critical}]", "routes: [{name: a, type: email, target: a@example.com, otherwise: 'yes'}]", "routes: [{name: a, type: email, target: a@example.com, after: 5}]", "routes: [{name: a, type: email, target: a@example.com, urgent: high}]",
	"routes: [{name: a, type: email, target: a@example.com, quiet_hours: [{from: '20:00', until: '24:00', zone: '+05:30'}, {from: '00:00', until: '07:00'}]}]", "routes: [{name: a, type: email, target: a@example.com, quiet_hours: []}]", "routes: [{name: a, type: email, target: a@example.com, quiet_hours: {from: '20:00'}}]", "routes: [{name: a, type: email, target: a@example.com, quiet_hours: {from: '20:00', until: '07:00', zone: '+5'}}]", "routes: [{name: a, type: email, target: a@example.com, quiet_hours: {from: '24:00', until: '07:00'}}]",
	"owners: [{name: payments, subjects: ['payments-*', 'arn:aws:iam::*:role/payments/*']}]", "owners: [{name: payments, subjects: payments}]", "owners: [{name: payments}]", "owners: [{name: ' a', subjects: x}]", "owners: [{name: a, subjects: '*'}]", "owners: [{name: a, subjects: []}]", "routes: [{name: a, type: email, target: a@example.com, match: []}]",
	"owner_tag: team", "owner_tag: 'aws:createdBy'", "owner_tag: Équipe responsable", "owner_tag: ' team'", "owner_tag: 'team*'", "owner_tag: ''", "owner_tag: [team]", "owner_tag: " + strings.Repeat("é", 128), "owner_tag: " + strings.Repeat("x", 129),
	"routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: payments}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: [payments, 'orders-*'], 'cost center': '47?1', note: ''}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {'': payments}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {'te*': payments}}}]",
	"routes: [{name: a, type: email, target: a@example.com, match: {tag: {}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: []}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: [a, a]}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: 7}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: 'a|b'}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: [team]}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: null}}}]", "routes: [{name: a, type: email, target: a@example.com, match: {tag: {team: {is: a}}}}]",
	"suppressions: [{tag: {stage: sandbox}, until: '2026-06-30', reason: r}]", "suppressions: [{tag: stage, until: '2026-06-30', reason: r}]", "suppressions: [{tag: {stage: " + strings.Repeat("é", 257) + "}, until: '2026-06-30', reason: r}]",
	"log_groups: []", "log_groups: {}", "log_groups: [{pattern: /ecs/a, workload: a}]", "log_groups: [{pattern: '/ecs/*-?', principal: 'arn:aws:iam::111122223333:role/apps/a'}]", "log_groups: [{pattern: a.b#c_d, workload: a, principal: 'arn:aws-cn:iam::111122223333:user/a@b'}]",
	"log_groups: [{pattern: /ecs/a}]", "log_groups: [{workload: a}]", "log_groups: [{pattern: '*', workload: a}]", "log_groups: [{pattern: '?*', workload: a}]", "log_groups: [{pattern: '', workload: a}]", "log_groups: [{pattern: 'a b', workload: a}]", "log_groups: [{pattern: 'a:*', workload: a}]", "log_groups: [{pattern: " + strings.Repeat("x", 512) + ", workload: a}]", "log_groups: [{pattern: " + strings.Repeat("x", 513) + ", workload: a}]",
	"log_groups: [{pattern: a, workload: 'a b'}]", "log_groups: [{pattern: a, workload: ''}]", "log_groups: [{pattern: a, workload: '-'}]", "log_groups: [{pattern: a, workload: /ecs/a}]", "log_groups: [{pattern: a, workload: 7}]", "log_groups: [{pattern: a, workload: " + strings.Repeat("x", 129) + "}]",
	"log_groups: [{pattern: a, principal: payments}]", "log_groups: [{pattern: a, principal: 'arn:aws:iam::111122223333:role/*'}]", "log_groups: [{pattern: a, principal: 'arn:aws:sts::111122223333:assumed-role/a/b'}]", "log_groups: [{pattern: a, principal: 'arn:aws:iam::111122223333:root'}]", "log_groups: [{pattern: a, principal: 'arn:aws:iam::111122223333:role/" + strings.Repeat("x/", 250) + "x'}]", "log_groups: [{pattern: a, principal: 'arn:aws:iam::111122223333:role/" + strings.Repeat("x", 65) + "'}]",
	"log_groups: [{pattern: a, workload: b, account: '111122223333'}]", "log_groups: [a]", "log_group: []",
	"route: []", "colour: red",
}

func TestSchemaAndLoaderAgree(t *testing.T) {
	s := compiledSchema(t)
	accepted := 0
	for _, fragment := range fragments {
		file := "version: 1\n" + fragment + "\n"
		_, err := Load("f.yaml", []byte(file))
		if bySchema := accepts(t, s, file); bySchema != (err == nil) {
			t.Errorf("%s: the schema accepts it: %v; the loader: %v", fragment, bySchema, err)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted < 30 || len(fragments)-accepted < 60 {
		t.Errorf("of %d fragments %d are accepted: too few of one kind to prove anything", len(fragments), accepted)
	}
	for _, file := range []string{"accounts: []\n", "version: 2\n", "version: '1'\n", "version: 1.5\n", "[]\n", "text\n"} {
		if _, err := Load("f.yaml", []byte(file)); err == nil || accepts(t, s, file) {
			t.Errorf("%q: the schema accepts it: %v; the loader: %v", file, accepts(t, s, file), err)
		}
	}
}

// What a schema cannot say, the loader still checks.
func TestLoaderIsStricterThanSchema(t *testing.T) {
	s := compiledSchema(t)
	for _, fragment := range []string{
		"accounts: [012345678901]", // the test's parser sees text in it; others a number
		"trusted_networks: [198.51.100.7/24]",
		"trusted_networks: [0.0.0.0/0]",
		"trusted_networks: [198.51.100.0/33]",
		"change_windows: [{name: w, start: '2026-03-02T00:00:00Z', end: '2026-03-01T00:00:00Z'}]",
		"change_windows: [{name: w, start: '2026-13-01T00:00:00Z', end: '2026-14-01T00:00:00Z'}]",
		"change_windows: [{name: w, from: '08:00', until: '08:00'}]",
		"change_windows: [{name: w, from: '08:00', until: '09:00'}, {name: w, from: '10:00', until: '11:00'}]",
		"thresholds: {correlation: 25h}",
		"thresholds: {quiet: 1h, correlation: 2h}",
		"suppressions: [{verdict: expiry, cause: clock_skew, until: '2026-06-30', reason: r}]",
		"suppressions: [{cause: clock_skew, until: '2026-02-30', reason: r}]",
		"routes: [{name: a, type: email, target: a@example.com}, {name: a, type: email, target: b@example.com}]",
		"log_groups: [{pattern: a, workload: b}, {pattern: a, workload: c}]",
	} {
		file := "version: 1\n" + fragment + "\n"
		if _, err := Load("f.yaml", []byte(file)); err == nil {
			t.Errorf("%s: the loader accepts it", fragment)
		}
		if !accepts(t, s, file) {
			t.Errorf("%s: the schema can say it after all; move it to the fragments", fragment)
		}
	}
}

func TestEverythingInTheConfigurationTestIsInTheSchema(t *testing.T) {
	example, err := os.ReadFile("../../../docs/examples/trailverdict.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !accepts(t, compiledSchema(t), string(example)) {
		t.Error("the schema does not accept the worked example")
	}
}

// The schema's defaults, written as a file, change nothing.
func TestSchemaDefaultsAreTheDefaults(t *testing.T) {
	var doc struct {
		Properties struct {
			Thresholds struct {
				Properties map[string]struct {
					Default json.RawMessage `json:"default"`
				} `json:"properties"`
			} `json:"thresholds"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(config.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	properties := doc.Properties.Thresholds.Properties
	if want := reflect.TypeFor[incident.Thresholds]().NumField(); len(properties) != want {
		t.Errorf("the schema has %d thresholds, incident has %d", len(properties), want)
	}
	file := "version: 1\nthresholds:\n"
	for name, p := range properties {
		if len(p.Default) == 0 {
			t.Errorf("threshold %s has no default", name)
		}
		file += "  " + name + ": " + string(p.Default) + "\n"
	}
	got, err := Load("defaults.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("the schema's defaults (-default +schema):\n%s", diff)
	}
}

// A threshold that can be set but is not stored would go unnoticed otherwise.
func TestEveryThresholdCanBeMoved(t *testing.T) {
	const file = "version: 1\nthresholds: {correlation: 61m, spike_floor: 9, spike_window: 9m, plain_failures: 9, denials: 9, refresh_beats: 9, lateness: 9m, quiet: 25h, propagation: 9m, max_evidence: 9}\n"
	got, err := Load("f.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	moved, was := reflect.ValueOf(got.Settings.Thresholds), reflect.ValueOf(incident.DefaultSettings().Thresholds)
	for i := range moved.NumField() {
		if moved.Field(i).Equal(was.Field(i)) {
			t.Errorf("%s cannot be moved", moved.Type().Field(i).Name)
		}
	}
}

func TestSchemaIsNotShared(t *testing.T) {
	a := config.Schema()
	a[0] = 'x'
	if config.Schema()[0] == 'x' {
		t.Error("a caller can change the schema")
	}
}

// The list of causes has one more copy than one would like; here they meet.
func TestCausesAreComplete(t *testing.T) {
	var inSchema struct {
		Defs map[string]struct {
			Enum []string `json:"enum"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(), &inSchema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(causeNames(), inSchema.Defs["cause"].Enum); diff != "" {
		t.Errorf("causes (-config +schema):\n%s", diff)
	}
	if diff := cmp.Diff(verdictNames(), inSchema.Defs["verdict"].Enum); diff != "" {
		t.Errorf("verdicts (-config +schema):\n%s", diff)
	}
	if diff := cmp.Diff(incident.Severities, inSchema.Defs["severity"].Enum); diff != "" {
		t.Errorf("severities (-incident +schema):\n%s", diff)
	}
	known := map[string]bool{}
	for _, c := range causeNames() {
		known[c] = true
	}
	constants := causeConstants(t)
	for _, c := range constants {
		if !known[c] {
			t.Errorf("cause %s of package incident is missing here", c)
		}
	}
	if len(constants) != len(known) {
		t.Errorf("%d causes here, %d in package incident", len(known), len(constants))
	}
}

// causeConstants reads the values of incident's constants of type Cause.
func causeConstants(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../incident/finding.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Cause" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	return values
}
