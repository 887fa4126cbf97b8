package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
	stdout, end := narrowed(stdout)
	defer end()
	p := &program{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.command()
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	return p.exit(ctx, called.CommandPath(), err)
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

func (p *program) exit(ctx context.Context, command string, err error) int {
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
		fmt.Fprintf(p.stderr, "Run '%s --help' for usage.\n", command)
		return exitUsage
	case errors.As(err, &usage):
		p.complain(err.Error())
		return exitUsage
	}
	p.complain(err.Error())
	return exitFailure
}

func (p *program) complain(message string) {
	p.flush()
	fmt.Fprintf(p.stderr, "trailverdict: %s\n", message)
}

// flush writes what a narrow terminal holds back of standard output, before
// something else is written to it.
func (p *program) flush() {
	if n, ok := p.stdout.(*narrowTerminal); ok {
		n.end()
	}
}

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
		Example: `  trailverdict demo               # see it decide about recorded stories
  trailverdict investigate        # ask an account about the last 24 hours
  trailverdict replay logs/       # a folder of CloudTrail log files
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
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.Flags().Bool("version", false, "print the version") // without -v, which is --verbose elsewhere
	p.addGroup(root, "Tell what happened:", p.demoCommand(), p.investigateCommand(), p.replayCommand(), p.reportCommand(), p.checksCommand())
	p.addGroup(root, "Run the detector in an account:", p.costCommand(), p.doctorCommand(), p.canaryCommand(), p.configCommand(), p.routesCommand())
	root.AddCommand(p.schemaCommand(), p.versionCommand())
	completeShells(root)
	return root
}

// addGroup adds commands that the help shows together.
func (p *program) addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		root.AddCommand(c)
	}
}

// completeShells adds the command that completes others, and has it refuse shells
// that it does not know.
func completeShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.RunE, c.Short = showHelp, "Print what completes commands in bash, fish, powershell or zsh"
	}
}

// showHelp is what a command does that is but a name for others.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// terminal reports whether w is one that shows colours and moving bars.
func (p *program) terminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd())) && p.getenv("TERM") != "dumb"
}

// colors reports whether text for w may be coloured (no-color.org).
func (p *program) colors(w io.Writer) bool {
	return p.getenv("NO_COLOR") == "" && p.terminal(w)
}
