package trail

import (
	"bufio"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Reader reads UTF-16 as UTF-8. Windows PowerShell writes a command's
// output so, which makes it the form of many a saved LookupEvents answer.
type utf16Reader struct {
	raw   *bufio.Reader
	order binary.ByteOrder
	left  []byte // UTF-8 that did not fit
	room  [utf8.UTFMax]byte
}

// utf16Order is the order that a byte order mark announces.
func utf16Order(start []byte) (binary.ByteOrder, bool) {
	switch string(start) {
	case "\xff\xfe":
		return binary.LittleEndian, true
	case "\xfe\xff":
		return binary.BigEndian, true
	}
	return nil, false
}

func (u *utf16Reader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(u.left) == 0 {
			if u.left, err = u.next(); err != nil {
				break
			}
		}
		copied := copy(b[n:], u.left)
		u.left = u.left[copied:]
		n += copied
	}
	if n > 0 {
		return n, nil // the error comes again
	}
	return 0, err
}

// next reads a character. Half of a pair stands for itself, as U+FFFD does.
func (u *utf16Reader) next() ([]byte, error) {
	r, err := u.unit()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(r) {
		pair := utf8.RuneError
		if b, err := u.raw.Peek(2); err == nil {
			pair = utf16.DecodeRune(r, rune(u.order.Uint16(b)))
		}
		if r = pair; pair != utf8.RuneError {
			u.unit()
		}
	}
	return u.room[:utf8.EncodeRune(u.room[:], r)], nil
}

func (u *utf16Reader) unit() (rune, error) {
	b, err := u.raw.Peek(2)
	if err != nil {
		if len(b) == 1 && err == io.EOF {
			u.raw.Discard(1)
			return utf8.RuneError, nil
		}
		return 0, err
	}
	r := rune(u.order.Uint16(b))
	u.raw.Discard(2)
	return r, nil
}
