package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const (
	// mailedAnomalies is how many anomalies, and how many changes of each kind, a
	// mail lists. The page has them all.
	mailedAnomalies = 10
	// maxMailed bounds a name and a summary in a mail, in bytes.
	maxMailed = 300
)

// ReportNote is what a mail about a report says besides.
type ReportNote struct {
	// Account is the one whose detector reports, Period the length in words,
	// such as "day".
	Account, Period string
	// Link opens the page until Life is over, at most. Place is where the page
	// stays, such as s3://bucket/key.
	Link  string
	Life  time.Duration
	Place string
}

// ReportSubject is the subject line of a mail about a report: ASCII on one line,
// less than 100 characters, and none of the names that somebody chose.
func ReportSubject(r incident.Report, n ReportNote) string {
	head := "[REPORT] "
	tail := ", account " + n.Account
	if fresh := len(r.New); fresh > 0 && !r.Since.IsZero() {
		tail = fmt.Sprintf(" (%d new)", fresh) + tail
	}
	what := kinds(r.Anomalies)
	if n := len(r.Checks); n > 0 && len(r.Anomalies) == 0 {
		what = fmt.Sprintf("%d beyond the guard rails", n)
	}
	return ascii(head + cut(what, subjectWidth-len(head)-len(tail), "...") + tail)
}

// kinds counts anomalies by kind, those first that somebody should look at.
func kinds(list []incident.Anomaly) string {
	counts := map[incident.AnomalyKind]int{}
	for _, a := range list {
		counts[a.Kind]++
	}
	var words []string
	for _, k := range anomalyKinds() {
		if n := counts[k]; n > 0 {
			words = append(words, numbered(n, k))
		}
	}
	if len(words) == 0 {
		return "nothing odd"
	}
	return strings.Join(words, ", ")
}

func numbered(n int, k incident.AnomalyKind) string {
	name := AnomalyName(k)
	switch {
	case n == 1:
	case k == incident.OffBeatIssuance:
		name = "issuances off the beat"
	default:
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}

// ReportEmail writes the body of a mail about a report: what changed since the
// last one, what is odd, the verdicts in numbers, what lies beyond the guard
// rails, and where the whole of it is.
func ReportEmail(w io.Writer, r incident.Report, n ReportNote) error {
	var m mail
	m.paragraph("", "INTERVAL REPORT  "+Period(r))
	m.paragraph("", fmt.Sprintf("account %s, the %s", n.Account, n.Period))
	m.changes(r)
	m.odd(r)
	m.counts(r.Findings)
	m.checks(r.Checks)
	m.page(r, n)
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return nil
}

func (m *mail) changes(r incident.Report) {
	if r.Since.IsZero() {
		return
	}
	m.section("Since the last report")
	m.paragraph("", "Since "+r.Since.UTC().Format(clock)+" UTC: "+changed(r)+".")
	var fresh []incident.Anomaly
	for _, i := range r.New {
		fresh = append(fresh, r.Anomalies[i])
	}
	m.anomalies("+ ", fresh)
	for i, c := range r.Changed {
		if i == mailedAnomalies {
			m.paragraph("~ ", fmt.Sprintf("and %d more", len(r.Changed)-i))
			break
		}
		a := r.Anomalies[c.Index]
		m.paragraph("~ ", AnomalyName(a.Kind)+" of "+Short(SubjectName(a.Subject), maxMailed)+": "+ChangeWords(c))
	}
	m.anomalies("- ", r.Gone)
}

func (m *mail) anomalies(mark string, list []incident.Anomaly) {
	for _, a := range list[:min(len(list), mailedAnomalies)] {
		m.paragraph(mark, AnomalyName(a.Kind)+" of "+Short(SubjectName(a.Subject), maxMailed))
	}
	if left := len(list) - mailedAnomalies; left > 0 {
		m.paragraph(mark, fmt.Sprintf("and %d more", left))
	}
}

func (m *mail) odd(r incident.Report) {
	m.section("Odd now")
	if len(r.Anomalies) == 0 {
		m.paragraph("", NothingOdd(r))
		return
	}
	m.paragraph("", kinds(r.Anomalies)+".")
	left := len(r.Anomalies)
	for _, about := range BySubject(r) {
		for _, a := range about.Anomalies {
			if len(r.Anomalies)-left == mailedAnomalies {
				m.paragraph("", fmt.Sprintf("and %d more", left))
				return
			}
			m.paragraph("- ", Short(SubjectName(a.Subject), maxMailed)+": "+Short(a.Summary, maxMailed)+".")
			left--
		}
	}
}

func (m *mail) counts(findings []incident.Finding) {
	for i, c := range tally(findings) {
		if i == 0 {
			m.section("Verdicts of the period")
		}
		m.paragraph("", fmt.Sprintf("%d %s", c.n, c.words))
	}
}

// checks counts those of the period, and names the latest.
func (m *mail) checks(list []incident.Check) {
	if len(list) == 0 {
		return
	}
	m.section("Beyond the guard rails")
	latest, lead := list, "Changes: "+checkCounts(list)+"."
	if more := len(list) - fewChecks; more > 0 {
		latest, lead = list[more:], lead+" The latest:"
	}
	m.paragraph("", lead)
	for _, c := range latest {
		m.paragraph("- ", Short(c.Fact, maxMailed)+".")
		m.paragraph("  ", Short(CheckWho(c), maxMailed)+".")
	}
}

// page says where the page is. An address is not broken, whatever its length.
func (m *mail) page(r incident.Report, n ReportNote) {
	for i, s := range r.Suppressions {
		if i == 0 {
			m.section("Suppressions and change windows to look at")
		}
		m.paragraph("- ", s)
	}
	m.section("The report")
	if spots := len(r.BlindSpots); spots > 0 {
		m.paragraph("", fmt.Sprintf("It has plots and fixes, and says what could not be seen (%d).", spots))
	}
	if n.Link != "" {
		m.paragraph("", fmt.Sprintf("For whoever has this link, for %d hours at most:", int(n.Life.Hours())))
		m.WriteString(Printable(n.Link) + "\n")
	}
	if n.Place != "" {
		m.paragraph("", "Later, with a right to read the bucket:")
		m.WriteString("aws s3 cp " + Printable(n.Place) + " .\n")
	}
}
