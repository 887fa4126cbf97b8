package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// limit is the smallest part of a condition: one key against one value. What a
// statement asks of a request is a conjunction of clauses, each of which is a
// disjunction of limits.
type limit struct {
	key  string // lower case
	test test
	// op is the operator in lower case; it tells others apart.
	op    string
	not   bool // the value must not match
	value pattern
	said  string // the value as the policy writes it
	// absent is set if the limit holds for a request without the key. Such a
	// limit keeps nobody out who can do without.
	absent bool
}

// test is how a limit compares.
type test int

const (
	text  test = iota // strings and ARNs
	fold              // strings without case; value is in lower case
	truth             // Bool; value is true or false, never not
	null              // Null; value is true (the key is missing) or false, never not
	block             // addresses; value is an address block
	other             // numbers, dates, binaries: compared by what is written only
)

type clause []limit

// clauses reads a condition. Several values are alternatives, except for an
// operator that wants none of them.
func clauses(c incident.Condition) []clause {
	var list []clause
	var alternatives clause
	for _, v := range c.Values {
		l := readLimit(c, v)
		if l.not {
			list = append(list, clause{l})
		} else {
			alternatives = append(alternatives, l)
		}
	}
	if alternatives != nil {
		list = append(list, alternatives)
	}
	return list
}

// operators says how each operator compares; those not listed are other.
var operators = map[string]struct {
	test test
	wild bool
	not  bool
}{
	"stringequals":              {test: text},
	"stringnotequals":           {test: text, not: true},
	"stringequalsignorecase":    {test: fold},
	"stringnotequalsignorecase": {test: fold, not: true},
	"stringlike":                {test: text, wild: true},
	"stringnotlike":             {test: text, wild: true, not: true},
	"arnequals":                 {test: text, wild: true}, // the same as arnlike
	"arnlike":                   {test: text, wild: true},
	"arnnotequals":              {test: text, wild: true, not: true},
	"arnnotlike":                {test: text, wild: true, not: true},
	"bool":                      {test: truth},
	"null":                      {test: null},
	"ipaddress":                 {test: block},
	"notipaddress":              {test: block, not: true},
}

func readLimit(c incident.Condition, value string) limit {
	op := baseOperator(c.Operator)
	how, known := operators[op]
	if !known {
		how.test = other
	}
	l := limit{key: c.Key, test: how.test, op: op, not: how.not, value: exactly(value), said: value}
	switch {
	case how.wild:
		l.value = wild(value)
	case how.test == fold || how.test == truth || how.test == null:
		l.value = exactly(strings.ToLower(value))
	}
	if how.test != other {
		l.op = ""
	}
	l.absent = holdsAbsent(strings.ToLower(c.Operator), l)
	return l
}

// holdsAbsent says whether a condition holds for a request that lacks its key.
func holdsAbsent(operator string, l limit) bool {
	switch {
	case l.test == null:
		return l.value == "true"
	case strings.HasSuffix(operator, "ifexists"), strings.HasPrefix(operator, "forallvalues:"):
		return true
	case strings.HasPrefix(operator, "foranyvalue:"):
		return false
	}
	return l.not
}

// negated is the opposite of l.
func (l limit) negated() limit {
	l.absent = !l.absent
	if l.test != truth && l.test != null {
		l.not = !l.not
		return l
	}
	if l.value == "true" {
		l.value = "false"
	} else {
		l.value = "true"
	}
	return l
}

// strict reports whether l wants the key to have the value.
func (l limit) strict() bool { return !l.not && !l.absent && l.test != null }

// presence reports whether l is content with any value.
func (l limit) presence() bool {
	switch {
	case l.test == null:
		return l.value == "false"
	case !l.strict():
		return false
	case l.test == block:
		b := addressBlock(l.value)
		return b.IsValid() && b.Bits() == 0
	}
	return l.value.matchesAll()
}

// implies reports whether everything that passes l passes m.
func (l limit) implies(m limit) bool {
	if l.key != m.key || l.absent && !m.absent {
		return false
	}
	if m.test == null {
		return m.value == "false" && !l.absent || l.test == null && l.value == m.value
	}
	if l.test == fold && m.test == text {
		return false
	}
	if m.test == fold && l.test == text {
		l.test, l.value = fold, pattern(strings.ToLower(string(l.value)))
	}
	if l.test != m.test || l.op != m.op {
		return false
	}
	switch {
	case l.not == m.not && l.not:
		return l.holdsAll(m.value)
	case l.not == m.not:
		return m.holdsAll(l.value)
	case m.not:
		return l.value.exact() && (l.test == text || l.test == fold) && !m.value.covers(l.value)
	}
	return false
}

// holdsAll reports whether l's value takes in all of v.
func (l limit) holdsAll(v pattern) bool {
	if l.value == v {
		return true
	}
	switch l.test {
	case text, fold:
		return l.value.covers(v)
	case block:
		wide, narrow := addressBlock(l.value), addressBlock(v)
		return wide.IsValid() && narrow.IsValid() && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
	}
	return false
}

// admits reports whether l lets a request pass whose key has that value.
func (l limit) admits(value string) bool {
	switch l.test {
	case text:
		return l.value.covers(exactly(value)) != l.not
	case fold:
		return l.value.covers(exactly(strings.ToLower(value))) != l.not
	}
	return true
}

// addressBlock reads an address or a block of them; it is not valid if p is
// neither.
func addressBlock(p pattern) netip.Prefix {
	if addr, err := netip.ParseAddr(string(p)); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	b, err := netip.ParsePrefix(string(p))
	if err != nil {
		return netip.Prefix{}
	}
	return b
}

// sorted puts limits in one order and drops repetitions.
func sorted(list []limit) []limit {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b limit) int {
		return cmp.Or(
			strings.Compare(a.key, b.key),
			cmp.Compare(a.test, b.test),
			strings.Compare(a.op, b.op),
			strings.Compare(string(a.value), string(b.value)),
			strings.Compare(a.said, b.said),
			compareBool(a.not, b.not),
			compareBool(a.absent, b.absent),
		)
	})
	return slices.Compact(list)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
