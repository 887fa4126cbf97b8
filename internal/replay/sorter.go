package replay

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// sorter puts any number of entries in the order of their keys, in memory of a
// stated size. What does not fit is written to temporary files as sorted runs,
// which are merged when they are read.
//
// Entries of one key are joined to one if there is a join, which must not mind
// their order. It is for one goroutine while entries are added; afterwards any
// number may read.
type sorter struct {
	limit int // bytes of entries that are held in memory
	join  func(key, a, b []byte) []byte

	arena  []byte
	spans  []span
	sorted bool
	runs   [][]*run // by how often they were merged
}

// span is where an entry lies in the arena.
type span struct{ key, value, end int }

// spanSize is what an entry costs beside its bytes.
const spanSize = 24

// fanIn is how many runs are merged at once. A run costs a buffer while it is
// read, so that all of them cost the same, however many entries there are.
const fanIn = 16

// run is a sorted part of the entries in a file of its own.
type run struct {
	file *os.File
	size int64
}

func (s *sorter) add(key, value []byte) error {
	if len(s.arena)+len(key)+len(value)+spanSize*(len(s.spans)+1) > s.limit && len(s.spans) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	at := len(s.arena)
	s.arena = append(append(s.arena, key...), value...)
	s.spans = append(s.spans, span{at, at + len(key), len(s.arena)})
	s.sorted = false
	return nil
}

// spill writes what is in memory to a run.
func (s *sorter) spill() error {
	s.sort()
	r, err := writeRun(merged([]source{s.held()}, s.join))
	if err != nil {
		return err
	}
	s.arena, s.spans = s.arena[:0], s.spans[:0]
	return s.keep(r, 0)
}

// keep files a run under its level. A full level becomes one run of the next.
func (s *sorter) keep(r *run, level int) error {
	if len(s.runs) == level {
		s.runs = append(s.runs, nil)
	}
	s.runs[level] = append(s.runs[level], r)
	if len(s.runs[level]) < fanIn {
		return nil
	}
	var sources []source
	for _, r := range s.runs[level] {
		sources = append(sources, r.read())
	}
	next, err := writeRun(merged(sources, s.join))
	if err != nil {
		return err
	}
	for _, r := range s.runs[level] {
		r.remove()
	}
	s.runs[level] = nil
	return s.keep(next, level+1)
}

// flush frees the memory of what was added.
func (s *sorter) flush() error {
	if len(s.spans) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.arena, s.spans = nil, nil
	return nil
}

func (s *sorter) sort() {
	if s.sorted {
		return
	}
	slices.SortFunc(s.spans, func(a, b span) int {
		return bytes.Compare(s.arena[a.key:a.value], s.arena[b.key:b.value])
	})
	s.sorted = true
}

// entries yields all entries in order. A slice is good until the next one. The
// first call must have returned its first entry before others are made.
func (s *sorter) entries() iter.Seq2[entry, error] { return merged(s.sources(), s.join) }

func (s *sorter) sources() []source {
	s.sort()
	sources := []source{s.held()}
	for _, level := range s.runs {
		for _, r := range level {
			sources = append(sources, r.read())
		}
	}
	return sources
}

// empty reports whether nothing was added.
func (s *sorter) empty() bool { return len(s.spans) == 0 && len(s.runs) == 0 }

// close removes the files.
func (s *sorter) close() {
	for _, level := range s.runs {
		for _, r := range level {
			r.remove()
		}
	}
	s.runs, s.arena, s.spans = nil, nil, nil
}

// entry is a key with its value.
type entry struct{ key, value []byte }

// source yields entries in order, and io.EOF behind the last. An entry is good
// until the next.
type source interface{ next() (entry, error) }

// held are the entries in memory.
func (s *sorter) held() source { return &heldEntries{s: s} }

type heldEntries struct {
	s *sorter
	n int
}

func (h *heldEntries) next() (entry, error) {
	if h.n == len(h.s.spans) {
		return entry{}, io.EOF
	}
	at := h.s.spans[h.n]
	h.n++
	return entry{h.s.arena[at.key:at.value:at.value], h.s.arena[at.value:at.end:at.end]}, nil
}

// runBuffer is what a run costs while it is read or written.
const runBuffer = 32 << 10

// writeRun writes entries to a temporary file.
func writeRun(entries iter.Seq2[entry, error]) (*run, error) {
	r, err := newRun()
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(r.file, runBuffer)
	for e, err := range entries {
		if err == nil {
			err = r.write(w, e)
		}
		if err != nil {
			r.remove()
			return nil, fmt.Errorf("write temporary file: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		r.remove()
		return nil, fmt.Errorf("write temporary file: %w", err)
	}
	return r, nil
}

func newRun() (*run, error) {
	f, err := os.CreateTemp("", "trailverdict-*")
	if err != nil {
		return nil, fmt.Errorf("create temporary file: %w", err)
	}
	// Where the system allows it the name goes at once, so that nothing is left
	// behind however the program ends. Elsewhere remove does it.
	_ = os.Remove(f.Name())
	return &run{file: f}, nil
}

// write adds an entry: the lengths of its key and value, and both.
func (r *run) write(w *bufio.Writer, e entry) error {
	var head [2 * binary.MaxVarintLen64]byte
	b := binary.AppendUvarint(head[:0], uint64(len(e.key)))
	b = binary.AppendUvarint(b, uint64(len(e.value)))
	for _, part := range [][]byte{b, e.key, e.value} {
		if _, err := w.Write(part); err != nil {
			return err
		}
		r.size += int64(len(part))
	}
	return nil
}

func (r *run) remove() {
	_ = r.file.Close() // it was for us alone
	_ = os.Remove(r.file.Name())
}

func (r *run) read() *reader { return r.from(0) }

// from reads the run from an entry's place on.
func (r *run) from(at int64) *reader {
	return &reader{r: bufio.NewReaderSize(io.NewSectionReader(r.file, at, r.size-at), runBuffer)}
}

// reader reads the entries of a run.
type reader struct {
	r   *bufio.Reader
	buf []byte
}

var errRun = errors.New("temporary file is damaged")

func (r *reader) next() (entry, error) {
	key, err := binary.ReadUvarint(r.r)
	if err != nil {
		return entry{}, err // io.EOF behind the last one
	}
	value, err := binary.ReadUvarint(r.r)
	if err != nil || key+value > 1<<30 {
		return entry{}, errRun
	}
	r.buf = slices.Grow(r.buf[:0], int(key+value))[:key+value]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return entry{}, errRun
	}
	return entry{r.buf[:key:key], r.buf[key:]}, nil
}

// merged yields the entries of sorted sources in order.
func merged(sources []source, join func(key, a, b []byte) []byte) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		m := merger{}
		for _, s := range sources {
			if err := m.push(&cursor{source: s}); err != nil {
				yield(entry{}, err)
				return
			}
		}
		var have entry
		some := false
		for len(m) > 0 {
			e := m[0].entry
			switch {
			case some && join != nil && bytes.Equal(e.key, have.key):
				have.value = append(have.value[:0:0], join(have.key, have.value, e.value)...)
			case some && !yield(have, nil):
				return
			default:
				have.key, have.value = append(have.key[:0], e.key...), append(have.value[:0], e.value...)
				some = true
			}
			if err := m.advance(); err != nil {
				yield(entry{}, err)
				return
			}
		}
		if some {
			yield(have, nil)
		}
	}
}

// cursor is a source with the entry that comes next.
type cursor struct {
	source
	entry
}

// merger is a heap of cursors.
type merger []*cursor

func (m merger) Len() int           { return len(m) }
func (m merger) Less(i, j int) bool { return bytes.Compare(m[i].key, m[j].key) < 0 }
func (m merger) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merger) Push(x any)        { *m = append(*m, x.(*cursor)) }

func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// push adds a source, unless it is empty.
func (m *merger) push(c *cursor) (err error) {
	if c.entry, err = c.next(); errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		heap.Push(m, c)
	}
	return err
}

// advance takes the first entry away.
func (m *merger) advance() (err error) {
	c := (*m)[0]
	if c.entry, err = c.next(); errors.Is(err, io.EOF) {
		heap.Pop(m)
		return nil
	}
	if err == nil {
		heap.Fix(m, 0)
	}
	return err
}
