package store

import (
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
	// SupersededBySubject is the subject under which that case is kept.
	SupersededBySubject string
	// Supersedes are the ids of the cases that this one took over.
	Supersedes []string
	// Due is when time alone may change the case: it settles, resolves, or a
	// silence becomes telling. Zero means never.
	Due time.Time
}

// Subject is the name under which a case is kept.
func (c Case) Subject() string { return c.Finding.Subject.Key() }

// Commit is what one decision writes.
type Commit struct {
	Signals []incident.Signal
	Uses    []incident.Use
	Cases   []Case
	// Recheck is when the evidence should be looked at again, since what came
	// late may have changed what it means; zero means never.
	Recheck time.Time
}
