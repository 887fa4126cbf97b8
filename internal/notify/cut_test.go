package notify

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

const session = "arn:aws:sts::111122223333:assumed-role/payments-role/payments-worker"

// disabled is a user's key that somebody switched off while a session that was
// made with it went on for an hour.
func disabled(v incident.Verdict, cause incident.Cause) detect.Case {
	c := caseOf(v, cause, incident.High, keys("AKIAQDEPLOY000000001"))
	c.Finding.ID = "tv-cut"
	c.Finding.Subject.Principal = incident.Principal{Type: incident.User, Account: "111122223333", Name: "deploy"}
	c.Finding.FirstSeen, c.Finding.LastSeen = noon().Add(-time.Hour), noon().Add(10*time.Minute)
	c.Finding.Evidence = []incident.Evidence{
		{Signal: incident.CallDenied, Time: noon().Add(-time.Hour)},
		{Signal: incident.KeyStatusChanged, Time: noon()},
	}
	c.Finding.BlastRadius = &incident.BlastRadius{LiveSessions: 1, Until: noon().Add(time.Hour), Principals: []string{session}}
	return c
}

func thresholds() incident.Thresholds { return incident.DefaultSettings().Thresholds }

func TestCutOf(t *testing.T) {
	got := cutOf(disabled(incident.Compromise, incident.KeyDisabledByStranger), thresholds())
	want := Cut{
		CaseID: "tv-cut", Subject: "user/111122223333/deploy",
		Names: []string{"key/AKIAQDEPLOY000000001", "role/111122223333/payments-role", "user/111122223333/deploy", "workload/111122223333/payments-worker"},
		From:  noon(), Until: noon().Add(2 * time.Hour),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("cutOf() differs (-want +got):\n%s", d)
	}
	if !slices.IsSorted(got.Names) {
		t.Error("names are not sorted")
	}
}

func TestWhatCutsNothingOff(t *testing.T) {
	for name, c := range map[string]detect.Case{
		"an exposed token":  disabled(incident.Compromise, incident.TokenExposed),
		"an expiry":         disabled(incident.Expiry, incident.TokenExpired),
		"a lone revocation": disabled(incident.Inconclusive, incident.UnexplainedRevocation),
		"a finding that is none": func() detect.Case {
			c := disabled(incident.PlannedChange, incident.KeyRotated)
			c.SupersededBy = "tv-2"
			return c
		}(),
	} {
		if cut := cutOf(c, thresholds()); len(cut.Names) > 0 {
			t.Errorf("%s cuts off %v", name, cut.Names)
		}
	}
}

func TestWhatACutOffExplains(t *testing.T) {
	cuts := []Cut{cutOf(disabled(incident.PlannedChange, incident.KeyDisabledByOwner), thresholds())}
	for name, test := range map[string]struct {
		f    func(*incident.Finding)
		want bool
	}{
		"the role whose session was cut":           {func(*incident.Finding) {}, true},
		"at the very moment":                       {func(f *incident.Finding) { f.FirstSeen = noon() }, true},
		"when the session ended":                   {func(f *incident.Finding) { f.FirstSeen = noon().Add(61 * time.Minute) }, true},
		"failures from before":                     {func(f *incident.Finding) { f.FirstSeen = noon().Add(-time.Second) }, false},
		"failures long after":                      {func(f *incident.Finding) { f.FirstSeen = noon().Add(3 * time.Hour) }, false},
		"another role":                             {func(f *incident.Finding) { f.Subject.Name = "other-role" }, false},
		"the role of that name in another account": {func(f *incident.Finding) { f.Subject.Account = "444455556666" }, false},
		"the workload that the session is named after": {func(f *incident.Finding) {
			f.Subject.Principal = incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "payments-worker"}
		}, true},
		"the very key": {func(f *incident.Finding) {
			f.Subject.Principal = incident.Principal{Type: incident.AccessKey, Account: "111122223333", Name: "AKIAQDEPLOY000000001"}
		}, true},
		"a workload inside": {func(f *incident.Finding) {
			f.Subject.Principal.Name, f.Subject.Workloads = "other-role", []string{"payments-worker"}
		}, true},
		"the cut-off itself": {func(f *incident.Finding) { f.ID = "tv-cut" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := caseOf(incident.Expiry, incident.TokenExpired, incident.Low).Finding
			f.FirstSeen = noon().Add(5 * time.Minute)
			test.f(&f)
			if got := len(explaining(slices.Clone(cuts), f)) > 0; got != test.want {
				t.Errorf("explained = %v, want %v", got, test.want)
			}
		})
	}
}

func TestOnlyPlainFailuresAreInhibited(t *testing.T) {
	for cause, verdict := range map[incident.Cause]incident.Verdict{
		incident.TokenExpired: incident.Expiry, incident.RefreshBug: incident.Expiry, incident.NotRenewed: incident.Expiry,
		incident.UnexplainedFailures: incident.Inconclusive,
	} {
		if !mayBeInhibited(incident.Finding{Verdict: verdict, Cause: cause}) {
			t.Errorf("%s cannot be inhibited", cause)
		}
	}
	for cause, verdict := range map[incident.Cause]incident.Verdict{
		incident.TokenExposed: incident.Compromise, incident.UnexplainedRevocation: incident.Inconclusive,
		incident.ClockSkew: incident.Misconfiguration, incident.KeyRotated: incident.PlannedChange,
	} {
		if mayBeInhibited(incident.Finding{Verdict: verdict, Cause: cause}) {
			t.Errorf("%s can be inhibited", cause)
		}
	}
}

func TestNamesBehindAnARN(t *testing.T) {
	for arn, want := range map[string][]string{
		session: {"role/111122223333/payments-role", "workload/111122223333/payments-worker"},
		"arn:aws:iam::111122223333:user/ops/lena":  {"user/111122223333/lena"},
		"arn:aws-cn:iam::111122223333:role/r":      {"role/111122223333/r"},
		"arn:aws:sts::111122223333:assumed-role/r": {"role/111122223333/r"},
		"payments-worker":                          nil,
		"arn:aws:s3:::bucket/key":                  nil,
		"":                                         nil,
	} {
		if d := cmp.Diff(want, sessionNames(arn)); d != "" {
			t.Errorf("sessionNames(%q): %s", arn, d)
		}
	}
}
