package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Signals returns a page of signals, oldest first.
func (m *Memory) Signals(_ context.Context, q Query) (Page[incident.Signal], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.read(q.Node)
	from, err := startSignal(n.signals, q)
	if err != nil {
		return Page[incident.Signal]{}, err
	}
	page := Page[incident.Signal]{Items: make([]incident.Signal, 0, min(q.PageSize(), len(n.signals)-from))}
	var last *heldSignal
	for _, s := range n.signals[from:] {
		if m.limits.Expired(s.Time, q.Now) {
			continue
		}
		if len(page.Items) == q.PageSize() {
			page.Next = last.position()
			return page, nil
		}
		page.Items = append(page.Items, s.Signal)
		last = s
	}
	page.Capped = m.cappedSignals(n, q.Since)
	return page, nil
}

// startSignal is the index of the first signal that q wants of a sorted list.
func startSignal(list []*heldSignal, q Query) (int, error) {
	if q.After == "" {
		return sort.Search(len(list), func(i int) bool { return !list[i].Time.Before(q.Since) }), nil
	}
	after, err := parsePosition(q.After)
	if err != nil {
		return 0, err
	}
	return sort.Search(len(list), func(i int) bool { return compareHeld(list[i], after) > 0 }), nil
}

// Position is the After of a page of signals that comes after s.
func Position(s incident.Signal) string {
	return (&heldSignal{Signal: s}).position()
}

func (h *heldSignal) position() string {
	return fmt.Sprintf("%d %d %q %q %q", h.Time.Unix(), h.Time.Nanosecond(), h.Account, h.ID, h.form())
}

// PositionTime is the time of the signal that a page comes after.
func PositionTime(after string) (time.Time, error) {
	h, err := parsePosition(after)
	if err != nil {
		return time.Time{}, err
	}
	return h.Time, nil
}

func parsePosition(token string) (*heldSignal, error) {
	var sec, nsec int64
	h := &heldSignal{}
	if _, err := fmt.Sscanf(token, "%d %d %q %q %q", &sec, &nsec, &h.Account, &h.ID, &h.canonical); err != nil {
		return nil, fmt.Errorf("read signals: page token: %w", err)
	}
	h.Time = time.Unix(sec, nsec).UTC()
	return h, nil
}

// Uses returns a page of uses, in the order of their keys.
func (m *Memory) Uses(_ context.Context, q Query) (Page[incident.Use], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.read(q.Node)
	var page Page[incident.Use]
	last := ""
	from := sort.Search(len(n.uses), func(i int) bool { return n.uses[i].key > q.After })
	for _, u := range n.uses[from:] {
		if u.Last.Before(q.Since) || m.limits.Expired(u.Last, q.Now) {
			continue
		}
		if len(page.Items) == q.PageSize() {
			page.Next = last
			return page, nil
		}
		page.Items = append(page.Items, u.Use)
		last = u.key
	}
	page.Capped = m.cappedUses(n)
	return page, nil
}

// History returns what is filed under a node.
func (m *Memory) History(ctx context.Context, node string, now time.Time) (History, error) {
	q := Query{Node: node, Now: now, Limit: math.MaxInt}
	signals, err := m.Signals(ctx, q)
	if err != nil {
		return History{}, err
	}
	uses, err := m.Uses(ctx, q)
	if err != nil {
		return History{}, err
	}
	h := History{Signals: signals.Items, Uses: uses.Items, Capped: append(signals.Capped, uses.Capped...)}
	if most := m.limits.History; most > 0 && len(h.Signals) > most {
		h.cut(most)
		h.Capped = append(h.Capped, CappedHistory(node, h.From))
	}
	return h, nil
}

// cut leaves the newest whole hours that hold no more than so many signals, or
// the last one.
func (h *History) cut(most int) {
	h.From = h.Signals[len(h.Signals)-1].Time.UTC().Truncate(time.Hour)
	first := len(h.Signals) - most
	if at := h.Signals[first].Time.UTC().Truncate(time.Hour); at.Before(h.From) {
		h.From = at
		if !h.Signals[first-1].Time.Before(at) {
			h.From = at.Add(time.Hour) // not all of that hour fits
		}
	}
	n := sort.Search(len(h.Signals), func(i int) bool { return !h.Signals[i].Time.Before(h.From) })
	h.Signals = slices.Clone(h.Signals[n:])
}

// read returns a node, trimmed and sorted.
func (m *Memory) read(name string) *node {
	if name == "" {
		return m.readAll()
	}
	n := m.nodes[name]
	if n == nil {
		return &node{name: name}
	}
	m.trimSignals(n)
	m.trimUses(n)
	slices.SortFunc(n.uses, compareUses)
	return n
}

// readAll trims every node and gathers what is left.
func (m *Memory) readAll() *node {
	if m.all != nil {
		return m.all
	}
	for _, n := range m.nodes {
		m.trimSignals(n)
		m.trimUses(n)
	}
	m.sweep()
	slices.SortFunc(m.arrived, compareHeld) // mostly sorted, as recordings are
	all := &node{sorted: true, signals: m.arrived}
	for _, u := range m.uses {
		all.uses = append(all.uses, u)
	}
	slices.SortFunc(all.uses, compareUses)
	m.all = all
	return all
}

func compareUses(a, b *heldUse) int { return cmp.Compare(a.key, b.key) }

// cappedSignals names the hours from since on in which signals were dropped.
func (m *Memory) cappedSignals(n *node, since time.Time) []string {
	var names []string
	for _, n := range m.covered(n) {
		for _, b := range n.full {
			if end := time.Unix((b.hour+1)*3600, 0).UTC(); end.After(since) {
				names = append(names, fmt.Sprintf("%s: more than %d %s signals in the hour from %s",
					n.name, m.limits.SignalsPerHour, b.kind, end.Add(-time.Hour).Format(time.RFC3339)))
			}
		}
	}
	slices.Sort(names)
	return names
}

func (m *Memory) cappedUses(n *node) []string {
	var names []string
	for _, n := range m.covered(n) {
		if n.usesFull {
			names = append(names, fmt.Sprintf("%s: more than %d uses", n.name, m.limits.Uses))
		}
	}
	slices.Sort(names)
	return names
}

// covered are the nodes that a reading of n covers.
func (m *Memory) covered(n *node) []*node {
	if n != m.all {
		return []*node{n}
	}
	nodes := make([]*node, 0, len(m.nodes))
	for _, n := range m.nodes {
		nodes = append(nodes, n)
	}
	return nodes
}
