package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Query selects what is read.
type Query struct {
	// Node is the node whose items are wanted, as package lineage names them;
	// empty means every item of the store.
	Node string
	// Since leaves out signals before it, and uses that ended before it.
	Since time.Time
	// Now leaves out what is past its retention at that time, though it may
	// still lie in the store. Zero means that nothing is.
	Now time.Time
	// Limit is the most items of a page; zero means DefaultPage. A store may
	// give fewer, also where more are to come.
	Limit int
	// After is the Next of the page before; empty means the first page.
	After string
}

// SignalNodes are the nodes that a signal is filed under, never none: what
// concerns nobody in particular is filed under its account.
func SignalNodes(s incident.Signal) []string {
	if nodes := lineage.Nodes(s); len(nodes) > 0 {
		return nodes
	}
	return []string{accountNode(s.Account)}
}

// UseNodes are the nodes that a use is filed under, never none.
func UseNodes(u incident.Use) []string {
	if nodes := lineage.UseNodes(u); len(nodes) > 0 {
		return nodes
	}
	return []string{accountNode(u.Account)}
}

func accountNode(account string) string {
	return incident.Principal{Type: incident.Account, Account: account, Name: account}.Key()
}

// DefaultPage is how many items a page holds where a query does not say.
const DefaultPage = 1000

// PageSize is the most items of a page.
func (q Query) PageSize() int {
	if q.Limit <= 0 {
		return DefaultPage
	}
	return q.Limit
}

// Page is a part of an answer.
type Page[T any] struct {
	Items []T
	// Capped names the limits that were reached in what the page covers.
	Capped []string
	// Next is the After of the next page; empty on the last one.
	Next string
}

// History is what is filed under a node, whole or the newest part of it.
type History struct {
	Signals []incident.Signal // oldest first, each version of an event
	Uses    []incident.Use    // in the order of their keys
	// From is the hour before which signals were left out; zero if none were.
	From time.Time
	// Capped names the limits that were reached.
	Capped []string
}

// CappedHistory names a history that was cut.
func CappedHistory(node string, from time.Time) string {
	return fmt.Sprintf("%s: the signals before %s were not read", node, from.UTC().Format(time.RFC3339))
}

// Outcome counts what a Put met. A use that is known already is no duplicate:
// it is joined.
type Outcome struct {
	// Duplicates are signals that were there already.
	Duplicates int
	// Conflicts are signals whose account and id were there already with
	// different contents.
	Conflicts int
}

// Add returns the sum of two outcomes.
func (o Outcome) Add(p Outcome) Outcome {
	return Outcome{Duplicates: o.Duplicates + p.Duplicates, Conflicts: o.Conflicts + p.Conflicts}
}

// Limits bound what a store keeps for one node, so that a flood about one
// principal costs neither the memory nor the evidence of the others. An item
// that several nodes share stays as long as one of them keeps it.
type Limits struct {
	// SignalsPerHour is how many signals of one kind are kept for each hour:
	// the oldest. A flood of failures therefore hides neither the change that
	// follows it nor the next hour's failures.
	SignalsPerHour int
	// Uses is how many uses are kept: those whose keys have the smallest
	// hashes, which is a fair sample and the same one in any order.
	Uses int
	// History is about how many signals one reading of a node's history gives at
	// most: the newest hours that hold no more, or the last one. Zero means all.
	History int
	// Retention is how long after it happened an item can be read; zero means
	// for ever.
	Retention time.Duration
}

// DefaultLimits are far above what a healthy account reaches: at one failure a
// second for an hour, still every failure is kept.
func DefaultLimits() Limits {
	return Limits{SignalsPerHour: 4000, Uses: 20_000}
}

// LiveLimits are those of a table in an account. What is older than 90 days is
// no longer in CloudTrail's event history either. A history holds what a role
// leaves in 90 days that gets a session every quarter of an hour, or a fleet's
// of a few hundred in the last hours.
func LiveLimits() Limits {
	l := DefaultLimits()
	l.Retention = 90 * 24 * time.Hour
	l.History = 10_000
	return l
}

// Expired reports whether something that last happened at t is past its
// retention at now.
func (l Limits) Expired(t, now time.Time) bool {
	return l.Retention > 0 && !now.IsZero() && !t.Add(l.Retention).After(now)
}

// Canonical is a serialisation of a signal that is equal for equal signals. It
// serves to compare versions of one event; nothing reads it back.
func Canonical(s incident.Signal) []byte {
	s.Time = s.Time.UTC()
	if s.Threat != nil && (math.IsNaN(s.Threat.Severity) || math.IsInf(s.Threat.Severity, 0)) {
		t := *s.Threat
		t.Severity = 0
		s.Threat = &t
	}
	// A signal holds strings, numbers, times and lists of them. All but times
	// past the year 9999 can be encoded, and those sort by what is left.
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(s.Account + "\x00" + s.ID + "\x00" + string(s.Kind))
	}
	return b
}

// Resolve leaves one signal for each account and id: where contents differ, the
// one with the smallest canonical form (CONTRACT ruling 9). The result is in
// the order of time, account and id, and uses the memory of its argument.
func Resolve(signals []incident.Signal) []incident.Signal {
	kept := signals[:0]
	at := make(map[eventKey]int, len(signals))
	for i := range signals {
		key := eventKey{signals[i].Account, signals[i].ID}
		k, known := at[key]
		switch {
		case !known:
			at[key] = len(kept)
			kept = append(kept, signals[i])
		case bytes.Compare(Canonical(signals[i]), Canonical(kept[k])) < 0:
			kept[k] = signals[i]
		}
	}
	clear(signals[len(kept):])
	// What a store returns is in order already, but for versions that gave way.
	before := func(i, j int) bool { return older(&kept[i], &kept[j]) < 0 }
	if !sort.SliceIsSorted(kept, before) {
		sort.Slice(kept, before) // SortFunc is compiled again for each type, at 9 kB of every function's program
	}
	return kept
}

// older orders signals by time, account and id.
func older(a, b *incident.Signal) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Account, b.Account), cmp.Compare(a.ID, b.ID))
}
