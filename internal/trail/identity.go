package trail

import (
	"cmp"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// hidden is what CloudTrail writes for a name that may have been a password.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// identity is a record's userIdentity, read as far as somebody can be told.
type identity struct {
	incident.Actor
	// Foreign is set for a caller of another account, of whom this account
	// learns no name: only the account, and perhaps a unique id.
	Foreign bool
	// Provider is the OIDC or SAML provider that vouched for the caller.
	Provider string
}

// readIdentity reads userIdentity in each of the shapes that CloudTrail's user
// guide lists (userIdentity element), and as far as possible in others. The
// account is that of the record; it stands in for one that is not said.
func readIdentity(v jsonscan.Value, account string) identity {
	id := identity{Actor: incident.Actor{
		SessionARN:    callerARN(v.Get("arn").Str()),
		AccessKeyID:   keyID(v.Get("accessKeyId").Str()),
		InvokedBy:     v.Get("invokedBy").Str(),
		CredentialsOf: v.Get("inScopeOf", "credentialsIssuedTo").Str(),
	}}
	session := v.Get("sessionContext", "attributes")
	id.IssuedAt, _ = timeOf(session.Get("creationDate"))
	id.MFA, _ = session.Get("mfaAuthenticated").Bool()
	id.name(v, account)
	if id.Account == "" && id.Type != incident.Service && !id.Foreign {
		id.Account = account
	}
	if !id.Known() {
		id.Principal = incident.Principal{}
	}
	return id
}

// name fills in who it is.
func (id *identity) name(v jsonscan.Value, account string) {
	switch kind := v.Get("type").Str(); kind {
	case "AssumedRole":
		id.role(v)
	case "IAMUser":
		id.user(v)
	case "FederatedUser":
		id.federatedUser(v)
	case "Root":
		id.root(v, account)
	case "AWSService":
		id.Principal = incident.Principal{Type: incident.Service, Name: id.InvokedBy}
	case "AWSAccount":
		id.foreignAccount(v)
	case "SAMLUser", "WebIdentityUser":
		id.federated(v, v.Get("userName").Str())
		id.Provider = v.Get("identityProvider").Str()
	case "IdentityCenterUser":
		id.federated(v, firstText(v.Get("onBehalfOf", "userId"), v.Get("userName"), v.Get("principalId")))
	default:
		id.unknown(v)
	}
}

// role names a role's session by its issuer, which alone shows the role's
// path, and else by the session's ARN.
func (id *identity) role(v jsonscan.Value) {
	p, session, ok := principalOf(id.SessionARN)
	if !ok || p.Type != incident.Role {
		p = incident.Principal{Type: incident.Role, Account: accountID(v.Get("accountId").Str())}
	}
	issuer := v.Get("sessionContext", "sessionIssuer")
	if named, _, ok := principalOf(issuer.Get("arn").Str()); ok && named.Type == incident.Role {
		p = named
	}
	if p.Name == "" {
		p.Name = issuer.Get("userName").Str()
	}
	if p.Account == "" {
		p.Account = accountID(issuer.Get("accountId").Str())
	}
	principalID := v.Get("principalId").Str()
	p.ID = uniqueID(principalID)
	if issuerID := uniqueID(issuer.Get("principalId").Str()); issuerID != "" {
		p.ID = issuerID
	}
	if session == "" {
		_, session, _ = strings.Cut(principalID, ":")
	}
	id.Principal, id.SessionName = p, session
}

func (id *identity) user(v jsonscan.Value) {
	id.Principal = userPrincipal(v)
}

// userPrincipal names a user by the fields that userIdentity and sessionIssuer
// have in common.
func userPrincipal(v jsonscan.Value) incident.Principal {
	p, _, ok := principalOf(v.Get("arn").Str())
	if !ok || p.Type != incident.User {
		p = incident.Principal{Type: incident.User, Name: v.Get("userName").Str()}
	}
	if p.Account == "" {
		p.Account = accountID(v.Get("accountId").Str())
	}
	if p.Name == hidden {
		return incident.Principal{}
	}
	p.ID = uniqueID(v.Get("principalId").Str())
	return p
}

// federatedUser names who asked for the federation token, since that is whose
// permissions the session has and whose key made it; the federated name says
// which session it is. Where the issuer is not recorded, that name is all.
func (id *identity) federatedUser(v jsonscan.Value) {
	p, session, ok := principalOf(id.SessionARN)
	if !ok || p.Type != incident.Federated {
		_, session, _ = strings.Cut(v.Get("principalId").Str(), ":")
		p = incident.Principal{Type: incident.Federated, Name: session}
	}
	issuer := v.Get("sessionContext", "sessionIssuer")
	if named, _, ok := principalOf(issuer.Get("arn").Str()); ok {
		p = named
		p.ID = uniqueID(issuer.Get("principalId").Str())
	}
	if p.Account == "" {
		p.Account = accountID(v.Get("accountId").Str())
	}
	id.Principal, id.SessionName = p, session
}

func (id *identity) root(v jsonscan.Value, account string) {
	if own := accountID(v.Get("accountId").Str()); own != "" {
		account = own
	}
	p, _, ok := principalOf(id.SessionARN)
	if !ok || p.Type != incident.Account {
		p = incident.Principal{Type: incident.Account, Account: account, Name: account}
	}
	id.Principal = p
}

// foreignAccount is the caller of a cross-account call in the other account's
// copy: no ARN, only a unique id and the account.
func (id *identity) foreignAccount(v jsonscan.Value) {
	account := accountID(v.Get("accountId").Str())
	principalID := v.Get("principalId").Str()
	id.Principal = incident.Principal{Type: incident.Account, Account: account, Name: account, ID: uniqueID(principalID)}
	_, id.SessionName, _ = strings.Cut(principalID, ":")
	id.Foreign = true
}

func (id *identity) federated(v jsonscan.Value, name string) {
	id.Principal = incident.Principal{
		Type:    incident.Federated,
		Account: accountID(v.Get("accountId").Str()),
		Name:    name,
	}
}

// unknown takes what there is: the ARN where it names somebody, a service that
// called for the account itself, or nothing.
func (id *identity) unknown(v jsonscan.Value) {
	p, session, ok := principalOf(id.SessionARN)
	switch {
	case ok:
		p.ID = uniqueID(v.Get("principalId").Str())
		id.Principal, id.SessionName = p, session
	case id.InvokedBy != "":
		id.Principal = incident.Principal{Type: incident.Service, Name: id.InvokedBy}
	case v.Get("userName").Str() != "":
		id.federated(v, v.Get("userName").Str())
	}
	if id.Name == hidden {
		id.Principal = incident.Principal{}
	}
}

// firstText is the first of some values that is a text and not empty.
func firstText(values ...jsonscan.Value) string {
	for _, v := range values {
		if s := v.Str(); s != "" {
			return s
		}
	}
	return ""
}

// partitionIn is the identity's partition: where its ARNs tell, or else that of
// the Region in which it called.
func (id *identity) partitionIn(region string) string {
	if id.Partition != "" {
		return id.Partition
	}
	a, _ := parseARN(id.SessionARN)
	return cmp.Or(a.partition, lineage.PartitionOf(region))
}
