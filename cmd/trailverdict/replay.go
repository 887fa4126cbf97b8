package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	format      *choice
	output      string
	config      string
	minSeverity severity
	asOf        moment
	revisions   bool
	workers     int
	compare     string
	sweep       sweep
	resume      string
	selection   selection
	verbose     bool
}

// compares reports whether several configurations are looked at, and their
// differences printed rather than findings.
func (o replayOptions) compares() bool { return o.compare != "" || o.sweep.name != "" }

// check says which flags make no sense together.
func (o replayOptions) check() error {
	switch {
	case o.compare != "" && o.sweep.name != "":
		return errors.New("--compare and --sweep are two questions; ask one")
	case o.compares() && o.revisions:
		return errors.New("--compare and --sweep look at final findings, not at --revisions")
	case o.compares() && o.format.value != "text" && o.format.value != "json":
		return fmt.Errorf("--compare and --sweep print text or json, not %s", o.format.value)
	case o.workers < 1:
		return fmt.Errorf("--workers must be at least 1, not %d", o.workers)
	}
	return nil
}

func (p *program) replayCommand() *cobra.Command {
	o := replayOptions{format: newChoice("text", "json", "ocsf", "asff"), minSeverity: severity{incident.Low}}
	cmd := &cobra.Command{
		Use:   "replay [flags] PATH…",
		Short: "Run the detector over recorded events",
		Long: `Replay runs the detector over recorded events and prints what it finds.

A PATH is a file, a folder with everything beneath it, s3://bucket/prefix, or -
for standard input.
What a file holds is recognised by its content, plain or gzip-compressed, one
JSON value, an array or JSON Lines, mixed as you like:

  CloudTrail log files and bare records, LookupEvents answers, EventBridge
  events (CloudTrail, GuardDuty, AWS Health), batches from SQS, CloudWatch Logs
  subscriptions, and credential failures that clients report.

CloudTrail does not record calls that fail authentication. Add the failures
that your clients saw, or their logs, to have them explained.

Findings go to standard output, a summary of what was read, skipped and not
visible to standard error. The same events give the same findings, whatever
their order and however often they are repeated.

  text  for people                json  one object a line (trailverdict schema)
  ocsf  Detection Finding         asff  batches for Security Hub, one a line

With --compare and --sweep it prints how the alerts of other settings differ.

Exit status: 0 no compromise, 3 at least one compromise (whatever --min-severity
hides; suppressed findings do not count), 2 usage, a missing path or a bad
configuration, 1 nothing could be read, or reading or writing failed.`,
		Example: `  trailverdict replay AWSLogs/111122223333/CloudTrail/
  trailverdict replay --format json --min-severity medium logs/ | jq .summary
  aws cloudtrail lookup-events --output json | trailverdict replay -`,
		Args: somePaths,
		RunE: func(cmd *cobra.Command, args []string) error { return p.replay(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	o.format.add(cmd, "format", "how to print findings")
	f.StringVarP(&o.output, "output", "o", "", "write findings to `FILE` instead of standard output")
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE`")
	f.Var(&o.minSeverity, "min-severity", "hide findings below LEVEL: informational, low, medium, high, critical")
	f.Var(&o.asOf, "as-of", "decide as of TIME, a day, a time, or how long ago (default: the last event's)")
	f.BoolVar(&o.revisions, "revisions", false, "print every conclusion that an incident went through, not only the final one")
	f.StringVar(&o.compare, "compare", "", "print what another configuration, in `FILE`, would have alerted otherwise")
	f.Var(&o.sweep, "sweep", "print how many alerts a threshold gives, as in threshold=0.5..0.9/0.1 or spike_floor=3,5,8")
	f.StringVar(&o.resume, "resume", "", "keep in `FILE` what was read from s3://, and go on from there after an interruption")
	o.selection.add(f)
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "use up to `N` processors, and 32 MiB of memory for each")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print all evidence with its weights, and suppressed findings too")
	_ = cmd.RegisterFlagCompletionFunc("min-severity", cobra.FixedCompletions(incident.Severities, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (p *program) replay(ctx context.Context, o replayOptions, paths []string) error {
	began := time.Now()
	if err := o.check(); err != nil {
		return usageError{err}
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	inputs, err := p.sources(ctx, paths, o)
	if err != nil {
		return err
	}
	out, err := p.openOutput(o.output)
	if err != nil {
		return err
	}
	defer limitMemory(o.workers)()
	decided, err := p.run(ctx, out, inputs, c, o)
	if err := out.finish(err); err != nil {
		return err
	}
	return p.conclude(decided, o, time.Since(began))
}

// run writes what the flags ask for.
func (p *program) run(ctx context.Context, out io.Writer, inputs sources, c config.Config, o replayOptions) (decision, error) {
	switch {
	case o.compare != "":
		return p.compare(ctx, out, inputs, c, o)
	case o.sweep.name != "":
		return p.sweep(ctx, out, inputs, c, o)
	}
	d, err := p.decide(ctx, inputs, c, o)
	if err != nil {
		return d, err
	}
	defer d.findings.Close()
	return d, p.print(out, &d, o)
}

// limitMemory has garbage collected in time for what docs/replay.md promises:
// 64 MiB and 32 more for each worker. What is held at once is bounded by
// replay's limits; this is about what is held no longer. It returns what undoes
// it.
func limitMemory(workers int) func() {
	const program = 34 << 20 // its own text and data, which the limit does not count
	limit := debug.SetMemoryLimit(int64(64<<20+workers*(32<<20)) - program)
	percent := debug.SetGCPercent(200) // less often, as long as there is room
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// loadConfig reads the configuration, or takes the defaults without one.
// Whatever is wrong with it is an error of usage.
func loadConfig(path string) (config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, usageError{fmt.Errorf("read the configuration: %w", err)}
	}
	c, err := file.Load(path, data)
	if err != nil {
		return config.Config{}, usageError{err}
	}
	return c, nil
}

func (p *program) inputs(paths []string) ([]replay.Input, error) {
	inputs, err := replay.Find(paths, p.stdin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{err}
	}
	return inputs, err
}

// decision is all that a replay concluded.
type decision struct {
	unjudged bool // no findings were asked for
	summary  replay.Summary
	asOf     time.Time
	settings incident.Settings
	findings *replay.Findings
	tally    tally
}

// decide reads inputs and decides about them.
func (p *program) decide(ctx context.Context, inputs sources, c config.Config, o replayOptions) (decision, error) {
	r, summary, err := p.record(ctx, inputs, c, o)
	if err != nil {
		return decision{}, err
	}
	defer r.Close()
	d := decision{summary: summary, asOf: summary.AsOf(o.asOf.before(time.Now())), settings: c.Settings}
	found, err := r.Decide(ctx, d.asOf, o.order(), o.workers, c.Settings)
	if err != nil {
		return decision{}, err
	}
	d.findings = found[0]
	return d, nil
}

// order puts the gravest findings first for people. For programs they stay in
// the detector's own order.
func (o replayOptions) order() replay.Order {
	if o.format.value != "text" || o.revisions {
		return replay.Canonical
	}
	return replay.GravestFirst
}

// record reads inputs to be decided about.
func (p *program) record(ctx context.Context, inputs sources, c config.Config, o replayOptions) (*replay.Recording, replay.Summary, error) {
	options := replay.Options{Workers: o.workers, Decode: []trail.Option{trail.LogWriters(c.LogWriter)}}
	if o.resume != "" {
		journal, err := openJournal(o.resume, c)
		if err != nil {
			return nil, replay.Summary{}, err
		}
		defer func() { _ = journal.Close() }() // each entry was written
		options.Journal = journal
	}
	bar := p.progress(inputs.size)
	options.Progress = bar.add
	r := replay.NewRecording(replay.DefaultLimits())
	summary, err := replay.Read(ctx, inputs.all, r, options)
	bar.finish()
	if err == nil {
		summary.Outcome, err = r.Seal(ctx)
	}
	if err != nil {
		r.Close()
		return nil, replay.Summary{}, err
	}
	return r, summary, nil
}

// gather reads inputs into a detector of their own.
func gather(ctx context.Context, inputs []replay.Input, c config.Config, progress func(int)) (*detect.Detector, replay.Summary, error) {
	d := detect.New(store.NewMemory(store.DefaultLimits()), c.Settings)
	summary, err := replay.Read(ctx, replay.All(inputs), d, replay.Options{Workers: runtime.GOMAXPROCS(0), Progress: progress, Decode: []trail.Option{trail.LogWriters(c.LogWriter)}})
	return d, summary, err
}

// conclude writes the summary and says how the program ends.
func (p *program) conclude(d decision, o replayOptions, took time.Duration) error {
	p.summarize(d, o, took)
	switch {
	case len(d.summary.Failed) > 0:
		return errors.New("not everything could be read")
	case d.summary.Nothing():
		return errors.New("nothing could be read: there are no events in the input")
	}
	if d.tally.compromise {
		return errCompromise
	}
	return nil
}
