package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// markdown writes s so that a chat shows it and does nothing else with it: no
// bold, no link, no mention of a channel, no emoji. Slack and Teams understand
// different markup and escape it in different ways, but both leave a code span
// alone; so a word that holds anything but letters, digits and plain
// punctuation becomes one. For the words of a finding that is fitting, too:
// they are names, ARNs and operations.
func markdown(s string) string {
	fields := strings.Fields(Printable(s))
	for i, word := range fields {
		fields[i] = markdownWord(word)
	}
	return strings.Join(fields, " ")
}

// markdownWord keeps the punctuation around a word outside of its code span.
func markdownWord(word string) string {
	core := strings.TrimLeft(word, `("`)
	before := word[:len(word)-len(core)]
	core = strings.TrimRight(core, `.,;:!?)"`)
	after := word[len(before)+len(core):]
	if core == "" || isPlain(core) {
		return word
	}
	return before + code(core) + after
}

// isPlain reports whether a word can be no markup in any chat: letters and
// digits with hyphens and apostrophes, and numbers with what numbers hold.
func isPlain(word string) bool {
	letters := false
	for i, r := range word {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			letters = true
		case unicode.IsDigit(r):
		case r == '+' && i == 0 && len(word) > 1: // of a time after the first one
		case r == '-' || (r == '\'' || r == '’') && i > 0:
		case strings.ContainsRune(".:,", r) && betweenDigits(word, i):
		case word == "%" || word == "±" || word == "&" || word == "…":
			return true
		default:
			return false
		}
	}
	return letters || strings.ContainsFunc(word, unicode.IsDigit)
}

func betweenDigits(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+1:])
	return unicode.IsDigit(before) && unicode.IsDigit(after)
}

// code writes s as a code span. Characters that could end it, and those that
// Slack acts upon even inside one, are replaced by ones that look alike.
func code(s string) string {
	var b strings.Builder
	b.WriteByte('`')
	last := ' '
	for _, r := range s {
		switch {
		case r == '`':
			b.WriteByte('\'')
		case r == '<':
			b.WriteRune('‹')
		case r == '>':
			b.WriteRune('›')
		case r == '@' && !unicode.IsLetter(last) && !unicode.IsDigit(last):
			b.WriteRune('＠') // a mention begins here
		default:
			b.WriteRune(r)
		}
		last = r
	}
	b.WriteByte('`')
	return b.String()
}
