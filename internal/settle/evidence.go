package settle

import (
	"context"
	"errors"
	"fmt"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// maxTries is how many runs may fail at one portion of evidence, while other
// parts of it go well, before it is passed over.
const maxTries = 12

// portion is how many signals are looked at between two places at which a run
// can be interrupted.
const portion = 100

// evidence looks again at what may have been decided without its late half.
func (r *run) evidence(ctx context.Context) error {
	c := &r.notes.Evidence
	for {
		signals, next, err := r.Agenda.DueEvidence(ctx, c.Since, c.Until, c.After)
		if err != nil {
			c.doubt()
			return fmt.Errorf("read evidence that is due: %w", err)
		}
		for c.Skip < len(signals) {
			part := signals[c.Skip:min(c.Skip+portion, len(signals))]
			if err := r.portion(ctx, part); err != nil {
				return err
			}
			c.Skip += len(part)
			c.Tries = 0
		}
		c.After, c.Skip = next, 0
		if next == "" {
			c.Since = c.Until
			return nil
		}
	}
}

// portion looks at a part of a page. Where the store fails it stays at it; what
// fails again and again while the rest goes well is passed over in the end.
func (r *run) portion(ctx context.Context, part []incident.Signal) error {
	done, err := r.lookAgain(ctx, part)
	switch c := &r.notes.Evidence; {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, done == 0:
		return err
	case c.Tries+1 < maxTries:
		c.Tries++
		return err
	}
	r.report.GaveUp++
	return nil
}

// lookAgain decides again about everybody whom signals concern, one group after
// the other, and counts how often that went well.
func (r *run) lookAgain(ctx context.Context, signals []incident.Signal) (done int, err error) {
	var errs []error
	for _, group := range r.groups(signals) {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		decide := r.recheck
		if group[0].Kind == incident.SessionIssued {
			decide = r.issuances
		}
		if err := decide(ctx, group); err != nil {
			errs = append(errs, err)
			continue
		}
		done++
	}
	return done, errors.Join(errs...)
}

// groups parts signals by what is decided together. Of signals that name the
// same things one is enough, in the whole run: what it leads to is read whole.
func (r *run) groups(signals []incident.Signal) [][]incident.Signal {
	graph := lineage.Build(signals, nil)
	at := map[string]int{}
	var groups [][]incident.Signal
	for n := range signals {
		s := &signals[n]
		if s.Kind != incident.SessionIssued && !r.first(bearing(s)) {
			continue
		}
		name := together(graph, s)
		k, known := at[name]
		if !known {
			k = len(groups)
			at[name] = k
			groups = append(groups, nil)
		}
		groups[k] = append(groups[k], *s)
	}
	return groups
}

// together names the group of a signal: its subject, or the actor of a change,
// since what somebody did speaks of all that he touched and is read for each of
// them.
func together(graph *lineage.Graph, s *incident.Signal) string {
	switch s.Kind {
	case incident.SessionIssued:
		return "issued " + s.Target.Key()
	case incident.CredentialFailed, incident.CallDenied, incident.SignInFailed:
	default:
		if s.Actor.Known() {
			return "changed by " + s.Actor.Principal.Key()
		}
	}
	return graph.Subject(s).Key()
}

// bearing names everything that a signal leads to.
func bearing(s *incident.Signal) string {
	text := fmt.Sprintf("signal %s|%s|%s|%s|%s|%s|%s", s.Kind, s.Account, s.Target.Key(), s.Key, s.Workload, s.Actor.Principal.Key(), s.Resource)
	if s.Policy != nil {
		text += "|" + s.Policy.ARN
	}
	return text
}

// recheck decides again about a group of signals, and asks about keys that
// nothing is known of, and what those of incidents did.
func (r *run) recheck(ctx context.Context, group []incident.Signal) error {
	r.report.Evidence += len(group)
	if err := r.Decider.Recheck(ctx, group, r.now); err != nil {
		return fmt.Errorf("recheck %s: %w", group[0].ID, err)
	}
	if err := r.wonder(ctx, group); err != nil {
		return err
	}
	return r.pursueAll(ctx, group)
}
