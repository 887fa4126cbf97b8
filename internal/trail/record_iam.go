package trail

import (
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// The decoders of IAM's writes. Each fills in what its call means and returns
// the name of a field that it could not do without, or nothing.

const (
	// revokeSessionName is the event that AWS does not have.
	revokeSessionName = "RevokeSession"
	// revokeName is what the console and AWS's playbooks name the inline policy
	// that revokes sessions.
	revokeName = "AWSRevokeOlderSessions"
	// exposedName is the inline policy by which AWS quarantined users before it
	// had managed policies for it.
	exposedName = "AWSExposedCredentialPolicy_DO_NOT_REMOVE"
	// quarantineName begins the name of the managed policies that AWS attaches
	// to users whose keys it found in public, in every version.
	quarantineName = "AWSCompromisedKeyQuarantine"
	// denyAllName is the managed policy of AWS that denies everything.
	denyAllName = "AWSDenyAll"
)

// revokeSession decodes the literal event of that name. AWS has no such call;
// those who send it mean the sessions issued until then.
func revokeSession(r *record) string {
	name := firstText(r.params.Get("roleArn"), r.params.Get("roleName"))
	kind := incident.Role
	if name == "" {
		name, kind = r.params.Get("userName").Str(), incident.User
	}
	if !r.setTarget(kind, name) {
		return "requestParameters.roleName"
	}
	r.sig.Kind = incident.SessionsRevoked
	r.sig.Revocation = &incident.Revocation{IssuedBefore: r.sig.Time, Literal: true}
	return ""
}

// inlinePolicyPut decodes PutRolePolicy and PutUserPolicy. Whether it revokes
// is told by the document. One that cannot be read is trusted by its name.
func inlinePolicyPut(r *record) string {
	name := r.params.Get("policyName").Str()
	if missing := r.target(); missing != "" {
		return missing
	}
	r.sig.Policy = &incident.Policy{Name: name}
	doc, err := policy.Parse(text(r.params.Get("policyDocument")))
	revocation := policy.Revocation(doc)
	if err != nil && name == revokeName {
		revocation = &incident.Revocation{IssuedBefore: r.sig.Time}
	}
	switch {
	case quarantines(name):
		r.sig.Kind = incident.QuarantineAttached
	case revocation != nil:
		r.sig.Kind, r.sig.Revocation = incident.SessionsRevoked, revocation
	case name == "":
		return "requestParameters.policyName"
	default:
		r.sig.Kind = incident.InlinePolicyPut
	}
	return ""
}

func inlinePolicyDeleted(r *record) string {
	name := r.params.Get("policyName").Str()
	if name == "" {
		return "requestParameters.policyName"
	}
	r.sig.Policy = &incident.Policy{Name: name}
	r.sig.Kind = incident.InlinePolicyDeleted
	if quarantines(name) {
		r.sig.Kind = incident.QuarantineDetached
	}
	return r.target()
}

// quarantines reports whether an inline policy is one of those that AWS puts on
// a user whose key was found in public, of either generation.
func quarantines(name string) bool {
	return name == exposedName || strings.HasPrefix(name, quarantineName)
}

func policyAttached(r *record) string {
	p, missing := r.managedPolicy()
	if missing != "" {
		return missing
	}
	r.sig.Policy = p
	switch {
	case isQuarantine(p):
		r.sig.Kind = incident.QuarantineAttached
	case deniesAll(p):
		r.sig.Kind, r.sig.Revocation = incident.PolicyAttached, &incident.Revocation{}
	default:
		r.sig.Kind = incident.PolicyAttached
	}
	return r.target()
}

func policyDetached(r *record) string {
	p, missing := r.managedPolicy()
	if missing != "" {
		return missing
	}
	r.sig.Policy = p
	r.sig.Kind = incident.PolicyDetached
	if isQuarantine(p) {
		r.sig.Kind = incident.QuarantineDetached
	}
	return r.target()
}

// managedPolicy is the policy that policyArn names.
func (r *record) managedPolicy() (p *incident.Policy, missing string) {
	p, ok := policyByARN(r.params.Get("policyArn").Str())
	if !ok {
		return nil, "requestParameters.policyArn"
	}
	return p, ""
}

func policyByARN(text string) (*incident.Policy, bool) {
	a, ok := parseARN(text)
	p := &incident.Policy{Name: lastPart(text), ARN: text}
	return p, ok && strings.HasPrefix(a.resource, "policy/") && iamName(p.Name)
}

// ofAWS reports whether a managed policy is one of AWS's own, which no
// customer can change or imitate.
func ofAWS(p *incident.Policy) bool {
	a, ok := parseARN(p.ARN)
	return ok && a.service == "iam" && strings.Contains(p.ARN, ":iam::aws:policy/")
}

func deniesAll(p *incident.Policy) bool { return ofAWS(p) && p.Name == denyAllName }

func isQuarantine(p *incident.Policy) bool {
	return ofAWS(p) && strings.HasPrefix(p.Name, quarantineName)
}

// policyCreated decodes CreatePolicy: its first version is the one in force.
func policyCreated(r *record) string {
	p, ok := policyByARN(r.response.Get("policy", "arn").Str())
	if !ok {
		p = &incident.Policy{Name: r.params.Get("policyName").Str()}
	}
	if p.Name == "" {
		return "requestParameters.policyName"
	}
	p.SetDefault = true
	r.policyWritten(p)
	return ""
}

func policyVersionCreated(r *record) string {
	p, missing := r.managedPolicy()
	if missing != "" {
		return missing
	}
	p.SetDefault, _ = r.params.Get("setAsDefault").Bool()
	r.policyWritten(p)
	return ""
}

func policyVersionChosen(r *record) string {
	p, missing := r.managedPolicy()
	if missing != "" {
		return missing
	}
	p.SetDefault = true
	r.policyWritten(p)
	return ""
}

// policyWritten is common to the writes of a managed policy. It concerns
// nobody by itself: whoever has the policy attached is not in the record.
func (r *record) policyWritten(p *incident.Policy) {
	r.sig.Kind, r.sig.Policy, r.sig.Resource = incident.ManagedPolicyWritten, p, p.ARN
	if r.sig.Resource == "" {
		r.sig.Resource = p.Name
	}
	if doc, err := policy.Parse(text(r.params.Get("policyDocument"))); err == nil {
		r.sig.Revocation = policy.Revocation(doc)
	}
}

func boundaryPut(r *record) string {
	p, ok := policyByARN(r.params.Get("permissionsBoundary").Str())
	if !ok {
		return "requestParameters.permissionsBoundary"
	}
	r.sig.Kind, r.sig.Policy = incident.BoundaryPut, p
	if deniesAll(p) {
		r.sig.Revocation = &incident.Revocation{}
	}
	return r.target()
}

func boundaryDeleted(r *record) string {
	r.sig.Kind = incident.BoundaryDeleted
	return r.target()
}

func keyStatusChanged(r *record) string {
	r.sig.Kind = incident.KeyStatusChanged
	for _, status := range []string{"Active", "Inactive", "Expired"} {
		if strings.EqualFold(r.params.Get("status").Str(), status) {
			r.sig.KeyStatus = status
		}
	}
	if r.sig.KeyStatus == "" {
		return "requestParameters.status"
	}
	return r.ownKey()
}

func keyDeleted(r *record) string {
	r.sig.Kind = incident.KeyDeleted
	return r.ownKey()
}

// ownKey reads whose key is meant, and which.
func (r *record) ownKey() string {
	if r.sig.Key = keyID(r.params.Get("accessKeyId").Str()); r.sig.Key == "" {
		return "requestParameters.accessKeyId"
	}
	return r.targetUser()
}

// keyCreated decodes CreateAccessKey. The response names the user even where
// the request, made for oneself, did not.
func keyCreated(r *record) string {
	made := r.response.Get("accessKey")
	r.sig.Kind = incident.KeyCreated
	r.sig.Key = keyID(made.Get("accessKeyId").Str())
	if r.setTarget(incident.User, made.Get("userName").Str()) {
		return ""
	}
	return r.targetUser()
}

// userEvent makes a decoder of a call whose whole meaning is its kind and the
// user it was about.
func userEvent(kind incident.Kind) func(*record) string {
	return func(r *record) string {
		r.sig.Kind = kind
		return r.targetUser()
	}
}

func userCreated(r *record) string {
	r.sig.Kind = incident.UserCreated
	r.createdWith()
	missing := r.targetUser()
	r.spelled(r.response.Get("user"), "userId")
	return missing
}

// mfaDeleted decodes DeleteVirtualMFADevice, which names the device alone. Its
// user lost it before, by DeactivateMFADevice.
func mfaDeleted(r *record) string {
	if r.sig.Resource = r.params.Get("serialNumber").Str(); r.sig.Resource == "" {
		return "requestParameters.serialNumber"
	}
	r.sig.Kind = incident.MFADeactivated
	return r.targetAccount()
}

// roleEvent makes a decoder of a call whose whole meaning is its kind and the
// role it was about.
func roleEvent(kind incident.Kind) func(*record) string {
	return func(r *record) string {
		r.sig.Kind = kind
		return r.targetRole()
	}
}

func roleCreated(r *record) string {
	made := r.response.Get("role")
	r.sig.Kind = incident.RoleCreated
	r.setMaxSession()
	r.createdWith()
	if document := firstText(r.params.Get("assumeRolePolicyDocument"), made.Get("assumeRolePolicyDocument")); document != "" {
		trust := policy.Trust(document)
		r.sig.Trust = &trust
	}
	if r.setTarget(incident.Role, made.Get("roleName").Str()) {
		r.spelled(made, "roleId")
		return ""
	}
	return r.targetRole()
}

func roleUpdated(r *record) string {
	r.sig.Kind = incident.RoleUpdated
	r.setMaxSession()
	return r.targetRole()
}

func (r *record) setMaxSession() {
	if seconds, ok := r.params.Get("maxSessionDuration").Int(); ok && seconds > 0 && seconds <= maxLifetime {
		r.sig.MaxSession = time.Duration(seconds) * time.Second
	}
}

func trustChanged(r *record) string {
	r.sig.Kind = incident.TrustChanged
	trust := policy.Trust(text(r.params.Get("policyDocument")))
	r.sig.Trust = &trust
	return r.targetRole()
}

func instanceProfileRemoved(r *record) string {
	r.sig.Kind = incident.InstanceProfileRemoved
	r.sig.Resource = r.params.Get("instanceProfileName").Str()
	return r.targetRole()
}

// providerEvent makes a decoder of the calls about SAML and OIDC providers.
// The name of the provider's ARN differs between request and response, and
// between the two kinds.
func providerEvent(kind incident.Kind) func(*record) string {
	return func(r *record) string {
		name := firstText(
			r.params.Get("sAMLProviderArn"), r.params.Get("openIDConnectProviderArn"),
			r.response.Get("sAMLProviderArn"), r.response.Get("openIDConnectProviderArn"),
		)
		if name == "" {
			name = r.providerMade()
		}
		name = resourceName(name)
		if name == "" {
			return "requestParameters"
		}
		r.sig.Kind = kind
		r.sig.Resource = r.params.Get("clientID").Str()
		r.sig.Target = incident.Principal{Type: incident.Federated, Name: name}
		if a, ok := parseARN(name); ok {
			r.sig.Target.Partition, r.sig.Target.Account, r.sig.Target.ARN = a.partition, a.account, name
		}
		return ""
	}
}

// providerMade builds the ARN of a provider from the request that made it.
func (r *record) providerMade() string {
	prefix := "arn:" + r.sig.Partition + ":iam::" + r.sig.Account
	if host := strings.TrimPrefix(r.params.Get("url").Str(), "https://"); host != "" {
		return prefix + ":oidc-provider/" + strings.TrimSuffix(host, "/")
	}
	if name := r.params.Get("name").Str(); name != "" {
		return prefix + ":saml-provider/" + name
	}
	return ""
}

func stsPreferenceChanged(r *record) string {
	r.sig.Kind = incident.STSPreferenceChanged
	r.sig.Resource = r.params.Get("globalEndpointTokenVersion").Str()
	return r.targetAccount()
}

// target reads the role or user that the parameters name.
func (r *record) target() string {
	if r.params.Get("roleName").Str() != "" {
		return r.targetRole()
	}
	if r.params.Get("userName").Str() != "" {
		return r.targetUser()
	}
	if strings.Contains(r.name.Str(), "User") {
		return "requestParameters.userName"
	}
	return "requestParameters.roleName"
}

func (r *record) targetRole() string {
	if !r.setTarget(incident.Role, r.params.Get("roleName").Str()) {
		return "requestParameters.roleName"
	}
	return ""
}

// targetUser reads the user that the parameters name. Without a name, IAM
// takes the owner of the key that signed the call.
func (r *record) targetUser() string {
	name := r.params.Get("userName").Str()
	own := r.sig.Actor.Type == incident.User || r.sig.Actor.Type == incident.Account && !r.from.Foreign
	switch {
	case r.setTarget(incident.User, name):
	case name == "" && own:
		r.sig.Target = r.sig.Actor.Principal
	default:
		return "requestParameters.userName"
	}
	return ""
}

func (r *record) targetAccount() string {
	if r.sig.Account == "" {
		return "recipientAccountId"
	}
	r.sig.Target = incident.Principal{Type: incident.Account, Account: r.sig.Account, Name: r.sig.Account}
	return ""
}

// setTarget makes the role or user of that name, or of that ARN, the target.
// It reports false for what cannot be one's name.
func (r *record) setTarget(kind incident.PrincipalType, name string) bool {
	if p, _, ok := principalOf(name); ok && p.Type == kind {
		r.sig.Target = p
		return true
	}
	if !iamName(name) {
		return false
	}
	r.sig.Target = incident.Principal{Type: kind, Partition: r.sig.Partition, Account: r.sig.Account, Name: name}
	return true
}

// iamName reports whether IAM lets a role or user have that name.
func iamName(s string) bool {
	if s == "" || len(s) > 128 || s == hidden {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool { return !strings.ContainsRune("_+=,.@-", c) && (c > 127 || !alphanumeric(string(c))) }) < 0
}

// spelled adds to the target what a response tells of it.
func (r *record) spelled(made jsonscan.Value, idField string) {
	r.sig.Target.ID = uniqueID(made.Get(idField).Str())
	if p, _, ok := principalOf(made.Get("arn").Str()); ok && p.Type == r.sig.Target.Type {
		r.sig.Target.ARN = p.ARN
	}
}

// text is a document's text, whether the record holds it as text, as CloudTrail
// does, or as the object itself.
func text(v jsonscan.Value) string {
	if v.Kind() == jsonscan.Object {
		return string(v.Raw())
	}
	return v.Str()
}
