package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/render/rendertest"
)

// TestReadReportReadsWhatWasWritten: written again, a report that was read is the
// same.
func TestReadReportReadsWhatWasWritten(t *testing.T) {
	for name, r := range map[string]bool{"odd": false, "hostile": true} {
		in := rendertest.Odd()
		if r {
			in = rendertest.Hostile()
		}
		in.Checks = nil // nobody compares them with those of another period
		want := reported(t, ReportJSON, in)
		got, err := ReadReport(want)
		if err != nil {
			t.Fatal(err)
		}
		if again := reported(t, ReportJSON, got); !bytes.Equal(again, want) {
			t.Errorf("%s: read and written again\n%s\nwas\n%s", name, again, want)
		}
	}
}

func TestReadReportTakesNothingElse(t *testing.T) {
	for _, data := range []string{
		``, `null`, `[]`, `{}`, `correct-horse`, `{"schema":"trailverdict.finding/v1"}`, `{"schema":"trailverdict.report/v1","to":"correct-horse"}`,
		`{"schema":"trailverdict.report/v1","principals":[{"anomaly":"spike","times":["correct-horse"]}]}`,
	} {
		if r, err := ReadReport([]byte(data)); !errors.Is(err, ErrReport) || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%q: %+v, %v", data, r, err)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add(reported(f, ReportJSON, rendertest.Odd()))
	f.Add(reported(f, ReportJSON, rendertest.Hostile()))
	f.Add([]byte(`{"schema":"trailverdict.report/v1","principals":[{"periodSeconds":1e300}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := ReadReport(data); err == nil {
			reported(t, ReportJSON, r)
			reported(t, ReportText, r)
		}
	})
}
