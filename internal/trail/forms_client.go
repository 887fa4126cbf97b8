package trail

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// The events of clients: that their credentials were refused, which CloudTrail
// does not record and nobody else could tell, and that a credential was found
// where it should not be.
const (
	clientSource       = "trailverdict.client"
	clientDetailType   = "AWS Credential Failure"
	exposureDetailType = "AWS Credential Exposure"
)

const (
	// maxCount bounds how many failures one report can claim: more than one
	// client makes within the one second that a report is about.
	maxCount = 1_000_000

	// maxText bounds the names and descriptions that clients choose.
	maxText = 512

	// maxID bounds the ids that clients choose. The id of a log event, with its
	// group's name before it, is the longest in use.
	maxID = 1024
)

// decodeClientFailure decodes the detail of a client's report.
func decodeClientFailure(v jsonscan.Value, env *envelope, out *decoded) rejection {
	code := v.Get("errorCode").Str()
	switch {
	case v.Kind() != jsonscan.Object:
		return rejection{SkipBadField, "detail"}
	case code == "":
		return rejection{SkipBadField, "errorCode"}
	case !isCredentialCode(code):
		return rejection{}
	}
	count, ok := countOf(v.Get("count"))
	if !ok {
		return rejection{SkipBadField, "count"}
	}
	sig, r := reported(v, env, incident.CredentialFailed)
	if r != (rejection{}) {
		return r
	}
	sig.Operation = iamOperation(v.Get("operation").Str())
	sig.ErrorCode, sig.Count = code, count
	sig.Reason = reasonNamed(v.Get("reason"))
	if sig.Reason == "" {
		sig.Reason = logline.ReasonOf(code, v.Get("errorMessage").Str())
	}
	out.Signals = append(out.Signals, sig)
	return rejection{}
}

// decodeClientExposure decodes the detail of a report that a credential was
// found. It names the sort of credential, and never holds it.
func decodeClientExposure(v jsonscan.Value, env *envelope, out *decoded) rejection {
	what := v.Get("what").Str()
	switch {
	case v.Kind() != jsonscan.Object:
		return rejection{SkipBadField, "detail"}
	case what != "session_token" && what != "secret_access_key":
		return rejection{SkipBadField, "what"}
	}
	sig, r := reported(v, env, incident.CredentialExposed)
	if r != (rejection{}) {
		return r
	}
	sig.Count = 1
	sig.Exposure = &incident.Exposure{What: what, Where: shortText(v.Get("where"))}
	out.Signals = append(out.Signals, sig)
	return rejection{}
}

// reported is what all reports of clients have in common: who, when and where.
func reported(v jsonscan.Value, env *envelope, kind incident.Kind) (incident.Signal, rejection) {
	at, ok := reportTime(v, env)
	if !ok {
		return incident.Signal{}, rejection{Reason: SkipNoEventTime}
	}
	sig := incident.Signal{
		ID:       reportID(v),
		Account:  env.Account,
		Region:   env.Region,
		Time:     at,
		Kind:     kind,
		Feed:     incident.FromClient,
		Key:      issuedKey(v.Get("accessKeyId").Str()),
		Workload: workloadName(v.Get("workload")),
	}
	failedAs(&sig, shortText(v.Get("principalArn")))
	sig.Actor.SourceIP = shortText(v.Get("sourceIPAddress"))
	sig.Actor.UserAgent = shortText(v.Get("userAgent"))
	if !identified(&sig) {
		return incident.Signal{}, rejection{Reason: SkipNoIdentity}
	}
	return sig, rejection{}
}

// identified reports whether a report says whom it is about.
func identified(sig *incident.Signal) bool {
	return sig.Key != "" || sig.Workload != "" || sig.Target.Known()
}

// reasonNamed is the reason that a report gives by name, as those do that were
// made of a log line, whose text is not passed on.
func reasonNamed(v jsonscan.Value) incident.Reason {
	switch r := incident.Reason(v.Str()); r {
	case incident.ReasonExpired, incident.ReasonClockSkew, incident.ReasonSignature, incident.ReasonNoToken,
		incident.ReasonProviderMissing, incident.ReasonAudience, incident.ReasonProviderDown,
		incident.ReasonRegionNotEnabled, incident.ReasonRoleUnusable, incident.ReasonRefreshFailed:
		return r
	}
	return ""
}

// failedAs notes whose credential failed, if an ARN says so. The session of a
// role speaks for the role.
func failedAs(sig *incident.Signal, principalARN string) {
	sig.Target, sig.Actor.SessionName, _ = principalOf(principalARN)
	sig.Actor.Principal = sig.Target
	if sig.Partition = sig.Target.Partition; sig.Partition == "" {
		sig.Partition = lineage.PartitionOf(sig.Region)
	}
}

// reportTime is when the failure happened, by the client's clock. The bus's
// stands in for one that is missing or no time at all.
func reportTime(v jsonscan.Value, env *envelope) (time.Time, bool) {
	if t, ok := timeOf(v.Get("eventTime")); ok {
		return t, true
	}
	return env.Time, !env.Time.IsZero()
}

// reportID is the client's own id for its report. The envelope's is another
// one at each delivery, so without the client's the content is the identity.
func reportID(v jsonscan.Value) string {
	if id := v.Get("eventId").Str(); len(id) <= maxID {
		if id = shown(id); id != "" && !logline.HoldsSecret(id) {
			return id
		}
	}
	return hashID(v)
}

// countOf is how many failures a report folds.
func countOf(v jsonscan.Value) (int, bool) {
	if v.Kind() == jsonscan.Missing || v.Kind() == jsonscan.Null {
		return 1, true
	}
	n, ok := v.Int()
	if !ok || n < 1 {
		return 0, false
	}
	return int(min(n, maxCount)), true
}

// issuedKey is s if it looks like the id of an access key that AWS issued.
// Programs that know no key write all sorts of things in its place, and a
// careless one might write the secret.
func issuedKey(s string) string {
	for _, prefix := range []string{"AKIA", "ASIA", "ABIA", "ACCA"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			return keyID(s)
		}
	}
	return ""
}

// iamOperation is s if it is a call in IAM's notation, such as sts:AssumeRole.
func iamOperation(s string) string {
	service, call, _ := strings.Cut(s, ":")
	if service == "" || call == "" || len(s) > 128 || !alphanumeric(strings.ReplaceAll(service, "-", "")) || !alphanumeric(call) {
		return ""
	}
	return s
}

// shortText is a text that a client chose, if it is fit to be shown, and cut to
// a bearable length.
func shortText(v jsonscan.Value) string {
	s := shown(v.Str())
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// workloadName is a program's name for itself. A careless client might write
// the bare secret there.
func workloadName(v jsonscan.Value) string {
	name := shortText(v)
	if logline.HoldsSecret(name) {
		return ""
	}
	return name
}

// shown is s if it is fit to be shown: not empty, no placeholder, no control
// characters, no secret in it.
func shown(s string) string {
	s = strings.TrimSpace(s)
	if s == "-" || strings.EqualFold(s, "null") || strings.EqualFold(s, "unknown") || strings.EqualFold(s, "none") || s == hidden {
		return ""
	}
	if strings.ContainsFunc(s, unicode.IsControl) || holdsSecret(s) {
		return ""
	}
	return s
}

func holdsSecret(s string) bool {
	return slices.ContainsFunc(logline.Read(s), func(f logline.Fact) bool { return f.Exposure != nil })
}

// ofInterest reports whether an event's detail is to be decoded as AWS's word.
func ofInterest(env *envelope, detail jsonscan.Value) bool {
	if env.Source != "" && !strings.HasPrefix(env.Source, "aws.") {
		return false
	}
	return strings.HasSuffix(env.DetailType, "via CloudTrail") ||
		env.Source == "aws.guardduty" || env.Source == "aws.health" ||
		formOf(detail) == formRecord
}
