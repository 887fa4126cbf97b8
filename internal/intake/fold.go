package intake

import (
	"cmp"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// maxCount is the most failures that an event may stand for: the decoder
// believes no more of one second.
const maxCount = 1_000_000

// folder folds identical failures of a second. It is the decoder's sink for one
// payload.
type folder struct {
	group   string          // the log group of the signals that come next
	seen    map[string]bool // ids, as one event may stand in a payload twice
	signals map[incident.Signal]incident.Signal
	single  []incident.Signal
	skipped []trail.SkipReason

	failures, exposures, recorded int
}

func newFolder() *folder {
	return &folder{seen: map[string]bool{}, signals: map[incident.Signal]incident.Signal{}}
}

// Signal takes in a failure or an exposure. What AWS itself recorded is left
// alone.
func (f *folder) Signal(s incident.Signal) {
	id := s.Account + "/" + s.ID
	if f.seen[id] {
		return
	}
	f.seen[id] = true
	switch {
	case s.Feed != incident.FromLogs && s.Feed != incident.FromClient:
		f.recorded++
	case s.Kind == incident.CredentialExposed:
		f.exposures++
		f.single = append(f.single, s)
	case s.Feed == incident.FromLogs && strings.HasPrefix(s.ID, f.group+":"):
		f.failures += s.Count
		f.fold(s)
	default:
		// The program chose the id, and may have sent the same report by
		// another way: it must stay known by that id.
		f.failures += s.Count
		f.single = append(f.single, s)
	}
}

// Use counts a call that AWS recorded.
func (f *folder) Use(incident.Use) { f.recorded++ }

// Skipped notes why a part of the payload says nothing.
func (f *folder) Skipped(s trail.Skip) { f.skipped = append(f.skipped, s.Reason) }

// fold adds s to the failures that are equal but for their ids; log events have
// whole seconds. The first id stands for all: it is the one that a finding would
// name.
func (f *folder) fold(s incident.Signal) {
	key := s
	key.ID, key.Count = "", 0
	have, ok := f.signals[key]
	if !ok {
		f.signals[key] = s
		return
	}
	have.ID = min(have.ID, s.ID)
	have.Count = min(have.Count+s.Count, maxCount)
	f.signals[key] = have
}

// folded are the signals to pass on, in an order that does not depend on that
// of the lines.
func (f *folder) folded() []incident.Signal {
	out := slices.Clone(f.single)
	for _, s := range f.signals {
		out = append(out, s)
	}
	slices.SortFunc(out, earlier)
	return out
}

func earlier(a, b incident.Signal) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Account, b.Account), cmp.Compare(a.ID, b.ID))
}

// nothing reports whether the payload told nothing at all.
func (f *folder) nothing() bool { return f.failures+f.exposures+f.recorded == 0 }

// reason is why the payload cannot be understood.
func (f *folder) reason() string {
	if len(f.skipped) == 0 {
		return "it is empty"
	}
	return string(f.skipped[0])
}
