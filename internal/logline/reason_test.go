package logline

import (
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestReasonOf(t *testing.T) {
	tests := []struct {
		code, message string
		want          incident.Reason
	}{
		{"ExpiredToken", "", incident.ReasonExpired},
		{"ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance", incident.ReasonExpired},
		{"ExpiredTokenException", "Response has expired", incident.ReasonExpired},
		{"InvalidIdentityToken", "Token must not be expired", incident.ReasonExpired},
		{"InvalidIdentityToken", "Token is expired", incident.ReasonExpired},
		{"InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://example.com", incident.ReasonProviderMissing},
		{"InvalidIdentityToken", "Specified provider doesn't exist", incident.ReasonProviderMissing},
		{"InvalidIdentityToken", "Incorrect token audience", incident.ReasonAudience},
		{"InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements", incident.ReasonProviderDown},
		{"InvalidIdentityToken", "Response signature invalid", ""},
		{"IDPCommunicationError", "", incident.ReasonProviderDown},
		{"IDPRejectedClaim", "", ""},
		{"SignatureDoesNotMatch", "Signature expired: 20260301T100000Z is now earlier than 20260301T101501Z (20260301T102001Z - 5 min.)", incident.ReasonClockSkew},
		{"InvalidSignatureException", "Signature not yet current: 20260301T101501Z is still later than 20260301T100000Z (20260301T095500Z + 5 min.)", incident.ReasonClockSkew},
		{"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", incident.ReasonSignature},
		{"SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'eu-west-9'.", incident.ReasonRegionNotEnabled},
		{"SignatureDoesNotMatch", "", ""},
		{"RequestExpired", "Request has expired. Timestamp date is 2026-03-01T10:00:00Z", incident.ReasonClockSkew},
		{"RequestTimeTooSkewed", "", incident.ReasonClockSkew},
		{"MissingAuthenticationToken", "Request is missing Authentication Token", incident.ReasonNoToken},
		{"RegionDisabledException", "STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.", incident.ReasonRegionNotEnabled},
		{"InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.", incident.ReasonRoleUnusable},
		{"InvalidClientTokenId", "The security token included in the request is invalid.", ""},
		{"InvalidClientTokenId", "failed to refresh cached credentials, operation error STS: AssumeRole, api error InvalidClientTokenId: The security token included in the request is invalid.", incident.ReasonRefreshFailed},
		{"ExpiredToken", "failed to refresh cached credentials, operation error STS: AssumeRole, api error ExpiredToken: The security token included in the request is expired", incident.ReasonExpired},
		{"", "", ""},
	}
	for _, tt := range tests {
		if got := ReasonOf(tt.code, tt.message); got != tt.want {
			t.Errorf("ReasonOf(%q, %q) = %q, want %q", tt.code, tt.message, got, tt.want)
		}
	}
}

func TestEachTextIsKnownToTheQuickLook(t *testing.T) {
	for _, a := range awsTexts {
		if !mayTell(a.text) {
			t.Errorf("the quick look passes over %q", a.text)
		}
		if !isCode(a.code) || a.jsonCode != "" && !isCode(a.jsonCode) {
			t.Errorf("the codes of %q are not ours", a.text)
		}
	}
	for _, l := range localTexts {
		if !mayTell(l.text) {
			t.Errorf("the quick look passes over %q", l.text)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	messages := map[string]string{
		"ordinary": `{"timestamp":"2026-03-01T10:00:00.000Z","level":"INFO","message":"order accepted","orderId":"0b1c2d3e-0000-4000-8000-000000000000","items":3,"customer":"c-1042","durationMs":17}`,
		"failure":  `operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 83805f40-faa6-4c05-8ff0-883cbaf478bb, api error InvalidClientTokenId: The security token included in the request is invalid.`,
		"own":      ownLine,
	}
	for name, m := range messages {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(m)))
			b.ReportAllocs()
			for b.Loop() {
				Read(m)
			}
		})
	}
}
