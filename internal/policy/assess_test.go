package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// us is an installation in account 111122223333 with one more account, one
// partner and one organisation.
var us = Own{
	Account: "111122223333", Partition: "aws",
	Accounts:        []string{"444455556666"},
	TrustedAccounts: []string{"555566667777"},
	Organisations:   []string{"o-ours123456"},
}

// doc is a trust policy of the given statements.
func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow is a statement that lets principal assume the role, if conditions hold.
func allow(principal string, conditions ...string) string {
	return statement("Allow", "Principal", principal, actionFor(principal), conditions...)
}

func deny(principal string, conditions ...string) string {
	return statement("Deny", "Principal", principal, `"*"`, conditions...)
}

func statement(effect, element, principal, action string, conditions ...string) string {
	return fmt.Sprintf(`{"Effect":%q,%q:%s,"Action":%s,"Condition":{%s}}`,
		effect, element, principal, action, strings.Join(conditions, ","))
}

func actionFor(principal string) string {
	switch {
	case strings.Contains(principal, "saml-provider"):
		return `"sts:AssumeRoleWithSAML"`
	case strings.Contains(principal, "Federated"):
		return `"sts:AssumeRoleWithWebIdentity"`
	}
	return `"sts:AssumeRole"`
}

// when is a condition with one or several values.
func when(operator, key string, values ...string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	if len(quoted) == 1 {
		return fmt.Sprintf(`%q:{%q:%s}`, operator, key, quoted[0])
	}
	return fmt.Sprintf(`%q:{%q:[%s]}`, operator, key, strings.Join(quoted, ","))
}

const (
	ownRoot     = `{"AWS":"arn:aws:iam::111122223333:root"}`
	ownRole     = `{"AWS":"arn:aws:iam::111122223333:role/ci/builder"}`
	otherOwn    = `{"AWS":"arn:aws:iam::444455556666:root"}`
	partner     = `{"AWS":"arn:aws:iam::555566667777:root"}`
	foreignRoot = `{"AWS":"arn:aws:iam::999988887777:root"}`
	foreignRole = `{"AWS":"arn:aws:iam::999988887777:role/helper"}`
	everybody   = `"*"`
	ec2         = `{"Service":"ec2.amazonaws.com"}`

	github    = `{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}`
	gitlab    = `{"Federated":"arn:aws:iam::111122223333:oidc-provider/gitlab.com"}`
	eks       = `{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF0123456789"}`
	terraform = `{"Federated":"arn:aws:iam::111122223333:oidc-provider/app.terraform.io"}`
	auth0     = `{"Federated":"arn:aws:iam::111122223333:oidc-provider/tenant.example.com/"}`
	cognito   = `{"Federated":"cognito-identity.amazonaws.com"}`
	google    = `{"Federated":"accounts.google.com"}`
	okta      = `{"Federated":"arn:aws:iam::111122223333:saml-provider/Corporate"}`

	githubSub = "token.actions.githubusercontent.com:sub"
	githubAud = "token.actions.githubusercontent.com:aud"
	eksHost   = "oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF0123456789"
)

// fromGitHub is a trust in GitHub's tokens with a subject condition and the
// usual audience.
func fromGitHub(operator string, subjects ...string) string {
	return allow(github,
		when("StringLike", githubSub, subjects...),
		when(operator, githubAud, "sts.amazonaws.com"))
}

func subject(provider, host, operator string, subjects ...string) string {
	return allow(provider,
		when(operator, host+":sub", subjects...),
		when("StringEquals ", host+":aud", "sts.amazonaws.com"))
}

type judged struct {
	name   string
	policy string
	level  Level
	reason Reason
}

// TestTrustByItself judges policies of whose predecessor nothing is known.
func TestTrustByItself(t *testing.T) {
	for _, tests := range [][]judged{principalTests, everybodyTests, denyTests, serviceTests, oidcTests, providerTests} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				a := Assess(nil, read(t, tt.policy), us)
				if !a.NoBaseline {
					t.Error("NoBaseline is not set")
				}
				check(t, a, tt.level, tt.reason)
			})
		}
	}
}

func read(t *testing.T, document string) incident.TrustPolicy {
	t.Helper()
	if _, err := Parse(document); err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return Trust(document)
}

// check compares the most dangerous finding.
func check(t *testing.T, a Assessment, level Level, reason Reason) {
	t.Helper()
	got := Unchanged.String()
	if len(a.Findings) > 0 {
		got = a.Findings[0].Level.String() + " " + string(a.Findings[0].Reason)
	}
	want := strings.TrimSpace(level.String() + " " + string(reason))
	if got != want {
		t.Errorf("got %s, want %s\nfindings: %v", got, want, a.Findings)
	}
	if a.Opened() != (level == Opened) {
		t.Errorf("Opened() = %v at level %s", a.Opened(), level)
	}
}

var principalTests = []judged{
	{"a foreign account is a stranger", doc(allow(foreignRoot)), Opened, ForeignAccount},
	{"a bare account id is the account", doc(allow(`{"AWS":"999988887777"}`)), Opened, ForeignAccount},
	{"a foreign role is a stranger", doc(allow(foreignRole)), Opened, ForeignAccount},
	{"a foreign user is a stranger", doc(allow(`{"AWS":"arn:aws:iam::999988887777:user/eve"}`)), Opened, ForeignAccount},
	{"a foreign session is a stranger", doc(allow(`{"AWS":"arn:aws:sts::999988887777:assumed-role/helper/s"}`)), Opened, ForeignAccount},
	{"a foreign federated user is a stranger", doc(allow(`{"AWS":"arn:aws:sts::999988887777:federated-user/eve"}`)), Opened, ForeignAccount},
	{"an external id does not make a foreign account known", doc(allow(foreignRoot, when("StringEquals", "sts:ExternalId", "x"))), Opened, ForeignAccount},
	{"MFA does not make a foreign account known", doc(allow(foreignRoot, when("Bool", "aws:MultiFactorAuthPresent", "true"))), Opened, ForeignAccount},
	{"an address does not make a foreign account known", doc(allow(foreignRoot, when("IpAddress", "aws:SourceIp", "192.0.2.7/32"))), Opened, ForeignAccount},
	{"an account that must belong to our organisation is ours", doc(allow(foreignRoot, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456"))), Changed, NewPrincipal},
	{"an account that must belong to another organisation is not", doc(allow(foreignRoot, when("StringEquals", "aws:PrincipalOrgID", "o-theirs9999"))), Opened, ForeignAccount},
	{"one stranger among friends is enough", doc(allow(`{"AWS":["111122223333","444455556666","999988887777"]}`)), Opened, ForeignAccount},
	{"friends are no strangers", doc(allow(`{"AWS":["111122223333","444455556666","555566667777"]}`)), Changed, NewPrincipal},
	{"a stranger in the second statement counts", doc(allow(ownRoot), allow(foreignRoot)), Opened, ForeignAccount},
	{"the own account is no stranger", doc(allow(ownRoot)), Changed, NewPrincipal},
	{"a role of the own account is no stranger", doc(allow(ownRole)), Changed, NewPrincipal},
	{"another account of ours is no stranger", doc(allow(otherOwn)), Changed, NewPrincipal},
	{"a trusted account is no stranger", doc(allow(partner)), Changed, NewPrincipal},
	{"our digits in another partition are not our account", doc(allow(`{"AWS":"arn:aws-cn:iam::111122223333:root"}`)), Opened, ForeignAccount},
	{"an account wildcard is everybody", doc(allow(`{"AWS":"arn:aws:iam::*:role/deploy"}`)), Opened, AnyPrincipal},
	{"a wildcard that is no ARN is everybody", doc(allow(`{"AWS":"arn:*"}`)), Opened, AnyPrincipal},
	{"a wildcard within the own account is the own account", doc(allow(`{"AWS":"arn:aws:iam::111122223333:role/*"}`)), Changed, NewPrincipal},
	{"the id of a deleted role lets nobody in", doc(allow(`{"AWS":"AROAQWERTYUIOPASDFGHJ"}`)), Changed, OrphanedPrincipal},
	{"a principal that IAM does not know is doubtful", doc(allow(`{"AWS":"somebody"}`)), Weakened, UnknownPrincipal},
	{"a canonical user is doubtful", doc(allow(`{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`)), Weakened, UnknownPrincipal},
	{"an action that assumes nothing lets nobody in", doc(statement("Allow", "Principal", foreignRoot, `"sts:GetCallerIdentity"`)), Unchanged, ""},
	{"sts:* lets in", doc(statement("Allow", "Principal", foreignRoot, `"sts:*"`)), Opened, ForeignAccount},
	{"* lets in", doc(statement("Allow", "Principal", foreignRoot, `"*"`)), Opened, ForeignAccount},
	{"an action's case does not matter", doc(statement("Allow", "Principal", foreignRoot, `["STS:assumerole"]`)), Opened, ForeignAccount},
	{"an action's wildcard lets in", doc(statement("Allow", "Principal", foreignRoot, `"sts:Assume*"`)), Opened, ForeignAccount},
	{"everything but tagging lets in", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"999988887777"},"NotAction":"sts:TagSession"}}`, Opened, ForeignAccount},
	{"everything but assuming does not", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"999988887777"},"NotAction":["sts:Assume*","sts:TagSession","sts:Set*"]}}`, Unchanged, ""},
	{"tagging alone does not", doc(statement("Allow", "Principal", foreignRoot, `"sts:TagSession"`)), Changed, SessionTagsAllowed},
}

var everybodyTests = []judged{
	{"a bare star is everybody", doc(allow(everybody)), Opened, AnyPrincipal},
	{"a star under AWS is everybody", doc(allow(`{"AWS":"*"}`)), Opened, AnyPrincipal},
	{"a star in a list is everybody", doc(allow(`{"AWS":["111122223333","*"]}`)), Opened, AnyPrincipal},
	{"NotPrincipal is everybody else", doc(statement("Allow", "NotPrincipal", ownRoot, `"sts:AssumeRole"`)), Opened, AllButSome},
	{"an external id is no strong condition", doc(allow(everybody, when("StringEquals", "sts:ExternalId", "x"))), Opened, AnyPrincipal},
	{"MFA is no strong condition", doc(allow(everybody, when("Bool", "aws:MultiFactorAuthPresent", "true"))), Opened, AnyPrincipal},
	{"a session name is no strong condition", doc(allow(everybody, when("StringLike", "sts:RoleSessionName", "ci-*"))), Opened, AnyPrincipal},
	{"a principal's tag is no strong condition", doc(allow(everybody, when("StringEquals", "aws:PrincipalTag/team", "ops"))), Opened, AnyPrincipal},
	{"our organisation is a strong condition", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456"))), Changed, NewPrincipal},
	{"our organisation's key in any case", doc(allow(everybody, when("stringequals", "AWS:principalorgid", "o-ours123456"))), Changed, NewPrincipal},
	{"a foreign organisation is not", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-theirs9999"))), Opened, ForeignOrganisation},
	{"ours or a foreign one is not", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456", "o-theirs9999"))), Opened, ForeignOrganisation},
	{"ours and something else is", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456"), when("StringLike", "sts:RoleSessionName", "*"))), Changed, NewPrincipal},
	{"any organisation is not", doc(allow(everybody, when("StringLike", "aws:PrincipalOrgID", "o-*"))), Opened, AnyPrincipal},
	{"every organisation but one is not", doc(allow(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-theirs9999"))), Opened, AnyPrincipal},
	{"our organisation, if the key is there, is not", doc(allow(everybody, when("StringEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
	{"our organisation, if the key is there, and it must be", doc(allow(everybody, when("StringEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"), when("Null", "aws:PrincipalOrgID", "false"))), Changed, NewPrincipal},
	{"for all values is not, since no values will do", doc(allow(everybody, when("ForAllValues:StringEquals", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
	{"a part of our organisation is", doc(allow(everybody, when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours123456/r-ab12/ou-ab12-11111111/*"))), Changed, NewPrincipal},
	{"a part of a foreign organisation is not", doc(allow(everybody, when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-theirs9999/*"))), Opened, ForeignOrganisation},
	{"the role's own organisation by variable is", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}"))), Changed, NewPrincipal},
	{"the role's own organisation, the other way round, is", doc(allow(everybody, when("StringEquals", "aws:ResourceOrgID", "${aws:PrincipalOrgID}"))), Changed, NewPrincipal},
	{"the role's organisation being ours says nothing about the caller", doc(allow(everybody, when("StringEquals", "aws:ResourceOrgID", "o-ours123456"))), Opened, AnyPrincipal},
	{"an own account is a strong condition", doc(allow(everybody, when("StringEquals", "aws:PrincipalAccount", "444455556666"))), Changed, NewPrincipal},
	{"a foreign account is not", doc(allow(everybody, when("StringEquals", "aws:PrincipalAccount", "999988887777"))), Opened, ForeignAccount},
	{"an account as a number is read", doc(allow(everybody, `"NumericEquals":{"sts:ExternalId":12}`, `"StringEquals":{"aws:PrincipalAccount":444455556666}`)), Changed, NewPrincipal},
	{"roles of an own account are a strong condition", doc(allow(everybody, when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::444455556666:role/deploy-*"))), Changed, NewPrincipal},
	{"roles of a foreign account are not", doc(allow(everybody, when("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::999988887777:role/deploy"))), Opened, ForeignAccount},
	{"roles of any account are not", doc(allow(everybody, when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/deploy"))), Opened, AnyPrincipal},
	{"the caller's own account by variable is not", doc(allow(everybody, when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::${aws:PrincipalAccount}:role/deploy"))), Opened, AnyPrincipal},
	{"the role's own account by variable is a strong condition", doc(allow(everybody, when("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"))), Changed, NewPrincipal},
	{"the role's own account, the other way round, is a strong condition", doc(allow(everybody, when("StringEquals", "aws:ResourceAccount", "${aws:PrincipalAccount}"))), Changed, NewPrincipal},
	{"an account that is none is no condition", doc(allow(everybody, when("StringLike", "aws:PrincipalAccount", "4444*"))), Opened, AnyPrincipal},
	{"a resource that is none is no condition", doc(allow(everybody, when("StringLike", "aws:PrincipalArn", "*deploy"))), Opened, AnyPrincipal},
	{"a resource of an own account is a strong condition", doc(allow(everybody, when("ArnLike", "aws:SourceArn", "arn:*:sns:*:111122223333:*"))), Changed, NewPrincipal},
	{"a bucket is somebody's", doc(allow(everybody, when("ArnEquals", "aws:SourceArn", "arn:aws:s3:::a-bucket"))), Weakened, UnknownPrincipal},
	{"calls through AWS services are anybody's", doc(allow(everybody, when("Bool", "aws:PrincipalIsAWSService", "true"))), Weakened, AnyService},
	{"calls past AWS services are everybody's", doc(allow(everybody, when("Bool", "aws:PrincipalIsAWSService", "false"))), Opened, AnyPrincipal},
	{"one address is somebody's", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "198.51.100.7"))), Weakened, AnyoneFromNetwork},
	{"a network is somebody's", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "2001:db8::/32"))), Weakened, AnyoneFromNetwork},
	{"all addresses are nobody's", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "0.0.0.0/0"))), Opened, AnyPrincipal},
	{"half of all addresses are nobody's", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "0.0.0.0/1", "128.0.0.0/1"))), Opened, AnyPrincipal},
	{"one address or all of them are all", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "198.51.100.7/32", "::/0"))), Opened, AnyPrincipal},
	{"all but one address are all", doc(allow(everybody, when("NotIpAddress", "aws:SourceIp", "198.51.100.7/32"))), Opened, AnyPrincipal},
	{"a virtual network is somebody's", doc(allow(everybody, when("StringEquals", "aws:SourceVpc", "vpc-0123456789abcdef0"))), Weakened, AnyoneFromNetwork},
	{"any virtual network is nobody's", doc(allow(everybody, when("StringLike", "aws:SourceVpc", "vpc-*"))), Opened, AnyPrincipal},
	{"an endpoint of our organisation is a strong condition", doc(allow(everybody, when("StringEquals", "aws:VpceOrgID", "o-ours123456"))), Changed, NewPrincipal},
	{"a role's unique id is somebody's", doc(allow(everybody, when("StringLike", "aws:userId", "AROAQWERTYUIOPASDFGHJ:*"))), Weakened, UnknownPrincipal},
	{"a session name in the unique id is anybody's", doc(allow(everybody, when("StringLike", "aws:userId", "*:deploy"))), Opened, AnyPrincipal},
	{"one OIDC subject is somebody's", doc(statement("Allow", "Principal", everybody, `"sts:AssumeRoleWithWebIdentity"`, when("StringEquals", githubSub, "repo:acme/app:ref:refs/heads/main"))), Changed, NewPrincipal},
	{"a condition without a value limits nobody", doc(allow(everybody, `"StringEquals":{"aws:PrincipalOrgID":[]}`)), Opened, AnyPrincipal},
	{"an operator that does not exist limits nobody", doc(allow(everybody, when("StringMatches", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
}

var denyTests = []judged{
	{"a deny for all outside our organisation limits everybody", doc(allow(everybody), deny(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-ours123456"))), Changed, NewPrincipal},
	{"with IfExists too, since it denies those without the key", doc(allow(everybody), deny(everybody, when("StringNotEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"))), Changed, NewPrincipal},
	{"with for any value it does not, since those without the key pass", doc(allow(everybody), deny(everybody, when("ForAnyValue:StringNotEquals", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
	{"a deny for a foreign organisation leaves everybody else", doc(allow(everybody), deny(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-theirs9999"))), Opened, AnyPrincipal},
	{"a deny for all outside a foreign organisation opens to it", doc(allow(everybody), deny(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-theirs9999"))), Opened, ForeignOrganisation},
	{"AWS services may be exempt, though they serve everybody", doc(allow(everybody), deny(everybody, when("StringNotEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"), when("BoolIfExists", "aws:PrincipalIsAWSService", "false"))), Weakened, AnyService},
	{"those with MFA must not be exempt", doc(allow(everybody), deny(everybody, when("StringNotEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"), when("BoolIfExists", "aws:MultiFactorAuthPresent", "false"))), Opened, AnyPrincipal},
	{"a trusted account may be exempt", doc(allow(everybody), deny(everybody, `"StringNotEquals":{"aws:PrincipalOrgID":"o-ours123456","aws:PrincipalAccount":"555566667777"}`)), Changed, NewPrincipal},
	{"a foreign account must not be exempt", doc(allow(everybody), deny(everybody, `"StringNotEquals":{"aws:PrincipalOrgID":"o-ours123456","aws:PrincipalAccount":"999988887777"}`)), Opened, ForeignAccount},
	{"a deny for all but our role limits everybody", doc(allow(everybody), statement("Deny", "NotPrincipal", ownRole, `"sts:*"`)), Changed, NewPrincipal},
	{"a deny for all but a foreign role does not", doc(allow(everybody), statement("Deny", "NotPrincipal", foreignRole, `"sts:*"`)), Opened, ForeignAccount},
	{"a deny for all but a service limits everybody to it", doc(allow(everybody), statement("Deny", "NotPrincipal", ec2, `"sts:*"`)), Changed, NewPrincipal},
	{"a deny for all but a deleted role limits everybody to it", doc(allow(everybody), statement("Deny", "NotPrincipal", `{"AWS":"AROAQWERTYUIOPASDFGHJ"}`, `"sts:*"`)), Weakened, UnknownPrincipal},
	{"a deny for all but the party itself limits nobody", doc(allow(foreignRole), statement("Deny", "NotPrincipal", foreignRoot, `"sts:*"`)), Opened, ForeignAccount},
	{"a foreign account by condition in any case is shut out", doc(allow(foreignRoot), deny(everybody, when("StringEqualsIgnoreCase", "aws:PrincipalAccount", "999988887777"))), Unchanged, ""},
	{"a foreign account that must be another lets nobody in", doc(allow(foreignRoot, when("StringEquals", "aws:PrincipalAccount", "111122223333"))), Unchanged, ""},
	{"a deny of another action limits nobody", doc(allow(everybody), statement("Deny", "Principal", everybody, `"sts:TagSession"`, when("StringNotEquals", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
	{"a deny for one account leaves everybody else", doc(allow(everybody), deny(foreignRoot)), Opened, AnyPrincipal},
	{"a deny for an account shuts out its roles", doc(allow(foreignRole), deny(foreignRoot)), Unchanged, ""},
	{"a deny for an account by condition shuts it out", doc(allow(foreignRoot), deny(everybody, when("StringEquals", "aws:PrincipalAccount", "999988887777"))), Unchanged, ""},
	{"a deny for a role leaves the account", doc(allow(foreignRoot), deny(foreignRole)), Opened, ForeignAccount},
	{"a deny for everybody is for everybody", doc(allow(everybody), allow(foreignRoot), deny(everybody)), Unchanged, ""},
	{"a deny that never holds limits nobody", doc(allow(everybody), deny(everybody, `"StringNotEquals":{"aws:PrincipalOrgID":[]}`)), Opened, AnyPrincipal},
	{"the deny may come first", doc(deny(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-ours123456")), allow(foreignRoot)), Changed, NewPrincipal},
	{"MFA by deny does not make a foreign account known", doc(allow(foreignRoot), deny(everybody, when("BoolIfExists", "aws:MultiFactorAuthPresent", "false"))), Opened, ForeignAccount},
}

var serviceTests = []judged{
	{"an AWS service is no stranger", doc(allow(ec2)), Changed, NewPrincipal},
	{"a regional service is no stranger", doc(allow(`{"Service":"states.eu-west-1.amazonaws.com"}`)), Changed, NewPrincipal},
	{"a service in China is no stranger", doc(allow(`{"Service":"ec2.amazonaws.com.cn"}`)), Changed, NewPrincipal},
	{"a name that is no service is doubtful", doc(allow(`{"Service":"ec2.example.com"}`)), Weakened, UnusualService},
	{"a name that looks like one is doubtful", doc(allow(`{"Service":"ec2.amazonaws.com.example.com"}`)), Weakened, UnusualService},
	{"any service is everybody", doc(allow(`{"Service":"*"}`)), Opened, AnyPrincipal},
	{"a service on our behalf is no stranger", doc(allow(ec2, when("StringEquals", "aws:SourceAccount", "111122223333"))), Changed, NewPrincipal},
	{"a service on behalf of a foreign account is doubtful", doc(allow(ec2, when("StringEquals", "aws:SourceAccount", "999988887777"))), Weakened, ServiceForOthers},
	{"a service on behalf of a foreign organisation is doubtful", doc(allow(ec2, when("StringEquals", "aws:SourceOrgID", "o-theirs9999"))), Weakened, ServiceForOthers},
	{"any service on our behalf is no stranger", doc(allow(`{"Service":"*"}`, when("StringEquals", "aws:SourceAccount", "111122223333"))), Changed, NewPrincipal},
	{"a service for a foreign resource is doubtful", doc(allow(ec2, when("ArnLike", "aws:SourceArn", "arn:aws:sns:eu-west-1:999988887777:t"))), Weakened, ServiceForOthers},
	{"Roles Anywhere without a trust anchor takes any certificate", doc(allow(`{"Service":"rolesanywhere.amazonaws.com"}`)), Weakened, AnyCertificate},
	{"Roles Anywhere with our trust anchor does not", doc(allow(`{"Service":"rolesanywhere.amazonaws.com"}`, when("ArnEquals", "aws:SourceArn", "arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/0a1b"))), Changed, NewPrincipal},
}

var oidcTests = []judged{
	{"one branch of one repository is what it should be", doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main")), Changed, NewPrincipal},
	{"an environment of one repository is what it should be", doc(fromGitHub("StringEquals", "repo:acme/app:environment:prod")), Changed, NewPrincipal},
	{"any branch of one repository is a low risk", doc(fromGitHub("StringEquals", "repo:acme/app:*")), LowRisk, ProjectWildcard},
	{"any branch by ref is a low risk", doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/*")), LowRisk, ProjectWildcard},
	{"any repository of an organisation is open", doc(fromGitHub("StringEquals", "repo:acme/*")), Opened, SubjectWildcard},
	{"any repository's main branch is open", doc(fromGitHub("StringEquals", "repo:acme/*:ref:refs/heads/main")), Opened, SubjectWildcard},
	{"repositories with a common prefix are open", doc(fromGitHub("StringEquals", "repo:acme/app*")), Opened, SubjectWildcard},
	{"repositories with a common prefix and a branch are open", doc(fromGitHub("StringEquals", "repo:acme/app-?:ref:refs/heads/main")), Opened, SubjectWildcard},
	{"organisations with a common prefix are open", doc(fromGitHub("StringEquals", "repo:acme*/app:*")), Opened, SubjectWildcard},
	{"every repository is open", doc(fromGitHub("StringEquals", "repo:*")), Opened, SubjectWildcard},
	{"every subject is open", doc(fromGitHub("StringEquals", "*")), Opened, SubjectWildcard},
	{"a subject that ends as ours is open", doc(fromGitHub("StringEquals", "*:ref:refs/heads/main")), Opened, SubjectWildcard},
	{"a subject by variable is open", doc(fromGitHub("StringEquals", "repo:${aws:PrincipalTag/x}/app:ref:main")), Opened, SubjectWildcard},
	{"one wide subject among narrow ones is open", doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main", "repo:acme/*")), Opened, SubjectWildcard},
	{"narrow subjects are what they should be", doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main", "repo:acme/web:ref:refs/heads/main")), Changed, NewPrincipal},
	{"no subject is open", doc(allow(github, when("StringEquals", githubAud, "sts.amazonaws.com"))), Opened, SubjectMissing},
	{"no condition is open", doc(allow(github)), Opened, SubjectMissing},
	{"a forbidden subject leaves the others", doc(allow(github, when("StringNotLike", githubSub, "repo:evil/*"), when("StringEquals", githubAud, "sts.amazonaws.com"))), Opened, SubjectMissing},
	{"an optional subject is weak", doc(allow(github, when("StringLikeIfExists", githubSub, "repo:acme/app:ref:refs/heads/main"), when("StringEquals", githubAud, "sts.amazonaws.com"))), Weakened, SubjectOptional},
	{"for all values is optional", doc(allow(github, when("ForAllValues:StringLike", githubSub, "repo:acme/app:ref:refs/heads/main"), when("StringEquals", githubAud, "sts.amazonaws.com"))), Weakened, SubjectOptional},
	{"for any value is not", doc(allow(github, when("ForAnyValue:StringLike", githubSub, "repo:acme/app:ref:refs/heads/main"), when("StringEquals", githubAud, "sts.amazonaws.com"))), Changed, NewPrincipal},
	{"no audience is weak", doc(allow(github, when("StringEquals", githubSub, "repo:acme/app:ref:refs/heads/main"))), Weakened, AudienceMissing},
	{"any audience is weak", doc(allow(github, when("StringLike", githubAud, "*"), when("StringEquals", githubSub, "repo:acme/app:ref:refs/heads/main"))), Weakened, AudienceMissing},
	{"no audience and any branch is weak", doc(allow(github, when("StringLike", githubSub, "repo:acme/app:*"))), Weakened, AudienceMissing},
	{"a star that is compared exactly matches nothing", doc(subject(github, "token.actions.githubusercontent.com", "StringEquals", "repo:acme/*")), LowRisk, LiteralWildcard},
	{"a subject of another provider is never met", doc(subject(github, "vstoken.example.com", "StringEquals", "repo:acme/app:ref:refs/heads/main")), Weakened, AudienceMissing},
	{"an organisation's subjects narrowed to one repository are a low risk", doc(allow(github, when("StringLike", githubSub, "repo:acme/*"), when("StringEquals", "token.actions.githubusercontent.com:repository", "acme/app"), `"StringEquals ":{"`+githubAud+`":"sts.amazonaws.com"}`)), LowRisk, ProjectWildcard},
	{"an organisation's subjects narrowed to one workflow are a low risk", doc(allow(github, when("StringLike", "token.actions.githubusercontent.com:job_workflow_ref", "acme/shared/.github/workflows/deploy.yml@*"), when("StringEquals", githubAud, "sts.amazonaws.com"))), LowRisk, ProjectWildcard},
	{"any workflow of an organisation is open", doc(allow(github, when("StringLike", "token.actions.githubusercontent.com:job_workflow_ref", "acme/*"), when("StringEquals", githubAud, "sts.amazonaws.com"))), Opened, SubjectWildcard},
	{"the owner alone is open", doc(allow(github, when("StringEquals", "token.actions.githubusercontent.com:repository_owner", "acme"), `"StringEquals ":{"`+githubAud+`":"sts.amazonaws.com"}`)), Opened, SubjectMissing},
	{"an environment alone is open", doc(allow(github, when("StringEquals", "token.actions.githubusercontent.com:environment", "prod"), `"StringEquals ":{"`+githubAud+`":"sts.amazonaws.com"}`)), Opened, SubjectMissing},
	{"an owner's subjects by template are open", doc(fromGitHub("StringEquals", "repository_owner:acme:*")), Opened, SubjectWildcard},
	{"a repository's subjects by template are a low risk", doc(fromGitHub("StringEquals", "environment:prod:repository:acme/app:*")), LowRisk, ProjectWildcard},
	{"one actor is weak", doc(allow(github, when("StringEquals", "token.actions.githubusercontent.com:actor", "mallory"), `"StringEquals ":{"`+githubAud+`":"sts.amazonaws.com"}`)), Weakened, ActorOnly},
}

var providerTests = []judged{
	{"a provider of a foreign account is a stranger", doc(allow(`{"Federated":"arn:aws:iam::999988887777:oidc-provider/token.actions.githubusercontent.com"}`, when("StringEquals", githubSub, "repo:acme/app:ref:refs/heads/main"))), Opened, ForeignProvider},
	{"any provider is open", doc(allow(`{"Federated":"*"}`)), Opened, AnyPrincipal},
	{"one GitLab branch is what it should be", doc(subject(gitlab, "gitlab.com", "StringEquals", "project_path:acme/app:ref_type:branch:ref:main")), Changed, NewPrincipal},
	{"any branch of a GitLab project is a low risk", doc(subject(gitlab, "gitlab.com", "StringLike", "project_path:acme/sub/app:ref_type:branch:ref:*")), LowRisk, ProjectWildcard},
	{"any GitLab project of a group is open", doc(subject(gitlab, "gitlab.com", "StringLike", "project_path:acme/*:ref_type:branch:ref:main")), Opened, SubjectWildcard},
	{"one service account is what it should be", doc(subject(eks, eksHost, "StringEquals", "system:serviceaccount:shop:orders")), Changed, NewPrincipal},
	{"any service account of a namespace is a low risk", doc(subject(eks, eksHost, "StringLike", "system:serviceaccount:shop:*")), LowRisk, ProjectWildcard},
	{"any service account is open", doc(subject(eks, eksHost, "StringLike", "system:serviceaccount:*")), Opened, SubjectWildcard},
	{"any system subject is open", doc(subject(eks, eksHost, "StringLike", "system:*")), Opened, SubjectWildcard},
	{"one service account name in any namespace is open", doc(subject(eks, eksHost, "StringLike", "system:serviceaccount:*:orders")), Opened, SubjectWildcard},
	{"namespaces with a common prefix are open", doc(subject(eks, eksHost, "StringLike", "system:serviceaccount:shop-*:orders")), Opened, SubjectWildcard},
	{"one Terraform workspace is a low risk", doc(subject(terraform, "app.terraform.io", "StringLike", "organization:acme:project:*:workspace:prod:run_phase:*")), LowRisk, ProjectWildcard},
	{"any Terraform workspace is open", doc(subject(terraform, "app.terraform.io", "StringLike", "organization:acme:project:*:workspace:*:run_phase:*")), Opened, SubjectWildcard},
	{"one run phase is what it should be", doc(subject(terraform, "app.terraform.io", "StringEquals", "organization:acme:project:p:workspace:prod:run_phase:apply")), Changed, NewPrincipal},
	{"one user of a tenant is what it should be", doc(subject(auth0, "tenant.example.com/", "StringEquals", "auth0|0123456789")), Changed, NewPrincipal},
	{"any user of a tenant is open", doc(subject(auth0, "tenant.example.com/", "StringLike", "auth0|*")), Opened, SubjectWildcard},
	{"an unknown grammar with little before its wildcard is weak", doc(subject(auth0, "tenant.example.com/", "StringLike", "client:*")), Weakened, SubjectWildcard},
	{"an unknown grammar with enough before its wildcard is a low risk", doc(subject(auth0, "tenant.example.com/", "StringLike", "team:ops:client-*")), LowRisk, ProjectWildcard},
	{"an unknown grammar with a wildcard inside is open", doc(subject(auth0, "tenant.example.com/", "StringLike", "team:*:client-1")), Opened, SubjectWildcard},
	{"a CircleCI project is a low risk", doc(subject(auth0, "tenant.example.com/", "StringLike", "org/0a1b/project/2c3d/user/*")), LowRisk, ProjectWildcard},
	{"a CircleCI organisation is open", doc(subject(auth0, "tenant.example.com/", "StringLike", "org/0a1b/project/*")), Opened, SubjectWildcard},
	{"a Bitbucket repository is a low risk", doc(subject(auth0, "tenant.example.com/", "StringLike", "{0a1b2c3d}:*")), LowRisk, ProjectWildcard},
	{"one identity pool's own users are what they should be", doc(allow(cognito, when("StringEquals", "cognito-identity.amazonaws.com:aud", "eu-west-1:0a1b"), when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "authenticated"))), Changed, NewPrincipal},
	{"an identity pool's guests are a low risk", doc(allow(cognito, when("StringEquals", "cognito-identity.amazonaws.com:aud", "eu-west-1:0a1b"), when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "unauthenticated"))), LowRisk, GuestsAdmitted},
	{"any identity pool is open", doc(allow(cognito, when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "authenticated"))), Opened, AudienceMissing},
	{"one person at a public provider is what it should be", doc(allow(google, when("StringEquals", "accounts.google.com:sub", "1234567890"), when("StringLike", "accounts.google.com:aud", "app-1"))), Changed, NewPrincipal},
	{"everybody at a public provider is open", doc(allow(google, when("StringEquals", "accounts.google.com:aud", "app-1"))), Opened, SubjectMissing},
	{"a SAML provider with an audience is what it should be", doc(allow(okta, when("StringEquals", "SAML:aud", "https://signin.aws.amazon.com/saml"))), Changed, NewPrincipal},
	{"a SAML provider without an audience is weak", doc(allow(okta)), Weakened, AudienceMissing},
	{"a SAML provider of a foreign account is a stranger", doc(allow(`{"Federated":"arn:aws:iam::999988887777:saml-provider/X"}`, when("StringEquals", "SAML:aud", "https://signin.aws.amazon.com/saml"))), Opened, ForeignProvider},
	{"a SAML provider of a trusted account is not", doc(allow(`{"Federated":"arn:aws:iam::555566667777:saml-provider/X"}`, when("StringEquals", "SAML:aud", "https://signin.aws.amazon.com/saml"))), Changed, NewPrincipal},
}

func TestUnconfiguredOrganisationIsDoubtful(t *testing.T) {
	own := Own{Account: "111122223333", Partition: "aws"}
	p := doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456")))
	check(t, Assess(nil, read(t, p), own), Weakened, UnknownOrganisation)
}

func TestPartitions(t *testing.T) {
	china := doc(allow(`{"AWS":"arn:aws-cn:iam::111122223333:root"}`))
	check(t, Assess(nil, read(t, china), Own{Account: "111122223333", Partition: "aws-cn"}), Changed, NewPrincipal)
	check(t, Assess(nil, read(t, china), Own{Account: "111122223333"}), Changed, NewPrincipal)
	check(t, Assess(nil, read(t, china), Own{Account: "111122223333", Partition: "aws"}), Opened, ForeignAccount)
}

// TestChanges compares two policies of one role.
func TestChanges(t *testing.T) {
	externalID := when("StringEquals", "sts:ExternalId", "a")
	mfa := when("Bool", "aws:MultiFactorAuthPresent", "true")
	ourOrg := when("StringEquals", "aws:PrincipalOrgID", "o-ours123456")
	main := fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main")
	tests := []struct {
		name         string
		before, then string
		level        Level
		reason       Reason
	}{
		{"nothing changed", doc(allow(ownRoot)), doc(allow(ownRoot)), Unchanged, ""},
		{"a statement split in two is no change", doc(allow(`{"AWS":["111122223333","444455556666"]}`)), doc(allow(ownRoot), allow(otherOwn)), Unchanged, ""},
		{"another spelling of an account is no change", doc(allow(`{"AWS":"999988887777"}`)), doc(allow(foreignRoot)), Unchanged, ""},
		{"a foreign account joins", doc(allow(ownRoot)), doc(allow(ownRoot), allow(foreignRoot)), Opened, ForeignAccount},
		{"another account of ours joins", doc(allow(ownRoot)), doc(allow(ownRoot), allow(otherOwn)), Changed, NewPrincipal},
		{"a trusted account joins", doc(allow(ownRoot)), doc(allow(ownRoot), allow(partner)), Changed, NewPrincipal},
		{"a service joins", doc(allow(ec2)), doc(allow(ec2), allow(`{"Service":"lambda.amazonaws.com"}`)), Changed, NewPrincipal},
		{"a foreign account stays", doc(allow(foreignRoot)), doc(allow(foreignRoot), allow(ownRoot)), Changed, NewPrincipal},
		{"a second foreign account joins", doc(allow(foreignRoot)), doc(allow(foreignRoot), allow(`{"AWS":"888877776666"}`)), Opened, ForeignAccount},
		{"a foreign account becomes one of its roles", doc(allow(foreignRoot)), doc(allow(foreignRole)), Narrowed, TrustRemoved},
		{"a foreign role becomes its account", doc(allow(foreignRole)), doc(allow(foreignRoot)), Opened, ForeignAccount},
		{"a foreign account leaves", doc(allow(ownRoot), allow(foreignRoot)), doc(allow(ownRoot)), Narrowed, TrustRemoved},
		{"everybody becomes one foreign account", doc(allow(everybody)), doc(allow(foreignRoot)), Narrowed, TrustRemoved},
		{"everybody gets our organisation as a condition", doc(allow(everybody)), doc(allow(everybody, ourOrg)), Narrowed, TrustRemoved},
		{"everybody loses our organisation", doc(allow(everybody, ourOrg)), doc(allow(everybody)), Opened, AnyPrincipal},
		{"everybody's organisation becomes any", doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}"))), doc(allow(everybody, when("StringLike", "aws:PrincipalOrgID", "*"))), Opened, AnyPrincipal},
		{"everybody's organisation becomes optional", doc(allow(everybody, ourOrg)), doc(allow(everybody, when("StringEqualsIfExists", "aws:PrincipalOrgID", "o-ours123456"))), Opened, AnyPrincipal},
		{"another organisation joins", doc(allow(everybody, ourOrg)), doc(allow(everybody, when("StringEquals", "aws:PrincipalOrgID", "o-ours123456", "o-theirs9999"))), Opened, ForeignOrganisation},
		{"everybody's network changes", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "198.51.100.0/24"))), doc(allow(everybody, when("IpAddress", "aws:SourceIp", "203.0.113.0/24"))), Weakened, AnyoneFromNetwork},
		{"everybody's network shrinks", doc(allow(everybody, when("IpAddress", "aws:SourceIp", "198.51.100.0/24"))), doc(allow(everybody, when("IpAddress", "aws:SourceIp", "198.51.100.7/32"))), Narrowed, TrustRemoved},
		{"a deny by organisation is removed", doc(allow(everybody), deny(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-ours123456"))), doc(allow(everybody)), Opened, AnyPrincipal},
		{"a deny becomes a condition", doc(allow(everybody), deny(everybody, when("StringNotEquals", "aws:PrincipalOrgID", "o-ours123456"))), doc(allow(everybody, ourOrg)), Unchanged, ""},
		{"a foreign account loses its external id", doc(allow(foreignRoot, externalID)), doc(allow(foreignRoot)), Opened, ForeignAccount},
		{"a trusted account loses its external id", doc(allow(partner, externalID)), doc(allow(partner)), Weakened, ConditionLost},
		{"a trusted account gets an external id", doc(allow(partner)), doc(allow(partner, externalID)), Narrowed, ConditionAdded},
		{"a foreign account gets an external id", doc(allow(foreignRoot)), doc(allow(foreignRoot, externalID)), Narrowed, ConditionAdded},
		{"a foreign account's external id changes", doc(allow(foreignRoot, externalID)), doc(allow(foreignRoot, when("StringEquals", "sts:ExternalId", "b"))), Changed, ConditionChanged},
		{"a foreign account's external id is spelt in any case", doc(allow(foreignRoot, externalID)), doc(allow(foreignRoot, when("StringEqualsIgnoreCase", "sts:ExternalId", "a"))), Changed, ConditionChanged},
		{"a trusted account's external id becomes anything", doc(allow(partner, externalID)), doc(allow(partner, when("StringLike", "sts:ExternalId", "*"))), Weakened, ConditionLost},
		{"an own account loses MFA", doc(allow(ownRoot, mfa)), doc(allow(ownRoot)), Weakened, ConditionLost},
		{"an own account's MFA becomes optional", doc(allow(ownRoot, mfa)), doc(allow(ownRoot, when("BoolIfExists", "aws:MultiFactorAuthPresent", "true"))), Weakened, ConditionLost},
		{"an own account's MFA becomes forbidden", doc(allow(ownRoot, mfa)), doc(allow(ownRoot, when("Bool", "aws:MultiFactorAuthPresent", "false"))), Weakened, ConditionLost},
		{"an own account gets MFA", doc(allow(ownRoot)), doc(allow(ownRoot, mfa)), Narrowed, ConditionAdded},
		{"an own account's address becomes any", doc(allow(ownRoot, when("IpAddress", "aws:SourceIp", "198.51.100.0/24"))), doc(allow(ownRoot, when("IpAddress", "aws:SourceIp", "0.0.0.0/0"))), Weakened, ConditionLost},
		{"an own account loses the source identity", doc(allow(ownRoot, when("StringLike", "sts:SourceIdentity", "*"))), doc(allow(ownRoot)), Weakened, ConditionLost},
		{"an own account loses the organisation", doc(allow(ownRoot, ourOrg)), doc(allow(ownRoot)), Weakened, ConditionLost},
		{"a second, free statement beside a guarded one", doc(allow(partner, externalID)), doc(allow(partner, externalID), allow(partner)), Weakened, ConditionLost},
		{"a foreign branch of a known organisation joins", doc(main), doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main", "repo:acme/web:ref:refs/heads/main")), Changed, NewPrincipal},
		{"a subject of an unknown organisation joins", doc(main), doc(fromGitHub("StringEquals", "repo:acme/app:ref:refs/heads/main", "repo:mallory/x:ref:refs/heads/main")), Weakened, SubjectOwnerNew},
		{"a subject becomes a wildcard in its repository", doc(main), doc(fromGitHub("StringEquals", "repo:acme/app:*")), LowRisk, ProjectWildcard},
		{"a subject becomes a wildcard in its organisation", doc(main), doc(fromGitHub("StringEquals", "repo:acme/*")), Opened, SubjectWildcard},
		{"a wildcard in an organisation becomes one repository", doc(fromGitHub("StringEquals", "repo:acme/*")), doc(main), Narrowed, TrustRemoved},
		{"a wildcard in an organisation becomes a smaller one", doc(fromGitHub("StringEquals", "repo:acme/*")), doc(fromGitHub("StringEquals", "repo:acme/app-*")), Narrowed, TrustRemoved},
		{"another organisation's wildcard joins", doc(fromGitHub("StringEquals", "repo:acme/*")), doc(fromGitHub("StringEquals", "repo:acme/*", "repo:mallory/*")), Opened, SubjectWildcard},
		{"a subject is dropped", doc(main), doc(allow(github, when("StringEquals", githubAud, "sts.amazonaws.com"))), Opened, SubjectMissing},
		{"an audience is dropped", doc(main), doc(allow(github, when("StringEquals", githubSub, "repo:acme/app:ref:refs/heads/main"))), Weakened, AudienceMissing},
		{"an exact comparison becomes a pattern without wildcards", doc(subject(github, "token.actions.githubusercontent.com", "StringEquals", "repo:acme/app:ref:refs/heads/main")), doc(subject(github, "token.actions.githubusercontent.com", "StringLike", "repo:acme/app:ref:refs/heads/main")), Unchanged, ""},
		{"a new provider joins with one subject", doc(allow(ec2)), doc(allow(ec2), main), Changed, NewProvider},
		{"another identity pool joins", doc(allow(cognito, when("StringEquals", "cognito-identity.amazonaws.com:aud", "p-1"), when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "authenticated"))), doc(allow(cognito, when("StringEquals", "cognito-identity.amazonaws.com:aud", "p-2"), when("ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr", "authenticated"))), Weakened, SubjectOwnerNew},
		{"tagging joins", doc(allow(ownRoot)), doc(statement("Allow", "Principal", ownRoot, `["sts:AssumeRole","sts:TagSession"]`)), Changed, SessionTagsAllowed},
		{"setting the source identity joins", doc(allow(ownRoot)), doc(statement("Allow", "Principal", ownRoot, `["sts:AssumeRole","sts:SetSourceIdentity"]`)), Changed, SourceIdentityAllowed},
		{"all of STS joins", doc(allow(foreignRoot)), doc(statement("Allow", "Principal", foreignRoot, `"sts:*"`)), Changed, SessionContextAllowed},
		{"a principal is orphaned", doc(allow(ownRole)), doc(allow(`{"AWS":"AROAQWERTYUIOPASDFGHJ"}`)), Changed, OrphanedPrincipal},
		{"everything is denied", doc(allow(ownRoot)), doc(allow(ownRoot), deny(everybody)), Narrowed, TrustRemoved},
		{"NotPrincipal leaves out somebody else", doc(statement("Allow", "NotPrincipal", ownRoot, `"sts:*"`)), doc(statement("Allow", "NotPrincipal", foreignRoot, `"sts:*"`)), Opened, AllButSome},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := read(t, tt.before)
			a := Assess(&before, read(t, tt.then), us)
			if a.NoBaseline {
				t.Error("NoBaseline is set")
			}
			check(t, a, tt.level, tt.reason)
		})
	}
}

func TestUnreadablePolicies(t *testing.T) {
	opened := read(t, doc(allow(everybody)))
	broken := Trust(`{"Statement":`)
	if !broken.Unreadable {
		t.Fatal("a broken document is readable")
	}
	if a := Assess(&opened, broken, us); !a.Unreadable || len(a.Findings) > 0 {
		t.Errorf("a broken new policy is concluded from: %+v", a)
	}
	if a := Assess(&broken, opened, us); !a.NoBaseline || !a.Opened() {
		t.Errorf("a broken old policy is a baseline: %+v", a)
	}
}

func TestAssessmentNamesNames(t *testing.T) {
	before := read(t, doc(allow(ownRoot), allow(`{"AWS":"AIDAQWERTYUIOPASDFGHJ"}`), allow(partner)))
	then := read(t, doc(
		allow(ownRoot),
		allow(`{"AWS":"AIDAQWERTYUIOPASDFGHJ"}`),
		allow(foreignRoot, when("StringEquals", "sts:ExternalId", "hunter2")),
		fromGitHub("StringEquals", "repo:mallory/*"),
	))
	got := Assess(&before, then, us)
	want := Assessment{
		Findings: []Grant{
			{Opened, ForeignAccount, "account 999988887777", "role now trusts account 999988887777, which is neither own nor trusted"},
			{
				Opened, SubjectWildcard, "subject repo:mallory/* of token.actions.githubusercontent.com",
				"role now trusts subject repo:mallory/* of token.actions.githubusercontent.com, a wildcard for more than one project",
			},
			{Narrowed, TrustRemoved, "account 555566667777", "role no longer trusts account 555566667777"},
		},
		Gained:   []string{"account 999988887777", "subject repo:mallory/* of token.actions.githubusercontent.com"},
		Lost:     []string{"account 555566667777"},
		Orphans:  []string{"AIDAQWERTYUIOPASDFGHJ"},
		OpenedTo: Openings{Accounts: []string{"999988887777"}, Providers: []ProviderOpening{{"token.actions.githubusercontent.com", "repo:mallory/*"}}},
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "own" }, cmp.Ignore())); diff != "" {
		t.Errorf("Assess() (-want +got):\n%s", diff)
	}
}

func TestAdmits(t *testing.T) {
	a := Assess(nil, read(t, doc(allow(foreignRoot), fromGitHub("StringEquals", "repo:mallory/*"), allow(otherOwn))), us)
	for account, want := range map[string]bool{"999988887777": true, "888877776666": false, "444455556666": false, "": false} {
		if got := a.AdmitsAccount(account); got != want {
			t.Errorf("AdmitsAccount(%q) = %v, want %v", account, got, want)
		}
	}
	const arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
	for _, provider := range []string{arn, "token.actions.githubusercontent.com", "https://token.actions.githubusercontent.com"} {
		if !a.AdmitsSubject(provider, "repo:mallory/x:ref:refs/heads/main") {
			t.Errorf("AdmitsSubject(%s, mallory) = false", provider)
		}
		if a.AdmitsSubject(provider, "repo:acme/x:ref:refs/heads/main") {
			t.Errorf("AdmitsSubject(%s, acme) = true", provider)
		}
	}
	everyone := Assess(nil, read(t, doc(allow(everybody))), us)
	if !everyone.AdmitsAccount("888877776666") || everyone.AdmitsAccount("111122223333") {
		t.Error("a role opened to everybody admits strangers, and only them")
	}
	if quiet := Assess(nil, read(t, doc(allow(partner))), us); quiet.AdmitsAccount("555566667777") || quiet.AdmitsSubject(arn, "x") {
		t.Error("a role that was not opened admits strangers")
	}
}

// TestFactsKeepExternalIDs: an external id is half a secret.
func TestFactsKeepExternalIDs(t *testing.T) {
	guarded := read(t, doc(allow(partner, when("StringEquals", "sts:ExternalId", "hunter2"))))
	free := read(t, doc(allow(partner)))
	for _, a := range []Assessment{Assess(&guarded, free, us), Assess(&free, guarded, us), Assess(nil, guarded, us)} {
		if len(a.Findings) == 0 {
			t.Error("no finding to look at")
		}
		if slices.ContainsFunc(a.Findings, func(g Grant) bool { return strings.Contains(g.Fact+g.Who, "hunter2") }) {
			t.Errorf("external id in %v", a.Findings)
		}
	}
}

// TestManyAlternatives: conditions that would multiply beyond all bounds are
// judged in bounded time, and to the policy's disadvantage.
func TestManyAlternatives(t *testing.T) {
	var accounts []string
	for i := range 250 {
		accounts = append(accounts, fmt.Sprintf("4444555%05d", i))
	}
	own := us
	own.Accounts = accounts
	list := doc(allow(everybody, when("StringEquals", "aws:PrincipalAccount", accounts...)))
	check(t, Assess(nil, read(t, list), own), Changed, NewPrincipal)

	var conditions []string
	for i := range 40 {
		conditions = append(conditions, when("StringEquals", fmt.Sprintf("aws:PrincipalTag/t%d", i), "a", "b", "c"))
	}
	open := doc(allow(everybody, conditions...), allow(foreignRoot, conditions...))
	check(t, Assess(nil, read(t, open), own), Opened, ForeignAccount)
	if p := read(t, open); Assess(&p, p, own).Level() != Unchanged {
		t.Error("a policy of many alternatives differs from itself")
	}
}
