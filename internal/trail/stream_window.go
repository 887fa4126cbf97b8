package trail

import "io"

const (
	// maxElement is the largest value that is held in memory. AWS's own limits
	// are 1 MB for an event, a message or a subscription's payload.
	maxElement = 8 << 20

	minWindow = 64 << 10
)

// window is the part of a stream that is held in memory: what has been read
// and not yet passed. Reading more moves it, growing it only while a single
// value does not fit.
type window struct {
	src    io.Reader // nil for a stream that lies in memory
	buf    []byte
	pos    int   // of the first byte not yet passed
	base   int64 // the stream's offset of buf[0]
	before byte  // the byte in front of buf[0]; a line break at the start
	eof    bool
	err    error // why reading failed
}

// inMemory makes w a window on b.
func (w *window) inMemory(b []byte) {
	*w = window{buf: b, before: '\n', eof: true}
}

// rest is what is held and not yet passed.
func (w *window) rest() []byte { return w.buf[w.pos:] }

// offset is where in the stream rest starts.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// pass moves on by n bytes.
func (w *window) pass(n int) { w.pos += n }

// passAll moves on to the end of what is held.
func (w *window) passAll() { w.pos = len(w.buf) }

// atLineStart reports whether rest starts a line.
func (w *window) atLineStart() bool {
	if w.pos > 0 {
		return w.buf[w.pos-1] == '\n'
	}
	return w.before == '\n'
}

// more adds to rest, which stays in place, and reports whether it could. It
// at least doubles rest unless the stream ends, so that scanning rest again
// from its start costs no more than twice the scanning.
func (w *window) more() bool {
	if w.eof {
		return false
	}
	w.makeRoom()
	had := len(w.buf)
	for enough := min(2*had+1, cap(w.buf)); len(w.buf) < enough && !w.eof; {
		w.fill()
	}
	return len(w.buf) > had
}

// makeRoom moves rest to the start of the buffer, and to a larger buffer if
// it takes more than half.
func (w *window) makeRoom() {
	if w.pos > 0 {
		w.before = w.buf[w.pos-1]
		w.base += int64(w.pos)
	}
	rest := w.rest()
	w.pos = 0
	if size := cap(w.buf); 2*len(rest) > size || size == 0 {
		w.buf = make([]byte, 0, max(2*size, minWindow))
	}
	w.buf = append(w.buf[:0], rest...)
}

// fill reads once into the room there is.
func (w *window) fill() {
	const maxEmptyReads = 100
	for range maxEmptyReads {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if err != nil {
			w.eof = true
			if err != io.EOF {
				w.err = err
			}
			return
		}
		if n > 0 {
			return
		}
	}
	w.eof, w.err = true, io.ErrNoProgress
}

// skipSpace passes white space, however much, and reports whether anything
// comes after it.
func (w *window) skipSpace() bool {
	for {
		rest := w.rest()
		for i, c := range rest {
			if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				w.pass(i)
				return true
			}
		}
		w.passAll()
		if !w.more() {
			return false
		}
	}
}
