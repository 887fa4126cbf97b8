package trail

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// health is EventBridge's source of AWS Health's events.
const health = "aws.health"

// exposureCodes are the event types by which AWS says that a credential is in
// the wrong hands. The first is documented; the others are named in AWS's
// announcements.
var exposureCodes = []string{
	"AWS_RISK_CREDENTIALS_EXPOSED",
	"AWS_RISK_CREDENTIALS_COMPROMISED",
	"AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED",
}

// isNotice reports whether v is an AWS Health event, as EventBridge carries it
// in detail and AWS Health's user guide lists it (schema).
func isNotice(v jsonscan.Value) bool {
	return v.Get("eventTypeCode").Kind() == jsonscan.String
}

// decodeNotice decodes an AWS Health event about exposed credentials: one
// signal for each key or user that it names. One that names none is about the
// account.
func decodeNotice(v jsonscan.Value, env *envelope, out *decoded) rejection {
	code := v.Get("eventTypeCode").Str()
	if !slices.Contains(exposureCodes, code) {
		return rejection{}
	}
	sig := incident.Signal{
		ID:       noticeID(v),
		Account:  accountID(v.Get("affectedAccount").Str()),
		Region:   env.Region,
		Time:     env.Time,
		Kind:     incident.ExposureNotice,
		Feed:     incident.FromHealth,
		Count:    1,
		Exposure: &incident.Exposure{What: "secret_access_key", Where: code},
	}
	if sig.Account == "" {
		sig.Account = env.Account
	}
	if t, ok := timeOf(v.Get("startTime")); ok {
		sig.Time = t
	}
	if sig.Time.IsZero() {
		return rejection{Reason: SkipNoEventTime}
	}
	if sig.Partition = lineage.PartitionOf(sig.Region); sig.Partition == "" {
		a, _ := parseARN(v.Get("eventArn").Str())
		sig.Partition = a.partition
	}
	exposed := exposedIn(v)
	if len(exposed) == 0 && sig.Account == "" {
		return rejection{Reason: SkipNoIdentity}
	}
	if len(exposed) == 0 {
		sig.Target = incident.Principal{Type: incident.Account, Partition: sig.Partition, Account: sig.Account, Name: sig.Account}
		out.Signals = append(out.Signals, sig)
		return rejection{}
	}
	for _, name := range exposed {
		out.Signals = append(out.Signals, exposureOf(sig, name, len(exposed) > 1))
	}
	return rejection{}
}

// noticeID is the event's ARN. It is the same in every delivery and update,
// and in the copy that Health sends to a second Region.
func noticeID(v jsonscan.Value) string {
	if name := eventIDIn(v.Get("eventArn")); name != "" {
		return name
	}
	return hashID(v)
}

// exposureOf is the notice about one of the keys or users that it names. Where
// it names several, each needs an id of its own.
func exposureOf(sig incident.Signal, name string, several bool) incident.Signal {
	if several {
		sig.ID += "/" + name
	}
	if p, _, ok := principalOf(name); ok {
		sig.Target = p
		return sig
	}
	sig.Key = name
	sig.Target = incident.Principal{Type: incident.AccessKey, Partition: sig.Partition, Account: sig.Account, Name: name}
	return sig
}

// exposedIn lists the keys and the users' ARNs that a notice names, sorted:
// the affected entities, and the keys that the text speaks of where these name
// none.
func exposedIn(v jsonscan.Value) []string {
	var found []string
	add := func(name string) {
		if exposable(name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	v.Get("affectedEntities").Elements(func(_ int, e jsonscan.Value) bool {
		add(e.Get("entityValue").Str())
		return true
	})
	if len(found) == 0 {
		v.Get("eventDescription").Elements(func(_ int, e jsonscan.Value) bool {
			for _, word := range strings.FieldsFunc(e.Get("latestDescription").Str(), notAlphanumeric) {
				if len(word) == len("AKIA1111222233334444") {
					add(word)
				}
			}
			return true
		})
	}
	slices.Sort(found)
	return found
}

// exposable reports whether name is the id of a key, or the ARN of whom
// credentials can be made for.
func exposable(name string) bool {
	if _, _, ok := principalOf(name); ok {
		return true
	}
	switch lineage.IDKind(name) {
	case lineage.LongTermKey, lineage.TemporaryKey:
		return keyID(name) != "" && len(name) > len("AKIA")
	}
	return false
}

func notAlphanumeric(r rune) bool { return r > 127 || !alphanumeric(string(r)) }
