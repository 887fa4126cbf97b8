package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/trailverdict/trailverdict/internal/render"
)

// usualWidth is how wide texts are made.
const usualWidth = 80

// narrowTerminal breaks texts of 80 columns anew for a terminal that has fewer, at words
// and not within them. What has no words, such as JSON, stays as it is.
type narrowTerminal struct {
	w     io.Writer
	fd    uintptr
	width int
	rest  []byte // of a line without its end

	lines []string // of the paragraph at hand
	under int      // where its further lines begin
}

// narrowed is w, or what fits texts into it where it is a narrow terminal. What is
// returned besides ends the text.
func narrowed(w io.Writer) (io.Writer, func()) {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return w, func() {}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 20 || width >= usualWidth {
		return w, func() {}
	}
	n := &narrowTerminal{w: w, fd: f.Fd(), width: width}
	return n, n.end
}

// Fd is the terminal's.
func (n *narrowTerminal) Fd() uintptr { return n.fd }

func (n *narrowTerminal) Write(p []byte) (int, error) {
	n.rest = append(n.rest, p...)
	for {
		line, rest, ok := bytes.Cut(n.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if err := n.line(string(line)); err != nil {
			return 0, err
		}
		n.rest = rest
	}
}

// end writes what was held back.
func (n *narrowTerminal) end() {
	_ = n.flush() // there is nobody left to tell
	_, _ = n.w.Write(n.rest)
	n.rest = nil
}

// line takes a line up. It belongs to the paragraph at hand if that was broken
// there because the line's first word had no room.
func (n *narrowTerminal) line(s string) error {
	if len(n.lines) > 0 && n.continues(s) {
		n.under = leading(s)
		n.lines = append(n.lines, s)
		return nil
	}
	err := n.flush()
	n.lines, n.under = []string{s}, -1
	return err
}

func (n *narrowTerminal) continues(s string) bool {
	words := strings.Fields(s)
	if len(words) == 0 || !isProse(s) || !isProse(n.lines[0]) || shown(n.lines[len(n.lines)-1])+1+shown(words[0]) <= usualWidth {
		return false
	}
	under := leading(s)
	if n.under >= 0 {
		return under == n.under
	}
	// It stands beneath a word of the first line.
	first := []rune(n.lines[0])
	return under == leading(n.lines[0]) || under > 0 && under < len(first) && first[under-1] == ' ' && first[under] != ' '
}

// isProse reports whether a line may be broken: JSON must not be, and a rule is no
// text.
func isProse(line string) bool {
	return !strings.HasPrefix(line, "{") && !strings.HasSuffix(line, "─")
}

// flush writes the paragraph at hand.
func (n *narrowTerminal) flush() error {
	text := strings.Join(n.lines, "\n")
	if len(n.lines) > 0 && n.tooWide() {
		text = n.folded()
	}
	if len(n.lines) > 0 {
		text += "\n"
	}
	n.lines = nil
	_, err := io.WriteString(n.w, text)
	return err
}

func (n *narrowTerminal) tooWide() bool {
	for _, line := range n.lines {
		if shown(line) > n.width {
			return !strings.HasPrefix(line, "{")
		}
	}
	return false
}

// folded is the paragraph in lines that fit, as far as its words do. A title before
// it stays; where its further lines began far to the right, they begin further
// left.
func (n *narrowTerminal) folded() string {
	text := strings.Join(n.lines, " ")
	if rule := strings.TrimRight(text, "─"); rule != text {
		return rule + strings.Repeat("─", max(0, n.width-shown(rule)))
	}
	under := n.title()
	title, text := string([]rune(text)[:under]), string([]rune(text)[under:])
	if strings.TrimSpace(title) == "" {
		under = max(under, n.under)
	}
	if under > n.width/3 {
		under = leading(title) + 4
	}
	var b strings.Builder
	b.WriteString(title)
	column := shown(title)
	for i, word := range render.Words(text) {
		switch {
		case i == 0:
		case column+1+shown(word) > n.width:
			b.WriteString("\n" + strings.Repeat(" ", under))
			column = under
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += shown(word)
	}
	return b.String()
}

// title is how many characters of the first line stand before the text: those
// before its further lines, or up to a gap. Without room for both, there is none.
func (n *narrowTerminal) title() int {
	first := []rune(n.lines[0])
	lead := leading(n.lines[0])
	under := n.under
	if under < 0 {
		under = lead
		if _, after, ok := strings.Cut(string(first[lead:]), "  "); ok {
			under = len(first) - len([]rune(strings.TrimLeft(after, " ")))
		}
	}
	if under > n.width/3 || under > len(first) {
		return lead
	}
	return under
}

func leading(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// shown is how many columns a text takes.
func shown(s string) int { return utf8.RuneCountInString(escape.ReplaceAllString(s, "")) }
