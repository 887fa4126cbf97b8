package render

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// What the custom notification schema of Amazon Q Developer in chat
// applications allows. A notification that breaks it is dropped without a word,
// so every field stays within; a description stays within what Slack shows in
// one block, too.
const (
	chatTitle       = 250
	chatDescription = 2900
	chatStep        = 350
	chatKeyword     = 75
	chatSummary     = 250
	chatValue       = 250

	chatSteps    = 4
	chatEvidence = 5
	chatRelated  = 10
	chatLinks    = 2
)

// How much of the description its parts may take.
const (
	chatSentence = 800
	chatFact     = 250
)

// notification is the custom notification schema, version 1.0. Its source must
// be "custom".
type notification struct {
	Version  string       `json:"version"`
	Source   string       `json:"source"`
	ID       string       `json:"id"`
	Content  chatContent  `json:"content"`
	Metadata chatMetadata `json:"metadata"`
}

type chatContent struct {
	TextType    string   `json:"textType"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	NextSteps   []string `json:"nextSteps,omitempty"`
	Keywords    []string `json:"keywords"`
}

type chatMetadata struct {
	ThreadID         string            `json:"threadId"`
	Summary          string            `json:"summary"`
	EventType        string            `json:"eventType"`
	RelatedResources []string          `json:"relatedResources,omitempty"`
	Context          map[string]string `json:"additionalContext"`
}

// Chat writes a finding as a custom notification for Amazon Q Developer in chat
// applications, which shows it in Slack or Teams. Messages of one thread stand
// together; the id differs from revision to revision, and is the same when one
// is sent again.
func Chat(w io.Writer, f incident.Finding, n Note) error {
	return JSONLine(w, notification{
		Version: "1.0",
		Source:  "custom",
		ID:      f.ID + "-r" + strconv.Itoa(f.Revision),
		Content: chatContent{
			TextType:    "client-markdown",
			Title:       chatHeading(f, n),
			Description: chatText(f, n),
			NextSteps:   chatNextSteps(f.NextSteps),
			Keywords:    chatKeywords(f),
		},
		Metadata: chatMetadata{
			ThreadID:         n.thread(f),
			Summary:          cut(heading(f.Verdict)+" "+Spaced(string(f.Cause))+": "+OneLine(SubjectName(f.Subject)), chatSummary, "…"),
			EventType:        "trailverdict." + string(f.Verdict),
			RelatedResources: chatResources(f.Subject),
			Context:          chatContext(f, n),
		},
	})
}

// mark is what the eye finds in a channel before it reads.
func mark(v incident.Verdict) string {
	switch v {
	case incident.Compromise:
		return "🔴"
	case incident.Inconclusive:
		return "🟡"
	case incident.Misconfiguration, incident.Expiry:
		return "🔵"
	}
	return "🟢"
}

func chatHeading(f incident.Finding, n Note) string {
	head := mark(f.Verdict) + " " + heading(f.Verdict) + ": "
	if n.isUpdate(f) {
		head = mark(f.Verdict) + " Update, " + heading(f.Verdict) + ": "
	}
	return head + markdownWithin(SubjectName(f.Subject), chatTitle-columns(head))
}

// markdownWithin writes as much of s as fits into n characters. The text is cut
// before it is written, so that no code span is left open.
func markdownWithin(s string, n int) string {
	s = OneLine(s)
	for room := n; ; room -= columns(markdown(cut(s, room, "…"))) - n {
		if m := markdown(cut(s, room, "…")); columns(m) <= n || room <= 0 {
			return m
		}
	}
}

// chatText is the description: what is new, what happened, why, and what spoke
// against it. What does not fit is left out from the end, in whole lines.
func chatText(f incident.Finding, n Note) string {
	var lines []string
	if n.News != "" {
		lines = append(lines, markdownWithin(n.News, chatSentence), "")
	}
	lines = append(lines, markdownWithin(f.Summary, chatSentence), "", markdownWithin(assessment(f)+", "+n.place(f), chatFact))
	times := timesOf(f)
	lines = append(lines, chatFacts("Why ("+times.title()+")", f.Evidence, times)...)
	lines = append(lines, chatFacts("What spoke against it", f.CounterEvidence, times)...)
	if f.Interval != nil {
		lines = append(lines, "", "Rhythm: "+markdownWithin(rhythm(*f.Interval, time.Time{}), chatFact))
	}
	if f.BlastRadius != nil {
		lines = append(lines, "", "Reach: "+markdownWithin(reach(*f.BlastRadius, f.FirstSeen, time.Time{}), chatSentence))
	}
	links := Links(f)
	for _, l := range links[:min(len(links), chatLinks)] {
		lines = append(lines, "", markdownWithin(l.Title, chatFact), l.URL)
	}
	return linesWithin(lines, chatDescription)
}

// chatFacts are facts in the order of time. A message is read at any time, so that
// times are told relative to the incident's first event, and to no now.
func chatFacts(title string, facts []incident.Evidence, times eventTimes) []string {
	if len(facts) == 0 {
		return nil
	}
	shown := weightiest(facts, min(len(facts), chatEvidence))
	lines := []string{"", title}
	for _, e := range shown {
		if day := times.turns(e.Time); day != "" {
			lines = append(lines, day)
		}
		lines = append(lines, "- "+strings.Join(strings.Fields(times.of(e.Time)), " ")+" "+markdownWithin(e.Fact, chatFact))
	}
	if n := len(facts) - len(shown); n > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more of less weight", n))
	}
	return lines
}

// linesWithin joins the lines that fit into n characters, and says if some were
// left out.
func linesWithin(lines []string, n int) string {
	const more = "… (more in the finding)"
	room := n - columns(more) - 1
	all := strings.Join(lines, "\n")
	if columns(all) <= n {
		return all
	}
	var b strings.Builder
	for _, line := range lines {
		if columns(line)+1 > room {
			break
		}
		room -= columns(line) + 1
		b.WriteString(line + "\n")
	}
	return b.String() + more
}

// chatNextSteps are the first steps.
func chatNextSteps(steps []string) []string {
	var list []string
	for _, step := range nonEmpty(steps) {
		if len(list) < chatSteps {
			list = append(list, chatNextStep(step))
		}
	}
	return list
}

// chatNextStep writes a step. A command that does not fit is left out whole: a
// part of one must not be copied.
func chatNextStep(step string) string {
	full, said := "", ""
	for _, p := range parts(step) {
		if p.command {
			full += code(p.text)
			said += "…"
			continue
		}
		s := markdown(p.text)
		if strings.HasPrefix(p.text, " ") {
			s = " " + s
		}
		if strings.HasSuffix(p.text, " ") {
			s += " "
		}
		full, said = full+s, said+s
	}
	if columns(full) <= chatStep {
		return strings.TrimSpace(full)
	}
	const where = " (the command is in the finding)"
	if columns(said)+len(where) <= chatStep {
		return strings.TrimSpace(said) + where
	}
	return markdownWithin(step, chatStep)
}

func chatKeywords(f incident.Finding) []string {
	var list []string
	for _, s := range []string{string(f.Verdict), string(f.Cause), f.Severity.String(), f.Account} {
		if s != "" {
			list = append(list, cut(OneLine(s), chatKeyword, "…"))
		}
	}
	return list
}

func chatResources(s incident.Subject) []string {
	var list []string
	for _, name := range nonEmpty(append([]string{s.ARN}, s.AccessKeyIDs...)) {
		if name = OneLine(name); columns(name) <= chatValue && len(list) < chatRelated {
			list = append(list, name)
		}
	}
	return list
}

// chatContext is what a custom action in the chat can work with.
func chatContext(f incident.Finding, n Note) map[string]string {
	context := map[string]string{
		"findingId": f.ID, "revision": strconv.Itoa(f.Revision), "status": string(f.Status),
		"verdict": string(f.Verdict), "cause": string(f.Cause), "severity": f.Severity.String(),
		"account": f.Account, "region": f.Region, "owner": n.Owner,
		"subjectType": string(f.Subject.Type), "subject": f.Subject.Name,
		"firstSeen": stampSeconds(f.FirstSeen), "lastSeen": stampSeconds(f.LastSeen),
	}
	for key, value := range context {
		if context[key] = cut(OneLine(value), chatValue, "…"); context[key] == "" {
			delete(context, key)
		}
	}
	return context
}

func stampSeconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
