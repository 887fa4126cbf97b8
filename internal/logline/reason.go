package logline

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ReasonOf reduces an error's text to the part that a verdict can use. The
// text decides where it is known; otherwise the code, where it has one meaning
// only. An unknown text with an ambiguous code, such as SignatureDoesNotMatch,
// gives no reason.
func ReasonOf(code, message string) incident.Reason {
	message = strings.ToLower(message)
	if r := firstReason(message, phrases); r != "" {
		return r
	}
	if r := reasonOfCode(code); r != "" {
		return r
	}
	return firstReason(message, wrappers)
}

// firstReason is the reason of the phrase that occurs first: what follows it
// may already belong to another error.
func firstReason(message string, phrases []phrase) incident.Reason {
	first := len(message)
	var reason incident.Reason
	for _, p := range phrases {
		if i := strings.Index(message, p.text); i >= 0 && i < first {
			first, reason = i, p.reason
		}
	}
	return reason
}

func reasonOfCode(code string) incident.Reason {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return incident.ReasonExpired
	case "RequestTimeTooSkewed", "RequestExpired":
		return incident.ReasonClockSkew
	case "MissingAuthenticationToken":
		return incident.ReasonNoToken
	case "IDPCommunicationError":
		return incident.ReasonProviderDown
	}
	return ""
}

// A phrase is a telling part of an error's text, in lower case.
type phrase struct {
	text   string
	reason incident.Reason
}

// phrases are from AWS's own texts.
var phrases = []phrase{
	// SigV4's time check: five or fifteen minutes, by service.
	// https://github.com/aws/aws-cli/issues/6676, https://github.com/aws/aws-sdk-js/issues/254
	{"signature expired", incident.ReasonClockSkew},
	{"signature not yet current", incident.ReasonClockSkew},
	// S3. https://github.com/versity/versitygw/issues/1514
	{"difference between the request time and the current time", incident.ReasonClockSkew},
	// EC2 and the older Query services. https://github.com/python-amazon-mws/python-amazon-mws/issues/92
	{"request has expired. timestamp date is", incident.ReasonClockSkew},
	{"request signature is too far in the past", incident.ReasonClockSkew},

	{"the request signature we calculated does not match", incident.ReasonSignature},

	// https://github.com/aws/aws-sdk-js-v3/issues/5576
	{"scoped to a valid region", incident.ReasonRegionNotEnabled},
	// STS's RegionDisabledException, API reference of AssumeRole.
	{"sts is not activated in this region", incident.ReasonRegionNotEnabled},
	{"region is disabled", incident.ReasonRegionNotEnabled},
	{"is not subscribed to this region", incident.ReasonRegionNotEnabled},

	// https://github.com/aws-actions/configure-aws-credentials/issues/280
	{"no openidconnect provider found in your account", incident.ReasonProviderMissing},
	// The same for SAML.
	{"specified provider doesn't exist", incident.ReasonProviderMissing},
	// https://github.com/aws/aws-sdk-net/issues/3071
	{"incorrect token audience", incident.ReasonAudience},
	// The same for SAML.
	{"response does not contain the required audience", incident.ReasonAudience},
	// https://github.com/aws/aws-cli/issues/7194
	{"retrieve verification key from your identity provider", incident.ReasonProviderDown},
	{"identity provider could not be reached", incident.ReasonProviderDown},
	{"idp could not be reached", incident.ReasonProviderDown},

	{"missing authentication token", incident.ReasonNoToken},
	// IAM's list of common errors.
	{"must contain either a valid (registered) aws access key id", incident.ReasonNoToken},

	// https://github.com/aws/aws-sdk-go-v2/issues/2135
	{"security token included in the request is expired", incident.ReasonExpired},
	// S3. https://github.com/Netflix/metaflow/issues/486
	{"provided token has expired", incident.ReasonExpired},
	{"provided token must be refreshed", incident.ReasonExpired},
	// Web identity. https://github.com/awslabs/aws-orbit-workbench/issues/771, https://github.com/mozilla-iam/mozilla-aws-cli/issues/146
	{"token expired", incident.ReasonExpired},
	{"token is expired", incident.ReasonExpired},
	{"token has expired", incident.ReasonExpired},
	{"token must not be expired", incident.ReasonExpired},
	{"token too old", incident.ReasonExpired},
	{"web identity token that was passed is expired", incident.ReasonExpired},
	// SAML. https://github.com/Nike-Inc/gimme-aws-creds/issues/251, https://github.com/Versent/saml2aws/issues/759
	{"token must be redeemed within", incident.ReasonExpired},
	{"response has expired", incident.ReasonExpired},

	// Lambda, when the role of a function is gone.
	{"role defined for the function cannot be", incident.ReasonRoleUnusable},
	{"cannot be assumed by", incident.ReasonRoleUnusable},
}

// wrappers are what an SDK puts before the error of the call by which it
// wanted to renew credentials. They count only if that error tells nothing.
// https://github.com/boto/botocore/issues/1866
var wrappers = []phrase{
	{"failed to refresh cached credentials", incident.ReasonRefreshFailed},
	{"refreshing temporary credentials failed", incident.ReasonRefreshFailed},
	{"credential refresh failed", incident.ReasonRefreshFailed},
}
