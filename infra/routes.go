package main

import (
	"errors"
	"fmt"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// SNS's limits on filter policies (developer guide, subscription filter
// policies): combinations of a policy's values, and policies of a topic.
const (
	maxCombinations = 150
	maxPolicies     = 200
)

// topic names one of the topics that findings are published to.
type topic string

const (
	findings topic = "Findings" // JSON with attributes
	mail     topic = "Mail"     // text that a person reads
	chat     topic = "Chat"     // what chat clients render
)

// subscription is a route as SNS knows it.
type subscription struct {
	route    config.Route
	topic    topic
	protocol string
	raw      bool // the message alone, without SNS's envelope
	filter   map[string][]string
}

// subscriptions turns routes into subscriptions. Its errors name the route.
func subscriptions(routes []config.Route) ([]subscription, error) {
	var all []subscription
	var problems []error
	filtered, names := map[topic]int{}, map[string]string{}
	for _, route := range routes {
		s := subscription{route: route, filter: filter(route.Match)}
		switch route.Type {
		case config.Email:
			s.topic, s.protocol = mail, "email"
		case config.SQS:
			s.topic, s.protocol, s.raw = findings, "sqs", true
		case config.HTTPS:
			s.topic, s.protocol = findings, "https" // the envelope is signed, the message alone is not
		case config.Lambda:
			s.topic, s.protocol = findings, "lambda"
		case config.Chat:
			s.topic = chat
		}
		problems = append(problems, s.check()...)
		if other, taken := names[id("", route.Name)]; taken {
			problems = append(problems, fmt.Errorf("route %s: its name and that of the route %s differ too little", route.Name, other))
		}
		names[id("", route.Name)] = route.Name
		if len(s.filter) > 0 {
			filtered[s.topic]++
		}
		all = append(all, s)
	}
	for t, n := range filtered {
		if n > maxPolicies {
			problems = append(problems, fmt.Errorf("%d routes lead through the topic %s with a match, and SNS allows %d", n, t, maxPolicies))
		}
	}
	return all, errors.Join(problems...)
}

// filter is a match as a filter policy on the attributes that findings carry.
// SNS compares attributes by value alone, so a least severity becomes a list.
func filter(m config.Match) map[string][]string {
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
	return policy
}

func (s subscription) check() []error {
	var problems []error
	n := 1
	for _, values := range s.filter {
		n *= len(values)
	}
	if n > maxCombinations {
		problems = append(problems, fmt.Errorf("route %s: its match makes %d combinations of values (%s), and SNS allows %d; split the route in two, or match on less",
			s.route.Name, n, product(s.filter), maxCombinations))
	}
	if s.topic == chat && len(s.filter) > 0 {
		problems = append(problems, fmt.Errorf("route %s: a chat configuration takes all of its topic's messages; leave out match", s.route.Name))
	}
	return problems
}

// product shows how many values of which key are multiplied.
func product(policy map[string][]string) string {
	text := ""
	for _, key := range []string{"verdict", "cause", "severity", "account"} {
		if n := len(policy[key]); n > 0 {
			if text != "" {
				text += " × "
			}
			text += fmt.Sprintf("%d of %s", n, key)
		}
	}
	return text
}
