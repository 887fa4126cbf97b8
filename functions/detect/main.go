// Detect is the function that decides. It takes events from EventBridge and
// batches of them from the queue, keeps what they say in the table, and commits
// the findings that they change. notify tells people from there.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/store"
)

func main() {
	h, err := wire(os.Getenv, os.LookupEnv)
	if err != nil {
		slog.Error("start", "err", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says.
func wire(getenv func(string) string, lookup func(string) (string, bool)) (lambda.Handler, error) {
	env, err := config.LoadEnv(lookup, config.EnvTable)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadFile(env.ConfigFile, os.ReadFile)
	if err != nil {
		return nil, err
	}
	aws, err := lambdaenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	log := lambdacontext.NewLogger()
	table := dynamo.New(dynamo.NewClient(aws, getenv), env.Table, store.LiveLimits(), nil)
	return &detect.Handler{
		Keeper:  detect.NewLive(table, table, cfg.Settings),
		Now:     time.Now,
		Observe: func(ctx context.Context, r detect.Report) { observe(ctx, log, r) },
	}, nil
}

// observe writes one line for an invocation: what came, never what it said.
func observe(ctx context.Context, log *slog.Logger, r detect.Report) {
	level := slog.LevelInfo
	if r.Err != nil || r.Poison > 0 {
		level = slog.LevelError
	}
	args := []any{"messages", r.Messages, "signals", r.Signals, "uses", r.Uses, "irrelevant", r.Irrelevant, "poison", r.Poison}
	if !r.Oldest.IsZero() {
		args = append(args, "oldest", r.Oldest)
	}
	if r.Err != nil {
		args = append(args, "err", r.Err)
	}
	log.Log(ctx, level, "handled", args...)
}
