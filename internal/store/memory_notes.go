package store

import (
	"bytes"
	"context"
	"fmt"
)

// note is a text that was saved, in its last version.
type note struct {
	text    []byte
	version int64
}

// Notes returns the text that was saved last under a name, and its version;
// nothing and 0 if none was.
func (m *Memory) Notes(_ context.Context, name string) (text []byte, version int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.notes[name]
	return bytes.Clone(n.text), n.version, nil
}

// SaveNotes saves a text as the version after the given one, or returns
// ErrConflict.
func (m *Memory) SaveNotes(_ context.Context, name string, text []byte, version int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes[name].version != version {
		return fmt.Errorf("save notes %s: %w", name, ErrConflict)
	}
	if m.notes == nil {
		m.notes = map[string]note{}
	}
	m.notes[name] = note{bytes.Clone(text), version + 1}
	return nil
}
