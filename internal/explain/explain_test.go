package explain_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/explain"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// TestTopics holds that the texts that people have in front of them are told
// apart, those that resemble each other too.
func TestTopics(t *testing.T) {
	for _, test := range []struct{ text, topic, cause string }{
		{"An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.", "invalid", "unexplained_failures"},
		{"operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 1, api error InvalidClientTokenId: The security token included in the request is invalid", "invalid", "unexplained_failures"},
		{"UnrecognizedClientException: The security token included in the request is invalid", "invalid", "unexplained_failures"},
		{"An error occurred (InvalidAccessKeyId) when calling the ListBuckets operation: The AWS Access Key Id you provided does not exist in our records.", "invalid", "unexplained_failures"},
		{"An error occurred (AuthFailure) when calling the DescribeInstances operation: AWS was not able to validate the provided access credentials", "invalid", "unexplained_failures"},
		{"InvalidToken: The provided token is malformed or otherwise invalid.", "invalid", "unexplained_failures"},
		{"An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.", "expired", "token_expired"},
		{"ExpiredTokenException: The security token included in the request is expired", "expired", "token_expired"},
		{"TokenRefreshRequired: The provided token must be refreshed", "expired", "token_expired"},
		{"botocore.exceptions.CredentialRetrievalError: Credentials were refreshed, but the refreshed credentials are still expired.", "expired", "token_expired"},
		{"An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired: current date/time must be before the expiration date/time", "federation-expired", "federation_token_expired"},
		{"An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: Signature expired: 20260301T100000Z is now earlier than 20260301T110000Z", "clock", "clock_skew"},
		{"RequestTimeTooSkewed: The difference between the request time and the current time is too large.", "clock", "clock_skew"},
		{"An error occurred (RequestExpired) when calling the DescribeInstances operation: Request has expired.", "clock", "clock_skew"},
		{"An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: The request signature we calculated does not match the signature you provided.", "signature", "malformed_credentials"},
		{"InvalidSignatureException: The request signature we calculated does not match the signature you provided.", "signature", "malformed_credentials"},
		{"SignatureDoesNotMatch: Credential should be scoped to a valid region.", "region", "wrong_partition_or_region"},
		{"An error occurred (RegionDisabledException) when calling the AssumeRole operation: STS is not activated in this region for account:111122223333.", "region", "wrong_partition_or_region"},
		{"IncompleteSignature: 'x' not a valid key=value pair (missing equal-sign) in Authorization header", "incomplete", "malformed_credentials"},
		{`{"message":"Missing Authentication Token"}`, "no-token", "session_token_missing"},
		{"MissingAuthenticationToken: Request is missing Authentication Token", "no-token", "session_token_missing"},
		{"Error: Could not assume role with OIDC: No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com", "provider-missing", "identity_provider_removed"},
		{"InvalidIdentityToken: Incorrect token audience", "audience", "malformed_credentials"},
		{"InvalidIdentityToken: Couldn't retrieve verification key from your identity provider", "provider-unreachable", ""},
		{"IDPCommunicationError: the identity provider could not be reached", "provider-unreachable", ""},
		{"An error occurred (IDPRejectedClaim) when calling the AssumeRoleWithWebIdentity operation: rejected", "identity-token", "malformed_credentials"},
		{"Error: Could not assume role with OIDC: Not authorized to perform sts:AssumeRoleWithWebIdentity", "web-identity-denied", "implicit_deny"},
		{"An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/deploy", "assume-denied", "implicit_deny"},
		{"AccessDenied: User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: s3:ListBucket because no identity-based policy allows the s3:ListBucket action", "implicit-deny", "implicit_deny"},
		{"AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: sqs:SendMessage with an explicit deny in an identity-based policy", "explicit-identity", "unexplained_revocation"},
		{"UnauthorizedOperation: User: x is not authorized to perform: ec2:RunInstances with an explicit deny in a service control policy", "explicit-other", ""},
		{"An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", "denied", "unexplained_failures"},
		{"The role defined for the function cannot be assumed by Lambda.", "denied-role-gone", "orphaned_principal"},
		{"Unable to locate credentials. You can configure credentials by running \"aws configure\".", "no-credentials", ""},
		{"NoCredentialProviders: no valid providers in chain. Deprecated.", "no-credentials", ""},
		{"CredentialsProviderError: Could not load credentials from any providers", "no-credentials", ""},
		{"get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, request canceled, context deadline exceeded", "imds", ""},
		{"Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 404", "container-credentials", ""},
		{"The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.", "sso-token", "token_expired"},
		{"Error loading SSO Token: Token for corp does not exist", "sso-token", "token_expired"},
		{"Token has expired and refresh failed", "sso-token", "token_expired"},
		{"An error occurred (ForbiddenException) when calling the GetRoleCredentials operation: No access", "sso-no-access", "implicit_deny"},
		{"The config profile (prod) could not be found", "profile-missing", ""},
		{"Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY", "partial-credentials", "malformed_credentials"},
		{"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", "session-length", ""},
		{"Cannot refresh credentials: MFA token required.", "mfa", ""},
		{"ThrottlingException: Rate exceeded", "", ""},
		{"CloudTrailInvalidClientTokenIdException: the topic's account is suspended", "", ""},
		{"it does not work", "", ""},
		{"", "", ""},
	} {
		a := explain.Error(test.text, explain.Unknown)
		if a.Topic != test.topic || string(a.Cause) != test.cause {
			t.Errorf("%s\n is %q with cause %q, want %q, %q", test.text, a.Topic, a.Cause, test.topic, test.cause)
		}
		if a.Title == "" || a.Why == "" || len(a.Checks) == 0 || a.Sure == "" {
			t.Errorf("%s: the answer lacks something: %+v", test.text, a)
		}
	}
}

// TestEveryCodeIsExplained holds that no code of the contract is unknown.
func TestEveryCodeIsExplained(t *testing.T) {
	for _, code := range strings.Fields(`InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId InvalidToken AuthFailure ExpiredToken
		ExpiredTokenException TokenRefreshRequired RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch InvalidSignatureException
		IncompleteSignature MissingAuthenticationToken InvalidIdentityToken IDPRejectedClaim IDPCommunicationError`) {
		a := explain.Error(code, explain.Unknown)
		if a.Topic == "" || a.Code != code || a.Verdict == "" {
			t.Errorf("%s is explained as %q with code %q and verdict %q", code, a.Topic, a.Code, a.Verdict)
		}
	}
}

func TestEnvironmentsAreGuessed(t *testing.T) {
	for text, want := range map[string]explain.Environment{
		"ExpiredToken from assumed-role/orders-api/i-0a1b2c3d4e5f60718":                          explain.EC2,
		"Error when retrieving credentials from container-role: timeout on http://169.254.170.2": explain.ECS,
		"could not read http://169.254.170.23/v1/credentials":                                    explain.EKS,
		"AssumeRoleWithWebIdentity with /var/run/secrets/eks.amazonaws.com/token: AccessDenied":  explain.EKS,
		"No OpenIDConnect provider found for https://token.actions.githubusercontent.com":        explain.OIDC,
		"AccessDenied when calling the AssumeRoleWithWebIdentity operation":                      explain.OIDC,
		"ExpiredToken at /var/task/index.js:12":                                                  explain.Lambda,
		"Error loading SSO Token":                                                                explain.SSO,
		"The config profile (x) could not be found":                                              explain.Profile,
		"ExpiredToken": explain.Unknown,
	} {
		if a := explain.Error(text, explain.Unknown); a.Environment != want || a.Guessed != (want != "") {
			t.Errorf("%s is guessed to be %q, want %q", text, a.Environment, want)
		}
	}
	if a := explain.Error("Error loading SSO Token", explain.Lambda); a.Environment != explain.Lambda || a.Guessed {
		t.Errorf("an environment that was given is %q, guessed %v", a.Environment, a.Guessed)
	}
}

// TestChecksFitTheKey holds that a temporary key is not looked for among a
// user's keys, nor a user's key among sessions.
func TestChecksFitTheKey(t *testing.T) {
	text := func(key string) string {
		var b bytes.Buffer
		if err := explain.Text(&b, explain.Error("InvalidClientTokenId for "+key, explain.Profile), explain.TextOptions{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if s := text("ASIAQEXAMPLE00000001"); strings.Contains(s, "last-used") || !strings.Contains(s, "investigate --access-key ASIAQEXAMPLE00000001") {
		t.Errorf("for a temporary key:\n%s", s)
	}
	if s := text("AKIAQEXAMPLE00000001"); strings.Contains(s, "ASIA… key") || !strings.Contains(s, "get-access-key-last-used --access-key-id AKIAQEXAMPLE00000001") {
		t.Errorf("for a long-term key:\n%s", s)
	}
}

// TestAnswersFitAScreen looks at all answers in all environments.
func TestAnswersFitAScreen(t *testing.T) {
	for _, text := range samples {
		for _, env := range append(slices.Clone(explain.Environments), explain.Unknown) {
			a := explain.Error(text, env)
			if len(a.Fix) == 0 && a.Topic != "" && env != explain.Unknown {
				t.Errorf("%s has no fix for %s", a.Topic, env)
			}
			var b bytes.Buffer
			if err := explain.Text(&b, a, explain.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			var j bytes.Buffer
			if err := explain.JSON(&j, a); err != nil {
				t.Fatal(err)
			}
			schematest.Lines(t, j.String())
			if n := strings.Count(b.String(), "\n"); n > 45 {
				t.Errorf("%s in %s takes %d lines", a.Topic, env, n)
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.Contains(line, "`") {
					t.Errorf("%s in %s has a line of %d columns: %s", a.Topic, env, n, line)
				}
			}
		}
	}
}

var samples = []string{
	"InvalidClientTokenId", "ExpiredToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "Credential should be scoped to a valid region", "IncompleteSignature",
	"MissingAuthenticationToken", "No OpenIDConnect provider found in your account", "Incorrect token audience", "IDPCommunicationError", "IDPRejectedClaim",
	"not authorized to perform sts:AssumeRoleWithWebIdentity", "not authorized to perform: sts:AssumeRole on resource", "because no identity-based policy allows", "with an explicit deny in an identity-based policy",
	"with an explicit deny in a service control policy", "Access Denied", "cannot be assumed by Lambda", "Unable to locate credentials", "no EC2 IMDS role found", "container-role: Error when retrieving credentials from container-role",
	"Error loading SSO Token", "Token expired: current date/time", "The config profile (x) could not be found", "Partial credentials found", "DurationSeconds exceeds", "MFA token required",
	"GetRoleCredentials operation: No access", "custom-process", "no idea",
}

// TestColor holds that colour changes the look alone.
func TestColor(t *testing.T) {
	var plain, colored bytes.Buffer
	a := explain.Error("ExpiredToken", explain.EC2)
	if err := explain.Text(&plain, a, explain.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := explain.Text(&colored, a, explain.TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(colored.String(), "\x1b[1;36mEXPIRY\x1b[0m") {
		t.Errorf("coloured: %q", colored.String()[:30])
	}
	if got := strings.NewReplacer("\x1b[1;36m", "", "\x1b[0m", "").Replace(colored.String()); got != plain.String() {
		t.Errorf("with colours:\n%s\nwithout:\n%s", got, plain.String())
	}
}

// FuzzError holds that no text makes an answer fall over, or comes out again.
func FuzzError(f *testing.F) {
	for _, s := range samples {
		f.Add(s, "hunter2")
	}
	f.Add("An error occurred (ExpiredToken) when calling the PutObject operation", "IQoJb3JpZ2luX2VjEXAMPLE")
	f.Fuzz(func(t *testing.T, text, secret string) {
		a := explain.Error(text+" "+secret+" "+text, explain.Unknown)
		var b bytes.Buffer
		if err := explain.Text(&b, a, explain.TextOptions{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if err := explain.JSON(&b, a); err != nil {
			t.Fatal(err)
		}
		if len(secret) > 25 && !strings.ContainsAny(secret, " \n") && strings.Contains(b.String(), secret) {
			without := bytes.Buffer{}
			plain := a
			plain = plain.About("")
			plain.Operation = ""
			_ = explain.JSON(&without, plain)
			if strings.Contains(without.String(), secret) && !knownWords(secret) {
				t.Errorf("the answer holds %q", secret)
			}
		}
	})
}

// knownWords reports whether an answer to nothing in particular has the words.
func knownWords(secret string) bool {
	for _, s := range samples {
		for _, env := range append(slices.Clone(explain.Environments), explain.Unknown) {
			var b bytes.Buffer
			a := explain.Error(s, env)
			_ = explain.JSON(&b, a)
			_ = explain.Text(&b, a, explain.TextOptions{Verbose: true})
			if strings.Contains(b.String(), secret) {
				return true
			}
		}
	}
	return false
}

// TestSecretsStayOut pastes what nobody should.
func TestSecretsStayOut(t *testing.T) {
	const token, secret = "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLEEXAMPLEtokentokentokentokentokentokentokentokentokentokentokentokentoken/abc+def==", "wJalrXUtnFEMIK7MDENGbPxRfiCYinventedKEY0"
	text := "ExpiredToken: The security token included in the request is expired AWS_SESSION_TOKEN=" + token + " AWS_SECRET_ACCESS_KEY=" + secret + " AWS_ACCESS_KEY_ID=ASIAQEXAMPLE00000001"
	a := explain.Error(text, explain.Profile)
	var b bytes.Buffer
	if err := explain.Text(&b, a, explain.TextOptions{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if err := explain.JSON(&b, a); err != nil {
		t.Fatal(err)
	}
	schematest.Lines(t, b.String()[strings.LastIndex(b.String(), "\n{")+1:])
	if out := b.String(); strings.Contains(out, token[:20]) || strings.Contains(out, secret[:10]) || !strings.Contains(out, "holds a secret in clear") || !strings.Contains(out, "ASIAQEXAMPLE00000001") {
		t.Errorf("topic %s, exposed %q:\n%s", a.Topic, a.Exposed, out)
	}
}
