package render

import (
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// ReadFinding reads what JSON wrote of a finding, as far as it identifies and
// classifies it, and of the evidence what happened when, by whom, and what that
// speaks for. The error names the field.
func ReadFinding(text []byte) (incident.Finding, error) {
	v, err := jsonscan.Parse(text)
	if err != nil {
		return incident.Finding{}, fmt.Errorf("read finding: %w", err)
	}
	r := findingReader{v: v}
	if schema := v.Get("schema").Str(); schema != FindingSchema {
		r.fail("schema", fmt.Sprintf("expected %s", FindingSchema))
	}
	f := incident.Finding{
		ID: r.text("id"), Status: incident.Status(r.text("status")), Account: v.Get("account").Str(), Region: v.Get("region").Str(), Partition: v.Get("partition").Str(),
		Verdict: incident.Verdict(r.text("verdict")), Cause: incident.Cause(r.text("cause")), Severity: r.severity(),
		FirstSeen: r.time("firstSeen"), LastSeen: r.time("lastSeen"), Summary: v.Get("summary").Str(),
	}
	f.Subject.Type, f.Subject.Name = incident.PrincipalType(r.text("subject", "type")), r.text("subject", "name")
	f.Subject.ARN, f.Subject.Account = v.Get("subject", "arn").Str(), f.Account
	if !slices.Contains(incident.Verdicts, f.Verdict) {
		r.fail("verdict", "expected one of those that the contract lists")
	} else if f.Cause.Verdict() != f.Verdict {
		r.fail("cause", fmt.Sprintf("expected one of the verdict %s", f.Verdict))
	}
	if !slices.Contains([]incident.Status{incident.Open, incident.Settled, incident.Resolved}, f.Status) {
		r.fail("status", "expected open, settled or resolved")
	}
	if n, ok := v.Get("revision").Int(); ok && n > 0 {
		f.Revision = int(n)
	}
	f.Evidence, f.CounterEvidence = r.evidence("evidence"), r.evidence("counterEvidence")
	if r.err != nil {
		return incident.Finding{}, r.err
	}
	return f, nil
}

// findingReader keeps the first thing that is wrong.
type findingReader struct {
	v   jsonscan.Value
	err error
}

func (r *findingReader) fail(field, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("read finding: %s: %s", field, what)
	}
}

func (r *findingReader) text(path ...string) string {
	s, ok := r.v.Get(path...).Text()
	if !ok || s == "" {
		r.fail(path[len(path)-1], "expected text")
	}
	return s
}

func (r *findingReader) severity() incident.Severity {
	i := slices.Index(incident.Severities, r.text("severity"))
	if i < 0 {
		r.fail("severity", "expected one of informational to critical")
	}
	return incident.Severity(max(i, 0))
}

// evidence reads a list of what speaks for or against. The direction none is that
// of no verdict.
func (r *findingReader) evidence(field string) (list []incident.Evidence) {
	r.v.Get(field).Elements(func(n int, v jsonscan.Value) bool {
		e := incident.Evidence{EventID: v.Get("eventId").Str(), Signal: incident.Kind(v.Get("signal").Str()), Actor: v.Get("actor").Str(), Fact: v.Get("fact").Str()}
		if direction := incident.Verdict(v.Get("direction").Str()); slices.Contains(incident.Verdicts, direction) {
			e.Direction = direction
		}
		t, err := time.Parse(time.RFC3339, v.Get("time").Str())
		if e.Time = t.UTC(); err != nil {
			r.fail(fmt.Sprintf("%s[%d].time", field, n), "expected a time such as 2026-03-01T10:00:00Z")
		}
		list = append(list, e)
		return true
	})
	return list
}

func (r *findingReader) time(field string) time.Time {
	t, err := time.Parse(time.RFC3339, r.text(field))
	if err != nil {
		r.fail(field, "expected a time such as 2026-03-01T10:00:00Z")
	}
	return t.UTC()
}
