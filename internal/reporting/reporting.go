package reporting

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	// Link makes an address that opens the report for a time, without
	// credentials.
	Link(ctx context.Context, key string, life time.Duration) (url string, err error)
}

// Teller tells people about a report.
type Teller interface {
	Tell(ctx context.Context, r incident.Report, n render.ReportNote) error
}

// Reporter makes reports. It keeps no state: several may work at once, and one
// that is repeated does the same.
type Reporter struct {
	Evidence Evidence
	Shelf    Shelf
	// Teller is nil where nobody is to be told.
	Teller   Teller
	Settings incident.Settings
	Limits   Limits
	// Link is how long links work.
	Link time.Duration
}

// Outcome is what a run did, for logs.
type Outcome struct {
	Period        Period
	Signals, Uses int // looked at
	Anomalies     int
	New, Gone     int // since the last report
	Capped        bool
	Told          bool
}

// Report makes the report of a period, keeps it, and tells of it where that is
// worth telling.
func (r *Reporter) Report(ctx context.Context, account string, p Period) (Outcome, error) {
	out := Outcome{Period: p}
	e, err := r.gather(ctx, p)
	if err != nil {
		return out, err
	}
	made := report.Build(e, r.Settings, p.From(), p.End)
	out.Signals, out.Uses, out.Capped = len(e.Signals), len(e.Uses), len(e.Capped) > 0
	out.Anomalies, out.New, out.Gone = len(made.Anomalies), len(made.New), len(made.Gone)
	place, err := r.keep(ctx, p.key(account), made)
	if err != nil {
		return out, err
	}
	if r.Teller == nil || !worthTelling(made, p) {
		return out, nil
	}
	n := render.ReportNote{Account: account, Period: string(p.Span), Life: r.Link, Place: place}
	if n.Link, err = r.Shelf.Link(ctx, p.key(account)+".html", r.Link); err != nil {
		return out, fmt.Errorf("report: %w", err)
	}
	if err := r.Teller.Tell(ctx, made, n); err != nil {
		return out, fmt.Errorf("report: %w", err)
	}
	out.Told = true
	return out, nil
}

// worthTelling leaves out the days on which nothing changed. Without a report
// before it, whatever is odd is news.
func worthTelling(r incident.Report, p Period) bool {
	switch {
	case p.Span == Week:
		return true
	case r.Since.IsZero():
		return len(r.Anomalies) > 0
	}
	return len(r.New)+len(r.Gone) > 0
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
