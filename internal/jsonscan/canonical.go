package jsonscan

import (
	"bytes"
	"slices"
)

// Canonical is v in one form for all ways of writing it: compact, members
// sorted by name, only the last of equal names, strings with no more escapes
// than JSON demands. Numbers stay as they are written. It is what the identity
// of a record without an id is made of.
func (v Value) Canonical() []byte {
	return v.appendCanonical(make([]byte, 0, len(v.raw)))
}

func (v Value) appendCanonical(dst []byte) []byte {
	switch v.Kind() {
	case Object:
		return v.appendObject(dst)
	case Array:
		dst = append(dst, '[')
		v.eachElement(func(i int, e Value) bool {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.appendCanonical(dst)
			return true
		})
		return append(dst, ']')
	case String:
		return appendQuoted(dst, v.AppendText(nil))
	}
	return append(dst, v.raw...)
}

func (v Value) appendObject(dst []byte) []byte {
	type member struct {
		name []byte
		v    Value
	}
	var members []member
	v.eachMember(func(key, val Value) bool {
		members = append(members, member{key.AppendText(nil), val})
		return true
	})
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	first := true
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(m.name, members[i+1].name) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendQuoted(dst, m.name), ':')
		dst = m.v.appendCanonical(dst)
	}
	return append(dst, '}')
}

func appendQuoted(dst, text []byte) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
