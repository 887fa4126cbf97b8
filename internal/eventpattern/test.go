package eventpattern

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// test is a condition on one value.
type test func(jsonscan.Value) bool

// operators are the words that make an object in a list a comparison.
var operators = []string{
	"exactly", "exists", "anything-but", "prefix", "suffix", "equals-ignore-case", "wildcard", "numeric", "cidr",
}

func isOperator(name string) bool { return slices.Contains(operators, name) }

// parseTest reads one element of a field's list. The absence of a field, which
// is no condition on a value, has been dealt with.
func parseTest(v jsonscan.Value) (test, error) {
	switch v.Kind() {
	case jsonscan.String:
		return equals(v.Str()), nil
	case jsonscan.Number:
		return comparison("=", parseNumber(v.Raw())), nil
	case jsonscan.Null, jsonscan.Bool:
		want := string(v.Raw())
		return func(v jsonscan.Value) bool { return string(v.Raw()) == want }, nil
	case jsonscan.Object:
		return parseOperator(v)
	}
	return nil, errors.New("want a value or an operator")
}

func parseOperator(v jsonscan.Value) (test, error) {
	var name string
	var operand jsonscan.Value
	n := 0
	v.Members(func(key string, value jsonscan.Value) bool {
		name, operand = key, value
		n++
		return true
	})
	if n != 1 {
		return nil, errors.New("want one operator in an object")
	}
	switch name {
	case "exists":
		if string(operand.Raw()) != "true" { // false was dealt with before
			return nil, errors.New("exists needs true or false")
		}
		return func(jsonscan.Value) bool { return true }, nil
	case "anything-but":
		return parseAnythingBut(operand)
	case "numeric":
		return parseNumeric(operand)
	case "cidr":
		return parseCIDR(operand)
	}
	return parseText(name, operand)
}

// parseText reads the operators on strings. They never hold of other values.
func parseText(name string, operand jsonscan.Value) (test, error) {
	if inner := operand.Get("equals-ignore-case"); (name == "prefix" || name == "suffix") && members(operand) == 1 && inner.Kind() == jsonscan.String {
		return ignoringCase(name, inner.Str()), nil
	}
	if operand.Kind() != jsonscan.String {
		return nil, fmt.Errorf("%s needs a string", name)
	}
	want := operand.Str()
	switch name {
	case "exactly":
		return text(func(s string) bool { return s == want }), nil
	case "prefix":
		return text(func(s string) bool { return strings.HasPrefix(s, want) }), nil
	case "suffix":
		return text(func(s string) bool { return strings.HasSuffix(s, want) }), nil
	case "equals-ignore-case":
		return text(func(s string) bool { return strings.EqualFold(s, want) }), nil
	case "wildcard":
		return parseWildcard(want)
	}
	return nil, fmt.Errorf("unknown operator %q", name)
}

func text(holds func(string) bool) test {
	return func(v jsonscan.Value) bool {
		return v.Kind() == jsonscan.String && holds(v.Str())
	}
}

// equals takes a string that is an IP address in each of its spellings, as AWS
// does.
func equals(want string) test {
	addr, isAddr := parseAddr(want)
	return text(func(s string) bool {
		if s == want || !isAddr {
			return s == want
		}
		got, ok := parseAddr(s)
		return ok && got == addr
	})
}

// ignoringCase compares the first or last letters. Simple folding, which is all
// that AWS does, never changes their number.
func ignoringCase(end, want string) test {
	n := len([]rune(want))
	return text(func(s string) bool {
		letters := []rune(s)
		if len(letters) < n {
			return false
		}
		if end == "prefix" {
			return strings.EqualFold(string(letters[:n]), want)
		}
		return strings.EqualFold(string(letters[len(letters)-n:]), want)
	})
}

// parseWildcard reads a text in which * stands for any text, even none, and a
// backslash takes the meaning from a star or a backslash.
func parseWildcard(pattern string) (test, error) {
	parts := []string{""}
	last := &parts[0]
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*' && len(parts) > 1 && *last == "" && pattern[i-1] == '*':
			return nil, errors.New("two stars in a row")
		case c == '*':
			parts = append(parts, "")
			last = &parts[len(parts)-1]
		case c == '\\':
			i++
			if i == len(pattern) || pattern[i] != '*' && pattern[i] != '\\' {
				return nil, errors.New("a backslash may stand before a star or a backslash only")
			}
			*last += pattern[i : i+1]
		default:
			*last += string([]byte{c})
		}
	}
	return text(func(s string) bool { return inOrder(parts, s) }), nil
}

// inOrder reports whether s begins with the first part, ends with the last, and
// has the others in between, one after the other.
func inOrder(parts []string, s string) bool {
	first, rest := parts[0], parts[1:]
	s, ok := strings.CutPrefix(s, first)
	if !ok || len(rest) == 0 {
		return ok && s == ""
	}
	last := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, last)
}

// parseCIDR reads a block of addresses. Its host bits have no meaning, and a
// single address is refused.
func parseCIDR(operand jsonscan.Value) (test, error) {
	block, err := netip.ParsePrefix(operand.Str())
	if err != nil || block.IsSingleIP() {
		return nil, errors.New("cidr needs a block of more than one address")
	}
	return text(func(s string) bool {
		addr, ok := parseAddr(s)
		return ok && block.Contains(addr)
	}), nil
}

// parseAddr reads an address. One of IPv4 within IPv6 counts as IPv4, and not
// at all if it is spelled with dots.
func parseAddr(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Is4In6() && strings.Contains(s, ".") {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// parseAnythingBut reads what a value must not be. It holds of any value that
// is there and differs; of what kind the value is does not matter.
func parseAnythingBut(operand jsonscan.Value) (test, error) {
	if operand.Kind() == jsonscan.Object {
		return parseAnythingLike(operand)
	}
	var excluded []test
	kind := jsonscan.Missing
	var err error
	operand.Elements(func(_ int, v jsonscan.Value) bool {
		k := v.Kind()
		if k != jsonscan.String && k != jsonscan.Number || kind != jsonscan.Missing && k != kind {
			err = errors.New("anything-but needs strings or numbers, not both")
			return false
		}
		kind = k
		var t test
		t, err = parseTest(v)
		excluded = append(excluded, t)
		return err == nil
	})
	if err == nil && len(excluded) == 0 {
		err = errors.New("anything-but needs a value")
	}
	return none(excluded), err
}

// parseAnythingLike reads an operator, and one value or several, that must not
// hold.
func parseAnythingLike(operand jsonscan.Value) (test, error) {
	var excluded []test
	var err error
	n := 0
	operand.Members(func(name string, list jsonscan.Value) bool {
		n++
		if !slices.Contains([]string{"prefix", "suffix", "equals-ignore-case", "wildcard"}, name) {
			err = fmt.Errorf("%s has no place in anything-but", name)
			return false
		}
		list.Elements(func(_ int, v jsonscan.Value) bool {
			if v.Kind() != jsonscan.String || v.Str() == "" && name != "equals-ignore-case" {
				err = fmt.Errorf("anything-but %s needs text", name)
				return false
			}
			var t test
			t, err = parseText(name, v)
			excluded = append(excluded, t)
			return err == nil
		})
		return err == nil
	})
	if err == nil && (n != 1 || len(excluded) == 0) {
		err = errors.New("anything-but needs one operator")
	}
	return none(excluded), err
}

func none(excluded []test) test {
	return func(v jsonscan.Value) bool {
		return !slices.ContainsFunc(excluded, func(holds test) bool { return holds(v) })
	}
}
