package routing_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

const (
	bob  = "arn:aws:iam::111122223333:user/bob"
	dave = "arn:aws:sts::111122223333:assumed-role/deploy/dave"
)

// deleted is a role that bob deleted at noon, and a call that failed for it a
// minute later.
func deleted() incident.Finding {
	f := found(incident.PlannedChange, incident.Low)
	f.Cause = incident.RoleDeletedByOwner
	f.FirstSeen, f.LastSeen = noon(), noon().Add(time.Minute)
	f.Evidence = []incident.Evidence{
		{Time: noon(), Signal: incident.RoleDeleted, Actor: bob, Direction: incident.PlannedChange},
		{Time: noon().Add(time.Minute), Signal: incident.CredentialFailed, Direction: incident.PlannedChange},
	}
	return f
}

// window is the hour from noon on, in which bob deletes roles.
func window() incident.ChangeWindow {
	return incident.ChangeWindow{Name: "clean-up", Start: noon(), End: noon().Add(time.Hour), Actors: []string{"bob"}, Expects: []incident.Cause{incident.RoleDeletedByOwner}}
}

func TestAChangeWindowKeepsWhatItExpects(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*incident.Finding, *incident.ChangeWindow)
		want string // why not; empty: it is kept
	}{
		"all of it":         {func(*incident.Finding, *incident.ChangeWindow) {}, ""},
		"by an actor's ARN": {func(_ *incident.Finding, w *incident.ChangeWindow) { w.Actors = []string{"x", bob} }, ""},
		"by a role's session": {func(f *incident.Finding, w *incident.ChangeWindow) {
			f.Evidence[0].Actor, w.Actors = dave, []string{"deploy"}
		}, ""},
		"by a role's ARN with its path": {func(f *incident.Finding, w *incident.ChangeWindow) {
			f.Evidence[0].Actor, w.Actors = dave, []string{"arn:aws:iam::111122223333:role/ci/deploy"}
		}, ""},
		"by anybody":     {func(f *incident.Finding, w *incident.ChangeWindow) { w.Actors, f.Evidence[0].Actor = nil, dave }, ""},
		"of the subject": {func(_ *incident.Finding, w *incident.ChangeWindow) { w.Subjects = []string{"payments-*"} }, ""},
		"one of several causes": {func(_ *incident.Finding, w *incident.ChangeWindow) {
			w.Expects = []incident.Cause{incident.KeyRotated, incident.RoleDeletedByOwner}
		}, ""},
		"every week": {func(_ *incident.Finding, w *incident.ChangeWindow) {
			w.Start, w.End, w.From, w.Until = time.Time{}, time.Time{}, 11*time.Hour, 13*time.Hour
		}, ""},
		"what anybody fails at": {func(f *incident.Finding, w *incident.ChangeWindow) {
			f.Verdict, f.Cause, f.Evidence, w.Actors, w.Expects = incident.Expiry, incident.TokenExpired, f.Evidence[1:], nil, []incident.Cause{incident.TokenExpired}
		}, ""},
		"by somebody else": {func(f *incident.Finding, _ *incident.ChangeWindow) { f.Evidence[0].Actor = dave }, dave + " did a part of it, and is not bob"},
		"by nobody known":  {func(f *incident.Finding, _ *incident.ChangeWindow) { f.Evidence[0].Actor = "" }, "(unknown) did a part of it, and is not bob"},
		"by two, of whom one may": {func(f *incident.Finding, _ *incident.ChangeWindow) {
			f.Evidence = append(f.Evidence, incident.Evidence{Time: noon(), Signal: incident.TrustChanged, Actor: dave})
		}, dave + " did a part of it, and is not bob"},
		"without a deed":  {func(f *incident.Finding, _ *incident.ChangeWindow) { f.Evidence = f.Evidence[1:] }, "nobody is known to have done it, so that it may not be bob"},
		"another cause":   {func(f *incident.Finding, _ *incident.ChangeWindow) { f.Cause = incident.KeyDisabledByOwner }, "it expects role_deleted_by_owner, not key_disabled_by_owner"},
		"nothing by name": {func(_ *incident.Finding, w *incident.ChangeWindow) { w.Expects = nil }, "it expects nothing by name"},
		"begun before":    {func(f *incident.Finding, _ *incident.ChangeWindow) { f.FirstSeen = noon().Add(-time.Second) }, "what happened began outside of it"},
		"still going on":  {func(f *incident.Finding, _ *incident.ChangeWindow) { f.LastSeen = noon().Add(time.Hour) }, "what happened went on outside of it"},
		"in between two windows": {func(f *incident.Finding, w *incident.ChangeWindow) {
			w.Start, w.End, w.From, w.Until = time.Time{}, time.Time{}, 12*time.Hour, 13*time.Hour
			f.LastSeen, f.Evidence[1].Time = noon().Add(24*time.Hour), noon().Add(12*time.Hour)
		}, "a part of it happened outside of the window"},
		"a compromise by its name": {func(f *incident.Finding, w *incident.ChangeWindow) {
			f.Verdict, f.Cause, w.Expects = incident.Compromise, incident.TrustOpened, []incident.Cause{incident.TrustOpened}
		}, "there are signs of a compromise"},
		"with a sign of compromise": {func(f *incident.Finding, _ *incident.ChangeWindow) {
			f.CounterEvidence = []incident.Evidence{{Time: noon(), Direction: incident.Compromise}}
		}, "there are signs of a compromise"},
	} {
		t.Run(name, func(t *testing.T) {
			f, w := deleted(), window()
			test.edit(&f, &w)
			rules := routing.Rules{ChangeWindows: []incident.ChangeWindow{{Name: "another", Start: noon().Add(-time.Hour), End: noon()}, w}}
			silence, kept := rules.Silenced(f, noon())
			if why := strings.Join(rules.Windows(f), "; "); kept != (test.want == "") || !kept && !strings.HasSuffix(why, `The change window "clean-up" does not keep it from being told: `+test.want+".") {
				t.Errorf("kept: %v (%s); it says %q, want %q", kept, silence, why, test.want)
			}
		})
	}
}

func TestAWindowForOthersIsNoneOfItsBusiness(t *testing.T) {
	w := window()
	w.Subjects = []string{"orders-*"}
	rules := routing.Rules{ChangeWindows: []incident.ChangeWindow{w}}
	if s, kept := rules.Silenced(deleted(), noon()); kept || len(rules.Windows(deleted())) > 0 {
		t.Errorf("kept: %v (%s); it says %q", kept, s, rules.Windows(deleted()))
	}
}

func TestASilenceSaysWhy(t *testing.T) {
	w := window()
	w.Subjects = []string{"payments-*"}
	rules := routing.Rules{ChangeWindows: []incident.ChangeWindow{w}}
	if s, _ := rules.Silenced(deleted(), noon()); s.String() != `since the change window "clean-up" expects role_deleted_by_owner by bob of payments-*` {
		t.Errorf("it says: %s", s)
	}
	rules.Suppressions = []incident.Suppression{{Subject: "payments-*", Until: noon().Add(time.Hour), Reason: "it is known", Author: "platform"}}
	if s, _ := rules.Silenced(deleted(), noon()); s.String() != "until 2026-03-04 13:00 UTC: it is known (platform)" {
		t.Errorf("it says: %s", s)
	}
	if list := rules.Windows(found(incident.Expiry, incident.Low)); len(list) > 0 {
		t.Errorf("windows of a finding in none: %v", list)
	}
}

// Whatever windows there are: a compromise is told, and so is what has a sign of
// one.
func TestNoWindowKeepsACompromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		verdict := rapid.SampledFrom(incident.Verdicts).Draw(t, "verdict")
		f := deleted()
		f.Verdict, f.Cause = verdict, rapid.SampledFrom(verdict.Causes()).Draw(t, "cause")
		if verdict != incident.Compromise {
			f.CounterEvidence = []incident.Evidence{{Time: noon(), Signal: incident.TrustChanged, Actor: bob, Direction: incident.Compromise}}
		}
		w := window()
		w.Actors = rapid.SampledFrom([][]string{nil, {"*bob*"}, {"arn:aws:iam::*:user/b*"}}).Draw(t, "actors")
		w.Subjects = rapid.SampledFrom([][]string{nil, {"payments*"}}).Draw(t, "subjects")
		w.Expects = rapid.SampledFrom([][]incident.Cause{nil, {f.Cause}, incident.Compromise.Causes()}).Draw(t, "expects")
		if s, kept := (routing.Rules{ChangeWindows: []incident.ChangeWindow{w}}).Silenced(f, noon()); kept {
			t.Fatalf("kept %s", s)
		}
	})
}
