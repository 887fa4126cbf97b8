package correlate

import (
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// cursor is a place in the order of events. Everything after it has not
// happened yet.
type cursor struct {
	at time.Time
	id string // empty: everything at that time has happened
}

func cursorOf(sig *incident.Signal) cursor { return cursor{sig.Time, sig.ID} }

func (c cursor) includes(t time.Time, id string) bool {
	if !t.Equal(c.at) {
		return t.Before(c.at)
	}
	return c.id == "" || id <= c.id
}

func (c cursor) compare(d cursor) int {
	if n := c.at.Compare(d.at); n != 0 {
		return n
	}
	return strings.Compare(c.id, d.id)
}

// view is what is known about one subject when everything up to a cursor has
// happened.
type view struct {
	*world
	who      incident.Principal
	key      string // who's Principal.Key
	end      cursor
	signals  []*incident.Signal
	changes  []*incident.Signal  // those of signals that change something
	uses     []*incident.Use     // that had begun; see lastOf
	issued   []*lineage.Issuance // the subject's known sessions
	cuts     []*cut
	items    []item
	rotation bool // a key of the subject was replaced in good order
	rhythms  []interval.Rhythm
	expired  []failure // failures of keys that have expired, or may have
}

// item is one piece of evidence that a rule found.
type item struct {
	rule        Rule
	weight      float64 // of the table, unless the rule had reason to change it
	cause       incident.Cause
	first, last time.Time
	signals     []*incident.Signal // what it rests on; at least one, or a use
	use         *incident.Use
	origin      string // the event it rests on, where it is neither a signal nor a use
	fact        string
	count       int
	broke       bool // a workload that still runs was hit by it
}

// add records that rule holds for the given signals.
func (v *view) add(rule Rule, fact string, signals ...*incident.Signal) *item {
	row := v.table[rule]
	it := item{rule: rule, weight: row.Weight, cause: row.Cause, fact: fact, signals: signals}
	for n, sig := range signals {
		if n == 0 || sig.Time.Before(it.first) {
			it.first = sig.Time
		}
		it.last = incident.Later(it.last, sig.Time)
		it.count += max(1, sig.Count)
	}
	v.items = append(v.items, it)
	return &v.items[len(v.items)-1]
}

// addUse records that rule holds for a use.
func (v *view) addUse(rule Rule, fact string, u *incident.Use) *item {
	it := v.add(rule, fact)
	it.use, it.first, it.last, it.count = u, u.First, u.First, 1
	return it
}

// see is what can be seen of a subject up to a cursor.
func (w *world) see(s *subject, end cursor) *view {
	return &view{
		world: w, who: s.who, key: s.key, end: end, signals: until(s.signals, end), changes: until(s.changes, end),
		uses: begun(w.usesOf[s.key], end.at), issued: issuedUntil(w.graph.Of(s.who), end.at),
	}
}

// until is the part of an ordered list that has happened.
func until(list []*incident.Signal, end cursor) []*incident.Signal {
	n, _ := slices.BinarySearchFunc(list, end, func(sig *incident.Signal, c cursor) int {
		if c.includes(sig.Time, sig.ID) {
			return -1
		}
		return 1
	})
	return list[:n]
}

// after is the part of an ordered list that happened after t.
func after(list []*incident.Signal, t time.Time) []*incident.Signal {
	return list[len(until(list, cursor{at: t})):]
}

// seen reports whether a signal has happened.
func (v *view) seen(sig *incident.Signal) bool { return v.end.includes(sig.Time, sig.ID) }

// usesWith are the subject's uses of a key that had begun. The id alone is no
// identity: temporary ids come again (aws-facts 7).
func (v *view) usesWith(key string) []*incident.Use {
	return begun(v.keyUses[holding{v.key, key}], v.end.at)
}

// begun is the part of an ordered list that had begun at t.
func begun(uses []*incident.Use, t time.Time) []*incident.Use {
	n, _ := slices.BinarySearchFunc(uses, t, func(u *incident.Use, t time.Time) int {
		if u.First.After(t) {
			return 1
		}
		return -1
	})
	return uses[:n]
}

// lastOf is when a use was last seen, which is not after the cursor.
func (v *view) lastOf(u *incident.Use) time.Time {
	if u.Last.After(v.end.at) {
		return v.end.at
	}
	return u.Last
}

// issuedUntil is the part of an ordered list that was issued by t.
func issuedUntil(list []*lineage.Issuance, t time.Time) []*lineage.Issuance {
	n, _ := slices.BinarySearchFunc(list, t, func(is *lineage.Issuance, t time.Time) int {
		if is.IssuedAt.After(t) {
			return 1
		}
		return -1
	})
	return list[:n]
}

// runs splits a time-ordered list where nothing happened for longer than gap.
func runs(list []*incident.Signal, gap time.Duration) [][]*incident.Signal {
	var out [][]*incident.Signal
	from := 0
	for n := 1; n <= len(list); n++ {
		if n == len(list) || list[n].Time.Sub(list[n-1].Time) > gap {
			if n > from {
				out = append(out, list[from:n])
			}
			from = n
		}
	}
	return out
}

// total is how many failures a list stands for.
func total(list []*incident.Signal) int {
	sum := 0
	for _, sig := range list {
		sum += max(1, sig.Count)
	}
	return sum
}

func times(list []*incident.Signal) []time.Time {
	out := make([]time.Time, len(list))
	for n, sig := range list {
		out[n] = sig.Time
	}
	return out
}
