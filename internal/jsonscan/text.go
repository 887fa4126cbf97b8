package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is the string that v stands for. Bytes that are no UTF-8 and surrogates
// without their other half become U+FFFD.
func (v Value) Text() (s string, ok bool) {
	if v.Kind() != String {
		return "", false
	}
	if b, ok := v.Plain(); ok {
		return string(b), true
	}
	return string(v.AppendText(nil)), true
}

// Str is Text without the question whether v is a string: "" if it is not.
func (v Value) Str() string {
	s, _ := v.Text()
	return s
}

// Is reports whether v is the string s. It does not allocate.
func (v Value) Is(s string) bool {
	if b, ok := v.Plain(); ok {
		return string(b) == s
	}
	var room [64]byte
	return v.Kind() == String && string(v.AppendText(room[:0])) == s
}

// Plain is the text of a string that reads as it is written, which nearly all
// do, without a copy: for looking it up in a map. It must not be changed.
func (v Value) Plain() (b []byte, ok bool) {
	if v.Kind() != String {
		return nil, false
	}
	b = v.raw[1 : len(v.raw)-1]
	return b, bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b)
}

// AppendText appends the text of a string to dst, and nothing for any other
// value. It spares the copy where the text is only looked at or parsed again.
func (v Value) AppendText(dst []byte) []byte {
	if v.Kind() != String {
		return dst
	}
	b := v.raw[1 : len(v.raw)-1]
	for len(b) > 0 {
		switch c := b[0]; {
		case c == '\\' && b[1] == 'u':
			var r rune
			r, b = readUnicodeEscape(b)
			dst = utf8.AppendRune(dst, r)
		case c == '\\':
			dst = append(dst, unescape(b[1]))
			b = b[2:]
		case c < utf8.RuneSelf:
			n := plainASCII(b)
			dst = append(dst, b[:n]...)
			b = b[n:]
		default:
			r, n := utf8.DecodeRune(b)
			dst = utf8.AppendRune(dst, r)
			b = b[n:]
		}
	}
	return dst
}

// plainASCII is how many bytes of b, at least one, stand for themselves.
func plainASCII(b []byte) int {
	n := 1
	for n < len(b) && b[n] < utf8.RuneSelf && b[n] != '\\' {
		n++
	}
	return n
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // quote, backslash, slash
}

// readUnicodeEscape reads the \uXXXX that b starts with, and the second one of
// a surrogate pair, and returns what follows.
func readUnicodeEscape(b []byte) (rune, []byte) {
	r := hex4(b[2:])
	b = b[6:]
	if !utf16.IsSurrogate(r) {
		return r, b
	}
	if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(b[2:])); pair != utf8.RuneError {
			return pair, b[6:]
		}
	}
	return utf8.RuneError, b
}

func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			r = r<<4 | rune(c-'0')
		default:
			r = r<<4 | rune(c|0x20-'a'+10)
		}
	}
	return r
}
