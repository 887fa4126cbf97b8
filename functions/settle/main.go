// Settle is the function that looks again, on a schedule: at evidence that came
// late, at findings that settle and resolve, at renewals that stopped, and at
// CloudTrail's event history for what never arrived. notify tells people what
// changes.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/aws/lookup"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func main() {
	h, err := wire(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start settle:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says. The stack lies in
// the Region in which the events of IAM are.
func wire(lookupEnv func(string) (string, bool)) (lambda.Handler, error) {
	f, err := lambdaenv.Load("settle", lookupEnv, config.EnvTable)
	if err != nil {
		return nil, err
	}
	log, meter := f.Log, f.Meter
	table := dynamo.New(dynamo.NewClient(f.AWS, f.Getenv), f.Env.Table, store.LiveLimits(), nil)
	live := detect.NewLive(table, table, f.Config.Settings)
	live.Retention = store.LiveLimits().Retention
	live.Decided = func(ctx context.Context, c detect.Case) {
		telemetry.Decided(ctx, log, meter, c.Finding, c.SupersededBy)
	}
	s := &settle.Settler{
		Decider: live, Agenda: table, Evidence: table, Notebook: table,
		Settings: f.Config.Settings, Home: f.AWS.Region, Limits: settle.DefaultLimits(),
	}
	if f.Env.Lookups {
		s.History = lookup.New(lookup.NewClient(f.AWS, f.Getenv), lookup.Clock{})
	}
	return &settle.Handler{
		Settler: s, Now: time.Now,
		Observe: func(ctx context.Context, r settle.Report, err error) { observe(ctx, log, meter, r, err) },
	}, nil
}

// observe writes a line for a run, and its metrics.
func observe(ctx context.Context, log *slog.Logger, meter *telemetry.Meter, r settle.Report, err error) {
	args := []any{
		"evidence", r.Evidence, "cases", r.Cases, "lapsed", r.Lapsed, "lookups", r.Lookups,
		"found", r.Found, "recovered", r.Recovered, "gaveUp", r.GaveUp, "behind", r.Behind,
	}
	switch {
	case err != nil:
		log.ErrorContext(ctx, "not all settled", append(args, telemetry.Err(err))...)
	case r.Unanswered != nil:
		log.WarnContext(ctx, "settled without the event history", append(args, telemetry.Err(r.Unanswered))...)
	default:
		log.InfoContext(ctx, "settled", args...)
	}
	meter.Add(telemetry.LookupsSpent, r.Lookups)
	meter.Add(telemetry.EventsKept, r.Recovered)
	meter.Add(telemetry.EventsFailed, r.GaveUp)
	if err := meter.Flush(ctx); err != nil {
		log.ErrorContext(ctx, "no metrics", telemetry.Err(err))
	}
}
