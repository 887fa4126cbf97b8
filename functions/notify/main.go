// Notify is the function that tells. It takes the table's stream of findings,
// and puts what is new on the topics for machines, chats and mail, and on an
// event bus where there is one.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/canary"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/eventbus"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/routing"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func main() {
	h, err := wire(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start notify:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// wire makes the handler out of what the environment says.
func wire(lookup func(string) (string, bool)) (lambda.Handler, error) {
	f, err := lambdaenv.Load("notify", lookup, config.EnvTable, config.EnvFindingsTopic)
	if err != nil {
		return nil, err
	}
	log, meter := f.Log, f.Meter
	client, limits := dynamo.NewClient(f.AWS, f.Getenv), store.LiveLimits()
	told, cases := book.New(client, f.Env.Table, limits.Retention), dynamo.New(client, f.Env.Table, limits, nil)
	list, err := channels(f.Env, f.Config.Rules(), f.AWS, f.Getenv)
	if err != nil {
		return nil, err
	}
	return &notify.Handler{
		Notifier: notify.NewNotifier(told, told, cases, f.Config.Settings, f.Config.Rules(), list...),
		Case:     dynamo.StreamCase,
		Canaries: canaries(client, f.Env, sns.Findings(sns.NewClient(f.AWS, f.Getenv), f.Env.FindingsTopic)),
		Now:      time.Now,
		Observe:  func(ctx context.Context, r notify.Report) { observe(ctx, log, meter, r) },
	}, nil
}

// canaries come out where findings do for machines.
func canaries(client *ddb.Client, env config.Env, topic *sns.Topic) *notify.Canaries {
	return &notify.Canaries{Read: canary.FromStream, Publish: topic.PublishCanary, Told: canary.New(client, env.Table).Told}
}

// channels are the ways of telling that the environment names, and those of routes
// that have topics of their own. Their names stand in the table.
func channels(env config.Env, rules routing.Rules, cfg aws.Config, getenv func(string) string) ([]notify.Channel, error) {
	client := sns.NewClient(cfg, getenv)
	list := []notify.Channel{{Name: "findings", Publisher: sns.Findings(client, env.FindingsTopic)}}
	if env.EventBus != "" {
		list = append(list, notify.Channel{Name: "bus", Publisher: eventbus.New(cfg, getenv, env.EventBus, time.Now)})
	}
	if env.ChatTopic != "" {
		list = append(list, notify.Channel{Name: "chat", People: true, Publisher: sns.Chat(client, env.ChatTopic)})
	}
	if env.EmailTopic != "" {
		list = append(list, notify.Channel{Name: "email", People: true, Publisher: sns.Email(client, env.EmailTopic)})
	}
	for _, r := range rules.Routes {
		if r.Filtered() {
			continue
		}
		topic := env.RouteTopics[r.Name]
		if topic == "" {
			return nil, fmt.Errorf("%s names no topic for the route %s; deploy again", config.EnvRouteTopics, r.Name)
		}
		arn := env.FindingsTopic[:strings.LastIndexByte(env.FindingsTopic, ':')+1] + topic
		list = append(list, channelOf(r, client, arn))
	}
	return list, nil
}

// channelOf serves a route that has a topic of its own.
func channelOf(r routing.Route, client sns.Sender, arn string) notify.Channel {
	c := notify.Channel{Name: "route/" + r.Name, Route: r.Name, Publisher: sns.Findings(client, arn)}
	switch r.Type {
	case routing.Email:
		c.People, c.Publisher = true, sns.Email(client, arn)
	case routing.Chat:
		c.People, c.Publisher = true, sns.Chat(client, arn)
	}
	return c
}

// observe writes a line for what was told and one for the invocation, and its
// metrics. Of a finding it gives the id and what was decided, never the text.
func observe(ctx context.Context, log *slog.Logger, meter *telemetry.Meter, r notify.Report) {
	for _, o := range r.Outcomes {
		level := slog.LevelDebug
		if o.Revision > 0 {
			level = slog.LevelInfo
			meter.Add(telemetry.AlertsSent, 1)
			meter.Since(telemetry.EventToAlert, o.LastSeen)
		}
		log.Log(ctx, level, "decided", telemetry.Incident(o.Case), slog.String("channel", o.Channel), slog.Any("reason", o.Reason),
			slog.Int("revision", o.Revision), slog.Any("verdict", o.Verdict), slog.Any("cause", o.Cause), slog.String("severity", o.Severity.String()))
	}
	for _, c := range r.Canaries {
		log.InfoContext(ctx, "told a canary", slog.String("canary", c.ID), slog.String("region", c.Region), slog.Float64("seconds", c.At.Sub(c.Sent).Seconds()))
		meter.Since(telemetry.CanaryToAlert, c.Sent)
	}
	meter.Add(telemetry.EventsPoison, r.Poison)
	meter.Add(telemetry.EventsFailed, r.Failed)
	args := []any{slog.Int("records", r.Records), slog.Int("due", r.Due), slog.Int("poison", r.Poison), slog.Int("failed", r.Failed)}
	if r.Err != nil {
		log.ErrorContext(ctx, "not all was told", append(args, telemetry.Err(r.Err))...)
	} else {
		log.DebugContext(ctx, "all was told", args...)
	}
	if err := meter.Flush(ctx); err != nil {
		log.ErrorContext(ctx, "no metrics", telemetry.Err(err))
	}
}
