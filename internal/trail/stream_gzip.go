package trail

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// gzipMagic starts every gzip member: two magic bytes, and deflate as method.
const gzipMagic = "\x1f\x8b\x08"

// corrupt is why compressed data could not be read to its end. It is a fault
// of the content, unlike an error of the reader.
type corrupt struct{ cause error }

func (c corrupt) Error() string { return "decompress: " + c.cause.Error() }
func (c corrupt) Unwrap() error { return c.cause }

// detail says what is wrong, in words that quote nothing of the content.
func (c corrupt) detail() string {
	switch {
	case errors.Is(c.cause, io.ErrUnexpectedEOF), errors.Is(c.cause, io.EOF):
		return "gzip data ends too soon"
	case errors.Is(c.cause, gzip.ErrChecksum):
		return "gzip checksum does not match"
	}
	return "malformed gzip data"
}

// plainReader reads a stream that may be compressed, as it was before that. It
// goes by the first bytes. Several gzip members in a row are one stream, as
// they are for gunzip, and what comes behind the last one reads as it is.
type plainReader struct {
	*buffers
	source *failing
	inZip  bool
	wide   *utf16Reader // nil unless the stream is UTF-16
	begun  bool
}

// buffers are what one stream was read with, and serves for the next.
type buffers struct {
	raw    *bufio.Reader
	zip    *gzip.Reader
	window []byte
}

// open begins with another stream.
func (b *buffers) open(r io.Reader) *plainReader {
	source := &failing{r: r}
	if b.raw == nil {
		b.raw = bufio.NewReaderSize(source, 64<<10)
	}
	b.raw.Reset(source)
	return &plainReader{source: source, buffers: b}
}

// release ends with the stream. Usual ones leave the window as it was.
func (b *buffers) release(window []byte) {
	b.raw.Reset(nil)
	if cap(window) == minWindow {
		b.window = window
	}
}

func (p *plainReader) Read(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		if err := p.begin(); err != nil {
			return 0, err
		}
	}
	switch {
	case p.wide != nil:
		return p.wide.Read(b)
	case !p.inZip:
		return p.raw.Read(b)
	}
	n, err := p.zip.Read(b)
	if err == io.EOF {
		err = p.enterMember()
	}
	return n, p.blame(err)
}

// isPlain reports whether a stream that starts with b reads as it is.
func isPlain(b []byte) bool {
	_, wide := utf16Order(b[:min(len(b), 2)])
	return !wide && !bytes.HasPrefix(b, []byte(gzipMagic))
}

// begin looks at how the stream starts.
func (p *plainReader) begin() error {
	start, _ := p.raw.Peek(2)
	if order, ok := utf16Order(start); ok {
		p.raw.Discard(len(start))
		p.wide = &utf16Reader{raw: p.raw, order: order}
		return nil
	}
	return p.enterMember()
}

// enterMember starts on the gzip member that comes next, if one does.
func (p *plainReader) enterMember() error {
	p.inZip = false
	magic, err := p.raw.Peek(len(gzipMagic))
	if err != nil {
		return p.source.err // too few bytes for a member are no error
	}
	if string(magic) != gzipMagic {
		return nil
	}
	if p.zip == nil {
		p.zip, err = gzip.NewReader(p.raw)
	} else {
		err = p.zip.Reset(p.raw)
	}
	if err != nil {
		return p.blame(err)
	}
	p.zip.Multistream(false)
	p.inZip = true
	return nil
}

// nextMember looks for another gzip member behind a corrupt one, and reports
// whether there may be one. Reading goes on there.
func (p *plainReader) nextMember() bool {
	for {
		if _, err := p.raw.ReadSlice(gzipMagic[0]); err != nil && err != bufio.ErrBufferFull {
			return false
		}
		if err := p.raw.UnreadByte(); err != nil {
			return false
		}
		if looksLikeMember(p.raw) && p.enterMember() == nil {
			return true
		}
		if _, err := p.raw.Discard(1); err != nil {
			return false
		}
	}
}

// looksLikeMember judges a gzip header by all of its bytes that are not free:
// compressed data holds the three magic ones by chance.
func looksLikeMember(r *bufio.Reader) bool {
	h, err := r.Peek(10)
	if err != nil || string(h[:3]) != gzipMagic {
		return false
	}
	flags, extra, system := h[3], h[8], h[9]
	return flags&0xe0 == 0 && (extra == 0 || extra == 2 || extra == 4) && (system <= 13 || system == 255)
}

// blame tells an error of the reader from one of the content.
func (p *plainReader) blame(err error) error {
	if err == nil || err == io.EOF || p.source.err != nil && errors.Is(err, p.source.err) {
		return err
	}
	return corrupt{err}
}

// failing remembers why its reader failed.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
