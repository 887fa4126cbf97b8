package jsonscan

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// maxFields bounds the index of an object. CloudTrail's records have some
// thirty members; an object with more than this is walked instead.
const maxFields = 128

// Fields is an index of an object's members, made in the same pass that checks
// the object, so that Get on it needs no second one. The zero Fields is ready;
// used again and again it makes reading many records free of allocations.
type Fields struct {
	list   []field
	latest [buckets]uint8 // of each bucket, the last member's place in list and 1; 0 for none
	odd    bool           // some name may read otherwise than it is written
	made   uint           // counts uses, so that a stale Value does not read a later index
	within []within
}

// within is a member whose own members are indexed in the same pass.
type within struct {
	name   string
	fields *Fields
	val    int32 // where the member stands, as in field; 0 if there is none
	made   uint  // which use of fields its index is
}

type field struct {
	key, keyEnd, val, end int32 // relative to the object's first byte; the key without quotes
	before                uint8 // the member before it in the same bucket, as in latest
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
	f.made++
	f.list, f.latest, f.odd = f.list[:0], [buckets]uint8{}, false
	for i := range f.within {
		f.within[i].val = 0
	}
	i := skipSpace(b, start+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, none
	}
	for {
		key := i
		keyEnd, odd, flt := scanName(b, i)
		if flt != none {
			return keyEnd, flt
		}
		val, flt := scanColon(b, keyEnd+1)
		if flt != none {
			return val, flt
		}
		if i, flt = f.scanMember(b, start, key, keyEnd, val, depth); flt != none {
			return i, flt
		}
		f.odd = f.odd || odd
		f.note(b[key+1:keyEnd], field{key: int32(key + 1 - start), keyEnd: int32(keyEnd - start), val: int32(val - start), end: int32(i - start)})
		var last bool
		if i, last, flt = scanSeparator(b, i, '}', wantObjectEnd); last || flt != none {
			return i, flt
		}
	}
}

// scanMember checks a member's value, with notes if they are wanted.
func (f *Fields) scanMember(b []byte, start, key, keyEnd, val, depth int) (int, fault) {
	if val == len(b) || b[val] != '{' {
		return scanValue(b, val, depth)
	}
	for i := range f.within {
		w := &f.within[i]
		if string(b[key+1:keyEnd]) != w.name {
			continue
		}
		end, flt := w.fields.scanObject(b, val, depth+1)
		if w.val = int32(val - start); !w.fields.usable(end - val) {
			w.val = 0
		}
		w.made = w.fields.made
		return end, flt
	}
	return scanValue(b, val, depth)
}

// note adds a member. One more than maxFields is kept to show that there were
// too many.
func (f *Fields) note(name []byte, m field) {
	if len(f.list) > maxFields {
		return
	}
	bucket := bucketOf(name)
	m.before = f.latest[bucket]
	f.list = append(f.list, m)
	f.latest[bucket] = uint8(len(f.list))
}

// usable reports whether f indexes all members of an object of that size.
func (f *Fields) usable(size int) bool { return len(f.list) <= maxFields && size <= math.MaxInt32 }

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
		w := binary.LittleEndian.Uint64(b[i:])
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

// get looks up name in the object raw that f indexes. Of names that are odd it
// has to look at each.
func (f *Fields) get(raw []byte, name string) Value {
	if f.odd {
		return Value{raw: raw}.walk(name)
	}
	for i := f.latest[bucketOf(name)]; i != 0; {
		m := &f.list[i-1]
		if string(raw[m.key:m.keyEnd]) == name {
			return f.value(raw, m)
		}
		i = m.before
	}
	return Value{}
}

// value is a member's, with the index that was made of it, if one was.
func (f *Fields) value(raw []byte, m *field) Value {
	v := Value{raw: raw[m.val:m.end:m.end]}
	for i := range f.within {
		if w := &f.within[i]; w.val == m.val {
			v.fields, v.made = w.fields, w.made
		}
	}
	return v
}
