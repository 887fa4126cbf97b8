package render

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func someRole(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: name, ARN: "arn:aws:iam::111122223333:role/" + name}
}

// everyHour returns n times an hour apart.
func everyHour(n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = at("00:00:00").Add(time.Duration(i) * time.Hour)
	}
	return out
}

// oddReport holds an anomaly of every kind.
func oddReport() incident.Report {
	beats := everyHour(9)
	payments := incident.Subject{Principal: someRole("payments-api"), AccessKeyIDs: []string{"ASIAQPAYMENTS0000001"}, Workloads: []string{"payments-worker"}}
	orders := incident.Subject{Principal: someRole("orders")}
	batch := incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "nightly-batch"}}
	r := incident.Report{
		From: at("00:00:00"), To: at("09:00:00"), Since: at("00:00:00").Add(-15 * time.Hour),
		Anomalies: []incident.Anomaly{
			{
				Kind: incident.MissedRenewal, Subject: orders, Period: 50 * time.Minute, Jitter: 3 * time.Second, Occurrences: 12, Lifetime: time.Hour,
				NextExpected: at("06:40:00"), Confidence: 0.97, Times: beats[:6], Summary: "Sessions were renewed every 50m until 05:50:00, then no more", Fix: "Look at the process that renews them.",
			},
			{Kind: incident.OffBeatIssuance, Subject: orders, Period: 50 * time.Minute, Occurrences: 1, Confidence: 0.95, Times: []time.Time{at("02:31:00")}, Summary: "Credentials were issued between the renewals", Fix: "Find out who else asks."},
			{Kind: incident.CadenceChange, Subject: orders, Period: 20 * time.Minute, Occurrences: 8, NextExpected: at("09:20:00"), Confidence: 0.9, Times: []time.Time{at("05:00:00")}, Summary: "Renewals came every 50m, and every 20m since 05:00:00", Fix: "Nothing, if a deployment explains it."},
			{
				Kind: incident.RefreshBugAnomaly, Subject: payments, Period: time.Hour, Jitter: 30 * time.Second, Occurrences: 9, Lifetime: time.Hour,
				NextExpected: at("09:00:00"), Confidence: 0.981, Times: beats, Summary: "Failures recur every 1h (± 30s), 9 times", Fix: "Keep one credential provider.",
			},
			{Kind: incident.SpikeAnomaly, Subject: batch, Occurrences: 40, Confidence: 0.999, Times: []time.Time{at("03:00:00"), at("03:02:00")}, Summary: "40 failures within 2m, where hardly any was to be expected", Fix: "See the finding."},
		},
		Series: []incident.Series{
			{Subject: orders, Issuances: everyHour(8)},
			{Subject: payments, Failures: append(slices.Clone(beats), at("04:21:00")), Issuances: beats[1:], Beats: everyHour(12)},
			{Subject: batch, Failures: slices.Repeat([]time.Time{at("03:00:00")}, 40)},
		},
		Findings:   []incident.Finding{opened(), refresh()},
		New:        []int{4},
		Gone:       []incident.Anomaly{{Kind: incident.RefreshBugAnomaly, Subject: batch}},
		BlindSpots: []string{"No IAM events were seen."},
	}
	r.Series[1].Weekly[time.Wednesday] = [24]int{1, 1, 1, 1, 2, 1, 1, 1, 1}
	r.Series[2].Weekly[time.Wednesday][3] = 40
	return r
}

// hostileReport has names that an attacker chose.
func hostileReport() incident.Report {
	r := oddReport()
	evil := hostile().Subject.Name + `"'><script>alert(1)</script><img src=https://192.0.2.1/x onerror=alert(2)>{{.}}`
	for i := range r.Anomalies {
		a := &r.Anomalies[i]
		a.Subject.Name, a.Subject.ARN, a.Summary, a.Fix = evil, evil, evil, evil
		a.Subject.Workloads, a.Subject.AccessKeyIDs = []string{evil}, []string{evil}
	}
	for i := range r.Series {
		r.Series[i].Subject = r.Anomalies[0].Subject
	}
	r.Gone[0].Subject.Name = evil
	r.Findings = []incident.Finding{hostile()}
	r.BlindSpots = []string{evil}
	return r
}

func TestReportGolden(t *testing.T) {
	for name, r := range map[string]incident.Report{"report": oddReport(), "report-quiet": {BlindSpots: []string{"No client reported a failure."}}} {
		for suffix, write := range map[string]func(io.Writer, incident.Report) error{".json": ReportJSON, ".txt": ReportText, ".html": ReportHTML} {
			t.Run(name+suffix, func(t *testing.T) { golden(t, name+suffix, reported(t, write, r)) })
		}
	}
	t.Run("report-hostile.txt", func(t *testing.T) { golden(t, "report-hostile.txt", reported(t, ReportText, hostileReport())) })
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
	}
	d := json.NewDecoder(bytes.NewReader(reported(t, ReportJSON, oddReport())))
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
	for line := range strings.Lines(string(reported(t, ReportText, oddReport()))) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

// TestReportPageNeedsNothingElse: it is opened from a mail or a bucket, perhaps
// without a network, and must not tell anybody that it was.
func TestReportPageNeedsNothingElse(t *testing.T) {
	for name, r := range map[string]incident.Report{"odd": oddReport(), "hostile": hostileReport(), "empty": {}} {
		page := string(reported(t, ReportHTML, r))
		for _, forbidden := range []string{"<script", "<link", "<img", "<iframe", "<object", "@import", "url(", "javascript:", "srcset", "xlink"} {
			if strings.Contains(strings.ToLower(page), forbidden) {
				t.Errorf("%s: the page holds %q", name, forbidden)
			}
		}
		if m := regexp.MustCompile(`(?i)\s(src|href|action|on[a-z]+)\s*=\s*["']?[^#"']`).FindString(stripText(page)); m != "" {
			t.Errorf("%s: the page refers to something outside it: %q", name, m)
		}
		if strings.ContainsFunc(page, func(r rune) bool { return harmful(r) && r != '\n' }) {
			t.Errorf("%s: the page holds control or formatting characters", name)
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s: the template found a value where none may stand", name)
		}
	}
}

// stripText leaves only the tags of a page.
func stripText(page string) string {
	return strings.Join(regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1), "\n")
}

// TestReportPageSaysItsPlots: whoever cannot see a plot can read it.
func TestReportPageSaysItsPlots(t *testing.T) {
	page := string(reported(t, ReportHTML, oddReport()))
	svgs := regexp.MustCompile(`<svg [^>]*>`).FindAllString(page, -1)
	if len(svgs) < 8 {
		t.Fatalf("%d plots, want three principals with several each", len(svgs))
	}
	for _, tag := range svgs {
		if !strings.Contains(tag, `role="img"`) || !regexp.MustCompile(`aria-label="[^"]{20,}"`).MatchString(tag) {
			t.Errorf("a plot without words: %s", tag)
		}
	}
	if regexp.MustCompile(`#C010|Liberation Sans;`).MatchString(page) {
		t.Error("a colour or a font of the plots was not handed to the style sheet")
	}
	if !strings.Contains(page, "2026-03-04 04:21:00 failed") {
		t.Error("the events are not listed in words")
	}
}

func TestReportDrawsNotEverything(t *testing.T) {
	var r incident.Report
	for i := range 200 {
		a := oddReport().Anomalies[3]
		a.Subject = incident.Subject{Principal: someRole(strings.Repeat("x", i+1))}
		r.Anomalies = append(r.Anomalies, a)
	}
	page := string(reported(t, ReportHTML, r))
	if n := strings.Count(page, "<article"); n != maxDrawn {
		t.Errorf("%d principals on the page, want %d", n, maxDrawn)
	}
	if !strings.Contains(page, "150 more principals") {
		t.Error("the page does not say what it left out")
	}
}

func TestReportEnduresAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := oddReport()
		when := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "unix"), 0)
		})
		for i := range r.Anomalies {
			a := &r.Anomalies[i]
			a.Times = rapid.SliceOfN(when, 0, 5).Draw(t, "times")
			slices.SortFunc(a.Times, time.Time.Compare)
			a.Period = time.Duration(rapid.Int64().Draw(t, "period"))
			a.Jitter = time.Duration(rapid.Int64().Draw(t, "jitter"))
			a.NextExpected = when.Draw(t, "next")
			a.Lifetime = time.Duration(rapid.Int64().Draw(t, "lifetime"))
			a.Confidence = rapid.Float64Range(0, 1).Draw(t, "confidence")
		}
		for i := range r.Series {
			for _, list := range []*[]time.Time{&r.Series[i].Failures, &r.Series[i].Issuances, &r.Series[i].Beats} {
				*list = rapid.SliceOfN(when, 0, 5).Draw(t, "series")
				slices.SortFunc(*list, time.Time.Compare)
			}
		}
		r.To = when.Draw(t, "to")
		for _, write := range []func(io.Writer, incident.Report) error{ReportJSON, ReportText, ReportHTML} {
			if len(reported(t, write, r)) == 0 {
				t.Fatal("nothing was written")
			}
		}
	})
}

func TestCountsMarksAnAxis(t *testing.T) {
	for most, top := range map[float64]float64{0: 1, 1: 1, 3: 3, 4: 4, 5: 6, 9: 10, 40: 40, 41: 60, 333: 400, 1999: 2000} {
		got, m := counts(most)
		if got != top || len(m) > 6 || m[0].Label != "0" {
			t.Errorf("counts(%v) = %v with %d marks, want %v", most, got, len(m), top)
		}
	}
}
