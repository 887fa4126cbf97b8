package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// route lets the rules decide about a channel that serves a single route.
func (d *decision) route() {
	if d.channel.Route == "" || d.reason == Outdated || d.reason == Suppressed {
		return
	}
	route, ok := d.rules.Route(d.channel.Route)
	if !ok {
		d.reason = NotRouted
		return
	}
	made := d.rules.Decide(route, routing.Question{
		Finding: d.news.finding(), News: d.reason.Tells(), Over: d.news.Case.SupersededBy != "",
		Opened: d.opened, Told: d.heard(), Now: d.news.Now,
	})
	d.next = made.Next
	switch {
	case made.Act == routing.Remind:
		d.reason = Reminder
	case !d.reason.Tells():
	case made.Act == routing.Pass:
		d.reason = NotRouted
	case made.Act == routing.Hold:
		d.reason = Held
	case made.Act == routing.Rest:
		d.reason = NeverTold
	}
}

// takes reports whether the channel is sure to hear of a case that is told.
func (d *decision) takes(c detect.Case) bool {
	if d.channel.Route == "" {
		return true
	}
	route, ok := d.rules.Route(d.channel.Route)
	return ok && route.After == 0 && d.rules.Misses(route, c.Finding) == ""
}

// heard is when the channel last heard of the incident, under whichever subject;
// zero if it never did, or was told that it is over.
func (d *decision) heard() time.Time {
	told := d.told
	if told.Revision == 0 && d.news.TakesOver {
		told = d.before.Told[d.channel.Name]
	}
	if told.Revision == 0 || told.Closed {
		return time.Time{}
	}
	return told.At
}

// opened is when anybody first heard of the case; zero if nobody did.
func (p *Page) opened() time.Time {
	first := p.Opened
	for _, told := range p.Told {
		if told.Revision > 0 && (first.IsZero() || told.At.Before(first)) {
			first = told.At
		}
	}
	return first
}

// due is when time alone may change what one of the channels must hear; zero if
// it can't.
func due(list []decision) time.Time {
	next := time.Time{}
	for _, d := range list {
		if !d.next.IsZero() && (next.IsZero() || d.next.Before(next)) {
			next = d.next
		}
	}
	return next
}

// wake keeps when the case must be looked at again, if that changed.
func (t *turn) wake(ctx context.Context, page *Page, subject string, at time.Time) error {
	if page.Due.Equal(at) {
		return nil
	}
	next := page.clone()
	next.Due, next.Subject = at, subject
	if err := t.keep(ctx, &next); err != nil {
		return err
	}
	*page = next
	return nil
}

// Due returns the ids of cases of which somebody must hear now because time
// passed: what was held, what is not over, and reminders. There may be more.
func (n *Notifier) Due(ctx context.Context, now time.Time) ([]string, error) {
	ids, err := n.book.Due(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read what is due to be told: %w", err)
	}
	return ids, nil
}

// Again tells of a case what is due, as it is now. After an error it is due
// still.
func (n *Notifier) Again(ctx context.Context, caseID string, now, until time.Time) ([]Outcome, error) {
	t := n.turn(now, until)
	page, err := t.book.Page(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("read page of %s: %w", caseID, err)
	}
	c, ok, err := t.find(ctx, page.Subject, caseID)
	switch {
	case err != nil:
		return nil, err
	case !ok: // it is past its retention
		return nil, t.wake(ctx, &page, page.Subject, time.Time{})
	}
	err = t.handle(ctx, c)
	return t.outcomes, err
}
