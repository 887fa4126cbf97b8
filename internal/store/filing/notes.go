package filing

import (
	"context"
	"fmt"
)

// notesNode is what the nodes of notes start with, and no others. Notes are
// revised like cases, are never due, and do not expire.
const (
	notesNode = "notes/"
	notesSort = "notes"
)

// Notes returns the text that was saved last under a name, and its version;
// nothing and 0 if none was.
func (s *Store) Notes(ctx context.Context, name string) (text []byte, version int64, err error) {
	for item, err := range s.table.Items(ctx, notesNode+name, "", lastSort) {
		if err != nil {
			return nil, 0, fmt.Errorf("read notes %s: %w", name, err)
		}
		return item.Data, item.Version, nil
	}
	return nil, 0, nil
}

// SaveNotes saves a text as the version after the given one, or returns
// store.ErrConflict.
func (s *Store) SaveNotes(ctx context.Context, name string, text []byte, version int64) error {
	item := Item{Node: notesNode + name, Sort: notesSort, Data: text, Version: version + 1}
	if err := s.table.Write(ctx, nil, []Item{item}); err != nil {
		return fmt.Errorf("save notes %s: %w", name, err)
	}
	return nil
}
