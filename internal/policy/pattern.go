package policy

import "strings"

// pattern is a policy's text in which wildcards are told apart from the
// characters that they are written with: an operator that compares exactly
// takes a star for a star.
type pattern string

const (
	anyRun  = '\x00' // matches any number of characters
	anyChar = '\x01' // matches one character
	filled  = '\x02' // encloses the name of a policy variable
)

// exactly reads text as an operator does that knows no wildcards.
func exactly(text string) pattern { return readPattern(text, false) }

// wild reads * and ? in text as wildcards.
func wild(text string) pattern { return readPattern(text, true) }

// readPattern also reads policy variables. ${*}, ${?} and ${$} stand for a
// character; the value of any other comes with the request.
func readPattern(text string, wildcards bool) pattern {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if name, ok := variable(text[i:]); ok {
			i += len("${}") + len(name) - 1
			if name == "*" || name == "?" || name == "$" {
				b.WriteString(name)
			} else {
				b.WriteString(string(filled) + strings.ToLower(notText.Replace(name)) + string(filled))
			}
			continue
		}
		switch c := text[i]; {
		case c == '*' && wildcards:
			b.WriteByte(anyRun)
		case c == '?' && wildcards:
			b.WriteByte(anyChar)
		case c <= filled:
			b.WriteString("\ufffd")
		default:
			b.WriteByte(c)
		}
	}
	return pattern(b.String())
}

// variable is the name of the policy variable that text begins with.
func variable(text string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(text, "${")
	if !ok {
		return "", false
	}
	name, _, ok = strings.Cut(rest, "}")
	return name, ok
}

// notText replaces the characters that have a meaning in a pattern; in a
// policy's text they can only be rubbish.
var notText = strings.NewReplacer("\x00", "\ufffd", "\x01", "\ufffd", "\x02", "\ufffd")

// exact reports whether p matches one text only, whoever asks.
func (p pattern) exact() bool { return !strings.ContainsAny(string(p), "\x00\x01\x02") }

// matchesAll reports whether p can be met by anything: it is made of wildcards
// and variables, and separators between them.
func (p pattern) matchesAll() bool {
	open := strings.ContainsAny(string(p), "\x00\x02")
	for i, part := range strings.Split(string(p), string(filled)) {
		if inName := i%2 == 1; !inName && strings.Trim(part, "\x00\x01:/") != "" {
			return false
		}
	}
	return open
}

// covers reports whether p matches everything that q matches. A wildcard of q
// is only covered by one of p that is at least as wide, a variable by itself
// and by a wildcard.
func (p pattern) covers(q pattern) bool {
	i, j := 0, 0
	star, resume := -1, 0 // the last * of p, and where in q it stops
	for j < len(q) {
		switch {
		case i < len(p) && p[i] == anyRun:
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == q[j] || p[i] == anyChar && q[j] != anyRun && q[j] != filled):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyRun {
		i++
	}
	return i == len(p)
}

// parts splits p at a separator.
func (p pattern) parts(separator string) []pattern {
	var list []pattern
	for part := range strings.SplitSeq(string(p), separator) {
		list = append(list, pattern(part))
	}
	return list
}
