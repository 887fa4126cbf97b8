package logline

import (
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ReasonOf reduces an error's text to the part that a verdict can use. The
// text decides where it is known; otherwise the code, where it has one meaning
// only. An unknown text with an ambiguous code, such as SignatureDoesNotMatch,
// gives no reason.
func ReasonOf[text string | []byte](code string, message text) incident.Reason {
	if !isASCII(message) {
		return reasonOf(code, strings.ToLower(string(message)))
	}
	return reasonOf(code, message)
}

func reasonOf[text string | []byte](code string, message text) incident.Reason {
	if r := firstReason(message, &phrases); r != "" {
		return r
	}
	if r := reasonOfCode(code); r != "" {
		return r
	}
	return firstReason(message, &wrappers)
}

func isASCII[text string | []byte](s text) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// firstReason is the reason of the phrase that occurs first: what follows it
// may already belong to another error.
func firstReason[text string | []byte](message text, in *lexicon) incident.Reason {
	for i := range len(message) - 1 {
		for set := in.first[message[i]] & in.second[message[i+1]]; set != 0; set &= set - 1 {
			if p := &in.phrases[bits.TrailingZeros64(set)]; startsWith(message[i:], p.text) {
				return p.reason
			}
		}
	}
	return ""
}

// startsWith reports whether s starts with a phrase, in whatever case.
func startsWith[text string | []byte](s text, phrase string) bool {
	if len(s) < len(phrase) {
		return false
	}
	for i := range len(phrase) {
		if lower(s[i]) != phrase[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
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

// lexicon is a list of phrases, at most 64, which are found by how they begin.
type lexicon struct {
	phrases       []phrase
	first, second [256]uint64 // by byte: a bit for each phrase that has it there
}

func newLexicon(phrases ...phrase) lexicon {
	l := lexicon{phrases: phrases}
	for c := range 256 {
		for i, p := range phrases {
			if lower(byte(c)) == p.text[0] {
				l.first[c] |= 1 << i
			}
			if lower(byte(c)) == p.text[1] {
				l.second[c] |= 1 << i
			}
		}
	}
	return l
}

// phrases are from AWS's own texts.
var phrases = newLexicon([]phrase{
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
}...)

// wrappers are what an SDK puts before the error of the call by which it
// wanted to renew credentials. They count only if that error tells nothing.
// https://github.com/boto/botocore/issues/1866
var wrappers = newLexicon([]phrase{
	{"failed to refresh cached credentials", incident.ReasonRefreshFailed},
	{"refreshing temporary credentials failed", incident.ReasonRefreshFailed},
	{"credential refresh failed", incident.ReasonRefreshFailed},
}...)
