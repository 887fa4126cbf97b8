package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Under each node lie its signals by kind and time, its uses, and what there is
// to say about it.
const (
	ofSignal = 's'
	ofHint   = 't'
	ofUse    = 'u'
	ofNote   = 'z'
)

// The first byte of an item says more about it.
const (
	// atHome is set where the node is the first of those that the item is filed
	// under, which is the one whose turn it is to decide about it.
	atHome byte = 1 << iota
	// ownerless is set where a signal names a key, and not whose that is.
	ownerless
)

// nodeKey begins the keys of all that is filed under a node. The length comes
// first, so that no name begins another.
func nodeKey(node string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(node))), node...)
}

// splitKey returns the node of a key, and the rest.
func splitKey(key []byte) (node, rest []byte) {
	n := 4 + int(binary.BigEndian.Uint32(key))
	return key[4:n], key[n:]
}

// signalKey orders the signals of a node by kind, time, account and id.
func signalKey(node string, s *incident.Signal) []byte {
	key := append(append(nodeKey(node), ofSignal), s.Kind...)
	key = append(key, 0)
	key = binary.BigEndian.AppendUint64(key, uint64(s.Time.Unix())^1<<63)
	key = binary.BigEndian.AppendUint32(key, uint32(s.Time.Nanosecond()))
	return append(append(append(key, s.Account...), 0), s.ID...)
}

// seconds is the time in the rest of a signal's key, and kind is its kind.
func kindAndSeconds(rest []byte) (kind []byte, seconds int64) {
	end := bytes.IndexByte(rest, 0)
	return rest[1:end], int64(binary.BigEndian.Uint64(rest[end+1:]) ^ 1<<63)
}

// hintKey is that of a signal which says no more of a workload than whose
// credentials it has. One of each kind about each principal is enough.
func hintKey(node string, s *incident.Signal) []byte {
	key := append(append(nodeKey(node), ofHint), s.Kind...)
	return append(append(key, 0), s.Target.Key()...)
}

// useKey orders the uses of a node by a hash of their keys, so that the first
// ones are a fair sample.
func useKey(node, key string) []byte {
	h := fnv.New64a()
	_, _ = io.WriteString(h, key) // never fails
	return append(binary.BigEndian.AppendUint64(append(nodeKey(node), ofUse), h.Sum64()), key...)
}

// nodeFile holds what is filed under each node, node by node. Any number of
// goroutines may read it.
type nodeFile struct {
	run   *run
	index []place
}

// place is where in the file a key is.
type place struct {
	key []byte
	at  int64
}

// maxPlaces bounds the index: beyond it every other place is dropped, and a
// node is found with a little more reading.
const maxPlaces = 1 << 14

// nodeWriter writes a nodeFile out of entries in order.
type nodeWriter struct {
	*nodeFile
	limits Limits
	w      *bufio.Writer
	every  int64 // how far apart places are, in bytes
	last   int64 // where the last one is

	group []byte   // node, and kind where it is of signals
	crowd crowd    // the group's signals
	uses  int      // the group's uses so far
	notes []string // about the node
}

// writeNodes files entries, as many of each node as the limits allow.
func writeNodes(entries iter.Seq2[entry, error], limits Limits) (*nodeFile, error) {
	r, err := newRun()
	if err != nil {
		return nil, err
	}
	n := &nodeWriter{nodeFile: &nodeFile{run: r}, limits: limits, w: bufio.NewWriterSize(r.file, runBuffer), every: 64 << 10, last: -1}
	for e, err := range entries {
		if err == nil {
			err = n.take(e)
		}
		if err != nil {
			r.remove()
			return nil, fmt.Errorf("file evidence: %w", err)
		}
	}
	if err := errors.Join(n.endGroup(nil), n.w.Flush()); err != nil {
		r.remove()
		return nil, fmt.Errorf("file evidence: %w", err)
	}
	return n.nodeFile, nil
}

// take takes the next entry.
func (n *nodeWriter) take(e entry) error {
	node, rest := splitKey(e.key)
	group := e.key[:4+len(node)+1]
	if rest[0] == ofSignal {
		kind, _ := kindAndSeconds(rest)
		group = e.key[:4+len(node)+1+len(kind)+1]
	}
	if !bytes.Equal(group, n.group) {
		if err := n.endGroup(group); err != nil {
			return err
		}
	}
	if rest[0] == ofSignal {
		_, seconds := kindAndSeconds(rest)
		n.crowd.add(seconds, e, n.limits.SignalsPerKind)
		return nil
	}
	if rest[0] == ofUse {
		if n.uses++; n.uses > n.limits.UsesPerNode {
			return nil
		}
	}
	return n.write(e)
}

// endGroup writes what was held back of a group, and begins the next.
func (n *nodeWriter) endGroup(next []byte) error {
	if len(n.group) > 0 {
		node, rest := splitKey(n.group)
		if dropped := n.crowd.trim(n.limits.SignalsPerKind); dropped {
			n.notes = append(n.notes, fmt.Sprintf("%s: more than %d %s signals, of which the first of every hour are kept", node, n.limits.SignalsPerKind, rest[1:len(rest)-1]))
		}
		for _, m := range n.crowd.members {
			if err := n.write(m.entry); err != nil {
				return err
			}
		}
		if n.uses > n.limits.UsesPerNode {
			n.notes = append(n.notes, fmt.Sprintf("%s: more than %d uses", node, n.limits.UsesPerNode))
		}
		if err := n.endNode(node, next); err != nil {
			return err
		}
	}
	n.group = append(n.group[:0], next...)
	n.crowd, n.uses = crowd{}, 0
	return nil
}

// endNode writes the notes about a node, unless the next group is of it too.
func (n *nodeWriter) endNode(node, next []byte) error {
	if len(next) > 0 {
		if same, _ := splitKey(next); bytes.Equal(same, node) {
			return nil
		}
	}
	for _, note := range n.notes {
		if err := n.write(entry{append(nodeKey(string(node)), ofNote), []byte(note)}); err != nil {
			return err
		}
	}
	n.notes = nil
	return nil
}

func (n *nodeWriter) write(e entry) error {
	if n.last < 0 || n.run.size-n.last >= n.every {
		n.index = append(n.index, place{slices.Clone(e.key), n.run.size})
		n.last = n.run.size
	}
	if len(n.index) == maxPlaces {
		for i := range maxPlaces / 2 {
			n.index[i] = n.index[2*i]
		}
		clear(n.index[maxPlaces/2:])
		n.index, n.every = n.index[:maxPlaces/2], 2*n.every
	}
	return n.run.write(n.w, e)
}

// crowd is the signals of one kind under one node. Of too many it keeps the
// first of every hour, then the second of every hour, and so on, which is the
// same choice in any order and however often it is made: a flood costs its own
// hour before it costs others.
type crowd struct {
	members []member
	dropped bool
}

type member struct {
	seconds int64
	rank    int // in its hour
	entry   entry
}

func (c *crowd) add(seconds int64, e entry, limit int) {
	c.members = append(c.members, member{seconds: seconds, entry: entry{slices.Clone(e.key), slices.Clone(e.value)}})
	if len(c.members) >= 2*limit {
		c.trim(limit)
	}
}

// trim drops what is above the limit, and reports whether anything ever was. The
// members are in order of time, before and after.
func (c *crowd) trim(limit int) bool {
	if len(c.members) <= limit {
		return c.dropped
	}
	c.dropped = true
	for i := range c.members {
		c.members[i].rank = 0
		if i > 0 && hourOf(c.members[i].seconds) == hourOf(c.members[i-1].seconds) {
			c.members[i].rank = c.members[i-1].rank + 1
		}
	}
	byRank := slices.Clone(c.members)
	slices.SortStableFunc(byRank, func(a, b member) int { return cmp.Compare(a.rank, b.rank) })
	last := byRank[limit-1]
	left := limit - sort.Search(limit, func(i int) bool { return byRank[i].rank == last.rank })
	kept := c.members[:0]
	for _, m := range c.members {
		if m.rank < last.rank || m.rank == last.rank && left > 0 {
			if m.rank == last.rank {
				left--
			}
			kept = append(kept, m)
		}
	}
	clear(c.members[len(kept):])
	c.members = kept
	return true
}

func hourOf(seconds int64) int64 {
	const hour = 3600
	n := seconds / hour
	if seconds%hour < 0 {
		n--
	}
	return n
}

func (f *nodeFile) close() { f.run.remove() }

// under yields the entries of a node, and everything where node is empty.
func (f *nodeFile) under(node string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var prefix []byte
		at := int64(0)
		if node != "" {
			prefix = nodeKey(node)
			if i := sort.Search(len(f.index), func(i int) bool { return bytes.Compare(f.index[i].key, prefix) > 0 }); i > 0 {
				at = f.index[i-1].at
			}
		}
		for r := f.run.from(at); ; {
			e, err := r.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && !bytes.HasPrefix(e.key, prefix) {
				if bytes.Compare(e.key, prefix) > 0 {
					return
				}
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// History returns what is filed under a node.
func (f *nodeFile) History(_ context.Context, node string, _ time.Time) (store.History, error) {
	var h store.History
	for e, err := range f.under(node) {
		if err == nil {
			err = addItem(&h, e)
		}
		if err != nil {
			return store.History{}, err
		}
	}
	slices.SortFunc(h.Signals, func(a, b incident.Signal) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Account, b.Account), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(h.Uses, func(a, b incident.Use) int { return cmp.Compare(a.Key(), b.Key()) })
	return h, nil
}

func addItem(h *store.History, e entry) error {
	switch _, rest := splitKey(e.key); rest[0] {
	case ofSignal, ofHint:
		s, err := filing.DecodeSignal(e.value[1:])
		h.Signals = append(h.Signals, s)
		return err
	case ofUse:
		u, err := filing.DecodeUse(e.value[1:])
		h.Uses = append(h.Uses, u)
		return err
	}
	h.Capped = append(h.Capped, string(e.value))
	return nil
}
