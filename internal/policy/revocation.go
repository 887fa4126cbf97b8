package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Revocation says which sessions d cuts off, or nil if it cuts off none. It
// goes by content: a statement revokes if it denies everything on everything
// to sessions that were issued before a time, to named users of the role, or
// to everybody. Of several statements the strongest counts.
//
// A deny with NotAction or NotResource, or with conditions that ask about
// circumstances, such as the network or the Region, still ends sessions if it
// has a date: a condition on the issue time has no other use. Without a date it
// is a guard rail that leaves the role some work. A statement with a principal
// belongs to a resource, not to an identity, and ends no session.
func Revocation(d Document) *incident.Revocation {
	var strongest *incident.Revocation
	for _, s := range d.Statements {
		if r := revocation(s); r != nil {
			strongest = stronger(strongest, r)
		}
	}
	return strongest
}

// stronger is the one of a and b that cuts off more: everybody before named
// users, always before until a date, a later date before an earlier one.
// Equal cut-offs for named users unite.
func stronger(a, b *incident.Revocation) *incident.Revocation {
	switch {
	case a == nil:
		return b
	case (len(a.Users) == 0) != (len(b.Users) == 0):
		if len(a.Users) == 0 {
			return a
		}
		return b
	case !a.IssuedBefore.Equal(b.IssuedBefore):
		if outlasts(a.IssuedBefore, b.IssuedBefore) {
			return a
		}
		return b
	}
	return &incident.Revocation{IssuedBefore: a.IssuedBefore, Users: union(a.Users, b.Users)}
}

// outlasts reports whether the cut-off a denies more sessions than b does; the
// zero time denies them all.
func outlasts(a, b time.Time) bool {
	return a.IsZero() || !b.IsZero() && a.After(b)
}

func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// revocation is what one statement cuts off.
func revocation(s Statement) *incident.Revocation {
	if !s.Deny || s.NotPrincipal || len(s.Principals) > 0 {
		return nil
	}
	r, ok := cutOff(s.Conditions)
	if !ok {
		return nil
	}
	actions, resources := extent(s.Actions), extent(s.Resources)
	if len(s.Resources) == 0 {
		resources = everything
	}
	if actions == everything && resources == everything {
		return r
	}
	if !r.IssuedBefore.IsZero() && actions != some && resources != some {
		return r
	}
	return nil
}

// reach is how much a list of actions or resources denies.
type reach int

const (
	some       reach = iota // a few, or none
	nearly                  // everything but a few
	everything              // all
)

func extent(list []string) reach {
	r := some
	for _, item := range list {
		exempt, not := strings.CutPrefix(item, "!")
		switch {
		case !not && isAll(item):
			return everything
		case not && isAll(exempt):
			return some
		case not, everyARN(item):
			r = nearly
		}
	}
	return r
}

// isAll reports whether pattern is made of wildcards alone: *, *:*, **.
func isAll(pattern string) bool {
	return strings.Contains(pattern, "*") && strings.Trim(pattern, "*:") == ""
}

// everyARN reports whether pattern matches whatever has an ARN: all but the
// calls that are about no resource.
func everyARN(pattern string) bool {
	rest, ok := strings.CutPrefix(pattern, "arn:")
	if !ok {
		return false
	}
	partition, rest, _ := strings.Cut(rest, ":")
	return isAll(partition) && rest == "" || isAll(rest)
}

// cutOff reads the conditions of a deny. Without a date it fails if one of them
// limits the deny by anything else than whose session it is.
func cutOff(conditions []incident.Condition) (*incident.Revocation, bool) {
	r := &incident.Revocation{}
	var limited bool
	for _, c := range conditions {
		if len(c.Values) == 0 {
			return nil, false // matches nobody
		}
		switch op := baseOperator(c.Operator); {
		case c.Key == "aws:tokenissuetime" && (op == "datelessthan" || op == "datelessthanequals"):
			before, ok := latest(c.Values)
			if !ok {
				return nil, false
			}
			if r.IssuedBefore.IsZero() || before.Before(r.IssuedBefore) {
				r.IssuedBefore = before
			}
		case namesUser(c.Key) && matches(op):
			if !slices.ContainsFunc(c.Values, isAll) {
				r.Users = union(r.Users, c.Values)
			}
		case limitsNothing(c.Key, op, c.Values):
		case namesUser(c.Key) && !differs(op):
			return nil, false // compares a name as what it is not
		default:
			limited = true
		}
	}
	return r, !limited || !r.IssuedBefore.IsZero()
}

// userKeys are the condition keys by which a revocation picks sessions.
var userKeys = []string{
	"aws:userid", "aws:sourceidentity", "identitystore:userid",
	"aws:username", "aws:principalarn", "aws:signinsessionarn",
}

func namesUser(key string) bool { return slices.Contains(userKeys, key) }

func matches(op string) bool {
	switch op {
	case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike":
		return true
	}
	return false
}

func differs(op string) bool {
	switch op {
	case "stringnotequals", "stringnotequalsignorecase", "stringnotlike", "arnnotequals", "arnnotlike":
		return true
	}
	return false
}

// limitsNothing reports whether a condition holds for every call that a
// session makes itself.
func limitsNothing(key, op string, values []string) bool {
	isFalse := len(values) == 1 && strings.EqualFold(values[0], "false")
	switch key {
	case "aws:viaawsservice", "aws:principalisawsservice":
		return op == "bool" && isFalse
	case "aws:tokenissuetime":
		return op == "null" && isFalse
	}
	return namesUser(key) && op == "null" && isFalse
}

// baseOperator is a condition operator in lower case, without the quantifier
// before it and the IfExists behind it.
func baseOperator(operator string) string {
	op := strings.ToLower(operator)
	op = strings.TrimPrefix(op, "forallvalues:")
	op = strings.TrimPrefix(op, "foranyvalue:")
	return strings.TrimSuffix(op, "ifexists")
}

// latest is the latest of several dates: a condition holds if one of its
// values does.
func latest(values []string) (time.Time, bool) {
	var max time.Time
	for _, v := range values {
		t, ok := date(v)
		if !ok {
			return time.Time{}, false
		}
		if t.After(max) {
			max = t
		}
	}
	return max, !max.IsZero()
}

// dateLayouts are the W3C profile of ISO 8601, which IAM demands, and forms
// near to it.
var dateLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04",
	"2006-01-02",
	"2006-01",
	"2006",
}

// date reads a date condition's value: ISO 8601, or seconds since 1970.
func date(value string) (time.Time, bool) {
	value = strings.ToUpper(strings.TrimSpace(value))
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC(), true
		}
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	// From ten digits on a number can only be a time; above eleven digits
	// it would be past the year 5138.
	if err != nil || seconds <= 9999 || seconds > 99_999_999_999 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}
