package filing

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// reading brings what a table holds of a node into a Memory.
type reading struct {
	table  Table
	limits store.Limits
	node   string
	into   *store.Memory

	// enough is asked at the end of an hour, once wanted signals were read, and
	// then after as many again; nil never is.
	enough func() (bool, error)
	wanted int
	read   int

	// most ends the reading when so many signals were read, and sets over; 0
	// never does.
	most int
	over bool

	// withUses takes in the uses that lie behind the signals, too, as uses does.
	withUses bool
	now      time.Time
	useItems []useItem

	hour   string
	counts map[incident.Kind]*tally // of the hour
}

// signals reads evidence by sort key.
func (r *reading) signals(ctx context.Context, from, to string) error {
	for from != "" {
		next, err := r.signalsUntilFull(ctx, from, to)
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// signalsUntilFull reads until the rest of a group is certainly beyond the
// limits, and returns where the next group starts, or nothing at the end.
func (r *reading) signalsUntilFull(ctx context.Context, from, to string) (next string, err error) {
	for item, err := range r.table.Items(ctx, nodeName(r.node), from, to) {
		if err != nil {
			return "", err
		}
		if r.withUses && strings.HasPrefix(item.Sort, usePrefix) {
			if err := r.takeUses(ctx, item); err != nil {
				return "", err
			}
			continue
		}
		if item.Kind() != Evidence || !strings.HasPrefix(item.Sort, evidencePrefix) || item.Sort < from {
			continue // of a reading of all nodes
		}
		hour, rest, _ := strings.Cut(item.Sort[len(evidencePrefix):], "/")
		if hour != r.hour {
			if done, err := r.turn(hour); done || err != nil {
				return "", err
			}
		}
		list, err := decodeSignals(item.Data)
		if err != nil {
			return "", err
		}
		if _, err := r.into.Put(ctx, list, nil); err != nil {
			return "", err
		}
		if r.read += len(list); r.most > 0 && r.read > r.most {
			r.over = true
			return "", nil
		}
		if r.node != "" && r.full(list) {
			kinds, _, _ := strings.Cut(rest, "/")
			return evidencePrefix + hour + "/" + kinds + "0", nil
		}
	}
	return "", nil
}

// turn ends an hour, and says whether no other is wanted.
func (r *reading) turn(hour string) (done bool, err error) {
	r.hour, r.counts = hour, map[incident.Kind]*tally{}
	if r.enough == nil || r.node == "" || r.read <= r.wanted {
		return false, nil
	}
	done, err = r.enough()
	r.read = 0
	return done, err
}

// full reports whether no signal of the items that follow in an item's group
// can be among those that the limits keep. Those items hold the same kinds as
// list, and start no earlier.
func (r *reading) full(list []incident.Signal) bool {
	first := list[0].Time
	kinds := map[incident.Kind]bool{}
	for _, s := range list {
		kinds[s.Kind] = true
		if s.Time.Before(first) {
			first = s.Time
		}
		if r.counts[s.Kind] == nil {
			r.counts[s.Kind] = &tally{times: map[[2]string]time.Time{}}
		}
		r.counts[s.Kind].add(s)
	}
	for k := range kinds {
		if !r.counts[k].full(r.limits.SignalsPerHour, first) {
			return false
		}
	}
	return true
}

// tally counts the events of one kind in an hour.
type tally struct {
	times map[[2]string]time.Time // by account and id
}

func (t *tally) add(s incident.Signal) {
	key := [2]string{s.Account, s.ID}
	if have, ok := t.times[key]; !ok || s.Time.Before(have) {
		t.times[key] = s.Time
	}
}

// tooMany is how many times the limit is read where all events claim the same
// second, so that their times do not say which come first.
const tooMany = 4

// full reports whether more than n events come before a time.
func (t *tally) full(n int, first time.Time) bool {
	if len(t.times) <= n {
		return false
	}
	if len(t.times) > tooMany*n {
		return true
	}
	before := 0
	for _, at := range t.times {
		if at.Before(first) {
			before++
		}
	}
	return before >= n
}

// uses reads the uses of a node, and returns the items that they lay in. What
// had passed its retention at now takes no part, whether or not the database has
// dropped it.
func (r *reading) uses(ctx context.Context, now time.Time) (items []useItem, err error) {
	r.now = now
	for item, err := range r.table.Items(ctx, nodeName(r.node), usePrefix, useEnd) {
		if err != nil {
			return nil, err
		}
		if item.Kind() != Evidence || !strings.HasPrefix(item.Sort, usePrefix) {
			continue // of a reading of all nodes
		}
		if err := r.takeUses(ctx, item); err != nil {
			return nil, err
		}
	}
	return r.useItems, nil
}

// takeUses takes in an item of uses.
func (r *reading) takeUses(ctx context.Context, item Item) error {
	list, err := decodeUses(item.Data)
	if err != nil {
		return err
	}
	// What is tidied is not what this clock takes for expired.
	r.useItems = append(r.useItems, useItem{item.Sort, slices.Clone(list)})
	list = slices.DeleteFunc(list, func(u incident.Use) bool { return r.limits.Expired(u.Last, r.now) })
	_, err = r.into.Put(ctx, nil, list)
	return err
}
