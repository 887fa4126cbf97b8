package logline

import "strings"

// A text is a message made comparable: runs of blanks are one blank, escapes
// that a JSON encoder left are undone, and the frame that Terraform draws
// around its errors is gone.
type text struct {
	// lines has a '\n' where the message had a line break; in flat, which is
	// equally long, that is a blank too.
	lines, flat string
	// fromSDK is set if the message holds what only an AWS SDK's error carries:
	// one of AWS's texts, a field of the SDK's error object, or the SDK's name
	// in a stack trace.
	fromSDK bool
}

// frame is what Terraform puts before each line of an error, breaking its
// words as it goes.
const frame = "│"

func flatten(s string) text {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		blank, n := blanks(s[i:])
		if n > 0 {
			b.WriteByte(blank)
			i += n
			continue
		}
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`"/\`, s[i+1]) >= 0 {
			i++
			if s[i] == '\\' {
				continue // it may itself escape what follows
			}
		}
		b.WriteByte(s[i])
		i++
	}
	lines := b.String()
	flat := strings.ReplaceAll(lines, "\n", " ")
	return text{lines: lines, flat: flat, fromSDK: containsAny(flat, sdkMarks) || containsAny(flat, midTexts) || hasAWSText(flat)}
}

// blanks is the run of blanks at the beginning of s: what it is folded to, and
// how long it is.
func blanks(s string) (blank byte, n int) {
	blank = ' '
	framed := false
	for n < len(s) {
		switch {
		case s[n] == '\n':
			blank = '\n'
			n++
		case s[n] == ' ' || s[n] == '\t' || s[n] == '\r':
			n++
		case s[n] == '\\' && n+1 < len(s) && s[n+1] == 'n':
			blank = '\n'
			n += 2
		case s[n] == '\\' && n+1 < len(s) && (s[n+1] == 't' || s[n+1] == 'r'):
			n += 2
		case strings.HasPrefix(s[n:], frame):
			framed = true
			n += len(frame)
		default:
			return foldFrame(blank, framed), n
		}
	}
	return foldFrame(blank, framed), n
}

func foldFrame(blank byte, framed bool) byte {
	if framed {
		return ' '
	}
	return blank
}

// startsClause reports whether something new begins at i: a line, a value, or
// what follows a colon, a bracket or a log level. In the middle of a sentence
// nothing does.
func (t text) startsClause(i int) bool {
	before := t.lines[:i]
	if before == "" {
		return true
	}
	switch c := before[len(before)-1]; c {
	case '\n', ':', '=', '(', '[', '{', '>', '|':
		return true
	case ' ':
		return followsLabel(strings.TrimRight(before, " "))
	case '"', '\'':
		return opensValue(before[:len(before)-1])
	}
	return false
}

// followsLabel reports whether s ends in something after which an error is
// written: punctuation, a time, a level such as ERROR, or a word such as
// "Exception" or "with".
func followsLabel(s string) bool {
	if s == "" {
		return true
	}
	last := s[len(s)-1]
	if strings.IndexByte(":])}|>{[(,;=-!\"'", last) >= 0 {
		return true
	}
	word := s[strings.LastIndexAny(s, " \n")+1:]
	if last == 'Z' || '0' <= last && last <= '9' {
		return strings.Contains(word, ":") // 10:00:00
	}
	if len(word) >= 3 && strings.ToUpper(word) == word {
		return true
	}
	return containsAny("|"+word+"|", []string{"rror|", "xception|", "ejection|", "|err|", "|failed|", "|with|", "|code|", "|got|", "|cause|", "|reason|"})
}

// opensValue reports whether a quote after s opens a value of a structure, as
// opposed to quoting a word of a sentence.
func opensValue(s string) bool {
	s = strings.TrimRight(s, " \n")
	return s == "" || strings.IndexByte(":=([{,", s[len(s)-1]) >= 0
}
