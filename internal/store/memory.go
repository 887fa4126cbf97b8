package store

import (
	"bytes"
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"sync"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Memory is a store in the memory of the process. It is safe for concurrent
// use, and returns nothing that may be changed.
type Memory struct {
	limits Limits

	mu      sync.Mutex
	signals map[eventKey][]*heldSignal // the versions of an event, mostly one
	arrived []*heldSignal              // all of them, and those released since it was swept
	gone    int                        // how many those are
	uses    map[string]*heldUse
	nodes   map[string]*node
	all     *node // every item; it has no limits of its own
	ledger  ledger
	notes   map[string]note // by name
}

// NewMemory returns an empty store.
func NewMemory(limits Limits) *Memory {
	return &Memory{
		limits:  limits,
		signals: map[eventKey][]*heldSignal{},
		uses:    map[string]*heldUse{},
		nodes:   map[string]*node{},
		ledger:  ledger{cases: map[string]map[string]Case{}},
	}
}

type eventKey struct{ account, id string }

// heldSignal is a signal and the number of nodes that keep it.
type heldSignal struct {
	incident.Signal
	canonical []byte // made when it is first needed
	nodes     int
}

func (h *heldSignal) form() []byte {
	if h.canonical == nil {
		h.canonical = Canonical(h.Signal)
	}
	return h.canonical
}

// heldUse is a use and the number of nodes that keep it.
type heldUse struct {
	incident.Use
	key   string
	hash  uint64
	nodes int
}

// Put keeps signals and uses.
func (m *Memory) Put(_ context.Context, signals []incident.Signal, uses []incident.Use) (Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(signals, uses), nil
}

func (m *Memory) put(signals []incident.Signal, uses []incident.Use) Outcome {
	m.all = nil
	var out Outcome
	for _, s := range signals {
		out = out.Add(m.putSignal(s))
	}
	for _, u := range uses {
		m.putUse(u)
	}
	return out
}

func (m *Memory) putSignal(s incident.Signal) Outcome {
	key := eventKey{s.Account, s.ID}
	versions := m.signals[key]
	held := &heldSignal{Signal: s}
	for _, v := range versions {
		if bytes.Equal(v.form(), held.form()) {
			return Outcome{Duplicates: 1}
		}
	}
	m.signals[key] = append(versions, held)
	m.arrived = append(m.arrived, held)
	names := SignalNodes(s)
	held.nodes = len(names)
	for _, name := range names {
		n := m.node(name)
		n.signals = append(n.signals, held)
		n.sorted = false
		if len(n.signals) > n.nextTrim {
			m.trimSignals(n)
		}
	}
	if len(versions) > 0 {
		return Outcome{Conflicts: 1}
	}
	return Outcome{}
}

func (m *Memory) putUse(u incident.Use) {
	key := u.Key()
	if held, ok := m.uses[key]; ok {
		held.Use = held.Join(u)
		return
	}
	held := &heldUse{Use: u, key: key, hash: hash(key)}
	m.uses[key] = held
	names := UseNodes(u)
	held.nodes = len(names)
	for _, name := range names {
		n := m.node(name)
		n.uses = append(n.uses, held)
		if len(n.uses) >= 2*m.limits.Uses {
			m.trimUses(n)
		}
	}
}

func (m *Memory) node(name string) *node {
	n := m.nodes[name]
	if n == nil {
		n = &node{name: name, nextTrim: 2 * m.limits.SignalsPerHour}
		m.nodes[name] = n
	}
	return n
}

// node is what is filed under one name. Its lists may hold more than the limits
// allow until they are trimmed, which happens before every reading.
type node struct {
	name     string
	signals  []*heldSignal
	sorted   bool
	nextTrim int
	full     []bucket // the hours in which signals were dropped
	uses     []*heldUse
	usesFull bool
}

// bucket is what SignalsPerHour limits.
type bucket struct {
	hour int64 // since 1970
	kind incident.Kind
}

func bucketOf(s *heldSignal) bucket {
	const hour = 3600
	unix := s.Time.Unix()
	n := unix / hour
	if unix%hour < 0 {
		n--
	}
	return bucket{n, s.Kind}
}

// trimSignals sorts a node's signals and drops those above the limit. What is
// left depends on the set alone: the first of each bucket's first are its
// first, however often it was trimmed in between.
func (m *Memory) trimSignals(n *node) {
	if n.sorted {
		return
	}
	slices.SortFunc(n.signals, compareHeld)
	n.sorted = true
	if len(n.signals) > m.limits.SignalsPerHour {
		m.dropAbove(n)
	}
	n.nextTrim = 2 * max(len(n.signals), m.limits.SignalsPerHour)
}

func (m *Memory) dropAbove(n *node) {
	counts := map[bucket]int{}
	kept := n.signals[:0]
	for _, s := range n.signals {
		b := bucketOf(s)
		if counts[b]++; counts[b] <= m.limits.SignalsPerHour {
			kept = append(kept, s)
			continue
		}
		if !slices.Contains(n.full, b) {
			n.full = append(n.full, b)
		}
		m.releaseSignal(s)
	}
	clear(n.signals[len(kept):])
	n.signals = kept
}

// releaseSignal forgets a signal that no node keeps any more.
func (m *Memory) releaseSignal(s *heldSignal) {
	if s.nodes--; s.nodes > 0 {
		return
	}
	if m.gone++; m.gone > len(m.arrived)/2 {
		m.sweep()
	}
	key := eventKey{s.Account, s.ID}
	versions := slices.DeleteFunc(m.signals[key], func(v *heldSignal) bool { return v == s })
	if len(versions) == 0 {
		delete(m.signals, key)
		return
	}
	m.signals[key] = versions
}

// sweep takes what was released out of the list of what arrived.
func (m *Memory) sweep() {
	m.arrived = slices.DeleteFunc(m.arrived, func(s *heldSignal) bool { return s.nodes == 0 })
	m.gone = 0
}

// trimUses drops a node's uses above the limit.
func (m *Memory) trimUses(n *node) {
	if len(n.uses) <= m.limits.Uses {
		return
	}
	slices.SortFunc(n.uses, func(a, b *heldUse) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.key, b.key))
	})
	for _, u := range n.uses[m.limits.Uses:] {
		if u.nodes--; u.nodes == 0 {
			delete(m.uses, u.key)
		}
	}
	clear(n.uses[m.limits.Uses:])
	n.uses = n.uses[:m.limits.Uses]
	n.usesFull = true
}

func hash(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return h.Sum64()
}

func compareHeld(a, b *heldSignal) int {
	if c := older(&a.Signal, &b.Signal); c != 0 || a == b {
		return c
	}
	return bytes.Compare(a.form(), b.form())
}
