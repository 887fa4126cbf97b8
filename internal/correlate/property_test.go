package correlate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// history draws events of a few principals and actors over a few hours, dense
// enough that most rules meet one another.
func history(t *rapid.T) Evidence {
	principals := []incident.Principal{role("a"), role("b"), user("u")}
	actors := []incident.Actor{by(user("eve")), by(role("oncall")), by(role("a")), by(user("u"))}
	keys := []string{"ASIA1", "ASIA2", "AKIAU", "AKIANEW", ""}
	ips := []string{"198.51.100.7", "203.0.113.66", "lambda.amazonaws.com", ""}
	kinds := []incident.Kind{
		incident.SessionsRevoked, incident.InlinePolicyPut, incident.InlinePolicyDeleted, incident.PolicyAttached, incident.PolicyDetached,
		incident.ManagedPolicyWritten, incident.QuarantineAttached, incident.QuarantineDetached, incident.KeyStatusChanged, incident.KeyDeleted,
		incident.KeyCreated, incident.LoginProfileCreated, incident.MFADeactivated, incident.UserCreated, incident.UserDeleted, incident.RoleCreated,
		incident.RoleDeleted, incident.TrustChanged, incident.TrailStarted, incident.TrailStopped, incident.SelectorsChanged, incident.CredentialExposed,
		incident.ThreatFinding, incident.ExposureNotice, incident.ProviderDeleted,
	}
	minute := rapid.IntRange(0, 600)
	s := &story{}
	for range rapid.IntRange(1, 25).Draw(t, "events") {
		m := float64(minute.Draw(t, "minute"))
		p := rapid.SampledFrom(principals).Draw(t, "principal")
		key := rapid.SampledFrom(keys).Draw(t, "key")
		ip := rapid.SampledFrom(ips).Draw(t, "ip")
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
			s.issue(m, p, key, rapid.SampledFrom(actors).Draw(t, "caller"))
		case 1:
			s.fail(m, key, rapid.IntRange(1, 8).Draw(t, "n"), rapid.SampledFrom([]string{"InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"}).Draw(t, "code"))
		case 2:
			s.deny(m, p, m-float64(rapid.IntRange(0, 60).Draw(t, "age")), rapid.IntRange(1, 6).Draw(t, "n"), ip, "Boto3/1.34")
		case 3:
			s.use(p, key, m, m+float64(rapid.IntRange(0, 90).Draw(t, "for")), ip, rapid.SampledFrom([]string{"boto3", "aws-cli"}).Draw(t, "client"))
		default:
			sig := s.change(m, rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.SampledFrom(actors).Draw(t, "actor"), p)
			dress(sig, key)
		}
	}
	return s.e
}

// dress gives a change the details that its kind always has.
func dress(sig *incident.Signal, key string) {
	sig.Key = key
	switch sig.Kind {
	case incident.SessionsRevoked:
		sig.Policy = &incident.Policy{Name: "stop"}
		sig.Revocation = &incident.Revocation{IssuedBefore: sig.Time}
	case incident.InlinePolicyPut, incident.InlinePolicyDeleted:
		sig.Policy = &incident.Policy{Name: "stop"}
	case incident.PolicyAttached, incident.PolicyDetached, incident.ManagedPolicyWritten:
		sig.Policy = &incident.Policy{Name: "deny", ARN: "arn:aws:iam::111122223333:policy/deny", SetDefault: true}
		if sig.Kind == incident.ManagedPolicyWritten {
			sig.Revocation = &incident.Revocation{}
		}
	case incident.KeyStatusChanged:
		sig.KeyStatus = []string{"Active", "Inactive"}[sig.Time.Minute()%2]
	case incident.ThreatFinding:
		sig.Threat = &incident.Threat{Type: "Recon:IAMUser/TorIPCaller"}
	case incident.TrustChanged, incident.RoleCreated:
		sig.Trust = &incident.TrustPolicy{Statements: []incident.TrustStatement{{
			Principals: []incident.TrustPrincipal{{Type: "AWS", Value: []string{"arn:aws:iam::999988887777:root", "arn:aws:iam::111122223333:root"}[sig.Time.Minute()%2]}},
			Actions:    []string{"sts:AssumeRole"},
		}}}
	case incident.ProviderDeleted:
		sig.Target = incident.Principal{Type: incident.Federated, Account: own, Name: "arn:aws:iam::111122223333:oidc-provider/idp.example"}
	}
}

func TestOrderAndDuplicatesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := history(t)
		want := Revisions(e, incident.DefaultSettings(), time.Time{})
		mixed := Evidence{
			Signals: rapid.Permutation(slices.Concat(e.Signals, e.Signals[:rapid.IntRange(0, len(e.Signals)).Draw(t, "again")])).Draw(t, "signals"),
			Uses:    rapid.Permutation(slices.Concat(e.Uses, e.Uses[:rapid.IntRange(0, len(e.Uses)).Draw(t, "usesAgain")])).Draw(t, "uses"),
		}
		if diff := cmp.Diff(want, Revisions(mixed, incident.DefaultSettings(), time.Time{})); diff != "" {
			t.Fatalf("another order gave (-want +got):\n%s", diff)
		}
	})
}

func TestWorkersChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := history(t)
		want := Index(e).Histories(incident.DefaultSettings(), time.Time{}, 1)
		workers := rapid.IntRange(2, 5).Draw(t, "workers")
		if diff := cmp.Diff(want, Index(e).Histories(incident.DefaultSettings(), time.Time{}, workers)); diff != "" {
			t.Fatalf("%d workers gave (-one +several):\n%s", workers, diff)
		}
	})
}

func TestEventsOfOthersChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := history(t)
		asOf := at(1000)
		want := Findings(e, incident.DefaultSettings(), asOf)
		s := &story{e: Evidence{Signals: slices.Clone(e.Signals), Uses: slices.Clone(e.Uses)}, n: 10_000}
		for n := range rapid.IntRange(1, 10).Draw(t, "others") {
			other := role(fmt.Sprintf("bystander%d", n))
			s.use(other, "", float64(n), float64(n)+5, "192.0.2.1", "boto3")
			s.issue(float64(n), other, fmt.Sprintf("ASIAOTHER%d", n), by(role("scheduler")))
		}
		if diff := cmp.Diff(want, Findings(s.e, incident.DefaultSettings(), asOf)); diff != "" {
			t.Fatalf("bystanders changed the findings (-want +got):\n%s", diff)
		}
	})
}

func TestEveryFindingIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, f := range Revisions(history(t), incident.DefaultSettings(), at(1000)) {
			if f.ID == "" || f.Revision < 1 || f.Summary == "" || f.Cause == "" || len(f.NextSteps) == 0 || len(f.WouldChange) == 0 || len(f.Evidence) == 0 {
				t.Fatalf("finding lacks something: %+v", f)
			}
			if f.Confidence <= 0 || f.Confidence > 1 || f.LastSeen.Before(f.FirstSeen) || !f.Subject.Known() || f.Account == "" {
				t.Fatalf("finding is wrong: %+v", f)
			}
			low := f.Verdict == incident.Compromise && f.Severity < incident.Medium || f.Verdict != incident.PlannedChange && f.Severity < incident.Low
			if low {
				t.Fatalf("%s of severity %s", f.Verdict, f.Severity)
			}
			if (f.Cause == incident.RefreshBug) != (f.Interval != nil) {
				t.Fatalf("cause %s with interval %v", f.Cause, f.Interval)
			}
		}
	})
}
