package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// FindingSchema names the shape of a finding in JSON. It changes with the
// shape.
const FindingSchema = "trailverdict.finding/v1"

// JSON writes a finding as one line.
func JSON(w io.Writer, f incident.Finding) error {
	return JSONLine(w, wireFinding(f))
}

// JSONLine writes v as JSON on one line, harmless to a terminal. The line is
// written at once, so that a reader of the stream never sees a part of it.
func JSONLine(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if _, err := w.Write(harmlessJSON(b.Bytes())); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// finding is section 3 of the contract. Lists are always present; what is not
// known is absent.
type finding struct {
	Schema          string       `json:"schema"`
	ID              string       `json:"id"`
	Revision        int          `json:"revision"`
	Status          string       `json:"status"`
	Account         string       `json:"account"`
	Region          string       `json:"region"`
	Partition       string       `json:"partition"`
	Subject         subject      `json:"subject"`
	Verdict         string       `json:"verdict"`
	Cause           string       `json:"cause"`
	Confidence      float64      `json:"confidence"`
	Severity        string       `json:"severity"`
	FirstSeen       string       `json:"firstSeen"`
	LastSeen        string       `json:"lastSeen"`
	Summary         string       `json:"summary"`
	Evidence        []evidence   `json:"evidence"`
	CounterEvidence []evidence   `json:"counterEvidence"`
	WouldChange     []string     `json:"wouldChange"`
	NextSteps       []string     `json:"nextSteps"`
	Interval        *interval    `json:"interval,omitempty"`
	BlastRadius     *blastRadius `json:"blastRadius,omitempty"`
	ATTACK          []string     `json:"attack"`
}

type subject struct {
	Type         string   `json:"type"`
	Name         string   `json:"name"`
	ARN          string   `json:"arn,omitempty"`
	AccessKeyIDs []string `json:"accessKeyIds"`
}

type evidence struct {
	EventID   string  `json:"eventId"`
	Time      string  `json:"time"`
	Signal    string  `json:"signal"`
	Actor     string  `json:"actor,omitempty"`
	SourceIP  string  `json:"sourceIPAddress,omitempty"`
	Direction string  `json:"direction"`
	Weight    float64 `json:"weight"`
	Fact      string  `json:"fact"`
}

type interval struct {
	PeriodSeconds float64 `json:"periodSeconds"`
	JitterSeconds float64 `json:"jitterSeconds"`
	Occurrences   int     `json:"occurrences"`
	NextExpected  string  `json:"nextExpected,omitempty"`
}

type blastRadius struct {
	LiveSessions int      `json:"liveSessions"`
	Until        string   `json:"until,omitempty"`
	Principals   []string `json:"principals"`
	Services     []string `json:"services"`
}

func wireFinding(f incident.Finding) finding {
	return finding{
		Schema:    FindingSchema,
		ID:        f.ID,
		Revision:  f.Revision,
		Status:    string(f.Status),
		Account:   f.Account,
		Region:    f.Region,
		Partition: f.Partition,
		Subject: subject{
			Type:         string(f.Subject.Type),
			Name:         f.Subject.Name,
			ARN:          f.Subject.ARN,
			AccessKeyIDs: list(f.Subject.AccessKeyIDs),
		},
		Verdict:         string(f.Verdict),
		Cause:           string(f.Cause),
		Confidence:      rounded(f.Confidence, 1000),
		Severity:        f.Severity.String(),
		FirstSeen:       stamp(f.FirstSeen),
		LastSeen:        stamp(f.LastSeen),
		Summary:         f.Summary,
		Evidence:        wireEvidence(f.Evidence),
		CounterEvidence: wireEvidence(f.CounterEvidence),
		WouldChange:     list(wouldChange(f)),
		NextSteps:       list(f.NextSteps),
		Interval:        wireInterval(f.Interval),
		BlastRadius:     wireBlastRadius(f.BlastRadius),
		ATTACK:          list(f.ATTACK),
	}
}

// wouldChange is what would turn the verdict, to which a limit that was reached
// belongs: what was left out might.
func wouldChange(f incident.Finding) []string {
	all := append([]string(nil), f.WouldChange...)
	for _, limit := range f.Capped {
		all = append(all, "evidence that was left out: "+limit)
	}
	return all
}

func wireEvidence(list []incident.Evidence) []evidence {
	out := make([]evidence, 0, len(list))
	for _, e := range list {
		out = append(out, evidence{
			EventID:   e.EventID,
			Time:      stamp(e.Time),
			Signal:    string(e.Signal),
			Actor:     e.Actor,
			SourceIP:  e.SourceIP,
			Direction: direction(e),
			Weight:    rounded(e.Weight, 100),
			Fact:      e.Fact,
		})
	}
	return out
}

func direction(e incident.Evidence) string {
	if e.Direction == "" {
		return "none"
	}
	return string(e.Direction)
}

func wireInterval(i *incident.Interval) *interval {
	if i == nil {
		return nil
	}
	return &interval{
		PeriodSeconds: rounded(i.Period.Seconds(), 10),
		JitterSeconds: rounded(i.Jitter.Seconds(), 10),
		Occurrences:   i.Occurrences,
		NextExpected:  stamp(i.NextExpected),
	}
}

func wireBlastRadius(b *incident.BlastRadius) *blastRadius {
	if b == nil {
		return nil
	}
	return &blastRadius{
		LiveSessions: b.LiveSessions,
		Until:        stamp(b.Until),
		Principals:   list(b.Principals),
		Services:     list(b.Services),
	}
}

// list makes an absent list an empty one.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// stamp is RFC 3339 in UTC, or nothing for an unknown time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// rounded rounds to 1/parts. What is no number becomes 0, as JSON has no other.
func rounded(x float64, parts float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Round(x*parts) / parts
}
