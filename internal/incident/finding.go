package incident

import "time"

// Verdict is one of the five conclusions about a failing or changed credential.
type Verdict string

const (
	Compromise       Verdict = "compromise"
	Expiry           Verdict = "expiry"
	Misconfiguration Verdict = "misconfiguration"
	PlannedChange    Verdict = "planned_change"
	Inconclusive     Verdict = "inconclusive"
)

// Verdicts lists all verdicts, gravest first.
var Verdicts = []Verdict{Compromise, Inconclusive, Misconfiguration, Expiry, PlannedChange}

// Cause is what lies behind a verdict. The list is closed.
type Cause string

const (
	TrustOpened               Cause = "trust_opened"
	TrustChangedByStranger    Cause = "trust_changed_by_stranger"
	ProviderRemovedByStranger Cause = "identity_provider_removed_by_stranger"
	CredentialsAdded          Cause = "credentials_added_by_stranger"
	UsedFromElsewhere         Cause = "used_from_elsewhere"
	ContainmentEvaded         Cause = "containment_evaded"
	ContainmentUndone         Cause = "containment_undone"
	QuarantinedByAWS          Cause = "quarantined_by_aws"
	RevokedByStranger         Cause = "sessions_revoked_by_stranger"
	RoleDeletedByStranger     Cause = "role_deleted_by_stranger"
	KeyDisabledByStranger     Cause = "key_disabled_by_stranger"
	AuditTampering            Cause = "audit_tampering"
	TokenExposed              Cause = "token_exposed"

	TokenExpired           Cause = "token_expired"
	RefreshBug             Cause = "refresh_bug"
	FederationTokenExpired Cause = "federation_token_expired"
	NotRenewed             Cause = "not_renewed"

	ClockSkew              Cause = "clock_skew"
	WrongPartitionOrRegion Cause = "wrong_partition_or_region"
	SessionTokenMissing    Cause = "session_token_missing"
	MalformedCredentials   Cause = "malformed_credentials"
	ProviderRemoved        Cause = "identity_provider_removed"
	OrphanedPrincipal      Cause = "orphaned_principal"
	ImplicitDeny           Cause = "implicit_deny"
	RoleNotPropagated      Cause = "role_not_propagated"

	RevokedByResponder     Cause = "sessions_revoked_by_responder"
	KeyDisabledByResponder Cause = "key_disabled_by_responder"
	ContainmentLifted      Cause = "containment_lifted"
	AuditChangedByOwner    Cause = "audit_changed_by_owner"
	KeyRotated             Cause = "key_rotated"
	KeyDisabledByOwner     Cause = "key_disabled_by_owner"
	RoleDeletedByOwner     Cause = "role_deleted_by_owner"
	TrustChangedByOwner    Cause = "trust_changed_by_owner"
	ServiceManaged         Cause = "service_managed"

	UnexplainedFailures    Cause = "unexplained_failures"
	UnexplainedRevocation  Cause = "unexplained_revocation"
	UnexplainedDeletion    Cause = "unexplained_deletion"
	UnexplainedTrustChange Cause = "unexplained_trust_change"
)

// Severity orders findings by how soon somebody must look.
type Severity int

const (
	Informational Severity = iota
	Low
	Medium
	High
	Critical
)

// Severities lists the severities' names, in order.
var Severities = []string{"informational", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if s < 0 || int(s) >= len(Severities) {
		return "informational"
	}
	return Severities[s]
}

// Status says whether more evidence is to be expected.
type Status string

const (
	Open     Status = "open"     // late evidence may still come
	Settled  Status = "settled"  // no late evidence is expected any more
	Resolved Status = "resolved" // quiet for so long that a new event is a new incident
)

// Evidence is one fact that speaks for or against a verdict.
type Evidence struct {
	EventID  string
	Time     time.Time
	Signal   Kind
	Actor    string // ARN or name; empty when unknown
	SourceIP string
	// Direction is the verdict that it speaks for; empty means none.
	Direction Verdict
	// Weight is the log-odds that it contributes in its direction.
	Weight float64
	// Rule names the row of the weights table it came from.
	Rule string
	Fact string
}

// Interval is the rhythm of recurring failures.
type Interval struct {
	Period       time.Duration
	Jitter       time.Duration
	Occurrences  int
	NextExpected time.Time
}

// BlastRadius is what a cut-off leaves alive or breaks.
type BlastRadius struct {
	LiveSessions int
	Until        time.Time // when the last live session ends; zero when unknown
	Principals   []string
	Services     []string
}

// Subject is whom a finding is about.
type Subject struct {
	Principal
	AccessKeyIDs []string // sorted
	Workloads    []string // sorted
	// Tags are those of the role or user that the settings ask for, in their
	// order. They say whose it is, so that routes can go by it; they are no part
	// of a finding as JSON.
	Tags []Tag
}

// Finding is the verdict about one incident, with what it rests on.
type Finding struct {
	ID        string
	Revision  int
	Status    Status
	Account   string
	Region    string
	Partition string
	Subject   Subject

	Verdict    Verdict
	Cause      Cause
	Confidence float64 // probability that Verdict is right, 0 to 1
	Severity   Severity

	FirstSeen, LastSeen time.Time
	Summary             string

	Evidence        []Evidence // for the verdict, heaviest facts first in time order
	CounterEvidence []Evidence
	WouldChange     []string
	NextSteps       []string

	Interval    *Interval
	BlastRadius *BlastRadius
	ATTACK      []string // ATT&CK technique ids

	// Capped names the limits that were reached while the evidence was read;
	// empty means that nothing was left out.
	Capped []string
}
