package settle

import (
	"context"
	"errors"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ErrThrottled says that the event history takes no more requests for now. The
// account shares its allowance with everybody's tools, so the answer is to do
// without for a while.
var ErrThrottled = errors.New("the event history is throttled")

// Attribute is what a question to the event history selects by. One question
// has one attribute; there is none for addresses.
type Attribute string

// The attributes that are asked by.
const (
	EventSource  Attribute = "EventSource"
	EventName    Attribute = "EventName"
	ResourceName Attribute = "ResourceName" // of a key: the call that issued, created or ended it
	AccessKeyID  Attribute = "AccessKeyId"  // of a key: what it did
	Username     Attribute = "Username"     // of a user: what all keys of it did
)

// Question asks for the events of one Region that have an attribute's value.
type Question struct {
	Region    string // empty: the one in which the events of IAM are
	Attribute Attribute
	Value     string
	// From and To bound the events' times, both included. Zero leaves that side
	// open.
	From, To time.Time
	// Pages is how many requests the answer may cost; at least one.
	Pages int
}

// Answer is what the event history holds, as far as the pages went.
type Answer struct {
	Signals []incident.Signal
	Uses    []incident.Use
	// Complete says that nothing was left out.
	Complete bool
	// Requests is what the answer cost; nothing if it was known.
	Requests int
}

// History is CloudTrail's event history of the last 90 days. It misses what
// happened in the last minutes.
type History interface {
	// Ask returns what there is, newest first up to the number of pages. The
	// error is ErrThrottled if the history takes no requests now, also where
	// that was known without asking.
	Ask(ctx context.Context, q Question) (Answer, error)
}
