package incident

// causes are the causes of each verdict, as the contract lists them.
var causes = map[Verdict][]Cause{
	Compromise: {
		TrustOpened, TrustChangedByStranger, ProviderRemovedByStranger, CredentialsAdded,
		UsedFromElsewhere, ContainmentEvaded, ContainmentUndone, QuarantinedByAWS,
		RevokedByStranger, RoleDeletedByStranger, KeyDisabledByStranger, AuditTampering, TokenExposed,
	},
	Expiry: {TokenExpired, RefreshBug, FederationTokenExpired, NotRenewed},
	Misconfiguration: {
		ClockSkew, WrongPartitionOrRegion, SessionTokenMissing, MalformedCredentials,
		ProviderRemoved, OrphanedPrincipal, ImplicitDeny, RoleNotPropagated,
	},
	PlannedChange: {
		RevokedByResponder, KeyDisabledByResponder, ContainmentLifted, AuditChangedByOwner,
		KeyRotated, KeyDisabledByOwner, RoleDeletedByOwner, TrustChangedByOwner, ServiceManaged,
	},
	Inconclusive: {
		UnexplainedFailures, UnexplainedRevocation, UnexplainedDeletion, UnexplainedTrustChange,
	},
}

// Causes returns the causes of a verdict.
func (v Verdict) Causes() []Cause { return causes[v] }

// Verdict is the verdict that a cause belongs to, or nothing if there is no such
// cause.
func (c Cause) Verdict() Verdict {
	for _, v := range Verdicts {
		for _, known := range causes[v] {
			if known == c {
				return v
			}
		}
	}
	return ""
}
