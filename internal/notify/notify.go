package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// Publisher is where the messages of a channel go.
type Publisher interface {
	// Publish hands a finding over. When it returns nil the channel has the
	// message for good. After an error it may have it, and the same finding
	// with the same revision is published again.
	Publish(ctx context.Context, f incident.Finding, n render.Note) error
}

// Cases gives cases back as they are now. A detect.Ledger does.
type Cases interface {
	// Cases returns the cases of a subject. Reading is consistent with every
	// commit that returned before.
	Cases(ctx context.Context, subject string) ([]detect.Case, error)
}

// Channel is one of the ways in which findings are told.
type Channel struct {
	// Name stands in the book, so it must stay what it is.
	Name string
	// People is set where people listen. Machines hear of the end of every
	// finding that they were told of; people are spared it where another
	// message says the same.
	People    bool
	Publisher Publisher
	// Route is the name of the route that the channel serves; empty if it tells
	// everything, and subscribers choose.
	Route string
}

// Notifier tells about cases. It holds no state of its own, so any number of
// copies may work at once.
type Notifier struct {
	book     Book
	cuts     Cuts
	cases    Cases
	settings incident.Settings
	rules    routing.Rules
	channels []Channel
	// retry says how long to wait for others who are at the same case.
	retry backoff.Backoff
}

// NewNotifier returns a notifier for channels with different names. The rules say
// who hears of what; suppressions are theirs.
func NewNotifier(b Book, c Cuts, cases Cases, s incident.Settings, r routing.Rules, channels ...Channel) *Notifier {
	return &Notifier{book: b, cuts: c, cases: cases, settings: s, rules: r, channels: channels, retry: backoff.New(50*time.Millisecond, 2*time.Second)}
}

// ErrBusy says that somebody else is publishing about the case, and may go on
// for longer than this call may last. Deliver the version again.
var ErrBusy = errors.New("somebody else is telling about the case")

// Outcome is what became of a case on one channel.
type Outcome struct {
	Case     string
	Channel  string
	Reason   Reason
	Revision int // under which it was told; 0 if it was not
	Verdict  incident.Verdict
	Cause    incident.Cause
	Severity incident.Severity
	LastSeen time.Time
}

// Handle tells about a version of a case whom it concerns, and keeps that it
// did. Until is by when this call is over, come what may: until then nobody else
// tells about what it is about to tell. After an error the version must be
// handed over again, before later ones of the same case; what was told already
// is not told again.
func (n *Notifier) Handle(ctx context.Context, c detect.Case, now, until time.Time) ([]Outcome, error) {
	t := n.turn(now, until)
	err := t.handle(ctx, c)
	return t.outcomes, err
}

func (n *Notifier) turn(now, until time.Time) *turn {
	return &turn{Notifier: n, token: rand.Text(), now: now, until: until}
}
