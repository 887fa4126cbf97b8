package store_test

import (
	"testing"

	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

func TestMemoryKeepsNotes(t *testing.T) {
	storetest.RunNotes(t, func(_ *testing.T, l store.Limits) settle.Notebook { return store.NewMemory(l) })
}
