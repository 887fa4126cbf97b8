package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/render/page"
	"github.com/trailverdict/trailverdict/internal/report"
)

// reportOptions are the flags of report.
type reportOptions struct {
	format *choice
	output string
	config string
	asOf   moment
	since  string
	selection
}

func (p *program) reportCommand() *cobra.Command {
	o := reportOptions{format: newChoice("text", "json", "html")}
	cmd := &cobra.Command{
		Use:   "report [flags] PATH…",
		Short: "Report failures and renewals that keep, or break, a rhythm",
		Long: `Report looks at when credentials failed and were issued, and tells what is odd
about it: failures that recur at a predictable interval (a broken refresh),
renewals that stopped, issuances off the beat, a cadence that changed, spikes.

A PATH is what it is for replay: a file, a folder, s3://bucket/prefix, or - for
standard input.

With --since-report it says first what changed since an earlier report, which
was written with --format json: what is new, worse, better, or no more.

The report goes to standard output, a summary of what was read to standard
error. As HTML it is one page that needs nothing else.

Exit status: 0 the report was written, whatever it says, 2 usage, a missing path
or a bad configuration, 1 nothing could be read, or reading or writing failed.`,
		Example: `  trailverdict report AWSLogs/111122223333/CloudTrail/ failures.ndjson
  trailverdict report --format html --output report.html failures.ndjson
  trailverdict report --since-report last-week.json failures.ndjson`,
		Args: somePaths,
		RunE: func(cmd *cobra.Command, args []string) error { return p.report(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	o.format.add(cmd, "format", "how to print the report")
	f.StringVarP(&o.output, "output", "o", "", "write the report to `FILE` instead of standard output")
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE`")
	f.Var(&o.asOf, "as-of", "report as of TIME, a day, a time, or how long ago (default: the last event's)")
	o.selection.add(f)
	f.StringVar(&o.since, "since-report", "", "say what changed since the report in `FILE`, which is JSON")
	return cmd
}

func (p *program) report(ctx context.Context, o reportOptions, paths []string) error {
	began := time.Now()
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	earlier, err := loadReport(o.since)
	if err != nil {
		return err
	}
	inputs, err := p.sources(ctx, paths, replayOptions{selection: o.selection})
	if err != nil {
		return err
	}
	out, err := p.openOutput(o.output)
	if err != nil {
		return err
	}
	d, err := p.reportOn(ctx, out, inputs, c, o, earlier)
	if err := out.finish(err); err != nil {
		return err
	}
	if err := p.conclude(d, replayOptions{}, time.Since(began)); !errors.Is(err, errCompromise) {
		return err
	}
	return nil
}

// reportOn reads inputs and writes the report about them.
func (p *program) reportOn(ctx context.Context, out io.Writer, inputs sources, c config.Config, o reportOptions, earlier *incident.Report) (decision, error) {
	workers := runtime.GOMAXPROCS(0)
	recording, summary, err := p.record(ctx, inputs, c, replayOptions{workers: workers})
	if err != nil {
		return decision{}, err
	}
	defer recording.Close()
	d := decision{summary: summary, asOf: summary.AsOf(o.asOf.before(time.Now())), settings: c.Settings}
	r, err := recording.Report(ctx, d.asOf, workers, c.Settings)
	if err != nil {
		return d, err
	}
	if earlier != nil {
		r = report.Compare(r, *earlier)
	}
	for _, f := range r.Findings {
		d.count(f, replayOptions{})
	}
	return d, writeReport(o.format.value, out, r)
}

// loadReport reads an earlier report; nil without a name.
func loadReport(name string) (*incident.Report, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the earlier report: %w", err)}
	}
	r, err := render.ReadReport(data)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the earlier report %s: %w", name, err)}
	}
	return &r, nil
}

func writeReport(format string, w io.Writer, r incident.Report) error {
	switch format {
	case "json":
		return render.ReportJSON(w, r)
	case "html":
		return page.Report(w, r)
	}
	return render.ReportText(w, r)
}
