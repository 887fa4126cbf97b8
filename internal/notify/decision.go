package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// decision is what a channel is to hear of a case.
type decision struct {
	channel Channel
	told    Told
	news    News
	reason  Reason
	// heir is the case that stands in place of this one, where there is one;
	// before is the page of one that this case stands in place of.
	heir   *detect.Case
	before Page
	// rules decide for a channel that serves a route. Opened is when anybody
	// first heard of the case, and next when time alone may change the decision;
	// zero where there is no such time.
	rules        routing.Rules
	opened, next time.Time
}

func (d *decision) decide() {
	d.reason, d.next = Tell(d.told, d.news), time.Time{}
	d.route()
	if at := d.told.At.Add(Patience); d.reason == Gathering && d.rules.Timed() && (d.next.IsZero() || at.Before(d.next)) {
		d.next = at // no need to wait for a later version
	}
}

func anyTells(list []decision) bool {
	return slices.ContainsFunc(list, func(d decision) bool { return d.reason.Tells() })
}

// decide is what each channel is to hear of a case. What must be read for it is
// read only where the case alone would be told.
func (t *turn) decide(ctx context.Context, page Page, c detect.Case) ([]decision, error) {
	list := make([]decision, len(t.channels))
	for i, ch := range t.channels {
		list[i] = decision{channel: ch, told: page.Told[ch.Name], news: News{
			Case: c, Broken: page.Broken, Suppressed: t.isSuppressed(c), Now: t.now,
		}, rules: t.rules, opened: page.opened()}
		list[i].decide()
	}
	if err := t.askBefore(ctx, c, list); err != nil {
		return nil, err
	}
	for _, ask := range []func(context.Context, detect.Case, []decision) error{t.askHeir, t.askCuts} {
		if !anyTells(list) {
			break
		}
		if err := ask(ctx, c, list); err != nil {
			return nil, err
		}
		for i := range list {
			list[i].decide()
		}
	}
	return list, nil
}

// askHeir finds out about the case that stands in place of one that ended, and
// where people hear of it anyway.
func (t *turn) askHeir(ctx context.Context, c detect.Case, list []decision) error {
	if c.SupersededBySubject == "" {
		return nil
	}
	heir, ok, err := t.find(ctx, c.SupersededBySubject, c.SupersededBy)
	if err != nil || !ok {
		return err
	}
	page, err := t.book.Page(ctx, c.SupersededBy)
	if err != nil {
		return fmt.Errorf("read page of %s: %w", c.SupersededBy, err)
	}
	news := News{Case: heir, Suppressed: t.isSuppressed(heir), Now: t.now}
	for i := range list {
		d := &list[i]
		told := page.Told[d.channel.Name]
		hears := told.Revision > 0 || Tell(told, news).Tells() && !mayBeInhibited(heir.Finding) && d.takes(heir)
		d.heir = &heir
		d.news.TakenOver = d.channel.People && heir.SupersededBy == "" && hears && slices.Contains(heir.Supersedes, c.Finding.ID)
	}
	return nil
}

// askBefore finds out which channels were told of what the case stands in place
// of, and not of the case.
func (t *turn) askBefore(ctx context.Context, c detect.Case, list []decision) error {
	for _, id := range c.Supersedes {
		if !slices.ContainsFunc(list, func(d decision) bool { return d.told.Revision == 0 && !d.news.TakesOver }) {
			return nil
		}
		page, err := t.book.Page(ctx, id)
		if err != nil {
			return fmt.Errorf("read page of %s: %w", id, err)
		}
		for i := range list {
			d := &list[i]
			if page.Told[d.channel.Name].Revision > 0 && d.told.Revision == 0 && !d.news.TakesOver {
				d.news.TakesOver, d.before = true, page
				d.decide()
			}
		}
	}
	return nil
}

// askCuts finds out whether a known cut-off explains the finding.
func (t *turn) askCuts(ctx context.Context, c detect.Case, list []decision) error {
	if !mayBeInhibited(c.Finding) || c.SupersededBy != "" {
		return nil
	}
	silences := slices.ContainsFunc(list, func(d decision) bool {
		would := d.news
		would.Inhibited = true
		return d.reason.Tells() && Tell(d.told, would) == Inhibited
	})
	if !silences {
		return nil
	}
	inhibited, err := t.inhibit(ctx, c)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].news.Inhibited = inhibited
	}
	return nil
}
