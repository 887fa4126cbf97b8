package routing

import (
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Type is how findings reach a receiver.
type Type string

const (
	Email  Type = "email"
	SQS    Type = "sqs"
	HTTPS  Type = "https"
	Lambda Type = "lambda"
	Chat   Type = "chat"
)

// Types lists the values of Type, in the schema's order.
var Types = []string{string(Email), string(SQS), string(HTTPS), string(Lambda), string(Chat)}

// Route tells one receiver of the findings that match.
type Route struct {
	Name string
	Type Type
	// Target is the receiver's address: an e-mail address, the ARN of a queue,
	// function or chat configuration, or an https:// address.
	Target string
	Match  Match
	// Otherwise makes the route take, of what matches, only what no other route
	// takes.
	Otherwise bool
	// After is how long after somebody first heard of an incident the route
	// hears of it, if it is not over by then; zero means at once.
	After time.Duration
	// Repeat is how long after its last message the route is reminded of an
	// incident that is not over; zero means never.
	Repeat time.Duration
	// Quiet are the hours in which the route is told only what is as severe as
	// Urgent.
	Quiet  []Hours
	Urgent incident.Severity
}

// Match says which findings a route takes. An empty list takes all.
type Match struct {
	Verdicts []incident.Verdict
	// Severity is the least severity that is taken.
	Severity incident.Severity
	Accounts []string
	Causes   []incident.Cause
	// Subjects are names or ARNs, with wildcards; Owners are whose they are.
	Subjects, Owners []string
	// Tags are what the tags of the subject have to be, all of them.
	Tags []incident.TagMatch
}

// Timed reports whether time alone can make the route hear of something.
func (r Route) Timed() bool { return r.After > 0 || r.Repeat > 0 || len(r.Quiet) > 0 }

// Timed reports whether time alone can make anybody hear of something, so that
// somebody must look at the clock.
func (r Rules) Timed() bool { return slices.ContainsFunc(r.Routes, Route.Timed) }

// Filtered reports whether a subscription's filter policy is all that the route
// needs: it hears at once, by what messages carry as attributes. A route that is
// not filtered has a topic of its own, and package notify decides about it. Chat
// clients subscribe themselves, without a filter.
func (r Route) Filtered() bool {
	chooses := len(r.Match.filter()) > 0
	return !r.Timed() && !r.Otherwise && len(r.Match.Subjects)+len(r.Match.Tags) == 0 && !(r.Type == Chat && chooses)
}

// Rules are what decides. They stay as they are while they are used.
type Rules struct {
	Routes []Route
	// Owners are asked in their order; the first that has the subject decides,
	// and if none has, the subject's tag of the key OwnerTag.
	Owners       []incident.Owner
	OwnerTag     string
	Suppressions []incident.Suppression
	// ChangeWindows keep what they expect from being told.
	ChangeWindows []incident.ChangeWindow
}

// Of are the rules that settings hold: all but the routes.
func Of(s incident.Settings) Rules {
	return Rules{Owners: s.Owners, OwnerTag: s.OwnerTag, Suppressions: s.Suppressions, ChangeWindows: s.ChangeWindows}
}

// Route is the route of a name.
func (r Rules) Route(name string) (Route, bool) {
	for _, route := range r.Routes {
		if route.Name == name {
			return route, true
		}
	}
	return Route{}, false
}
