package logline

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// readFailures finds the failed calls that an AWS SDK reports in a message.
func readFailures(message string) []Fact {
	if !mayTell(message) || namesAnotherCloud(message) {
		return nil
	}
	t := flatten(message)
	var facts []Fact
	for _, m := range mentions(t.flat) {
		if f, ok := t.failureAt(m); ok {
			facts = fold(facts, Fact{Code: f.code, Reason: t.reason(f), Operation: t.operation(f), Count: 1})
		}
	}
	if len(facts) == 0 {
		facts = t.statements()
	}
	key, arn := onlyKeyID(message), t.principal(facts)
	for i := range facts {
		facts[i].KeyID, facts[i].PrincipalARN = key, arn
	}
	return facts
}

// mayTell is a quick look whether a closer one can find anything.
func mayTell(message string) bool {
	return len(mentions(message)) > 0 || containsAny(message, hints) && containsAny(message, telltales)
}

// hints are parts of the telltales: few, and so cheap to look for.
var hints = []string{"oken", "ccess ", "ignature", "redential", "request time", "has expired", "OpenIDConnect", "verification", "provider", "SSO", "required audience"}

// telltales are parts of all awsTexts and localTexts.
var telltales = []string{
	"security token", "provided token", "Access Key Id you", "access credentials", "request signature", "Signature ",
	"Credential should", "request time", "has expired", "OpenIDConnect", "verification key", "oken audience",
	"required audience", "ecified provider", "signature invalid", "Authentication Token", "ID Token", "oken expired",
	"Token must", "Token too old", "web identity token", "SSO ", "from sso", "refreshed credentials", "refresh credentials",
	"Credential refresh", "already expired",
}

// namesAnotherCloud reports whether the message is about one of the services
// that speak S3's protocol with its codes and are not AWS.
func namesAnotherCloud(message string) bool {
	return containsAny(message, []string{
		"aliyuncs.com", "oss: service returned error", "com.obs.services", "myhuaweicloud.com", "myqcloud.com",
		"storage.googleapis.com", "digitaloceanspaces.com", "backblazeb2.com", "wasabisys.com", "r2.cloudflarestorage.com",
	})
}

// reason is what the failure's text says, or else that it happened while
// credentials were being renewed.
func (t text) reason(f failure) incident.Reason {
	if r := ReasonOf(f.code, f.text); r != "" {
		return r
	}
	return firstReason(strings.ToLower(tail(t.flat[:f.start], textWindow)), &wrappers)
}

// statements finds AWS's texts where no code stands with them, and what SDKs
// say of their own.
func (t text) statements() []Fact {
	for _, l := range localTexts {
		if i := strings.Index(t.flat, l.text); i >= 0 && t.startsClause(i) {
			return []Fact{{Code: "ExpiredToken", Reason: l.reason, Count: 1}}
		}
	}
	for _, a := range awsTexts {
		i := strings.Index(t.flat, a.text)
		if i < 0 || !t.startsClause(i) || !t.isVouchedFor(i) {
			continue
		}
		code := a.codeFor(t.flat[i:])
		f := failure{mention: mention{start: i, end: i, code: code}, text: head(t.flat[i:], textWindow)}
		return []Fact{{Code: code, Reason: ReasonOf(code, f.text), Operation: t.operation(f), Count: 1}}
	}
	return nil
}

// isVouchedFor reports whether what stands around a text without code shows
// that an error is being reported, and not a page quoted.
func (t text) isVouchedFor(i int) bool {
	before := tail(t.flat[:i], 30)
	return hasTrailer(t.flat[i:]) || containsAny(t.flat, sdkMarks) ||
		strings.HasSuffix(before, "Error: ") || strings.HasSuffix(before, "Exception: ") || strings.HasSuffix(before, "error: ") ||
		strings.HasSuffix(before, `"error":"`) || strings.HasSuffix(before, `"error": "`) || strings.HasSuffix(before, `error="`)
}

// codeFor tells the protocols apart where Java's trailer shows the status: the
// JSON protocols refuse a credential with 400, the XML ones with 403. Lambda
// and its like send JSON with 403 and come out as XML, which means the same.
func (a awsText) codeFor(rest string) string {
	if a.jsonCode != "" && strings.Contains(head(rest, trailerWindow), "Status Code: 400") {
		return a.jsonCode
	}
	return a.code
}

// fold adds f unless the facts hold it: the links of an exception chain repeat
// one failure.
func fold(facts []Fact, f Fact) []Fact {
	for i, g := range facts {
		if f.Code != g.Code || f.Operation != "" && g.Operation != "" && f.Operation != g.Operation {
			continue
		}
		if g.Operation == "" {
			facts[i].Operation = f.Operation
		}
		if g.Reason == "" {
			facts[i].Reason = f.Reason
		}
		return facts
	}
	return append(facts, f)
}
