package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ReportSchema names the shape of a report in JSON. It changes with the shape.
const ReportSchema = "trailverdict.report/v1"

// report is section 4 of the contract. Numbers and times that are not known are
// absent.
type report struct {
	Schema     string    `json:"schema"`
	From       string    `json:"from,omitempty"`
	To         string    `json:"to,omitempty"`
	Principals []anomaly `json:"principals"`
	Checks     []check   `json:"checks,omitempty"`
}

type anomaly struct {
	Subject                 subject  `json:"subject"`
	Anomaly                 string   `json:"anomaly"`
	PeriodSeconds           float64  `json:"periodSeconds,omitempty"`
	JitterSeconds           *float64 `json:"jitterSeconds,omitempty"`
	Occurrences             int      `json:"occurrences"`
	ExpectedLifetimeSeconds float64  `json:"expectedLifetimeSeconds,omitempty"`
	NextExpected            string   `json:"nextExpected,omitempty"`
	Confidence              float64  `json:"confidence"`
	Times                   []string `json:"times"`
}

// ReportJSON writes a report as one line.
func ReportJSON(w io.Writer, r incident.Report) error {
	out := report{Schema: ReportSchema, From: stamp(r.From), To: stamp(r.To), Principals: make([]anomaly, 0, len(r.Anomalies))}
	for _, a := range r.Anomalies {
		out.Principals = append(out.Principals, wireAnomaly(a))
	}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, wireCheck(c))
	}
	return JSONLine(w, out)
}

func wireAnomaly(a incident.Anomaly) anomaly {
	out := anomaly{
		Subject: subject{
			Type:         string(a.Subject.Type),
			Name:         a.Subject.Name,
			ARN:          a.Subject.ARN,
			AccessKeyIDs: list(a.Subject.AccessKeyIDs),
		},
		Anomaly:                 string(a.Kind),
		PeriodSeconds:           rounded(a.Period.Seconds(), 10),
		Occurrences:             a.Occurrences,
		ExpectedLifetimeSeconds: rounded(a.Lifetime.Seconds(), 10),
		NextExpected:            stamp(a.NextExpected),
		Confidence:              rounded(a.Confidence, 1000),
		Times:                   make([]string, 0, len(a.Times)),
	}
	if a.Period > 0 {
		jitter := rounded(a.Jitter.Seconds(), 10)
		out.JitterSeconds = &jitter
	}
	for _, t := range a.Times {
		out.Times = append(out.Times, stamp(t))
	}
	return out
}

// AnomalyName says in people's words what is odd.
func AnomalyName(k incident.AnomalyKind) string {
	switch k {
	case incident.RefreshBugAnomaly:
		return "refresh bug"
	case incident.MissedRenewal:
		return "missed renewal"
	case incident.OffBeatIssuance:
		return "issuance off the beat"
	case incident.CadenceChange:
		return "changed cadence"
	case incident.SpikeAnomaly:
		return "spike"
	}
	return string(k)
}

// anomalyKinds are the kinds in the order in which somebody should look.
func anomalyKinds() []incident.AnomalyKind {
	return []incident.AnomalyKind{
		incident.OffBeatIssuance, incident.SpikeAnomaly, incident.RefreshBugAnomaly, incident.MissedRenewal, incident.CadenceChange,
	}
}

func anomalyRank(k incident.AnomalyKind) int { return slices.Index(anomalyKinds(), k) }

// About is a subject with its anomalies, of which there is at least one, as a
// reader wants them together.
type About struct {
	Subject   incident.Subject
	Series    incident.Series
	Anomalies []incident.Anomaly
}

// MostUrgent is the anomaly that somebody should look at first.
func (a About) MostUrgent() incident.Anomaly {
	return slices.MinFunc(a.Anomalies, func(x, y incident.Anomaly) int { return anomalyRank(x.Kind) - anomalyRank(y.Kind) })
}

// BySubject gathers a report's anomalies by subject, the most urgent first.
func BySubject(r incident.Report) []About {
	var out []About
	for _, a := range r.Anomalies {
		n := len(out) - 1
		if n < 0 || out[n].Subject.Key() != a.Subject.Key() {
			out = append(out, About{Subject: a.Subject, Series: seriesOf(r, a.Subject)})
			n++
		}
		out[n].Anomalies = append(out[n].Anomalies, a)
	}
	slices.SortStableFunc(out, func(a, b About) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(surest(b), surest(a)))
	})
	return out
}

func seriesOf(r incident.Report, s incident.Subject) incident.Series {
	for _, have := range r.Series {
		if have.Subject.Key() == s.Key() {
			return have
		}
	}
	return incident.Series{Subject: s}
}

func urgency(a About) int { return anomalyRank(a.MostUrgent().Kind) }

func surest(a About) float64 {
	most := 0.0
	for _, x := range a.Anomalies {
		most = max(most, x.Confidence)
	}
	return most
}

// ReportText writes a report for people, 80 columns wide: what changed, then
// what is odd about whom and what to do, then the verdicts and what cannot be
// seen.
func ReportText(w io.Writer, r incident.Report) error {
	t := &text{}
	t.paragraph("", "INTERVAL REPORT  "+Period(r))
	t.changes(r)
	if len(r.Anomalies) == 0 {
		t.WriteString("\n" + NothingOdd(r) + "\n")
	}
	for _, a := range BySubject(r) {
		t.about(a, r.To)
	}
	t.verdicts(r.Findings)
	t.checks(r.Checks, fewChecks)
	t.suppressions(r.Suppressions)
	t.blindSpots(r.BlindSpots)
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// NothingOdd says so, where it can be said.
func NothingOdd(r incident.Report) string {
	if r.To.IsZero() {
		return "There were no events, so that nothing can be said."
	}
	return "Nothing is odd about the times of these events."
}

// suppressions lists those that somebody has to look at.
func (t *text) suppressions(list []string) {
	if len(list) > 0 {
		t.WriteString("\nSuppressions and change windows to look at\n")
	}
	for _, s := range list {
		t.paragraph("  - ", s)
	}
}

// Period is the time that a report is about.
func Period(r incident.Report) string {
	if r.To.IsZero() {
		return "no events"
	}
	return When(r.From, r.To)
}

func (t *text) changes(r incident.Report) {
	if r.Since.IsZero() {
		return
	}
	t.WriteByte('\n')
	t.paragraph("", "Since the report up to "+r.Since.UTC().Format(clock)+" UTC: "+changed(r))
	for _, i := range r.New {
		t.paragraph("  + ", AnomalyName(r.Anomalies[i].Kind)+" of "+OneLine(SubjectName(r.Anomalies[i].Subject)))
	}
	for _, c := range r.Changed {
		a := r.Anomalies[c.Index]
		t.paragraph("  ~ ", AnomalyName(a.Kind)+" of "+OneLine(SubjectName(a.Subject))+": "+ChangeWords(c))
	}
	for _, a := range r.Gone {
		t.paragraph("  - ", AnomalyName(a.Kind)+" of "+OneLine(SubjectName(a.Subject)))
	}
}

func changed(r incident.Report) string {
	var parts []string
	note := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	note(len(r.New), "new")
	for _, trend := range []incident.Trend{incident.Worse, incident.Better} {
		n := 0
		for _, c := range r.Changed {
			if c.Trend == trend {
				n++
			}
		}
		note(n, string(trend))
	}
	note(len(r.Gone), "no more")
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, ", ")
}

// ChangeWords says how an anomaly changed.
func ChangeWords(c incident.Change) string { return string(c.Trend) + ", " + OneLine(c.Words) }

func (t *text) about(a About, to time.Time) {
	t.WriteString("\n" + strings.ToUpper(OneLine(string(a.Subject.Type))) + "  " + OneLine(a.Subject.Name) + "\n")
	for _, x := range a.Anomalies {
		left := "  " + AnomalyName(x.Kind)
		right := Percent(x.Confidence) + " sure"
		t.WriteString(left + strings.Repeat(" ", max(2, width-len([]rune(left))-len([]rune(right)))) + right + "\n")
		t.paragraph("    ", x.Summary+".")
		if !x.NextExpected.IsZero() {
			t.paragraph("    ", DueWords(x, to)+" "+x.NextExpected.UTC().Format(clock)+" UTC.")
		}
		t.paragraph("    ", x.Fix)
	}
}

// DueWords introduces the time of the next beat, or of the one that is missing.
func DueWords(a incident.Anomaly, to time.Time) string {
	switch {
	case a.Kind == incident.MissedRenewal:
		return "Missing since"
	case a.NextExpected.Before(to):
		return "Was expected at"
	}
	return "Next expected at"
}

func (t *text) verdicts(findings []incident.Finding) {
	if len(findings) == 0 {
		return
	}
	t.WriteString("\nVerdicts of the period\n")
	for _, line := range tally(findings) {
		t.paragraph("  ", fmt.Sprintf("%3d  %s", line.n, line.words))
	}
}

// count is a number of findings that are alike.
type count struct {
	n     int
	words string
}

// tally counts findings by verdict and cause, the gravest verdicts first.
func tally(findings []incident.Finding) []count {
	var out []count
	for _, v := range incident.Verdicts {
		causes := map[string]int{}
		for _, f := range findings {
			if f.Verdict == v {
				causes[Spaced(string(f.Verdict))+": "+Spaced(string(f.Cause))]++
			}
		}
		for _, name := range sortedNames(causes) {
			out = append(out, count{causes[name], name})
		}
	}
	return out
}

func sortedNames(m map[string]int) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t *text) blindSpots(list []string) {
	if len(list) == 0 {
		return
	}
	t.WriteString("\nWhat this report cannot see\n")
	for _, s := range list {
		t.paragraph("  - ", s)
	}
}
