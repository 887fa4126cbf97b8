package trail

import (
	"slices"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// Purpose says what an event is taken in for. It groups the catalogue, and
// tells by which rule an event has to be delivered.
type Purpose string

const (
	IdentityChange Purpose = "identity_change" // somebody's credentials, permissions or trust were changed
	AuditChange    Purpose = "audit_change"    // what is recorded was changed
	Issuance       Purpose = "issuance"        // temporary credentials were issued
	Failure        Purpose = "failure"         // a call was refused for its credential
	Refusal        Purpose = "denial"          // a call was refused for its permissions
	Usage          Purpose = "use"             // a call succeeded
	Threat         Purpose = "threat"          // GuardDuty
	Health         Purpose = "health"          // AWS Health
	Client         Purpose = "client"          // reported by those who call AWS
	Canary         Purpose = "canary"          // tries the way from the event to the alert
	LogLine        Purpose = "log_line"        // found in CloudWatch Logs
	Intake         Purpose = "intake"          // passed on of what was found there; never believed of a bus
	GuardRail      Purpose = "guard_rail"      // no verdict is made of it, but a check is
)

// Entry is one event that is understood. The documentation and the patterns
// that deliver events are made from it.
type Entry struct {
	// Source and Name are CloudTrail's eventSource and eventName. An empty one
	// stands for any. Of what is no CloudTrail record, they are EventBridge's
	// source and detail-type, or the eventTypeCode of AWS Health.
	Source, Name string
	// Codes are the error codes that the event must carry to count; empty means
	// that it must carry none.
	Codes   []string
	Purpose Purpose
	// Kinds are what the event can come to mean; empty means a use alone.
	Kinds []incident.Kind
	Title string
	// Meaning says in a sentence what the event tells.
	Meaning string
	// Reads names the fields that it is read from, beyond who, when and where.
	Reads string

	decode     func(*record) (missing string)
	ofFailures bool // the event tells of failures without an error code
}

// Catalogue lists every event that is understood, in the order of the
// documentation.
func Catalogue() []Entry {
	return slices.Clone(catalogue)
}

const (
	iam    = "iam.amazonaws.com"
	sts    = "sts.amazonaws.com"
	signIn = "signin.amazonaws.com"
	audit  = "cloudtrail.amazonaws.com"
	lambda = "lambda.amazonaws.com"
	ecs    = "ecs.amazonaws.com"
)

// lookup finds what a successful call means, if it is listed. The name decides
// alone where an entry stands for any source.
func lookup(source, name jsonscan.Value) *Entry {
	text, ok := name.Plain()
	if !ok {
		text = name.AppendText(nil)
	}
	e := byName[string(text)]
	if e == nil || e.Source != "" && !source.Is(e.Source) {
		return nil
	}
	return e
}

// byName is the part of the catalogue that is about one call each. No two
// services have a listed call of the same name.
var byName = func() map[string]*Entry {
	index := map[string]*Entry{}
	for i := range catalogue {
		if e := &catalogue[i]; e.decode != nil {
			index[e.Name] = e
		}
	}
	return index
}()

// kinds shortens the table.
func kinds(list ...incident.Kind) []incident.Kind { return list }

// catalogue is the whole list. Adding an event is one entry, and one decoder
// if no other fits.
var catalogue = []Entry{
	// Cut-offs, and what undoes them.
	{
		Name: revokeSessionName, Purpose: IdentityChange, Kinds: kinds(incident.SessionsRevoked), decode: revokeSession,
		Title:   "Sessions revoked, by that name",
		Meaning: "The sessions of a role or user were cut off; AWS itself has no such call, others send it.",
		Reads:   "requestParameters.roleArn, .roleName or .userName",
	},
	{
		Source: iam, Name: "PutRolePolicy", Purpose: IdentityChange, decode: inlinePolicyPut,
		Kinds:   kinds(incident.SessionsRevoked, incident.InlinePolicyPut, incident.QuarantineAttached),
		Title:   "Inline policy written on a role",
		Meaning: "A deny on everything, for sessions issued before a time, for named users or for all, revokes sessions; any other policy edits permissions, and may replace one that revoked.",
		Reads:   "requestParameters.roleName, .policyName, .policyDocument",
	},
	{
		Source: iam, Name: "PutUserPolicy", Purpose: IdentityChange, decode: inlinePolicyPut,
		Kinds:   kinds(incident.SessionsRevoked, incident.InlinePolicyPut, incident.QuarantineAttached),
		Title:   "Inline policy written on a user",
		Meaning: "As for a role; under the name " + exposedName + " it is AWS's own quarantine of a user whose key was found in public.",
		Reads:   "requestParameters.userName, .policyName, .policyDocument",
	},
	{
		Source: iam, Name: "DeleteRolePolicy", Purpose: IdentityChange, decode: inlinePolicyDeleted,
		Kinds:   kinds(incident.InlinePolicyDeleted, incident.QuarantineDetached),
		Title:   "Inline policy deleted from a role",
		Meaning: "If that policy revoked sessions, they work again.",
		Reads:   "requestParameters.roleName, .policyName",
	},
	{
		Source: iam, Name: "DeleteUserPolicy", Purpose: IdentityChange, decode: inlinePolicyDeleted,
		Kinds:   kinds(incident.InlinePolicyDeleted, incident.QuarantineDetached),
		Title:   "Inline policy deleted from a user",
		Meaning: "If that policy revoked sessions or quarantined the user, its credentials work again.",
		Reads:   "requestParameters.userName, .policyName",
	},
	{
		Source: iam, Name: "AttachRolePolicy", Purpose: IdentityChange, decode: policyAttached,
		Kinds:   kinds(incident.PolicyAttached, incident.QuarantineAttached),
		Title:   "Managed policy attached to a role",
		Meaning: "It revokes if the policy does: AWS's " + denyAllName + ", or one whose revoking version was seen being written.",
		Reads:   "requestParameters.roleName, .policyArn",
	},
	{
		Source: iam, Name: "AttachUserPolicy", Purpose: IdentityChange, decode: policyAttached,
		Kinds:   kinds(incident.PolicyAttached, incident.QuarantineAttached),
		Title:   "Managed policy attached to a user",
		Meaning: "As for a role; a policy of AWS named " + quarantineName + ", in whichever version and partition, says that AWS found the user's key in public.",
		Reads:   "requestParameters.userName, .policyArn",
	},
	{
		Source: iam, Name: "DetachRolePolicy", Purpose: IdentityChange, decode: policyDetached,
		Kinds:   kinds(incident.PolicyDetached, incident.QuarantineDetached),
		Title:   "Managed policy detached from a role",
		Meaning: "Permissions were taken away, or a containment was lifted; calls are then denied, never invalid.",
		Reads:   "requestParameters.roleName, .policyArn",
	},
	{
		Source: iam, Name: "DetachUserPolicy", Purpose: IdentityChange, decode: policyDetached,
		Kinds:   kinds(incident.PolicyDetached, incident.QuarantineDetached),
		Title:   "Managed policy detached from a user",
		Meaning: "Permissions were taken away, or a containment or quarantine was lifted.",
		Reads:   "requestParameters.userName, .policyArn",
	},
	{
		Source: iam, Name: "CreatePolicy", Purpose: IdentityChange, decode: policyCreated,
		Kinds:   kinds(incident.ManagedPolicyWritten),
		Title:   "Managed policy created",
		Meaning: "Whether it revokes is known from here on; it concerns whoever it is attached to.",
		Reads:   "requestParameters.policyName, .policyDocument, responseElements.policy.arn",
	},
	{
		Source: iam, Name: "CreatePolicyVersion", Purpose: IdentityChange, decode: policyVersionCreated,
		Kinds:   kinds(incident.ManagedPolicyWritten),
		Title:   "Managed policy rewritten",
		Meaning: "If the version became the one in force and revokes, the sessions of all who have the policy are cut off.",
		Reads:   "requestParameters.policyArn, .policyDocument, .setAsDefault",
	},
	{
		Source: iam, Name: "SetDefaultPolicyVersion", Purpose: IdentityChange, decode: policyVersionChosen,
		Kinds:   kinds(incident.ManagedPolicyWritten),
		Title:   "Another version of a managed policy put in force",
		Meaning: "What the version says is not in the event; it may put a revocation in force or out of it.",
		Reads:   "requestParameters.policyArn",
	},
	{
		Source: iam, Name: "PutRolePermissionsBoundary", Purpose: IdentityChange, decode: boundaryPut,
		Kinds:   kinds(incident.BoundaryPut),
		Title:   "Permissions boundary put on a role",
		Meaning: "The role can do at most what the boundary allows. It revokes if the policy does, as one that is attached.",
		Reads:   "requestParameters.roleName, .permissionsBoundary",
	},
	{
		Source: iam, Name: "PutUserPermissionsBoundary", Purpose: IdentityChange, decode: boundaryPut,
		Kinds:   kinds(incident.BoundaryPut),
		Title:   "Permissions boundary put on a user",
		Meaning: "As for a role.",
		Reads:   "requestParameters.userName, .permissionsBoundary",
	},
	{
		Source: iam, Name: "DeleteRolePermissionsBoundary", Purpose: IdentityChange, decode: boundaryDeleted,
		Kinds:   kinds(incident.BoundaryDeleted),
		Title:   "Permissions boundary taken off a role",
		Meaning: "What the boundary held back is allowed again; a containment may have been lifted.",
		Reads:   "requestParameters.roleName",
	},
	{
		Source: iam, Name: "DeleteUserPermissionsBoundary", Purpose: IdentityChange, decode: boundaryDeleted,
		Kinds:   kinds(incident.BoundaryDeleted),
		Title:   "Permissions boundary taken off a user",
		Meaning: "What the boundary held back is allowed again; a containment may have been lifted.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "UpdateAccessKey", Purpose: IdentityChange, decode: keyStatusChanged,
		Kinds:   kinds(incident.KeyStatusChanged),
		Title:   "Access key switched on or off",
		Meaning: "A key that is switched off stops working; sessions made with it live on.",
		Reads:   "requestParameters.userName (the caller's own key without it), .accessKeyId, .status",
	},
	{
		Source: iam, Name: "DeleteAccessKey", Purpose: IdentityChange, decode: keyDeleted,
		Kinds:   kinds(incident.KeyDeleted),
		Title:   "Access key deleted",
		Meaning: "The key is unknown to AWS from here on; sessions made with it live on.",
		Reads:   "requestParameters.userName (the caller's own key without it), .accessKeyId",
	},

	// Identity changes.
	{
		Source: iam, Name: "CreateAccessKey", Purpose: IdentityChange, decode: keyCreated,
		Kinds:   kinds(incident.KeyCreated),
		Title:   "Access key created",
		Meaning: "A user has another key: the start of a rotation, or of a back door.",
		Reads:   "responseElements.accessKey.accessKeyId, .userName, requestParameters.userName",
	},
	{
		Source: iam, Name: "CreateLoginProfile", Purpose: IdentityChange, decode: userEvent(incident.LoginProfileCreated),
		Kinds:   kinds(incident.LoginProfileCreated),
		Title:   "Console password added",
		Meaning: "A user can sign in to the console that could not before.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "UpdateLoginProfile", Purpose: IdentityChange, decode: userEvent(incident.LoginProfileUpdated),
		Kinds:   kinds(incident.LoginProfileUpdated),
		Title:   "Console password replaced",
		Meaning: "Whoever set it can sign in as the user.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "DeleteLoginProfile", Purpose: IdentityChange, decode: userEvent(incident.LoginProfileDeleted),
		Kinds:   kinds(incident.LoginProfileDeleted),
		Title:   "Console password removed",
		Meaning: "The user can no longer sign in to the console; its keys work on.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "DeactivateMFADevice", Purpose: IdentityChange, decode: userEvent(incident.MFADeactivated),
		Kinds:   kinds(incident.MFADeactivated),
		Title:   "Second factor switched off",
		Meaning: "The user's password alone is enough to sign in.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "DeleteVirtualMFADevice", Purpose: IdentityChange, decode: mfaDeleted,
		Kinds:   kinds(incident.MFADeactivated),
		Title:   "Virtual second factor deleted",
		Meaning: "A device is gone; whose it was, its deactivation before says.",
		Reads:   "requestParameters.serialNumber",
	},
	{
		Source: iam, Name: "CreateUser", Purpose: IdentityChange, decode: userCreated,
		Kinds:   kinds(incident.UserCreated),
		Title:   "User created",
		Meaning: "Who created it owns it; its tags say whose problem it is.",
		Reads:   "requestParameters.userName, .tags, responseElements.user",
	},
	{
		Source: iam, Name: "DeleteUser", Purpose: IdentityChange, decode: userEvent(incident.UserDeleted),
		Kinds:   kinds(incident.UserDeleted),
		Title:   "User deleted",
		Meaning: "The user and its keys are gone.",
		Reads:   "requestParameters.userName",
	},
	{
		Source: iam, Name: "CreateRole", Purpose: IdentityChange, decode: roleCreated,
		Kinds:   kinds(incident.RoleCreated),
		Title:   "Role created",
		Meaning: "Who created it owns it, and its trust policy is known from here on; under the name of a deleted role it is a new one, which old trust does not mean.",
		Reads:   "requestParameters.roleName, .assumeRolePolicyDocument, .tags, responseElements.role",
	},
	{
		Source: iam, Name: "CreateServiceLinkedRole", Purpose: IdentityChange, decode: roleCreated,
		Kinds:   kinds(incident.RoleCreated),
		Title:   "Service-linked role created",
		Meaning: "An AWS service has a role of its own in the account.",
		Reads:   "responseElements.role",
	},
	{
		Source: iam, Name: "UpdateRole", Purpose: IdentityChange, decode: roleUpdated,
		Kinds:   kinds(incident.RoleUpdated),
		Title:   "Role's session duration changed",
		Meaning: "How long its sessions may last changed; live ones keep their end.",
		Reads:   "requestParameters.roleName, .maxSessionDuration",
	},
	{
		Source: iam, Name: "DeleteRole", Purpose: IdentityChange, decode: roleEvent(incident.RoleDeleted),
		Kinds:   kinds(incident.RoleDeleted),
		Title:   "Role deleted",
		Meaning: "Its sessions die and nobody can assume it; since those calls fail authentication, the sign is silence.",
		Reads:   "requestParameters.roleName",
	},
	{
		Source: iam, Name: "DeleteServiceLinkedRole", Purpose: IdentityChange, decode: roleEvent(incident.RoleDeleted),
		Kinds:   kinds(incident.RoleDeleted),
		Title:   "Service-linked role deleted",
		Meaning: "AWS was asked to delete a service's own role, and does so once no session needs it.",
		Reads:   "requestParameters.roleName",
	},
	{
		Source: iam, Name: "RemoveRoleFromInstanceProfile", Purpose: IdentityChange, decode: instanceProfileRemoved,
		Kinds:   kinds(incident.InstanceProfileRemoved),
		Title:   "Role taken out of an instance profile",
		Meaning: "Instances with that profile get no new credentials; it also precedes every deletion of such a role.",
		Reads:   "requestParameters.roleName, .instanceProfileName",
	},
	{
		Source: iam, Name: "UpdateAssumeRolePolicy", Purpose: IdentityChange, decode: trustChanged,
		Kinds:   kinds(incident.TrustChanged),
		Title:   "Trust policy replaced",
		Meaning: "Who may assume the role changed; live sessions are not touched.",
		Reads:   "requestParameters.roleName, .policyDocument",
	},
	{
		Source: iam, Name: "TagRole", Purpose: IdentityChange, decode: tagsPut,
		Kinds:   kinds(incident.TagsChanged),
		Title:   "Role tagged",
		Meaning: "Its tags say whose it is, which routes can go by; no verdict is made of them. A value that could be a secret is not kept.",
		Reads:   "requestParameters.roleName, .tags",
	},
	{
		Source: iam, Name: "UntagRole", Purpose: IdentityChange, decode: tagsTaken,
		Kinds:   kinds(incident.TagsChanged),
		Title:   "Tags taken off a role",
		Meaning: "What they said of it holds no more.",
		Reads:   "requestParameters.roleName, .tagKeys",
	},
	{
		Source: iam, Name: "TagUser", Purpose: IdentityChange, decode: tagsPut,
		Kinds:   kinds(incident.TagsChanged),
		Title:   "User tagged",
		Meaning: "As for a role.",
		Reads:   "requestParameters.userName, .tags",
	},
	{
		Source: iam, Name: "UntagUser", Purpose: IdentityChange, decode: tagsTaken,
		Kinds:   kinds(incident.TagsChanged),
		Title:   "Tags taken off a user",
		Meaning: "As for a role.",
		Reads:   "requestParameters.userName, .tagKeys",
	},
	{
		Source: iam, Name: "CreateSAMLProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderCreated),
		Kinds:   kinds(incident.ProviderCreated),
		Title:   "SAML provider created",
		Meaning: "Roles can be made to trust whom this provider vouches for.",
		Reads:   "responseElements.sAMLProviderArn, requestParameters.name",
	},
	{
		Source: iam, Name: "UpdateSAMLProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderChanged),
		Kinds:   kinds(incident.ProviderChanged),
		Title:   "SAML provider's metadata replaced",
		Meaning: "Another key can sign for everybody who comes through it, and the old one may not any more.",
		Reads:   "requestParameters.sAMLProviderArn",
	},
	{
		Source: iam, Name: "DeleteSAMLProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderDeleted),
		Kinds:   kinds(incident.ProviderDeleted),
		Title:   "SAML provider deleted",
		Meaning: "Every role that trusts it can no longer be assumed through it, though the roles look unchanged.",
		Reads:   "requestParameters.sAMLProviderArn",
	},
	{
		Source: iam, Name: "CreateOpenIDConnectProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderCreated),
		Kinds:   kinds(incident.ProviderCreated),
		Title:   "OIDC provider created",
		Meaning: "Roles can be made to trust whom this provider vouches for.",
		Reads:   "responseElements.openIDConnectProviderArn, requestParameters.url",
	},
	{
		Source: iam, Name: "DeleteOpenIDConnectProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderDeleted),
		Kinds:   kinds(incident.ProviderDeleted),
		Title:   "OIDC provider deleted",
		Meaning: "Every role that trusts it can no longer be assumed through it, though the roles look unchanged.",
		Reads:   "requestParameters.openIDConnectProviderArn",
	},
	{
		Source: iam, Name: "AddClientIDToOpenIDConnectProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderChanged),
		Kinds:   kinds(incident.ProviderChanged),
		Title:   "Audience added to an OIDC provider",
		Meaning: "Tokens made for one more audience are accepted.",
		Reads:   "requestParameters.openIDConnectProviderArn, .clientID",
	},
	{
		Source: iam, Name: "RemoveClientIDFromOpenIDConnectProvider", Purpose: IdentityChange, decode: providerEvent(incident.ProviderChanged),
		Kinds:   kinds(incident.ProviderChanged),
		Title:   "Audience removed from an OIDC provider",
		Meaning: "Tokens made for that audience are refused from here on.",
		Reads:   "requestParameters.openIDConnectProviderArn, .clientID",
	},
	{
		Source: iam, Name: "UpdateOpenIDConnectProviderThumbprint", Purpose: IdentityChange, decode: providerEvent(incident.ProviderChanged),
		Kinds:   kinds(incident.ProviderChanged),
		Title:   "OIDC provider's thumbprints replaced",
		Meaning: "Which certificates prove the provider changed; wrong ones break every federation through it.",
		Reads:   "requestParameters.openIDConnectProviderArn",
	},
	{
		Source: iam, Name: "SetSecurityTokenServicePreferences", Purpose: IdentityChange, decode: stsPreferenceChanged,
		Kinds:   kinds(incident.STSPreferenceChanged),
		Title:   "Version of the global endpoint's tokens changed",
		Meaning: "Tokens of the first version are invalid in the Regions that have to be enabled.",
		Reads:   "requestParameters.globalEndpointTokenVersion",
	},

	// The audit trail.
	{
		Source: audit, Name: "CreateTrail", Purpose: AuditChange, decode: trailEvent(incident.TrailStarted),
		Kinds:   kinds(incident.TrailStarted),
		Title:   "Trail created",
		Meaning: "Who created it owns it.",
		Reads:   "requestParameters.name",
	},
	{
		Source: audit, Name: "StartLogging", Purpose: AuditChange, decode: trailEvent(incident.TrailStarted),
		Kinds:   kinds(incident.TrailStarted),
		Title:   "Trail switched on",
		Meaning: "It records from here on.",
		Reads:   "requestParameters.name",
	},
	{
		Source: audit, Name: "StopLogging", Purpose: AuditChange, decode: trailEvent(incident.TrailStopped),
		Kinds:   kinds(incident.TrailStopped),
		Title:   "Trail switched off",
		Meaning: "It records nothing from here on.",
		Reads:   "requestParameters.name",
	},
	{
		Source: audit, Name: "DeleteTrail", Purpose: AuditChange, decode: trailEvent(incident.TrailDeleted),
		Kinds:   kinds(incident.TrailDeleted),
		Title:   "Trail deleted",
		Meaning: "It records nothing from here on.",
		Reads:   "requestParameters.name",
	},
	{
		Source: audit, Name: "UpdateTrail", Purpose: AuditChange, decode: trailUpdated,
		Kinds:   kinds(incident.TrailUpdated),
		Title:   "Trail changed",
		Meaning: "It records less if other Regions, global services or the proof of integrity were switched off, or if its bucket alone was changed.",
		Reads:   "requestParameters.name, .isMultiRegionTrail, .includeGlobalServiceEvents, .enableLogFileValidation, .s3BucketName",
	},
	{
		Source: audit, Name: "PutEventSelectors", Purpose: AuditChange, decode: selectorsChanged,
		Kinds:   kinds(incident.SelectorsChanged),
		Title:   "Trail's event selectors replaced",
		Meaning: "It records less if management events are left out, all of them, those that read, or those that write.",
		Reads:   "requestParameters.eventSelectors, .advancedEventSelectors",
	},

	// Issuance.
	{
		Source: sts, Name: "AssumeRole", Purpose: Issuance, decode: assumeRole,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Role assumed",
		Meaning: "Says which key speaks for the role, until when, and who asked: a user, another role's session, another account or an AWS service.",
		Reads:   "requestParameters.roleArn, .roleSessionName, .durationSeconds, .tags and those passed on, responseElements.credentials.accessKeyId, .expiration",
	},
	{
		Source: sts, Name: "AssumeRoleWithSAML", Purpose: Issuance, decode: assumeRole,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Role assumed with a SAML assertion",
		Meaning: "As AssumeRole; says which provider vouched for whom.",
		Reads:   "as AssumeRole, and requestParameters.principalArn, .principalTags, responseElements.subject",
	},
	{
		Source: sts, Name: "AssumeRoleWithWebIdentity", Purpose: Issuance, decode: assumeRole,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Role assumed with an OIDC token",
		Meaning: "As AssumeRole; says which provider vouched for whom.",
		Reads:   "as AssumeRole, and requestParameters.principalTags, responseElements.provider, .subjectFromWebIdentityToken",
	},
	{
		Source: sts, Name: "AssumeRoot", Purpose: Issuance, decode: assumeRoot,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Root user of a member account assumed",
		Meaning: "Says which key acts as that account's root user, and until when.",
		Reads:   "requestParameters.targetPrincipal, .taskPolicyArn, responseElements.credentials.accessKeyId, .expiration",
	},
	{
		Source: sts, Name: "GetSessionToken", Purpose: Issuance, decode: sessionToken,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Session token taken by a user",
		Meaning: "Says which temporary key speaks for the user, until when, and of which key it is a child.",
		Reads:   "requestParameters.durationSeconds, responseElements.credentials.accessKeyId, .expiration",
	},
	{
		Source: sts, Name: "GetFederationToken", Purpose: Issuance, decode: federationToken,
		Kinds:   kinds(incident.SessionIssued),
		Title:   "Federation token taken by a user",
		Meaning: "As GetSessionToken, under a name of the user's choice; it outlives the key that it was taken with.",
		Reads:   "requestParameters.name, .durationSeconds, responseElements.credentials.accessKeyId, .expiration",
	},

	// Failures and denials, of whichever call.
	{
		Purpose: Failure, Codes: recordedCodes, Kinds: kinds(incident.CredentialFailed),
		Title:   "Call refused for its credential",
		Meaning: "CloudTrail records such calls rarely, if ever, but for those that present an OIDC token or a SAML assertion; where it does, its word counts.",
		Reads:   "errorCode, errorMessage (reduced to a reason), requestParameters.roleArn",
	},
	{
		Purpose: Refusal, Codes: denialCodes, Kinds: kinds(incident.CallDenied),
		Title:   "Call refused for its permissions",
		Meaning: "The caller was authenticated and not allowed; an explicit deny can be a revocation at work, an implicit one is a missing permission.",
		Reads:   "errorCode, errorMessage (reduced to action, resource and the kind of policy), requestParameters",
	},
	{
		Source: signIn, Name: "ConsoleLogin", Purpose: Failure, Kinds: kinds(incident.SignInFailed),
		decode: consoleLogin, ofFailures: true,
		Title:   "Sign-in to the console",
		Meaning: "A failed one is a wrong password or second factor; one that succeeded is a use.",
		Reads:   "responseElements.ConsoleLogin, additionalEventData.MFAUsed",
	},

	// Guard rails.
	{
		Source: lambda, Name: "CreateFunction20150331", Purpose: GuardRail, decode: functionConfigured,
		Kinds:   kinds(incident.StaticCredentials),
		Title:   "Function created",
		Meaning: "Its environment may hold an access key, where a role would do. CloudTrail leaves the variables out, says AWS; a record that has them is read.",
		Reads:   "requestParameters.functionName, .environment.variables",
	},
	{
		Source: lambda, Name: "UpdateFunctionConfiguration20150331v2", Purpose: GuardRail, decode: functionConfigured,
		Kinds:   kinds(incident.StaticCredentials),
		Title:   "Function configured",
		Meaning: "As for a function that is created.",
		Reads:   "requestParameters.functionName, .environment.variables",
	},
	{
		Source: ecs, Name: "RegisterTaskDefinition", Purpose: GuardRail, decode: taskRegistered,
		Kinds:   kinds(incident.StaticCredentials),
		Title:   "Task definition registered",
		Meaning: "The environment of one of its containers may hold an access key, where a task role would do. What comes from Secrets Manager or Parameter Store is not looked at.",
		Reads:   "requestParameters.family, .containerDefinitions.environment",
	},

	// Use.
	{
		Source: sts, Name: "GetCallerIdentity", Purpose: Usage,
		Title:   "Credentials tried out",
		Meaning: "No policy can deny this call, so it succeeds even for a revoked session: somebody looks whether the key still lives.",
		Reads:   "userIdentity, sourceIPAddress, userAgent",
	},
	{
		Purpose: Usage,
		Title:   "Any call that succeeded",
		Meaning: "Tells the networks, clients and services that are usual for a principal.",
		Reads:   "userIdentity, sourceIPAddress, userAgent",
	},

	// What others found out.
	{
		Source: "aws.guardduty", Name: "GuardDuty Finding", Purpose: Threat, Kinds: kinds(incident.ThreatFinding),
		Title:   "GuardDuty finding about an access key",
		Meaning: "AWS's own detector saw the key behave as a stolen one does, or used in a sequence of an attack; sample and archived findings do not count.",
		Reads:   "detail.type, .severity, .resource.accessKeyDetails, .service.detection.sequence.actors, .service.eventFirstSeen, .service.action",
	},
	{
		Source: "aws.health", Name: "AWS_RISK_CREDENTIALS_EXPOSED", Purpose: Health, Kinds: kinds(incident.ExposureNotice),
		Title:   "AWS found a key in public",
		Meaning: "The strongest evidence there is: the secret key is known to strangers.",
		Reads:   "detail.affectedEntities, .eventDescription, .startTime",
	},
	{
		Source: "aws.health", Name: "AWS_RISK_CREDENTIALS_COMPROMISED", Purpose: Health, Kinds: kinds(incident.ExposureNotice),
		Title:   "AWS saw a key in the wrong hands",
		Meaning: "As for an exposed key, and somebody used it.",
		Reads:   "detail.affectedEntities, .eventDescription, .startTime",
	},
	{
		Source: "aws.health", Name: "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED", Purpose: Health, Kinds: kinds(incident.ExposureNotice),
		Title:   "AWS suspects that a key is public",
		Meaning: "As for an exposed key, with less certainty.",
		Reads:   "detail.affectedEntities, .eventDescription, .startTime",
	},

	// What those who call AWS report themselves.
	{
		Source: "trailverdict.client", Name: "AWS Credential Failure", Purpose: Client, Codes: clientCodes, Kinds: kinds(incident.CredentialFailed),
		Title:   "Credential failure seen by a client",
		Meaning: "The call failed authentication, so CloudTrail has no record of it; a claim by whoever sent it.",
		Reads:   "detail.errorCode, .eventTime, .accessKeyId, .principalArn, .workload, .operation, .count",
	},
	{
		Source: "trailverdict.client", Name: "AWS Credential Exposure", Purpose: Intake, Kinds: kinds(incident.CredentialExposed),
		Title:   "Credential found in the open",
		Meaning: "A session token or secret key was seen where it should not be. It is how the intake passes on what a log line told, by the queue; no bus delivers it, since it makes a compromise.",
		Reads:   "detail.what, .where, .eventTime, .accessKeyId, .principalArn, .workload",
	},
	{
		Source: CanarySource, Name: CanaryDetailType, Purpose: Canary,
		Title:   "Canary",
		Meaning: "Somebody tries whether events become alerts. It is evidence of nothing: it comes out as a test alert, and a replay passes over it.",
		Reads:   "detail.canaryId, .sentAt",
	},
	{
		Source: "aws.logs", Purpose: LogLine, Kinds: kinds(incident.CredentialFailed, incident.CredentialExposed),
		Title:   "Log line of an application",
		Meaning: "An AWS SDK's error text tells of a failed credential; a session token or secret key in clear tells that it leaked. The line itself is dropped.",
		Reads:   "logEvents.message",
	},
}
