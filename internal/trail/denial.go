package trail

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// refusal is what the sentence of an access-denied error says: who was refused
// (an ARN, where it names one), and how.
//
// The sentence, as the IAM user guide has it (troubleshooting access denied
// error messages), with the EC2 preamble and the encoded message around it:
//
//	User: <ARN> is not authorized to perform: <action>
//	    [on resource: <resource>]
//	    [because no <kind> policy allows the <action> action
//	     | with an explicit deny in a <kind> policy[: <policy ARN>]]
type refusal struct {
	User string
	incident.Denial
}

const (
	notAuthorized = "ot authorized to perform" // at the beginning of a sentence, too
	onResource    = " on resource: "
	becauseNo     = "because no "
	explicitDeny  = "explicit deny"
)

// parseRefusal reads an errorMessage. Whatever it does not say is left empty;
// a service that gives no reason gives a refusal without one.
func parseRefusal(message string) refusal {
	if strings.HasPrefix(message, "Cross-account pass role") {
		return refusal{Denial: incident.Denial{Action: "iam:PassRole"}}
	}
	before, action, after := cutAction(message)
	var r refusal
	r.Action = action
	r.User = refusedUser(before)
	r.Resource = refusedResource(after)
	readReason(after, &r.Denial)
	return r
}

// withoutEncoded is an error's text without the long encoded part that EC2 and
// others add, which only AWS can read.
func withoutEncoded(message string) string {
	message, _, _ = strings.Cut(message, "Encoded authorization failure message:")
	return message
}

// cutAction finds the refused action in IAM's notation, and what stands before
// and after it. Without one, all of the message stands after it.
func cutAction(message string) (before, action, after string) {
	rest := message
	for {
		i := strings.Index(rest, notAuthorized)
		if i < 0 {
			return "", "", message
		}
		rest = rest[i+len(notAuthorized):]
		word := strings.TrimLeft(rest, ": ")
		end := strings.IndexAny(word+" ", " ,\n")
		if action, ok := iamAction(word[:end]); ok {
			return message[:len(message)-len(rest)], action, word[end:]
		}
	}
}

// iamAction is an action such as iam:DeleteRole with its service in lower
// case, as IAM writes it; some services write their own in capitals.
func iamAction(word string) (string, bool) {
	service, name, ok := strings.Cut(strings.TrimRight(word, "."), ":")
	if !ok || service == "" || name == "" || strings.Contains(name, ":") {
		return "", false
	}
	return strings.ToLower(service) + ":" + name, true
}

// refusedUser is the ARN after "User:".
func refusedUser(before string) string {
	_, user, ok := strings.Cut(before, "User: ")
	if !ok {
		return ""
	}
	user, _, _ = strings.Cut(user, " ")
	if !strings.HasPrefix(user, "arn:") {
		return ""
	}
	return user
}

// refusedResource is what the action was refused on: an ARN, a bare name, or
// IAM's kind and name, such as "role payments". The reason behind it is none of it.
func refusedResource(after string) string {
	_, resource, ok := strings.Cut(after, onResource)
	if !ok {
		return ""
	}
	for _, end := range []string{" because ", " with an explicit deny", "\n"} {
		resource, _, _ = strings.Cut(resource, end)
	}
	resource = strings.Trim(strings.TrimRight(strings.TrimSpace(resource), "."), `"`) // S3 quotes it
	switch resource {
	case "role", "user", "group", "policy", "instance profile":
		return "" // IAM may know the kind only
	}
	return resource
}

// readReason reads the part of the sentence that says which policy refused.
func readReason(after string, d *incident.Denial) {
	if _, reason, ok := strings.Cut(after, explicitDeny); ok {
		d.Explicit = true
		d.PolicyKind = policyKind(reason)
		d.PolicyARN = policyARN(reason)
		return
	}
	_, reason, ok := strings.Cut(after, becauseNo)
	if !ok {
		return // another reason, or none: a missing key, or three that KMS does not tell apart
	}
	reason, _, allows := strings.Cut(reason, " allow")
	if kind := policyKind(reason); allows && kind != "" {
		d.Implicit, d.PolicyKind = true, kind
	}
}

// policyKinds are the kinds of policy that can refuse, and the words by which
// the sentence names them.
var policyKinds = []struct{ words, kind string }{
	{"identity-based", "identity-based"},
	{"resource-based", "resource-based"},
	{"service control", "service control"},
	{"resource control", "resource control"},
	{"permissions boundar", "permissions boundary"},
	{"session polic", "session"},
	{"vpc endpoint", "VPC endpoint"},
	{"trust policy", "role trust"},
}

func policyKind(reason string) string {
	reason, _, _ = strings.Cut(reason, ":") // an ARN may hold any word
	reason = strings.ToLower(reason)
	for _, k := range policyKinds {
		if strings.Contains(reason, k.words) {
			return k.kind
		}
	}
	return ""
}

// policyARN is the ARN of the policy that denied, which AWS gives since 2026.
func policyARN(reason string) string {
	for word := range strings.FieldsSeq(reason) {
		word = strings.TrimRight(strings.TrimLeft(word, "(["), ".,;)]")
		if _, ok := parseARN(word); ok {
			return word
		}
	}
	return ""
}
