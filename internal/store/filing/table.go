package filing

import (
	"context"
	"iter"
	"time"
)

// Item is what a table holds: evidence, which is the same for ever, or a case,
// which is revised.
type Item struct {
	// Node is the name under which the item is found.
	Node string
	// Sort orders the items of a node. With the node it identifies the item.
	Sort string
	Data []byte
	// Expires is when the item may be dropped; zero means never.
	Expires time.Time
	// Due is when the item is to be looked at again; zero means never.
	Due time.Time
	// Version counts the revisions of a case, this one included. It is 0 for
	// evidence.
	Version int64
	// Labels tell a person who looks at the database what a case is about.
	Labels map[string]string
}

// Kind is what an item is, for lists of those that are due.
type Kind string

// The kinds of items.
const (
	Evidence Kind = "evidence"
	Cases    Kind = "case"
)

// Kind of the item.
func (i Item) Kind() Kind {
	if i.Version > 0 {
		return Cases
	}
	return Evidence
}

// Table is a database that sorts. Its methods may be called at once from
// anywhere.
type Table interface {
	// Items yields the items of a node with from <= Sort < to, in that order,
	// and all that was written before. Their Node, Due and Labels may be left
	// out. If node is empty, it yields the items of all nodes, in no order.
	Items(ctx context.Context, node, from, to string) iter.Seq2[Item, error]

	// Write keeps evidence and cases together, or neither: each case if the
	// version before its own is kept, or none is and its version is 1. Otherwise
	// the error is store.ErrConflict. Of a write that is too large for one
	// transaction of the database the evidence is kept first, and then the
	// cases, some of which may be kept when others conflict.
	Write(ctx context.Context, evidence, cases []Item) error

	// Replace writes evidence, and then drops what it stands in place of. After
	// an error some of that may still be there.
	Replace(ctx context.Context, old, evidence []Item) error

	// Due returns a page of a kind's items that are due after since and not
	// after until, earliest first, and the next page's token. Their contents are
	// those that were written last; an item that is not due any more may be
	// among them.
	Due(ctx context.Context, kind Kind, since, until time.Time, after string) (items []Item, next string, err error)
}
