package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Ingester takes what was decoded. It is called from several goroutines.
type Ingester interface {
	Ingest(context.Context, []incident.Signal, []incident.Use) (store.Outcome, error)
}

// Read decodes inputs and gives what they hold to d. It calls progress, which
// may be nil, from several goroutines with the number of bytes that were read
// since its last call.
//
// Up to the given number of workers decode inputs side by side, which makes no
// difference to what d is given but its order. The options tell the decoder what the inputs do not say of themselves.
//
// Inputs that cannot be read are listed in the summary and are no error. An
// error means that d failed or ctx ended; the summary is then of no use. When
// ctx ends Read returns at once, though a read that waits for its input, as
// from a terminal, may go on waiting.
func Read(ctx context.Context, inputs []Input, d Ingester, workers int, progress func(n int), options ...trail.Option) (Summary, error) {
	if progress == nil {
		progress = func(int) {}
	}
	results := make([]Summary, len(inputs))
	errs := make([]error, len(inputs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(max(1, workers), len(inputs)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(inputs) {
					return
				}
				results[i], errs[i] = read(ctx, inputs[i], d, progress, options)
				if errs[i] != nil {
					next.Store(int64(len(inputs))) // nothing that follows is of use
				}
			}
		})
	}
	if err := wait(ctx, &wg); err != nil {
		return Summary{}, err
	}
	var sum Summary
	for i, r := range results {
		if errs[i] != nil {
			return Summary{}, errs[i]
		}
		sum.add(r)
	}
	return sum, nil
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
func read(ctx context.Context, in Input, d Ingester, progress func(n int), options []trail.Option) (Summary, error) {
	b := &batch{ctx: ctx, to: d, uses: map[string]incident.Use{}}
	b.sum.Files = 1
	r, err := in.open()
	if err != nil {
		b.sum.Failed, b.sum.blank = []error{err}, 1
		return b.sum, nil
	}
	meter := &meter{ctx: ctx, r: r, progress: progress}
	b.sum.Stats, err = trail.Decode(meter, in.Name, b, options...)
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
		return Summary{Other: 1}, nil
	}
	return b.sum, nil
}

// batch collects what the decoder finds and passes it on in portions. It is the
// decoder's sink for one input.
type batch struct {
	ctx     context.Context
	to      Ingester
	sum     Summary
	signals []incident.Signal
	uses    map[string]incident.Use // joined by key, which mostly leaves few
	err     error                   // the first one of to; nothing is passed on after it
}

const (
	signalsPerBatch = 1000
	usesPerBatch    = 4000
)

func (b *batch) Signal(s incident.Signal) {
	b.sum.signal(&s)
	b.signals = append(b.signals, s)
	if len(b.signals) >= signalsPerBatch {
		b.flush()
	}
}

func (b *batch) Use(u incident.Use) {
	b.sum.use(&u)
	key := u.Key()
	if have, ok := b.uses[key]; ok {
		u = have.Join(u)
	}
	b.uses[key] = u
	if len(b.uses) >= usesPerBatch {
		b.flush()
	}
}

func (b *batch) Skipped(s trail.Skip) { b.sum.example(s) }

func (b *batch) flush() {
	if b.err == nil && len(b.signals)+len(b.uses) > 0 {
		uses := make([]incident.Use, 0, len(b.uses))
		for _, u := range b.uses {
			uses = append(uses, u)
		}
		var out store.Outcome
		out, b.err = b.to.Ingest(b.ctx, b.signals, uses)
		b.sum.Outcome = b.sum.Outcome.Add(out)
	}
	b.signals = b.signals[:0]
	clear(b.uses)
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
