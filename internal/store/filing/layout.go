package filing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Sort keys. A "0" sorts after a "/" and before all that follows it.
const (
	evidencePrefix = "s/"
	evidenceEnd    = "s0"
	usePrefix      = "u/"
	useEnd         = "u0"
	lastSort       = "\U0010FFFF"
)

// CaseNode is what the nodes of cases start with, and no others.
const CaseNode = "case/"

func caseNode(subject string) string { return nodeName(CaseNode + subject) }

// maxName bounds the names that a database must hold as keys. Names of
// workloads come from clients.
const maxName = 512

// nodeName is a node's name in the table.
func nodeName(node string) string {
	if len(node) <= maxName {
		return node
	}
	return strings.ToValidUTF8(node[:maxName/2], "") + "/" + hash([]byte(node))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// hourOf is the hour in which a time lies. Hours sort as times do.
func hourOf(t time.Time) string {
	t = t.UTC()
	switch {
	case t.Year() < 0:
		return "0000-01-01T00"
	case t.Year() > 9999:
		return "9999-12-31T23"
	}
	return t.Format("2006-01-02T15")
}

// evidenceFrom is where evidence of a time and later starts.
func evidenceFrom(t time.Time) string {
	if t.IsZero() {
		return evidencePrefix
	}
	return evidencePrefix + hourOf(t)
}

// group is signals that fold into one item.
type group struct {
	nodes   []string
	hour    string
	signals []incident.Signal
}

// foldSignals makes items of signals.
func (s *Store) foldSignals(signals []incident.Signal, due time.Time) []Item {
	groups := map[string]*group{}
	for _, signal := range signals {
		nodes, hour := store.SignalNodes(signal), hourOf(signal.Time)
		key := hour + "\x00" + strings.Join(nodes, "\x00")
		if groups[key] == nil {
			groups[key] = &group{nodes: nodes, hour: hour}
		}
		groups[key].signals = append(groups[key].signals, signal)
	}
	var items []Item
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		g := groups[key]
		slices.SortStableFunc(g.signals, func(a, b incident.Signal) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		})
		items = append(items, s.signalItems(*g, due)...)
	}
	return items
}

// maxData is the size above which an item is split. A database's items have
// limits, and reading of a flood ends between items.
const maxData = 64 << 10

func (s *Store) signalItems(g group, due time.Time) []Item {
	data := encodeSignals(g.signals)
	if n := len(g.signals); len(data) > maxData && n > 1 {
		first, second := g, g
		first.signals, second.signals = g.signals[:n/2], g.signals[n/2:]
		return append(s.signalItems(first, due), s.signalItems(second, due)...)
	}
	first, last := g.signals[0].Time, g.signals[len(g.signals)-1].Time
	return []Item{{
		Nodes:   nodeNames(g.nodes),
		Sort:    evidencePrefix + g.hour + "/" + kindsOf(g.signals) + "/" + first.UTC().Format("04:05.000000000") + "/" + hash(data),
		Data:    data,
		Expires: s.expiry(last),
		Due:     due,
	}}
}

func nodeNames(nodes []string) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = nodeName(n)
	}
	return names
}

// kindsOf names the set of kinds that signals are of.
func kindsOf(signals []incident.Signal) string {
	set := map[string]bool{}
	for _, s := range signals {
		set[string(s.Kind)] = true
	}
	names := strings.Join(slices.Sorted(maps.Keys(set)), "+")
	if len(names) > 100 {
		return hash([]byte(names))
	}
	return names
}

func (s *Store) expiry(last time.Time) time.Time {
	if s.limits.Retention <= 0 || last.IsZero() {
		return time.Time{}
	}
	return last.Add(s.limits.Retention)
}

// foldUses makes items of uses.
func (s *Store) foldUses(uses []incident.Use) []Item {
	groups := map[string][]incident.Use{}
	for _, u := range uses {
		key := strings.Join(store.UseNodes(u), "\x00")
		groups[key] = append(groups[key], u)
	}
	var items []Item
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		items = append(items, s.useItems(groups[key])...)
	}
	return items
}

func (s *Store) useItems(uses []incident.Use) []Item {
	data := encodeUses(uses)
	if n := len(uses); len(data) > maxData && n > 1 {
		return append(s.useItems(uses[:n/2]), s.useItems(uses[n/2:])...)
	}
	var last time.Time
	for _, u := range uses {
		if u.Last.After(last) {
			last = u.Last
		}
	}
	return []Item{{
		Nodes:   nodeNames(store.UseNodes(uses[0])),
		Sort:    usePrefix + hash(data),
		Data:    data,
		Expires: s.expiry(last),
	}}
}

// cases makes items of cases.
func (s *Store) cases(list []store.Case) ([]Item, error) {
	seen := map[[2]string]bool{}
	var items []Item
	for _, c := range list {
		key := [2]string{c.Subject(), c.Finding.ID}
		if seen[key] {
			return nil, fmt.Errorf("commit case %s twice: %w", c.Finding.ID, store.ErrConflict)
		}
		seen[key] = true
		items = append(items, s.caseItem(c))
	}
	return items, nil
}

func (s *Store) caseItem(c store.Case) Item {
	last := c.Finding.LastSeen
	if c.Due.After(last) {
		last = c.Due
	}
	f := c.Finding
	return Item{
		Nodes:   []string{caseNode(c.Subject())},
		Sort:    f.ID,
		Data:    encodeCase(c),
		Expires: s.expiry(last),
		Due:     c.Due,
		Version: c.Version + 1,
		Labels: map[string]string{
			"verdict": string(f.Verdict), "cause": string(f.Cause), "severity": f.Severity.String(),
			"status": string(f.Status), "summary": f.Summary, "supersededBy": c.SupersededBy,
		},
	}
}
