package notify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ErrConflict says that a page was changed by somebody else since it was read.
// Nothing was kept; read again and decide again.
var ErrConflict = errors.New("a page changed since it was read")

// Book keeps a page for each case. The package notifytest is this contract as
// tests.
type Book interface {
	// Page returns the page of a case, as it was when the last Keep that
	// returned before was done. One that was never kept has the case's id and
	// version 0.
	Page(ctx context.Context, caseID string) (Page, error)
	// Keep stores a page with the next version if its kept version is the one
	// given; otherwise the error is ErrConflict. After another error the page
	// may have been stored. A page must not be lost before its case is.
	Keep(ctx context.Context, p Page) error
	// Due returns the ids of cases whose page has a Due that is not after t,
	// earliest first, though maybe not all of them. What was kept moments ago may
	// be missing, or be as it was.
	Due(ctx context.Context, t time.Time) (caseIDs []string, err error)
}

// Page is what was told about a case.
type Page struct {
	CaseID string
	// Version grows by one with every Keep; 0 means that it is not kept yet.
	Version int64
	// Name is the case's subject as people know it.
	Name string
	// Told is what each channel was told last, by the channel's name.
	Told map[string]Told
	// Given is the last revision number that was given out.
	Given Given
	// Claim is who is about to publish.
	Claim Claim
	// Thread is what the messages are grouped by; empty means by the case.
	Thread string
	// Broken are the findings that are told as the reach of this case.
	Broken []Broken
	// Opened is when anybody first heard of the case.
	Opened time.Time
	// Due is when somebody may have to hear of the case though nothing happens to
	// it; zero means never. Subject is where the case is found then.
	Due     time.Time
	Subject string
	// Cut is the cut-off that was kept for this case; zero if none was.
	Cut KeptCut
}

// Told is what a channel knows about a case. The zero value knows nothing.
type Told struct {
	// Revision is the number under which it was told; 0 means never.
	Revision int
	// Version is the case's version that was told.
	Version  int64
	Verdict  incident.Verdict
	Cause    incident.Cause
	Severity incident.Severity
	// Members are digests of all workloads and keys that were ever named,
	// sorted.
	Members []string
	// Broken is how many findings were told as the case's reach.
	Broken int
	// Closed is set when the case was told to be superseded or withdrawn.
	Closed bool
	At     time.Time
}

// Given is a revision number and what it stands for. The number belongs to that
// content for good, even if nobody is known to have received it: a receiver that
// drops what it has seen by id and revision must never drop something else.
type Given struct {
	Revision int
	Version  int64 // the case's
	Broken   int
}

// Claim lets one program at a time publish about a case.
type Claim struct {
	Token string // empty: nobody
	Until time.Time
}

// maxClaim bounds how far a clock that jumped can lock others out: no function
// of Lambda runs for longer.
const maxClaim = 15 * time.Minute

// heldBy reports whether somebody else than token holds the claim at now.
func (c Claim) heldBy(token string, now time.Time) bool {
	return c.Token != "" && c.Token != token && now.Before(c.Until) && c.Until.Sub(now) <= maxClaim
}

// Broken is a finding that is told as another one's reach.
type Broken struct {
	CaseID  string
	Subject string // under which the case is kept
	Name    string // as people know it
}

// number is the revision under which a version of a case is told: the one that
// it was given before, or the next. Who is reminded has heard the last one.
func (p *Page) number(version int64, list []decision) Given {
	reminded := slices.ContainsFunc(list, func(d decision) bool { return d.reason == Reminder && d.told.Revision >= p.Given.Revision })
	if g := p.Given; g.Revision > 0 && g.Version == version && g.Broken == len(p.Broken) && !reminded {
		return g
	}
	return Given{Revision: p.Given.Revision + 1, Version: version, Broken: len(p.Broken)}
}

// maxBroken and maxBrokenBytes bound how many findings a page lists as a case's
// reach: as many as a cut-off names, in far less than the 400 KB that an item of
// DynamoDB may have. Beyond them, findings are told for themselves again, since
// what is not listed could not be told if the cut-off turned out to be none.
const (
	maxBroken      = 500
	maxBrokenBytes = 200 << 10
)

// breaks adds a finding to the case's reach. It reports whether it is in there.
func (p *Page) breaks(b Broken) (added, in bool) {
	if slices.ContainsFunc(p.Broken, func(have Broken) bool { return have.CaseID == b.CaseID }) {
		return false, true
	}
	all := append(slices.Clone(p.Broken), b)
	if encoded, err := json.Marshal(all); err != nil || len(all) > maxBroken || len(encoded) > maxBrokenBytes {
		return false, false // texts can be longer as they are kept than as they are read
	}
	p.Broken = all
	return true, true
}

// clone lets a page be kept and changed without touching the reader's.
func (p Page) clone() Page {
	p.Told = maps.Clone(p.Told)
	p.Broken = slices.Clone(p.Broken)
	return p
}
