package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Limits bound the memory of a Recording. They do not depend on how many
// workers there are, since findings must not either.
type Limits struct {
	// Whole is how many signals and uses a recording may have that is decided about
	// as a whole. A larger one is decided about neighbourhood by neighbourhood.
	Whole int
	// Items is how many signals and uses a neighbourhood may have. Each worker
	// holds one.
	Items int
	// SignalsPerKind and UsesPerNode are how many signals of one kind, and how
	// many uses, are kept for a principal, key or workload of a larger
	// recording.
	SignalsPerKind, UsesPerNode int
	// Buffer is how many bytes of evidence are held before they are written to
	// temporary files.
	Buffer int
	// Recent is how many uses are held before they are encoded. Most are met again
	// and again.
	Recent int
}

// DefaultLimits are those of the command line.
func DefaultLimits() Limits {
	return Limits{Whole: 15_000, Items: 6000, SignalsPerKind: 3000, UsesPerNode: 3000, Buffer: 6 << 20, Recent: 10_000}
}

// Recording is the evidence of a recording, of any size, in bounded memory. Take
// is called while it is read, Seal once, then Decide as often as one likes.
//
// What does not fit lies in temporary files, which go with Close.
type Recording struct {
	limits Limits

	mu      sync.Mutex
	held    held                    // signals that are not encoded: all of them, as long as they are few
	signals sorter                  // every version of every event once
	uses    sorter                  // joined
	recent  map[string]incident.Use // those of uses that are not encoded yet, by key
	dropped int                     // signals that were there already

	together correlate.Evidence // everything, where it is little
	nodes    *nodeFile          // nil where it is
}

// held are signals in the portions that they came in.
type held struct {
	portions [][]incident.Signal
	n        int
}

func (h *held) add(signals []incident.Signal) {
	h.portions = append(h.portions, signals)
	h.n += len(signals)
}

// NewRecording returns an empty recording.
func NewRecording(limits Limits) *Recording {
	r := &Recording{limits: limits, recent: map[string]incident.Use{}}
	r.signals = sorter{limit: limits.Buffer, join: func(_, a, _ []byte) []byte {
		r.dropped++
		return a
	}}
	r.uses = sorter{limit: limits.Buffer, join: joinUses}
	return r
}

// joinUses joins two encoded uses. Their own encoder wrote them.
func joinUses(_, a, b []byte) []byte {
	u, err := filing.DecodeUse(a)
	v, err2 := filing.DecodeUse(b)
	if errors.Join(err, err2) != nil {
		return a
	}
	return filing.EncodeUse(u.Join(v))
}

// Ingest takes what was decoded. Duplicates and conflicts are counted by Seal.
func (r *Recording) Ingest(_ context.Context, signals []incident.Signal, uses []incident.Use) (store.Outcome, error) {
	keys := make([]string, len(uses))
	for i := range uses {
		keys[i] = uses[i].Key()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.hold(signals); err != nil {
		return store.Outcome{}, err
	}
	for i, u := range uses {
		if have, ok := r.recent[keys[i]]; ok {
			u = have.Join(u)
		} else if len(r.recent) >= r.limits.Recent {
			if err := r.encodeUses(); err != nil {
				return store.Outcome{}, err
			}
		}
		r.recent[keys[i]] = u
	}
	return store.Outcome{}, nil
}

// hold keeps signals as they are as long as they may be decided about as a whole.
func (r *Recording) hold(signals []incident.Signal) error {
	if r.signals.empty() && r.held.n+len(signals) <= r.limits.Whole {
		r.held.add(slices.Clone(signals))
		return nil
	}
	return errors.Join(r.encodeHeld(), r.encodeSignals(signals))
}

func (r *Recording) encodeHeld() error {
	for _, signals := range r.held.portions {
		if err := r.encodeSignals(signals); err != nil {
			return err
		}
	}
	r.held = held{}
	return nil
}

func (r *Recording) encodeSignals(signals []incident.Signal) error {
	for i := range signals {
		if err := r.signals.add(eventKey(&signals[i]), nil); err != nil {
			return err
		}
	}
	return nil
}

// encodeUses makes room for other recent ones.
func (r *Recording) encodeUses() error {
	for key, u := range r.recent {
		if err := r.uses.add([]byte(key), filing.EncodeUse(u)); err != nil {
			return err
		}
	}
	clear(r.recent)
	return nil
}

// eventKey is a version of an event: its account and id, and the whole signal.
func eventKey(s *incident.Signal) []byte {
	key := binary.AppendUvarint(nil, uint64(len(s.Account)))
	key = append(key, s.Account...)
	key = binary.AppendUvarint(key, uint64(len(s.ID)))
	key = append(key, s.ID...)
	return append(key, filing.EncodeSignal(*s)...)
}

// splitEvent returns what identifies the event of a version, and the encoded
// signal.
func splitEvent(key []byte) (event, signal []byte) {
	at := 0
	for range 2 {
		n, size := binary.Uvarint(key[at:])
		at += size + int(n)
	}
	return key[:at], key[at:]
}

// Seal ends the recording, and returns how many of its signals were there
// several times.
func (r *Recording) Seal(ctx context.Context) (store.Outcome, error) {
	if r.few() {
		out, err := r.load(ctx)
		r.release()
		return out, err
	}
	if err := errors.Join(r.encodeHeld(), r.encodeUses()); err != nil {
		return store.Outcome{}, err
	}
	items, conflicts, err := r.count(ctx)
	if err != nil {
		return store.Outcome{}, err
	}
	if items <= r.limits.Whole {
		err = r.decode(ctx)
	} else {
		err = r.file(ctx)
	}
	if err != nil {
		return store.Outcome{}, err
	}
	out := store.Outcome{Duplicates: r.dropped, Conflicts: conflicts}
	r.release()
	return out, nil
}

// few reports whether nothing had to be encoded, and all of it can be decided
// about as a whole.
func (r *Recording) few() bool {
	return r.signals.empty() && r.uses.empty() && r.held.n+len(r.recent) <= r.limits.Whole
}

// count counts events and uses, and the versions of events above the first. A
// duplicate that it meets is one for the first time.
func (r *Recording) count(ctx context.Context) (items, conflicts int, err error) {
	var last []byte
	for e, err := range r.signals.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return 0, 0, fmt.Errorf("read evidence: %w", err)
		}
		event, _ := splitEvent(e.key)
		if bytes.Equal(event, last) {
			conflicts++
			continue
		}
		last = append(last[:0], event...)
		items++
	}
	r.signals.join = func(_, a, _ []byte) []byte { return a }
	for _, err := range r.uses.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return 0, 0, fmt.Errorf("read evidence: %w", err)
		}
		items++
	}
	return items, conflicts, nil
}

// load takes what is held as everything, within the limits that a store has.
func (r *Recording) load(ctx context.Context) (store.Outcome, error) {
	limits := store.DefaultLimits()
	if r.held.n <= limits.SignalsPerHour && len(r.recent) <= limits.Uses && r.loadAll() {
		return store.Outcome{}, nil
	}
	m := store.NewMemory(limits)
	out, err := m.Put(ctx, nil, slices.Collect(maps.Values(r.recent)))
	for _, signals := range r.held.portions {
		if err != nil {
			return out, err
		}
		var more store.Outcome
		more, err = m.Put(ctx, signals, nil)
		out = out.Add(more)
	}
	if err == nil {
		r.together, err = detect.New(m, incident.Settings{}).Evidence(ctx, time.Time{})
	}
	return out, err
}

// loadAll takes what is held as it is, unless an event came twice: a store counts
// how that was.
func (r *Recording) loadAll() bool {
	signals := store.Resolve(slices.Concat(r.held.portions...))
	if len(signals) < r.held.n {
		return false
	}
	uses := make([]incident.Use, 0, len(r.recent))
	for _, key := range slices.Sorted(maps.Keys(r.recent)) {
		uses = append(uses, r.recent[key])
	}
	r.together = correlate.Evidence{Signals: signals, Uses: uses}
	return true
}

// decode holds everything after all, since most of it was duplicates.
func (r *Recording) decode(ctx context.Context) error {
	var signals []incident.Signal
	for e, err := range r.signals.entries() {
		if err != nil {
			return err
		}
		_, encoded := splitEvent(e.key)
		s, err := filing.DecodeSignal(encoded)
		if err != nil {
			return err
		}
		signals = append(signals, s)
	}
	r.held.add(signals)
	for e, err := range r.uses.entries() {
		if err != nil {
			return err
		}
		u, err := filing.DecodeUse(e.value)
		if err != nil {
			return err
		}
		r.recent[string(e.key)] = u
	}
	_, err := r.load(ctx)
	return err
}

// file files everything under the nodes that it concerns.
func (r *Recording) file(ctx context.Context) error {
	if err := errors.Join(r.signals.flush(), r.uses.flush()); err != nil {
		return err
	}
	filed := sorter{limit: r.limits.Buffer, join: smaller}
	defer filed.close()
	if err := errors.Join(r.fileSignals(ctx, &filed), r.fileUses(ctx, &filed)); err != nil {
		return fmt.Errorf("file evidence: %w", err)
	}
	r.release()
	if err := filed.flush(); err != nil {
		return err
	}
	nodes, err := writeNodes(filed.entries(), r.limits)
	if err != nil {
		return err
	}
	filed.close()
	r.nodes, err = nodes.owned(r.limits)
	return err
}

// fileSignals files one version of every event.
func (r *Recording) fileSignals(ctx context.Context, filed *sorter) error {
	var stands incident.Signal // of the versions so far
	var value, last []byte
	end := func() error {
		if last == nil {
			return nil
		}
		return fileSignal(&stands, value, filed)
	}
	for e, err := range r.signals.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		event, encoded := splitEvent(e.key)
		s, err := filing.DecodeSignal(encoded)
		if err != nil {
			return err
		}
		if bytes.Equal(event, last) {
			if kept := store.Resolve([]incident.Signal{stands, s}); !bytes.Equal(filing.EncodeSignal(kept[0]), encoded) {
				continue
			}
		} else if err := end(); err != nil {
			return err
		}
		stands, value = s, append(append(value[:0], atHome), encoded...)
		last = append(last[:0], event...)
	}
	return end()
}

// fileSignal files an event under its nodes. The value is how it is kept at home.
func fileSignal(s *incident.Signal, value []byte, filed *sorter) error {
	workload := ""
	switch {
	case !lineage.Resolved(s.Target):
		if s.Key != "" && s.Kind != incident.SessionIssued {
			value[0] |= ownerless
		}
	case s.Workload != "":
		workload = lineage.WorkloadOf(s.Account, s.Workload).Key()
	}
	for _, node := range store.SignalNodes(*s) {
		key := signalKey(node, s)
		if node == workload {
			key = hintKey(node, s)
		}
		if err := filed.add(key, value); err != nil {
			return err
		}
		value[0] &^= atHome
	}
	return nil
}

func (r *Recording) fileUses(ctx context.Context, filed *sorter) error {
	for e, err := range r.uses.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		u, err := filing.DecodeUse(e.value)
		if err != nil {
			return err
		}
		value := append([]byte{atHome}, e.value...)
		for _, node := range store.UseNodes(u) {
			if err := filed.add(useKey(node, string(e.key)), value); err != nil {
				return err
			}
			value[0] &^= atHome
		}
	}
	return nil
}

// release frees what is needed to read a recording alone.
func (r *Recording) release() {
	r.held, r.recent = held{}, map[string]incident.Use{}
	r.signals.close()
	r.uses.close()
}

// Close removes the temporary files.
func (r *Recording) Close() {
	r.release()
	if r.nodes != nil {
		r.nodes.close()
	}
}
