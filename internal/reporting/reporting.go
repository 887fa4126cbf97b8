package reporting

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/render/page"
	"github.com/trailverdict/trailverdict/internal/report"
)

// DefaultLink is how long a link works unless something else is wanted. The
// credentials of a function last little longer, and the link ends with them.
const DefaultLink = 12 * time.Hour

// Shelf is where reports are kept.
type Shelf interface {
	// Put keeps a report under a key, in place of what stood there, and returns
	// where that is.
	Put(ctx context.Context, key, contentType string, body []byte) (place string, err error)
	// Get returns what is kept under a key, or nothing.
	Get(ctx context.Context, key string) (body []byte, err error)
	// Link makes an address that opens the report for a time, without
	// credentials.
	Link(ctx context.Context, key string, life time.Duration) (url string, err error)
}

// Teller tells people about a report.
type Teller interface {
	Tell(ctx context.Context, r incident.Report, n render.ReportNote) error
}

// Reporter makes reports. Several may work at once, and one that is repeated
// does the same.
type Reporter struct {
	Evidence Evidence
	Notebook Notebook
	Shelf    Shelf
	// Teller is nil where nobody is to be told.
	Teller   Teller
	Settings incident.Settings
	Limits   Limits
	// Forwarded are the Regions from which events come.
	Forwarded []string
	// Link is how long links work.
	Link time.Duration
}

// Outcome is what a run did, for logs and metrics.
type Outcome struct {
	Period     Period
	Signals    int // read
	Principals int // known
	Accounts   int // of which there is a report
	Anomalies  int
	// New, Gone and Changed are anomalies since the last report.
	New, Gone, Changed int
	Capped             bool
	Told               int
}

// Report makes the reports of a period, keeps them, and tells of those that are
// worth it. Home is the account in which it works.
func (r *Reporter) Report(ctx context.Context, home string, p Period) (Outcome, error) {
	out := Outcome{Period: p}
	in, err := r.gather(ctx, home, p, &out)
	if err != nil {
		return out, err
	}
	accounts := r.accounts(in.Book, home, p)
	if extra := len(accounts) - r.Limits.Accounts; extra > 0 {
		in.Capped = append(in.Capped, fmt.Sprintf("%d accounts get a report, and events of %d more came", r.Limits.Accounts, extra))
		accounts = accounts[:r.Limits.Accounts]
	}
	out.Capped = len(in.Capped) > 0
	findings, checks := in.Findings, in.Checks
	var errs []error
	for _, account := range accounts {
		in.Account, in.Findings = account, of(findings, account, home)
		in.Checks = slices.DeleteFunc(slices.Clone(checks), func(c incident.Check) bool { return c.Account != account })
		if account != home {
			in.Forwarded = nil // its Regions are its own affair
		}
		errs = append(errs, r.one(ctx, in, p, &out))
	}
	return out, errors.Join(errs...)
}

// accounts are those with events, the home account first.
func (r *Reporter) accounts(b *report.Book, home string, p Period) []string {
	out := []string{home}
	for _, account := range slices.Sorted(maps.Keys(b.Sights)) {
		if account != home && b.Sights[account].Last().After(p.End.Add(-r.Limits.History)) {
			out = append(out, account)
		}
	}
	return out
}

// of are the findings of an account. Those that name none are the home's.
func of(findings []incident.Finding, account, home string) []incident.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f incident.Finding) bool {
		return f.Account != account && (f.Account != "" || account != home)
	})
}

// gather takes in what is new, keeps the book, and reads what a report needs
// besides.
func (r *Reporter) gather(ctx context.Context, home string, p Period, out *Outcome) (report.Input, error) {
	in := report.Input{Settings: r.Settings, Forwarded: r.Forwarded, From: p.From(), AsOf: p.End}
	b, err := openBook(ctx, r.Notebook, r.Limits)
	if err != nil {
		return in, err
	}
	since := p.From()
	if b.until.Before(since) {
		since = incident.Later(b.until, p.End.Add(-max(r.Limits.History, p.Span.length())))
	}
	g := r.gathering(b.book, home, p)
	if err := g.read(ctx, since); err != nil {
		return in, err
	}
	if err := g.rename(ctx); err != nil {
		return in, err
	}
	out.Signals, out.Principals = g.signals, len(b.book.States)
	if in.Uses, err = g.uses(ctx); err != nil {
		return in, err
	}
	if in.Findings, err = g.findings(ctx); err != nil {
		return in, err
	}
	if err := g.background(ctx, r.Settings.Thresholds.SpikeFloor); err != nil {
		return in, err
	}
	if err := b.close(ctx, p.End); err != nil {
		return in, err
	}
	if b.dropped > 0 {
		g.cap("%d principals are known between reports, and there were %d more", r.Limits.Principals, b.dropped)
	}
	in.Book, in.Failures, in.Checks, in.Capped = b.book, g.failures, g.checks, g.capped
	return in, nil
}

// one makes the report of an account.
func (r *Reporter) one(ctx context.Context, in report.Input, p Period, out *Outcome) error {
	made := report.Make(in)
	earlier, ok, err := r.earlier(ctx, in.Account, p)
	if err != nil {
		return err
	}
	if ok {
		made = report.Compare(made, earlier)
	}
	out.Accounts++
	out.Anomalies += len(made.Anomalies)
	out.New, out.Gone, out.Changed = out.New+len(made.New), out.Gone+len(made.Gone), out.Changed+len(made.Changed)
	place, err := r.keep(ctx, p.key(in.Account), made)
	if err != nil {
		return err
	}
	if r.Teller == nil || !worthTelling(made, p) {
		return nil
	}
	n := render.ReportNote{Account: in.Account, Period: string(p.Span), Life: r.Link, Place: place}
	if n.Link, err = r.Shelf.Link(ctx, p.key(in.Account)+".html", r.Link); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := r.Teller.Tell(ctx, made, n); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	out.Told++
	return nil
}

// lookedBack is how many periods before a missing report an earlier one is
// looked for.
const lookedBack = 7

// earlier is the last report before a period's, of those that end as many whole
// spans before it. One that cannot be read counts as none.
func (r *Reporter) earlier(ctx context.Context, account string, p Period) (incident.Report, bool, error) {
	for range lookedBack {
		p.End = p.From()
		body, err := r.Shelf.Get(ctx, p.key(account)+".json")
		if err != nil {
			return incident.Report{}, false, fmt.Errorf("read the last report: %w", err)
		}
		if len(body) > 0 {
			last, err := render.ReadReport(body)
			return last, err == nil, nil
		}
	}
	return incident.Report{}, false, nil
}

// worthTelling leaves out the days on which nothing changed. Without a report
// before it, whatever is odd is news. What lies beyond a guard rail is of that day
// alone.
func worthTelling(r incident.Report, p Period) bool {
	switch {
	case p.Span == Week, len(r.Checks) > 0:
		return true
	case r.Since.IsZero():
		return len(r.Anomalies) > 0
	}
	return len(r.New)+len(r.Gone)+len(r.Changed) > 0
}

// keep writes the report in both forms, and returns where the page is.
func (r *Reporter) keep(ctx context.Context, key string, made incident.Report) (place string, err error) {
	for _, f := range []struct {
		ending, contentType string
		write               func(io.Writer, incident.Report) error
	}{
		{".json", "application/json", render.ReportJSON},
		{".html", "text/html; charset=utf-8", page.Report},
	} {
		var b bytes.Buffer
		if err := f.write(&b, made); err != nil {
			return "", err
		}
		if place, err = r.Shelf.Put(ctx, key+f.ending, f.contentType, b.Bytes()); err != nil {
			return "", fmt.Errorf("keep the report: %w", err)
		}
	}
	return place, nil
}
