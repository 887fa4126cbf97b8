// Package telemetry is what the functions say about themselves: structured log
// lines, and metrics in CloudWatch's embedded metric format, both as lines on
// one stream.
//
// A log line has a time, a level, a constant message, the id of the request, and
// attributes that are names, ids, counts and errors. Whatever is none of these
// is left out, and so is text in which a credential is seen: an event, a payload
// or a configuration cannot be logged by mistake. Under attack lines are
// sampled, and counted.
//
// Metrics are written once for each invocation, and only where they are switched
// on: each costs money. docs/operations.md lists them.
//
// The package has no clock and reads no environment.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Options say who speaks, and how much.
type Options struct {
	// Function is the function's name.
	Function string
	// Level is the least level that is logged.
	Level slog.Level
	// Metrics says whether metrics are written at all.
	Metrics bool
	// RequestID is the id of the invocation that a context belongs to; nil if
	// there are none.
	RequestID func(context.Context) string
	// Now is the clock of the metrics.
	Now func() time.Time
}

// New returns a logger and a meter that write lines to w.
func New(w io.Writer, o Options) (*slog.Logger, *Meter) {
	if o.RequestID == nil {
		o.RequestID = func(context.Context) string { return "" }
	}
	s := &sampler{}
	log := slog.New(newHandler(w, o, s))
	if !o.Metrics {
		return log, nil
	}
	return log, &Meter{w: w, options: o, logs: s, counts: map[Metric]float64{}, values: map[Metric][]float64{}}
}

// Incident names the incident that a line is about, by its finding's id.
func Incident(id string) slog.Attr { return slog.String("incident", id) }

// Err gives the error that a line is about.
func Err(err error) slog.Attr { return slog.Any("error", err) }
