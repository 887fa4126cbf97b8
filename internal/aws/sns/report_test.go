package sns

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/render/rendertest"
)

func TestReportsAreToldAsMail(t *testing.T) {
	n := render.ReportNote{Account: "111122223333", Period: "week", Link: "https://reports.example/x", Life: time.Hour, Place: "s3://reports/x.html"}
	beats := incident.Report{Anomalies: rendertest.Odd().Anomalies[3:4]}
	for _, test := range []struct {
		what     string
		report   incident.Report
		severity string
	}{
		{"a spike", rendertest.Odd(), "medium"},
		{"hostile names", rendertest.Hostile(), "medium"},
		{"a refresh bug", beats, "low"},
		{"nothing odd", incident.Report{}, "low"},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := &service{}
			if err := Report(s, "arn:aws:sns:us-east-1:111122223333:mail").Tell(t.Context(), test.report, n); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, v := range s.got[0].MessageAttributes {
				got[name] = *v.DataType + " " + *v.StringValue
			}
			want := map[string]string{"account": "String 111122223333", "severity": "String " + test.severity, "report": "String week"}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("attributes (-want +got):\n%s", d)
			}
			if *s.got[0].Subject != render.ReportSubject(test.report, n) || !strings.Contains(*s.got[0].Message, "\nhttps://reports.example/x\n") {
				t.Errorf("subject %q, message:\n%s", *s.got[0].Subject, *s.got[0].Message)
			}
		})
	}
}

func TestAReportThatIsNotTakenIsAnErrorWithoutIt(t *testing.T) {
	refused := errors.New("refused")
	err := Report(&service{err: refused}, "arn:aws:sns:us-east-1:111122223333:mail").Tell(t.Context(), rendertest.Odd(), render.ReportNote{Link: "https://reports.example/secret"})
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "publish the report to topic mail") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Tell() = %v", err)
	}
}
