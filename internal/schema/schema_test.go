package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/schema"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// TestEachStandsAlone compiles what is published, with nothing to load besides.
func TestEachStandsAlone(t *testing.T) {
	names := schema.Names()
	if len(names) < 10 || !slices.Contains(names, "finding") {
		t.Fatalf("there are %q", names)
	}
	for _, name := range names {
		if _, err := schematest.Compile(name); err != nil {
			t.Error(err)
		}
		var v struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal([]byte(schema.Of(name)), &v); err != nil || !strings.HasSuffix(v.ID, "/internal/schema/"+name+".schema.json") {
			t.Errorf("%s: $id %q, %v", name, v.ID, err)
		}
	}
	if got := schema.Of("nothing"); got != "" {
		t.Errorf("the schema of nothing is %s", got)
	}
}

// TestReports: a line in a log names nobody if it does not know, and an event must.
func TestReports(t *testing.T) {
	for line, good := range map[string]bool{
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken"}`:                                true,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","count":3,"mine":1}`:             true,
		`{"errorCode":"ExpiredToken","eventTime":"2026-03-01T10:00:00Z","workload":"payments"}`:           true,
		`{"errorCode":"ExpiredToken","eventTime":"2026-03-01T10:00:00Z"}`:                                 false,
		`{"errorCode":"ExpiredToken","workload":"payments"}`:                                              false,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","count":0}`:                      false,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","accessKeyId":"a secret/value"}`: false,
		`{"trailverdict":"credential_failure"}`:                                                           false,
	} {
		if err := schematest.Keeps("failure", []byte(line)); (err == nil) != good {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestWhatIsOddIsRefused: schemas that take anything would prove nothing.
func TestWhatIsOddIsRefused(t *testing.T) {
	const check = `{"schema":"trailverdict.check/v1","check":"session_duration","account":"111122223333","region":"us-east-1","subject":{"type":"role","name":"a","accessKeyIds":[]},"time":"2026-03-01T10:00:00Z","eventId":"1","fact":"f","fix":"x"}`
	if err := schematest.Valid([]byte(check)); err != nil {
		t.Fatal(err)
	}
	for what, line := range map[string]string{
		"a member that nobody knows": strings.Replace(check, `"fix"`, `"secret":"s","fix"`, 1),
		"a guard rail that is none":  strings.Replace(check, "session_duration", "long_session", 1),
		"a time without a zone":      strings.Replace(check, "10:00:00Z", "10:00:00", 1),
		"a missing fact":             strings.Replace(check, `"fact":"f",`, "", 1),
		"an inner member":            strings.Replace(check, `"name":"a"`, `"name":"a","x":1`, 1),
		"another version":            strings.Replace(check, "/v1", "/v2", 1),
		"a bare check in a report":   `{"schema":"trailverdict.report/v1","principals":[],"checks":[{"check":"ci_keys"}]}`,
	} {
		if schematest.Valid([]byte(line)) == nil {
			t.Errorf("%s is taken: %s", what, line)
		}
	}
}
