package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/cost"
	"github.com/trailverdict/trailverdict/internal/render"
)

// costOptions are the flags of cost.
type costOptions struct {
	usage     cost.Usage
	freeTier  *choice
	format    *choice
	output    string
	templates []string
	verbose   bool
}

func (p *program) costCommand() *cobra.Command {
	o := costOptions{usage: cost.DefaultUsage(1000), freeTier: newChoice(string(cost.Listed), string(cost.None), string(cost.All)), format: newChoice("text", "json")}
	cmd := &cobra.Command{
		Use:   "cost [flags]",
		Short: "Compute the monthly bill of a deployment",
		Long: `Cost prices the parts of the stack's templates for an account with so many
events a day. Events are those that the detector's rules take: sessions issued,
failures, denials, changes of identities. What the rules leave is free. About
one in ten management events of a busy account is such an event.

Without --template it is the default deployment. With choices, write the
templates first and name their folder:

  make template CONTEXT="-c trailverdict:keys=own"
  trailverdict cost --template build/template

Prices are list prices of us-east-1 and have a date; what the detector takes of
AWS for an event was measured.

Exit status: 0 the bill was written, 2 usage, a missing or unreadable template,
or one with a part that has no known price, 1 writing failed.`,
		Example: `  trailverdict cost --events-per-day 5000
  trailverdict cost --events-per-day 0 --free-tier none
  trailverdict cost --template build/template --verbose`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.usage.Free = cost.FreeTier(o.freeTier.value)
			if !cmd.Flags().Changed("incidents-per-day") {
				o.usage.Incidents = cost.DefaultUsage(o.usage.Events).Incidents
			}
			return p.cost(o)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&o.usage.Events, "events-per-day", o.usage.Events, "how `MANY` events the rules take")
	f.Float64Var(&o.usage.Incidents, "incidents-per-day", 0, "how `MANY` findings are told (default: one for 1,000 events)")
	f.Float64Var(&o.usage.Changes, "changes", o.usage.Changes, "`PART` of the events that change identities")
	f.Float64Var(&o.usage.Failures, "failures", o.usage.Failures, "`PART` of the events that are failures or denials")
	f.Float64Var(&o.usage.Reported, "reported", o.usage.Reported, "`PART` of the failures that clients report themselves")
	f.Float64Var(&o.usage.Elsewhere, "elsewhere", o.usage.Elsewhere, "`PART` of the events that other Regions forward, if there are forwarders")
	f.Float64Var(&o.usage.LogLines, "log-lines-per-day", 0, "how `MANY` lines of subscribed log groups look like failures")
	f.Float64Var(&o.usage.Batch, "batch", 0, "how `MANY` events arrive at once (default: by their rate)")
	o.freeTier.add(cmd, "free-tier", "free amounts that count: those of the price lists, none, or AWS's free tier, too")
	f.StringArrayVar(&o.templates, "template", nil, "bill the template in JSON, or the folder of them, at `PATH`; may be given several times")
	o.format.add(cmd, "format", "how to print the bill")
	f.StringVarP(&o.output, "output", "o", "", "write the bill to `FILE` instead of standard output")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print lines of less than a cent, too")
	return cmd
}

func (p *program) cost(o costOptions) error {
	stacks, err := readStacks(o.templates)
	if err != nil {
		return usageError{err}
	}
	prices, err := cost.ListPrices()
	if err != nil {
		return err
	}
	bill, err := cost.Compute(stacks, o.usage, prices)
	if err != nil {
		return usageError{err}
	}
	out, err := p.openOutput(o.output)
	if err != nil {
		return err
	}
	return out.finish(writeBill(o.format.value, out, bill, o.verbose))
}

func writeBill(format string, w io.Writer, b cost.Bill, verbose bool) error {
	if format == "text" {
		return cost.Text(w, b, verbose)
	}
	return render.JSONLine(w, b)
}

// readStacks reads templates, and those in folders; none means the default ones.
func readStacks(paths []string) ([]cost.Stack, error) {
	if len(paths) == 0 {
		return cost.DefaultStacks()
	}
	var stacks []cost.Stack
	var problems []error
	for _, path := range paths {
		files, err := templatesIn(path)
		problems = append(problems, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				problems = append(problems, fmt.Errorf("read template: %w", err))
				continue
			}
			s, err := cost.Read(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".json"), ".template"), text)
			problems = append(problems, err)
			stacks = append(stacks, s)
		}
	}
	return stacks, errors.Join(problems...)
}

// templatesIn are the templates of a folder, or the file itself.
func templatesIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read template: %w", err)
	case !info.IsDir():
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.template.json"))
	if err != nil {
		return nil, fmt.Errorf("read templates of %s: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.template.json in %s: run make template first", path)
	}
	return files, nil
}
