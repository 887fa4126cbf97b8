package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Recheck decides again about the subjects of signals that are kept already,
// now that what came late is there too. An issuance is about the principal
// whose session it was: whether its renewals stopped.
func (l *Live) Recheck(ctx context.Context, signals []incident.Signal, now time.Time) error {
	deciding, issued := l.split(signals)
	var who []incident.Principal
	for n := range issued {
		if p := issued[n].Target; lineage.Resolved(p) && !slices.ContainsFunc(who, p.Same) {
			who = append(who, p)
		}
	}
	return l.again(ctx, deciding, who, now)
}

// Revisit decides again about principals whose evidence is kept already, since
// time alone may have changed what it means.
func (l *Live) Revisit(ctx context.Context, who []incident.Principal, now time.Time) error {
	var signals []incident.Signal
	var themselves []incident.Principal
	for _, p := range who {
		filed, err := l.filed(ctx, p, now)
		if err != nil {
			return err
		}
		if signals = append(signals, filed...); len(filed) == 0 {
			themselves = append(themselves, p)
		}
	}
	return l.again(ctx, signals, themselves, now)
}

// filed is what is filed under the name of a key or a workload, which may have
// turned out to belong to somebody since.
func (l *Live) filed(ctx context.Context, p incident.Principal, now time.Time) ([]incident.Signal, error) {
	node := p.Key()
	switch p.Type {
	case incident.AccessKey:
		node = lineage.KeyNode(p.Name)
	case incident.Workload:
	default:
		return nil, nil
	}
	h, err := l.source.History(ctx, node, now)
	if err != nil {
		return nil, fmt.Errorf("read what is filed under %s: %w", node, err)
	}
	deciding, _ := l.split(h.Signals)
	return deciding, nil
}

// again decides about what is kept, and keeps what changes.
func (l *Live) again(ctx context.Context, signals []incident.Signal, who []incident.Principal, now time.Time) error {
	if len(signals)+len(who) == 0 {
		return nil
	}
	for conflicts := range attempts {
		if err := l.Retry.Wait(ctx, conflicts); err != nil {
			return err
		}
		d, err := l.weigh(ctx, signals, who, now)
		if err != nil || len(d.moved)+len(d.cases) == 0 {
			return err
		}
		err = l.commit(ctx, Commit{Signals: d.moved, Cases: d.cases})
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("decide again about %d signals: %w after %d attempts", len(signals), ErrConflict, attempts)
}

// keep keeps what decides nothing by itself. Sessions that somebody renews are
// kept to be looked at again when they have run out: a renewal that stopped
// sends no event.
func (l *Live) keep(ctx context.Context, quiet []incident.Signal, uses []incident.Use, now time.Time) error {
	rounds := map[time.Time][]incident.Signal{}
	var order []time.Time
	for n := range quiet {
		at := l.runsOut(&quiet[n], now)
		if rounds[at] == nil {
			order = append(order, at)
		}
		rounds[at] = append(rounds[at], quiet[n])
	}
	if len(order) == 0 && len(uses) > 0 {
		order = []time.Time{{}}
	}
	for _, at := range order {
		if err := l.ledger.Commit(ctx, Commit{Signals: rounds[at], Uses: uses, Recheck: at}); err != nil {
			return err
		}
		uses = nil
	}
	return nil
}

const (
	// round is how exactly the end of a session is met: sessions that end close
	// to one another are looked at together.
	round = 5 * time.Minute
	// usualLifetime is STS's default, for issuances that do not give an end.
	usualLifetime = time.Hour
)

// runsOut is when a session has run out and its renewal, if there was one, is
// known; zero for those whose silence means nothing: instances and functions
// come and go.
func (l *Live) runsOut(s *incident.Signal, now time.Time) time.Time {
	if now.IsZero() || s.Issued == nil || s.Issued.ByService || !lineage.Resolved(s.Target) {
		return time.Time{}
	}
	end := s.Issued.ExpiresAt
	if end.IsZero() {
		end = s.Time.Add(usualLifetime)
	}
	if end.Before(now) {
		end = now
	}
	return end.Add(cmp.Or(l.settings.Thresholds.Lateness, round)).UTC().Truncate(round).Add(round)
}

// explain decides again about failures of keys of which it is learned only now
// whose they are. They are filed under the key alone, where a decision about its
// owner does not look.
func (l *Live) explain(ctx context.Context, signals []incident.Signal, now time.Time) error {
	var waiting []incident.Signal
	for n := range signals {
		key := l.introduced(&signals[n], now)
		if key == "" {
			continue
		}
		found, err := l.filed(ctx, incident.Principal{Type: incident.AccessKey, Name: key}, now)
		if err != nil {
			return err
		}
		if signals[n].Kind == incident.SessionIssued {
			if err := l.triedBefore(ctx, key, now); err != nil {
				return err
			}
		}
		for _, s := range found {
			if s.Kind == incident.CredentialFailed || !lineage.Resolved(s.Target) {
				waiting = append(waiting, s)
			}
		}
	}
	return l.again(ctx, waiting, nil, now)
}

// introduced is the key of which a signal tells whose it is, and that may have
// failed before. An issuance is asked only if it came late: what fails after it
// finds it, and what failed before is soon looked at again anyway.
func (l *Live) introduced(s *incident.Signal, now time.Time) string {
	switch s.Kind {
	case incident.SessionIssued:
		if s.Issued != nil && now.Sub(s.Time) > l.settings.Thresholds.Lateness {
			return s.Issued.AccessKeyID
		}
	case incident.KeyCreated, incident.KeyStatusChanged, incident.KeyDeleted:
		if lineage.Resolved(s.Target) {
			return s.Key
		}
	}
	return ""
}
