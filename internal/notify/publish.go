package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// claim gives the version its number, and keeps others from telling about the
// case until this turn is over. The claim is kept before anything is published:
// of two that know nothing of one another, one publishes.
func (t *turn) claim(ctx context.Context, page *Page, c detect.Case, list []decision) error {
	next := page.clone()
	next.Given = page.number(c.Version, list)
	next.Claim = Claim{Token: t.token, Until: t.until}
	next.Name = nameOf(c)
	for _, d := range list {
		if next.Thread == "" && d.reason == TakesOver {
			next.Thread = d.before.thread()
		}
	}
	if err := t.keep(ctx, &next); err != nil {
		return err
	}
	*page = next
	return nil
}

// thread is what messages about the page's case are grouped by.
func (p *Page) thread() string {
	if p.Thread != "" {
		return p.Thread
	}
	return p.CaseID
}

// publish tells the channels that must hear, one after the other, and marks each
// when it was told: what fails after that is not told again. A channel that
// fails does not keep the others from hearing.
func (t *turn) publish(ctx context.Context, page *Page, subject string, list []decision) error {
	revision, thread := page.Given.Revision, page.Thread
	var failed []error
	for i, d := range list {
		if !d.reason.Tells() {
			t.report(d, 0)
			continue
		}
		f, note := d.message(revision, thread)
		if err := d.channel.Publisher.Publish(ctx, f, note); err != nil {
			failed = append(failed, fmt.Errorf("publish revision %d on %s: %w", revision, d.channel.Name, err))
			continue
		}
		t.report(d, revision)
		if err := t.update(ctx, page, d.mark(revision)); err != nil {
			return errors.Join(append(failed, err)...)
		}
		list[i].told = d.told.after(d.news, revision)
	}
	for i := range list {
		list[i].opened = page.opened()
		list[i].decide()
	}
	next := due(list)
	err := t.update(ctx, page, func(p *Page) {
		if p.Claim.Token == t.token {
			p.Claim.Token = ""
		}
		if len(failed) == 0 { // otherwise it stays due
			p.Due, p.Subject = next, subject
		}
	})
	return errors.Join(append(failed, err)...)
}

// mark notes in a page what the channel was told.
func (d decision) mark(revision int) func(*Page) {
	told := d.told.after(d.news, revision)
	return func(p *Page) {
		if p.Opened.IsZero() {
			p.Opened = p.opened()
		}
		if p.Opened.IsZero() {
			p.Opened = told.At
		}
		if p.Told[d.channel.Name].Revision > revision {
			return
		}
		all := maps.Clone(p.Told)
		if all == nil {
			all = map[string]Told{}
		}
		all[d.channel.Name] = told
		p.Told = all
	}
}

// message is what is published: the finding under the number that it has on this
// stream, and what is new about it.
func (d decision) message(revision int, thread string) (incident.Finding, render.Note) {
	f := d.news.finding()
	f.Revision = revision
	note := render.Note{Thread: thread, News: d.words(), Owner: d.rules.Owner(f)}
	if d.reason == Superseded || d.reason == Withdrawn {
		f.Status, f.Summary, note.News = incident.Resolved, note.News, ""
		f.NextSteps = []string{}
		if d.reason == Superseded {
			f.NextSteps = []string{"Go on with finding " + d.news.Case.SupersededBy}
		}
	}
	return f, note
}

// report notes what became of a case on a channel.
func (t *turn) report(d decision, revision int) {
	f := d.news.Case.Finding
	t.outcomes = append(t.outcomes, Outcome{
		Case: f.ID, Channel: d.channel.Name, Reason: d.reason, Revision: revision,
		Verdict: f.Verdict, Cause: f.Cause, Severity: f.Severity, LastSeen: f.LastSeen,
	})
}
