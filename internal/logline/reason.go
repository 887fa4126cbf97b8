package logline

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ReasonOf reduces an error's text to the part that a verdict can use. The
// text decides where it is known; otherwise the code, where it has one meaning
// only. An unknown text, or none, with an ambiguous code gives no reason.
func ReasonOf(code, message string) incident.Reason {
	m := strings.ToLower(message)
	for _, p := range phrases {
		if strings.Contains(m, p.text) {
			return p.reason
		}
	}
	return reasonByCode(code)
}

var phrases = []struct {
	text   string
	reason incident.Reason
}{
	{"signature expired", incident.ReasonClockSkew},
	{"signature not yet current", incident.ReasonClockSkew},
	{"the request signature we calculated does not match", incident.ReasonSignature},
	{"no openidconnect provider found", incident.ReasonProviderMissing},
	{"incorrect token audience", incident.ReasonAudience},
	{"couldn't retrieve verification key", incident.ReasonProviderDown},
}

func reasonByCode(code string) incident.Reason {
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
