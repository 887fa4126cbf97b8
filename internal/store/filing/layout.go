package filing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Sort keys. A "0" sorts after a "/" and before all that follows it.
const (
	evidencePrefix = "s/"
	evidenceEnd    = "s0"
	recheckPrefix  = "r/"
	usePrefix      = "u/"
	useEnd         = "u0"
	useLevel       = "u/%06d/" // see tidy.go
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

// place is where signals fold into one item.
type place struct{ node, hour string }

// foldSignals makes items of signals, one for each node and hour.
func (s *Store) foldSignals(signals []incident.Signal, due time.Time) []Item {
	groups, homes := map[place][]incident.Signal{}, map[place]bool{}
	for _, signal := range signals {
		for i, node := range store.SignalNodes(signal) {
			p := place{node, hourOf(signal.Time)}
			groups[p] = append(groups[p], signal)
			if i == 0 {
				homes[p] = true
			}
		}
	}
	var items []Item
	for _, p := range slices.SortedFunc(maps.Keys(groups), comparePlaces) {
		made := s.signalItems(p, groups[p])
		if len(homes) == 1 && homes[p] {
			setDue(made, due)
		}
		items = append(items, made...)
	}
	if len(homes) > 1 && !due.IsZero() {
		items = append(items, s.recheckItems(signals, due)...)
	}
	return items
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.hour, b.hour))
}

func setDue(items []Item, due time.Time) {
	for i := range items {
		items[i].Due = due
	}
}

// maxData is the size above which an item is split. A database's items have
// limits, and reading of a flood ends between items.
const maxData = 64 << 10

// parts encodes signals in as few parts as their size allows, oldest first.
func parts(signals []incident.Signal, made func(part []incident.Signal, data []byte)) {
	data := encodeSignals(signals)
	if n := len(signals); len(data) > maxData && n > 1 {
		parts(signals[:n/2], made)
		parts(signals[n/2:], made)
		return
	}
	made(signals, data)
}

func oldestFirst(signals []incident.Signal) {
	sort.SliceStable(signals, func(i, j int) bool {
		a, b := &signals[i], &signals[j]
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) < 0
	})
}

func (s *Store) signalItems(p place, signals []incident.Signal) (items []Item) {
	oldestFirst(signals)
	parts(signals, func(part []incident.Signal, data []byte) {
		first := part[0].Time.UTC().Format("04:05.000000000")
		items = append(items, Item{
			Node:    nodeName(p.node),
			Sort:    evidencePrefix + p.hour + "/" + kindsOf(part) + "/" + first + "/" + hash(data),
			Data:    data,
			Expires: s.expiry(part[len(part)-1].Time),
		})
	})
	return items
}

// recheckItems hold the signals of a commit that no single item holds, for when
// they are due: one entry among what is due, instead of one for each node.
func (s *Store) recheckItems(signals []incident.Signal, due time.Time) (items []Item) {
	signals = slices.Clone(signals)
	oldestFirst(signals)
	parts(signals, func(_ []incident.Signal, data []byte) {
		name := recheckPrefix + hash(data)
		items = append(items, Item{Node: name, Sort: name, Data: data, Expires: s.expiry(due), Due: due})
	})
	return items
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

// foldUses makes items of uses, one for each node.
func (s *Store) foldUses(uses []incident.Use) []Item {
	groups := map[string][]incident.Use{}
	for _, u := range uses {
		for _, node := range store.UseNodes(u) {
			groups[node] = append(groups[node], u)
		}
	}
	var items []Item
	for _, node := range slices.Sorted(maps.Keys(groups)) {
		items = append(items, s.useItems(nodeName(node), 0, groups[node])...)
	}
	return items
}

func (s *Store) useItems(name string, level int, uses []incident.Use) []Item {
	data := encodeUses(uses)
	if n := len(uses); len(data) > maxData && n > 1 {
		return append(s.useItems(name, level, uses[:n/2]), s.useItems(name, level, uses[n/2:])...)
	}
	var last time.Time
	for _, u := range uses {
		if u.Last.After(last) {
			last = u.Last
		}
	}
	return []Item{{Node: name, Sort: fmt.Sprintf(useLevel, level) + hash(data), Data: data, Expires: s.expiry(last)}}
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
		Node:    caseNode(c.Subject()),
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
