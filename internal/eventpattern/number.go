package eventpattern

import (
	"bytes"
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// number is a JSON number, exactly: ±0.digits × 10^point, without zeros at
// either end of the digits. Zero has none.
type number struct {
	negative bool
	digits   string
	point    int
}

// parseNumber reads a number that is known to be well-formed. An exponent that
// no int holds counts as the largest that one does.
func parseNumber(raw []byte) number {
	mantissa, exponent, _ := bytes.Cut(bytes.ToLower(raw), []byte("e"))
	point, _ := strconv.Atoi(string(exponent)) // the largest value on overflow, 0 if there is none
	point = min(max(point, -1<<40), 1<<40)
	text, negative := strings.CutPrefix(string(mantissa), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	point += len(whole) - (len(whole) + len(fraction) - len(digits))
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return number{}
	}
	return number{negative, digits, point}
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// compare orders numbers by value.
func (n number) compare(m number) int {
	if c := cmp.Compare(n.sign(), m.sign()); c != 0 {
		return c
	}
	// Without leading zeros, the digits of equal magnitudes sort as text.
	return n.sign() * cmp.Or(cmp.Compare(n.point, m.point), strings.Compare(n.digits, m.digits))
}

// comparison holds of numbers alone; digits in a string are none.
func comparison(operator string, bound number) test {
	return func(v jsonscan.Value) bool {
		if v.Kind() != jsonscan.Number {
			return false
		}
		c := parseNumber(v.Raw()).compare(bound)
		switch operator {
		case "=":
			return c == 0
		case "<":
			return c < 0
		case "<=":
			return c <= 0
		case ">":
			return c > 0
		}
		return c >= 0
	}
}

// parseNumeric reads a number or a range: a lower bound, an upper one, or both
// in that order with room in between.
func parseNumeric(operand jsonscan.Value) (test, error) {
	var list []jsonscan.Value
	if operand.Kind() == jsonscan.Array {
		operand.Elements(func(_ int, v jsonscan.Value) bool { list = append(list, v); return true })
	}
	if len(list) != 2 && len(list) != 4 {
		return nil, errors.New("numeric needs a list of one or two comparisons")
	}
	var tests []test
	var bounds []number
	var kinds string
	for i := 0; i < len(list); i += 2 {
		operator, bound := list[i].Str(), list[i+1]
		if !strings.Contains(" = < <= > >= ", " "+operator+" ") || bound.Kind() != jsonscan.Number {
			return nil, errors.New("numeric needs =, <, <=, > or >= and a number")
		}
		n := parseNumber(bound.Raw())
		tests, bounds = append(tests, comparison(operator, n)), append(bounds, n)
		kinds += operator[:1]
	}
	if len(tests) == 1 {
		return tests[0], nil
	}
	if kinds != "><" || bounds[0].compare(bounds[1]) >= 0 {
		return nil, errors.New("a range needs its lower bound first and room below the upper one")
	}
	return func(v jsonscan.Value) bool { return tests[0](v) && tests[1](v) }, nil
}
