package file

import "github.com/trailverdict/trailverdict/internal/incident"

// causes are the causes of each verdict, as the contract lists them.
var causes = map[incident.Verdict][]incident.Cause{
	incident.Compromise: {
		incident.TrustOpened, incident.TrustChangedByStranger, incident.ProviderRemovedByStranger, incident.CredentialsAdded,
		incident.UsedFromElsewhere, incident.ContainmentEvaded, incident.ContainmentUndone, incident.QuarantinedByAWS,
		incident.RevokedByStranger, incident.RoleDeletedByStranger, incident.KeyDisabledByStranger, incident.AuditTampering, incident.TokenExposed,
	},
	incident.Expiry: {incident.TokenExpired, incident.RefreshBug, incident.FederationTokenExpired, incident.NotRenewed},
	incident.Misconfiguration: {
		incident.ClockSkew, incident.WrongPartitionOrRegion, incident.SessionTokenMissing, incident.MalformedCredentials,
		incident.ProviderRemoved, incident.OrphanedPrincipal, incident.ImplicitDeny, incident.RoleNotPropagated,
	},
	incident.PlannedChange: {
		incident.RevokedByResponder, incident.KeyDisabledByResponder, incident.ContainmentLifted, incident.AuditChangedByOwner,
		incident.KeyRotated, incident.KeyDisabledByOwner, incident.RoleDeletedByOwner, incident.TrustChangedByOwner, incident.ServiceManaged,
	},
	incident.Inconclusive: {
		incident.UnexplainedFailures, incident.UnexplainedRevocation, incident.UnexplainedDeletion, incident.UnexplainedTrustChange,
	},
}

// verdictOf is the verdict that a cause belongs to, or nothing if there is no
// such cause.
func verdictOf(cause incident.Cause) incident.Verdict {
	for _, v := range incident.Verdicts {
		for _, c := range causes[v] {
			if c == cause {
				return v
			}
		}
	}
	return ""
}

func verdictNames() []string {
	var names []string
	for _, v := range incident.Verdicts {
		names = append(names, string(v))
	}
	return names
}

func causeNames() []string {
	var names []string
	for _, v := range incident.Verdicts {
		for _, c := range causes[v] {
			names = append(names, string(c))
		}
	}
	return names
}
