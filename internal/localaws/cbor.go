package localaws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// What CloudWatch's clients speak: texts, truth, lists and maps of CBOR (RFC 8949).

// The kinds of an item, in the three highest bits of its first byte.
const (
	cborNumber  = 0
	cborText    = 3
	cborList    = 4
	cborMap     = 5
	cborSimple  = 7
	cborFalse   = 0xf4
	cborTrue    = 0xf5
	cborNull    = 0xf6
	cborBreak   = 0xff
	cborUnknown = 31 // for a length: until the break
)

// toCBOR encodes a value that was made for JSON.
func toCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, cborTrue)
		}
		return append(b, cborFalse)
	case map[string]any:
		b = cborHead(b, cborMap, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = toCBOR(toCBOR(b, key), v[key])
		}
		return b
	case []map[string]any:
		b = cborHead(b, cborList, len(v))
		for _, of := range v {
			b = toCBOR(b, of)
		}
		return b
	case nil:
		return append(b, cborNull)
	}
	text := fmt.Sprint(v)
	return append(cborHead(b, cborText, len(text)), text...)
}

func cborHead(b []byte, kind byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, kind<<5|byte(n))
	case n < 1<<8:
		return append(b, kind<<5|24, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, kind<<5|26), uint32(n))
}

var errCBOR = errors.New("not the CBOR of a request")

// fromCBOR decodes a value and returns what follows it. A nil value with an
// error of nil is a null, or the break of a list.
func fromCBOR(b []byte) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errCBOR
	}
	kind, info := b[0]>>5, b[0]&31
	if kind == cborSimple {
		switch b[0] {
		case cborTrue, cborFalse:
			return b[0] == cborTrue, b[1:], nil
		case cborNull, cborBreak:
			return nil, b[1:], nil
		}
		return nil, nil, errCBOR
	}
	n, b, err := cborLength(b[1:], info)
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case cborNumber:
		return float64(n), b, nil
	case cborText:
		if n < 0 || n > len(b) {
			return nil, nil, errCBOR
		}
		return string(b[:n]), b[n:], nil
	case cborList:
		return cborItems(b, n)
	case cborMap:
		if n > 0 {
			n *= 2
		}
		items, b, err := cborItems(b, n)
		out := map[string]any{}
		for pair := range slices.Chunk(items, 2) {
			if key, ok := pair[0].(string); ok && len(pair) == 2 {
				out[key] = pair[1]
			}
		}
		return out, b, err
	}
	return nil, nil, errCBOR
}

// cborLength is -1 for what ends with a break.
func cborLength(b []byte, info byte) (n int, rest []byte, err error) {
	if info < 24 {
		return int(info), b, nil
	}
	if info == cborUnknown {
		return -1, b, nil
	}
	size := 1 << (info - 24)
	if info > 27 || size > len(b) {
		return 0, nil, errCBOR
	}
	for _, c := range b[:size] {
		n = n<<8 | int(c)
	}
	return n, b[size:], nil
}

func cborItems(b []byte, n int) (items []any, rest []byte, err error) {
	for i := 0; i != n; i++ {
		if n < 0 && len(b) > 0 && b[0] == cborBreak {
			return items, b[1:], nil
		}
		var v any
		if v, b, err = fromCBOR(b); err != nil {
			return nil, nil, err
		}
		items = append(items, v)
	}
	return items, b, nil
}
