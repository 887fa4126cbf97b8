package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/render"
)

// attempts bounds how often a case is decided anew after others changed its page
// or a later version came meanwhile.
const attempts = 8

// turn is one call of Handle.
type turn struct {
	*Notifier
	token      string // makes the turn's claims its own
	now, until time.Time
	outcomes   []Outcome
}

// handle tells about a case. It tries again where somebody else was faster.
func (t *turn) handle(ctx context.Context, c detect.Case) error {
	for try := range attempts {
		if err := t.retry.Wait(ctx, try); err != nil {
			return fmt.Errorf("tell about %s: %w", c.Finding.ID, err)
		}
		done, err := t.attempt(ctx, &c)
		switch {
		case err != nil && !errors.Is(err, ErrConflict):
			return fmt.Errorf("tell about %s: %w", c.Finding.ID, err)
		case done:
			return nil
		}
	}
	return fmt.Errorf("tell about %s: %w after %d attempts", c.Finding.ID, ErrConflict, attempts)
}

// attempt is done unless the page was changed by somebody else, or the version
// is outdated; then c is the version of now. What is outdated is never told: it
// may be wrong by now, and what was decided last must be told last.
func (t *turn) attempt(ctx context.Context, c *detect.Case) (done bool, err error) {
	page, err := t.open(ctx, c.Finding.ID)
	if err != nil {
		return false, err
	}
	if err := t.keepCut(ctx, &page, *c); err != nil {
		return false, err
	}
	list, err := t.decide(ctx, page, *c)
	if err != nil {
		return false, err
	}
	if !anyTells(list) {
		for _, d := range list {
			t.report(d, 0)
		}
		err := t.wake(ctx, &page, c.Subject(), due(list))
		return err == nil, err
	}
	latest, ok, err := t.find(ctx, c.Subject(), c.Finding.ID)
	if err != nil {
		return false, err
	}
	if ok && latest.Version > c.Version {
		*c = latest
		return false, nil
	}
	if err := t.claim(ctx, &page, *c, list); err != nil {
		return false, err
	}
	return true, t.publish(ctx, &page, c.Subject(), list)
}

// open reads a case's page. Where somebody else is publishing it waits until
// that is over, or must be because the other's time has run out: who died in the
// middle is not waited for longer than he could have lived.
func (t *turn) open(ctx context.Context, id string) (Page, error) {
	const step, spare = 200 * time.Millisecond, time.Second
	for {
		page, err := t.book.Page(ctx, id)
		if err != nil {
			return Page{}, fmt.Errorf("read page: %w", err)
		}
		if !page.Claim.heldBy(t.token, t.now) {
			return page, nil
		}
		if t.now.Add(spare).After(t.until) {
			return Page{}, ErrBusy
		}
		if err := t.retry.Sleep(ctx, step); err != nil {
			return Page{}, err
		}
		t.now = t.now.Add(step)
	}
}

// keep stores a page that is still as it was read.
func (t *turn) keep(ctx context.Context, p *Page) error {
	if err := t.book.Keep(ctx, *p); err != nil {
		return fmt.Errorf("keep page: %w", err)
	}
	p.Version++
	return nil
}

// update changes a page, whatever others change in it.
func (t *turn) update(ctx context.Context, p *Page, change func(*Page)) error {
	for try := range attempts {
		if err := t.retry.Wait(ctx, try); err != nil {
			return fmt.Errorf("keep page: %w", err)
		}
		next := p.clone()
		change(&next)
		err := t.keep(ctx, &next)
		if err == nil {
			*p = next
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if *p, err = t.book.Page(ctx, p.CaseID); err != nil {
			return fmt.Errorf("read page: %w", err)
		}
	}
	return fmt.Errorf("keep page: %w after %d attempts", ErrConflict, attempts)
}

// find is a case as it is now.
func (t *turn) find(ctx context.Context, subject, id string) (detect.Case, bool, error) {
	list, err := t.cases.Cases(ctx, subject)
	if err != nil {
		return detect.Case{}, false, fmt.Errorf("read cases of %s: %w", subject, err)
	}
	i := slices.IndexFunc(list, func(c detect.Case) bool { return c.Finding.ID == id })
	if i < 0 {
		return detect.Case{}, false, nil
	}
	return list[i], true, nil
}

// keepCut remembers what a case cuts off. Where it turns out to cut off nothing,
// the findings that were told as its reach are told for themselves.
func (t *turn) keepCut(ctx context.Context, page *Page, c detect.Case) error {
	want, have := cutOf(c, t.settings.Thresholds), page.Cut
	ends := len(want.Names) == 0
	if c.Version < have.Version || have.covers(want) || ends && have.Names == "" {
		return nil
	}
	if want.Until = want.Until.Add(slack); ends {
		want.From, want.Until = have.From, have.Until // for whoever keeps that it is none
	}
	if err := t.cuts.KeepCut(ctx, want); err != nil {
		return fmt.Errorf("keep cut-off: %w", err)
	}
	next := page.clone()
	next.Cut = kept(want, c.Version)
	if ends {
		if err := t.release(ctx, page.Broken); err != nil {
			return err
		}
		next.Broken = nil
	}
	if err := t.keep(ctx, &next); err != nil {
		return err
	}
	*page = next
	return nil
}

// release tells about findings that a cut-off does not explain any more.
func (t *turn) release(ctx context.Context, list []Broken) error {
	for _, b := range list {
		c, ok, err := t.find(ctx, b.Subject, b.CaseID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := t.handle(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// inhibit looks for a known cut-off that explains a finding, and sees to it that
// the cut-off's own finding tells of it.
func (t *turn) inhibit(ctx context.Context, c detect.Case) (bool, error) {
	cuts, err := t.cuts.Cuts(ctx, c.Finding.FirstSeen)
	if err != nil {
		return false, fmt.Errorf("read cut-offs: %w", err)
	}
	for _, cut := range explaining(cuts, c.Finding) {
		by, ok, err := t.find(ctx, cut.Subject, cut.CaseID)
		if err != nil {
			return false, err
		}
		if !ok || len(cutOf(by, t.settings.Thresholds).Names) == 0 || t.isSuppressed(by) {
			continue // it would tell of nothing
		}
		in, err := t.extend(ctx, cut.CaseID, Broken{c.Finding.ID, c.Subject(), nameOf(c)})
		if err != nil {
			return false, err
		}
		if !in {
			continue
		}
		return true, t.handle(ctx, by)
	}
	return false, nil
}

// extend adds a finding to what a case broke. It reports whether it is in there.
func (t *turn) extend(ctx context.Context, caseID string, b Broken) (in bool, err error) {
	page, err := t.book.Page(ctx, caseID)
	if err != nil {
		return false, fmt.Errorf("read page: %w", err)
	}
	next := page.clone()
	if added, in := next.breaks(b); !added {
		return in, nil
	}
	err = t.update(ctx, &page, func(p *Page) { _, in = p.breaks(b) })
	return in, err
}

// nameOf is a case's subject as people know it. What somebody chose to be longer
// than a name does not fill the book.
func nameOf(c detect.Case) string {
	const most = 100
	name := []rune(render.SubjectName(c.Finding.Subject))
	if len(name) > most {
		return string(name[:most-1]) + "…"
	}
	return string(name)
}

func (t *turn) isSuppressed(c detect.Case) bool {
	_, ok := t.rules.Silenced(c.Finding, t.now)
	return ok
}
