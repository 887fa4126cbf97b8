package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Pattern is an object or array by which others that are written alike are checked faster:
// where the bytes are the same the grammar is the same, so that only strings and
// numbers that differ have to be looked at. It learns which ones do. The zero
// Pattern is like nothing.
type Pattern struct {
	text  []byte
	spans []span
	loose []span // those that were seen to differ
}

// span is a string, without its quotes, or a number of a pattern.
type span struct {
	start, end int
	number     bool
}

// What is remembered is bounded: the text, and the strings and numbers in it.
const (
	maxPattern = 4096
	maxSpans   = 256
)

// Set makes p the pattern of objects or arrays such as v. It copies v, and is like
// nothing if v is something else, or large.
func (p *Pattern) Set(v []byte) {
	p.text, p.spans, p.loose = p.text[:0], p.spans[:0], p.loose[:0]
	if len(v) > maxPattern || v[0] != '{' && v[0] != '[' {
		return
	}
	p.text = append(p.text, v...)
	for i := 0; i < len(v); i++ {
		if len(p.spans) == maxSpans {
			p.text, p.spans = p.text[:0], p.spans[:0]
			return
		}
		switch c := v[i]; {
		case c == '"':
			end, _ := scanString(v, i)
			p.spans = append(p.spans, span{start: i + 1, end: end - 1})
			i = end - 1
		case c == '-' || '0' <= c && c <= '9':
			end, _ := scanNumber(v, i)
			p.spans = append(p.spans, span{start: i, end: end, number: true})
			i = end - 1
		}
	}
}

// Size is how many bytes p takes, or will take once all that can differ did.
func (p *Pattern) Size() int {
	const spanSize = 3 * 8
	return cap(p.text) + 2*cap(p.spans)*spanSize
}

// Skip passes the value that starts at b[i] if it differs from p in its strings
// and numbers alone, as the function Skip would. It is not ok for any other.
func (p *Pattern) Skip(b []byte, i int) (end int, ok bool) {
	at := 0 // where in the text b[i] is
	for k := 0; ; k++ {
		next := len(p.text)
		if k < len(p.loose) {
			next = p.loose[k].start
		}
		if n := next - at; n <= len(b)-i && string(b[i:i+n]) == string(p.text[at:next]) {
			i, at = i+n, next
		} else {
			n := samePrefix(b[i:], p.text[at:])
			if n == len(b)-i || !p.loosen(k, at, at+n) { // what is cut off differs in nothing
				return i, false
			}
			i, at = i+p.loose[k].start-at, p.loose[k].start
		}
		if k == len(p.loose) {
			return i, at > 0
		}
		if i, ok = p.loose[k].skip(b, i); !ok {
			return i, false
		}
		at = p.loose[k].end
	}
}

// loosen notes that the string or number at some place of the text, and behind
// from, may differ, and reports whether there is one. It becomes the kth.
func (p *Pattern) loosen(k, from, at int) bool {
	for _, s := range p.spans {
		if from <= s.start && s.start <= at && at <= s.end {
			p.loose = slices.Insert(p.loose, k, s)
			return true
		}
	}
	return false
}

// skip passes what stands in the place of s, up to the closing quote of a string.
func (s span) skip(b []byte, start int) (end int, ok bool) {
	if !s.number {
		end, f := scanString(b, start-1)
		return end - 1, f == none
	}
	if start == len(b) || b[start] != '-' && (b[start] < '0' || b[start] > '9') {
		return start, false
	}
	end, f := scanNumber(b, start)
	return end, f == none
}

// samePrefix is how many bytes a and b begin alike with.
func samePrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if diff := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); diff != 0 {
			return i + bits.TrailingZeros64(diff)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
