package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Order is an order of findings.
type Order int

const (
	// Canonical is correlate's own: by account, subject and first event.
	Canonical Order = iota
	// GravestFirst is that of people who have little time.
	GravestFirst
	// ByIncident is by the findings' ids, which two sets of findings have in
	// common.
	ByIncident
)

// Findings are the conclusions about a recording. They are read any number of
// times, in bounded memory, and go with Close.
type Findings struct{ sorted sorter }

// Decide gives the conclusions about everything under each of the settings, one
// after the other or in up to the given number of workers, which makes no
// difference to them.
func (r *Recording) Decide(ctx context.Context, asOf time.Time, order Order, workers int, settings ...incident.Settings) ([]*Findings, error) {
	return r.decide(ctx, asOf, order, workers, nil, settings...)
}

// decide is Decide, which shows each neighbourhood to others, too; nil for nobody.
func (r *Recording) decide(ctx context.Context, asOf time.Time, order Order, workers int, show func(detect.Neighbourhood), settings ...incident.Settings) ([]*Findings, error) {
	d := decider{Recording: r, asOf: asOf, workers: workers, settings: settings, show: show, found: make([]sorter, len(settings))}
	for i := range d.found {
		d.found[i] = sorter{limit: findingsBuffer, join: smaller}
		defer d.found[i].close()
	}
	var err error
	if r.nodes == nil {
		err = d.decide(detect.Neighbourhood{Evidence: correlate.Index(r.together)})
	} else {
		err = d.neighbourhoods(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	out := make([]*Findings, len(settings))
	for i := range out {
		if out[i], err = inOrder(&d.found[i], order); err != nil {
			for _, f := range out[:i] {
				f.Close()
			}
			return nil, fmt.Errorf("sort findings: %w", err)
		}
	}
	return out, nil
}

// findingsBuffer is how many bytes of findings are held before they are written
// to temporary files.
const findingsBuffer = 2 << 20

// decider decides about a recording.
type decider struct {
	*Recording
	asOf     time.Time
	workers  int
	settings []incident.Settings
	show     func(detect.Neighbourhood)

	mu    sync.Mutex
	found []sorter // for each of the settings, histories by the id of their finding
}

// Nodes are decided about together, so that what bears on many of them is read
// less often.
const (
	nodesAtOnce = 64
	itemsAtOnce = 3000
)

// neighbourhoods decides about node after node.
func (d *decider) neighbourhoods(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan []string)
	var wg sync.WaitGroup
	for range max(1, d.workers) {
		wg.Go(func() {
			for nodes := range jobs {
				if err := d.about(ctx, nodes, false); err != nil {
					cancel(err)
				}
			}
		})
	}
	for nodes, err := range d.nodes.portions() {
		if err != nil {
			cancel(err)
		}
		select {
		case jobs <- nodes:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(jobs)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// about decides about the neighbourhood of some nodes. If that is too large it is
// halved once, and again as long as what is left out is their own. More would not
// help much: who hangs together with many does so alone, too.
func (d *decider) about(ctx context.Context, nodes []string, halved bool) error {
	n, err := detect.NeighbourhoodOf(ctx, d.nodes, nodes, d.limits.Items)
	switch {
	case err != nil:
		return err
	case len(nodes) > 1 && (n.Crowded || n.Full && !halved):
		half := len(nodes) / 2
		return errors.Join(d.about(ctx, nodes[:half], true), d.about(ctx, nodes[half:], true))
	}
	return d.decide(n)
}

func (d *decider) decide(n detect.Neighbourhood) error {
	if d.show != nil {
		d.show(n)
	}
	for i, settings := range d.settings {
		var histories [][]incident.Finding
		if d.nodes == nil {
			histories = n.Evidence.Histories(settings, d.asOf, d.workers)
		} else {
			histories = n.Evidence.HistoriesAbout(settings, d.asOf, n.Subjects)
		}
		if err := d.keep(i, histories, n.Full); err != nil {
			return err
		}
	}
	return nil
}

func (d *decider) keep(i int, histories [][]incident.Finding, full bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range histories {
		final := h[len(h)-1]
		key := append([]byte(final.ID), final.Subject.Key()...)
		if err := d.found[i].add(key, encodeHistory(h, full)); err != nil {
			return err
		}
	}
	return nil
}

// encodeHistory begins with what is worse about a history, so that of several
// about one incident, met from several sides, one that nothing was left out of
// is the smaller.
func encodeHistory(h []incident.Finding, full bool) []byte {
	b := []byte{0}
	if full {
		b[0] = 1
	}
	for _, f := range h {
		c := filing.EncodeCase(store.Case{Finding: f})
		b = append(binary.AppendUvarint(b, uint64(len(c))), c...)
	}
	return b
}

func decodeHistory(b []byte) ([]incident.Finding, error) {
	var out []incident.Finding
	for b = b[1:]; len(b) > 0; {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errRun
		}
		c, err := filing.DecodeCase(b[size:size+int(n)], 0)
		if err != nil {
			return nil, err
		}
		out, b = append(out, c.Finding), b[size+int(n):]
	}
	if len(out) == 0 {
		return nil, errRun
	}
	return out, nil
}

// inOrder sorts histories.
func inOrder(found *sorter, order Order) (*Findings, error) {
	out := &Findings{sorter{limit: findingsBuffer}}
	for e, err := range found.entries() {
		if err != nil {
			out.Close()
			return nil, err
		}
		h, err := decodeHistory(e.value)
		if err == nil {
			err = out.sorted.add(orderKey(&h[len(h)-1], order), e.value)
		}
		if err != nil {
			out.Close()
			return nil, err
		}
	}
	return out, nil
}

// orderKey sorts as correlate does, after the gravity where that is asked for.
func orderKey(f *incident.Finding, order Order) []byte {
	var key []byte
	first := func() {
		key = binary.BigEndian.AppendUint64(key, uint64(f.FirstSeen.Unix())^1<<63)
		key = binary.BigEndian.AppendUint32(key, uint32(f.FirstSeen.Nanosecond()))
	}
	switch order {
	case ByIncident:
		return append(append(key, f.ID...), f.Subject.Key()...)
	case GravestFirst:
		key = append(key, byte(incident.Critical-f.Severity))
		first()
	}
	key = append(append(append(key, f.Account...), 0), f.Subject.Key()...)
	key = append(key, 0)
	first()
	return append(key, f.ID...)
}

// Histories yields the conclusions that each incident went through, the final
// one last.
func (f *Findings) Histories() iter.Seq2[[]incident.Finding, error] {
	return func(yield func([]incident.Finding, error) bool) {
		for e, err := range f.sorted.entries() {
			var h []incident.Finding
			if err == nil {
				h, err = decodeHistory(e.value)
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

// Close removes the temporary files.
func (f *Findings) Close() { f.sorted.close() }

// portions yields the nodes that something is filed under first of all, some at
// a time.
func (f *nodeFile) portions() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		var p portion
		for e, err := range f.under("") {
			if err != nil {
				yield(nil, err)
				return
			}
			node, rest := splitKey(e.key)
			if string(node) != p.node {
				p.endNode()
				if p.enough() && !yield(p.take(), nil) {
					return
				}
				p.node = string(node)
			}
			p.decides = p.decides || rest[0] != ofNote && e.value[0]&atHome != 0
			p.own++
		}
		if p.endNode(); len(p.nodes) > 0 {
			yield(p.nodes, nil)
		}
	}
}

// portion collects nodes to be decided about together.
type portion struct {
	nodes []string
	items int // filed under them

	node    string // at hand
	decides bool
	own     int
}

func (p *portion) endNode() {
	if p.decides {
		p.nodes = append(p.nodes, p.node)
		p.items += p.own
	}
	p.own, p.decides = 0, false
}

func (p *portion) enough() bool { return len(p.nodes) >= nodesAtOnce || p.items >= itemsAtOnce }

func (p *portion) take() []string {
	nodes := p.nodes
	p.nodes, p.items = nil, 0
	return nodes
}
