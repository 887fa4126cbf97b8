package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/check"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// checksOptions are the flags of checks.
type checksOptions struct {
	format *choice
	output string
	config string
	all    bool
}

func (p *program) checksCommand() *cobra.Command {
	o := checksOptions{format: newChoice("text", "json")}
	cmd := &cobra.Command{
		Use:   "checks [flags] PATH…",
		Short: "List changes that would make an incident worse",
		Long: `Checks lists the changes in recorded events that are no incident, and that let
one become worse: roles whose sessions may last longer than the limit, roles
that any token of an OIDC provider opens, access keys in the environment of a
function or task, and long-lived keys for pipelines.

Which of these are looked for, and their limits, says the part checks of the
configuration. With --all every one is, and pipelines are known by usual names.

A PATH is what it is for replay: a file, a folder, or - for standard input. As
JSON each check is one line of the schema trailverdict.check/v1.

Exit status: 0 the list was written, whatever it says, 2 usage, a missing path
or a bad configuration, 1 nothing could be read, or reading or writing failed.`,
		Example: `  trailverdict checks --all AWSLogs/111122223333/CloudTrail/
  trailverdict checks --config trailverdict.yaml --format json logs/`,
		Args: somePaths,
		RunE: func(cmd *cobra.Command, args []string) error { return p.checks(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	o.format.add(cmd, "format", "how to print the list")
	f.StringVarP(&o.output, "output", "o", "", "write the list to `FILE` instead of standard output")
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE`")
	f.BoolVar(&o.all, "all", false, "look for everything, whatever the configuration says")
	return cmd
}

func (p *program) checks(ctx context.Context, o checksOptions, paths []string) error {
	began := time.Now()
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	if o.all {
		c.Settings = check.All(c.Settings)
	}
	inputs, err := p.inputs(paths)
	if err != nil {
		return err
	}
	out, err := p.openOutput(o.output)
	if err != nil {
		return err
	}
	bar := p.progress(totalSize(inputs))
	d, summary, err := gather(ctx, inputs, c, bar.add)
	bar.finish()
	dec := decision{summary: summary, settings: c.Settings, unjudged: true}
	if err == nil {
		dec.asOf = summary.AsOf(time.Time{})
		evidence, failed := d.Evidence(ctx, dec.asOf)
		if err = failed; err == nil && !summary.Nothing() {
			err = writeChecks(o.format.value, out, check.Of(evidence.Signals, c.Settings))
		}
	}
	if err := out.finish(err); err != nil {
		return err
	}
	return p.conclude(dec, replayOptions{}, time.Since(began))
}

func writeChecks(format string, w io.Writer, checks []incident.Check) error {
	if format != "json" {
		return render.ChecksText(w, checks)
	}
	for _, c := range checks {
		if err := render.CheckJSON(w, c); err != nil {
			return err
		}
	}
	return nil
}
