// Detect is the function that decides. It takes events from EventBridge and
// batches of them from the queue, keeps what they say in the table, and commits
// the findings that they change. notify tells people from there.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/trailverdict/trailverdict/internal/aws/canary"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/telemetry"
	"github.com/trailverdict/trailverdict/internal/trail"
)

func main() {
	h, err := wire(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start detect:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says.
func wire(lookup func(string) (string, bool)) (lambda.Handler, error) {
	f, err := lambdaenv.Load("detect", lookup, config.EnvTable)
	if err != nil {
		return nil, err
	}
	log, meter := f.Log, f.Meter
	client := dynamo.NewClient(f.AWS, f.Getenv)
	table := dynamo.New(client, f.Env.Table, store.LiveLimits(), nil)
	live := detect.NewLive(table, table, f.Config.Settings)
	live.Retention = store.LiveLimits().Retention
	live.Decided = func(ctx context.Context, c detect.Case) {
		telemetry.Decided(ctx, log, meter, c.Finding, c.SupersededBy)
	}
	return &detect.Handler{
		Keeper: live, Canaries: canary.New(client, f.Env.Table),
		Now:     time.Now,
		Options: []trail.Option{trail.LogWriters(f.Config.LogWriter)},
		Observe: func(ctx context.Context, r detect.Report) { observe(ctx, log, meter, r) },
	}, nil
}

// observe writes a line for an invocation, and its metrics: what came, never what
// it said.
func observe(ctx context.Context, log *slog.Logger, meter *telemetry.Meter, r detect.Report) {
	level, told := slog.LevelInfo, telemetry.EventsKept
	args := []any{"messages", r.Messages, "signals", r.Signals, "uses", r.Uses, "irrelevant", r.Irrelevant, "poison", r.Poison}
	if !r.Oldest.IsZero() {
		args = append(args, "oldest", r.Oldest)
	}
	if r.Poison > 0 {
		level = slog.LevelError
	}
	if r.Err != nil {
		level, told = slog.LevelError, telemetry.EventsFailed
		args = append(args, telemetry.Err(r.Err))
	}
	log.Log(ctx, level, "handled", args...)
	meter.Add(told, r.Signals+r.Uses)
	meter.Add(telemetry.EventsIrrelevant, r.Irrelevant)
	meter.Add(telemetry.EventsPoison, r.Poison)
	meter.Since(telemetry.Lateness, r.Oldest)
	if err := meter.Flush(ctx); err != nil {
		log.ErrorContext(ctx, "no metrics", telemetry.Err(err))
	}
}
