package trail

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

const account = "111122223333"

var eventTime = time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)

// Who calls in these tests.
const (
	byRole = `{"type":"AssumedRole","principalId":"AROAEXAMPLERESPONDER:oncall",
		"arn":"arn:aws:sts::111122223333:assumed-role/Responder/oncall","accountId":"111122223333","accessKeyId":"ASIAEXAMPLERESPOND01",
		"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLERESPONDER","arn":"arn:aws:iam::111122223333:role/ops/Responder",
			"accountId":"111122223333","userName":"Responder"},
			"attributes":{"creationDate":"2026-03-04T09:02:11Z","mfaAuthenticated":"true"}}}`
	byUser = `{"type":"IAMUser","principalId":"AIDAEXAMPLEALICE00000","arn":"arn:aws:iam::111122223333:user/staff/alice",
		"accountId":"111122223333","accessKeyId":"AKIAEXAMPLEALICE0001","userName":"alice"}`
	byRoot = `{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root",
		"accountId":"111122223333","accessKeyId":"AKIAEXAMPLEROOT00001"}`
	byService  = `{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}`
	byStranger = `{"type":"AWSAccount","principalId":"AROAEXAMPLESTRANGER00:worker","accountId":"999988887777"}`
	byOIDC     = `{"type":"WebIdentityUser","principalId":"arn:aws:iam::111122223333:oidc-provider/token.example.com:sts.amazonaws.com:repo:acme/shop:ref:refs/heads/main",
		"userName":"repo:acme/shop:ref:refs/heads/main","identityProvider":"arn:aws:iam::111122223333:oidc-provider/token.example.com"}`
)

// recordOf is a CloudTrail record of a successful call. The members in extra come
// last, so they replace others of the same name.
func recordOf(source, name, caller string, extra ...string) string {
	members := append([]string{
		`"eventVersion":"1.11"`,
		`"userIdentity":` + caller,
		`"eventTime":"2026-03-04T09:15:00Z"`,
		fmt.Sprintf(`"eventSource":%q,"eventName":%q`, source, name),
		`"awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.15.30 md/command#x"`,
		`"requestParameters":null,"responseElements":null,"requestID":"r-1","eventID":"e-1"`,
		`"readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"`,
	}, extra...)
	return "{" + strings.Join(members, ",") + "}"
}

// params is the member that holds what the call asked for.
func params(members string) string { return `"requestParameters":{` + members + `}` }

// response is the member that holds the answer.
func response(members string) string { return `"responseElements":{` + members + `}` }

// failed are the members of a call that failed.
func failed(code, message string) string {
	return fmt.Sprintf(`"errorCode":%q,"errorMessage":%q,"requestParameters":null`, code, message)
}

// signalOf decodes a record that means one signal.
func signalOf(t testing.TB, text string) incident.Signal {
	t.Helper()
	out, r := eventOf(t, text)
	if r.Reason != "" {
		t.Fatalf("rejected: %s %s", r.Reason, r.Detail)
	}
	if len(out.Signals) != 1 {
		t.Fatalf("%d signals, want one", len(out.Signals))
	}
	return out.Signals[0]
}

func eventOf(t testing.TB, text string) (decoded, rejection) {
	t.Helper()
	v, err := jsonscan.Parse([]byte(text))
	if err != nil {
		t.Fatalf("the test's own record is broken: %v", err)
	}
	var out decoded
	r := decodeEvent(v, &envelope{}, &out)
	return out, r
}

func roleNamed(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: account, Name: name}
}

func userNamed(name string) incident.Principal {
	return incident.Principal{Type: incident.User, Partition: "aws", Account: account, Name: name}
}

func ofAccount(id string) incident.Principal {
	return incident.Principal{Type: incident.Account, Partition: "aws", Account: id, Name: id}
}

func withARN(p incident.Principal, arn string) incident.Principal {
	p.ARN = arn
	return p
}

func withID(p incident.Principal, id string) incident.Principal {
	p.ID = id
	return p
}

var (
	responder = incident.Principal{
		Type: incident.Role, Partition: "aws", Account: account, Name: "Responder",
		ID: "AROAEXAMPLERESPONDER", ARN: "arn:aws:iam::111122223333:role/ops/Responder",
	}
	alice = incident.Principal{
		Type: incident.User, Partition: "aws", Account: account, Name: "alice",
		ID: "AIDAEXAMPLEALICE00000", ARN: "arn:aws:iam::111122223333:user/staff/alice",
	}
	root = incident.Principal{
		Type: incident.Account, Partition: "aws", Account: account, Name: account,
		ARN: "arn:aws:iam::111122223333:root",
	}
)

const denyBefore = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":[\"*\"],\"Resource\":[\"*\"],` +
	`\"Condition\":{\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-03-04T09:15:00.204Z\"}}}]}`

const allowRead = `{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}`

const trustsPartner = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::999988887777:root\"},\"Action\":\"sts:AssumeRole\"}]}`

var partnerTrusted = &incident.TrustPolicy{Statements: []incident.TrustStatement{{
	Principals: []incident.TrustPrincipal{{Type: "AWS", Value: "arn:aws:iam::999988887777:root"}},
	Actions:    []string{"sts:AssumeRole"},
}}}

// changes are the calls of the catalogue that change something, each with what
// it means. Of the signal only what is particular to the call is listed.
var changes = []struct {
	name, source, call, caller string
	extra                      []string
	want                       incident.Signal
}{
	{
		"a literal RevokeSession names its role", "sts.amazonaws.com", "RevokeSession", byRole,
		[]string{params(`"roleName":"orders-api"`)},
		incident.Signal{Kind: incident.SessionsRevoked, Target: roleNamed("orders-api"), Revocation: &incident.Revocation{IssuedBefore: eventTime, Literal: true}},
	},
	{
		"a literal RevokeSession names its role by ARN", "trailverdict.example", "RevokeSession", byRole,
		[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/shop/orders-api"`)},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/shop/orders-api"),
			Revocation: &incident.Revocation{IssuedBefore: eventTime, Literal: true},
		},
	},
	{
		"a literal RevokeSession names its user", "iam.amazonaws.com", "RevokeSession", byRole,
		[]string{params(`"userName":"bob"`)},
		incident.Signal{Kind: incident.SessionsRevoked, Target: userNamed("bob"), Revocation: &incident.Revocation{IssuedBefore: eventTime, Literal: true}},
	},
	{
		"the console revokes a role's sessions", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"AWSRevokeOlderSessions","policyDocument":"` + denyBefore + `"`)},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSRevokeOlderSessions"},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"a policy of any name revokes by what it says", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"lockdown","policyDocument":"` + denyBefore + `"`)},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "lockdown"},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"the revoking policy's name is enough where its text is gone", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"AWSRevokeOlderSessions"`)},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSRevokeOlderSessions"},
			Revocation: &incident.Revocation{IssuedBefore: eventTime},
		},
	},
	{
		"the revoking policy's name means nothing over a harmless text", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"AWSRevokeOlderSessions","policyDocument":"` + allowRead + `"`)},
		incident.Signal{Kind: incident.InlinePolicyPut, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSRevokeOlderSessions"}},
	},
	{
		"a permission edit revokes nothing", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"read","policyDocument":"` + allowRead + `"`)},
		incident.Signal{Kind: incident.InlinePolicyPut, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "read"}},
	},
	{
		"a document that is an object instead of a text is read as well", iam, "PutRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"x","policyDocument":` + strings.ReplaceAll(denyBefore, `\"`, `"`))},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "x"},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"a user's sessions are revoked", iam, "PutUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyName":"AWSRevokeOlderSessions","policyDocument":"` + denyBefore + `"`)},
		incident.Signal{
			Kind: incident.SessionsRevoked, Target: userNamed("bob"), Policy: &incident.Policy{Name: "AWSRevokeOlderSessions"},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"AWS's old quarantine is an inline policy", iam, "PutUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyName":"AWSExposedCredentialPolicy_DO_NOT_REMOVE","policyDocument":"` + allowRead + `"`)},
		incident.Signal{Kind: incident.QuarantineAttached, Target: userNamed("bob"), Policy: &incident.Policy{Name: "AWSExposedCredentialPolicy_DO_NOT_REMOVE"}},
	},
	{
		"a quarantine of the newer name is one inline as well", iam, "PutUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyName":"AWSCompromisedKeyQuarantineV2","policyDocument":"` + allowRead + `"`)},
		incident.Signal{Kind: incident.QuarantineAttached, Target: userNamed("bob"), Policy: &incident.Policy{Name: "AWSCompromisedKeyQuarantineV2"}},
	},
	{
		"a role's inline policy is deleted", iam, "DeleteRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyName":"AWSRevokeOlderSessions"`)},
		incident.Signal{Kind: incident.InlinePolicyDeleted, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSRevokeOlderSessions"}},
	},
	{
		"a user's inline policy is deleted", iam, "DeleteUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyName":"read"`)},
		incident.Signal{Kind: incident.InlinePolicyDeleted, Target: userNamed("bob"), Policy: &incident.Policy{Name: "read"}},
	},
	{
		"AWS's old quarantine is lifted", iam, "DeleteUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyName":"AWSExposedCredentialPolicy_DO_NOT_REMOVE"`)},
		incident.Signal{Kind: incident.QuarantineDetached, Target: userNamed("bob"), Policy: &incident.Policy{Name: "AWSExposedCredentialPolicy_DO_NOT_REMOVE"}},
	},
	{
		"a managed policy is attached to a role", iam, "AttachRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyArn":"arn:aws:iam::111122223333:policy/ops/Lockdown"`)},
		incident.Signal{Kind: incident.PolicyAttached, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "Lockdown", ARN: "arn:aws:iam::111122223333:policy/ops/Lockdown"}},
	},
	{
		"AWS's own deny-all revokes every session", iam, "AttachRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyArn":"arn:aws:iam::aws:policy/AWSDenyAll"`)},
		incident.Signal{
			Kind: incident.PolicyAttached, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSDenyAll", ARN: "arn:aws:iam::aws:policy/AWSDenyAll"},
			Revocation: &incident.Revocation{},
		},
	},
	{
		"a managed policy is attached to a user", iam, "AttachUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"`)},
		incident.Signal{Kind: incident.PolicyAttached, Target: userNamed("bob"), Policy: &incident.Policy{Name: "ReadOnlyAccess", ARN: "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
	},
	{
		"a managed policy is detached from a role", iam, "DetachRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"`)},
		incident.Signal{Kind: incident.PolicyDetached, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "ReadOnlyAccess", ARN: "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
	},
	{
		"a quarantine is lifted", iam, "DetachUserPolicy", byRole,
		[]string{params(`"userName":"bob","policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"`)},
		incident.Signal{
			Kind: incident.QuarantineDetached, Target: userNamed("bob"),
			Policy: &incident.Policy{Name: "AWSCompromisedKeyQuarantineV2", ARN: "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"},
		},
	},
	{
		"a managed policy is created", iam, "CreatePolicy", byRole,
		[]string{
			params(`"policyName":"Lockdown","path":"/ops/","policyDocument":"` + denyBefore + `"`),
			response(`"policy":{"policyName":"Lockdown","arn":"arn:aws:iam::111122223333:policy/ops/Lockdown","policyId":"ANPAEXAMPLELOCKDOWN00"}`),
		},
		incident.Signal{
			Kind: incident.ManagedPolicyWritten, Resource: "arn:aws:iam::111122223333:policy/ops/Lockdown",
			Policy:     &incident.Policy{Name: "Lockdown", ARN: "arn:aws:iam::111122223333:policy/ops/Lockdown", SetDefault: true},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"a version that is not in force yet", iam, "CreatePolicyVersion", byRole,
		[]string{params(`"policyArn":"arn:aws:iam::111122223333:policy/Lockdown","policyDocument":"` + allowRead + `","setAsDefault":false`)},
		incident.Signal{
			Kind: incident.ManagedPolicyWritten, Resource: "arn:aws:iam::111122223333:policy/Lockdown",
			Policy: &incident.Policy{Name: "Lockdown", ARN: "arn:aws:iam::111122223333:policy/Lockdown"},
		},
	},
	{
		"a version that revokes at once, with a boolean written as text", iam, "CreatePolicyVersion", byRole,
		[]string{params(`"policyArn":"arn:aws:iam::111122223333:policy/Lockdown","policyDocument":"` + denyBefore + `","setAsDefault":"true"`)},
		incident.Signal{
			Kind: incident.ManagedPolicyWritten, Resource: "arn:aws:iam::111122223333:policy/Lockdown",
			Policy:     &incident.Policy{Name: "Lockdown", ARN: "arn:aws:iam::111122223333:policy/Lockdown", SetDefault: true},
			Revocation: &incident.Revocation{IssuedBefore: eventTime.Add(204 * time.Millisecond)},
		},
	},
	{
		"another version is put in force", iam, "SetDefaultPolicyVersion", byRole,
		[]string{params(`"policyArn":"arn:aws:iam::111122223333:policy/Lockdown","versionId":"v1"`)},
		incident.Signal{
			Kind: incident.ManagedPolicyWritten, Resource: "arn:aws:iam::111122223333:policy/Lockdown",
			Policy: &incident.Policy{Name: "Lockdown", ARN: "arn:aws:iam::111122223333:policy/Lockdown", SetDefault: true},
		},
	},
	{
		"a boundary is put on a role", iam, "PutRolePermissionsBoundary", byRole,
		[]string{params(`"roleName":"orders-api","permissionsBoundary":"arn:aws:iam::aws:policy/AWSDenyAll"`)},
		incident.Signal{Kind: incident.BoundaryPut, Target: roleNamed("orders-api"), Policy: &incident.Policy{Name: "AWSDenyAll", ARN: "arn:aws:iam::aws:policy/AWSDenyAll"}, Revocation: &incident.Revocation{}},
	},
	{
		"a boundary is put on a user", iam, "PutUserPermissionsBoundary", byRole,
		[]string{params(`"userName":"bob","permissionsBoundary":"arn:aws:iam::111122223333:policy/Limit"`)},
		incident.Signal{Kind: incident.BoundaryPut, Target: userNamed("bob"), Policy: &incident.Policy{Name: "Limit", ARN: "arn:aws:iam::111122223333:policy/Limit"}},
	},
	{
		"a boundary is taken off a role", iam, "DeleteRolePermissionsBoundary", byRole,
		[]string{params(`"roleName":"orders-api"`)},
		incident.Signal{Kind: incident.BoundaryDeleted, Target: roleNamed("orders-api")},
	},
	{
		"a boundary is taken off a user", iam, "DeleteUserPermissionsBoundary", byRole,
		[]string{params(`"userName":"bob"`)},
		incident.Signal{Kind: incident.BoundaryDeleted, Target: userNamed("bob")},
	},
	{
		"a user's key is switched off", iam, "UpdateAccessKey", byRole,
		[]string{params(`"userName":"bob","accessKeyId":"AKIAEXAMPLEBOB000001","status":"Inactive"`)},
		incident.Signal{Kind: incident.KeyStatusChanged, Target: userNamed("bob"), Key: "AKIAEXAMPLEBOB000001", KeyStatus: "Inactive"},
	},
	{
		"users switch their own keys without naming themselves", iam, "UpdateAccessKey", byUser,
		[]string{params(`"accessKeyId":"AKIAEXAMPLEALICE0001","status":"active"`)},
		incident.Signal{Kind: incident.KeyStatusChanged, Target: alice, Key: "AKIAEXAMPLEALICE0001", KeyStatus: "Active"},
	},
	{
		"the root user deletes its own key", iam, "DeleteAccessKey", byRoot,
		[]string{params(`"accessKeyId":"AKIAEXAMPLEROOT00001"`)},
		incident.Signal{Kind: incident.KeyDeleted, Target: root, Key: "AKIAEXAMPLEROOT00001"},
	},
	{
		"a key is created for another user", iam, "CreateAccessKey", byRole,
		[]string{
			params(`"userName":"bob"`),
			response(`"accessKey":{"userName":"bob","accessKeyId":"AKIAEXAMPLEBOB000002","status":"Active","createDate":"Mar 4, 2026 9:15:00 AM"}`),
		},
		incident.Signal{Kind: incident.KeyCreated, Target: userNamed("bob"), Key: "AKIAEXAMPLEBOB000002"},
	},
	{
		"a key is created for oneself", iam, "CreateAccessKey", byUser,
		[]string{response(`"accessKey":{"userName":"alice","accessKeyId":"AKIAEXAMPLEALICE0002"}`)},
		incident.Signal{Kind: incident.KeyCreated, Target: userNamed("alice"), Key: "AKIAEXAMPLEALICE0002"},
	},
	{
		"a console password is added", iam, "CreateLoginProfile", byRole,
		[]string{params(`"userName":"bob","passwordResetRequired":false`)},
		incident.Signal{Kind: incident.LoginProfileCreated, Target: userNamed("bob")},
	},
	{
		"a console password is replaced", iam, "UpdateLoginProfile", byRole,
		[]string{params(`"userName":"bob"`)},
		incident.Signal{Kind: incident.LoginProfileUpdated, Target: userNamed("bob")},
	},
	{
		"a console password is removed", iam, "DeleteLoginProfile", byRole,
		[]string{params(`"userName":"bob"`)},
		incident.Signal{Kind: incident.LoginProfileDeleted, Target: userNamed("bob")},
	},
	{
		"a second factor is switched off", iam, "DeactivateMFADevice", byRole,
		[]string{params(`"userName":"bob","serialNumber":"arn:aws:iam::111122223333:mfa/bob"`)},
		incident.Signal{Kind: incident.MFADeactivated, Target: userNamed("bob")},
	},
	{
		"a second factor is deleted", iam, "DeleteVirtualMFADevice", byRole,
		[]string{params(`"serialNumber":"arn:aws:iam::111122223333:mfa/bob"`)},
		incident.Signal{Kind: incident.MFADeactivated, Target: ofAccount(account), Resource: "arn:aws:iam::111122223333:mfa/bob"},
	},
	{
		"a user is created", iam, "CreateUser", byRole,
		[]string{
			params(`"userName":"carol"`),
			response(`"user":{"path":"/staff/","userName":"carol","userId":"AIDAEXAMPLECAROL00000","arn":"arn:aws:iam::111122223333:user/staff/carol"}`),
		},
		incident.Signal{Kind: incident.UserCreated, Target: withID(withARN(userNamed("carol"), "arn:aws:iam::111122223333:user/staff/carol"), "AIDAEXAMPLECAROL00000")},
	},
	{
		"a user is created with tags", iam, "CreateUser", byRole,
		[]string{params(`"userName":"carol","tags":[{"key":"Owner","value":"carol@example.com"},{"key":"note","value":""}]`)},
		incident.Signal{Kind: incident.UserCreated, Target: userNamed("carol"), Tagging: &incident.Tagging{Put: []incident.Tag{{Key: "Owner", Value: "carol@example.com"}, {Key: "note"}}}},
	},
	{
		"a role is created with a tag", iam, "CreateRole", byRole,
		[]string{params(`"roleName":"orders-api","tags":[{"key":"team","value":"Équipe paiements"}],"assumeRolePolicyDocument":"` + trustsPartner + `"`)},
		incident.Signal{Kind: incident.RoleCreated, Target: roleNamed("orders-api"), Trust: partnerTrusted, Tagging: &incident.Tagging{Put: []incident.Tag{{Key: "team", Value: "Équipe paiements"}}}},
	},
	{
		"a role is tagged", iam, "TagRole", byRole,
		[]string{params(`"roleName":"orders-api","tags":[{"key":"team","value":"orders"},{"key":"cost-center","value":"4711"}]`)},
		incident.Signal{Kind: incident.TagsChanged, Target: roleNamed("orders-api"), Tagging: &incident.Tagging{Put: []incident.Tag{{Key: "team", Value: "orders"}, {Key: "cost-center", Value: "4711"}}}},
	},
	{
		"tags are taken off a role", iam, "UntagRole", byRole,
		[]string{params(`"roleName":"orders-api","tagKeys":["team","cost-center"]`)},
		incident.Signal{Kind: incident.TagsChanged, Target: roleNamed("orders-api"), Tagging: &incident.Tagging{Taken: []string{"team", "cost-center"}}},
	},
	{
		"a user is tagged", iam, "TagUser", byRole,
		[]string{params(`"userName":"bob","tags":[{"key":"team","value":"orders"}]`)},
		incident.Signal{Kind: incident.TagsChanged, Target: userNamed("bob"), Tagging: &incident.Tagging{Put: []incident.Tag{{Key: "team", Value: "orders"}}}},
	},
	{
		"a tag is taken off a user", iam, "UntagUser", byRole,
		[]string{params(`"userName":"bob","tagKeys":["team"]`)},
		incident.Signal{Kind: incident.TagsChanged, Target: userNamed("bob"), Tagging: &incident.Tagging{Taken: []string{"team"}}},
	},
	{
		"of a tag whose value is not kept, what was there before is no more", iam, "TagRole", byRole,
		[]string{params(`"roleName":"orders-api","tags":[{"key":"team","value":"FAKE/SECRET/DO/NOT/KEEP/abcdEFGH01234567"},{"key":"db-password","value":"hunter2"},{"key":"stage","value":"HIDDEN_DUE_TO_SECURITY_REASONS"},{"key":"api","value":"a<b>"},{"key":"n","value":7},{"key":"","value":"x"},{"key":"aKeyOf#","value":"x"}]`)},
		incident.Signal{Kind: incident.TagsChanged, Target: roleNamed("orders-api"), Tagging: &incident.Tagging{Taken: []string{"team", "db-password", "stage", "api", "n"}}},
	},
	{
		"a user is deleted", iam, "DeleteUser", byRole,
		[]string{params(`"userName":"carol"`)},
		incident.Signal{Kind: incident.UserDeleted, Target: userNamed("carol")},
	},
	{
		"a role is created", iam, "CreateRole", byRole,
		[]string{
			params(`"roleName":"orders-api","assumeRolePolicyDocument":"` + trustsPartner + `"`),
			response(`"role":{"roleName":"orders-api","roleId":"AROAEXAMPLEORDERS0000","arn":"arn:aws:iam::111122223333:role/shop/orders-api","path":"/shop/"}`),
		},
		incident.Signal{
			Kind: incident.RoleCreated, Trust: partnerTrusted,
			Target: withID(withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/shop/orders-api"), "AROAEXAMPLEORDERS0000"),
		},
	},
	{
		"a role is created, and only the response's encoded document is left", iam, "CreateRole", byRole,
		[]string{response(`"role":{"roleName":"orders-api","assumeRolePolicyDocument":"%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22arn%3Aaws%3Aiam%3A%3A999988887777%3Aroot%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"}`)},
		incident.Signal{Kind: incident.RoleCreated, Target: roleNamed("orders-api"), Trust: partnerTrusted},
	},
	{
		"a service's own role is created", iam, "CreateServiceLinkedRole", byRole,
		[]string{
			params(`"aWSServiceName":"autoscaling.amazonaws.com"`),
			response(`"role":{"roleName":"AWSServiceRoleForAutoScaling","roleId":"AROAEXAMPLESERVICE000","arn":"arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"}`),
		},
		incident.Signal{
			Kind: incident.RoleCreated,
			Target: withID(withARN(roleNamed("AWSServiceRoleForAutoScaling"),
				"arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"), "AROAEXAMPLESERVICE000"),
		},
	},
	{
		"a role's sessions may last longer", iam, "UpdateRole", byRole,
		[]string{params(`"roleName":"orders-api","maxSessionDuration":43200`)},
		incident.Signal{Kind: incident.RoleUpdated, Target: roleNamed("orders-api"), MaxSession: 12 * time.Hour},
	},
	{
		"a task gets an access key", ecs, "RegisterTaskDefinition", byRole,
		[]string{params(`"family":"orders-sync","containerDefinitions":[{"name":"log","environment":[{"name":"LEVEL","value":"info"}]},{"name":"app","environment":[{"name":"AWS_SECRET_ACCESS_KEY","value":"` + secretForm + `"},{"name":"AWS_ACCESS_KEY_ID","value":"AKIAEXAMPLEORDERS001"}]}]`)},
		incident.Signal{
			Kind: incident.StaticCredentials, Key: "AKIAEXAMPLEORDERS001", Resource: "task definition orders-sync",
			Exposure: &incident.Exposure{What: "secret_access_key", Where: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"},
		},
	},
	{
		"a function is made with a key under a name of its own", lambda, "CreateFunction20150331", byRole,
		[]string{params(`"functionName":"export","environment":{"variables":{"PARTNER":"AKIAEXAMPLEPARTNER01"}}`)},
		incident.Signal{
			Kind: incident.StaticCredentials, Key: "AKIAEXAMPLEPARTNER01", Resource: "function export",
			Exposure: &incident.Exposure{What: "access_key_id", Where: "PARTNER"},
		},
	},
	{
		"a function gets a key, which the record hides", lambda, "UpdateFunctionConfiguration20150331v2", byRole,
		[]string{params(`"functionName":"arn:aws:lambda:eu-west-1:111122223333:function:export","environment":{"variables":{"PARTNER_SECRET_ACCESS_KEY":"HIDDEN_DUE_TO_SECURITY_REASONS","PORT":"80"}}`)},
		incident.Signal{
			Kind: incident.StaticCredentials, Resource: "function export",
			Exposure: &incident.Exposure{What: "secret_access_key", Where: "PARTNER_SECRET_ACCESS_KEY"},
		},
	},
	{
		"a role's description changes", iam, "UpdateRole", byRole,
		[]string{params(`"roleName":"orders-api","description":"orders"`)},
		incident.Signal{Kind: incident.RoleUpdated, Target: roleNamed("orders-api")},
	},
	{
		"a role is deleted", iam, "DeleteRole", byRole,
		[]string{params(`"roleName":"orders-api"`)},
		incident.Signal{Kind: incident.RoleDeleted, Target: roleNamed("orders-api")},
	},
	{
		"a service's own role is deleted", iam, "DeleteServiceLinkedRole", byRole,
		[]string{params(`"roleName":"AWSServiceRoleForAutoScaling"`), response(`"deletionTaskId":"task/1"`)},
		incident.Signal{Kind: incident.RoleDeleted, Target: roleNamed("AWSServiceRoleForAutoScaling")},
	},
	{
		"a role is taken out of an instance profile", iam, "RemoveRoleFromInstanceProfile", byRole,
		[]string{params(`"roleName":"orders-api","instanceProfileName":"orders-profile"`)},
		incident.Signal{Kind: incident.InstanceProfileRemoved, Target: roleNamed("orders-api"), Resource: "orders-profile"},
	},
	{
		"a trust policy is replaced", iam, "UpdateAssumeRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyDocument":"` + trustsPartner + `"`)},
		incident.Signal{Kind: incident.TrustChanged, Target: roleNamed("orders-api"), Trust: partnerTrusted},
	},
	{
		"a trust policy that cannot be read", iam, "UpdateAssumeRolePolicy", byRole,
		[]string{params(`"roleName":"orders-api","policyDocument":"{\"Statement\":"`)},
		incident.Signal{Kind: incident.TrustChanged, Target: roleNamed("orders-api"), Trust: &incident.TrustPolicy{Unreadable: true}},
	},
	{
		"a SAML provider is created", iam, "CreateSAMLProvider", byRole,
		[]string{params(`"name":"Okta","sAMLMetadataDocument":"<EntityDescriptor/>"`), response(`"sAMLProviderArn":"arn:aws:iam::111122223333:saml-provider/Okta"`)},
		incident.Signal{Kind: incident.ProviderCreated, Target: providerNamed("arn:aws:iam::111122223333:saml-provider/Okta")},
	},
	{
		"a SAML provider is created, and the response is gone", iam, "CreateSAMLProvider", byRole,
		[]string{params(`"name":"Okta","sAMLMetadataDocument":"<EntityDescriptor/>"`)},
		incident.Signal{Kind: incident.ProviderCreated, Target: providerNamed("arn:aws:iam::111122223333:saml-provider/Okta")},
	},
	{
		"a SAML provider's metadata is replaced", iam, "UpdateSAMLProvider", byRole,
		[]string{params(`"sAMLProviderArn":"arn:aws:iam::111122223333:saml-provider/Okta"`)},
		incident.Signal{Kind: incident.ProviderChanged, Target: providerNamed("arn:aws:iam::111122223333:saml-provider/Okta")},
	},
	{
		"a SAML provider is deleted", iam, "DeleteSAMLProvider", byRole,
		[]string{params(`"sAMLProviderArn":"arn:aws:iam::111122223333:saml-provider/Okta"`)},
		incident.Signal{Kind: incident.ProviderDeleted, Target: providerNamed("arn:aws:iam::111122223333:saml-provider/Okta")},
	},
	{
		"an OIDC provider is created", iam, "CreateOpenIDConnectProvider", byRole,
		[]string{params(`"url":"https://token.example.com","clientIDList":["sts.amazonaws.com"]`), response(`"openIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/token.example.com"`)},
		incident.Signal{Kind: incident.ProviderCreated, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com")},
	},
	{
		"an OIDC provider is created, and the response is gone", iam, "CreateOpenIDConnectProvider", byRole,
		[]string{params(`"url":"https://token.example.com/id/7/"`)},
		incident.Signal{Kind: incident.ProviderCreated, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com/id/7")},
	},
	{
		"an OIDC provider is deleted", iam, "DeleteOpenIDConnectProvider", byRole,
		[]string{params(`"openIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/token.example.com"`)},
		incident.Signal{Kind: incident.ProviderDeleted, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com")},
	},
	{
		"an audience is added", iam, "AddClientIDToOpenIDConnectProvider", byRole,
		[]string{params(`"openIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/token.example.com","clientID":"shop"`)},
		incident.Signal{Kind: incident.ProviderChanged, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com"), Resource: "shop"},
	},
	{
		"an audience is removed", iam, "RemoveClientIDFromOpenIDConnectProvider", byRole,
		[]string{params(`"openIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/token.example.com","clientID":"shop"`)},
		incident.Signal{Kind: incident.ProviderChanged, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com"), Resource: "shop"},
	},
	{
		"thumbprints are replaced", iam, "UpdateOpenIDConnectProviderThumbprint", byRole,
		[]string{params(`"openIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/token.example.com","thumbprintList":["00"]`)},
		incident.Signal{Kind: incident.ProviderChanged, Target: providerNamed("arn:aws:iam::111122223333:oidc-provider/token.example.com")},
	},
	{
		"the global endpoint issues tokens of another version", iam, "SetSecurityTokenServicePreferences", byRole,
		[]string{params(`"globalEndpointTokenVersion":"v1Token"`)},
		incident.Signal{Kind: incident.STSPreferenceChanged, Target: ofAccount(account), Resource: "v1Token"},
	},
	{
		"a trail is created", audit, "CreateTrail", byRole,
		[]string{params(`"name":"main","s3BucketName":"logs","isMultiRegionTrail":false`)},
		incident.Signal{Kind: incident.TrailStarted, Target: ofAccount(account), Resource: "main"},
	},
	{
		"a trail is switched on", audit, "StartLogging", byRole,
		[]string{params(`"name":"arn:aws:cloudtrail:us-east-1:111122223333:trail/main"`)},
		incident.Signal{Kind: incident.TrailStarted, Target: ofAccount(account), Resource: "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"},
	},
	{
		"a trail is switched off", audit, "StopLogging", byRole,
		[]string{params(`"name":"main"`)},
		incident.Signal{Kind: incident.TrailStopped, Target: ofAccount(account), Resource: "main", Weakened: true},
	},
	{
		"a trail is deleted", audit, "DeleteTrail", byRole,
		[]string{params(`"name":"main"`)},
		incident.Signal{Kind: incident.TrailDeleted, Target: ofAccount(account), Resource: "main", Weakened: true},
	},
	{
		"a trail is changed", audit, "UpdateTrail", byRole,
		[]string{params(`"name":"main","kmsKeyId":"alias/logs"`)},
		incident.Signal{Kind: incident.TrailUpdated, Target: ofAccount(account), Resource: "main"},
	},
	{
		"a trail's selectors are replaced", audit, "PutEventSelectors", byRole,
		[]string{params(`"trailName":"main","eventSelectors":[{"includeManagementEvents":false}]`)},
		incident.Signal{Kind: incident.SelectorsChanged, Target: ofAccount(account), Resource: "main", Weakened: true},
	},
}

func providerNamed(arn string) incident.Principal {
	return incident.Principal{Type: incident.Federated, Partition: "aws", Account: account, Name: arn, ARN: arn}
}

func TestChanges(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			got := signalOf(t, recordOf(tt.source, tt.call, tt.caller, tt.extra...))
			want := tt.want
			want.ID, want.Account, want.Partition, want.Region = "e-1", account, "aws", "us-east-1"
			want.Time, want.Feed, want.Count = eventTime, incident.FromTrail, 1
			want.Operation = operation(tt.source, tt.call)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(incident.Signal{}, "Actor")); diff != "" {
				t.Errorf("decoded otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAChangeNamesItsActor(t *testing.T) {
	got := signalOf(t, recordOf(iam, "DeleteRole", byRole, params(`"roleName":"orders-api"`), `"sessionCredentialFromConsole":"true"`))
	want := incident.Actor{
		Principal:   responder,
		SessionName: "oncall", SessionARN: "arn:aws:sts::111122223333:assumed-role/Responder/oncall",
		AccessKeyID: "ASIAEXAMPLERESPOND01", IssuedAt: time.Date(2026, 3, 4, 9, 2, 11, 0, time.UTC),
		MFA: true, Console: true, SourceIP: "203.0.113.9", UserAgent: "aws-cli/2.15.30 md/command#x",
	}
	if diff := cmp.Diff(want, got.Actor); diff != "" {
		t.Errorf("Actor (-want +got):\n%s", diff)
	}
}

func TestAChangeThatFailedIsNone(t *testing.T) {
	for _, tt := range changes {
		for _, code := range []string{"NoSuchEntityException", "NoSuchEntity", "MalformedPolicyDocumentException", "DeleteConflictException", "ThrottlingException"} {
			extra := append(tt.extra[:len(tt.extra):len(tt.extra)], fmt.Sprintf(`"errorCode":%q,"errorMessage":"no"`, code))
			out, r := eventOf(t, recordOf(tt.source, tt.call, tt.caller, extra...))
			if r.Reason != "" || len(out.Signals) > 0 || len(out.Uses) > 0 {
				t.Errorf("%s that failed with %s: %d signals, %d uses, %s; want nothing", tt.call, code, len(out.Signals), len(out.Uses), r.Reason)
			}
		}
	}
}

func TestAChangeOfAnotherServiceIsNone(t *testing.T) {
	for _, tt := range changes {
		if tt.call == revokeSessionName {
			continue
		}
		out, r := eventOf(t, recordOf("iam.example.com", tt.call, tt.caller, tt.extra...))
		if r.Reason != "" || len(out.Signals) > 0 {
			t.Errorf("%s of another service: %d signals, %s; want none", tt.call, len(out.Signals), r.Reason)
		}
	}
}

func TestAChangeIsAlsoAUse(t *testing.T) {
	out, _ := eventOf(t, recordOf(iam, "DeleteRole", byRole, params(`"roleName":"orders-api"`)))
	if len(out.Uses) != 1 || !out.Uses[0].Principal.Same(responder) || out.Uses[0].Service != iam {
		t.Errorf("uses = %+v, want one by the responder", out.Uses)
	}
}

func TestAChangeWithoutItsEssentialsIsRejected(t *testing.T) {
	for _, tt := range []struct {
		name, text, field string
	}{
		{"no parameters", recordOf(iam, "DeleteRole", byRole), "requestParameters.roleName"},
		{"parameters that are the text null", recordOf(iam, "DeleteRole", byRole, `"requestParameters":"null"`), "requestParameters.roleName"},
		{"no parameters at all for a user's policy", recordOf(iam, "PutUserPolicy", byRole), "requestParameters.userName"},
		{"a role's name of another type", recordOf(iam, "DeleteRole", byRole, params(`"roleName":["orders-api"]`)), "requestParameters.roleName"},
		{"no policy", recordOf(iam, "AttachRolePolicy", byRole, params(`"roleName":"orders-api"`)), "requestParameters.policyArn"},
		{"a role tagged with nothing", recordOf(iam, "TagRole", byRole, params(`"roleName":"orders-api"`)), "requestParameters.tags"},
		{"nothing taken off a user", recordOf(iam, "UntagUser", byRole, params(`"userName":"bob"`)), "requestParameters.tagKeys"},
		{"a tag of nobody", recordOf(iam, "TagUser", `{"type":"AWSService","invokedBy":"x.amazonaws.com"}`, params(`"tags":[{"key":"a","value":"b"}]`)), "requestParameters.userName"},
		{"no policy's name", recordOf(iam, "PutRolePolicy", byRole, params(`"roleName":"orders-api"`)), "requestParameters.policyName"},
		{"a key without a status", recordOf(iam, "UpdateAccessKey", byRole, params(`"userName":"bob","accessKeyId":"AKIAEXAMPLEBOB000001"`)), "requestParameters.status"},
		{"a status without a key", recordOf(iam, "UpdateAccessKey", byRole, params(`"userName":"bob","status":"Inactive"`)), "requestParameters.accessKeyId"},
		{"a masked key", recordOf(iam, "DeleteAccessKey", byRole, params(`"userName":"bob","accessKeyId":"AKIA************"`)), "requestParameters.accessKeyId"},
		{"a role that would delete its own key has none", recordOf(iam, "DeleteAccessKey", byRole, params(`"accessKeyId":"AKIAEXAMPLEBOB000001"`)), "requestParameters.userName"},
		{"a RevokeSession of nobody", recordOf(sts, "RevokeSession", byRole, params(`"sessionName":"x"`)), "requestParameters.roleName"},
		{"a role that is nobody's", recordOf(sts, "AssumeRole", byRole, params(`"roleArn":"orders-api"`)), "requestParameters.roleArn"},
		{"no name", strings.Replace(recordOf(iam, "DeleteRole", byRole), `"eventName":"DeleteRole"`, `"eventName":null`, 1), "eventName"},
		{"no source", strings.Replace(recordOf(iam, "DeleteRole", byRole), `"eventSource":"iam.amazonaws.com"`, `"eventSource":7`, 1), "eventSource"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, r := eventOf(t, tt.text)
			if r != (rejection{SkipBadField, tt.field}) {
				t.Errorf("rejected as %q %q, want %q %q", r.Reason, r.Detail, SkipBadField, tt.field)
			}
			if len(out.Signals) > 0 {
				t.Errorf("and yet it gave %d signals", len(out.Signals))
			}
		})
	}
}

func TestQuarantinesOfEveryVersionAndPartition(t *testing.T) {
	for arn, want := range map[string]incident.Kind{
		"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine":            incident.QuarantineAttached,
		"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2":          incident.QuarantineAttached,
		"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3":          incident.QuarantineAttached,
		"arn:aws-cn:iam::aws:policy/AWSCompromisedKeyQuarantineV3":       incident.QuarantineAttached,
		"arn:aws-us-gov:iam::aws:policy/AWSCompromisedKeyQuarantineV4":   incident.QuarantineAttached,
		"arn:aws:iam::111122223333:policy/AWSCompromisedKeyQuarantineV2": incident.PolicyAttached,
		"arn:aws:iam::aws:policy/ReadOnlyAccess":                         incident.PolicyAttached,
	} {
		got := signalOf(t, recordOf(iam, "AttachUserPolicy", byRole, params(`"userName":"bob","policyArn":"`+arn+`"`)))
		if got.Kind != want || got.Policy.ARN != arn {
			t.Errorf("attaching %s is %s, want %s", arn, got.Kind, want)
		}
	}
}

func TestParametersAsTextAreReadAsWell(t *testing.T) {
	got := signalOf(t, recordOf(iam, "DeleteRole", byRole, `"requestParameters":"{\"roleName\":\"orders-api\"}"`))
	if got.Target != roleNamed("orders-api") {
		t.Errorf("Target = %+v, want role orders-api", got.Target)
	}
}

func TestObjectsAloneInAListAreReadAsWell(t *testing.T) {
	want := signalOf(t, recordOf(iam, "DeleteRole", byRole, params(`"roleName":"orders-api"`)))
	got := signalOf(t, recordOf(iam, "DeleteRole", "["+byRole+"]", `"requestParameters":[{"roleName":"orders-api"}]`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in lists (-want +got):\n%s", diff)
	}
	if _, r := eventOf(t, recordOf(iam, "DeleteRole", byRole, `"requestParameters":[{"roleName":"a"},{"roleName":"b"}]`)); r.Reason != SkipBadField {
		t.Errorf("two objects in a list: rejected for %q, want %q", r.Reason, SkipBadField)
	}
}

func TestPlaceholderRecordsAreRejected(t *testing.T) {
	for name, when := range map[string]string{
		"missing":       `"eventTime":null`,
		"a placeholder": `"eventTime":"<time>"`,
		"the epoch":     `"eventTime":"1970-01-01T00:00:00Z"`,
		"of no type":    `"eventTime":{"s":1}`,
	} {
		out, r := eventOf(t, recordOf(iam, "DeleteRole", byRole, params(`"roleName":"orders-api"`), when))
		if r.Reason != SkipNoEventTime || len(out.Signals)+len(out.Uses) > 0 {
			t.Errorf("time %s: %q, %d signals, want %q", name, r.Reason, len(out.Signals), SkipNoEventTime)
		}
	}
}

func TestTheEnvelopeStandsInForWhatTheRecordLacks(t *testing.T) {
	v, err := jsonscan.Parse([]byte(recordOf(iam, "DeleteRole", `{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}`, params(`"roleName":"orders-api"`),
		`"eventTime":null,"recipientAccountId":null,"awsRegion":null`)))
	if err != nil {
		t.Fatal(err)
	}
	var out decoded
	env := &envelope{Source: "aws.iam", Account: "444455556666", Region: "cn-north-1", Time: eventTime}
	if r := decodeEvent(v, env, &out); r.Reason != "" || len(out.Signals) != 1 {
		t.Fatalf("rejected: %s %s", r.Reason, r.Detail)
	}
	got := out.Signals[0]
	if got.Account != "444455556666" || got.Region != "cn-north-1" || got.Partition != "aws-cn" || !got.Time.Equal(eventTime) || got.ID != "e-1" {
		t.Errorf("decoded as %+v", got)
	}
	if got.Target.Account != "444455556666" || got.Target.Partition != "aws-cn" {
		t.Errorf("Target = %+v", got.Target)
	}
}

func TestWithoutAnIDTheContentIsTheIdentity(t *testing.T) {
	without := func(extra ...string) string {
		return signalOf(t, recordOf(sts, "AssumeRole", byUser, append([]string{
			`"eventID":null`, params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api"`),
			response(`"credentials":{"accessKeyId":"ASIAEXAMPLEORDERS001","sessionToken":"abc","expiration":"Mar 4, 2026, 10:15:00 AM"}`),
		}, extra...)...)).ID
	}
	plain := without()
	if !strings.HasPrefix(plain, "sha256:") || len(plain) != len("sha256:")+32 {
		t.Errorf("ID = %q", plain)
	}
	redacted := without(response(`"credentials":{"expiration":"Mar 4, 2026, 10:15:00 AM","accessKeyId":"ASIAEXAMPLEORDERS001","sessionToken":"REDACTED"}`))
	if plain != redacted {
		t.Errorf("the token, or the order of members, changes the id: %s, %s", plain, redacted)
	}
	if other := without(`"requestID":"r-2"`); other == plain {
		t.Errorf("another record has the same id %s", other)
	}
}

func TestEveryCallOfTheCatalogueHasACase(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range changes {
		tested[tt.call] = true
	}
	for _, tt := range issuances {
		tested[tt.call] = true
	}
	tested["ConsoleLogin"] = true // TestSignIns
	for _, e := range Catalogue() {
		if e.decode != nil && !tested[e.Name] {
			t.Errorf("%s has no case", e.Name)
		}
		for _, known := range e.Kinds {
			if known == "" {
				t.Errorf("%s lists an empty kind", e.Name)
			}
		}
	}
}
