package doctor

import (
	"path"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// lets reports whether a statement of a resource's policy lets an AWS service do
// something. Conditions are not looked at: those of the stacks name the stacks'
// own parts.
func (x *exam) lets(document, service, action, region string) bool {
	d, err := policy.Parse(document)
	if err != nil {
		x.unreadable(region, err)
		return true
	}
	return slices.ContainsFunc(d.Statements, func(s policy.Statement) bool {
		return !s.Deny && about(s, service) && does(s, action)
	})
}

// denies reports whether a statement denies everybody something that is not
// about how the connection is encrypted.
func (x *exam) denies(document, action, region string) bool {
	d, err := policy.Parse(document)
	if err != nil {
		x.unreadable(region, err)
		return false
	}
	return slices.ContainsFunc(d.Statements, func(s policy.Statement) bool {
		return s.Deny && does(s, action) && !slices.ContainsFunc(s.Conditions, func(c incident.Condition) bool { return c.Key == "aws:securetransport" })
	})
}

func (x *exam) unreadable(region string, err error) {
	x.unknown(&Gap{Action: "policy", Region: region, Reason: err.Error()})
}

// about reports whether a statement is about a service.
func about(s policy.Statement, service string) bool {
	named := slices.ContainsFunc(s.Principals, func(p incident.TrustPrincipal) bool {
		return p.Type == "Service" && strings.EqualFold(p.Value, service) || p.Value == "*"
	})
	return named != s.NotPrincipal
}

// does reports whether a statement is about an action.
func does(s policy.Statement, action string) bool {
	excepted, listed := false, false
	for _, a := range s.Actions {
		except := strings.HasPrefix(a, "!")
		ok, err := path.Match(strings.ToLower(strings.TrimPrefix(a, "!")), strings.ToLower(action))
		if ok = ok && err == nil; except {
			excepted, listed = excepted || ok, true
		} else if ok {
			return true
		}
	}
	return listed && !excepted
}
