package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The exit statuses are part of the contract with scripts.
const (
	exitOK         = 0
	exitFailure    = 1 // nothing could be read, or reading or writing failed
	exitUsage      = 2 // bad flags, missing paths, a bad configuration
	exitCompromise = 3 // at least one finding with the verdict compromise
)

// run is the program: its exit status is a function of its arguments and of
// what can be read.
func run(ctx context.Context, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	p := &program{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return p.exit(ctx, err)
}

// program is what the commands share.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	// started is set when flags and arguments were understood. An error before
	// that is one of usage.
	started bool
}

// errCompromise is no failure: it makes the exit status.
var errCompromise = errors.New("at least one finding is a compromise")

// usageError is an error of whoever called the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func (p *program) exit(ctx context.Context, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errCompromise), errors.Is(err, errUnheard):
		return exitCompromise
	case errors.Is(err, errKept):
		p.complain(err.Error())
		return exitFailure
	case ctx.Err() != nil:
		p.complain("interrupted; nothing was decided")
		return exitFailure
	case !p.started:
		p.complain(err.Error())
		fmt.Fprintln(p.stderr, "Run 'trailverdict --help' for usage.")
		return exitUsage
	case errors.As(err, &usage):
		p.complain(err.Error())
		return exitUsage
	}
	p.complain(err.Error())
	return exitFailure
}

func (p *program) complain(message string) { fmt.Fprintf(p.stderr, "trailverdict: %s\n", message) }

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "trailverdict",
		Short: "Tell whether a failing AWS credential was stolen, cut off, misconfigured, or ran out",
		Long: `trailverdict reads what AWS and its clients recorded about credentials, and
says of each incident whether it is a compromise, an expiry, a misconfiguration,
a planned change, or inconclusive, with the evidence for and against.

On recorded events it needs no AWS account and sends nothing anywhere.
Investigate, doctor, canary, and replay of s3:// ask an account, with the
credentials that the AWS CLI would take; only canary sends an event there.`,
		Example: `  trailverdict demo                          # see it decide about recorded stories
  trailverdict investigate                   # ask an account about the last 24 hours
  trailverdict replay logs/                  # a folder of CloudTrail log files
  aws cloudtrail lookup-events | trailverdict replay -`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { p.started = true; return nil },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetVersionTemplate("trailverdict {{.Version}}\n")
	root.AddCommand(
		p.replayCommand(), p.reportCommand(), p.checksCommand(), p.demoCommand(), p.configCommand(), p.schemaCommand(), p.routesCommand(),
		p.costCommand(), p.doctorCommand(), p.canaryCommand(), p.investigateCommand(), p.versionCommand(),
	)
	return root
}

// terminal reports whether w is one that shows colours and moving bars.
func (p *program) terminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd())) && p.getenv("TERM") != "dumb"
}

// colors reports whether text for w may be coloured (no-color.org).
func (p *program) colors(w io.Writer) bool {
	return p.getenv("NO_COLOR") == "" && p.terminal(w)
}
