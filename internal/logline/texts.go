package logline

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// An awsText is how AWS begins the text of a credential error. Some SDKs print
// the text and not the code: aws-sdk-java-v2 and the one for .NET do, and most
// programs that log an error's message alone.
type awsText struct {
	text string
	// code is what the XML protocols send with it, and jsonCode what the JSON
	// protocols do, where these differ.
	code, jsonCode string
}

// awsTexts are matched as AWS writes them. Sources: see phrases, and for the
// rest the issues named here.
var awsTexts = []awsText{
	{"The security token included in the request is expired", "ExpiredToken", "ExpiredTokenException"},
	{"The security token included in the request is invalid", "InvalidClientTokenId", "UnrecognizedClientException"},
	{"The provided token has expired", "ExpiredToken", ""},
	{"The provided token must be refreshed", "TokenRefreshRequired", ""},
	{"The provided token is malformed or otherwise invalid", "InvalidToken", ""},                   // https://github.com/aws/aws-cli/issues/8413
	{"The AWS Access Key Id you provided does not exist in our records", "InvalidAccessKeyId", ""}, // https://github.com/boto/boto3/issues/2815
	{authFailureText, "AuthFailure", ""},                                                           // https://github.com/hashicorp/terraform-provider-aws/issues/1102
	{"The request signature we calculated does not match", "SignatureDoesNotMatch", "InvalidSignatureException"},
	{"Signature expired: 2", "SignatureDoesNotMatch", "InvalidSignatureException"}, // a time of the year 2… follows
	{"Signature not yet current: 2", "SignatureDoesNotMatch", "InvalidSignatureException"},
	{"Credential should be scoped to", "SignatureDoesNotMatch", "InvalidSignatureException"},
	{"The difference between the request time and the current time is too large", "RequestTimeTooSkewed", ""},
	{"Request has expired. Timestamp date is", "RequestExpired", ""},
	{"Request is missing Authentication Token", "MissingAuthenticationToken", ""},
	{"No OpenIDConnect provider found in your account for", "InvalidIdentityToken", ""},
	{"Couldn't retrieve verification key from your identity provider", "InvalidIdentityToken", ""},
	{"OpenIDConnect provider's HTTPS certificate doesn't match", "InvalidIdentityToken", ""},
	{"Incorrect token audience", "InvalidIdentityToken", ""},
	{"Specified provider doesn't exist", "InvalidIdentityToken", ""},
	{"Response signature invalid", "InvalidIdentityToken", ""},               // https://github.com/cevoaustralia/aws-google-auth/issues/270
	{"Issuer not present in specified provider", "InvalidIdentityToken", ""}, // https://github.com/dbeaver/cloudbeaver/issues/3112
	{"Response does not contain the required audience", "InvalidIdentityToken", ""},
	{"The ID Token provided is not a valid JWT", "InvalidIdentityToken", ""},
	{"Token expired: current date/time", "ExpiredTokenException", ""},
	{"Token must be redeemed within", "ExpiredTokenException", ""},
	{"Token must not be expired", "ExpiredTokenException", ""},
	{"Token too old: ", "ExpiredTokenException", ""},
	{"Response has expired", "ExpiredTokenException", ""},
	{"The web identity token that was passed is expired", "ExpiredTokenException", ""},
}

// authFailureText is the only text with which AuthFailure is about the
// credential. EC2 sends the same code for a bucket's or an image's permissions.
const authFailureText = "AWS was not able to validate the provided access credentials"

// midTexts occur within a text, not at its beginning.
// https://github.com/boto/boto3/issues/2280
var midTexts = []string{
	"not a valid key=value pair (missing equal-sign) in Authorization header",
	"Authorization header requires",
}

// isAWSText reports whether s, the words after a code, is one of AWS's texts.
func isAWSText(s string) bool {
	s = head(s, 300)
	for _, t := range awsTexts {
		if strings.Contains(s, t.text) {
			return true
		}
	}
	return containsAny(s, midTexts)
}

// localTexts are what SDKs and the command line say when they know without
// asking AWS that a credential ran out. They have no code; ExpiredToken says
// the same.
var localTexts = []struct {
	text   string
	reason incident.Reason
}{
	{"The SSO session associated with this profile has expired", incident.ReasonExpired},                          // botocore, JavaScript: https://github.com/aws/aws-sdk/issues/531
	{"Error loading SSO Token: ", incident.ReasonRefreshFailed},                                                   // botocore, SSOTokenLoadError
	{"Error when retrieving token from sso: Token has expired", incident.ReasonRefreshFailed},                     // https://github.com/61418/aws-sso-util/issues/83
	{"Credentials were refreshed, but the refreshed credentials are still expired", incident.ReasonRefreshFailed}, // botocore, RefreshableCredentials
	{"Cannot refresh credentials: MFA token required", incident.ReasonRefreshFailed},                              // botocore, RefreshWithMFAUnsupportedError: https://github.com/boto/botocore/issues/1805
	{"The retrieved credentials have already expired", incident.ReasonRefreshFailed},                              // .NET: https://github.com/aws/aws-sdk-net/issues/800
	{"Credential refresh failed, response did not contain", incident.ReasonRefreshFailed},                         // https://github.com/boto/botocore/pull/1593
}

func containsAny(s string, subs []string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// head and tail are at most the first and last n bytes of s.
func head(s string, n int) string { return s[:min(n, len(s))] }
func tail(s string, n int) string { return s[max(0, len(s)-n):] }
