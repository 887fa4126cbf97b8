// Package correlate turns a set of signals into findings: who is concerned,
// what happened, how sure that is, and what to do.
//
// It is pure. The same set gives the same findings, whatever the order in which
// it arrived, however often its members were delivered, and however they were
// batched; the clock is an argument. It never fails: what it cannot explain is
// the verdict inconclusive, with what would decide it.
//
// The weights of the evidence are one table (weights.go), each row with its
// source. What the rules read out of the signals is in the files named after
// the thing they read: cutoff.go, failures.go, elsewhere.go, …
package correlate

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Evidence is the set that findings are computed from.
type Evidence struct {
	Signals []incident.Signal
	Uses    []incident.Use
	// Capped names the limits that were reached while the set was gathered.
	Capped []string
}

// Findings are the final findings that the evidence gives at asOf, in a
// canonical order: by account, subject and first event.
func Findings(e Evidence, s incident.Settings, asOf time.Time) []incident.Finding {
	return nil
}

// Revisions are all the conclusions that each incident went through when its
// events are taken in the order of their time, the final one last.
func Revisions(e Evidence, s incident.Settings, asOf time.Time) []incident.Finding {
	return nil
}
