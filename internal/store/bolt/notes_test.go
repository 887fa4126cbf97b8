package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

func TestNotes(t *testing.T) {
	storetest.RunNotes(t, func(t *testing.T, l store.Limits) settle.Notebook {
		return open(t, filepath.Join(t.TempDir(), "store"), l)
	})
}
