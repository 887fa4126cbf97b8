package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// News is a version of a case with what is known besides, at the time when it
// may be told.
type News struct {
	Case detect.Case
	// Broken are the findings that are told as this one's reach.
	Broken []Broken
	// Inhibited is set where a known cut-off explains the finding and tells of
	// it.
	Inhibited bool
	// Suppressed is set where the installation wants no word of it.
	Suppressed bool
	// TakesOver is set where the channel was told of what this case stands in
	// place of.
	TakesOver bool
	// TakenOver is set where the channel hears of the case that stands in place
	// of this one.
	TakenOver bool
	Now       time.Time
}

// Patience is how long after a message further names are gathered before they
// are told.
const Patience = 5 * time.Minute

// Tell decides whether a channel that knows told must hear of n.
func Tell(told Told, n News) Reason {
	f := n.finding()
	known := told.Revision > 0 && !told.Closed
	switch {
	case n.Case.Version < told.Version:
		return Outdated
	case n.Suppressed:
		return Suppressed
	case n.Case.SupersededBy != "":
		return ending(told, n)
	case n.Inhibited && (!known || told.Verdict == f.Verdict):
		return Inhibited
	case !known && n.TakesOver:
		return TakesOver
	case f.Severity == incident.Informational && (!known || told.Severity == incident.Informational):
		return OnRecord
	case !known:
		return New
	case told.Verdict != f.Verdict:
		return VerdictChanged
	case told.Cause != f.Cause:
		return CauseChanged
	case told.Severity < f.Severity:
		return SeverityRaised
	}
	return further(told, n)
}

// ending decides about a case that is none any more.
func ending(told Told, n News) Reason {
	switch {
	case told.Revision == 0:
		return NeverTold
	case told.Closed:
		return NothingNew
	case n.Case.SupersededBy == detect.Withdrawn:
		return Withdrawn
	case n.TakenOver:
		return TakenOver
	}
	return Superseded
}

// further decides about a conclusion that the channel knows: whether it names
// somebody new. Where more versions are to come, names are gathered for a while.
// The reach grows with other cases' versions, which end later still.
func further(told Told, n News) Reason {
	gathering := n.Now.Sub(told.At) < Patience && !n.Now.Before(told.At)
	switch {
	case len(newMembers(told, n.Case.Finding)) > 0 && !(gathering && n.Case.Finding.Status == incident.Open):
		return NewSubject
	case len(n.Broken) > told.Broken && !gathering:
		return ReachGrew
	case len(newMembers(told, n.Case.Finding)) > 0, len(n.Broken) > told.Broken:
		return Gathering
	}
	return NothingNew
}

// finding is what is told: the finding with what it broke as its reach. A
// planned change that broke something is not for the record alone.
func (n News) finding() incident.Finding {
	f := n.Case.Finding
	if len(n.Broken) == 0 {
		return f
	}
	reach := incident.BlastRadius{}
	if f.BlastRadius != nil {
		reach = *f.BlastRadius
	}
	reach.Principals = slices.Clone(reach.Principals)
	for _, b := range n.Broken {
		reach.Principals = append(reach.Principals, b.Name)
	}
	slices.Sort(reach.Principals)
	reach.Principals = slices.Compact(reach.Principals)
	f.BlastRadius = &reach
	f.Severity = max(f.Severity, incident.Low)
	return f
}

// members are those inside a finding who have something to do: workloads, and
// keys that can be switched off. Temporary keys come and go with every renewal,
// and one more of them is more of the same.
func members(f incident.Finding) []string {
	list := slices.Clone(f.Subject.Workloads)
	for _, key := range f.Subject.AccessKeyIDs {
		if strings.HasPrefix(key, "AKIA") {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// maxMembers bounds what is remembered about a channel. A finding names fewer at
// a time; where there were more over time, further ones are no news.
const maxMembers = 500

// newMembers are the members of f that the channel was not told of.
func newMembers(told Told, f incident.Finding) []string {
	if len(told.Members) >= maxMembers {
		return nil
	}
	return slices.DeleteFunc(members(f), func(name string) bool {
		_, known := slices.BinarySearch(told.Members, digest(name))
		return known
	})
}

// digest stands for names that are only compared: they can be long, and many.
func digest(names ...string) string {
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s", len(name), name)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// after is what the channel knows when it was told of n under a number.
func (told Told) after(n News, revision int) Told {
	f := n.finding()
	names := slices.Clone(told.Members)
	for _, name := range newMembers(told, f) {
		names = append(names, digest(name))
	}
	slices.Sort(names)
	return Told{
		Revision: revision,
		Version:  n.Case.Version,
		Verdict:  f.Verdict,
		Cause:    f.Cause,
		Severity: f.Severity,
		Members:  names[:min(len(names), maxMembers)],
		Broken:   len(n.Broken),
		Closed:   n.Case.SupersededBy != "",
		At:       n.Now,
	}
}
