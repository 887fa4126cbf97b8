// Package eval measures how often the detector is right: a confusion matrix,
// false alarms, and whether its confidence means what it says.
//
// Labels come from people who wrote down what happened: the expectations of
// stories, and other projects' rule tests. A label says what a verdict should
// be, never what the detector said last time.
package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// None stands for no finding at severity low or above, as a label and as an
// answer.
const None incident.Verdict = "none"

// Judged is one labelled subject and what the detector said of it.
type Judged struct {
	Case       string // where it comes from
	Want, Got  incident.Verdict
	WantCause  incident.Cause // empty where the label names none
	GotCause   incident.Cause
	Confidence float64 // of Got; 0 for None
}

// Right reports whether the verdict is the labelled one.
func (j Judged) Right() bool { return j.Want == j.Got }

// Scores are the figures of a set of judged cases.
type Scores struct {
	Cases, Right, CausesRight, CausesAsked int
	// FalseAlarms are findings of any verdict where none should be, and
	// FalseCompromises those that say compromise where the label does not.
	FalseAlarms, FalseCompromises int
	// Missed are labelled compromises that were not called so.
	Missed int
	// Brier is the mean squared distance between confidence and being right,
	// over all findings; 0 is best.
	Brier  float64
	Matrix map[incident.Verdict]map[incident.Verdict]int // by label, then answer
	Bins   []Bin
}

// Bin is a row of the reliability table.
type Bin struct {
	From, To   float64
	Findings   int
	Confidence float64 // mean
	Right      float64 // share
}

// bounds are the edges of the reliability table. Most findings are sure, so the
// upper end is divided more finely.
var bounds = []float64{0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1}

// Score counts.
func Score(cases []Judged) Scores {
	s := Scores{Matrix: map[incident.Verdict]map[incident.Verdict]int{}}
	findings := 0
	for _, j := range cases {
		s.count(j)
		if j.Got != None {
			findings++
			s.Brier += math.Pow(j.Confidence-truth(j), 2)
		}
	}
	if findings > 0 {
		s.Brier /= float64(findings)
	}
	s.Bins = reliability(cases)
	return s
}

func (s *Scores) count(j Judged) {
	s.Cases++
	if s.Matrix[j.Want] == nil {
		s.Matrix[j.Want] = map[incident.Verdict]int{}
	}
	s.Matrix[j.Want][j.Got]++
	if j.Right() {
		s.Right++
	}
	if j.WantCause != "" {
		s.CausesAsked++
		if j.Right() && j.WantCause == j.GotCause {
			s.CausesRight++
		}
	}
	if j.Want == None && j.Got != None {
		s.FalseAlarms++
	}
	if j.Want != incident.Compromise && j.Got == incident.Compromise {
		s.FalseCompromises++
	}
	if j.Want == incident.Compromise && j.Got != incident.Compromise {
		s.Missed++
	}
}

func truth(j Judged) float64 {
	if j.Right() {
		return 1
	}
	return 0
}

func reliability(cases []Judged) []Bin {
	var bins []Bin
	for n := 1; n < len(bounds); n++ {
		b := Bin{From: bounds[n-1], To: bounds[n]}
		for _, j := range cases {
			last := n == len(bounds)-1
			if j.Got == None || j.Confidence < b.From || j.Confidence >= b.To && !last {
				continue
			}
			b.Findings++
			b.Confidence += j.Confidence
			b.Right += truth(j)
		}
		if b.Findings > 0 {
			b.Confidence /= float64(b.Findings)
			b.Right /= float64(b.Findings)
			bins = append(bins, b)
		}
	}
	return bins
}

// Markdown writes the figures as tables.
func (s Scores) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d labelled subjects; verdict right %s; cause right %s; false alarms %d; compromise called wrongly %d; compromise missed %d; Brier score %.3f.\n\n",
		s.Cases, share(s.Right, s.Cases), share(s.CausesRight, s.CausesAsked), s.FalseAlarms, s.FalseCompromises, s.Missed, s.Brier)
	s.matrix(&b)
	if len(s.Bins) > 0 {
		b.WriteString("\n| confidence | findings | mean confidence | share right |\n| --- | --: | --: | --: |\n")
		for _, bin := range s.Bins {
			fmt.Fprintf(&b, "| %.2f–%.2f | %d | %.3f | %.3f |\n", bin.From, bin.To, bin.Findings, bin.Confidence, bin.Right)
		}
	}
	return b.String()
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% (%d of %d)", 100*float64(n)/float64(of), n, of)
}

func (s Scores) matrix(b *strings.Builder) {
	answers := append(slices.Clone(incident.Verdicts), None)
	b.WriteString("| label \\ answer |")
	for _, a := range answers {
		fmt.Fprintf(b, " %s |", a)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --: |", len(answers)) + "\n")
	for _, want := range answers {
		if s.Matrix[want] == nil {
			continue
		}
		fmt.Fprintf(b, "| %s |", want)
		for _, a := range answers {
			fmt.Fprintf(b, " %d |", s.Matrix[want][a])
		}
		b.WriteString("\n")
	}
}

// Label is what should be said of a subject.
type Label struct {
	Subject string // type and name, as "role payments"
	Verdict incident.Verdict
	Cause   incident.Cause
}

// Match pairs labels with findings about the same subject, each with the finding
// that fits it best. A finding at low or above that no label asks for is a false
// alarm; one at informational is quiet. A case without labels and findings is
// one of nothing expected and nothing said.
func Match(name string, labels []Label, findings []incident.Finding) []Judged {
	left := slices.Clone(findings)
	slices.SortStableFunc(left, func(a, b incident.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	out := make([]Judged, len(labels))
	for i, l := range labels {
		out[i] = Judged{Case: name, Want: l.Verdict, WantCause: l.Cause, Got: None}
	}
	for _, fits := range fitting {
		for i, l := range labels {
			n := slices.IndexFunc(left, func(f incident.Finding) bool { return about(f) == l.Subject && fits(l, f) })
			if n >= 0 && out[i].Got == None {
				out[i].Got, out[i].GotCause, out[i].Confidence = left[n].Verdict, left[n].Cause, left[n].Confidence
				left = slices.Delete(left, n, n+1)
			}
		}
	}
	for _, f := range left {
		if f.Severity > incident.Informational {
			out = append(out, Judged{Case: name, Want: None, Got: f.Verdict, GotCause: f.Cause, Confidence: f.Confidence})
		}
	}
	if len(out) == 0 {
		out = append(out, Judged{Case: name, Want: None, Got: None})
	}
	return out
}

// fitting is how well a finding about a label's subject may fit the label, the
// best first.
var fitting = []func(Label, incident.Finding) bool{
	func(l Label, f incident.Finding) bool { return l.Verdict == f.Verdict && l.Cause == f.Cause },
	func(l Label, f incident.Finding) bool { return l.Verdict == f.Verdict },
	func(Label, incident.Finding) bool { return true },
}

func about(f incident.Finding) string { return string(f.Subject.Type) + " " + f.Subject.Name }

// StoriesTitle heads the part of the page that every clone can measure.
const StoriesTitle = "Stories of events/scenario"

// Section is a part of a page: the figures of a set, and by name the cases that
// were judged wrongly.
func Section(title string, cases []Judged) string {
	text := fmt.Sprintf("### %s\n\n%s\n", title, Score(cases).Markdown())
	if wrong := Wrong(cases); wrong != "" {
		text += "Judged otherwise than labelled:\n\n" + wrong + "\n"
	}
	return text
}

// Wrong lists the cases that were judged wrongly, one a line.
func Wrong(cases []Judged) string {
	var b strings.Builder
	for _, j := range cases {
		if !j.Right() {
			fmt.Fprintf(&b, "- %s: %s (%s) instead of %s (%s), confidence %.2f\n", j.Case, j.Got, j.GotCause, j.Want, j.WantCause, j.Confidence)
		}
	}
	return b.String()
}
