// Package rules says which events the detector wants delivered to it, as
// EventBridge's patterns. They are made from trail's catalogue, so that an event
// that the decoder understands is one that is delivered.
//
// Each event of the catalogue is taken by exactly one rule. What is not wanted
// costs nothing, so the patterns are as narrow as the catalogue is: of the calls
// that succeeded they take those that are listed by name, of those that failed
// the ones that were refused for their credential or their permissions. Other
// successful calls, which tell a principal's usual networks, are far too many to
// be delivered; the detector asks for them when it needs them.
//
// Everything but the reports of clients, and canaries, is taken from sources that
// begin with "aws." alone: no account can send such events itself.
package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/trail"
)

// Rule is one rule of EventBridge's.
type Rule struct {
	// Name is an identifier that is unique among the rules.
	Name string
	// Description says in a sentence what the rule takes.
	Description string
	Purpose     trail.Purpose
	// ReadOnly rules take calls that only read, among them every AssumeRole. By
	// default EventBridge leaves these out.
	ReadOnly bool
	// Direct rules take what is rare and urgent, and can go to the detector
	// without a queue that gathers it.
	Direct bool
	// Everywhere is set for what AWS delivers in the Region where it happened;
	// IAM's events come in the partition's home Region alone.
	Everywhere bool
	// Optional rules can be left out: what they take is frequent in some accounts
	// and decides little, or is looked at by a check that may be off.
	Optional bool
	// Pattern is the event pattern, as compact JSON.
	Pattern string
}

// IsGuardRail reports whether only a guard rail looks at what the rule takes.
func (r Rule) IsGuardRail() bool { return r.Purpose == trail.GuardRail }

// MaxPattern is the longest pattern that EventBridge accepts, in characters.
const MaxPattern = 2048

// All returns the rules, in a fixed order.
func All() ([]Rule, error) {
	var all []Rule
	for _, d := range drafts(trail.Catalogue()) {
		split, err := d.rules()
		if err != nil {
			return nil, err
		}
		all = append(all, split...)
	}
	return all, nil
}

// draft is a rule before it is known to fit. Its pattern is made for a part of
// the values, so that a list that has outgrown one rule becomes two.
type draft struct {
	Rule
	values  []string
	pattern func(values []string) object
}

type (
	object = map[string]any
	list   = []any
)

// rules makes one rule, or as many as the length of a pattern demands. An
// event can be taken by one of them alone, since no value is in two.
func (d draft) rules() ([]Rule, error) {
	for parts := 1; parts <= max(1, len(d.values)); parts++ {
		split, ok := d.split(parts)
		if ok {
			return split, nil
		}
	}
	return nil, fmt.Errorf("rule %s: the pattern cannot be made shorter than %d characters", d.Name, MaxPattern)
}

func (d draft) split(parts int) (split []Rule, ok bool) {
	size := (len(d.values) + parts - 1) / parts
	for i := range parts {
		r := d.Rule
		if parts > 1 {
			r.Name += fmt.Sprint(i + 1)
		}
		text, err := json.Marshal(d.pattern(d.values[min(i*size, len(d.values)):min((i+1)*size, len(d.values))]))
		if err != nil || len(text) > MaxPattern {
			return nil, false
		}
		r.Pattern = string(text)
		split = append(split, r)
	}
	return split, true
}

// names lists the calls of one purpose by their source, in the catalogue's
// order. Those of no particular source are under "".
func names(catalogue []trail.Entry, purposes ...trail.Purpose) (sources []string, bySource map[string][]string) {
	bySource = map[string][]string{}
	for _, e := range catalogue {
		if e.Name == "" || !slices.Contains(purposes, e.Purpose) {
			continue
		}
		if bySource[e.Source] == nil {
			sources = append(sources, e.Source)
		}
		bySource[e.Source] = append(bySource[e.Source], e.Name)
	}
	return sources, bySource
}

// codes are the error codes that the catalogue lists for a purpose.
func codes(catalogue []trail.Entry, purpose trail.Purpose) []string {
	for _, e := range catalogue {
		if e.Purpose == purpose && len(e.Codes) > 0 {
			return e.Codes
		}
	}
	return nil
}

// service is the source that EventBridge gives to the records of a service: aws.iam for iam.amazonaws.com.
func service(eventSource string) string {
	name, _, _ := strings.Cut(eventSource, ".")
	return "aws." + name
}
