package trail

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// decodeEvent appends to out what a CloudTrail record, GuardDuty finding or
// AWS Health event means, and nothing if it is of no interest.
func decodeEvent(v jsonscan.Value, env *envelope, out *decoded) rejection {
	switch {
	case v.Get("eventName").Kind() != jsonscan.Missing:
		return decodeRecord(v, env, out)
	case isThreat(v):
		return decodeThreat(v, env.opened(out.remembered()), out)
	case isNotice(v):
		return decodeNotice(v, env.opened(out.remembered()), out)
	case env.Source == guardDuty || env.Source == health:
		return rejection{} // something else that they send
	}
	return decodeRecord(v, env, out)
}

// decodeRecord decodes a CloudTrail record. A call that succeeded means what
// the catalogue says, and is a use of its caller's credentials; of calls that
// failed, those count that were refused for their credential or their
// permissions.
func decodeRecord(v jsonscan.Value, env *envelope, out *decoded) rejection {
	r := &out.record
	*r = record{v: v, source: v.Get("eventSource"), name: v.Get("eventName"), memory: out.remembered()}
	r.id = out.caller.Of(object(v.Get("userIdentity")))
	if fault, ok := r.named(); !ok {
		return fault
	}
	entry := lookup(r.source, r.name)
	r.code = errorCode(r.memory.word(v.Get("errorCode")))
	if !r.setTime(env) {
		return rejection{Reason: SkipNoEventTime}
	}
	switch failed := r.code != "" || r.failedSignIn(); {
	case isRecordedCode(r.code):
		return r.failure(env, out)
	case isDenied(r.code):
		return r.denial(env, out)
	case failed && (entry == nil || !entry.ofFailures):
		return rejection{}
	case entry != nil:
		return r.understood(entry, env, out)
	}
	r.use(env, out)
	return rejection{}
}

// record is one CloudTrail record on its way to becoming a signal.
type record struct {
	v      jsonscan.Value
	id     jsonscan.Value // userIdentity
	source jsonscan.Value // eventSource
	name   jsonscan.Value // eventName
	code   string         // errorCode
	at     time.Time
	memory *memory
	// sig is the place for another signal behind those decoded. It is filled in step
	// by step: when, where and who by identify, what by the catalogue's decoders.
	sig   *incident.Signal
	from  *caller
	place *place
	agent *agent

	params, response jsonscan.Value // once they are read
}

// named checks that the record says which call it is about. Insight events are
// about none, and of no interest.
func (r *record) named() (fault rejection, ok bool) {
	source, name := r.source, r.name
	switch {
	case name.Kind() == jsonscan.String && !name.Is("") && (source.Kind() == jsonscan.String || name.Is(revokeSessionName)):
		return rejection{}, true
	case r.v.Get("insightDetails").Kind() == jsonscan.Object:
		return rejection{}, false
	case name.Kind() != jsonscan.String || name.Is(""):
		return rejection{SkipBadField, "eventName"}, false
	}
	return rejection{SkipBadField, "eventSource"}, false
}

// setTime reads when it happened. A time that cannot be read counts as none.
func (r *record) setTime(env *envelope) bool {
	var ok bool
	if r.at, ok = timeOf(r.v.Get("eventTime")); !ok {
		r.at = env.opened(r.memory).Time
	}
	return !r.at.IsZero()
}

// errorCode is a record's error, or empty for a call that succeeded. Rewritten
// records fill the place of none with an empty string or "null".
func errorCode(text string) string {
	if text == "null" {
		return ""
	}
	return text
}

// failedSignIn reports whether the sign-in service says that an attempt
// failed, which it does without an error code.
func (r *record) failedSignIn() bool {
	if !r.source.Is(signIn) {
		return false
	}
	message := r.v.Get("errorMessage")
	if message.Kind() == jsonscan.String && !message.Is("") && !message.Is("null") {
		return true
	}
	failed := false
	r.v.Get("responseElements").Members(func(_ string, v jsonscan.Value) bool {
		failed = v.Is("Failure")
		return !failed
	})
	return failed
}

// account is the one that the record was recorded in, as far as it says.
func (r *record) account(env *envelope) string {
	account := r.memory.account(r.v.Get("recipientAccountId"))
	if account == "" && !r.id.Get("type").Is("AWSAccount") {
		account = accountID(r.id.Get("accountId").Str())
	}
	if account == "" {
		account = env.opened(r.memory).Account
	}
	return account
}

// identify reads who called, and from where.
func (r *record) identify(env *envelope, out *decoded) {
	v := r.v
	account := r.account(env)
	r.from = r.memory.caller(r.id, account)
	if account == "" {
		account = r.from.Account
	}
	r.sig = out.next()
	r.sig.Time, r.sig.Account = r.at, account
	if r.sig.Region = r.memory.region(v.Get("awsRegion")); r.sig.Region == "" {
		r.sig.Region = env.opened(r.memory).Region
	}
	r.sig.Partition = r.from.partitionIn(r.sig.Region)
	r.place, r.agent = r.memory.place(v.Get("sourceIPAddress")), r.memory.agent(v.Get("userAgent"))
	by := &r.sig.Actor
	*by = r.from.Actor
	by.SourceIP, by.UserAgent = r.place.address, r.agent.text
	by.Console, _ = v.Get("sessionCredentialFromConsole").Bool()
	if !r.from.Foreign {
		r.complete(&by.Principal)
	}
}

// identified reads who called, and makes of the record the beginning of a
// signal: everything but what happened.
func (r *record) identified(env *envelope, out *decoded) {
	r.identify(env, out)
	r.sig.ID = r.eventID()
	r.sig.SharedID = r.v.Get("sharedEventID").Str()
	r.sig.Feed = incident.FromTrail
	r.sig.Operation = r.memory.operation(r.source, r.name)
	r.sig.Count = 1
}

// readCall reads what was asked for and answered.
func (r *record) readCall(out *decoded) {
	r.params = out.params.Of(object(r.v.Get("requestParameters")))
	r.response = out.response.Of(object(r.v.Get("responseElements")))
}

func (r *record) complete(p *incident.Principal) { complete(p, r.sig.Partition, r.sig.Account) }

// complete fills in where a principal lives, if the principal does not say.
func complete(p *incident.Principal, partition, account string) {
	if !p.Known() || p.Type == incident.Service {
		return
	}
	p.Partition, p.Account = cmp.Or(p.Partition, partition), cmp.Or(p.Account, account)
}

// eventID is the record's own id, or a hash of what the record says where it has
// none. The secrets take no part in it: a copy without them is the same record.
func (r *record) eventID() string {
	if id := eventIDIn(r.v.Get("eventID")); id != "" {
		return id
	}
	return hashID(r.v)
}

// secrets are where CloudTrail's records hold a secret, or could.
var secrets = [][]string{
	{"responseElements", "credentials", "sessionToken"},
	{"responseElements", "credentials", "secretAccessKey"},
	{"responseElements", "accessKey", "secretAccessKey"},
}

func hashID(v jsonscan.Value) string {
	canonical := v.Canonical()
	for _, path := range secrets {
		plain, err := jsonscan.Parse(canonical)
		if err != nil {
			break
		}
		if secret := plain.Get(path...).Raw(); len(secret) > 2 {
			canonical = bytes.ReplaceAll(canonical, secret, []byte(`""`))
		}
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// object is v, or the object that v holds as text or alone in a list, as some
// pipelines write nested objects.
func object(v jsonscan.Value) jsonscan.Value {
	if v.Kind() == jsonscan.Array {
		return only(v)
	}
	if v.Kind() != jsonscan.String {
		return v
	}
	text := v.Str()
	if !strings.HasPrefix(text, "{") {
		return jsonscan.Value{}
	}
	inner, err := jsonscan.Parse([]byte(text))
	if err != nil {
		return jsonscan.Value{}
	}
	return inner
}

// only is the one element of a list, or nothing.
func only(list jsonscan.Value) jsonscan.Value {
	var one jsonscan.Value
	list.Elements(func(n int, v jsonscan.Value) bool {
		one = v
		if n > 0 {
			one = jsonscan.Value{}
		}
		return n == 0
	})
	return one
}

// operation is a call in IAM's notation. Two services name a version in their
// calls, as in CreateFunction20150331, that IAM leaves out.
func operation(source, name string) string {
	service, _, _ := strings.Cut(source, ".")
	if service == "monitoring" {
		service = "cloudwatch"
	}
	if i := strings.Index(name, "20"); i > 0 && strings.Trim(name[i:], "0123456789_v") == "" && len(name)-i >= len("20150331") {
		name = name[:i]
	}
	if service == "" {
		return name
	}
	return service + ":" + name
}

// understood decodes a call that the catalogue lists.
func (r *record) understood(e *Entry, env *envelope, out *decoded) rejection {
	r.identified(env, out)
	r.readCall(out)
	if missing := e.decode(r); missing != "" {
		return rejection{Reason: SkipBadField, Detail: missing}
	}
	if r.sig.Kind != "" {
		r.complete(&r.sig.Target)
		out.keep()
	}
	if r.sig.Kind != incident.SignInFailed {
		r.appendUse(out)
	}
	return rejection{}
}

// failure decodes a call that was refused for its credential. Of federated
// calls no key is known: they are about the role that was asked for, and the
// identity that asked.
func (r *record) failure(env *envelope, out *decoded) rejection {
	if ofService(r.id) {
		return rejection{}
	}
	r.identified(env, out)
	r.sig.Kind = incident.CredentialFailed
	r.sig.ErrorCode = r.code
	r.sig.Reason = reasonIn(r.code, r.v.Get("errorMessage"))
	r.sig.Target = r.sig.Actor.Principal
	r.sig.Key = r.sig.Actor.AccessKeyID
	if r.federates() {
		r.readCall(out)
		r.federated()
		if role, ok := r.roleAsked(); ok {
			r.sig.Target = role
		}
	}
	if r.sig.Key == "" && !r.sig.Target.Known() {
		return rejection{Reason: SkipNoIdentity}
	}
	r.complete(&r.sig.Target)
	out.keep()
	return rejection{}
}

// reasonIn is the reason that an error's code and text give. The text is looked at
// where it stands.
func reasonIn(code string, message jsonscan.Value) incident.Reason {
	if text, ok := message.Plain(); ok {
		return logline.ReasonOf(code, text)
	}
	return logline.ReasonOf(code, message.Str())
}

// denial decodes a call that was not allowed. It is about the caller, but for
// a session of a role that the role's trust refused: that is about the role.
func (r *record) denial(env *envelope, out *decoded) rejection {
	if ofService(r.id) {
		return rejection{}
	}
	r.identified(env, out)
	r.readCall(out)
	message := withoutEncoded(r.v.Get("errorMessage").Str())
	refused := parseRefusal(message)
	if !r.sig.Actor.Known() {
		r.sig.Actor.Principal, r.sig.Actor.SessionName, _ = principalOf(refused.User)
	}
	r.sig.Kind = incident.CallDenied
	r.sig.ErrorCode = r.code
	r.sig.Reason = logline.ReasonOf(r.sig.ErrorCode, message)
	r.sig.Target = r.sig.Actor.Principal
	d := refused.Denial
	d.FromMessage = d.Resource != ""
	if named := r.namedResource(); named != "" {
		d.Resource, d.FromMessage = named, false
	}
	if d.Action == "" {
		d.Action = r.sig.Operation
	}
	r.sig.Denial = &d
	if r.assumesRole() {
		r.refusedRole()
	}
	if !r.sig.Target.Known() || r.from.Foreign && r.sig.Target.Type != incident.Role {
		return rejection{} // somebody of another account, or nobody, knocked at a resource
	}
	if r.sig.Target.Same(r.sig.Actor.Principal) {
		r.sig.Key = r.sig.Actor.AccessKeyID
	}
	r.complete(&r.sig.Target)
	out.keep()
	return rejection{}
}

// refusedRole makes the role that was asked for the target of a refusal,
// unless it was a policy on the caller's side that refused.
func (r *record) refusedRole() {
	d := r.sig.Denial
	if r.federates() {
		r.federated()
	}
	switch d.PolicyKind {
	case "identity-based", "permissions boundary", "session", "service control", "VPC endpoint":
		return
	}
	role, ok := r.roleAsked()
	if !ok {
		role, _, ok = principalOf(d.Resource)
	}
	if ok && role.Type == incident.Role {
		r.sig.Target = role
	}
}

// namedResource is what the parameters say that a call was about, as IAM's
// messages would write it.
func (r *record) namedResource() string {
	for _, name := range []string{"roleArn", "policyArn", "sAMLProviderArn", "openIDConnectProviderArn"} {
		if text := r.params.Get(name).Str(); strings.HasPrefix(text, "arn:") {
			return text
		}
	}
	if !r.source.Is(iam) {
		return ""
	}
	for _, kind := range []string{"role", "user", "group"} {
		if name := r.params.Get(kind + "Name").Str(); name != "" {
			return kind + " " + name
		}
	}
	return ""
}

// ofService reports whether an AWS service called in its own name. What it is
// refused says nothing about anybody's credentials, and can be the most of all
// that is refused in an account.
func ofService(id jsonscan.Value) bool {
	if kind := id.Get("type"); kind.Kind() == jsonscan.String && !kind.Is("") {
		return kind.Is("AWSService")
	}
	return id.Get("arn").Str() == "" && id.Get("invokedBy").Str() != ""
}

// serves reports whether a caller's calls that succeed are of no interest,
// whoever it is: those of services and of other accounts.
func serves(id jsonscan.Value) bool { return ofService(id) || id.Get("type").Is("AWSAccount") }

// use decodes a successful call that the catalogue does not list.
func (r *record) use(env *envelope, out *decoded) {
	if serves(r.id) {
		return
	}
	r.identify(env, out)
	r.appendUse(out)
}

// appendUse notes that the caller used its credentials.
func (r *record) appendUse(out *decoded) {
	if !r.from.teaches() {
		return
	}
	id := r.sig.ID
	if id == "" {
		id = r.eventID()
	}
	u := *r.from.usual(r.sig.Account, r.sig.Region)
	locate(&u, r.place, *r.agent.client, r.memory.word(r.source), r.name.Is(probe))
	u.First, u.Last, u.FirstID, u.LastID = r.sig.Time, r.sig.Time, id, id
	out.Uses = append(out.Uses, u)
}

// probe is the call that no policy can deny.
const probe = "GetCallerIdentity"

// locate fills in where a use came from, with what, and of what.
func locate(u *incident.Use, from *place, client, service string, probe bool) {
	u.SourceIP, u.Network, u.Client, u.Service, u.Probe = from.address, *from.network, client, service, probe
}
