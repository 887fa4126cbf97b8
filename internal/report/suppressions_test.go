package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestWindowsOverWithoutAChangeAreNamed(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	at := now.Add(-time.Hour)
	window := incident.ChangeWindow{Name: "move", Start: at.Add(-time.Minute), End: at.Add(time.Minute)}
	open := window
	open.End = now.Add(1)
	change := incident.Finding{Verdict: incident.PlannedChange, Cause: incident.RoleDeletedByOwner, Evidence: []incident.Evidence{{Time: at}}}
	theft, earlier := change, change
	theft.Verdict = incident.Compromise
	earlier.Evidence = []incident.Evidence{{Time: at.Add(-time.Hour)}}
	stale := []string{`The change window "move" ended on 2026-03-04, and no planned change of these events lies in it: remove it.`}
	for name, test := range map[string]struct {
		window   incident.ChangeWindow
		findings []incident.Finding
		want     []string
	}{
		"over, unused":              {window, nil, stale},
		"over, a change in it":      {window, []incident.Finding{theft, change}, nil},
		"over, a change before":     {window, []incident.Finding{earlier}, stale},
		"over, an attack in it":     {window, []incident.Finding{theft}, stale},
		"over, and what it expects": {expecting(window, incident.RoleDeletedByOwner), []incident.Finding{change}, nil},
		"over, and something else":  {expecting(window, incident.KeyDisabledByOwner), []incident.Finding{change}, stale},
		"over, and of another":      {ofSubject(window, "nobody"), []incident.Finding{change}, stale},
		"open":                      {open, nil, nil},
		"one that comes back":       {incident.ChangeWindow{Name: "weekly", Until: time.Hour}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{AsOf: now, Findings: test.findings, Settings: incident.Settings{ChangeWindows: []incident.ChangeWindow{test.window}}}
			if d := cmp.Diff(test.want, staleWindows(in)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func expecting(w incident.ChangeWindow, c incident.Cause) incident.ChangeWindow {
	w.Expects = []incident.Cause{c}
	return w
}

func ofSubject(w incident.ChangeWindow, subject string) incident.ChangeWindow {
	w.Subjects = []string{subject}
	return w
}

func TestStaleSuppressionsAreNamed(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	skew := incident.Finding{Verdict: incident.Misconfiguration, Cause: incident.ClockSkew, Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: "gateway"}}}
	theft := incident.Finding{Verdict: incident.Compromise, Cause: incident.TrustOpened, Subject: skew.Subject}
	in := Input{AsOf: now, Findings: []incident.Finding{skew, theft}, Settings: incident.Settings{Suppressions: []incident.Suppression{
		{Cause: incident.ClockSkew, Until: later, Reason: "in use", Author: "a"},
		{Cause: incident.ClockSkew, Until: now, Reason: "over", Author: "b"},
		{Subject: "sandbox", Until: now, Reason: "over and done"},
		{Verdict: incident.Expiry, Subject: "gateway", Until: later, Reason: "no use", Author: "c"},
		{Cause: incident.AuditTampering, Until: later, Reason: "another compromise", Author: "d"},
	}}}
	want := []string{
		"The suppression of cause clock_skew (over, b) ended on 2026-03-04, and findings that it covered are told again: 1 of these.",
		"The suppression of subject sandbox (no compromise) (over and done) ended on 2026-03-04, and covers nothing any more: remove it.",
		"The suppression of verdict expiry, subject gateway (no use, c) covers none of the findings of these events: is it still needed?",
		"The suppression of cause audit_tampering (another compromise, d) covers none of the findings of these events: is it still needed?",
	}
	if d := cmp.Diff(want, staleSuppressions(in)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	in.Settings.Suppressions = in.Settings.Suppressions[:1]
	if got := staleSuppressions(in); len(got) > 0 {
		t.Errorf("a suppression in use is stale: %q", got)
	}
}
