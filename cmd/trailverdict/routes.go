package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // quiet hours are by the clocks of places, on any machine

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// minute is a time as routes name it.
const minute = "2006-01-02 15:04 MST"

// routesOptions are the flags of the commands about routes.
type routesOptions struct {
	config string
	asOf   moment
}

func (o *routesOptions) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE`")
	f.Var(&o.asOf, "as-of", "decide as of TIME, a day, a time, or how long ago (default: now)")
	f.Var(&o.asOf, "at", "as --as-of") // as it was called before
	_ = f.MarkHidden("at")             // it fails for names of no flag alone
}

// now is the time to decide at.
func (o *routesOptions) now() time.Time { return o.asOf.or(time.Now().UTC()) }

func (p *program) routesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "Show who hears of what, or test who hears of a finding, and why",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(p.routesShowCommand(), p.routesTestCommand())
	return cmd
}

func (p *program) routesShowCommand() *cobra.Command {
	var o routesOptions
	cmd := &cobra.Command{
		Use:   "show --config FILE [flags]",
		Short: "Show routes, owners and suppressions, and what is wrong with them",
		Long: `Show prints each route with what it takes and when it tells, the owners, the
suppressions with how long they hold, and the change windows. It names routes
that nothing reaches, verdicts that nobody hears of, and what SNS would refuse,
with file, line and column.

Exit status: 0 the configuration can be deployed, 2 it cannot, or usage.`,
		Example: "  trailverdict routes show --config trailverdict.yaml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, warnings, err := checkConfig(o.config, o.now())
			if err != nil {
				return err
			}
			return showRules(p.stdout, c, warnings, o.now())
		},
	}
	o.add(cmd)
	return cmd
}

func (p *program) routesTestCommand() *cobra.Command {
	var o routesOptions
	var tags []string
	cmd := &cobra.Command{
		Use:   "test --config FILE [flags] FINDING…",
		Short: "Say who would hear of a finding, when, and why",
		Long: `Test takes findings as replay --format json prints them, from files or - for
standard input, and says for each route whether it hears of the finding, when,
and why, as if the incident were new at the time given. A finding as JSON does
not have its subject's tags: where routes go by them, --tag says what they are.

Exit status: 0 somebody hears of every finding, 3 of at least one nobody does,
also where that is wanted, 2 usage or a bad configuration, 1 no finding could
be read.`,
		Example: `  trailverdict replay --format json logs/ > findings.ndjson
  trailverdict routes test -c tv.yaml findings.ndjson
  trailverdict routes test -c tv.yaml --as-of 2026-03-07T03:00:00Z findings.ndjson
  trailverdict routes test -c tv.yaml --tag team=payments findings.ndjson`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("routes test needs a file of findings, or - for standard input")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			subject, err := parseTags(tags)
			if err != nil {
				return usageError{err}
			}
			return p.testRoutes(o, subject, args)
		},
	}
	o.add(cmd)
	cmd.Flags().StringArrayVar(&tags, "tag", nil, "take the subjects for tagged with `KEY=VALUE`; may be repeated")
	return cmd
}

// parseTags reads tags as the flag has them.
func parseTags(list []string) ([]incident.Tag, error) {
	var tags []incident.Tag
	for _, text := range list {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("expected --tag KEY=VALUE, got %q", text)
		}
		tags = append(tags, incident.Tag{Key: key, Value: value})
	}
	return tags, nil
}

// checkConfig reads a configuration file and looks for what nobody can have
// meant.
func checkConfig(path string, now time.Time) (config.Config, file.Problems, error) {
	if path == "" {
		return config.Config{}, nil, usageError{errors.New("name the configuration with --config FILE")}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, nil, usageError{fmt.Errorf("read the configuration: %w", err)}
	}
	c, warnings, err := file.Check(path, data, now, time.LoadLocation)
	if err != nil {
		return config.Config{}, warnings, usageError{err}
	}
	return c, warnings, nil
}

// showRules writes the rules for people.
func showRules(w io.Writer, c config.Config, warnings file.Problems, now time.Time) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "Routes: each that takes a finding hears of it, whatever their order\n")
	if len(c.Routes) == 0 {
		fmt.Fprint(out, "\n  none\n")
	}
	for _, r := range c.Routes {
		takes := r.Match.String()
		if r.Otherwise {
			takes += ", if no other route does"
		}
		fmt.Fprintf(out, "\n  %s\n", r.Name)
		rows(out, "to", string(r.Type)+" "+shownTarget(r), "takes", takes, "tells", r.Timing(), "through", r.Way())
	}
	if heading := owners(c.Settings); heading != "" {
		fmt.Fprintf(out, "\nOwners: %s\n", heading)
	}
	if len(c.Settings.Owners) > 0 {
		fmt.Fprintln(out)
	}
	for _, o := range c.Settings.Owners {
		rows(out, o.Name, strings.Join(o.Subjects, ", "))
	}
	if len(c.Settings.Suppressions) > 0 {
		fmt.Fprint(out, "\nSuppressions: they come before all routes\n")
	}
	for _, s := range c.Settings.Suppressions {
		state := "holds until "
		if !now.Before(s.Until) {
			state = "ended on "
		}
		fmt.Fprintf(out, "\n  %s%s\n", state, s.Until.Format(minute))
		rows(out, "covers", routing.SuppressionScope(s), "because", s.Reason, "author", known(s.Author))
	}
	showWindows(out, c.Settings.ChangeWindows, now)
	if len(warnings) > 0 {
		fmt.Fprintf(out, "\nTo look at\n\n")
	}
	for _, w := range warnings {
		fmt.Fprint(out, render.Paragraph("  ", w.String()))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}

// owners says what decides whose a subject is; empty if nothing does.
func owners(s incident.Settings) string {
	switch tag := "its tag " + s.OwnerTag; {
	case len(s.Owners) > 0 && s.OwnerTag != "":
		return "the first that has the subject decides, then " + tag
	case s.OwnerTag != "":
		return tag + " says whose a subject is"
	case len(s.Owners) > 0:
		return "the first that has the subject decides"
	}
	return ""
}

// showWindows writes when which changes are planned.
func showWindows(w io.Writer, list []incident.ChangeWindow, now time.Time) {
	if len(list) > 0 {
		fmt.Fprint(w, "\nChange windows: what they expect is planned, and told to nobody\n")
	}
	for _, window := range list {
		actors := "everybody"
		if len(window.Actors) > 0 {
			actors = strings.Join(window.Actors, ", ")
		}
		when := routing.WindowTimes(window)
		if window.Ended(now) {
			when += ", over"
		}
		fmt.Fprintf(w, "\n  %s\n", window.Name)
		rows(w, "when", when, "by", actors)
		if len(window.Subjects) > 0 {
			rows(w, "of", strings.Join(window.Subjects, ", "))
		}
		rows(w, "expects", expects(window))
	}
}

// expects says what a window expects.
func expects(w incident.ChangeWindow) string {
	if len(w.Expects) == 0 {
		return "any change, told where it breaks something"
	}
	var causes []string
	for _, c := range w.Expects {
		causes = append(causes, string(c))
	}
	return strings.Join(causes, ", ")
}

// rows writes titles and texts beside them.
func rows(w io.Writer, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprint(w, render.Paragraph(fmt.Sprintf("    %-8s  ", pairs[i]), pairs[i+1]))
	}
}

func known(s string) string {
	if s == "" {
		return "not named"
	}
	return s
}

// shownTarget is a receiver without what may be a secret in its address.
func shownTarget(r routing.Route) string {
	if r.Type != routing.HTTPS {
		return r.Target
	}
	u, err := url.Parse(r.Target)
	if err != nil {
		return "(an address)"
	}
	return "https://" + u.Host + "/…"
}

// errUnheard is no failure: it makes the exit status.
var errUnheard = errors.New("nobody hears of at least one finding")

func (p *program) testRoutes(o routesOptions, tags []incident.Tag, paths []string) error {
	c, _, err := checkConfig(o.config, o.now())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(p.stdout)
	read, unheard, untold := 0, 0, map[string]bool{}
	for _, path := range paths {
		err := p.eachFinding(path, func(f incident.Finding) {
			if read++; read > 1 {
				fmt.Fprintln(out)
			}
			f.Subject.Tags = tags
			for _, key := range c.Rules().Unknown(f, c.Settings.Tags) {
				untold[key] = true
			}
			if !testFinding(out, c.Rules(), f, o.now()) {
				unheard++
			}
		})
		if err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	if len(tags) == 0 && len(untold) > 0 {
		fmt.Fprint(out, "\n", render.Paragraph("", "A finding as JSON has no tags. What goes by "+strings.Join(slices.Sorted(maps.Keys(untold)), ", ")+" was decided without; say what a subject has with --tag KEY=VALUE."))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	switch {
	case read == 0:
		return errors.New("there is no finding in the input")
	case unheard > 0:
		return errUnheard
	}
	return nil
}

// eachFinding reads the findings of a file, one JSON value after the other.
func (p *program) eachFinding(path string, do func(incident.Finding)) error {
	name, in := path, p.stdin
	if path == "-" {
		name = "standard input"
	} else {
		data, err := os.ReadFile(path)
		if err != nil {
			return usageError{fmt.Errorf("read findings: %w", err)}
		}
		in = bytes.NewReader(data)
	}
	values := json.NewDecoder(in)
	for n := 1; ; n++ {
		var text json.RawMessage
		err := values.Decode(&text)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read findings of %s: value %d: %w", name, n, err)
		}
		f, err := render.ReadFinding(text)
		if err != nil {
			return fmt.Errorf("read findings of %s: value %d: %w", name, n, err)
		}
		do(f)
	}
}

// testFinding says who hears of a finding. It reports whether anybody does.
func testFinding(w io.Writer, rules routing.Rules, f incident.Finding, now time.Time) (heard bool) {
	fmt.Fprint(w, render.Paragraph("", fmt.Sprintf("%s: %s, %s, %s", f.ID, f.Verdict, f.Cause, f.Severity)))
	whose := ""
	if name := rules.Owner(f); name != "" {
		whose = ", owner " + render.OneLine(name)
	}
	for _, tag := range f.Subject.Tags {
		whose += ", tag " + render.OneLine(tag.Key+"="+tag.Value)
	}
	fmt.Fprint(w, render.Paragraph("  ", fmt.Sprintf("%s, account %s%s", render.SubjectName(f.Subject), known(f.Account), whose)))
	if s, ok := rules.Silenced(f, now); ok {
		fmt.Fprint(w, render.Paragraph("  ", "Nobody hears of it "+s.String()))
		return false
	}
	if f.Severity == incident.Informational {
		fmt.Fprint(w, render.Paragraph("  ", "Nobody hears of it: what is informational is kept on record."))
		return false
	}
	for _, text := range rules.Windows(f) {
		fmt.Fprint(w, render.Paragraph("  ", text))
	}
	for _, r := range rules.Routes {
		d := rules.Decide(r, routing.Question{Finding: f, News: true, Now: now})
		when := map[routing.Act]string{routing.Tell: "now", routing.Pass: "no", routing.Rest: "no", routing.Hold: "on " + d.Next.Format(minute)}[d.Act]
		heard = heard || d.Act == routing.Tell || d.Act == routing.Hold
		fmt.Fprint(w, render.Paragraph(fmt.Sprintf("  %-16s  ", r.Name), fmt.Sprintf("%s: %s", when, d.Why)))
	}
	if !heard {
		fmt.Fprint(w, render.Paragraph("  ", "No route takes it."))
	}
	return heard
}
