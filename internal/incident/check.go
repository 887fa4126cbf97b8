package incident

import "time"

// CheckKind is the guard rail that something lies beyond. The list is closed.
type CheckKind string

const (
	SessionDuration CheckKind = "session_duration"   // a role's sessions may last longer than wanted
	OIDCSubject     CheckKind = "oidc_subject"       // an OIDC provider's tokens are taken whatever their subject
	StaticKeys      CheckKind = "static_credentials" // an environment holds an access key
	CIKeys          CheckKind = "ci_keys"            // a pipeline's user got a long-lived key
)

// CheckKinds lists the kinds in the order of the documentation.
var CheckKinds = []CheckKind{SessionDuration, OIDCSubject, StaticKeys, CIKeys}

// Check is one change that lies beyond a guard rail: nothing has happened yet,
// and no verdict is made of it.
type Check struct {
	Kind    CheckKind
	Subject Subject
	Account string
	Region  string
	Time    time.Time
	EventID string
	// Actor is the ARN of who made the change, SourceIP from where.
	Actor, SourceIP string
	// Fact is one sentence, Fix what to do about it.
	Fact, Fix string
}
