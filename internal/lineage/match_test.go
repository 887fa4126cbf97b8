package lineage

import (
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestWildcard(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything/at:all", true},
		{"?", "", false},
		{"?", "a", true},
		{"deploy", "deploy", true},
		{"deploy", "deploy-2", false},
		{"deploy", "Deploy", false},
		{"deploy*", "deploy", true},
		{"*deploy", "pre-deploy", true},
		{"a*c", "abcbc", true},
		{"a*c", "abcb", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"pipeline-??", "pipeline-42", true},
		{"pipeline-??", "pipeline-4", false},
		{"**", "x", true},
		{"a.c", "abc", false},
	} {
		if got := Wildcard(test.pattern, test.text); got != test.want {
			t.Errorf("Wildcard(%q, %q) = %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
	// A pattern that is made to be slow is not.
	if Wildcard(strings.Repeat("a*", 50)+"b", strings.Repeat("a", 5000)) {
		t.Error("a text without b matches a pattern that ends in b")
	}
}

func TestMatches(t *testing.T) {
	deployer := incident.Actor{
		Principal:  incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "deploy", ARN: "arn:aws:iam::111122223333:role/ci/deploy"},
		SessionARN: "arn:aws:sts::111122223333:assumed-role/deploy/run-7",
	}
	session := deployer
	session.ARN = "" // a session alone does not show the path
	user := incident.Actor{Principal: incident.Principal{Type: incident.User, Account: "111122223333", Name: "deploy", ARN: "arn:aws:iam::111122223333:user/deploy"}}
	service := incident.Actor{Principal: incident.Principal{Type: incident.Service, Name: "deploy"}}
	for _, test := range []struct {
		name, pattern string
		actor         incident.Actor
		want          bool
	}{
		{"a role by its name", "deploy", deployer, true},
		{"a user by its name", "deploy", user, true},
		{"a name with a wildcard", "dep*", deployer, true},
		{"a part of a name", "dep", deployer, false},
		{"a service has no name of that kind", "deploy", service, false},
		{"nobody", "*", incident.Actor{}, false},
		{"a role by its ARN", "arn:aws:iam::111122223333:role/ci/deploy", deployer, true},
		{"a role by its ARN without the path", "arn:aws:iam::111122223333:role/deploy", deployer, true},
		{"a session by the role's ARN with a path that it does not show", "arn:aws:iam::111122223333:role/ci/deploy", session, true},
		{"a session by its ARN", "arn:aws:sts::111122223333:assumed-role/deploy/run-*", deployer, true},
		{"another session", "arn:aws:sts::111122223333:assumed-role/deploy/x", deployer, false},
		{"another account", "arn:aws:iam::444455556666:role/ci/deploy", deployer, false},
		{"another partition", "arn:aws-cn:iam::111122223333:role/ci/deploy", deployer, false},
		{"a user is no role", "arn:aws:iam::111122223333:role/deploy", user, false},
		{"all roles of a path", "arn:aws:iam::111122223333:role/ci/*", deployer, true},
		{"all roles of a path that a session does not show", "arn:aws:iam::111122223333:role/ci/*", session, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Matches(test.pattern, test.actor); got != test.want {
				t.Errorf("Matches(%q) = %v, want %v", test.pattern, got, test.want)
			}
		})
	}
}

func TestActorOf(t *testing.T) {
	for arn, pattern := range map[string]string{
		"arn:aws:iam::111122223333:user/staff/bob":               "bob",
		"arn:aws:iam::111122223333:role/ci/deploy":               "deploy",
		"arn:aws-cn:sts::111122223333:assumed-role/deploy/run-1": "arn:aws-cn:iam::111122223333:role/ci/deploy",
		"arn:aws:sts::111122223333:assumed-role/deploy/run-2":    "arn:aws:sts::*:assumed-role/deploy/*",
		"arn:aws:iam::111122223333:root":                         "arn:aws:iam::111122223333:root",
		"arn:aws:sts::111122223333:federated-user/x":             "arn:aws:sts::111122223333:federated-user/*",
	} {
		if !Matches(pattern, ActorOf(arn)) {
			t.Errorf("%s does not mean %s", pattern, arn)
		}
		if Matches("eve", ActorOf(arn)) || Matches("arn:aws:iam::*:user/eve", ActorOf(arn)) {
			t.Errorf("eve means %s", arn)
		}
	}
	for _, text := range []string{"", "bob", "arn:aws:iam", "ec2.amazonaws.com"} {
		if a := ActorOf(text); a != (incident.Actor{}) {
			t.Errorf("ActorOf(%q) = %+v", text, a)
		}
	}
}
