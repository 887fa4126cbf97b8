package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Ingester takes what was decoded, and keeps neither slice. It is called from
// several goroutines.
type Ingester interface {
	Ingest(context.Context, []incident.Signal, []incident.Use) (store.Outcome, error)
}

// Options are how a recording is read.
type Options struct {
	// Workers is how many inputs are decoded side by side, at least one. It makes
	// no difference to what comes of them.
	Workers int
	// Progress is called from several goroutines with the number of bytes that
	// were read since its last call; nil is fine.
	Progress func(n int)
	// Decode tells the decoder what the inputs do not say of themselves.
	Decode []trail.Option
	// Journal keeps what inputs with an ID held, and stands in for those that it
	// knows; nil means none.
	Journal *Journal
}

// Read decodes inputs and gives what they hold to d.
//
// Inputs that cannot be read are listed in the summary and are no error. An
// error means that d or the inputs' list failed or ctx ended; the summary is then
// of no use. When ctx ends Read returns at once, though a read that waits for its
// input, as from a terminal, may go on waiting.
func Read(ctx context.Context, inputs iter.Seq2[Input, error], d Ingester, o Options) (Summary, error) {
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	rd := reading{to: d, o: o, jobs: make(chan job, opensAhead*max(1, o.Workers))}
	if o.Journal != nil {
		var err error
		if rd.sum, err = o.Journal.restore(ctx, d); err != nil {
			return Summary{}, err
		}
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() { rd.dispatch(own, inputs, cancel) })
	for range max(1, o.Workers) {
		wg.Go(func() { rd.work(own, cancel) })
	}
	if err := wait(ctx, &wg); err != nil {
		return Summary{}, err
	}
	if own.Err() != nil {
		return Summary{}, context.Cause(own)
	}
	return rd.summary(), nil
}

// opensAhead is how many remote inputs are opened for each worker before it is
// their turn.
const opensAhead = 4

// reading is a recording while it is read.
type reading struct {
	to   Ingester
	o    Options
	jobs chan job

	mu       sync.Mutex
	sum      Summary
	examples []placed[trail.Skip]
	failed   []placed[error]
}

// job is an input and its place among them.
type job struct {
	at int
	in Input
}

// placed is something that an input gave, with the input's place.
type placed[T any] struct {
	at int
	it T
}

// dispatch hands out the inputs that the journal does not know.
func (r *reading) dispatch(ctx context.Context, inputs iter.Seq2[Input, error], fail context.CancelCauseFunc) {
	defer close(r.jobs)
	at := 0
	for in, err := range inputs {
		if err != nil {
			fail(fmt.Errorf("find inputs: %w", err))
			return
		}
		if r.o.Journal.has(in.ID) {
			continue
		}
		select {
		case r.jobs <- job{at, in.ahead()}:
			at++
		case <-ctx.Done():
			return
		}
	}
}

func (r *reading) work(ctx context.Context, fail context.CancelCauseFunc) {
	var known trail.Memory
	remember := trail.Gather
	if r.o.Journal != nil {
		remember = trail.Remember // it keeps what each input held
	}
	decode := append(slices.Clip(r.o.Decode), remember(&known))
	b := &batch{ctx: ctx, to: r.to, journal: r.o.Journal}
	for j := range r.jobs {
		sum, err := r.read(ctx, j.in, b, decode)
		if err != nil {
			fail(err)
			return // nothing that follows is of use
		}
		r.add(j.at, sum)
	}
	b.begin("")
	known.Flush(b)
	if b.flush(); b.err != nil {
		fail(fmt.Errorf("read recording: %w", b.err))
	}
	r.add(0, b.sum)
}

// add adds what an input gave. Inputs come in any order.
func (r *reading) add(at int, s Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range s.Examples {
		r.examples = append(r.examples, placed[trail.Skip]{at, e})
	}
	for _, err := range s.Failed {
		r.failed = append(r.failed, placed[error]{at, err})
	}
	s.Examples, s.Failed = nil, nil
	r.sum.add(s)
	if len(r.examples) > 1000 {
		r.examples = firstExamples(r.examples)
	}
}

// firstExamples are those that a Summary keeps, of the first inputs.
func firstExamples(list []placed[trail.Skip]) []placed[trail.Skip] {
	slices.SortStableFunc(list, func(a, b placed[trail.Skip]) int { return cmp.Compare(a.at, b.at) })
	seen := map[trail.SkipReason]int{}
	return slices.DeleteFunc(list, func(p placed[trail.Skip]) bool {
		seen[p.it.Reason]++
		return seen[p.it.Reason] > examplesPerReason
	})
}

func (r *reading) summary() Summary {
	for _, e := range firstExamples(r.examples) {
		r.sum.example(e.it)
	}
	slices.SortStableFunc(r.failed, func(a, b placed[error]) int { return cmp.Compare(a.at, b.at) })
	for _, f := range r.failed {
		r.sum.Failed = append(r.sum.Failed, f.it)
	}
	return r.sum
}

// wait waits for wg or for the end of ctx, whichever is first.
func wait(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read recording: %w", context.Cause(ctx))
	}
}

// read decodes one input.
func (rd *reading) read(ctx context.Context, in Input, b *batch, decode []trail.Option) (Summary, error) {
	b.begin(in.ID)
	b.sum.Files = 1
	r, err := in.open()
	if err != nil {
		b.sum.Failed, b.sum.blank = []error{err}, 1
		return b.sum, nil
	}
	meter := &meter{ctx: ctx, r: r, progress: rd.o.Progress}
	b.sum.Stats, err = trail.Decode(meter, in.Name, b, decode...)
	err = errors.Join(err, r.Close())
	b.flush()
	if len(meter.begin()) == 0 {
		b.sum.blank = 1
	}
	switch {
	case ctx.Err() != nil:
		return b.sum, fmt.Errorf("read %s: %w", in.Name, context.Cause(ctx))
	case b.err != nil:
		return b.sum, fmt.Errorf("read %s: %w", in.Name, b.err)
	case err != nil:
		b.sum.Failed = []error{err}
	case !in.Named && !b.sum.recognised() && !meter.likely():
		b.sum = Summary{Other: 1}
		fallthrough
	default:
		return b.sum, rd.o.Journal.finish(in.ID, b.sum)
	}
	return b.sum, nil
}

// batch collects what the decoder finds and passes it on in portions. It is the
// decoder's sink for one input after another.
type batch struct {
	ctx     context.Context
	to      Ingester
	journal *Journal
	signals []incident.Signal
	uses    []incident.Use

	id  string // of the input
	sum Summary
	err error // the first one of to; nothing is passed on after it
}

const (
	signalsPerBatch = 1000
	usesPerBatch    = 4000
)

// begin starts on another input.
func (b *batch) begin(id string) { b.id, b.sum = id, Summary{} }

func (b *batch) Signal(s incident.Signal) {
	b.sum.signal(&s)
	b.signals = append(b.signals, s)
	if len(b.signals) >= signalsPerBatch {
		b.flush()
	}
}

func (b *batch) Use(u incident.Use) {
	b.sum.use(&u)
	b.uses = append(b.uses, u)
	if len(b.uses) >= usesPerBatch {
		b.flush()
	}
}

func (b *batch) Skipped(s trail.Skip) { b.sum.example(s) }

func (b *batch) flush() {
	if b.err == nil && len(b.signals)+len(b.uses) > 0 {
		var out store.Outcome
		out, b.err = b.to.Ingest(b.ctx, b.signals, b.uses)
		b.sum.Outcome = b.sum.Outcome.Add(out)
		b.err = errors.Join(b.err, b.journal.portion(b.id, b.signals, b.uses))
	}
	b.signals, b.uses = b.signals[:0], b.uses[:0]
}

// meter counts what is read, remembers how it began, and ends with its context.
type meter struct {
	ctx      context.Context
	r        io.Reader
	progress func(n int)
	start    []byte
}

// startLength is enough to see past a byte order mark and some white space.
const startLength = 512

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	if missing := startLength - len(m.start); missing > 0 {
		m.start = append(m.start, p[:min(n, missing)]...)
	}
	m.progress(n)
	return n, err
}

// begin is how the input begins, without byte order marks and white space, in
// any Unicode encoding.
func (m *meter) begin() []byte { return bytes.TrimLeft(m.start, "\xef\xbb\xbf\xff\xfe\x00 \t\r\n") }

// likely reports whether the input begins as events do: compressed, or with a
// JSON object or array.
func (m *meter) likely() bool {
	b := m.begin()
	return len(b) == 0 || bytes.HasPrefix(b, []byte{0x1f, 0x8b}) || b[0] == '{' || b[0] == '['
}
