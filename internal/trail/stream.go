package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

const (
	// maxOpen bounds the arrays that are streamed one inside the other. What
	// is nested deeper is read as one element.
	maxOpen = 8

	// maxWraps bounds how often a value is unwrapped from a string inside
	// another. The longest chain in use has three: a record in an SNS
	// notification in an SQS message.
	maxWraps = 6

	// maxHeader bounds what may come before a list in its object.
	maxHeader = 128 << 10

	// eventStart begins EventBridge's events, which are no lists: looking for
	// one would cost more than any other step of reading an event.
	eventStart = `{"version":"0","id":"`
)

// Decode reads r to its end and gives sink what it means. The source names r
// in skips. Its error is that of reading alone, and what was read before it is
// decoded: see Sink.Skipped for all else.
func Decode(r io.Reader, source string, sink Sink, options ...Option) (Stats, error) {
	d := decoder{source: source, sink: sink, stats: &Stats{Skipped: map[SkipReason]int{}}}
	for _, o := range options {
		o(&d)
	}
	d.nest()
	if d.buffers == nil {
		d.buffers = &buffers{}
	}
	plain := d.buffers.open(r)
	d.window = window{src: plain, buf: d.buffers.window[:0], before: '\n'}
	defer func() { d.buffers.release(d.buf) }()
	for {
		d.run()
		d.endFolding()
		d.stats.Bytes = d.offset()
		bad := corrupt{}
		switch {
		case d.err == nil:
			return *d.stats, nil
		case !errors.As(d.err, &bad):
			return *d.stats, fmt.Errorf("read %s: %w", source, d.err)
		}
		d.skip(d.offset(), SkipDecompress, bad.detail())
		if !plain.nextMember() {
			return *d.stats, nil
		}
		d.reopen()
	}
}

// Decoder decodes what lies in memory, one stream after another, and reuses what
// it needed for those before: of a stream of no interest nothing is allocated.
// It is for one goroutine at a time.
type Decoder struct {
	d       decoder
	stats   Stats
	options []Option
}

// NewDecoder returns a Decoder that gives sink what streams mean, as Decode does.
func NewDecoder(source string, sink Sink, options ...Option) *Decoder {
	d := &Decoder{d: decoder{source: source, sink: sink}, options: options}
	d.d.stats = &d.stats
	d.d.nest()
	for _, o := range options {
		o(&d.d)
	}
	return d
}

// Decode decodes a stream. It keeps nothing of b.
func (d *Decoder) Decode(b []byte) Stats {
	if !isPlain(b) || len(b) > maxElement {
		st, _ := Decode(bytes.NewReader(b), d.d.source, d.d.sink, d.options...) // reading memory never fails
		return st
	}
	d.stats = Stats{}
	d.d.reset()
	d.d.inMemory(b)
	d.d.run()
	d.d.endFolding()
	d.stats.Bytes = d.d.offset()
	d.d.inMemory(nil)
	return d.stats
}

// nest has the objects that every record is read from indexed while it is
// checked.
func (d *decoder) nest() {
	d.fields.Within("detail", &d.detail)
	for _, f := range []*jsonscan.Fields{&d.fields, &d.detail} {
		f.Within("userIdentity", &d.out.caller)
	}
	d.out.caller.Within("sessionContext", &d.out.session)
	d.out.session.Within("sessionIssuer", &d.out.issuer)
	d.out.session.Within("attributes", &d.out.attributes)
}

// reset forgets the stream before.
func (d *decoder) reset() {
	for ; d != nil; d = d.inner {
		d.open, d.lost, d.cut, d.verified = d.open[:0], false, false, 0
	}
}

// Option tells the decoder what a stream itself does not say.
type Option func(*decoder)

// LogWriters says who writes to a log group: the program's name, and the ARN of
// the role or user that it runs as, as far as they are known. What a log line
// says of itself goes before it.
func LogWriters(writer func(group string) (workload, principalARN string)) Option {
	return func(d *decoder) { d.writer = writer }
}

// Memory is what was learnt from streams and makes reading the next one faster,
// since the same callers come in file after file. It changes nothing of what is
// read, takes 32 MiB at most whatever is in them, a few of usual records, and is
// for one goroutine at a time. The zero Memory is ready.
type Memory struct {
	memory
	buffers
}

// Remember has m remember.
func Remember(m *Memory) Option {
	return func(d *decoder) { d.out.memory, d.buffers = &m.memory, &m.buffers }
}

// Gather is Remember, and has m join the uses of all its streams, too. They come
// with Flush, and before that whenever there are 4,096 kinds of them.
func Gather(m *Memory) Option {
	return func(d *decoder) { d.out.memory, d.buffers, d.gathers = &m.memory, &m.buffers, true }
}

// Flush gives to the uses that were gathered.
func (m *Memory) Flush(to Sink) { m.quick.send(to) }

// decoder walks a stream from value to value. Between values it is in the
// innermost of the arrays that are open, or, if none is, between lines.
type decoder struct {
	window
	source string
	sink   Sink
	stats  *Stats

	writer func(group string) (workload, principalARN string) // nil if nobody knows

	fields   jsonscan.Fields
	detail   jsonscan.Fields // of an EventBridge event's detail
	out      decoded
	buffers  *buffers // nil until it is needed
	gathers  bool     // uses stay in the memory when a stream ends
	thorough bool     // nothing is read the quick way or remembered; for tests

	odd    bool     // the value at hand could not be read the quick way
	at     int64    // where the value at hand starts
	around envelope // what the wrapping says of bare records
	open   []frame
	lost   bool // arrays were given up; their ends may still come
	cut    bool // the last value was cut off by the end of the stream

	// An inner decoder reads what was wrapped in a string.
	inner *decoder
	text  []byte // what the inner decoder reads
	wraps int    // how often this one's stream was unwrapped
	outer int64  // the offset of the outermost value, if wraps > 0

	verified int64 // bytes looked at in search of records behind a fault
}

// frame is an array that is streamed element by element.
type frame struct {
	start   int64
	list    bool // it is a member of an object, such as Records
	tail    bool // it has ended, its object has not
	between bool // a comma or the end is due
}

// run decodes the stream to its end.
func (d *decoder) run() {
	d.skipMark()
	for d.skipSpace() {
		if f := d.frame(); f == nil {
			d.betweenLines()
		} else {
			d.insideArray(f)
		}
	}
	if len(d.open) > 0 && !d.cut {
		d.skip(d.open[0].start, SkipTruncated, "array does not end")
	}
	d.open = d.open[:0]
}

// reopen goes on behind a gap in the stream.
func (d *decoder) reopen() {
	d.eof, d.err = false, nil
	d.lost, d.cut = true, false
}

// frame is the innermost open array, or nil.
func (d *decoder) frame() *frame {
	if len(d.open) == 0 {
		return nil
	}
	return &d.open[len(d.open)-1]
}

func (d *decoder) push(f frame) { d.open = append(d.open, f) }
func (d *decoder) pop()         { d.open = d.open[:len(d.open)-1] }

// skipMark passes a byte order mark. It means nothing in UTF-8, but some
// programs write it.
func (d *decoder) skipMark() {
	const mark = "\xef\xbb\xbf"
	for len(d.rest()) < len(mark) && d.more() {
	}
	if b := d.rest(); len(b) >= len(mark) && string(b[:len(mark)]) == mark {
		d.pass(len(mark))
	}
}

// betweenLines takes what comes outside of all arrays.
func (d *decoder) betweenLines() {
	switch d.rest()[0] {
	case ',', ']', '}':
		if d.lost {
			d.pass(1)
			return
		}
	case 0xef:
		if d.atLineStart() { // the start of a file that was appended to another
			before := d.offset()
			d.skipMark()
			if d.offset() != before {
				return
			}
		}
	}
	d.value()
}

// insideArray takes the next value of an array, or what stands between two.
func (d *decoder) insideArray(f *frame) {
	c := d.rest()[0]
	switch {
	case f.tail:
		d.insideTail(c)
	case c == ']':
		d.pass(1)
		d.endArray(f)
	case !f.between:
		f.between = true
		d.value()
	case c == ',':
		f.between = false
		d.pass(1)
	default:
		d.skip(d.offset(), SkipSyntax, "neither comma nor end of array")
		d.recover(0)
	}
}

func (d *decoder) endArray(f *frame) {
	if f.list {
		f.tail = true
		return
	}
	d.pop()
}

// insideTail passes the members of an object that follow its list.
func (d *decoder) insideTail(c byte) {
	switch c {
	case '}':
		d.pass(1)
		d.pop()
	case ',':
		d.pass(1)
	case '"':
		d.tailMember()
	default:
		d.skip(d.offset(), SkipSyntax, "neither comma nor end of object")
		d.recover(0)
	}
}

// tailMember passes a member that is not wanted, such as NextToken.
func (d *decoder) tailMember() {
	start := d.offset()
	if _, ok := d.next(start); !ok {
		return
	}
	if !d.skipSpace() {
		return
	}
	if d.rest()[0] != ':' {
		d.skip(start, SkipSyntax, "no colon after member name")
		d.recover(0)
		return
	}
	d.pass(1)
	switch {
	case !d.skipSpace():
	case opens(d.rest()[0]) && d.atLineStart(): // the member was cut off; this is another line
		d.skip(start, SkipSyntax, "no value behind member name")
		d.recover(0)
	default:
		d.next(start)
	}
}

// next reads one value that is not wanted, or skips it and reports false.
func (d *decoder) next(start int64) (jsonscan.Value, bool) {
	v, n, ok := d.scan(start)
	if ok {
		d.pass(n)
	}
	return v, ok
}

// value takes the value that rest starts with: it opens an array, or reads an
// element whole.
func (d *decoder) value() {
	start := d.offset()
	if d.tryQuick() {
		return
	}
	if len(d.open) < maxOpen && !bytes.HasPrefix(d.rest(), []byte(eventStart)) {
		if d.rest()[0] == '[' {
			d.push(frame{start: start})
			d.pass(1)
			return
		}
		if n, ok := d.listHeader(); ok {
			d.push(frame{start: start, list: true})
			d.pass(n)
			return
		}
	}
	v, n, ok := d.scan(start)
	if ok {
		d.at = start
		d.handle(v)
		d.pass(n)
	}
}

// scan checks the value that rest starts with. If it cannot be read it is
// skipped, and the stream is where reading can go on.
func (d *decoder) scan(start int64) (v jsonscan.Value, n int, ok bool) {
	for {
		v, n, err := d.fields.Next(d.rest())
		whole := err == nil && (n < len(d.rest()) || d.eof || delimited(v))
		switch {
		case whole && n > maxElement:
			d.skip(start, SkipTooLarge, "")
			d.pass(n)
			return v, n, false
		case whole:
			return v, n, true
		case err != nil && !errors.Is(err, jsonscan.ErrUnexpectedEnd):
			d.refuse(start, err)
			return v, n, false
		case len(d.rest()) >= maxElement:
			d.skip(start, SkipTooLarge, "")
			d.passUnread()
			return v, n, false
		case !d.more() && err != nil:
			d.skip(start, SkipTruncated, "")
			d.cut = true
			d.recover(1)
			return v, n, false
		}
	}
}

// delimited reports whether v shows by itself that it is complete. A number
// does not: its next digit may be yet to be read.
func delimited(v jsonscan.Value) bool { return v.Kind() != jsonscan.Number }

// refuse skips a value that is no JSON.
func (d *decoder) refuse(start int64, err error) {
	if errors.Is(err, jsonscan.ErrTooDeep) {
		d.skip(start, SkipTooDeep, "")
		d.passUnread()
		return
	}
	d.skip(start, SkipSyntax, syntaxDetail(err))
	d.recover(1)
}

// syntaxDetail says what is wrong and how far inside the value.
func syntaxDetail(err error) string {
	var syntax *jsonscan.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	return fmt.Sprintf("%s, %d bytes in", syntax.Msg, syntax.Offset)
}

// listHeader recognises the start of an object that is a list of records
// within, such as {"Records":[, and returns its length. Members before the
// list are passed over as long as they are plain.
func (d *decoder) listHeader() (int, bool) {
	for {
		n, ok, enough := listHeader(d.rest())
		if enough || len(d.rest()) >= maxHeader || !d.more() {
			return n, ok
		}
	}
}

// listHeader is enough to say yes or no unless b ends too soon.
func listHeader(b []byte) (n int, ok, enough bool) {
	if b[0] != '{' {
		return 0, false, true
	}
	for i := 1; ; {
		name, size, err := jsonscan.Next(b[i:])
		if err != nil || name.Kind() != jsonscan.String {
			return 0, false, !errors.Is(err, jsonscan.ErrUnexpectedEnd)
		}
		if i = spaceEnd(b, i+size); i < len(b) && b[i] == ':' {
			i = spaceEnd(b, i+1)
		}
		switch {
		case i == len(b):
			return 0, false, false
		case b[i] == '[':
			return i + 1, isList(name), true
		case b[i] == '{' || b[i] == ':':
			return 0, false, true
		}
		_, size, err = jsonscan.Next(b[i:])
		if i = spaceEnd(b, i+size); err != nil || i == len(b) {
			return 0, false, err != nil && !errors.Is(err, jsonscan.ErrUnexpectedEnd)
		}
		if b[i] != ',' {
			return 0, false, true
		}
		i++
	}
}

// isList reports whether name is that of a list whose elements are values in
// their own right: of log files and batches, of LookupEvents, or of what was
// received from a queue.
func isList(name jsonscan.Value) bool { return slices.ContainsFunc(lists, name.Is) }

func spaceEnd(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skip counts and reports a value that is left out.
func (d *decoder) skip(start int64, reason SkipReason, detail string) {
	if d.wraps > 0 {
		start = d.outer
	}
	if d.stats.Skipped == nil {
		d.stats.Skipped = map[SkipReason]int{}
	}
	d.stats.Skipped[reason]++
	d.sink.Skipped(Skip{Source: d.source, Offset: start, Reason: reason, Detail: detail})
}
