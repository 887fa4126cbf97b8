package replay

import (
	"cmp"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Summary says what a recording held.
type Summary struct {
	// Files were read. Other are files of a folder that hold no events of any
	// form, such as a README; they count nowhere else.
	Files, Other int
	// Resumed are those of both that a journal stood in for.
	Resumed int
	// Failed could not be read to their end. What was read of them counts.
	Failed []error
	// Stats are the decoder's counts over all files.
	trail.Stats
	// Examples are the first skips of each reason, in the order of the inputs.
	Examples []trail.Skip
	store.Outcome
	// First and Last bound the times of what was understood; both are zero
	// where nothing was.
	First, Last time.Time

	blank int // files of which not a single character was read
	seen  sight
}

// examplesPerReason is how many skips of a reason are shown: enough to find a
// fault, too few to bury the findings.
const examplesPerReason = 3

// sight is what kinds of events a recording held at all.
type sight struct {
	client, iam, issuance, uses bool
}

// Gaps says in words what the recording cannot show, and therefore what an
// absence of findings does not prove.
func (s Summary) Gaps() []string {
	if s.Records == 0 {
		return nil
	}
	var gaps []string
	note := func(seen bool, gap string) {
		if !seen {
			gaps = append(gaps, gap)
		}
	}
	note(s.seen.client, "no failures reported by clients: CloudTrail does not record calls that fail authentication, so invalid, expired and wrongly signed credentials cannot be seen")
	note(s.seen.iam, "no IAM events: AWS records them in us-east-1 (or the partition's home Region) alone, so revocations, deletions and trust changes cannot be seen")
	note(s.seen.issuance, "no credentials being issued (AssumeRole, GetSessionToken, …), so expirations are not known")
	note(s.seen.uses, "no successful calls, so nobody's usual networks and clients are known")
	return gaps
}

// Nothing reports whether nothing could be read, which is no reason to be calm:
// the input was empty, or all of it unreadable, damaged or of no known form. A log file
// without records is read, and holds nothing.
func (s Summary) Nothing() bool {
	return !s.recognised() && (len(s.Skipped) > 0 || s.blank == s.Files)
}

// recognised reports whether anything was of a known form.
func (s Summary) recognised() bool { return s.Records > 0 || s.Irrelevant > 0 }

// AsOf is the time to decide for: t, or the last event's where t is zero, so
// that a recording's end is not taken for silence.
func (s Summary) AsOf(t time.Time) time.Time {
	if t.IsZero() {
		return s.Last
	}
	return t
}

// add unites the summaries of two sets of files.
func (s *Summary) add(t Summary) {
	s.Files += t.Files
	s.Other += t.Other
	s.blank += t.blank
	s.Failed = append(s.Failed, t.Failed...)
	s.Bytes += t.Bytes
	s.Values += t.Values
	s.Records += t.Records
	s.Signals += t.Signals
	s.Uses += t.Uses
	s.Irrelevant += t.Irrelevant
	s.Odd += t.Odd
	for reason, n := range t.Skipped {
		if s.Skipped == nil {
			s.Skipped = map[trail.SkipReason]int{}
		}
		s.Skipped[reason] += n
	}
	for _, e := range t.Examples {
		s.example(e)
	}
	s.Outcome = s.Outcome.Add(t.Outcome)
	s.at(t.First)
	s.at(t.Last)
	s.seen.client = s.seen.client || t.seen.client
	s.seen.iam = s.seen.iam || t.seen.iam
	s.seen.issuance = s.seen.issuance || t.seen.issuance
	s.seen.uses = s.seen.uses || t.seen.uses
}

// example keeps a skip if few of its reason are kept yet.
func (s *Summary) example(e trail.Skip) {
	n := 0
	for _, have := range s.Examples {
		if have.Reason == e.Reason {
			n++
		}
	}
	if n < examplesPerReason {
		s.Examples = append(s.Examples, e)
	}
}

// at widens the time range to hold t.
func (s *Summary) at(t time.Time) {
	if t.IsZero() {
		return
	}
	if s.First.IsZero() || t.Before(s.First) {
		s.First = t
	}
	if t.After(s.Last) {
		s.Last = t
	}
}

// SkipReasons are the reasons of the summary, the most frequent first.
func (s Summary) SkipReasons() []trail.SkipReason {
	var reasons []trail.SkipReason
	for r := range s.Skipped {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b trail.SkipReason) int {
		return cmp.Or(cmp.Compare(s.Skipped[b], s.Skipped[a]), cmp.Compare(a, b))
	})
	return reasons
}

// signal notes what a signal shows about the recording.
func (s *Summary) signal(g *incident.Signal) {
	s.at(g.Time)
	switch {
	case g.Feed == incident.FromClient, g.Feed == incident.FromLogs && g.Kind == incident.CredentialFailed:
		s.seen.client = true
	case g.Kind == incident.SessionIssued:
		s.seen.issuance = true
	}
	if len(g.Operation) > 4 && g.Operation[:4] == "iam:" {
		s.seen.iam = true
	}
}

// use notes what a use shows about the recording.
func (s *Summary) use(u *incident.Use) {
	s.at(u.First)
	s.at(u.Last)
	s.seen.uses = true
	if u.Service == "iam.amazonaws.com" {
		s.seen.iam = true
	}
}
