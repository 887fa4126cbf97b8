package jsonscan

import "unicode/utf8"

// maxFields bounds the index of an object. CloudTrail's records have some
// thirty members; an object with more than this is walked instead.
const maxFields = 128

// Fields is an index of an object's members, made in the same pass that checks
// the object, so that Get on it needs no second one. The zero Fields is ready;
// used again and again it makes reading many records free of allocations.
type Fields struct {
	list   []field
	made   uint // counts uses, so that a stale Value does not read a later index
	within []within
}

// within is a member whose own members are indexed in the same pass.
type within struct {
	name   string
	fields *Fields
	val    int  // where the member stands, as in field; 0 if there is none
	made   uint // which use of fields its index is
}

type field struct {
	key, keyEnd, val, end int  // relative to the object's first byte; the key without quotes
	odd                   bool // the key may read otherwise than it is written
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
	if len(f.list) <= maxFields {
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
	f.list = f.list[:0]
	for i := range f.within {
		f.within[i].val = 0
	}
	i := skipSpace(b, start+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, none
	}
	var flt fault
	for {
		key := i
		if i, flt = scanKey(b, i); flt != none {
			return i, flt
		}
		val := i
		if i, flt = f.scanMember(b, start, key, val, depth); flt != none {
			return i, flt
		}
		f.note(b, start, key, val, i)
		var last bool
		if i, last, flt = scanSeparator(b, i, '}', wantObjectEnd); last || flt != none {
			return i, flt
		}
	}
}

// scanMember checks a member's value, with notes if they are wanted.
func (f *Fields) scanMember(b []byte, start, key, val, depth int) (int, fault) {
	if val == len(b) || b[val] != '{' {
		return scanValue(b, val, depth)
	}
	for i := range f.within {
		w := &f.within[i]
		if end := key + 1 + len(w.name); end >= val || b[end] != '"' || string(b[key+1:end]) != w.name {
			continue
		}
		end, flt := w.fields.scanObject(b, val, depth+1)
		if w.val = val - start; len(w.fields.list) > maxFields {
			w.val = 0
		}
		w.made = w.fields.made
		return end, flt
	}
	return scanValue(b, val, depth)
}

// note adds a member. One more than maxFields is kept to show that there were
// too many.
func (f *Fields) note(b []byte, start, key, val, end int) {
	if len(f.list) > maxFields {
		return
	}
	keyEnd, odd := endOfKey(b, key)
	f.list = append(f.list, field{key + 1 - start, keyEnd - start, val - start, end - start, odd})
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

// get looks up name in the object raw that f indexes.
func (f *Fields) get(raw []byte, name string) Value {
	for i := len(f.list) - 1; i >= 0; i-- {
		if m := &f.list[i]; m.is(raw, name) {
			return f.value(raw, m)
		}
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

func (m *field) is(raw []byte, name string) bool {
	if m.odd {
		return Value{raw: raw[m.key-1 : m.keyEnd+1]}.Is(name)
	}
	return m.keyEnd-m.key == len(name) && string(raw[m.key:m.keyEnd]) == name
}
