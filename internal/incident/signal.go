package incident

import "time"

// Kind is what a Signal says happened.
type Kind string

// Cut-offs, and what undoes them.
const (
	SessionsRevoked      Kind = "sessions_revoked"         // Revocation set: a deny by token issue time, or a literal RevokeSession
	InlinePolicyPut      Kind = "inline_policy_put"        // Policy set; a permission edit that revokes nothing (may overwrite one that did)
	InlinePolicyDeleted  Kind = "inline_policy_deleted"    // Policy set; lifts a revocation if that policy held one
	ManagedPolicyWritten Kind = "managed_policy_written"   // Policy set, Revocation if its content revokes: CreatePolicy, CreatePolicyVersion, SetDefaultPolicyVersion
	PolicyAttached       Kind = "policy_attached"          // Policy set
	PolicyDetached       Kind = "policy_detached"          // Policy set
	BoundaryPut          Kind = "permissions_boundary_put" // Policy set
	BoundaryDeleted      Kind = "permissions_boundary_deleted"
	QuarantineAttached   Kind = "quarantine_attached"       // Policy set: AWS's compromised-key policies
	QuarantineDetached   Kind = "quarantine_detached"       // Policy set
	KeyStatusChanged     Kind = "access_key_status_changed" // Key, KeyStatus
	KeyDeleted           Kind = "access_key_deleted"        // Key
)

// Identity changes.
const (
	KeyCreated             Kind = "access_key_created"    // Key; Target is the user it belongs to
	LoginProfileCreated    Kind = "login_profile_created" // a console password was added
	LoginProfileUpdated    Kind = "login_profile_updated" // … or replaced
	LoginProfileDeleted    Kind = "login_profile_deleted" // … or removed
	MFADeactivated         Kind = "mfa_deactivated"       // also DeleteVirtualMFADevice
	UserCreated            Kind = "user_created"
	UserDeleted            Kind = "user_deleted"
	RoleCreated            Kind = "role_created" // Trust set, MaxSession if said
	RoleUpdated            Kind = "role_updated" // MaxSession set
	RoleDeleted            Kind = "role_deleted"
	InstanceProfileRemoved Kind = "instance_profile_role_removed"
	TrustChanged           Kind = "trust_policy_changed"      // Trust set
	ProviderCreated        Kind = "identity_provider_created" // Target is the provider
	ProviderChanged        Kind = "identity_provider_changed"
	ProviderDeleted        Kind = "identity_provider_deleted"
	STSPreferenceChanged   Kind = "sts_preference_changed" // SetSecurityTokenServicePreferences
	// TagsChanged changes nobody's credentials. It tells whose a role or user is.
	TagsChanged Kind = "tags_changed" // Tagging set; also of a RoleCreated, a UserCreated and a SessionIssued
)

// The audit trail itself. Target is the account; Resource names the trail.
const (
	TrailStarted     Kind = "trail_started" // CreateTrail, StartLogging: who owns the trail
	TrailStopped     Kind = "trail_stopped"
	TrailDeleted     Kind = "trail_deleted"
	TrailUpdated     Kind = "trail_updated"     // Weakened says whether it records less than before by its own words
	SelectorsChanged Kind = "selectors_changed" // Weakened as above
)

// Issuance, failures, and what others found out.
const (
	SessionIssued     Kind = "session_issued"     // Issued set; Target is whom the credentials speak for, Actor who asked
	CredentialFailed  Kind = "credential_failed"  // ErrorCode is one of the credential codes; Target, Key, Workload as far as known
	CallDenied        Kind = "call_denied"        // authenticated, not allowed; Denial set; Target as Denial explains
	CredentialExposed Kind = "credential_exposed" // a token or secret was seen where it should not be; Exposure set
	ThreatFinding     Kind = "threat_finding"     // a GuardDuty finding about an access key; Threat set
	ExposureNotice    Kind = "exposure_notice"    // AWS Health reports an exposed credential
	SignInFailed      Kind = "sign_in_failed"     // ConsoleLogin failure
)

// What no verdict is made of, but a Check is.
const (
	// StaticCredentials: the environment of a function or task holds an access
	// key. Exposure says what and in which variables, Key the id if it is in
	// clear, Resource whose environment.
	StaticCredentials Kind = "static_credentials"
)

// CredentialUsed is no signal, but how evidence says that it rests on a use.
const CredentialUsed Kind = "credential_used"

// Deed reports whether k is something that somebody did to credentials,
// permissions, trust or the audit trail: as against credentials that were
// issued, were used or failed, and what was found out about them.
func (k Kind) Deed() bool {
	switch k {
	case SessionIssued, CredentialUsed, CredentialFailed, CallDenied, SignInFailed,
		CredentialExposed, ThreatFinding, ExposureNotice, StaticCredentials, TagsChanged, "":
		return false
	}
	return true
}

// Feed is the way by which a signal reached us. It tells how far to trust it:
// a client's report is a claim, CloudTrail's record is AWS's word.
type Feed string

const (
	FromTrail     Feed = "cloudtrail"
	FromClient    Feed = "client" // trailverdict.client events
	FromLogs      Feed = "logs"   // lines of CloudWatch Logs
	FromGuardDuty Feed = "guardduty"
	FromHealth    Feed = "health"
)

// Signal is one observation that can change a verdict. It is a value: once
// decoded it never changes, and a set of signals is all that a verdict is
// computed from.
type Signal struct {
	// ID is the event's own id, or a hash of the canonical record where it had
	// none. With Account it identifies the signal.
	ID string
	// SharedID is CloudTrail's sharedEventID: equal for the copies of one
	// call that two accounts receive.
	SharedID string
	// Account is the account that the event was recorded in.
	Account   string
	Partition string
	Region    string
	// Time is when it happened, in UTC. CloudTrail's resolution is one second;
	// within one second order means nothing.
	Time time.Time
	Kind Kind
	Feed Feed
	// Operation is the call in IAM's notation, such as "iam:DeleteRole".
	Operation string

	// Actor is who did it; for a failure or a denial, who was refused.
	Actor Actor
	// Target is whose credentials are affected. For a failure it is whose
	// credential failed, as far as the report says.
	Target Principal
	// Key is the access key that the signal is about: failed, created,
	// disabled, exposed. The key that signed the call is Actor.AccessKeyID.
	Key string
	// Workload is the program's own name for itself, in client reports.
	Workload string
	// Resource names the trail, provider or other thing acted upon where it is
	// not a Target.
	Resource string

	// ErrorCode is the exact code of a failed call; empty on success. A change
	// that was refused is a CallDenied, never a change.
	ErrorCode string
	// Reason is what the error's text said beyond its code, reduced to one of
	// the Reason constants. The text itself is dropped.
	Reason Reason
	// Count is how many identical failures this signal folds; at least 1.
	Count int

	KeyStatus  string        // Active, Inactive, Expired
	MaxSession time.Duration // of a RoleUpdated or RoleCreated; 0 when unchanged or not said
	Weakened   bool          // of audit changes: records less than before

	Issued     *Session
	Policy     *Policy
	Revocation *Revocation
	Trust      *TrustPolicy
	Denial     *Denial
	Exposure   *Exposure
	Threat     *Threat
	Tagging    *Tagging
}

// Reason is the part of an error message that a verdict can use.
type Reason string

const (
	ReasonExpired          Reason = "expired"          // the text says that the token or signature's subject expired
	ReasonClockSkew        Reason = "clock_skew"       // signature expired, not yet current, or time too skewed
	ReasonSignature        Reason = "signature"        // the signature does not match: wrong secret
	ReasonNoToken          Reason = "no_token"         // the request carried no (session) token
	ReasonProviderMissing  Reason = "provider_missing" // STS knows no such OIDC or SAML provider
	ReasonAudience         Reason = "audience"         // the federation token's audience was refused
	ReasonProviderDown     Reason = "provider_unreachable"
	ReasonRegionNotEnabled Reason = "region_not_enabled"
	ReasonRoleUnusable     Reason = "role_unusable"  // "cannot be assumed", "does not exist"
	ReasonRefreshFailed    Reason = "refresh_failed" // the SDK said that refreshing credentials failed
)

// Session is a set of temporary credentials as its issuing call described it.
type Session struct {
	AccessKeyID string
	Name        string    // role session name, federated user name
	IssuedAt    time.Time // = aws:TokenIssueTime
	ExpiresAt   time.Time // zero when the response did not say
	ParentKey   string    // the key that asked; empty for services and federation
	// Provider is the OIDC or SAML provider, and Subject the identity that it
	// vouched for, where the call was federated.
	Provider, Subject string
	// SourceIdentity and the rest are hints about the workload behind it.
	SourceIdentity string
	Chained        bool // asked for by another role's session: at most one hour
	ByService      bool // asked for by an AWS service for a workload
}

// Policy names an IAM policy.
type Policy struct {
	Name       string // inline: policyName; managed: the last part of the ARN
	ARN        string // managed only
	SetDefault bool   // of a policy version: it became the one in force
}

// Revocation is a deny that ends sessions: all of them issued before a time,
// or those of one user of a role.
type Revocation struct {
	// IssuedBefore is the cut-off: sessions issued before it are denied. Zero
	// means every session, now and later.
	IssuedBefore time.Time
	// Users are the aws:userId, aws:SourceIdentity or identitystore:userId
	// values that it is limited to; empty means all.
	Users []string
	// Literal is set for an event that was named RevokeSession.
	Literal bool
}

// TrustPolicy is who may assume a role, as the document says it. Its
// statements are in the document's order.
type TrustPolicy struct {
	Statements []TrustStatement
	// Unreadable is set when the document could not be parsed; Statements is
	// then empty and nothing may be concluded from that.
	Unreadable bool
}

// TrustStatement is one statement of a trust policy, with every list resolved
// to a list and every name in its usual case.
type TrustStatement struct {
	Deny         bool
	NotPrincipal bool
	Principals   []TrustPrincipal
	Actions      []string // "sts:AssumeRole", …; NotAction is kept as "!" + action
	Conditions   []Condition
}

// TrustPrincipal is one principal that a statement names.
type TrustPrincipal struct {
	Type  string // AWS, Federated, Service, CanonicalUser, or * for a bare "*"
	Value string
}

// Condition is one condition key of a statement.
type Condition struct {
	Operator string // as written, such as StringLike, ForAnyValue:StringEquals, BoolIfExists
	Key      string // lower case
	Values   []string
}

// Denial is how an authenticated call was refused.
type Denial struct {
	// Explicit is set for "with an explicit deny"; PolicyKind says in what:
	// identity-based, resource-based, service control, resource control,
	// permissions boundary, session, VPC endpoint. Both are zero where the
	// service gives no reason.
	Explicit   bool
	Implicit   bool // "because no … policy allows"
	PolicyKind string
	PolicyARN  string
	// Action is what was refused, in IAM's notation.
	Action string
	// Resource is what it was refused on, as the message or the parameters
	// named it.
	Resource string
	// FromMessage is set where Resource came from the error's text because the
	// record had no parameters.
	FromMessage bool
}

// Exposure says that a credential was seen in a place where it should not be.
type Exposure struct {
	What  string // session_token, secret_access_key
	Where string // log group, Health event type
}

// Threat is a GuardDuty finding about an access key.
type Threat struct {
	Type     string  // such as UnauthorizedAccess:IAMUser/TorIPCaller
	Severity float64 // GuardDuty's own, 0 to 10
}

// Use is the summary of one principal's successful calls with one key, from
// one network, with one client, to one service: enough to know what is usual.
//
// Uses form a semilattice: two summaries of the same Key join into the earliest
// First and the latest Last, so folding is free of order and duplicates.
type Use struct {
	Account     string // recorded in
	Region      string
	Principal   Principal
	SessionName string
	AccessKeyID string
	IssuedAt    time.Time
	SourceIP    string // one address of the network, that of First
	Network     string // see trail.Network
	Client      string // see trail.Client
	Service     string // event source, such as s3.amazonaws.com
	Probe       bool   // GetCallerIdentity, which no policy can deny
	Credentials string // CredentialsOf of the actor

	First, Last     time.Time
	FirstID, LastID string // event ids, for evidence
}

// Key identifies what a Use summarises.
func (u Use) Key() string {
	probe := ""
	if u.Probe {
		probe = "probe"
	}
	return u.Account + "|" + u.Principal.Key() + "|" + u.SessionName + "|" + u.AccessKeyID + "|" + u.Network + "|" + u.Client + "|" + u.Service + "|" + probe + "|" + u.Region + "|" + u.Credentials
}

// Join unites two summaries of the same Key.
func (u Use) Join(v Use) Use {
	switch {
	case u.First.Equal(v.First) && u.FirstID == v.FirstID:
		u.SourceIP = firstOf(u.SourceIP, v.SourceIP)
	case before(v.First, v.FirstID, u.First, u.FirstID):
		u.First, u.FirstID, u.SourceIP = v.First, v.FirstID, v.SourceIP
	}
	if before(u.Last, u.LastID, v.Last, v.LastID) {
		u.Last, u.LastID = v.Last, v.LastID
	}
	u.Principal.Partition = firstOf(u.Principal.Partition, v.Principal.Partition)
	u.Principal.ID = firstOf(u.Principal.ID, v.Principal.ID)
	u.Principal.ARN = firstOf(u.Principal.ARN, v.Principal.ARN)
	if u.IssuedAt.IsZero() || (!v.IssuedAt.IsZero() && v.IssuedAt.Before(u.IssuedAt)) {
		u.IssuedAt = v.IssuedAt
	}
	return u
}

// firstOf is the one of two texts that sorts first; no text is none.
func firstOf(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

func before(t time.Time, id string, u time.Time, uid string) bool {
	return t.Before(u) || t.Equal(u) && id < uid
}
