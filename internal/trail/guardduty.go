package trail

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// guardDuty is EventBridge's source of GuardDuty's findings.
const guardDuty = "aws.guardduty"

// isThreat reports whether v is a GuardDuty finding, as EventBridge carries it
// in detail and GuardDuty's user guide lists it (finding details).
func isThreat(v jsonscan.Value) bool {
	return v.Get("type").Kind() == jsonscan.String &&
		v.Get("resource").Kind() == jsonscan.Object &&
		v.Get("service").Kind() == jsonscan.Object
}

// decodeThreat decodes a GuardDuty finding about an access key, or about a
// sequence of an attack, which may have used several. Samples are made up by
// GuardDuty, and archived findings have been looked at; neither says anything.
//
// GuardDuty reports one finding again every few hours while the behaviour goes
// on. The signal's time is when it was first seen, which is the same in all of
// these, so that they are duplicates of one observation and not ever more.
func decodeThreat(v jsonscan.Value, env *envelope, out *decoded) rejection {
	archived, _ := v.Get("service", "archived").Bool()
	if archived || isSample(v) {
		return rejection{}
	}
	var holders []holder
	switch v.Get("resource", "resourceType").Str() {
	case "AccessKey":
		holders = []holder{holderOf(v.Get("resource", "accessKeyDetails"))}
	case "AttackSequence":
		if holders = actorsOf(v); len(holders) == 0 {
			return rejection{} // it did without keys
		}
	default:
		return rejection{}
	}
	sig := incident.Signal{
		ID:        findingID(v),
		Account:   accountID(v.Get("accountId").Str()),
		Partition: partitionName(v.Get("partition").Str()),
		Region:    regionName(v.Get("region").Str()),
		Time:      threatTime(v, env),
		Kind:      incident.ThreatFinding,
		Feed:      incident.FromGuardDuty,
		Count:     1,
		Threat:    &incident.Threat{Type: threatType(v.Get("type").Str()), Severity: number(v.Get("severity"))},
	}
	if sig.Account == "" {
		sig.Account = env.Account
	}
	if sig.Region == "" {
		sig.Region = env.Region
	}
	if sig.Partition == "" {
		sig.Partition = lineage.PartitionOf(sig.Region)
	}
	if sig.Time.IsZero() {
		return rejection{Reason: SkipNoEventTime}
	}
	if sig.Threat.Type == "" {
		return rejection{SkipBadField, "type"}
	}
	threatCall(&sig, v.Get("service", "action", "awsApiCallAction"))
	known := false
	for _, h := range holders {
		if one, ok := threatTo(sig, h, len(holders) > 1); ok {
			out.Signals = append(out.Signals, one)
			known = true
		}
	}
	if !known {
		return rejection{Reason: SkipNoIdentity}
	}
	return rejection{}
}

// holder is whose key a finding is about, as GuardDuty says it.
type holder struct{ key, principalID, userType, name string }

func holderOf(details jsonscan.Value) holder {
	return holder{details.Get("accessKeyId").Str(), details.Get("principalId").Str(), details.Get("userType").Str(), details.Get("userName").Str()}
}

// actorsOf are the holders of the keys that a sequence of an attack was made
// with, each once and sorted by key.
func actorsOf(v jsonscan.Value) []holder {
	var list []holder
	v.Get("service", "detection", "sequence", "actors").Elements(func(_ int, actor jsonscan.Value) bool {
		u := actor.Get("user")
		if h := (holder{u.Get("credentialUid").Str(), u.Get("uid").Str(), u.Get("type").Str(), u.Get("name").Str()}); keyID(h.key) != "" {
			list = append(list, h)
		}
		return true
	})
	slices.SortFunc(list, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.principalID, b.principalID), cmp.Compare(a.userType, b.userType), cmp.Compare(a.name, b.name))
	})
	return slices.CompactFunc(list, func(a, b holder) bool { return a.key == b.key })
}

// threatTo is the threat to one holder's key. Where there are several, each
// needs an id of its own.
func threatTo(sig incident.Signal, h holder, several bool) (incident.Signal, bool) {
	threatened(&sig, h)
	if several {
		sig.ID += "/" + sig.Key
	}
	return sig, sig.Key != "" || sig.Target.Known()
}

// threatTime is when the behaviour was first seen or, if the finding does not
// say, the nearest to it that is known.
func threatTime(v jsonscan.Value, env *envelope) time.Time {
	for _, when := range []jsonscan.Value{v.Get("service", "eventFirstSeen"), v.Get("createdAt"), v.Get("updatedAt")} {
		if t, ok := timeOf(when); ok {
			return t
		}
	}
	return env.Time
}

// isSample reports whether GuardDuty made the finding up on request. It says
// so in the title, and in an object or a text that holds the object.
func isSample(v jsonscan.Value) bool {
	info := v.Get("service", "additionalInfo")
	for _, where := range []jsonscan.Value{info, object(info.Get("value"))} {
		if sample, _ := where.Get("sample").Bool(); sample {
			return true
		}
	}
	return strings.HasPrefix(v.Get("title").Str(), "[SAMPLE]")
}

// findingID is the finding's own id, which is the same in all its reports.
func findingID(v jsonscan.Value) string {
	return cmp.Or(eventIDIn(v.Get("id")), eventIDIn(v.Get("arn")), hashID(v))
}

// threatened reads whose key it is about. GuardDuty names a role's sessions by
// the role, and a federated user by its own name.
func threatened(sig *incident.Signal, h holder) {
	sig.Key = keyID(h.key)
	p := incident.Principal{Partition: sig.Partition, Account: sig.Account, Name: h.name}
	switch h.userType {
	case "AssumedRole", "Role":
		p.Type, p.ID = incident.Role, uniqueID(h.principalID)
		_, sig.Actor.SessionName, _ = strings.Cut(h.principalID, ":")
	case "IAMUser":
		p.Type, p.ID = incident.User, uniqueID(h.principalID)
	case "Root":
		p.Type, p.Name = incident.Account, sig.Account
	case "FederatedUser":
		p.Type, sig.Actor.SessionName = incident.Federated, p.Name
	}
	if !p.Known() || !iamName(p.Name) {
		return
	}
	sig.Target, sig.Actor.Principal, sig.Actor.AccessKeyID = p, p, sig.Key
}

// threatCall reads what was called, and from where.
func threatCall(sig *incident.Signal, call jsonscan.Value) {
	if api := call.Get("api").Str(); api != "" {
		sig.Operation = operation(call.Get("serviceName").Str(), api)
	}
	remote := call.Get("remoteIpDetails")
	sig.Actor.SourceIP = address(firstText(remote.Get("ipAddressV4"), remote.Get("ipAddressV6")))
	sig.Actor.UserAgent = call.Get("userAgent").Str()
}

// number is v as a number, or zero.
func number(v jsonscan.Value) float64 {
	text := string(v.Raw())
	if v.Kind() == jsonscan.String {
		text = v.Str()
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f || f < 0 || f > 10 {
		return 0
	}
	return f
}
