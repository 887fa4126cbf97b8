package detect

import (
	"context"
	"errors"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ErrConflict says that a case was changed by somebody else since it was read.
// Nothing was kept; read again and decide again.
var ErrConflict = errors.New("a case changed since it was read")

// Case is an incident's finding as it is kept, with what is needed to revise it.
type Case struct {
	Finding incident.Finding
	// Version grows by one with every commit of the case; 0 means that it is
	// not kept yet.
	Version int64
	// SupersededBy is the id of the case that took this one over, when a later
	// event showed that its subject is another; empty otherwise.
	SupersededBy string
	// Due is when time alone may change the case: it settles, resolves, or a
	// silence becomes telling. Zero means never.
	Due time.Time
}

// Commit is what one decision writes.
type Commit struct {
	Signals []incident.Signal
	Uses    []incident.Use
	Cases   []Case
	// Recheck is when the evidence should be looked at again, since what came
	// late may have changed what it means; zero means never.
	Recheck time.Time
}

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
