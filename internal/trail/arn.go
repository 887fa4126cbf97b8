package trail

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// arn is an Amazon resource name, taken apart.
type arn struct {
	partition, service, region, account, resource string
}

func parseARN(s string) (arn, bool) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return arn{}, false
	}
	var parts [4]string
	for i := range parts {
		if parts[i], rest, ok = strings.Cut(rest, ":"); !ok {
			return arn{}, false
		}
	}
	if partitionName(parts[0]) == "" || rest == "" {
		return arn{}, false
	}
	return arn{parts[0], parts[1], parts[2], accountID(parts[3]), rest}, true
}

// principalOf is the identity that an ARN names, and the session's name if it
// names one of a role's sessions or a federated user. A role's session shows
// the role without its path, so the role's ARN is built without one.
//
// It is not ok for an ARN of anything else.
func principalOf(text string) (p incident.Principal, session string, ok bool) {
	a, ok := parseARN(text)
	if !ok || !printable(text) {
		return incident.Principal{}, "", false
	}
	p = incident.Principal{Partition: a.partition, Account: a.account}
	kind, rest, _ := strings.Cut(a.resource, "/")
	switch {
	case a.service == "iam" && kind == "role":
		p.Type, p.Name, p.ARN = incident.Role, lastPart(rest), text
	case a.service == "iam" && kind == "user":
		p.Type, p.Name, p.ARN = incident.User, lastPart(rest), text
	case a.service == "sts" && kind == "assumed-role":
		p.Type = incident.Role
		p.Name, session, _ = strings.Cut(rest, "/")
		if p.Name != "" && p.Account != "" {
			p.ARN = lineage.RoleARN(p.Partition, p.Account, p.Name)
		}
	case a.service == "sts" && kind == "federated-user":
		p.Type, p.Name, session = incident.Federated, rest, rest
	case a.resource == "root" && a.account != "":
		p.Type, p.Name, p.ARN = incident.Account, a.account, text
	}
	if !p.Known() {
		return incident.Principal{}, "", false
	}
	return p, session, true
}

// lastPart is what follows the last slash: a name without its path.
func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// accountID is s if it is an account's id, and empty otherwise.
func accountID(s string) string {
	if len(s) != 12 {
		return ""
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return ""
		}
	}
	return s
}

// keyID is s if it can be an access key's id, and empty for what is masked or
// something else. Ids that nobody would have issued today are fine: records
// are old, anonymised or invented.
func keyID(s string) string {
	if len(s) > 128 || !alphanumeric(s) {
		return ""
	}
	return s
}

// uniqueID is the AROA… or AIDA… id in a principalId, without the session
// after it; empty for what is none.
func uniqueID(principalID string) string {
	id, _, _ := strings.Cut(principalID, ":")
	switch lineage.IDKind(id) {
	case lineage.RoleID, lineage.UserID:
	default:
		return ""
	}
	if len(id) <= len("AROA") || !alphanumeric(id) {
		return ""
	}
	return id
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
