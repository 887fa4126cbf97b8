// Intake is the function that reads logs. It takes what a subscription of
// CloudWatch Logs delivers, and puts on the queue what the lines tell about
// credentials; detect reads it there. The lines themselves go nowhere.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/aws/sqs"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/intake"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func main() {
	h, err := wire(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start intake:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says.
func wire(lookup func(string) (string, bool)) (lambda.Handler, error) {
	f, err := lambdaenv.Load("intake", lookup, config.EnvQueue)
	if err != nil {
		return nil, err
	}
	log, meter := f.Log, f.Meter
	return &intake.Handler{
		Queue:   sqs.New(sqs.NewClient(f.AWS, f.Getenv), f.Env.Queue),
		Writer:  f.Config.LogWriter,
		Observe: func(ctx context.Context, r intake.Report) { observe(ctx, log, meter, r) },
	}, nil
}

// observe writes a line for an invocation, and its metrics.
func observe(ctx context.Context, log *slog.Logger, meter *telemetry.Meter, r intake.Report) {
	skipped := 0
	for _, n := range r.Skipped {
		skipped += n
	}
	args := []any{
		"values", r.Values, "failures", r.Failures, "exposures", r.Exposures, "events", r.Events,
		"irrelevant", r.Irrelevant, "recorded", r.Recorded, "skipped", skipped,
	}
	if r.Err != nil {
		log.ErrorContext(ctx, "not passed on", append(args, telemetry.Err(r.Err))...)
		meter.Add(telemetry.EventsFailed, r.Events)
	} else {
		log.InfoContext(ctx, "passed on", args...)
		meter.Add(telemetry.EventsKept, r.Events)
	}
	meter.Add(telemetry.EventsIrrelevant, r.Irrelevant+r.Recorded)
	meter.Add(telemetry.EventsPoison, skipped)
	meter.Since(telemetry.Lateness, r.Oldest)
	if err := meter.Flush(ctx); err != nil {
		log.ErrorContext(ctx, "no metrics", telemetry.Err(err))
	}
}
