package filing

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
)

// version is the first byte of what is encoded. A field is added at the end of
// its block, under the next version; what was written without it then reads as
// its zero value. Version 2 added tags.
const version = 2

// errData says that stored bytes are not what we write. It does not say what
// they are.
var errData = errors.New("stored data of another version, or damaged")

// coder writes values to a buffer, or reads them from it: each type of the
// vocabulary is described once, in fields.go, for both directions.
//
// Values stand in a fixed order. A zero value is one zero byte, and zero values
// at the end of a block are left out. A string that came before is a reference
// to it.
type coder struct {
	reading bool
	buf     []byte         // written so far, or left to read
	text    string         // all that is to be read, where that is little
	zeros   int            // zero bytes that are still to be written if anything follows
	strings []string       // that came before
	index   map[string]int // where each is, once they are many
	err     error
}

func newWriter() *coder {
	return &coder{buf: append(make([]byte, 0, 512), version), strings: make([]string, 0, 24)}
}

func newReader(data []byte) *coder {
	c := &coder{reading: true}
	if len(data) == 0 || data[0] == 0 || data[0] > version {
		c.fail()
		return c
	}
	c.buf = data[1:len(data):len(data)] // where it is in the text is told by its capacity
	if len(data) <= little {
		c.text = string(c.buf)
	}
	return c
}

// little is how many bytes may be held in memory by a string that is part of them.
const little = 1 << 10

func (c *coder) fail() {
	if c.err == nil {
		c.err = errData
	}
	c.buf = nil
}

// uint is the base of all others. Zero is the only value that is one zero byte.
func (c *coder) uint(v *uint64) {
	switch {
	case !c.reading && *v == 0:
		c.zeros++
	case !c.reading:
		c.flush()
		c.buf = binary.AppendUvarint(c.buf, *v)
	case len(c.buf) == 0:
		*v = 0
	default:
		got, n := binary.Uvarint(c.buf)
		if n <= 0 {
			c.fail()
			return
		}
		*v, c.buf = got, c.buf[n:]
	}
}

func (c *coder) flush() {
	for ; c.zeros > 0; c.zeros-- {
		c.buf = append(c.buf, 0)
	}
}

func (c *coder) int(v *int64) {
	u := uint64(*v<<1) ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *coder) count(v *int) {
	wide := int64(*v)
	c.int(&wide)
	*v = int(wide)
}

func (c *coder) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.uint(&u)
	*v = u != 0
}

// bits is a number with a fraction.
func (c *coder) bits(v *float64) {
	u := math.Float64bits(*v)
	c.uint(&u)
	*v = math.Float64frombits(u)
}

// raw is n bytes as they are.
func (c *coder) raw(b []byte) {
	switch {
	case !c.reading:
		c.flush()
		c.buf = append(c.buf, b...)
	case len(c.buf) < len(b):
		c.fail()
	default:
		copy(b, c.buf)
		c.buf = c.buf[len(b):]
	}
}

// str is 0 for the empty string, 1 before a new one's length and bytes, and
// otherwise the place of one that came before.
func (c *coder) str(s *string) {
	if c.reading {
		c.readString(s)
		return
	}
	at := c.place(*s)
	u := uint64(at) + 2
	switch {
	case *s == "":
		u = 0
	case at < 0:
		u = 1
	}
	c.uint(&u)
	if u == 1 {
		n := uint64(len(*s))
		c.uint(&n)
		c.buf = append(c.buf, *s...)
		c.note(*s)
	}
}

// few is how many strings are searched as fast as a map is.
const few = 32

// place is where a string came before, and negative where it did not.
func (c *coder) place(s string) int {
	if c.index == nil {
		return slices.Index(c.strings, s)
	}
	if at, known := c.index[s]; known {
		return at
	}
	return -1
}

// note remembers a string that is written for the first time.
func (c *coder) note(s string) {
	if c.strings = append(c.strings, s); len(c.strings) == few {
		c.index = make(map[string]int, 2*few)
		for at, have := range c.strings {
			c.index[have] = at
		}
	} else if c.index != nil {
		c.index[s] = len(c.strings) - 1
	}
}

func (c *coder) readString(s *string) {
	var u uint64
	c.uint(&u)
	switch {
	case u == 0:
		*s = ""
	case u == 1:
		var n uint64
		if c.uint(&n); n > uint64(len(c.buf)) {
			c.fail()
			return
		}
		if at := len(c.text) - cap(c.buf); at >= 0 {
			*s = c.text[at : at+int(n)]
		} else {
			*s = string(c.buf[:n])
		}
		c.buf = c.buf[n:]
		c.strings = append(c.strings, *s)
	case u-2 < uint64(len(c.strings)):
		*s = c.strings[u-2]
	default:
		c.fail()
	}
}

// text is a string of a type of its own.
func text[T ~string](c *coder, s *T) {
	plain := string(*s)
	c.str(&plain)
	*s = T(plain)
}

// id is a string that is a UUID more often than not, which takes half the space
// as bytes.
func (c *coder) id(s *string) {
	const empty, uuid, other = 0, 1, 2
	u, b := uint64(other), [16]byte{}
	if !c.reading {
		switch parsed, ok := parseUUID(*s); {
		case *s == "":
			u = empty
		case ok:
			u, b = uuid, parsed
		}
	}
	c.uint(&u)
	switch u {
	case empty:
		*s = ""
	case uuid:
		c.raw(b[:])
		*s = formatUUID(b)
	default:
		c.str(s)
	}
}

// time is 0 for the zero time, 1 for whole seconds and 2 for others, since base.
// It is read in UTC.
func (c *coder) time(t *time.Time, base *int64) {
	const zero, seconds, nanos = 0, 1, 2
	u, sec, nsec := uint64(zero), t.Unix()-*base, int64(t.Nanosecond())
	switch {
	case t.IsZero():
	case nsec == 0:
		u = seconds
	default:
		u = nanos
	}
	if c.uint(&u); u == zero {
		*t = time.Time{}
		return
	}
	if c.int(&sec); u == nanos {
		c.int(&nsec)
	} else {
		nsec = 0
	}
	if c.reading && (nsec < 0 || nsec > 999_999_999) {
		c.fail()
		return
	}
	*base += sec
	if c.reading {
		*t = time.Unix(*base, nsec).UTC()
	}
}

// at is a time that stands alone.
func (c *coder) at(t *time.Time) {
	var base int64
	c.time(t, &base)
}

// block holds a struct's fields. Its length comes first, so that what is left
// out at its end can be.
func (c *coder) block(fields func()) {
	if c.reading {
		c.readBlock(fields)
		return
	}
	start, zeros := len(c.buf), c.zeros
	c.zeros = 0
	fields()
	c.zeros = zeros
	n := len(c.buf) - start
	if n == 0 {
		c.zeros++
		return
	}
	// What stands before the fields is known behind them.
	var room [64]byte
	head := append(room[:0], make([]byte, c.zeros)...)
	c.zeros = 0
	c.buf = slices.Insert(c.buf, start, binary.AppendUvarint(head, uint64(n))...)
}

func (c *coder) readBlock(fields func()) {
	var n uint64
	if c.uint(&n); n > uint64(len(c.buf)) {
		c.fail()
		return
	}
	rest := c.buf[n:]
	c.buf = c.buf[:n]
	fields()
	if len(c.buf) > 0 {
		c.fail()
	}
	if c.err == nil {
		c.buf = rest
	}
}

// pointer is nil, or a block.
func pointer[T any](c *coder, p **T, fields func(*T)) {
	set := *p != nil
	if c.bool(&set); !set {
		*p = nil
		return
	}
	if c.reading {
		*p = new(T)
	}
	c.block(func() { fields(*p) })
}

// list is nil, or its length and one, and its elements, each of at least one
// byte, so that a length that can't be is seen.
func list[T any](c *coder, l *[]T, element func(*T)) {
	var n uint64
	if *l != nil {
		n = uint64(len(*l)) + 1
	}
	c.uint(&n)
	if !c.reading {
		for i := range *l {
			element(&(*l)[i])
		}
		if n > 1 {
			c.flush()
		}
		return
	}
	if *l = nil; n == 0 {
		return
	}
	if n-1 > uint64(len(c.buf)) {
		c.fail()
		return
	}
	*l = make([]T, n-1)
	for i := range *l {
		if element(&(*l)[i]); c.err != nil {
			*l = (*l)[:i]
			return
		}
	}
}

func parseUUID(s string) (b [16]byte, ok bool) {
	if len(s) != 36 {
		return b, false
	}
	n := 0
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return b, false
			}
			continue
		}
		digit := hexDigit(s[i])
		if digit < 0 {
			return b, false
		}
		b[n/2] = b[n/2]<<4 | byte(digit)
		n++
	}
	return b, true
}

// hexDigit knows lower case only, in which a UUID is written back.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

func formatUUID(b [16]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, v := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[v>>4], digits[v&15])
	}
	return string(out)
}
