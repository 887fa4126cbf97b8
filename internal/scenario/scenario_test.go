package scenario

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const whole = `A key was disabled.

-- config.yaml --
version: 1
-- as-of --
2026-03-04T12:00:00Z
-- events.ndjson --
{"eventName":"UpdateAccessKey"}
-- expect --
user lena planned_change key_rotated informational
federated an identity with spaces compromise trust_opened * -> soc  mail
`

func TestParse(t *testing.T) {
	s, err := Parse("events/scenario/a-story.txtar", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "a-story" || s.Prose != "A key was disabled." || string(s.Config) != "version: 1\n" {
		t.Errorf("Parse() = %+v", s)
	}
	if want := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC); !s.AsOf.Equal(want) {
		t.Errorf("as of %v, want %v", s.AsOf, want)
	}
	want := []Expectation{
		{"user", "lena", incident.PlannedChange, incident.KeyRotated, "informational", ""},
		{"federated", "an identity with spaces", incident.Compromise, incident.TrustOpened, "", "soc mail"},
	}
	if !slices.Equal(s.Expect, want) {
		t.Errorf("expect = %+v, want %+v", s.Expect, want)
	}
	if got := s.Expect[1].String(); got != "federated an identity with spaces compromise trust_opened * -> soc mail" {
		t.Errorf("String() = %q", got)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for want, story := range map[string]string{
		"no events":                      "-- expect --\nquiet\n",
		"expects nothing":                "-- events.ndjson --\n{}\n",
		"neither findings nor quiet":     "-- events.ndjson --\n{}\n-- expect --\n\n",
		"is not <type> <name>":           "-- events.ndjson --\n{}\n-- expect --\nrole x compromise\n",
		"<cause> <severity>":             "-- events.ndjson --\n{}\n-- expect --\nrole x expiry token_expired * -> \n",
		"is no verdict":                  "-- events.ndjson --\n{}\n-- expect --\nrole x stolen trust_opened *\n",
		"is no severity":                 "-- events.ndjson --\n{}\n-- expect --\nrole x compromise trust_opened huge\n",
		"quiet, and a finding":           "-- events.ndjson --\n{}\n-- expect --\nquiet\nrole x compromise trust_opened *\n",
		"as-of":                          "-- as-of --\nyesterday\n-- events.ndjson --\n{}\n-- expect --\nquiet\n",
		"no story has a file of that na": "-- events.json --\n{}\n",
	} {
		_, err := Parse("x.txtar", []byte(story))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "story x") {
			t.Errorf("Parse() = %v, want an error about %q", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	finding := func(name string, v incident.Verdict, sev incident.Severity) incident.Finding {
		return incident.Finding{
			Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: name}},
			Verdict: v, Cause: incident.TokenExpired, Severity: sev,
		}
	}
	low, quiet := finding("a", incident.Expiry, incident.Low), finding("b", incident.PlannedChange, incident.Informational)
	expectA := Expectation{"role", "a", incident.Expiry, incident.TokenExpired, "", ""}
	for name, test := range map[string]struct {
		expect   []Expectation
		findings []incident.Finding
		want     []string
	}{
		"all as expected":                       {[]Expectation{expectA}, []incident.Finding{low}, nil},
		"quiet":                                 {nil, nil, nil},
		"informational findings need no line":   {nil, []incident.Finding{quiet}, nil},
		"one is missing":                        {[]Expectation{expectA}, nil, []string{"missing: role a expiry token_expired *"}},
		"one is too much":                       {nil, []incident.Finding{low}, []string{"not expected: role a expiry token_expired low"}},
		"twice is once too much":                {[]Expectation{expectA}, []incident.Finding{low, low}, []string{"not expected: role a expiry token_expired low"}},
		"an informational one that is expected": {[]Expectation{{"role", "b", incident.PlannedChange, incident.TokenExpired, "informational", ""}}, nil, []string{"missing: role b planned_change token_expired informational"}},
		"the severity differs": {
			[]Expectation{{"role", "a", incident.Expiry, incident.TokenExpired, "medium", ""}},
			[]incident.Finding{low},
			[]string{"missing: role a expiry token_expired medium", "not expected: role a expiry token_expired low"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Story{Expect: test.expect}).Check(test.findings); !slices.Equal(got, test.want) {
				t.Errorf("Check() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	stories, err := Load(fstest.MapFS{
		"b/two.txtar": {Data: []byte(whole)}, "a.txtar": {Data: []byte(whole)}, "README.md": {Data: []byte("none")},
	})
	if err != nil || len(stories) != 2 || stories[0].Name != "a" || stories[1].Name != "two" {
		t.Errorf("Load() = %v, %v; want a and two", stories, err)
	}
	if _, err := Load(fstest.MapFS{"a.txtar": {Data: []byte("-- expect --\nquiet\n")}}); err == nil {
		t.Error("a broken story is no error")
	}
}
