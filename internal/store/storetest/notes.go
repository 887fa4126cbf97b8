package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
)

// RunNotes checks that a store keeps notes as settle needs them.
func RunNotes(t *testing.T, open func(t *testing.T, l store.Limits) settle.Notebook) {
	ctx := context.Background()
	b := open(t, store.DefaultLimits())
	wantNotes(t, b, "settle", "", 0)
	for n, text := range []string{"first", "", `{"after":"` + "\u00e9" + `"}`} {
		if err := b.SaveNotes(ctx, "settle", []byte(text), int64(n)); err != nil {
			t.Fatalf("SaveNotes(version %d) = %v", n, err)
		}
		wantNotes(t, b, "settle", text, int64(n+1))
	}
	for _, version := range []int64{0, 2, 4} {
		if err := b.SaveNotes(ctx, "settle", []byte("of another copy"), version); !errors.Is(err, store.ErrConflict) {
			t.Errorf("SaveNotes(version %d) = %v, want %v", version, err, store.ErrConflict)
		}
	}
	wantNotes(t, b, "settle", `{"after":"`+"\u00e9"+`"}`, 3)
	wantNotes(t, b, "another", "", 0)
}

func wantNotes(t *testing.T, b settle.Notebook, name, want string, version int64) {
	t.Helper()
	text, v, err := b.Notes(context.Background(), name)
	if err != nil || string(text) != want || v != version {
		t.Errorf("Notes(%s) = %q, version %d, %v; want %q, version %d", name, text, v, err, want, version)
	}
}
