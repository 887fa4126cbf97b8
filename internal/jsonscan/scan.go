package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// MaxDepth is how many arrays and objects may be nested in one another.
// CloudTrail records have about ten levels; a policy document inside one is a
// string and starts anew.
const MaxDepth = 512

// fault says why a scan stopped. The zero value is success.
type fault uint8

const (
	none fault = iota
	unexpectedEnd
	tooDeep
	badValue
	badLiteral
	badNumber
	badEscape
	controlInString
	wantKey
	wantColon
	wantObjectEnd
	wantArrayEnd
	trailingData
)

// String describes a fault without a byte of the input, which may be secret.
func (f fault) String() string {
	switch f {
	case none:
		return "no error"
	case unexpectedEnd:
		return "unexpected end"
	case tooDeep:
		return "nested too deeply"
	case badValue:
		return "no value where one should be"
	case badLiteral:
		return "misspelt literal"
	case badNumber:
		return "malformed number"
	case badEscape:
		return "malformed escape in string"
	case controlInString:
		return "control character in string"
	case wantKey:
		return "no member name where one should be"
	case wantColon:
		return "no colon after member name"
	case wantObjectEnd:
		return "neither comma nor end of object"
	case wantArrayEnd:
		return "neither comma nor end of array"
	}
	return "data after the value"
}

// The scanners below take the index at which something starts and return the
// index behind it. On a fault they return the index of the offending byte.

// scanValue checks the value that starts at b[i], white space not included.
// A number that reaches the end of b counts as complete.
func scanValue(b []byte, i, depth int) (int, fault) {
	if i >= len(b) {
		return i, unexpectedEnd
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '{':
		return scanObject(b, i, depth+1)
	case c == '[':
		return scanArray(b, i, depth+1)
	case c == '-' || '0' <= c && c <= '9':
		return scanNumber(b, i)
	case c == 't':
		return scanLiteral(b, i, "true")
	case c == 'f':
		return scanLiteral(b, i, "false")
	case c == 'n':
		return scanLiteral(b, i, "null")
	}
	return i, badValue
}

func scanObject(b []byte, i, depth int) (int, fault) {
	if depth > MaxDepth {
		return i, tooDeep
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, none
	}
	var f fault
	for {
		if i, f = scanKey(b, i); f != none {
			return i, f
		}
		if i < len(b) && b[i] == '"' {
			i, f = scanString(b, i)
		} else {
			i, f = scanValue(b, i, depth)
		}
		if f != none {
			return i, f
		}
		if follows(b, i, ',') {
			i++
			continue
		}
		var last bool
		if i, last, f = scanSeparator(b, i, '}', wantObjectEnd); last || f != none {
			return i, f
		}
	}
}

func scanArray(b []byte, i, depth int) (int, fault) {
	if depth > MaxDepth {
		return i, tooDeep
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, none
	}
	var f fault
	for {
		if i, f = scanValue(b, i, depth); f != none {
			return i, f
		}
		var last bool
		if i, last, f = scanSeparator(b, i, ']', wantArrayEnd); last || f != none {
			return i, f
		}
	}
}

// scanKey checks a member name, its colon and the space behind.
func scanKey(b []byte, i int) (int, fault) {
	if i >= len(b) {
		return i, unexpectedEnd
	}
	if b[i] != '"' {
		return i, wantKey
	}
	i, f := scanString(b, i)
	if f != none {
		return i, f
	}
	if follows(b, i, ':') {
		return i + 1, none
	}
	return scanColon(b, i)
}

// follows reports whether b[i] is c with no white space around it, as programs
// write JSON.
func follows(b []byte, i int, c byte) bool {
	return i+1 < len(b) && b[i] == c && b[i+1] > ' '
}

// scanColon checks the colon behind a name and passes the space around it.
func scanColon(b []byte, i int) (int, fault) {
	i = skipSpace(b, i)
	if i >= len(b) {
		return i, unexpectedEnd
	}
	if b[i] != ':' {
		return i, wantColon
	}
	return skipSpace(b, i+1), none
}

// scanSeparator checks what stands behind a member or element: a comma, and
// then i is where the next one starts, or the closing byte, which is the last.
func scanSeparator(b []byte, i int, closing byte, otherwise fault) (next int, last bool, f fault) {
	i = skipSpace(b, i)
	if i >= len(b) {
		return i, false, unexpectedEnd
	}
	switch b[i] {
	case ',':
		return skipSpace(b, i+1), false, none
	case closing:
		return i + 1, true, none
	}
	return i, false, otherwise
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// specialBytes marks, in the highest bit of each byte of w, the bytes at which
// the reading of a string has to stop: quote, backslash, control character.
// Only the lowest mark can be relied upon.
func specialBytes(w uint64) uint64 {
	return ((w ^ '"'*ones - ones) | (w ^ '\\'*ones - ones) | (w - ' '*ones)) &^ w & highs
}

// eightBytes are those from b[i] on. With all three indices it takes no more than
// to load them.
func eightBytes(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : i+8]) }

// Plain reports whether eight bytes are of ASCII that can be seen, and stand for
// themselves in a string.
func Plain(w uint64) bool {
	const deletes = '\x7f' * ones
	return (specialBytes(w)|(w^deletes-ones)&^(w^deletes)|w)&highs == 0
}

// firstByte is the index of the lowest byte that is marked.
func firstByte(marks uint64) int { return bits.TrailingZeros64(marks) / 8 }

// scanString checks the string whose opening quote is b[i]. It looks at eight
// bytes at a time: the lowest marked byte of special is exact, whatever the
// borrows of the subtractions do to those above it.
func scanString(b []byte, i int) (int, fault) {
	i++
	for {
		for i+8 <= len(b) {
			special := specialBytes(eightBytes(b, i))
			if special != 0 {
				i += firstByte(special)
				break
			}
			i += 8
		}
		if i >= len(b) {
			return len(b), unexpectedEnd
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, none
		case c == '\\':
			var f fault
			if i, f = scanEscape(b, i); f != none {
				return i, f
			}
		case c < ' ':
			return i, controlInString
		default:
			i++
		}
	}
}

// scanEscape checks the escape whose backslash is b[i].
func scanEscape(b []byte, i int) (int, fault) {
	if i+1 >= len(b) {
		return len(b), unexpectedEnd
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, none
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if k >= len(b) {
				return len(b), unexpectedEnd
			}
			if !isHex(b[k]) {
				return k, badEscape
			}
		}
		return i + 6, none
	}
	return i + 1, badEscape
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func scanLiteral(b []byte, i int, word string) (int, fault) {
	for k := range len(word) {
		if i+k >= len(b) {
			return len(b), unexpectedEnd
		}
		if b[i+k] != word[k] {
			return i + k, badLiteral
		}
	}
	return i + len(word), none
}

func scanNumber(b []byte, i int) (int, fault) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		var f fault
		if i, f = scanDigits(b, i); f != none {
			return i, f
		}
	}
	if i < len(b) && b[i] == '.' {
		var f fault
		if i, f = scanDigits(b, i+1); f != none {
			return i, f
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return scanDigits(b, i)
	}
	return i, none
}

// scanDigits passes over one digit or more.
func scanDigits(b []byte, i int) (int, fault) {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	switch {
	case i > start:
		return i, none
	case i == len(b):
		return i, unexpectedEnd
	}
	return i, badNumber
}

// skipSpace returns the index of the first byte from b[i] on that is not JSON
// white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r'
}
