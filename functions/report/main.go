// Report is the function that reports, on a schedule: credentials that fail or
// renew at intervals, and what changed about them. It keeps the report in a
// bucket, and sends a short mail with a link.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/aws/s3"
	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/reporting"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func main() {
	h, err := wire(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start report:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says.
func wire(lookup func(string) (string, bool)) (lambda.Handler, error) {
	f, err := lambdaenv.Load("report", lookup, config.EnvTable, config.EnvReportBucket)
	if err != nil {
		return nil, err
	}
	log, meter := f.Log, f.Meter
	table := dynamo.New(dynamo.NewClient(f.AWS, f.Getenv), f.Env.Table, store.LiveLimits(), nil)
	r := &reporting.Reporter{
		Evidence: table, Notebook: table,
		Shelf:    s3.New(s3.NewClient(f.AWS, f.Getenv), f.Env.ReportBucket),
		Settings: f.Config.Settings, Limits: reporting.DefaultLimits(), Forwarded: f.Env.Forwarded,
		Link: cmp.Or(f.Env.ReportLink, reporting.DefaultLink),
	}
	if f.Env.EmailTopic != "" {
		r.Teller = sns.Report(sns.NewClient(f.AWS, f.Getenv), f.Env.EmailTopic)
	}
	return &reporting.Handler{
		Reporter: r, Now: time.Now, Account: lambdaenv.Account,
		Observe: func(ctx context.Context, o reporting.Outcome, err error) { observe(ctx, log, meter, o, err) },
	}, nil
}

// observe writes a line for a run. It does not hold the link, which opens the
// report for whoever has it.
func observe(ctx context.Context, log *slog.Logger, meter *telemetry.Meter, o reporting.Outcome, err error) {
	args := []any{
		"period", o.Period.Span, "signals", o.Signals, "principals", o.Principals, "accounts", o.Accounts,
		"anomalies", o.Anomalies, "new", o.New, "gone", o.Gone, "changed", o.Changed, "capped", o.Capped, "told", o.Told,
	}
	if err != nil {
		log.ErrorContext(ctx, "not reported", append(args, telemetry.Err(err))...)
	} else {
		log.InfoContext(ctx, "reported", args...)
	}
	meter.Add(telemetry.Anomalies, o.Anomalies)
	meter.Add(telemetry.AlertsSent, o.Told)
	if o.Capped {
		meter.Add(telemetry.CapsReached, 1)
	}
	if err := meter.Flush(ctx); err != nil {
		log.ErrorContext(ctx, "no metrics", telemetry.Err(err))
	}
}
