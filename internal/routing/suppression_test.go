package routing_test

import (
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func silenced(f incident.Finding, list ...incident.Suppression) (routing.Silence, bool) {
	return routing.Rules{Suppressions: list}.Silenced(f, noon())
}

func TestSuppressed(t *testing.T) {
	finding := incident.Finding{
		Account: "111122223333", Verdict: incident.Compromise, Cause: incident.TrustOpened,
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: "payments-api", ARN: "arn:aws:iam::111122223333:role/app/payments-api"}},
	}
	until := noon().Add(time.Hour)
	for name, test := range map[string]struct {
		s    incident.Suppression
		want bool
	}{
		"one that does not name the verdict": {incident.Suppression{Until: until}, false},
		"one that has ended":                 {incident.Suppression{Until: noon()}, false},
		"one without an end has ended":       {incident.Suppression{}, false},
		"its verdict":                        {incident.Suppression{Until: until, Verdict: incident.Compromise}, true},
		"another verdict":                    {incident.Suppression{Until: until, Verdict: incident.Expiry}, false},
		"its cause":                          {incident.Suppression{Until: until, Verdict: incident.Compromise, Cause: incident.TrustOpened}, true},
		"another cause":                      {incident.Suppression{Until: until, Verdict: incident.Compromise, Cause: incident.TokenExposed}, false},
		"its account":                        {incident.Suppression{Until: until, Verdict: incident.Compromise, Account: "111122223333"}, true},
		"another account":                    {incident.Suppression{Until: until, Verdict: incident.Compromise, Account: "444455556666"}, false},
		"its name":                           {incident.Suppression{Until: until, Verdict: incident.Compromise, Subject: "payments-api"}, true},
		"its name with a wildcard":           {incident.Suppression{Until: until, Verdict: incident.Compromise, Subject: "payments-*"}, true},
		"its ARN":                            {incident.Suppression{Until: until, Verdict: incident.Compromise, Subject: "arn:aws:iam::*:role/app/*"}, true},
		"a part of its name":                 {incident.Suppression{Until: until, Verdict: incident.Compromise, Subject: "payments"}, false},
		"all must match":                     {incident.Suppression{Until: until, Verdict: incident.Compromise, Subject: "payments-api", Cause: incident.TokenExposed}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := silenced(finding, test.s); got != test.want {
				t.Errorf("Silenced() = %v, want %v", got, test.want)
			}
		})
	}
	first := incident.Suppression{Until: until, Verdict: incident.Compromise, Reason: "first"}
	if got, _ := silenced(finding, incident.Suppression{}, first, incident.Suppression{Until: until, Verdict: incident.Compromise}); got != (routing.Silence{Until: until, Reason: "first"}) {
		t.Errorf("Silenced() = %+v, want the first that matches", got)
	}
}

// What was written against noise does not hide an attack on the same subject.
func TestACompromiseIsSuppressedByNameAlone(t *testing.T) {
	noise := incident.Suppression{Subject: "sandbox", Until: noon().Add(time.Hour), Reason: "everybody breaks it"}
	for verdict, want := range map[incident.Verdict]bool{
		incident.Expiry: true, incident.Misconfiguration: true, incident.Inconclusive: true, incident.PlannedChange: true, incident.Compromise: false,
	} {
		f := found(verdict, incident.Critical)
		f.Subject.Name = "sandbox"
		if _, got := silenced(f, noise); got != want {
			t.Errorf("%s is suppressed: %v, want %v", verdict, got, want)
		}
	}
}

func TestNamingTheCauseNamesTheCompromise(t *testing.T) {
	f := found(incident.Compromise, incident.Critical)
	for cause, want := range map[incident.Cause]bool{f.Cause: true, incident.ClockSkew: false} {
		s := incident.Suppression{Cause: cause, Until: noon().Add(time.Hour), Reason: "a drill"}
		if _, got := silenced(f, s); got != want {
			t.Errorf("suppressed by the cause %s: %v, want %v", cause, got, want)
		}
	}
}
