package jsonscan

import (
	"math"
	"slices"
	"unicode/utf8"
)

// What an index holds is bounded: how many names, and how long they are.
// CloudTrail's records have some thirty members; an object with more than this,
// or with a longer name, is walked instead.
const (
	maxFields   = 128
	longestName = 64
)

// Fields is an index of an object's members, made in the same pass that checks
// the object, so that Get on it needs no second one. The zero Fields is ready;
// used again and again it makes reading many records free of allocations.
//
// It keeps the names of the objects before, and what followed each of them: most
// objects have the same members in the same order, and a name that is the same
// byte for byte needs no second reading.
type Fields struct {
	list   []field
	latest [buckets]uint8 // of each bucket, the last name's place in list and 1; 0 for none
	first  uint8          // what the last object began with, as in latest
	odd    bool           // some name may read otherwise than it is written, or is too long
	full   bool           // there were more than maxFields names
	made   uint           // counts uses, so that a stale Value does not read a later index
	within []within
}

// within is a member whose own members are indexed in the same pass.
type within struct {
	name   string
	fields *Fields
}

// field is a name, and the member that has it in the object at hand.
type field struct {
	text     []byte // the name in quotes, and the colon
	val, end int32  // where the member is, from the object's first byte on
	made     uint   // the use of the index in which it was there
	inner    uint   // the use of the index of its own members; 0 for none
	within   uint8  // its place in within and 1; 0 for none
	before   uint8  // the name before it in the same bucket, as in latest
	next     uint8  // what came behind it the last time, as in latest
}

// is reports whether name is the field's.
func (m *field) is(name string) bool {
	return len(m.text) == len(name)+len(`"":`) && string(m.text[1:1+len(name)]) == name
}

// buckets is a power of two, somewhat above the members that a record has.
const buckets = 64

// bucketOf tells the names of CloudTrail's members well apart, which often begin
// alike.
func bucketOf[text []byte | string](name text) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (name[0] + 5*name[n-1] + 3*name[n/2] + 7*uint8(n)) % buckets
}

// Next is like the function Next, and gives an object that it returns the
// index of its members, until f is used again. A Value kept longer than that
// stays right, but is slower.
func (f *Fields) Next(b []byte) (v Value, n int, err error) {
	start := skipSpace(b, 0)
	if start >= len(b) || b[start] != '{' {
		f.made++
		return Next(b)
	}
	end, flt := f.scanObject(b, start, 1)
	if flt != none {
		return Value{}, end, newSyntaxError(end, flt)
	}
	v = Value{raw: b[start:end:end]}
	if f.usable(end - start) {
		v.fields, v.made = f, f.made
	}
	return v, end, nil
}

// Within has each later Next index the object that is the member of that name
// with fields, too, which costs less than doing so when it is needed.
func (f *Fields) Within(name string, fields *Fields) {
	f.within = append(f.within, within{name: name, fields: fields})
	f.full = true // names that were met know nothing of it
}

// Of is v with an index: the one that it has, or else f.
func (f *Fields) Of(v Value) Value {
	if v.Kind() != Object || v.fields != nil && v.fields.made == v.made {
		return v
	}
	indexed, _, err := f.Next(v.raw)
	if err != nil {
		return v // cannot be: v was checked when it was made
	}
	return indexed
}

// scanObject is the function scanObject with notes.
func (f *Fields) scanObject(b []byte, start, depth int) (int, fault) {
	f.begin()
	i := skipSpace(b, start+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, none
	}
	before := uint8(0)
	for {
		place, val, flt := f.scanName(b, i, before)
		if flt != none {
			return val, flt
		}
		if i, flt = f.scanMember(b, start, val, depth, place); flt != none {
			return i, flt
		}
		before = place
		if follows(b, i, ',') {
			i++
			continue
		}
		var last bool
		if i, last, flt = scanSeparator(b, i, '}', wantObjectEnd); last || flt != none {
			return i, flt
		}
	}
}

// begin forgets the members of the object before, and its names if they were too
// many.
func (f *Fields) begin() {
	f.made++
	f.odd = false
	if f.full {
		f.list, f.latest, f.first, f.full = f.list[:0], [buckets]uint8{}, 0, false
	}
}

// scanName checks a member's name and colon, and returns the name's place, as in
// latest, and where the value is. Before is the place of the name before it. The
// place is 0 for a name that is not noted.
func (f *Fields) scanName(b []byte, i int, before uint8) (place uint8, val int, flt fault) {
	guess := &f.first
	if before != 0 {
		guess = &f.list[before-1].next
	}
	if place = *guess; place != 0 {
		m := &f.list[place-1]
		if val = i + len(m.text); val < len(b) && string(b[i:val]) == string(m.text) {
			if b[val] <= ' ' {
				val = skipSpace(b, val)
			}
			return place, val, none
		}
	}
	end, odd, flt := scanName(b, i)
	if flt != none {
		return 0, end, flt
	}
	if val, flt = scanColon(b, end+1); flt != none {
		return 0, val, flt
	}
	if odd || end-i > longestName {
		f.odd = true
		return 0, val, none
	}
	place = f.place(b[i+1 : end])
	if before == 0 {
		f.first = place
	} else {
		f.list[before-1].next = place
	}
	return place, val, none
}

// place is where a name is noted, as in latest.
func (f *Fields) place(name []byte) uint8 {
	bucket := &f.latest[bucketOf(name)]
	for at := *bucket; at != 0; at = f.list[at-1].before {
		if f.list[at-1].is(string(name)) {
			return at
		}
	}
	n := len(f.list)
	if n == maxFields {
		f.full = true
		return 0
	}
	f.list = slices.Grow(f.list, 1)[:n+1]
	m := &f.list[n]
	*m = field{text: append(append(append(m.text[:0], '"'), name...), `":`...), before: *bucket}
	for i, w := range f.within {
		if w.name == string(name) {
			m.within = uint8(i + 1)
		}
	}
	*bucket = uint8(n + 1)
	return *bucket
}

// scanMember checks a member's value, and notes where it is.
func (f *Fields) scanMember(b []byte, start, val, depth int, place uint8) (end int, flt fault) {
	inner := uint(0)
	switch {
	case val < len(b) && b[val] == '"':
		end, flt = scanString(b, val)
	case place != 0 && f.list[place-1].within != 0 && val < len(b) && b[val] == '{':
		w := f.within[f.list[place-1].within-1].fields
		if end, flt = w.scanObject(b, val, depth+1); w.usable(end - val) {
			inner = w.made
		}
	default:
		end, flt = scanValue(b, val, depth)
	}
	if place != 0 {
		m := &f.list[place-1]
		m.val, m.end, m.made, m.inner = int32(val-start), int32(end-start), f.made, inner
	}
	return end, flt
}

// usable reports whether f indexes all members of an object of that size.
func (f *Fields) usable(size int) bool { return !f.full && size <= math.MaxInt32 }

// scanName checks a member's name and returns where its closing quote is. It is
// odd if it holds escapes or anything but ASCII.
func scanName(b []byte, start int) (end int, odd bool, f fault) {
	if start >= len(b) {
		return start, false, unexpectedEnd
	}
	if b[start] != '"' {
		return start, false, wantKey
	}
	for i := start + 1; i+8 <= len(b); i += 8 {
		w := eightBytes(b, i)
		special := specialBytes(w)
		if w&highs&(special-1)&^special != 0 {
			break
		}
		if special != 0 {
			if i += firstByte(special); b[i] != '"' {
				break
			}
			return i, false, none
		}
	}
	behind, f := scanString(b, start)
	if f != none {
		return behind, false, f
	}
	end, odd = endOfKey(b, start)
	return end, odd, none
}

// endOfKey finds the closing quote of a name that is known to be well-formed,
// and tells whether it holds escapes or anything but ASCII.
func endOfKey(b []byte, key int) (end int, odd bool) {
	for i := key + 1; ; i++ {
		switch c := b[i]; {
		case c == '"':
			return i, odd
		case c == '\\':
			odd = true
			i++
		case c >= utf8.RuneSelf:
			odd = true
		}
	}
}

// find is the field of that name, or nil.
func (f *Fields) find(name string) *field {
	for at := f.latest[bucketOf(name)]; at != 0; {
		m := &f.list[at-1]
		if m.is(name) {
			return m
		}
		at = m.before
	}
	return nil
}
