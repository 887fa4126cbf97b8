package trail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestFailuresOfCredentials(t *testing.T) {
	for _, code := range recordedCodes {
		got := signalOf(t, recordOf("dynamodb.amazonaws.com", "PutItem", byRole, failed(code, "")))
		if got.Kind != incident.CredentialFailed || got.ErrorCode != code || got.Feed != incident.FromTrail || got.Count != 1 {
			t.Errorf("%s is decoded as %s %s", code, got.Kind, got.ErrorCode)
		}
		if got.Target != responder || got.Key != "ASIAEXAMPLERESPOND01" {
			t.Errorf("%s: Target = %+v, Key = %q, want the caller's", code, got.Target, got.Key)
		}
	}
}

func TestAFailureKeepsTheReasonAndNotTheText(t *testing.T) {
	got := signalOf(t, recordOf("s3.amazonaws.com", "GetObject", byUser, failed("SignatureDoesNotMatch", "Signature expired: 20260304T091500Z is now earlier than 20260304T092500Z")))
	if got.Reason != incident.ReasonClockSkew {
		t.Errorf("Reason = %q, want %q", got.Reason, incident.ReasonClockSkew)
	}
}

func TestLookAlikesAreNoFailures(t *testing.T) {
	for _, code := range []string{
		"CloudTrailInvalidClientTokenIdException", "Client.AuthFailure", "AuthFailure", "Client.InvalidClientTokenId",
		"expiredtoken", "ExpiredTokenExceptions", "InvalidTokenException", " ExpiredToken", "AccessDenied.", "accessdenied",
		"VpceAccessDenied", "NotAuthorizedException", "ExpiredIteratorException",
	} {
		out, r := eventOf(t, recordOf("cloudtrail.amazonaws.com", "CreateTrail", byRole, failed(code, "")))
		if r.Reason != "" || len(out.Signals)+len(out.Uses) > 0 {
			t.Errorf("%q gives %d signals and %d uses, want nothing", code, len(out.Signals), len(out.Uses))
		}
	}
}

func TestNoErrorIsWrittenInManyWays(t *testing.T) {
	for _, member := range []string{`"errorCode":null`, `"errorCode":""`, `"errorCode":"null"`, `"errorCode":{}`} {
		if got := signalOf(t, recordOf(iam, "DeleteRole", byRole, params(`"roleName":"orders-api"`), member)); got.Kind != incident.RoleDeleted {
			t.Errorf("%s: decoded as %s, want %s", member, got.Kind, incident.RoleDeleted)
		}
	}
}

func TestAFailedFederationIsAboutTheRoleThatWasAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name, call, caller, code, message string
		extra                             []string
		want                              incident.Signal
	}{
		{
			"an OIDC token that is over", "AssumeRoleWithWebIdentity", byOIDC, "ExpiredTokenException", "Token expired: current date/time 1772615700 must be before the expiration date/time 1772615000",
			[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/deploy","roleSessionName":"ci"`)},
			incident.Signal{
				Reason: incident.ReasonExpired, Target: withARN(roleNamed("deploy"), "arn:aws:iam::111122223333:role/deploy"),
				Issued: &incident.Session{Provider: "arn:aws:iam::111122223333:oidc-provider/token.example.com", Subject: "repo:acme/shop:ref:refs/heads/main"},
			},
		},
		{
			"a provider that is gone", "AssumeRoleWithWebIdentity",
			`{"type":"WebIdentityUser","principalId":"https://token.example.com:sts.amazonaws.com:system:serviceaccount:shop:orders","userName":"system:serviceaccount:shop:orders"}`,
			"InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://token.example.com/id/7",
			[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/deploy"`)},
			incident.Signal{
				Reason: incident.ReasonProviderMissing, Target: withARN(roleNamed("deploy"), "arn:aws:iam::111122223333:role/deploy"),
				Issued: &incident.Session{Provider: "https://token.example.com/id/7", Subject: "system:serviceaccount:shop:orders"},
			},
		},
		{
			"an assertion that was refused", "AssumeRoleWithSAML",
			`{"type":"SAMLUser","principalId":"h:alice@example.com","userName":"alice@example.com","identityProvider":"h"}`, "IDPRejectedClaim", "",
			[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/admin","principalArn":"arn:aws:iam::111122223333:saml-provider/Okta"`)},
			incident.Signal{
				Target: withARN(roleNamed("admin"), "arn:aws:iam::111122223333:role/admin"),
				Issued: &incident.Session{Provider: "arn:aws:iam::111122223333:saml-provider/Okta", Subject: "alice@example.com"},
			},
		},
		{
			"nothing but the subject is known", "AssumeRoleWithWebIdentity", byOIDC, "InvalidIdentityToken", "", nil,
			incident.Signal{
				Target: incident.Principal{Type: incident.Federated, Partition: "aws", Account: account, Name: "repo:acme/shop:ref:refs/heads/main"},
				Issued: &incident.Session{Provider: "arn:aws:iam::111122223333:oidc-provider/token.example.com", Subject: "repo:acme/shop:ref:refs/heads/main"},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := signalOf(t, recordOf(sts, tt.call, tt.caller, append([]string{failed(tt.code, tt.message)}, tt.extra...)...))
			want := tt.want
			want.ID, want.Account, want.Partition, want.Region = "e-1", account, "aws", "us-east-1"
			want.Time, want.Feed, want.Count = eventTime, incident.FromTrail, 1
			want.Kind, want.ErrorCode, want.Operation = incident.CredentialFailed, tt.code, "sts:"+tt.call
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(incident.Signal{}, "Actor")); diff != "" {
				t.Errorf("decoded otherwise (-want +got):\n%s", diff)
			}
			if got.Actor.Type != incident.Federated {
				t.Errorf("Actor = %+v, want a federated identity", got.Actor)
			}
		})
	}
}

func TestAFailureOfNobodyIsRejected(t *testing.T) {
	out, r := eventOf(t, recordOf("s3.amazonaws.com", "GetObject", `null`, failed("ExpiredToken", "")))
	if r.Reason != SkipNoIdentity || len(out.Signals) > 0 {
		t.Errorf("rejected as %q with %d signals, want %q", r.Reason, len(out.Signals), SkipNoIdentity)
	}
}

func TestDenials(t *testing.T) {
	for _, code := range denialCodes {
		got := signalOf(t, recordOf("dynamodb.amazonaws.com", "PutItem", byRole, failed(code, "Access Denied")))
		want := incident.Denial{Action: "dynamodb:PutItem"}
		if got.Kind != incident.CallDenied || got.ErrorCode != code || got.Denial == nil || *got.Denial != want {
			t.Errorf("%s is decoded as %s %+v", code, got.Kind, got.Denial)
		}
		if got.Target != responder || got.Key != "ASIAEXAMPLERESPOND01" || !got.Actor.Same(responder) {
			t.Errorf("%s: Target = %+v, Key = %q, want the caller's", code, got.Target, got.Key)
		}
	}
}

func TestWhomADenialIsAbout(t *testing.T) {
	deployARN := "arn:aws:iam::111122223333:role/deploy"
	deploy := withARN(roleNamed("deploy"), deployARN)
	const refused = "User: arn:aws:iam::111122223333:user/staff/alice is not authorized to perform: "
	for _, tt := range []struct {
		name, source, call, caller, message string
		extra                               []string
		target                              incident.Principal
		key                                 string
		want                                incident.Denial
	}{
		{
			"the role whose trust does not let in", sts, "AssumeRole", byUser, refused + "sts:AssumeRole on resource: " + deployARN, nil, deploy, "",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true},
		},
		{
			"the role whose trust does not let in, and that says so", sts, "AssumeRole", byUser,
			refused + "sts:AssumeRole on resource: " + deployARN + " because no resource-based policy allows the sts:AssumeRole action", nil, deploy, "",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true, Implicit: true, PolicyKind: "resource-based"},
		},
		{
			"the role, for a caller of another account", sts, "AssumeRole", byStranger,
			"User: arn:aws:sts::999988887777:assumed-role/x/worker is not authorized to perform: sts:AssumeRole on resource: " + deployARN, nil, deploy, "",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true},
		},
		{
			"the caller whose own policies do not allow it", sts, "AssumeRole", byUser,
			refused + "sts:AssumeRole on resource: " + deployARN + " because no identity-based policy allows the sts:AssumeRole action", nil, alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true, Implicit: true, PolicyKind: "identity-based"},
		},
		{
			"the caller who is cut off", sts, "AssumeRole", byUser,
			refused + "sts:AssumeRole on resource: " + deployARN + " with an explicit deny in an identity-based policy", nil, alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true, Explicit: true, PolicyKind: "identity-based"},
		},
		{
			"the caller whose organisation does not allow it", sts, "AssumeRole", byUser,
			refused + "sts:AssumeRole on resource: " + deployARN + " with an explicit deny in a service control policy", nil, alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "sts:AssumeRole", Resource: deployARN, FromMessage: true, Explicit: true, PolicyKind: "service control"},
		},
		{
			"the role that an OIDC token asked for, by the parameters", sts, "AssumeRoleWithWebIdentity", byOIDC, "An unknown error occurred",
			[]string{params(`"roleArn":"` + deployARN + `"`)},
			deploy, "",
			incident.Denial{Action: "sts:AssumeRoleWithWebIdentity", Resource: deployARN},
		},
		{
			"the caller, when it may not change a role", iam, "DeleteRolePolicy", byUser,
			refused + "iam:DeleteRolePolicy on resource: role deploy because no identity-based policy allows the iam:DeleteRolePolicy action", nil, alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "iam:DeleteRolePolicy", Resource: "role deploy", FromMessage: true, Implicit: true, PolicyKind: "identity-based"},
		},
		{
			"the caller, when the parameters name the role", iam, "DeleteRolePolicy", byUser, "Access Denied",
			[]string{params(`"roleName":"deploy","policyName":"x"`)},
			alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "iam:DeleteRolePolicy", Resource: "role deploy"},
		},
		{
			"the caller, when it may not pass a role", "ec2.amazonaws.com", "RunInstances", byUser,
			"You are not authorized to perform this operation. " + refused + "iam:PassRole on resource: " + deployARN + " because no identity-based policy allows the iam:PassRole action. Encoded authorization failure message: x",
			[]string{params(`"instanceType":"t3.micro"`)},
			alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "iam:PassRole", Resource: deployARN, FromMessage: true, Implicit: true, PolicyKind: "identity-based"},
		},
		{
			"the caller that only the message names", "rds.amazonaws.com", "DeleteDBInstance", `null`, refused + "rds:DeleteDBInstance", nil,
			withARN(userNamed("alice"), "arn:aws:iam::111122223333:user/staff/alice"), "",
			incident.Denial{Action: "rds:DeleteDBInstance"},
		},
		{
			"the caller, in a service whose calls carry a version", "lambda.amazonaws.com", "UpdateFunctionCode20150331v2", byUser, "", nil, alice, "AKIAEXAMPLEALICE0001",
			incident.Denial{Action: "lambda:UpdateFunctionCode"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := signalOf(t, recordOf(tt.source, tt.call, tt.caller, append([]string{failed("AccessDenied", tt.message)}, tt.extra...)...))
			if diff := cmp.Diff(tt.target, got.Target); diff != "" {
				t.Errorf("Target (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(&tt.want, got.Denial); diff != "" {
				t.Errorf("Denial (-want +got):\n%s", diff)
			}
			if got.Key != tt.key {
				t.Errorf("Key = %q, want %q", got.Key, tt.key)
			}
		})
	}
}

func TestDenialsThatAreAboutNobodyHere(t *testing.T) {
	for name, caller := range map[string]string{
		"a service":            byService,
		"a service's event":    `{"accountId":"111122223333","invokedBy":"delivery.logs.amazonaws.com"}`,
		"another account":      byStranger,
		"nobody":               `null`,
		"an anonymous caller":  `{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"}`,
		"a type of its own":    `{"type":"Directory"}`,
		"a caller of no types": `{"type":[],"arn":7}`,
	} {
		out, r := eventOf(t, recordOf("s3.amazonaws.com", "GetObject", caller, failed("AccessDenied", "Access Denied")))
		if r.Reason != "" || len(out.Signals)+len(out.Uses) > 0 {
			t.Errorf("%s: %d signals, %s; want nothing", name, len(out.Signals), r.Reason)
		}
	}
}

func TestUses(t *testing.T) {
	for _, tt := range []struct {
		name, caller string
		want         incident.Principal
	}{
		{"a role's session", byRole, responder},
		{"a user", byUser, alice},
		{"the root user", byRoot, root},
		{"a federated identity", byOIDC, incident.Principal{Type: incident.Federated, Partition: "aws", Account: account, Name: "repo:acme/shop:ref:refs/heads/main"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, r := eventOf(t, recordOf("s3.amazonaws.com", "GetObject", tt.caller))
			if r.Reason != "" || len(out.Signals) != 0 || len(out.Uses) != 1 {
				t.Fatalf("%d signals, %d uses, %q; want one use", len(out.Signals), len(out.Uses), r.Reason)
			}
			if diff := cmp.Diff(tt.want, out.Uses[0].Principal); diff != "" {
				t.Errorf("Principal (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("everything that tells what is usual", func(t *testing.T) {
		out, _ := eventOf(t, recordOf(sts, "GetCallerIdentity", strings.Replace(byRole, `"accountId"`, `"inScopeOf":{"credentialsIssuedTo":"fn"},"accountId"`, 1)))
		want := incident.Use{
			Account: account, Region: "us-east-1", Principal: responder, SessionName: "oncall", AccessKeyID: "ASIAEXAMPLERESPOND01",
			IssuedAt: eventTime.Add(-12*60e9 - 49e9), SourceIP: "203.0.113.9", Network: "203.0.113.0/24", Client: "aws-cli", Service: sts, Probe: true,
			Credentials: "fn", First: eventTime, Last: eventTime, FirstID: "e-1", LastID: "e-1",
		}
		if diff := cmp.Diff([]incident.Use{want}, out.Uses); diff != "" {
			t.Errorf("uses (-want +got):\n%s", diff)
		}
	})
	for name, text := range map[string]string{
		"a service's call":           recordOf("s3.amazonaws.com", "GetObject", byService),
		"another account's call":     recordOf("kms.amazonaws.com", "Sign", byStranger),
		"nobody's call":              recordOf("s3.amazonaws.com", "GetObject", `null`),
		"a call that failed":         recordOf("s3.amazonaws.com", "GetObject", byRole, failed("NoSuchBucket", "no")),
		"a service's event":          recordOf("s3.amazonaws.com", "Rotation", `{"accountId":"111122223333","invokedBy":"secretsmanager.amazonaws.com"}`, `"eventType":"AwsServiceEvent"`),
		"an insight into many calls": `{"eventVersion":"1.09","eventTime":"2026-03-04T09:15:00Z","eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start","eventName":"RunInstances"}}`,
	} {
		t.Run(name+" is no use", func(t *testing.T) {
			out, r := eventOf(t, text)
			if r.Reason != "" || len(out.Signals)+len(out.Uses) > 0 {
				t.Errorf("%d signals, %d uses, %q; want nothing", len(out.Signals), len(out.Uses), r.Reason)
			}
		})
	}
}
