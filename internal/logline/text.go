package logline

import "strings"

func readText(s string) []Fact {
	const open, shut = "An error occurred (", ") when calling the "
	i := strings.Index(s, open)
	if i < 0 {
		return nil
	}
	code, rest, ok := strings.Cut(s[i+len(open):], shut)
	if !ok || !isCode(code) {
		return nil
	}
	_, text, _ := strings.Cut(rest, " operation")
	return []Fact{{Code: code, Reason: ReasonOf(code, text), Count: 1}}
}
