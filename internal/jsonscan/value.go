package jsonscan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kind is the type of a Value.
type Kind uint8

const (
	Missing Kind = iota // the zero Value: nothing is there
	Null
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"missing", "null", "bool", "number", "string", "array", "object"}[k]
}

// Value is one JSON value: a span of bytes known to be well-formed. The zero
// Value is Missing.
type Value struct {
	raw    []byte
	fields *Fields // the index of an object's members, if there is one
	made   uint    // which use of fields is meant
}

// SyntaxError says what is wrong with JSON, and where. It never quotes it.
type SyntaxError struct {
	Offset int64 // of the offending byte
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("json: %s at offset %d", e.Msg, e.Offset)
}

// Is makes errors.Is(err, ErrUnexpectedEnd) and errors.Is(err, ErrTooDeep)
// true for the errors that they name.
func (e *SyntaxError) Is(target error) bool {
	return target == ErrUnexpectedEnd && e.Msg == unexpectedEnd.String() ||
		target == ErrTooDeep && e.Msg == tooDeep.String()
}

var (
	// ErrUnexpectedEnd is a value that is well-formed as far as it goes.
	ErrUnexpectedEnd = errors.New("json: unexpected end")
	// ErrTooDeep is a value with more than MaxDepth levels of nesting.
	ErrTooDeep = errors.New("json: nested too deeply")
)

// Parse checks that b is one JSON value with nothing but white space around
// it. Its error is a *SyntaxError.
func Parse(b []byte) (Value, error) {
	v, n, err := Next(b)
	if err != nil {
		return Value{}, err
	}
	if n = skipSpace(b, n); n < len(b) {
		return Value{}, newSyntaxError(n, trailingData)
	}
	return v, nil
}

// Next checks the first JSON value in b and returns it with the number of
// bytes that it and the white space before it take. Its error is a
// *SyntaxError, and then n is that error's offset. A number that reaches the
// end of b counts as complete.
func Next(b []byte) (v Value, n int, err error) {
	start := skipSpace(b, 0)
	end, f := scanValue(b, start, 0)
	if f != none {
		return Value{}, end, newSyntaxError(end, f)
	}
	return Value{raw: b[start:end:end]}, end, nil
}

func newSyntaxError(offset int, f fault) error {
	return &SyntaxError{Offset: int64(offset), Msg: f.String()}
}

// Kind is the type of v.
func (v Value) Kind() Kind {
	if len(v.raw) == 0 {
		return Missing
	}
	switch v.raw[0] {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	return Number
}

// Raw is v as it stands in the input. It must not be changed.
func (v Value) Raw() []byte { return v.raw }

// Get follows a path of member names. It is Missing when a name is absent or
// is looked up in anything but an object. Of equal names the last one counts.
//
// It is called in some three hundred places, each of which would be larger, and no
// faster, with a copy of it.
//
//go:noinline
func (v Value) Get(path ...string) Value {
	for _, name := range path {
		v = v.member(name)
	}
	return v
}

func (v Value) member(name string) Value {
	f := v.fields
	if f == nil || f.made != v.made || f.odd {
		return v.walk(name)
	}
	m := f.find(name)
	if m == nil || m.made != f.made {
		return Value{}
	}
	found := Value{raw: v.raw[m.val:m.end:m.end]}
	if m.inner != 0 {
		found.fields, found.made = f.within[m.within-1].fields, m.inner
	}
	return found
}

// walk looks up a member without an index.
func (v Value) walk(name string) Value {
	var found Value
	v.eachMember(func(key, val Value) bool {
		if key.names(name) {
			found = val
		}
		return true
	})
	return found
}

// names is Is for a member's name, which hardly ever holds an escape.
func (v Value) names(name string) bool {
	end, odd := endOfKey(v.raw, 0)
	if odd {
		return v.Is(name)
	}
	return string(v.raw[1:end]) == name
}

// Members calls yield with each member of an object, in the order of the
// input, until it returns false. Duplicates come as often as they stand there.
func (v Value) Members(yield func(name string, v Value) bool) {
	v.eachMember(func(key, val Value) bool { return yield(key.Str(), val) })
}

// eachMember walks an object that is known to be well-formed.
func (v Value) eachMember(yield func(key, val Value) bool) {
	if v.Kind() != Object {
		return
	}
	b := v.raw
	i := skipSpace(b, 1)
	for b[i] == '"' {
		keyEnd, _ := scanString(b, i)
		key := Value{raw: b[i:keyEnd:keyEnd]}
		i = skipSpace(b, keyEnd)
		i = skipSpace(b, i+1)
		end := skipValue(b, i)
		if !yield(key, Value{raw: b[i:end:end]}) {
			return
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// Elements calls yield with each element of an array until it returns false.
// Since one is often written where a list of one is meant, any other value
// counts as such a list; Missing and Null count as none.
func (v Value) Elements(yield func(i int, v Value) bool) {
	switch v.Kind() {
	case Missing, Null:
		return
	case Array:
		v.eachElement(yield)
	default:
		yield(0, v)
	}
}

func (v Value) eachElement(yield func(n int, v Value) bool) {
	b := v.raw
	i := skipSpace(b, 1)
	for n := 0; b[i] != ']'; n++ {
		end := skipValue(b, i)
		if !yield(n, Value{raw: b[i:end:end]}) {
			return
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// skipValue returns the index behind the value that starts at b[i] and is
// known to be well-formed.
func skipValue(b []byte, i int) int {
	end, _ := scanValue(b, i, 0)
	return end
}

// Bool is v as a truth value. The strings "true" and "false", in whatever
// case, count too: half of CloudTrail writes them so.
func (v Value) Bool() (val, ok bool) {
	switch v.Kind() {
	case Bool:
		return v.raw[0] == 't', true
	case String:
		s := v.Str()
		return strings.EqualFold(s, "true"), strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
	}
	return false, false
}

// Int is v as an integer: a number without a fraction, however it is written,
// or a string that holds one.
func (v Value) Int() (int64, bool) {
	var s string
	switch v.Kind() {
	case Number:
		s = string(v.raw)
	case String:
		s = strings.TrimSpace(v.Str())
	default:
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// Skip checks the value that starts at b[i], within depth arrays and objects, as
// Next would, and returns the index behind it. If it is not ok that is where the
// fault is, and len(b) if the value is well-formed as far as it goes.
func Skip(b []byte, i, depth int) (end int, ok bool) {
	end, f := scanValue(b, i, depth)
	return end, f == none
}

// Checked is the value that b is known to be, such as one that Skip passed.
func Checked(b []byte) Value { return Value{raw: b} }
