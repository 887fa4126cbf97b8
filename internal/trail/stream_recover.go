package trail

import (
	"bytes"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// How a stream goes on behind a fault.
//
// A fault costs the value that has it and, if possible, nothing else. What
// follows is found by its looks: an object at the very start of a line that no
// comma or bracket leads up to is the next line of JSON Lines; any other object
// that follows a comma, a bracket or another object is looked at, and must be
// of a known form, so that the parts of a broken record are not taken for
// records. The search starts right behind the first byte of the broken value,
// not behind the fault, because a value that was cut off seems to go on with
// the one that follows it.

// recover passes what cannot be read, from n bytes behind the start of rest,
// up to a value at which reading can go on, or to the end.
func (d *decoder) recover(n int) {
	s := search{prev: '}', lineStart: n == 0 && d.atLineStart()}
	if n > 0 {
		s.prev = d.rest()[0]
	}
	line := len(d.open) == 0 && !opens(s.prev) // garbage costs its line
	for i := n; ; {
		if i == len(d.rest()) {
			if i = 0; !d.readOn() {
				return
			}
		}
		c := d.rest()[i]
		if line && c == '\n' {
			d.pass(i + 1)
			return
		}
		if !opens(c) {
			s.see(c)
			i++
			continue
		}
		d.pass(i)
		found, size := d.resumesHere(s)
		if found {
			d.resume(s)
			return
		}
		s.passed(c, size)
		i = size
	}
}

// readOn drops what is held and reads what follows.
func (d *decoder) readOn() bool {
	d.passAll()
	return d.more()
}

// passUnread passes the value that rest starts with, which is too large or too
// deep to be read, by counting brackets.
func (d *decoder) passUnread() {
	if c := d.rest()[0]; !opens(c) && c != '"' {
		d.passScalar()
		return
	}
	s := search{prev: ':'}
	var depth int
	var quoted, escaped bool
	for i := 0; ; {
		if i == len(d.rest()) {
			if i = 0; !d.readOn() {
				return
			}
		}
		c := d.rest()[i]
		switch {
		case quoted && c < ' ': // not in a string: it was never closed
			d.pass(i)
			d.recover(0)
			return
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case s.lineStart && opens(c):
			d.pass(i)
			i = 0
			if found, _ := d.resumesHere(s); found {
				d.resume(s)
				return
			}
			depth++
		case opens(c):
			depth++
		case c == '}' || c == ']':
			depth--
		}
		i++
		if depth == 0 && !quoted {
			d.pass(i)
			return
		}
		if !quoted {
			s.see(c)
		}
	}
}

// passScalar passes a number or word.
func (d *decoder) passScalar() {
	for {
		if i := bytes.IndexAny(d.rest(), ",]} \t\r\n"); i >= 0 {
			d.pass(i)
			return
		}
		if !d.readOn() {
			return
		}
	}
}

func opens(c byte) bool { return c == '{' || c == '[' }

// search is what a search for the next value has seen.
type search struct {
	prev      byte // the last byte that is not white space
	lineStart bool // nothing but a line break came since
}

func (s *search) see(c byte) {
	switch c {
	case '\n':
		s.lineStart = true
	case ' ', '\t', '\r':
		s.lineStart = false
	default:
		s.prev, s.lineStart = c, false
	}
}

// passed notes that a candidate was passed over: its first byte, or all of it.
func (s *search) passed(c byte, size int) {
	s.see(c)
	if size > 1 {
		s.prev = '}'
	}
}

// newLine reports whether an object or array here would be a line of JSON
// Lines rather than a part of what went before.
func (s *search) newLine() bool {
	return s.lineStart && s.prev != ',' && s.prev != '[' && s.prev != ':'
}

// resumesHere reports whether reading can go on at rest, which starts with a
// bracket. If not, size is what can be passed over at once.
func (d *decoder) resumesHere(s search) (found bool, size int) {
	switch {
	case s.newLine():
		return true, 0
	case d.rest()[0] == '[':
		return false, 1
	case !s.lineStart && s.prev != ',' && s.prev != '[' && s.prev != '}':
		return false, 1
	case d.verified > d.mayVerify():
		return false, 1
	}
	if _, ok := d.listHeader(); ok {
		return true, 0
	}
	v, n := d.lookAhead()
	if v.Kind() == jsonscan.Missing {
		return false, 1
	}
	return formOf(v) != formUnknown, n
}

// mayVerify keeps the search linear: brackets within brackets within broken
// values could otherwise have the same bytes looked at again and again.
func (d *decoder) mayVerify() int64 {
	return 2*maxElement + 4*(d.offset()+int64(len(d.rest())))
}

// lookAhead reads the value that rest starts with, without passing it. It is
// Missing if it cannot be read.
func (d *decoder) lookAhead() (jsonscan.Value, int) {
	for {
		v, n, err := d.fields.Next(d.rest())
		d.verified += int64(n)
		if err == nil {
			return v, n
		}
		if n < len(d.rest()) || n >= maxElement || !d.more() {
			return jsonscan.Value{}, 0
		}
	}
}

// resume notes in which array, if any, reading goes on.
func (d *decoder) resume(s search) {
	f := d.frame()
	if f == nil {
		d.lost = true
		return
	}
	if f.tail || s.lineStart && s.prev != ',' && s.prev != '[' {
		d.open = d.open[:0]
		d.lost = true
		return
	}
	f.between = false
}
