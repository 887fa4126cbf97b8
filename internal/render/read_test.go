package render

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestAFindingIsReadAsItWasWritten(t *testing.T) {
	golden, err := os.ReadFile("testdata/findings.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[incident.Verdict]bool{}
	for line := range bytes.Lines(golden) {
		f, err := ReadFinding(line)
		if err != nil {
			t.Fatal(err)
		}
		verdicts[f.Verdict] = true
		var again bytes.Buffer
		if err := JSON(&again, f); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"id", "revision", "status", "account", "region", "partition", "verdict", "cause", "severity", "firstSeen", "lastSeen"} {
			if a, b := member(line, key), member(again.Bytes(), key); a == "" || a != b {
				t.Errorf("%s: %s was %s, and is %s", f.ID, key, a, b)
			}
		}
	}
	if len(verdicts) < 3 {
		t.Errorf("only %d verdicts were read", len(verdicts))
	}
}

// member is a member of a finding as it stands in the text.
func member(line []byte, key string) string {
	_, rest, ok := strings.Cut(string(line), `"`+key+`":`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, ",\"")
	return value
}

func TestWhatIsNoFindingIsNamed(t *testing.T) {
	var b bytes.Buffer
	good := incident.Finding{
		ID: "tv-1", Revision: 1, Status: incident.Open, Verdict: incident.Expiry, Cause: incident.TokenExpired, Severity: incident.Low,
		FirstSeen: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), LastSeen: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: "a"}},
	}
	if err := JSON(&b, good); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFinding(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string][2]string{
		"schema: expected trailverdict.finding/v1":            {"finding/v1", "finding/v9"},
		"id: expected text":                                   {`"id":"tv-1"`, `"id":7`},
		"verdict: expected one of":                            {`"expiry"`, `"expired"`},
		"cause: expected one of the verdict expiry":           {"token_expired", "clock_skew"},
		"severity: expected one of informational to critical": {`"low"`, `"lowish"`},
		"status: expected open, settled or resolved":          {`"open"`, `"ajar"`},
		"firstSeen: expected a time":                          {"2026-03-04T12", "2026-03-04 12"},
		"name: expected text":                                 {`"name":"a"`, `"name":""`},
		"read finding: ":                                      {`{`, `[`},
	} {
		if _, err := ReadFinding([]byte(strings.Replace(b.String(), edit[0], edit[1], 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func FuzzReadFinding(f *testing.F) {
	golden, err := os.ReadFile("testdata/findings.ndjson")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(golden) {
		f.Add(line)
	}
	f.Add([]byte(`{"schema":"trailverdict.finding/v1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ReadFinding(text)
		if err == nil && (got.ID == "" || got.Cause.Verdict() != got.Verdict || got.Severity.String() == "") {
			t.Errorf("read as %+v", got)
		}
	})
}
