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
	// only is the one operation that sends it, if there is one.
	only string
}

const (
	webIdentity = "sts:AssumeRoleWithWebIdentity"
	saml        = "sts:AssumeRoleWithSAML"
)

// awsTexts are matched as AWS writes them. Sources: see phrases, and for the
// rest the issues named here.
var awsTexts = []awsText{
	{"The security token included in the request is expired", "ExpiredToken", "ExpiredTokenException", ""},
	{"The security token included in the request is invalid", "InvalidClientTokenId", "UnrecognizedClientException", ""},
	{"The provided token has expired", "ExpiredToken", "", ""},
	{"The provided token must be refreshed", "TokenRefreshRequired", "", ""},
	{"The provided token is malformed or otherwise invalid", "InvalidToken", "", ""},                   // https://github.com/aws/aws-cli/issues/8413
	{"The AWS Access Key Id you provided does not exist in our records", "InvalidAccessKeyId", "", ""}, // https://github.com/boto/boto3/issues/2815
	{authFailureText, "AuthFailure", "", ""},                                                           // https://github.com/hashicorp/terraform-provider-aws/issues/1102
	{"The request signature we calculated does not match", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
	{"Signature expired: 2", "SignatureDoesNotMatch", "InvalidSignatureException", ""}, // a time of the year 2… follows
	{"Signature not yet current: 2", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
	{"Credential should be scoped to", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
	{"The difference between the request time and the current time is too large", "RequestTimeTooSkewed", "", ""},
	{"Request has expired. Timestamp date is", "RequestExpired", "", ""},
	{"Request is missing Authentication Token", "MissingAuthenticationToken", "", ""},
	{"No OpenIDConnect provider found in your account for", "InvalidIdentityToken", "", webIdentity},
	{"Couldn't retrieve verification key from your identity provider", "InvalidIdentityToken", "", webIdentity},
	{"OpenIDConnect provider's HTTPS certificate doesn't match", "InvalidIdentityToken", "", webIdentity},
	{"Incorrect token audience", "InvalidIdentityToken", "", webIdentity},
	{"Specified provider doesn't exist", "InvalidIdentityToken", "", saml},
	{"Response signature invalid", "InvalidIdentityToken", "", saml},               // https://github.com/cevoaustralia/aws-google-auth/issues/270
	{"Issuer not present in specified provider", "InvalidIdentityToken", "", saml}, // https://github.com/dbeaver/cloudbeaver/issues/3112
	{"Response does not contain the required audience", "InvalidIdentityToken", "", saml},
	{"The ID Token provided is not a valid JWT", "InvalidIdentityToken", "", webIdentity},
	{"Token expired: current date/time", "ExpiredTokenException", "", webIdentity},
	{"Token must be redeemed within", "ExpiredTokenException", "", saml},
	{"Token must not be expired", "ExpiredTokenException", "", ""},
	{"Token too old: ", "ExpiredTokenException", "", webIdentity},
	{"Response has expired", "ExpiredTokenException", "", saml},
	{"The web identity token that was passed is expired", "ExpiredTokenException", "", webIdentity},
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

func hasAWSText(s string) bool {
	for _, t := range awsTexts {
		if strings.Contains(s, t.text) {
			return true
		}
	}
	return false
}

// localTexts are what SDKs and the command line say when they know without
// asking AWS that a credential ran out. They have no code; ExpiredToken says
// the same.
var localTexts = []struct {
	text   string
	reason incident.Reason
}{
	{"The SSO session associated with this profile has expired", incident.ReasonExpired},                          // botocore, JavaScript: https://github.com/aws/aws-sdk/issues/531
	{"Token is expired. To refresh this SSO session run", incident.ReasonExpired},                                 // JavaScript
	{"refresh cached SSO token failed", incident.ReasonRefreshFailed},                                             // aws-sdk-go-v2
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
