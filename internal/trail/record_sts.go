package trail

import (
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// The decoders of the calls that issue temporary credentials.

// maxLifetime is the longest that AWS issues credentials for, in seconds: 36
// hours, of GetSessionToken and GetFederationToken.
const maxLifetime = 129600

// assumeRole decodes AssumeRole and its two federated kin. The credentials
// speak for the role, which may be another account's.
func assumeRole(r *record) string {
	role, ok := r.roleAsked()
	if !ok {
		return "requestParameters.roleArn"
	}
	made := r.response.Get("assumedRoleUser")
	if id := uniqueID(made.Get("assumedRoleId").Str()); id != "" {
		role.ID = id
	}
	r.issued(role)
	s := r.sig.Issued
	s.Name = r.params.Get("roleSessionName").Str()
	if s.Name == "" {
		_, s.Name, _ = principalOf(made.Get("arn").Str())
	}
	s.SourceIdentity = firstText(r.params.Get("sourceIdentity"), r.response.Get("sourceIdentity"))
	s.ByService = r.sig.Actor.Type == incident.Service
	s.Chained = r.sig.Actor.Type == incident.Role
	r.sessionTags()
	if r.federates() {
		r.federated()
	}
	return ""
}

// roleAsked is the role that a call to assume one names.
func (r *record) roleAsked() (incident.Principal, bool) {
	if role, _, ok := principalOf(r.params.Get("roleArn").Str()); ok && role.Type == incident.Role {
		return role, true
	}
	var role incident.Principal
	r.v.Get("resources").Elements(func(_ int, v jsonscan.Value) bool {
		p, _, ok := principalOf(firstText(v.Get("ARN"), v.Get("arn")))
		if ok && p.Type == incident.Role {
			role = p
		}
		return !role.Known()
	})
	return role, role.Known()
}

// assumesRole reports whether the call asks for a session of a role.
func (r *record) assumesRole() bool {
	return r.source.Is(sts) && (r.name.Is("AssumeRole") || r.federates())
}

// federates reports whether the call presents somebody else's token.
func (r *record) federates() bool {
	return r.name.Is("AssumeRoleWithWebIdentity") || r.name.Is("AssumeRoleWithSAML")
}

// federated notes which provider vouched for whom.
func (r *record) federated() {
	if r.sig.Issued == nil {
		r.sig.Issued = &incident.Session{}
	}
	s := r.sig.Issued
	s.Provider = firstText(r.response.Get("provider"), r.params.Get("principalArn"))
	if s.Provider == "" {
		s.Provider = r.from.Provider
	}
	if s.Provider == "" {
		s.Provider = missingProvider(r.v.Get("errorMessage").Str())
	}
	s.Subject = firstText(r.response.Get("subjectFromWebIdentityToken"), r.response.Get("subject"))
	if s.Subject == "" && r.from.Type == incident.Federated {
		s.Subject = r.from.Name
	}
}

// missingProvider is the OIDC provider that STS's message says the account has
// none of: "No OpenIDConnect provider found in your account for https://…".
func missingProvider(message string) string {
	_, name, _ := strings.Cut(message, "provider found in your account for ")
	name, _, _ = strings.Cut(name, " ")
	name = strings.TrimRight(name, ".")
	if !strings.HasPrefix(name, "https://") {
		return ""
	}
	return name
}

// sessionToken decodes GetSessionToken: the credentials speak for the caller.
func sessionToken(r *record) string {
	if !r.sig.Actor.Known() || r.from.Foreign {
		return "userIdentity"
	}
	r.issued(r.sig.Actor.Principal)
	return ""
}

// federationToken decodes GetFederationToken: the credentials have the
// caller's permissions, under a name that it chose.
func federationToken(r *record) string {
	if missing := sessionToken(r); missing != "" {
		return missing
	}
	r.sig.Issued.Name = r.params.Get("name").Str()
	if r.sig.Issued.Name == "" {
		_, r.sig.Issued.Name, _ = principalOf(r.response.Get("federatedUser", "arn").Str())
	}
	r.sessionTags()
	return ""
}

// assumeRoot decodes AssumeRoot, by which a management account acts as the
// root user of a member account, within a task policy.
func assumeRoot(r *record) string {
	target := r.params.Get("targetPrincipal").Str()
	account := accountID(target)
	if p, _, ok := principalOf(target); ok && p.Type == incident.Account {
		account = p.Account
	}
	if account == "" {
		return "requestParameters.targetPrincipal"
	}
	r.issued(incident.Principal{Type: incident.Account, Partition: r.sig.Partition, Account: account, Name: account})
	r.sig.Resource = firstText(r.params.Get("taskPolicyArn", "arn"), r.params.Get("taskPolicyArn"))
	r.sig.Issued.SourceIdentity = r.response.Get("sourceIdentity").Str()
	return ""
}

// issued notes the credentials in the response. Nothing but their id and end
// is read: the response holds the session token as well.
func (r *record) issued(owner incident.Principal) {
	credentials := r.response.Get("credentials")
	s := &incident.Session{
		AccessKeyID: keyID(credentials.Get("accessKeyId").Str()),
		IssuedAt:    r.sig.Time,
		ExpiresAt:   r.expiration(credentials.Get("expiration")),
		ParentKey:   r.sig.Actor.AccessKeyID,
	}
	r.sig.Kind, r.sig.Issued, r.sig.Target, r.sig.Key = incident.SessionIssued, s, owner, s.AccessKeyID
}

// expiration is when the credentials end: as the response says or, without
// it, by the lifetime that was asked for. One that contradicts the record
// counts as not known.
func (r *record) expiration(v jsonscan.Value) time.Time {
	if end, ok := timeOf(v); ok && end.After(r.sig.Time) {
		return end
	}
	seconds, ok := r.params.Get("durationSeconds").Int()
	if !ok || seconds <= 0 || seconds > maxLifetime {
		return time.Time{}
	}
	return r.sig.Time.Add(time.Duration(seconds) * time.Second)
}

// consoleLogin decodes a sign-in to the console. One that failed is a signal,
// one that succeeded a use. The name of a user who does not exist is hidden,
// since it may be a password; the account is then all that is known.
func consoleLogin(r *record) string {
	r.sig.Actor.Console = true
	if strings.EqualFold(r.v.Get("additionalEventData", "MFAUsed").Str(), "Yes") {
		r.sig.Actor.MFA = true
	}
	if !r.failedSignIn() && r.code == "" {
		return ""
	}
	r.sig.Kind = incident.SignInFailed
	r.sig.ErrorCode = r.code
	r.sig.Target = r.sig.Actor.Principal
	if !r.sig.Actor.Known() {
		return r.targetAccount()
	}
	return ""
}
