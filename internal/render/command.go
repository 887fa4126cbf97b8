package render

import (
	"strings"
	"unicode/utf8"
)

// part is a piece of a next step: words, or a command that stood in backticks.
type part struct {
	text    string
	command bool
}

// parts splits a step into its words and commands. Spaces beside a command stay
// with the words.
func parts(step string) []part {
	pieces := strings.Split(Printable(step), "`")
	if len(pieces)%2 == 0 {
		return []part{{text: Printable(step)}} // an open one is no command
	}
	var list []part
	for n, s := range pieces {
		if s != "" {
			list = append(list, part{s, n%2 == 1})
		}
	}
	return list
}

// Command is a shell command after an indent, harmless and in lines of 80 columns
// that a shell takes as one, as far as it has places to break.
func Command(indent, s string) string {
	return strings.Join(shellLines(indent, Printable(s), width), "\n") + "\n"
}

// shellLines breaks a command into lines of the given width that a shell still
// takes for one command: between arguments, with a backslash, and inside single
// quotes, where a policy document stands, between members of the document.
func shellLines(indent, s string, width int) []string {
	var lines []string
	line := indent
	for _, c := range chunks(s) {
		if strings.TrimSpace(line) != "" && columns(line)+columns(c.text)+len(" \\") > width {
			lines = append(lines, strings.TrimRight(line, " ")+c.before)
			line = indent + "  "
		}
		line += c.text
	}
	lines = append(lines, line)
	var fit []string
	for _, line := range lines {
		fit = append(fit, hardLines(line, width)...)
	}
	return fit
}

// chunk is a part of a command that stays on one line, and what ends the line
// before it if it begins another.
type chunk struct{ text, before string }

func chunks(s string) []chunk {
	const argument, document = " \\", ""
	list := []chunk{{}}
	quoted, inString := false, false
	for i, r := range s {
		last := &list[len(list)-1]
		last.text += string(r)
		switch {
		case r == '\'':
			quoted = !quoted
		case r == '"' && quoted:
			inString = !inString
		case r == ' ' && !quoted && i+1 < len(s):
			list = append(list, chunk{before: argument})
		case (r == ',' || r == '{') && quoted && !inString:
			list = append(list, chunk{before: document})
		}
	}
	return list
}

// hardLines cuts what is still too long: a shell reads on after a backslash, and
// the next line must then begin at its beginning.
func hardLines(line string, width int) []string {
	var lines []string
	for columns(line) > width {
		at := cutAt(line, width-1)
		lines = append(lines, line[:at]+"\\")
		line = line[at:]
	}
	return append(lines, line)
}

// cutAt is the index of the nth rune of s.
func cutAt(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func columns(s string) int { return utf8.RuneCountInString(s) }

// cut shortens s to n characters, visibly and never inside one.
func cut(s string, n int, mark string) string {
	if columns(s) <= n {
		return s
	}
	return s[:cutAt(s, max(0, n-columns(mark)))] + mark
}
