package render

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render/rendertest"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

func TestReportGolden(t *testing.T) {
	for name, r := range map[string]incident.Report{"report": rendertest.Odd(), "report-quiet": {BlindSpots: []string{"No client reported a failure."}}} {
		schematest.Lines(t, string(reported(t, ReportJSON, r)))
		for suffix, write := range map[string]func(io.Writer, incident.Report) error{".json": ReportJSON, ".txt": ReportText} {
			t.Run(name+suffix, func(t *testing.T) { golden(t, name+suffix, reported(t, write, r)) })
		}
	}
	t.Run("report-hostile.txt", func(t *testing.T) { golden(t, "report-hostile.txt", reported(t, ReportText, rendertest.Hostile())) })
}

func reported(t interface{ Fatal(...any) }, write func(io.Writer, incident.Report) error, r incident.Report) []byte {
	var b bytes.Buffer
	if err := write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReportJSONIsTheContract reads the report as a script would that was
// written after the contract.
func TestReportJSONIsTheContract(t *testing.T) {
	var got struct {
		Schema, From, To string
		Principals       []map[string]any
		Checks           []struct {
			Check, Account, Region, Time, EventID, Actor, SourceIPAddress, Fact, Fix string
			Subject                                                                  map[string]any
		}
	}
	d := json.NewDecoder(bytes.NewReader(reported(t, ReportJSON, rendertest.Odd())))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "trailverdict.report/v1" || got.From != "2026-03-04T00:00:00Z" || got.To != "2026-03-04T09:00:00Z" {
		t.Errorf("schema %q, from %q, to %q", got.Schema, got.From, got.To)
	}
	known := []string{"subject", "anomaly", "periodSeconds", "jitterSeconds", "occurrences", "expectedLifetimeSeconds", "nextExpected", "confidence", "times"}
	for _, p := range got.Principals {
		for field := range p {
			if !slices.Contains(known, field) {
				t.Errorf("the contract has no field %q", field)
			}
		}
		for _, field := range []string{"subject", "anomaly", "occurrences", "confidence", "times"} {
			if _, ok := p[field]; !ok {
				t.Errorf("%v lacks %s", p["anomaly"], field)
			}
		}
	}
	bug := got.Principals[3]
	if bug["anomaly"] != "refresh_bug" || bug["periodSeconds"] != 3600.0 || bug["jitterSeconds"] != 30.0 || bug["expectedLifetimeSeconds"] != 3600.0 {
		t.Errorf("refresh bug %v", bug)
	}
}

func TestReportTextFitsEightyColumns(t *testing.T) {
	for line := range strings.Lines(string(reported(t, ReportText, rendertest.Odd()))) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestReportEnduresAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rendertest.Any(t)
		for _, write := range []func(io.Writer, incident.Report) error{ReportJSON, ReportText} {
			if len(reported(t, write, r)) == 0 {
				t.Fatal("nothing was written")
			}
		}
	})
}
