package trail

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// credentials is the part of a response that holds what was issued.
func credentials(key, expiration string) string {
	return `"credentials":{"accessKeyId":"` + key + `","sessionToken":"` + planted + `","expiration":"` + expiration + `"}`
}

// planted stands for a session token. No signal may hold it.
const planted = "IQoJb3JpZ2luX2VjEXAMPLEplantedTOKEN"

// issuances are the calls that issue credentials, each with what they mean. Of
// the signal only what is particular to the call is listed.
var issuances = []struct {
	name, call, caller string
	extra              []string
	want               incident.Signal
}{
	{
		"a user assumes a role", "AssumeRole", byUser,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/shop/orders-api","roleSessionName":"alice-cli","durationSeconds":900`),
			response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026, 9:30:00 AM") +
				`,"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLEORDERS0000:alice-cli","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/alice-cli"}`),
		},
		incident.Signal{
			Target: withID(withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/shop/orders-api"), "AROAEXAMPLEORDERS0000"),
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEORDERS001", Name: "alice-cli", IssuedAt: eventTime, ExpiresAt: eventTime.Add(15 * time.Minute),
				ParentKey: "AKIAEXAMPLEALICE0001",
			},
		},
	},
	{
		"a session is tagged, and inherits tags", "AssumeRole", byUser,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api","tags":[{"key":"team","value":"orders"},{"key":"api-token","value":"x"}],"transitiveTagKeys":["team"],"incomingTransitiveTags":{"cost-center":"4711"}`),
			response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026, 9:30:00 AM")),
		},
		incident.Signal{
			Target:  withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued:  &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(15 * time.Minute), ParentKey: "AKIAEXAMPLEALICE0001"},
			Tagging: &incident.Tagging{Put: []incident.Tag{{Key: "cost-center", Value: "4711"}, {Key: "team", Value: "orders"}}},
		},
	},
	{
		"a record from before 2020 writes its expiration without a second comma", "AssumeRole", byUser,
		[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api"`), response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026 10:15:00 AM"))},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"a narrow no-break space before PM", "AssumeRole", byUser,
		[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api"`), response(credentials("ASIAEXAMPLEORDERS001", `Mar 4, 2026, 9:15:00\u202fPM`))},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(12 * time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"a role's session assumes another account's role", "AssumeRole", byRole,
		[]string{
			params(`"roleArn":"arn:aws:iam::444455556666:role/reader","roleSessionName":"chained","sourceIdentity":"alice"`),
			response(credentials("ASIAEXAMPLEREADER001", "2026-03-04T10:15:00Z")), `"sharedEventID":"s-1"`,
		},
		incident.Signal{
			SharedID: "s-1",
			Target: incident.Principal{
				Type: incident.Role, Partition: "aws", Account: "444455556666", Name: "reader",
				ARN: "arn:aws:iam::444455556666:role/reader",
			},
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEREADER001", Name: "chained", IssuedAt: eventTime, ExpiresAt: eventTime.Add(time.Hour),
				ParentKey: "ASIAEXAMPLERESPOND01", SourceIdentity: "alice", Chained: true,
			},
		},
	},
	{
		"the role owner's copy of a call from another account", "AssumeRole", byStranger,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api","roleSessionName":"x","durationSeconds":900`),
			response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026, 9:30:00 AM")), `"sharedEventID":"s-1"`,
		},
		incident.Signal{
			SharedID: "s-1",
			Target:   withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued:   &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", Name: "x", IssuedAt: eventTime, ExpiresAt: eventTime.Add(15 * time.Minute)},
		},
	},
	{
		"a service assumes a role for an instance, and names no session in its answer", "AssumeRole", byService,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api","roleSessionName":"i-0123456789abcdef0"`),
			response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026, 3:19:33 PM")),
		},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEORDERS001", Name: "i-0123456789abcdef0", IssuedAt: eventTime,
				ExpiresAt: time.Date(2026, 3, 4, 15, 19, 33, 0, time.UTC), ByService: true,
			},
		},
	},
	{
		"an expiration that is gone follows from the duration", "AssumeRole", byUser,
		[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api","durationSeconds":"7200"`), response(`"credentials":{"accessKeyId":"ASIAEXAMPLEORDERS001"}`)},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(2 * time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"an expiration that is past at once is not believed", "AssumeRole", byUser,
		[]string{params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api"`), response(credentials("ASIAEXAMPLEORDERS001", "2026-03-04T09:15:00Z"))},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"a role known only by the record's resources", "AssumeRole", byUser,
		[]string{`"resources":[{"accountId":"111122223333","type":"AWS::IAM::Role","ARN":"arn:aws:iam::111122223333:role/orders-api"}]`, response(credentials("ASIAEXAMPLEORDERS001", "2026-03-04T10:15:00Z"))},
		incident.Signal{
			Target: withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"an OIDC token is exchanged", "AssumeRoleWithWebIdentity", byOIDC,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/deploy","roleSessionName":"ci"`),
			response(credentials("ASIAEXAMPLEDEPLOY001", "Mar 4, 2026, 10:15:00 AM") +
				`,"subjectFromWebIdentityToken":"repo:acme/shop:ref:refs/heads/main","provider":"arn:aws:iam::111122223333:oidc-provider/token.example.com","audience":"sts.amazonaws.com"`),
		},
		incident.Signal{
			Target: withARN(roleNamed("deploy"), "arn:aws:iam::111122223333:role/deploy"),
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEDEPLOY001", Name: "ci", IssuedAt: eventTime, ExpiresAt: eventTime.Add(time.Hour),
				Provider: "arn:aws:iam::111122223333:oidc-provider/token.example.com", Subject: "repo:acme/shop:ref:refs/heads/main",
			},
		},
	},
	{
		"a SAML assertion is exchanged", "AssumeRoleWithSAML",
		`{"type":"SAMLUser","principalId":"bm90IGEgaGFzaA==:alice@example.com","userName":"alice@example.com","identityProvider":"bm90IGEgaGFzaA=="}`,
		[]string{
			params(`"roleArn":"arn:aws:iam::111122223333:role/admin","principalArn":"arn:aws:iam::111122223333:saml-provider/Okta","roleSessionName":"alice@example.com","durationSeconds":43200`),
			response(credentials("ASIAEXAMPLEADMIN0001", "Mar 4, 2026, 9:15:00 PM") + `,"subject":"alice@example.com","issuer":"https://idp.example.com"`),
		},
		incident.Signal{
			Target: withARN(roleNamed("admin"), "arn:aws:iam::111122223333:role/admin"),
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEADMIN0001", Name: "alice@example.com", IssuedAt: eventTime, ExpiresAt: eventTime.Add(12 * time.Hour),
				Provider: "arn:aws:iam::111122223333:saml-provider/Okta", Subject: "alice@example.com",
			},
		},
	},
	{
		"a member account's root user is assumed", "AssumeRoot", byRole,
		[]string{
			params(`"targetPrincipal":"444455556666","taskPolicyArn":{"arn":"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"},"durationSeconds":900`),
			response(credentials("ASIAEXAMPLEROOT00001", "Mar 4, 2026, 9:30:00 AM") + `,"sourceIdentity":"alice"`),
		},
		incident.Signal{
			Target: ofAccount("444455556666"), Resource: "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials",
			Issued: &incident.Session{
				AccessKeyID: "ASIAEXAMPLEROOT00001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(15 * time.Minute),
				ParentKey: "ASIAEXAMPLERESPOND01", SourceIdentity: "alice",
			},
		},
	},
	{
		"a user takes a session token", "GetSessionToken", byUser,
		[]string{params(`"durationSeconds":129600`), response(credentials("ASIAEXAMPLEALICE0001", "Mar 5, 2026, 9:15:00 PM"))},
		incident.Signal{
			Target: alice,
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEALICE0001", IssuedAt: eventTime, ExpiresAt: eventTime.Add(36 * time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
	{
		"the root user takes a session token", "GetSessionToken", byRoot,
		[]string{response(credentials("ASIAEXAMPLEROOT00002", "Mar 4, 2026, 10:15:00 AM"))},
		incident.Signal{
			Target: root,
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEROOT00002", IssuedAt: eventTime, ExpiresAt: eventTime.Add(time.Hour), ParentKey: "AKIAEXAMPLEROOT00001"},
		},
	},
	{
		"a user takes a federation token", "GetFederationToken", byUser,
		[]string{params(`"name":"portal"`), response(credentials("ASIAEXAMPLEPORTAL001", "Mar 4, 2026, 9:15:00 PM") + `,"federatedUser":{"federatedUserId":"111122223333:portal","arn":"arn:aws:sts::111122223333:federated-user/portal"}`)},
		incident.Signal{
			Target: alice,
			Issued: &incident.Session{AccessKeyID: "ASIAEXAMPLEPORTAL001", Name: "portal", IssuedAt: eventTime, ExpiresAt: eventTime.Add(12 * time.Hour), ParentKey: "AKIAEXAMPLEALICE0001"},
		},
	},
}

func TestIssuances(t *testing.T) {
	for _, tt := range issuances {
		t.Run(tt.name, func(t *testing.T) {
			got := signalOf(t, recordOf(sts, tt.call, tt.caller, tt.extra...))
			want := tt.want
			want.Kind, want.Key = incident.SessionIssued, want.Issued.AccessKeyID
			want.ID, want.Account, want.Partition, want.Region = "e-1", account, "aws", "us-east-1"
			want.Time, want.Feed, want.Count = eventTime, incident.FromTrail, 1
			want.Operation = "sts:" + tt.call
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(incident.Signal{}, "Actor")); diff != "" {
				t.Errorf("decoded otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhoAskedForCredentials(t *testing.T) {
	for caller, want := range map[string]incident.Principal{
		byUser:    alice,
		byRole:    responder,
		byService: {Type: incident.Service, Name: "ec2.amazonaws.com"},
		byStranger: {
			Type: incident.Account, Account: "999988887777", Name: "999988887777",
			ID: "AROAEXAMPLESTRANGER00",
		},
	} {
		got := signalOf(t, recordOf(sts, "AssumeRole", caller, params(`"roleArn":"arn:aws:iam::111122223333:role/orders-api"`),
			response(credentials("ASIAEXAMPLEORDERS001", "Mar 4, 2026, 9:30:00 AM"))))
		if diff := cmp.Diff(want, got.Actor.Principal); diff != "" {
			t.Errorf("Actor (-want +got):\n%s", diff)
		}
	}
}

func TestSignIns(t *testing.T) {
	failure := []string{`"errorMessage":"Failed authentication"`, response(`"ConsoleLogin":"Failure"`), `"additionalEventData":{"MFAUsed":"Yes"}`, `"eventType":"AwsConsoleSignIn"`}
	t.Run("a wrong password is a signal and no use", func(t *testing.T) {
		out, _ := eventOf(t, recordOf(signIn, "ConsoleLogin", byUser, failure...))
		if len(out.Signals) != 1 || len(out.Uses) != 0 {
			t.Fatalf("%d signals and %d uses, want one and none", len(out.Signals), len(out.Uses))
		}
		got := out.Signals[0]
		if got.Kind != incident.SignInFailed || got.Target != alice || !got.Actor.Console || !got.Actor.MFA {
			t.Errorf("decoded as %+v", got)
		}
	})
	t.Run("the name of a user who does not exist stays hidden", func(t *testing.T) {
		got := signalOf(t, recordOf(signIn, "ConsoleLogin", `{"type":"IAMUser","accountId":"111122223333","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, failure...))
		if got.Target != ofAccount(account) || got.Actor.Known() {
			t.Errorf("Target = %+v, Actor = %+v, want the account and nobody", got.Target, got.Actor.Principal)
		}
	})
	t.Run("the root user's wrong password is about the account", func(t *testing.T) {
		got := signalOf(t, recordOf(signIn, "ConsoleLogin", byRoot, failure...))
		if got.Target != root {
			t.Errorf("Target = %+v, want the root user", got.Target)
		}
	})
	t.Run("a right password is a use and no signal", func(t *testing.T) {
		out, _ := eventOf(t, recordOf(signIn, "ConsoleLogin", byUser, response(`"ConsoleLogin":"Success"`)))
		if len(out.Signals) != 0 || len(out.Uses) != 1 || out.Uses[0].Principal != alice {
			t.Errorf("%d signals and uses %+v, want none and one by alice", len(out.Signals), out.Uses)
		}
	})
	t.Run("a wrong second factor is no use", func(t *testing.T) {
		out, r := eventOf(t, recordOf(signIn, "CheckMfa", byUser, response(`"CheckMfa":"Failure"`)))
		if len(out.Signals)+len(out.Uses) != 0 || r.Reason != "" {
			t.Errorf("%d signals and %d uses, want nothing", len(out.Signals), len(out.Uses))
		}
	})
}
