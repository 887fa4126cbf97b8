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
	return !r.Timed() && !r.Otherwise && len(r.Match.Subjects) == 0 && !(r.Type == Chat && chooses)
}

// Owner says whose the principals and workloads of some patterns are.
type Owner struct {
	// Name is what routes match by: a team, or the value of the tag that roles
	// are marked with.
	Name string
	// Subjects are names or ARNs, with wildcards.
	Subjects []string
}

// Rules are what decides. They stay as they are while they are used.
type Rules struct {
	Routes []Route
	// Owners are asked in their order; the first that has the subject decides.
	Owners       []Owner
	Suppressions []incident.Suppression
	// ChangeWindows decide about verdicts, not about who hears of them; here
	// they are looked at for those that are over.
	ChangeWindows []incident.ChangeWindow
}

// Owner is whose the subject of a finding is; empty if nobody's.
func (r Rules) Owner(f incident.Finding) string {
	for _, o := range r.Owners {
		if isAbout(f, o.Subjects) {
			return o.Name
		}
	}
	return ""
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
