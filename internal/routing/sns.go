package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// SNS's limits on filter policies (developer guide, filter policy constraints):
// keys of a policy, combinations of its values, and policies of a topic.
const (
	maxKeys         = 5
	maxCombinations = 150
	maxPolicies     = 200
)

// maxOwnTopics bounds the routes that package notify decides about: their topics
// stand in its environment, and what each of them was told in an item of the
// table.
const maxOwnTopics = 20

// Topic names one of the topics that filtered routes lead through.
type Topic string

const (
	Findings Topic = "Findings" // JSON with attributes
	Mail     Topic = "Mail"     // text that a person reads
	Chats    Topic = "Chat"     // what chat clients render
)

// Subscription is a route as SNS knows it.
type Subscription struct {
	Route Route
	// Topic is the topic whose messages have the route's form. A route that is
	// not filtered has one of its own with the same form.
	Topic    Topic
	Protocol string // empty for chat clients, which subscribe themselves
	Raw      bool   // the message alone, without SNS's envelope
	Filter   map[string][]string
}

// Subscribe is the subscription that serves a route.
func Subscribe(r Route) Subscription {
	s := Subscription{Route: r, Topic: Findings}
	if r.Filtered() {
		s.Filter = r.Match.filter()
	}
	switch r.Type {
	case Email:
		s.Topic, s.Protocol = Mail, "email"
	case SQS:
		s.Protocol, s.Raw = "sqs", true
	case HTTPS:
		s.Protocol = "https" // the envelope is signed, the message alone is not
	case Lambda:
		s.Protocol = "lambda"
	case Chat:
		s.Topic = Chats
	}
	return s
}

// filter is a match as a filter policy on the attributes that findings carry, as
// far as attributes can say it. SNS compares them by value alone, so a least
// severity becomes a list.
func (m Match) filter() map[string][]string {
	policy := map[string][]string{}
	if m.Severity > incident.Informational {
		policy["severity"] = incident.Severities[m.Severity:]
	}
	for _, v := range m.Verdicts {
		policy["verdict"] = append(policy["verdict"], string(v))
	}
	for _, c := range m.Causes {
		policy["cause"] = append(policy["cause"], string(c))
	}
	if len(m.Accounts) > 0 {
		policy["account"] = m.Accounts
	}
	if len(m.Owners) > 0 {
		policy["owner"] = m.Owners
	}
	return policy
}

// An Issue is something about the rules that is wrong, or not what anybody can
// have meant.
type Issue struct {
	// Path names the key in the configuration file, such as routes[0].match.
	Path    string
	Message string
	// Fatal is set where nothing can be deployed with it.
	Fatal bool
}

// Limits returns what SNS, or the table, will not take.
func Limits(routes []Route) []Issue {
	var list []Issue
	fatal := func(n int, key, format string, args ...any) {
		list = append(list, Issue{fmt.Sprintf("routes[%d]%s", n, key), fmt.Sprintf(format, args...), true})
	}
	filtered, own, names := map[Topic]int{}, 0, map[string]string{}
	for n, r := range routes {
		s := Subscribe(r)
		if c := combinations(s.Filter); c > maxCombinations {
			fatal(n, ".match", "route %s: its match makes %d combinations of values (%s), and SNS allows %d; split the route in two, or match on less", r.Name, c, product(s.Filter), maxCombinations)
		}
		if len(s.Filter) > maxKeys {
			fatal(n, ".match", "route %s: its match has %d keys, and SNS allows %d", r.Name, len(s.Filter), maxKeys)
		}
		if other, taken := names[ID(r.Name)]; taken {
			fatal(n, ".name", "route %s: its name and that of the route %s differ too little", r.Name, other)
		}
		names[ID(r.Name)] = r.Name
		switch {
		case !r.Filtered():
			if own++; own == maxOwnTopics+1 {
				fatal(n, "", "route %s: more than %d routes match by subject or tag, come after others, or mind the time; match by owner and account what can be", r.Name, maxOwnTopics)
			}
		case len(s.Filter) > 0:
			if filtered[s.Topic]++; filtered[s.Topic] == maxPolicies+1 {
				fatal(n, ".match", "route %s: more than %d routes lead through the topic %s with a match, and SNS allows no more", r.Name, maxPolicies, s.Topic)
			}
		}
	}
	return list
}

func combinations(policy map[string][]string) int {
	n := 1
	for _, values := range policy {
		n *= len(values)
	}
	return n
}

// product shows how many values of which key are multiplied.
func product(policy map[string][]string) string {
	var parts []string
	for _, key := range []string{"verdict", "cause", "severity", "account", "owner"} {
		if n := len(policy[key]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", n, key))
		}
	}
	return strings.Join(parts, " × ")
}

// ID makes a name of letters and digits of a route's name, as the parts of a
// template have them.
func ID(name string) string {
	between := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') }
	text := ""
	for part := range strings.FieldsFuncSeq(name, between) {
		text += strings.ToUpper(part[:1]) + part[1:]
	}
	return text
}

// sortIssues puts those first that keep everything from working.
func sortIssues(list []Issue) {
	slices.SortStableFunc(list, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Path, b.Path))
	})
}

func rank(i Issue) int {
	if i.Fatal {
		return 0
	}
	return 1
}
