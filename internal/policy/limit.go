package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// limit is the smallest part of a condition: one key against one value.
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
	byText  test = iota // strings and ARNs
	byFold              // strings without case; value is in lower case
	byTruth             // Bool; value is true or false, never not
	byNull              // Null; value is true (the key is missing) or false, never not
	byBlock             // addresses; value is an address block
	byOther             // numbers, dates, binaries: compared by what is written only
)

// demand is a set of ways to satisfy a condition or to escape a deny. Each way
// is a set of limits that must all hold.
type demand [][]limit

// readDemand reads a condition. Several values are alternatives, except for an
// operator that wants none of them. Without a value there is no way.
func readDemand(c incident.Condition) demand {
	limits := readLimits(c)
	if len(limits) == 0 {
		return nil
	}
	if limits[0].not {
		return demand{limits}
	}
	return oneOf(limits)
}

// readEscape reads a condition of a deny: the ways to fail it.
func readEscape(c incident.Condition) demand {
	limits := readLimits(c)
	if len(limits) == 0 {
		return nil
	}
	wanted := !limits[0].not
	for i := range limits {
		limits[i] = limits[i].negated()
	}
	if wanted {
		return demand{limits}
	}
	return oneOf(limits)
}

func readLimits(c incident.Condition) []limit {
	var limits []limit
	for _, v := range c.Values {
		limits = append(limits, readLimit(c, v))
	}
	return sorted(limits)
}

func oneOf(limits []limit) demand {
	var d demand
	for _, l := range limits {
		d = append(d, []limit{l})
	}
	return d
}

// operators says how each operator compares; those not listed are other.
var operators = map[string]struct {
	test test
	wild bool
	not  bool
}{
	"stringequals":              {test: byText},
	"stringnotequals":           {test: byText, not: true},
	"stringequalsignorecase":    {test: byFold},
	"stringnotequalsignorecase": {test: byFold, not: true},
	"stringlike":                {test: byText, wild: true},
	"stringnotlike":             {test: byText, wild: true, not: true},
	"arnequals":                 {test: byText, wild: true}, // the same as arnlike
	"arnlike":                   {test: byText, wild: true},
	"arnnotequals":              {test: byText, wild: true, not: true},
	"arnnotlike":                {test: byText, wild: true, not: true},
	"bool":                      {test: byTruth},
	"null":                      {test: byNull},
	"ipaddress":                 {test: byBlock},
	"notipaddress":              {test: byBlock, not: true},
}

func readLimit(c incident.Condition, value string) limit {
	op := baseOperator(c.Operator)
	how, known := operators[op]
	if !known {
		how.test = byOther
	}
	l := limit{key: c.Key, test: how.test, op: op, not: how.not, value: exactly(value), said: value}
	switch {
	case how.wild:
		l.value = wild(value)
	case how.test == byFold || how.test == byTruth || how.test == byNull:
		l.value = exactly(strings.ToLower(value))
	}
	if how.test != byOther {
		l.op = ""
	}
	l.absent = holdsAbsent(strings.ToLower(c.Operator), l)
	return l
}

// holdsAbsent says whether a condition holds for a request that lacks its key.
func holdsAbsent(operator string, l limit) bool {
	switch {
	case l.test == byNull:
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
	if l.test != byTruth && l.test != byNull {
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

// strict reports whether l wants the key to be there and to match the value.
func (l limit) strict() bool {
	return !l.not && !l.absent && l.test != byNull && l.test != byOther
}

// textual reports whether l compares strings or ARNs.
func (l limit) textual() bool { return l.test == byText || l.test == byFold }

// presence reports whether l is content with any value.
func (l limit) presence() bool {
	switch {
	case l.test == byNull:
		return l.value == "false"
	case !l.strict():
		return false
	case l.test == byBlock:
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
	if m.test == byNull {
		return m.value == "false" && !l.absent || l.test == byNull && l.value == m.value
	}
	if l.test == byFold && m.test == byText {
		return false
	}
	if m.test == byFold && l.test == byText {
		l.test, l.value = byFold, pattern(strings.ToLower(string(l.value)))
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
		return l.value.exact() && l.textual() && !m.value.covers(l.value)
	}
	return false
}

// holdsAll reports whether l's value takes in all of v.
func (l limit) holdsAll(v pattern) bool {
	if l.value == v {
		return true
	}
	switch l.test {
	case byText, byFold:
		return l.value.covers(v)
	case byBlock:
		wide, narrow := addressBlock(l.value), addressBlock(v)
		return wide.IsValid() && narrow.IsValid() && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
	}
	return false
}

// admits reports whether l lets a request pass whose key has that value.
func (l limit) admits(value string) bool {
	switch l.test {
	case byText:
		return l.value.covers(exactly(value)) != l.not
	case byFold:
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
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(
			strings.Compare(a.key, b.key),
			cmp.Compare(a.test, b.test),
			strings.Compare(a.op, b.op),
			strings.Compare(string(a.value), string(b.value)),
			strings.Compare(a.said, b.said),
			compareBool(a.not, b.not),
			compareBool(a.absent, b.absent),
		) < 0
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
