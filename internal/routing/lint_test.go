package routing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func TestLint(t *testing.T) {
	type m = routing.Match
	compromise, expiry := []incident.Verdict{incident.Compromise}, []incident.Verdict{incident.Expiry}
	all := routing.Route{Name: "all", Type: routing.SQS, Target: "q"}
	known := incident.Suppression{Cause: incident.ClockSkew, Until: noon().Add(time.Hour), Reason: "known", Author: "platform"}
	for name, test := range map[string]struct {
		rules routing.Rules
		want  string // lines
	}{
		"nothing wrong": {routing.Rules{Routes: []routing.Route{all}, Suppressions: []incident.Suppression{known}}, ""},
		"no route":      {routing.Rules{}, "routes: there is no route: nobody hears of anything, unless an address is given when deploying or somebody subscribes to the topics"},
		"a cause of another verdict": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Verdicts: compromise, Causes: []incident.Cause{incident.ClockSkew}}}}},
			"routes[1].match: route a: nothing reaches it: cause clock_skew belongs to the verdict misconfiguration, not to compromise",
		},
		"a planned change that is grave": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Verdicts: []incident.Verdict{incident.PlannedChange}, Severity: incident.Medium}}}},
			"routes[1].match: route a: nothing reaches it: no finding with verdict planned_change is ever medium",
		},
		"and one that is not": {routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Verdicts: []incident.Verdict{incident.PlannedChange}, Severity: incident.Low}}}}, ""},
		"the rest of everything": {
			routing.Rules{Routes: []routing.Route{all, {Name: "rest", Otherwise: true}}},
			"routes[1].otherwise: route rest: nothing reaches it: the route all takes everything that it would",
		},
		"the rest of what may be delayed": {routing.Rules{Routes: []routing.Route{{Name: "late", After: time.Hour}, {Name: "rest", Otherwise: true}}}, ""},
		"grave findings of nobody": {
			routing.Rules{Routes: []routing.Route{{Name: "a", Match: m{Verdicts: []incident.Verdict{incident.Compromise, incident.Misconfiguration}}}, {Name: "late", After: time.Hour}, {Name: "critical", Target: "c", Match: m{Severity: incident.Critical}}}},
			"routes: no route hears at once of a finding with verdict inconclusive and severity high\nroutes: no route hears at once of a finding with verdict expiry and severity high",
		},
		"an owner of nothing": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Owners: []string{"paymets"}}}}, Owners: []incident.Owner{{Name: "payments", Subjects: []string{"p*"}}}},
			"routes[1].match.owner: route a: owners names nobody paymets, and without owner_tag nothing else does",
		},
		"an owner by tag": {routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Owners: []string{"orders"}}}}, OwnerTag: "team"}, ""},
		"tags that nobody has": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Tags: tagIs("AWS:cloudformation:stack-name", "*")}}, {Name: "b", Target: "b", Match: m{Tags: tagIs("db-password", "*")}}, {Name: "c", Target: "c", Match: m{Tags: tagIs("aws", "*")}}}},
			"routes[1].match: route a: nothing reaches it: the tag AWS:cloudformation:stack-name is AWS's own, which nobody can put on a role\n" +
				"routes[2].match: route b: nothing reaches it: the tag db-password is never kept, since its name says that it holds a secret",
		},
		"an owner_tag that nobody has": {
			routing.Rules{Routes: []routing.Route{all}, OwnerTag: "aws:createdBy"},
			"owner_tag: it makes nobody an owner: the tag aws:createdBy is AWS's own, which nobody can put on a role",
		},
		"a suppression by such tags": {
			routing.Rules{Routes: []routing.Route{all}, Suppressions: []incident.Suppression{{Tags: tagIs("aws:x", "*"), Until: noon().Add(1), Author: "x"}, {Tags: tagIs("x", "*"), Until: noon().Add(1), Author: "x"}}},
			"suppressions[0].tag: it covers nothing: the tag aws:x is AWS's own, which nobody can put on a role",
		},
		"one receiver, apart by tags": {routing.Rules{Routes: []routing.Route{{Name: "e", Target: "q", Match: m{Tags: tagIs("team", "a")}}, {Name: "c", Target: "q", Match: m{Tags: tagIs("Team", "b")}}, {Name: "all", Target: "r"}}}, ""},
		"one receiver twice":          {routing.Rules{Routes: []routing.Route{all, {Name: "twin", Type: routing.SQS, Target: "q", Match: m{Verdicts: expiry}}}}, "routes[1].target: route twin: the route all (routes[0]) has the same receiver, which hears what both take twice"},
		"one receiver for each":       {routing.Rules{Routes: []routing.Route{{Name: "e", Target: "q", Match: m{Verdicts: expiry}}, {Name: "c", Target: "q", Match: m{Causes: []incident.Cause{incident.TrustOpened}}}, all}}, ""},
		"quiet hours of what is urgent": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Match: m{Severity: incident.High}, Quiet: []routing.Hours{{Until: time.Hour}}, Urgent: incident.High}}},
			"routes[1].quiet_hours: route a: everything that it takes is urgent, so it is never quiet",
		},
		"quiet hours for ever": {
			routing.Rules{Routes: []routing.Route{all, {Name: "a", Quiet: []routing.Hours{{Until: 12 * time.Hour}, {From: 12 * time.Hour, Until: 24 * time.Hour}}, Urgent: incident.High}}},
			"! routes[1].quiet_hours: route a: its quiet hours never end",
		},
		"mails every few minutes": {routing.Rules{Routes: []routing.Route{all, {Name: "a", Type: routing.Email, Repeat: 5 * time.Minute}}}, "routes[1].repeat: route a: mails every 5 min are mails that nobody reads"},
		"a change window that is over": {
			routing.Rules{Routes: []routing.Route{all}, ChangeWindows: []incident.ChangeWindow{{Name: "move", Start: noon().Add(-time.Hour), End: noon()}}},
			"change_windows[0].end: the change window \"move\" ended on 2026-03-04T12:00:00Z",
		},
		"change windows that are not": {
			routing.Rules{Routes: []routing.Route{all}, ChangeWindows: []incident.ChangeWindow{{Name: "move", Start: noon(), End: noon().Add(1), Actors: []string{"bob"}}, {Name: "weekly", Until: time.Hour, Expects: []incident.Cause{incident.TokenExpired}}}}, "",
		},
		"a change window of everybody and everything": {
			routing.Rules{Routes: []routing.Route{all}, ChangeWindows: []incident.ChangeWindow{{Name: "weekly", Until: time.Hour, Subjects: []string{"a"}}}},
			"change_windows[0]: the change window \"weekly\" names neither actors nor what it expects, so that it explains what anybody does in it",
		},
		"change windows by actors that expect what nobody does": {
			routing.Rules{Routes: []routing.Route{all}, ChangeWindows: []incident.ChangeWindow{
				{Name: "a", Until: time.Hour, Actors: []string{"bob"}, Expects: []incident.Cause{incident.KeyRotated, incident.TokenExpired, incident.UnexplainedFailures}},
				{Name: "b", Until: time.Hour, Actors: []string{"bob"}, Expects: []incident.Cause{incident.KeyRotated, incident.ProviderRemoved, incident.UnexplainedDeletion}},
			}},
			"change_windows[0].expects: the change window \"a\" never meets token_expired or unexplained_failures: it names actors, and nobody does that",
		},
		"suppressions": {
			routing.Rules{Routes: []routing.Route{all}, Suppressions: []incident.Suppression{{Subject: "a", Until: noon(), Author: "x"}, {Verdict: incident.Expiry, Cause: incident.TrustOpened, Until: noon().Add(1), Author: "x"}, {Subject: "b", Until: noon().Add(1)}}},
			"suppressions[0].until: the suppression ended on 2026-03-04T12:00:00Z; what it covered is told again\n" +
				"suppressions[1].cause: it covers nothing: trust_opened is always compromise\n" +
				"suppressions[2]: nobody is named as its author, to be asked when it ends",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, i := range test.rules.Lint(noon()) {
				line := i.Path + ": " + i.Message
				if i.Fatal {
					line = "! " + line
				}
				got = append(got, line)
			}
			if d := cmp.Diff(test.want, strings.Join(got, "\n")); d != "" {
				t.Errorf("Lint() (-want +got):\n%s", d)
			}
		})
	}
}
