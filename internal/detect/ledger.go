package detect

import (
	"context"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// ErrConflict says that a case was changed by somebody else since it was read.
// Nothing was kept; read again and decide again.
var ErrConflict = store.ErrConflict

type (
	// Case is an incident's finding as it is kept, with what is needed to
	// revise it.
	Case = store.Case
	// Commit is what one decision writes.
	Commit = store.Commit
)

// Ledger keeps cases next to the evidence. The package storetest is this
// contract as tests.
type Ledger interface {
	// Cases returns the cases of a subject, by its Principal.Key, in the order
	// of their first event. Reading is consistent with every commit that
	// returned before.
	Cases(ctx context.Context, subject string) ([]Case, error)
	// Commit keeps evidence and cases together, or neither. A case is kept with
	// the next version if its kept version is the one given; otherwise the error
	// is ErrConflict. Evidence follows the rules of Recorder.Put. A commit that
	// was kept may be repeated: its cases then conflict, its evidence is known.
	Commit(ctx context.Context, c Commit) error
	// DueCases returns cases whose Due is not after t, earliest first, page by
	// page; after is the next of the page before, empty for the first.
	DueCases(ctx context.Context, t time.Time, after string) (cases []Case, next string, err error)
	// DueEvidence returns the signals of commits whose Recheck lies after since
	// and not after t, earliest first, page by page.
	DueEvidence(ctx context.Context, since, t time.Time, after string) (signals []incident.Signal, next string, err error)
}
