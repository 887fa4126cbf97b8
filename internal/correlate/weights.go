package correlate

import "github.com/trailverdict/trailverdict/internal/incident"

// Rule names a row of the weights table.
type Rule string

// Row is what one kind of evidence is worth.
type Row struct {
	Rule      Rule
	Direction incident.Verdict
	Cause     incident.Cause
	// Weight is the log-odds that the evidence adds to its direction. The
	// strengths 1 to 5 of aws-facts section 13 became 1 to 5; the rest was
	// placed between its neighbours and checked with `make eval`.
	Weight float64
	// Grave raises a compromise to critical.
	Grave  bool
	Means  string
	Source string
}

const (
	toC = incident.Compromise
	toX = incident.Expiry
	toM = incident.Misconfiguration
	toP = incident.PlannedChange
	toI = incident.Inconclusive
)

// Weights is the whole table. A rule counts once in a finding, however many
// signals show it: a thousand failures say no more about why than ten do.
var Weights = []Row{
	// Others know that it is stolen.
	{"quarantined", toC, incident.QuarantinedByAWS, 5.2, true, "AWS attached its compromised-key quarantine policy", "aws-facts 2.2, 13"},
	{"exposure_notice", toC, incident.TokenExposed, 5, true, "AWS Health reports the credential as exposed", "aws-facts 2.2, 13"},
	{"threat_strong", toC, incident.UsedFromElsewhere, 5, true, "GuardDuty saw the key exfiltrated or used by a known attacker", "aws-facts 12, 13"},
	{"threat_moderate", toC, incident.UsedFromElsewhere, 3, false, "GuardDuty saw reconnaissance or attack tools on the key", "aws-facts 12"},
	{"threat_weak", toC, incident.UsedFromElsewhere, 1.5, false, "GuardDuty saw anomalous behaviour of the key", "aws-facts 12"},
	{"threat_audit", toC, incident.AuditTampering, 3, false, "GuardDuty saw logging disabled with the key", "aws-facts 12"},
	{"token_exposed", toC, incident.TokenExposed, 3.4, false, "a secret or session token was written where others can read it", "CONTRACT ruling 8"},
	{"expired_token_exposed", toI, incident.UnexplainedFailures, 0.5, false, "the exposed token had expired when it was seen", "aws-facts 6"},

	// Trust policies.
	{"trust_opened", toC, incident.TrustOpened, 4, false, "the trust policy now admits strangers", "aws-facts 8.1, 13"},
	{"trust_opened_to_anyone", toC, incident.TrustOpened, 4.5, true, "the trust policy now admits anyone", "aws-facts 8.1, 13"},
	{"assumed_by_stranger", toC, incident.TrustOpened, 2, true, "a stranger assumed the role through the opened trust", "aws-facts 13"},
	{"trust_weakened", toI, incident.UnexplainedTrustChange, 1.6, false, "a condition of the trust policy was lost or is weak", "aws-facts 8.1"},
	{"trust_low_risk", toI, incident.UnexplainedTrustChange, 1, false, "the trust policy admits every ref of a repository, or the like", "CONTRACT ruling 4"},
	{"trust_changed_unexplained", toI, incident.UnexplainedTrustChange, 1.6, false, "nobody known changed the trust policy", "CONTRACT section 2"},
	{"failures_after_trust_change", toC, incident.TrustChangedByStranger, 3, false, "calls failed within the hour after a trust change that nothing explains", "CONTRACT section 2"},

	// Cut-offs that nothing explains.
	{"revoked_unexplained", toI, incident.UnexplainedRevocation, 1.8, false, "somebody who is not known for it revoked sessions", "CONTRACT section 2"},
	{"key_disabled_unexplained", toI, incident.UnexplainedRevocation, 1.8, false, "somebody who is not known for it switched a key off", "CONTRACT section 2"},
	{"deletion_unexplained", toI, incident.UnexplainedDeletion, 1.6, false, "somebody who is not known for it deleted the identity", "aws-facts 8.2"},
	{"provider_removed_unexplained", toI, incident.UnexplainedDeletion, 1.6, false, "somebody who is not known for it removed an identity provider", "aws-facts 8.3"},
	{"failures_after_revocation", toC, incident.RevokedByStranger, 3.2, false, "calls failed within the hour after a revocation that nothing explains", "CONTRACT section 2"},
	{"failures_after_key_disabled", toC, incident.KeyDisabledByStranger, 3.2, false, "calls failed within the hour after the key was switched off by somebody unexplained", "CONTRACT section 2"},
	{"failures_after_deletion", toC, incident.RoleDeletedByStranger, 3.2, false, "calls failed within the hour after a deletion that nothing explains", "CONTRACT section 2"},
	{"failures_after_user_deleted", toC, incident.KeyDisabledByStranger, 3.2, false, "calls failed within the hour after the user was deleted by somebody unexplained", "CONTRACT section 2"},
	{"failures_after_provider_removed", toC, incident.ProviderRemovedByStranger, 3.2, false, "federation failed within the hour after somebody unexplained removed the identity provider", "CONTRACT section 2"},
	{"cut_by_stranger", toC, incident.RevokedByStranger, 0.6, false, "nobody known made the change that calls failed after", "CONTRACT section 2"},
	{"late_failures_after_cutoff", toI, incident.UnexplainedRevocation, 1, false, "calls failed, but long after an unexplained cut-off", "CONTRACT section 2"},

	// The actor is compromised itself.
	{"tainted_revocation", toC, incident.RevokedByStranger, 4.2, true, "who revoked shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},
	{"tainted_key_disabled", toC, incident.KeyDisabledByStranger, 4.2, true, "who switched the key off shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},
	{"tainted_deletion", toC, incident.RoleDeletedByStranger, 4.2, true, "who deleted it shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},
	{"tainted_trust_change", toC, incident.TrustChangedByStranger, 4.2, true, "who changed the trust policy shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},
	{"tainted_provider_removed", toC, incident.ProviderRemovedByStranger, 4.2, true, "who removed the provider shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},
	{"tainted_credentials_added", toC, incident.CredentialsAdded, 4.2, true, "who added credentials shows signs of compromise", "aws-facts 13; CONTRACT ruling 6"},

	// Credentials added.
	{"credentials_added", toC, incident.CredentialsAdded, 2, false, "somebody who is not the owner added credentials to the user", "CONTRACT section 2; aws-facts 8.3"},
	{"credentials_added_unlisted", toC, incident.CredentialsAdded, 1.2, false, "and is not among the deployers and responders that are configured", "CONTRACT section 2"},
	{"credentials_added_twice", toC, incident.CredentialsAdded, 1.5, false, "several ways in were opened to the same user by the same actor", "aws-facts 8.3"},
	{"added_key_used_elsewhere", toC, incident.CredentialsAdded, 3, false, "the added credentials were used from where the user never was", "aws-facts 13"},
	{"added_key_used_at_home", toP, incident.KeyRotated, 1.5, false, "the added key is used from where the user usually is", "aws-facts 13"},

	// Use.
	{"instance_session_elsewhere", toC, incident.UsedFromElsewhere, 4, false, "a workload's session is used from a second network while the first goes on, or by another client", "aws-facts 13 (Netflix, Panther, Elastic)"},
	{"instance_session_moved", toC, incident.UsedFromElsewhere, 1.5, false, "a workload's session continued from a new network: perhaps a new address", "aws-facts 13"},
	{"key_in_two_places", toC, incident.UsedFromElsewhere, 3.5, false, "one key, two networks and two clients within half an hour", "aws-facts 13 (Elastic)"},
	{"key_moved", toC, incident.UsedFromElsewhere, 0.8, false, "one key, two networks, the same client: a person may move", "aws-facts 13"},
	{"probe_from_new_network", toC, incident.UsedFromElsewhere, 1.5, false, "the first call from the new network asks whose key it is", "aws-facts 13"},
	{"attack_tool", toC, incident.UsedFromElsewhere, 2.5, false, "the client names itself an attack tool or distribution", "aws-facts 13"},
	{"enumeration", toC, incident.UsedFromElsewhere, 2.6, false, "many different calls over many services were denied within minutes, from a place that is new", "aws-facts 13"},

	// After a containment.
	{"evaded_new_network", toC, incident.ContainmentEvaded, 4.5, true, "after the containment, calls came from a network where the principal never was", "CONTRACT section 2; aws-facts 13"},
	{"evaded_new_client", toC, incident.ContainmentEvaded, 3.6, true, "after the containment, calls came from a client that the principal never used", "CONTRACT section 2; aws-facts 13"},
	{"evaded_by_new_credentials", toC, incident.ContainmentEvaded, 4.2, true, "around the containment, the contained principal got itself other credentials", "aws-facts 13"},
	{"containment_undone_by_contained", toC, incident.ContainmentUndone, 4.8, true, "the contained principal lifted its own containment", "aws-facts 2.2, 13"},
	{"containment_undone", toC, incident.ContainmentUndone, 3, true, "somebody unexplained lifted a containment", "aws-facts 2.2"},
	{"quarantine_removed", toC, incident.ContainmentUndone, 3.5, true, "somebody unexplained took AWS's quarantine off", "aws-facts 2.2"},
	{"aftermath", toP, incident.RevokedByResponder, 1.5, false, "denied calls from the usual network and client: the rightful user did not refresh", "CONTRACT section 2; aws-facts 13"},

	// The audit trail.
	{"audit_stopped", toC, incident.AuditTampering, 3, false, "somebody unexplained stopped or deleted the trail", "aws-facts 13"},
	{"audit_weakened", toC, incident.AuditTampering, 2.4, false, "somebody unexplained made the trail record less", "aws-facts 13"},
	{"tainted_audit", toC, incident.AuditTampering, 2.5, true, "who changed the trail shows signs of compromise", "aws-facts 13"},

	// Explained changes.
	{"revoked_by_responder", toP, incident.RevokedByResponder, 3.5, false, "a responder revoked the sessions", "aws-facts 13"},
	{"key_disabled_by_responder", toP, incident.KeyDisabledByResponder, 3.5, false, "a responder switched the key off", "aws-facts 13"},
	{"containment_lifted", toP, incident.ContainmentLifted, 3.6, false, "who contained it, a responder or a deployer lifted the containment", "aws-facts 13"},
	{"audit_changed_by_owner", toP, incident.AuditChangedByOwner, 3.5, false, "the trail's owner changed it", "CONTRACT section 2"},
	{"rotation", toP, incident.KeyRotated, 5, false, "a replacement was created and used before the key was switched off", "CONTRACT section 2; aws-facts 13"},
	{"key_disabled_by_owner", toP, incident.KeyDisabledByOwner, 3.5, false, "the key's owner switched it off", "CONTRACT section 2"},
	{"deleted_by_owner", toP, incident.RoleDeletedByOwner, 3.5, false, "the owner deleted the identity", "CONTRACT section 2; aws-facts 8.2"},
	{"trust_changed_by_owner", toP, incident.TrustChangedByOwner, 2.6, false, "the owner changed the trust policy", "CONTRACT section 2"},
	{"service_managed", toP, incident.ServiceManaged, 3.5, false, "an AWS service changed what it manages", "aws-facts 8.2"},
	{"iac_client", toP, incident.RoleDeletedByOwner, 0.4, false, "the client calls itself infrastructure as code, as anyone's can", "CONTRACT section 2"},
	{"owner_removed_provider", toM, incident.ProviderRemoved, 3.5, false, "the owner removed an identity provider that is still in use", "aws-facts 13"},

	// Expiry.
	{"expired_by_lineage", toX, incident.TokenExpired, 4.8, false, "the key's issuance is known, and it failed after its expiration", "CONTRACT section 2; aws-facts 6"},
	{"expired_by_code", toX, incident.TokenExpired, 3, false, "the service said that the credentials had expired", "aws-facts 1.2"},
	{"federation_expired", toX, incident.FederationTokenExpired, 4, false, "STS said that the OIDC or SAML token had expired", "aws-facts 1.2, 13; CONTRACT ruling 7"},
	{"refresh_rhythm_lifetime", toX, incident.RefreshBug, 5.2, false, "failures recur at an interval that is a credential lifetime, or as each session ends", "aws-facts 13; performance 4"},
	{"refresh_rhythm", toX, incident.RefreshBug, 4, false, "failures recur at a predictable interval", "CONTRACT section 2; performance 4"},
	{"renewal_stopped_in_use", toX, incident.NotRenewed, 5, false, "an established renewal stopped and the credential went on being used", "CONTRACT ruling 13"},
	{"renewal_stopped_alone", toX, incident.NotRenewed, 2.6, false, "a renewal stopped while those of its neighbours went on", "CONTRACT ruling 13"},

	// Misconfiguration.
	{"clock_skew", toM, incident.ClockSkew, 4, false, "the signature's time was refused", "aws-facts 1.2, 14"},
	{"wrong_partition", toM, incident.WrongPartitionOrRegion, 4.5, false, "the credential belongs to another partition than the Region called", "aws-facts 1.2, 14"},
	{"region_not_enabled", toM, incident.WrongPartitionOrRegion, 3.2, false, "the same credential works elsewhere, and this Region must be opted into or takes other tokens", "aws-facts 1.2, 8.3"},
	{"opt_in_region", toM, incident.WrongPartitionOrRegion, 2, false, "an opt-in Region refused the token: not enabled, or a version 1 token", "aws-facts 1.2"},
	{"token_missing", toM, incident.SessionTokenMissing, 4, false, "a temporary key was sent without its session token: the same key works elsewhere", "aws-facts 14"},
	{"no_token_sent", toM, incident.SessionTokenMissing, 3.2, false, "the request carried no token", "aws-facts 1.2"},
	{"bad_signature", toM, incident.MalformedCredentials, 3.5, false, "the signature does not match: a wrong or damaged secret", "aws-facts 1.2, 14"},
	{"bad_federation_token", toM, incident.MalformedCredentials, 2.4, false, "STS refused the federation token's contents", "aws-facts 1.2"},
	{"foreign_key", toM, incident.MalformedCredentials, 1.2, false, "the key id belongs to another account", "aws-facts 7, 13"},
	{"provider_missing", toM, incident.ProviderRemoved, 4, false, "STS does not know the identity provider", "aws-facts 13"},
	{"orphan_in_trust", toM, incident.OrphanedPrincipal, 4.5, false, "the trust policy names the unique id of an identity that no longer exists", "aws-facts 7, 13"},
	{"caller_recreated", toM, incident.OrphanedPrincipal, 4, false, "the caller was deleted and created again; the trust policy means the old one", "aws-facts 7, 13"},
	{"denied_after_detach", toM, incident.ImplicitDeny, 3.6, false, "no policy allows the call, after one was taken away", "aws-facts 13"},
	{"denied_repeatedly", toM, incident.ImplicitDeny, 3, false, "no policy allows the call, again and again", "aws-facts 3.2, 13"},
	{"too_new", toM, incident.RoleNotPropagated, 3.2, false, "the role or key was too new to be known everywhere", "aws-facts 1.2"},

	// Nothing explains it.
	{"failure_spike", toI, incident.UnexplainedFailures, 1.5, false, "more failures at once than the key's own history explains", "performance 5"},
	{"died_early", toI, incident.UnexplainedFailures, 2, false, "the key failed before its known expiration, and nothing shows who cut it off", "CONTRACT section 2"},
	{"denied_explicitly", toI, incident.UnexplainedFailures, 1.2, false, "a policy of the role's own denies its calls, and nobody was seen to write it", "aws-facts 0.3, 3.2"},
	{"provider_unreachable", toI, incident.UnexplainedFailures, 1.2, false, "STS could not reach the identity provider, or the provider refused", "aws-facts 1.2"},
}

// rows is the table by rule.
func rows() map[Rule]Row {
	byRule := make(map[Rule]Row, len(Weights))
	for _, r := range Weights {
		byRule[r.Rule] = r
	}
	return byRule
}

// prior is each verdict's log-odds before any evidence. To be sure takes more
// than a hint, so inconclusive starts ahead.
var prior = map[incident.Verdict]float64{toI: 1}
