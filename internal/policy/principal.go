package policy

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// party is whom a statement names, in one form for all ways of naming it.
type party struct {
	kind kind
	// account is the AWS account that the party belongs to, where the policy
	// says so; partition is empty if it is the role's own.
	account, partition string
	// name is the ARN of an identity, the host of a service or OIDC provider,
	// the ARN of a SAML provider, an orphan's id.
	name string
	// except is whom a NotPrincipal leaves out; it makes a difference between
	// two parties, and none to how dangerous they are.
	except string
}

type kind int

const (
	anybody    kind = iota // everybody with an AWS account
	account                // a whole account
	identity               // a role, a user, a session of one
	orphan                 // the id of a deleted role or user
	service                // an AWS service
	oidc                   // an OpenID Connect provider
	saml                   // a SAML provider
	unreadable             // nothing that IAM knows
)

// readParty reads a principal of a role's trust policy, in the partition home.
func readParty(p incident.TrustPrincipal, home string) party {
	switch p.Type {
	case "*":
		return party{kind: anybody}
	case "AWS":
		return readAWS(p.Value, home)
	case "Federated":
		return readProvider(p.Value, home)
	case "Service":
		return party{kind: service, name: strings.ToLower(p.Value)}
	}
	return party{kind: unreadable, name: p.Value}
}

func readAWS(value, home string) party {
	if isAll(value) {
		return party{kind: anybody}
	}
	if isAccount(value) {
		return party{kind: account, account: value}
	}
	if isUniqueID(value) {
		return party{kind: orphan, name: value}
	}
	arn, ok := readARN(value, home)
	switch {
	case !ok && !wild(value).exact():
		return party{kind: anybody}
	case !ok || arn.service != "iam" && arn.service != "sts":
		return party{kind: unreadable, name: value}
	case !wild(arn.account).exact() || !wild(arn.partition).exact():
		// IAM takes no wildcards here. If it ever does, this is everybody.
		return party{kind: anybody}
	case arn.resource == "root" || !wild(arn.resource).exact():
		return party{kind: account, account: arn.account, partition: arn.partition}
	}
	return party{kind: identity, account: arn.account, partition: arn.partition, name: value}
}

func readProvider(value, home string) party {
	if !wild(value).exact() {
		return party{kind: oidc, name: "*"}
	}
	arn, ok := readARN(value, home)
	if !ok {
		return party{kind: oidc, name: providerHost(value)}
	}
	if host, found := strings.CutPrefix(arn.resource, "oidc-provider/"); found {
		return party{kind: oidc, account: arn.account, partition: arn.partition, name: providerHost(host)}
	}
	return party{kind: saml, account: arn.account, partition: arn.partition, name: value}
}

// providerHost is the URL of a provider as condition keys begin with it.
func providerHost(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(url), "https://"), "/")
}

// covers reports whether everybody who is q is also p.
func (p party) covers(q party) bool {
	switch {
	case p == q:
		return true
	case p.kind == anybody:
		return p.except == "" && (q.kind <= service)
	}
	return p.kind == account && q.kind == identity && p.account == q.account && p.partition == q.partition
}

// arn is an ARN's parts; partition is empty if it is the home partition, or if
// that is not known.
type arn struct {
	partition, service, account, resource string
}

func readARN(value, home string) (arn, bool) {
	parts := strings.SplitN(value, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return arn{}, false
	}
	a := arn{partition: parts[1], service: parts[2], account: parts[4], resource: parts[5]}
	if home == "" || a.partition == home {
		a.partition = ""
	}
	return a, true
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// isUniqueID reports whether s is the id of a role or user. IAM puts it into a
// trust policy in place of a principal that was deleted.
func isUniqueID(s string) bool {
	if len(s) < 16 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return false
	}
	return strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")
}
