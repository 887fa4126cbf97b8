package replay

import (
	"bytes"
	"fmt"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// A report may name a key alone, whose owner others tell. Whoever decides about
// the owner must find it, so it is filed under the owner, too, as the functions
// do when they learn whose a key is.

// owned files what concerns keys under their owners as well. It takes the place
// of f.
func (f *nodeFile) owned(limits Limits) (*nodeFile, error) {
	more := sorter{limit: limits.Buffer, join: smaller}
	defer more.close()
	k := keyed{into: &more}
	for e, err := range f.under("") {
		if err == nil {
			err = k.take(e)
		}
		if err != nil {
			f.close()
			return nil, fmt.Errorf("find owners of keys: %w", err)
		}
	}
	if err := k.endKey(); err != nil {
		f.close()
		return nil, fmt.Errorf("find owners of keys: %w", err)
	}
	if more.empty() {
		return f, nil
	}
	defer f.close()
	return writeNodes(merged(append(more.sources(), f.run.read()), smaller), limits)
}

// smaller is the smaller of two values, the same in any order. Of items that are
// equal but for whose turn it is, that is the one that is elsewhere.
func smaller(_, a, b []byte) []byte {
	if bytes.Compare(a, b) <= 0 {
		return a
	}
	return b
}

// keyed collects what is filed under one key.
type keyed struct {
	into   *sorter
	node   string
	items  []entry
	orphan bool // there are signals that do not name the key's owner
}

func (k *keyed) take(e entry) error {
	node, rest := splitKey(e.key)
	if string(node) != k.node {
		if err := k.endKey(); err != nil {
			return err
		}
		k.node = string(node)
	}
	if !bytes.HasPrefix(node, []byte("key/")) || rest[0] == ofNote {
		return nil
	}
	k.orphan = k.orphan || rest[0] == ofSignal && e.value[0]&ownerless != 0
	k.items = append(k.items, entry{bytes.Clone(e.key), bytes.Clone(e.value)})
	return nil
}

// endKey files the key's signals under its owner, whose turn it then is.
func (k *keyed) endKey() error {
	defer func() { k.items, k.orphan = k.items[:0], false }()
	if !k.orphan {
		return nil
	}
	signals := make([]*incident.Signal, len(k.items))
	var all []incident.Signal
	var uses []incident.Use
	for i, e := range k.items {
		if _, rest := splitKey(e.key); rest[0] == ofUse {
			u, err := filing.DecodeUse(e.value[1:])
			if err != nil {
				return err
			}
			uses = append(uses, u)
			continue
		}
		s, err := filing.DecodeSignal(e.value[1:])
		if err != nil {
			return err
		}
		signals[i], all = &s, append(all, s)
	}
	graph := lineage.Build(all, uses)
	for i, s := range signals {
		if s == nil || s.Kind == incident.SessionIssued || lineage.Resolved(s.Target) || lineage.KeyNode(s.Key) != k.node {
			continue
		}
		owner, known := graph.Owner(s.Key, s.Time)
		if !known {
			continue
		}
		if err := k.into.add(signalKey(owner.Key(), s), k.items[i].value); err != nil {
			return err
		}
		moved := append([]byte{k.items[i].value[0] &^ atHome}, k.items[i].value[1:]...)
		if err := k.into.add(k.items[i].key, moved); err != nil {
			return err
		}
	}
	return nil
}
