// Package check tells which changes lie beyond the guard rails that an
// installation wants: sessions that may last long, roles that any token of a
// provider opens, access keys where a role would do.
//
// It promises that what it tells depends on the set of signals and the settings
// alone, and that it holds no secret. It does not decide about incidents: a
// change that is an attack is one for package correlate, whoever made it, and
// what it says of it stands beside this.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// All are settings with every check, for those who ask once. Pipelines are known
// by usual names.
func All(s incident.Settings) incident.Settings {
	s.Checks.OIDCSubject, s.Checks.StaticCredentials = true, true
	if len(s.Checks.CIUsers) == 0 {
		s.Checks.CIUsers = []string{"ci", "ci-*", "*-ci", "*-ci-*", "*github*", "*gitlab*", "*jenkins*", "*circleci*", "*buildkite*", "*pipeline*", "*deploy*", "*terraform*"}
	}
	return s
}

// Of returns what lies beyond the guard rails, oldest first, each event once for
// a guard rail.
func Of(signals []incident.Signal, s incident.Settings) []incident.Check {
	var out []incident.Check
	for i := range signals {
		out = Append(out, &signals[i], s)
	}
	return sorted(out)
}

func sorted(out []incident.Check) []incident.Check {
	slices.SortFunc(out, compare)
	return slices.CompactFunc(out, func(a, b incident.Check) bool {
		return a.Account == b.Account && a.EventID == b.EventID && a.Kind == b.Kind
	})
}

func compare(a, b incident.Check) int {
	return cmp.Or(
		a.Time.Compare(b.Time), cmp.Compare(a.Account, b.Account), cmp.Compare(a.EventID, b.EventID),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Fact, b.Fact),
	)
}

// Besides puts checks in order, without those of events that a finding is made
// of: it says more about them, and once is enough.
func Besides(checks []incident.Check, findings []incident.Finding) []incident.Check {
	told := map[[2]string]bool{}
	for _, f := range findings {
		if f.Severity < incident.Low {
			continue
		}
		for _, e := range f.Evidence {
			told[[2]string{f.Account, e.EventID}] = true
		}
	}
	return sorted(slices.DeleteFunc(slices.Clone(checks), func(c incident.Check) bool { return told[[2]string{c.Account, c.EventID}] }))
}

// Append appends what a single signal tells.
func Append(out []incident.Check, sig *incident.Signal, s incident.Settings) []incident.Check {
	for _, look := range []func(*incident.Signal, incident.Settings, *incident.Check) bool{longSession, openSubject, staticKey, pipelineKey} {
		c := incident.Check{
			Account: sig.Account, Region: sig.Region, Time: sig.Time, EventID: sig.ID,
			Actor: cmp.Or(sig.Actor.SessionARN, sig.Actor.ARN), SourceIP: sig.Actor.SourceIP,
			Subject: incident.Subject{Principal: sig.Target},
		}
		if look(sig, s, &c) {
			out = append(out, c)
		}
	}
	return out
}

func longSession(sig *incident.Signal, s incident.Settings, c *incident.Check) bool {
	if sig.MaxSession == 0 || s.Checks.MaxSession == 0 || sig.MaxSession <= s.Checks.MaxSession {
		return false
	}
	c.Kind = incident.SessionDuration
	c.Fact = fmt.Sprintf("sessions of role %s may last %s, and %s is the limit", sig.Target.Name, incident.Span(sig.MaxSession), incident.Span(s.Checks.MaxSession))
	c.Fix = fmt.Sprintf("aws iam update-role --role-name %s --max-session-duration %d; a job that needs longer renews its session, since a stolen one lasts as long", quoted(sig.Target.Name), int(s.Checks.MaxSession.Seconds()))
	return true
}

func openSubject(sig *incident.Signal, s incident.Settings, c *incident.Check) bool {
	if !s.Checks.OIDCSubject || sig.Trust == nil {
		return false
	}
	a := policy.Assess(nil, *sig.Trust, policy.Own{
		Account: sig.Account, Partition: sig.Partition,
		Accounts: s.Accounts, TrustedAccounts: s.TrustedAccounts, Organisations: s.Organisations,
	})
	i := slices.IndexFunc(a.Findings, lacksSubject)
	if i < 0 {
		return false
	}
	c.Kind = incident.OIDCSubject
	c.Fact = strings.Replace(a.Findings[i].Fact, "role ", "role "+sig.Target.Name+" ", 1)
	c.Fix = "put a condition on the provider's sub claim into the trust policy, such as StringEquals on repo:ORG/REPO:ref:refs/heads/main for GitHub: without it whoever gets a token of that provider may assume the role"
	return true
}

func lacksSubject(g policy.Grant) bool {
	switch g.Reason {
	case policy.SubjectMissing, policy.SubjectOptional, policy.ActorOnly:
		return true
	}
	return false
}

func staticKey(sig *incident.Signal, s incident.Settings, c *incident.Check) bool {
	if !s.Checks.StaticCredentials || sig.Kind != incident.StaticCredentials || sig.Exposure == nil {
		return false
	}
	c.Kind = incident.StaticKeys
	c.Subject = incident.Subject{Principal: lineage.WorkloadOf(sig.Account, sig.Resource)}
	what := "an access key"
	if sig.Key != "" {
		what = "access key " + sig.Key
		c.Subject.AccessKeyIDs = []string{sig.Key}
	}
	if lineage.IDKind(sig.Key) == lineage.TemporaryKey {
		what += ", which is temporary and will expire there,"
	}
	c.Fact = fmt.Sprintf("the environment of %s holds %s, in %s", sig.Resource, what, sig.Exposure.Where)
	c.Fix = "let the program use its own role instead, and deactivate the key: whoever may describe the function or task reads it. If it has to be a key, keep it in Secrets Manager"
	return true
}

func pipelineKey(sig *incident.Signal, s incident.Settings, c *incident.Check) bool {
	named := func(pattern string) bool { return lineage.Wildcard(pattern, sig.Target.Name) }
	if sig.Kind != incident.KeyCreated || sig.Target.Type != incident.User || !slices.ContainsFunc(s.Checks.CIUsers, named) {
		return false
	}
	c.Kind = incident.CIKeys
	key := "a long-lived key"
	if sig.Key != "" {
		key += ", " + sig.Key
		c.Subject.AccessKeyIDs = []string{sig.Key}
	}
	c.Fact = fmt.Sprintf("user %s, which stands for a pipeline, got %s", sig.Target.Name, key)
	c.Fix = "let the pipeline assume a role with its OIDC token, under a condition on the token's subject, and delete the key and then the user"
	return true
}

// quoted is a name for a shell. IAM's names need no quotes; what is none gets a
// placeholder, so that a command that is copied runs nothing else.
func quoted(name string) string {
	odd := func(c rune) bool {
		return !strings.ContainsRune("+=,.@_-", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}
	if name == "" || strings.ContainsFunc(name, odd) {
		return "ROLE"
	}
	return name
}
