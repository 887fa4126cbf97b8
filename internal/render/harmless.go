package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// harmful reports whether a terminal, or an eye, may take r for something else
// than a character: control characters, which start escape sequences, and
// format characters, which reorder or hide the text around them. Code points
// that are no characters are among them, since queues refuse messages with them.
func harmful(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point)
}

// Printable returns s with harmful characters written as escapes, on one line.
func Printable(s string) string {
	if strings.IndexFunc(s, harmful) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteRune(r)
		case harmful(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case harmful(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmlessJSON returns JSON with the harmful characters that it holds escaped.
// They can only stand inside strings, where the escape means the same.
func harmlessJSON(b []byte) []byte {
	if strings.IndexFunc(string(b), harmful) < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for _, r := range string(b) {
		switch {
		case !harmful(r) || r == utf8.RuneError || r == '\n':
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
