package filing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// fold is signals that differ in their ids and times alone.
type fold struct {
	signal  incident.Signal
	members []member
}

type member struct {
	id, sharedID string
	time         time.Time
}

// encodeSignals gives the same bytes for the same set of signals.
func encodeSignals(signals []incident.Signal) []byte {
	byForm := map[string]*fold{}
	for _, s := range signals {
		w := newWriter()
		w.signal(&s)
		f := byForm[string(w.buf)]
		if f == nil {
			f = &fold{signal: s}
			byForm[string(w.buf)] = f
		}
		f.members = append(f.members, member{s.ID, s.SharedID, s.Time})
	}
	forms := make([]string, 0, len(byForm))
	for form := range byForm {
		forms = append(forms, form)
	}
	slices.Sort(forms)
	folds := make([]fold, len(forms))
	for i, form := range forms {
		folds[i] = *byForm[form]
		members := folds[i].members
		sort.Slice(members, func(i, j int) bool { return compareMembers(members[i], members[j]) < 0 })
		folds[i].members = slices.CompactFunc(members, func(a, b member) bool { return compareMembers(a, b) == 0 })
	}
	w := newWriter()
	w.folds(&folds)
	return w.buf
}

func compareMembers(a, b member) int {
	return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.sharedID, b.sharedID))
}

func (c *coder) folds(folds *[]fold) {
	var base int64
	list(c, folds, func(f *fold) {
		c.signal(&f.signal)
		list(c, &f.members, func(m *member) {
			c.id(&m.id)
			c.id(&m.sharedID)
			c.time(&m.time, &base)
		})
	})
}

// decodeSignals returns the signals in no particular order.
func decodeSignals(data []byte) ([]incident.Signal, error) {
	r := newReader(data)
	var folds []fold
	r.folds(&folds)
	if r.err != nil {
		return nil, fmt.Errorf("decode signals: %w", r.err)
	}
	n := 0
	for i := range folds {
		n += len(folds[i].members)
	}
	out := make([]incident.Signal, 0, n)
	for i := range folds {
		for _, m := range folds[i].members {
			out = append(out, folds[i].signal)
			s := &out[len(out)-1]
			s.ID, s.SharedID, s.Time = m.id, m.sharedID, m.time
		}
	}
	return out, nil
}

// encodeUses gives the same bytes for the same set of uses.
func encodeUses(uses []incident.Use) []byte {
	joined := join(uses)
	w := newWriter()
	w.uses(&joined)
	return w.buf
}

// join returns one use for each key, in the order of the keys.
func join(uses []incident.Use) []incident.Use {
	byKey := map[string]incident.Use{}
	for _, u := range uses {
		key := u.Key()
		if have, ok := byKey[key]; ok {
			u = have.Join(u)
		}
		byKey[key] = u
	}
	joined := make([]incident.Use, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		joined = append(joined, byKey[key])
	}
	return joined
}

func (c *coder) uses(uses *[]incident.Use) {
	var base int64
	list(c, uses, func(u *incident.Use) { c.use(u, &base) })
}

func decodeUses(data []byte) ([]incident.Use, error) {
	r := newReader(data)
	var out []incident.Use
	if r.uses(&out); r.err != nil {
		return nil, fmt.Errorf("decode uses: %w", r.err)
	}
	return out, nil
}

func encodeCase(c store.Case) []byte {
	w := newWriter()
	w.storedCase(&c)
	return w.buf
}

// DecodeCase reads a case from an item's data and version, for who is handed
// the item by the database.
func DecodeCase(data []byte, version int64) (store.Case, error) {
	r := newReader(data)
	var c store.Case
	if r.storedCase(&c); r.err != nil {
		return store.Case{}, fmt.Errorf("decode case: %w", r.err)
	}
	c.Version = version
	return c, nil
}
