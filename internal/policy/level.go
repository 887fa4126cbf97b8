package policy

// Level is how dangerous a difference between two trust policies is.
type Level int

const (
	Unchanged Level = iota
	Narrowed        // somebody lost trust, or has to meet more conditions
	Changed         // somebody new, but nobody unknown: our accounts, AWS services, one subject of a provider
	LowRisk         // wider than it needs to be, as repo:org/repo:* is
	Weakened        // a protection is gone or was never there; who can use that is not clear
	Opened          // strangers can assume the role
)

func (l Level) String() string {
	switch l {
	case Narrowed:
		return "narrowed"
	case Changed:
		return "changed"
	case LowRisk:
		return "low risk"
	case Weakened:
		return "weakened"
	case Opened:
		return "opened"
	}
	return "unchanged"
}

// Reason says which rule set a grant's level. The values are stable.
type Reason string

const (
	AnyPrincipal        Reason = "any-principal"        // * without a condition that limits it
	AllButSome          Reason = "all-but-some"         // an allowing NotPrincipal
	ForeignAccount      Reason = "foreign-account"      // neither own nor trusted
	ForeignOrganisation Reason = "foreign-organisation" // not among those configured
	ForeignProvider     Reason = "foreign-provider"     // an identity provider of a foreign account
	SubjectMissing      Reason = "subject-missing"      // every user of the identity provider
	SubjectWildcard     Reason = "subject-wildcard"     // more than one project, namespace or the like

	UnknownOrganisation Reason = "unknown-organisation" // none is configured
	AnyoneFromNetwork   Reason = "anyone-from-network"  // * limited by address or virtual network alone
	ActorOnly           Reason = "actor-only"           // who started the job is asked, not which project runs it
	SubjectOptional     Reason = "subject-optional"     // the condition holds for a token without a subject
	SubjectOwnerNew     Reason = "subject-owner-new"    // an organisation that the provider's subjects did not come from so far
	AudienceMissing     Reason = "audience-missing"     // tokens made for somebody else will do
	ConditionLost       Reason = "condition-lost"       // the same principal without a condition that it had to meet
	UnusualService      Reason = "unusual-service"      // not a name of an AWS service
	AnyService          Reason = "any-service"          // * limited to AWS services, or to calls through them
	ServiceForOthers    Reason = "service-for-others"   // a service on behalf of a foreign account
	AnyCertificate      Reason = "any-certificate"      // IAM Roles Anywhere without naming the trust anchor
	UnknownPrincipal    Reason = "unknown-principal"    // no form that IAM has, or an owner that cannot be told

	ProjectWildcard Reason = "project-wildcard" // any branch or job of one project
	LiteralWildcard Reason = "literal-wildcard" // an exact comparison with a star, which no subject has
	OtherProvider   Reason = "other-provider"   // the condition is about another provider's tokens; nobody passes
	GuestsAdmitted  Reason = "guests-admitted"  // a Cognito pool's unauthenticated identities

	NewPrincipal          Reason = "new-principal"
	NewProvider           Reason = "new-provider"
	ConditionChanged      Reason = "condition-changed"
	OrphanedPrincipal     Reason = "orphaned-principal"
	SessionTagsAllowed    Reason = "session-tags-allowed"
	SourceIdentityAllowed Reason = "source-identity-allowed"
	SessionContextAllowed Reason = "session-context-allowed"

	TrustRemoved   Reason = "trust-removed"
	ConditionAdded Reason = "condition-added"
)
