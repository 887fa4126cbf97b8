package render

import (
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render/rendertest"
)

func reportNote() ReportNote {
	return ReportNote{
		Account: "111122223333", Period: "day", Life: 12 * time.Hour,
		Link:  "https://reports.s3.us-east-1.amazonaws.com/111122223333/day/2026-03-04T09Z.html?X-Amz-Signature=" + strings.Repeat("0", 200),
		Place: "s3://reports/111122223333/day/2026-03-04T09Z.html",
	}
}

func mailed(w io.Writer, r incident.Report) error { return ReportEmail(w, r, reportNote()) }

func TestReportEmailGolden(t *testing.T) {
	for name, r := range map[string]incident.Report{
		"report.mail": rendertest.Odd(), "report-quiet.mail": {BlindSpots: []string{"No client reported a failure."}}, "report-hostile.mail": rendertest.Hostile(),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, []byte("Subject: "+ReportSubject(r, reportNote())+"\n\n"+string(reported(t, mailed, r))))
		})
	}
}

func TestReportEmailKeepsItsForm(t *testing.T) {
	n := reportNote()
	rapid.Check(t, func(t *rapid.T) {
		r := rendertest.Any(t)
		for range rapid.IntRange(0, 20).Draw(t, "more") {
			a := rendertest.Hostile().Anomalies[rapid.IntRange(0, 4).Draw(t, "which")]
			a.Subject.Name = strings.Repeat(a.Subject.Name, rapid.SampledFrom([]int{1, 1000}).Draw(t, "long"))
			r.New = append(r.New, len(r.Anomalies))
			r.Anomalies, r.Gone = append(r.Anomalies, a), append(r.Gone, a)
		}
		body := string(reported(t, mailed, r))
		if !strings.Contains(body, "\n"+n.Link+"\n") || !strings.Contains(body, "\naws s3 cp "+n.Place+" .\n") {
			t.Fatalf("the link or the command is broken:\n%s", body)
		}
		for line := range strings.Lines(body) {
			line = strings.TrimSuffix(line, "\n")
			if utf8.RuneCountInString(line) > mailWidth && line != n.Link && !strings.HasPrefix(line, "aws s3") || strings.ContainsFunc(line, harmful) {
				t.Fatalf("line %q", line)
			}
		}
		if len(body) > 32<<10 {
			t.Fatalf("%d bytes are no short message", len(body))
		}
		if s := ReportSubject(r, n); len(s) >= 100 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("subject %q", s)
		}
	})
}
