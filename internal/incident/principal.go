package incident

import "time"

// PrincipalType says what kind of identity a Principal is. The values are the
// subject types of the finding's schema, and a few that only occur as actors.
type PrincipalType string

const (
	Role      PrincipalType = "role"
	User      PrincipalType = "user"
	AccessKey PrincipalType = "access_key" // a key whose owner is not known
	Federated PrincipalType = "federated"  // an identity or provider outside AWS
	Workload  PrincipalType = "workload"   // a program named by its own reports
	Account   PrincipalType = "account"    // the account itself, and its root user
	Service   PrincipalType = "service"    // an AWS service; only ever an actor
)

// Principal is an identity in IAM's sense, or the nearest to one that is known.
//
// Account and Name identify a role or user; ID is IAM's unique id (AROA…,
// AIDA…), which differs when a name was deleted and created again. Sessions are
// not principals: they are countless, and all of them speak for their role.
type Principal struct {
	Type      PrincipalType
	Partition string // "aws", "aws-cn", "aws-us-gov"; empty when unknown
	Account   string // 12 digits; empty when unknown
	Name      string // role or user name without path, key id, workload name, provider ARN, service host
	ID        string // unique id without session suffix, when known
	ARN       string // IAM ARN (never a session's), when known; empty for keys and workloads
}

// Known reports whether p identifies anybody.
func (p Principal) Known() bool { return p.Type != "" && p.Name != "" }

// Key identifies p among all principals: equal keys mean the same identity.
// The unique id takes no part, since half of IAM's calls name only the name.
func (p Principal) Key() string {
	return string(p.Type) + "/" + p.Account + "/" + p.Name
}

// Same reports whether p and q are the same known identity.
func (p Principal) Same(q Principal) bool {
	return p.Known() && p.Type == q.Type && p.Account == q.Account && p.Name == q.Name
}

// Actor is who made a call, and from where.
type Actor struct {
	Principal

	// SessionName is the role session's or federated user's name; empty for
	// long-term credentials.
	SessionName string
	// SessionARN is the caller's ARN as recorded, for the reader of a finding.
	SessionARN string
	// AccessKeyID is the key that signed the call; empty for AWS services.
	AccessKeyID string
	// IssuedAt is when the session's credentials were issued (CloudTrail's
	// creationDate, IAM's aws:TokenIssueTime); zero when unknown.
	IssuedAt time.Time
	// MFA and Console are what CloudTrail says of the session.
	MFA, Console bool
	// InvokedBy is the AWS service that made the call for the actor, as AWS
	// records it (userIdentity.invokedBy). Unlike a user agent it cannot be
	// chosen by the caller.
	InvokedBy string
	// SourceIP is an address or a service's host name, as recorded.
	SourceIP string
	// UserAgent is as the client sent it: a claim, never a proof.
	UserAgent string
	// CredentialsOf is the workload that the session's credentials were issued
	// to (inScopeOf.credentialsIssuedTo, such as a function's ARN), if recorded.
	CredentialsOf string
}
