package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/events"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/scenario"
)

// tellAll is how many stories are told; of more, one for each verdict.
const tellAll = 8

func (p *program) demoCommand() *cobra.Command {
	verbose := false
	cmd := &cobra.Command{
		Use:   "demo [PATH…]",
		Short: "Decide about recorded stories, to see what the findings are like",
		Long: `Demo replays stories: recorded events with what happened in words, and with the
findings that they should give. Without a PATH it tells a few that it brings
along; a PATH is a story (.txtar) or a folder of them, yours or this project's.

It tells the gravest in full, and how the others ended; of many, one for each
verdict, and counts the others.

Exit status: 0 all stories end as they expect, 1 one does not or cannot be read.`,
		Example: `  trailverdict demo
  trailverdict demo events/scenario
  trailverdict demo events/scenario/trust_opened-foreign-account.txtar`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.demo(cmd.Context(), args, verbose) },
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "tell each story in full, and list all")
	return cmd
}

func (p *program) demo(ctx context.Context, paths []string, verbose bool) error {
	stories, err := loadStories(paths)
	if err != nil {
		return err
	}
	told := make([]ending, len(stories))
	for i, s := range stories {
		if told[i], err = replayStory(ctx, s); err != nil {
			return err
		}
	}
	var b strings.Builder
	for i, e := range telling(told) {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := e.tell(&b, p.colors(p.stdout), i == 0 || verbose); err != nil {
			return err
		}
	}
	switch {
	case len(told) > tellAll:
		table(&b, told, verbose)
	case len(told) > 1 && !verbose:
		b.WriteString("\n-v tells each in full\n")
	}
	if _, err := io.WriteString(p.stdout, b.String()); err != nil {
		return err
	}
	return verdictOn(told)
}

// verdictOn is an error if some stories do not end as they expect.
func verdictOn(told []ending) error {
	wrong := 0
	for _, e := range told {
		if len(e.complaints) > 0 {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d stories do not end as they expect", wrong, len(told))
	}
	return nil
}

func loadStories(paths []string) ([]scenario.Story, error) {
	if len(paths) == 0 {
		return scenario.Load(events.Stories())
	}
	var stories []scenario.Story
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, usageError{fmt.Errorf("find stories: %w", err)}
		}
		if info.IsDir() {
			found, err := scenario.Load(os.DirFS(path))
			if err != nil {
				return nil, fmt.Errorf("read stories of %s: %w", path, err)
			}
			stories = append(stories, found...)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read story: %w", err)
		}
		s, err := scenario.Parse(path, data)
		if err != nil {
			return nil, err
		}
		stories = append(stories, s)
	}
	if len(stories) == 0 {
		return nil, fmt.Errorf("there are no stories (*.txtar) in %s", strings.Join(paths, ", "))
	}
	return stories, nil
}

// ending is what a story came to.
type ending struct {
	scenario.Story
	findings   []incident.Finding
	complaints []string
}

func replayStory(ctx context.Context, s scenario.Story) (ending, error) {
	c := config.Default()
	if len(s.Config) > 0 {
		var err error
		if c, err = file.Load("config.yaml", s.Config); err != nil {
			return ending{}, fmt.Errorf("story %s: %w", s.Name, err)
		}
	}
	d, summary, err := gather(ctx, []replay.Input{replay.Stream(s.Name, bytes.NewReader(s.Events))}, c, nil)
	if err != nil {
		return ending{}, err
	}
	findings, err := d.Findings(ctx, summary.AsOf(s.AsOf))
	return ending{s, findings, s.Check(findings)}, err
}

// grave is the gravest finding of a story, if any is worth telling.
func (e ending) grave() (incident.Finding, bool) {
	var best incident.Finding
	found := false
	for _, f := range e.findings {
		if !found || f.Severity > best.Severity {
			best, found = f, true
		}
	}
	return best, found
}

// telling are the stories to tell, the gravest first: all, or one for each
// verdict, where there is one of those that the command brings along.
func telling(told []ending) []ending {
	if len(told) <= tellAll {
		return slices.SortedStableFunc(slices.Values(told), func(a, b ending) int { return cmp.Compare(b.severity(), a.severity()) })
	}
	brought := map[string]bool{}
	if stories, err := scenario.Load(events.Stories()); err == nil { // they are a part of the program
		for _, s := range stories {
			brought[s.Name] = true
		}
	}
	var chosen []ending
	for _, v := range incident.Verdicts {
		var best *ending
		for i, e := range told {
			f, ok := e.grave()
			if !ok || f.Verdict != v || len(e.complaints) > 0 {
				continue
			}
			if best == nil || brought[e.Name] && (!brought[best.Name] || f.Severity > best.severity()) {
				best = &told[i]
			}
		}
		if best != nil {
			chosen = append(chosen, *best)
		}
	}
	return chosen
}

// severity is that of the gravest finding.
func (e ending) severity() incident.Severity {
	f, _ := e.grave()
	return f.Severity
}

// tell writes what happened and what was found; not whole, the findings alone, in
// a few lines.
func (e ending) tell(w io.Writer, color, whole bool) error {
	fmt.Fprintf(w, "── %s %s\n\n", e.Name, strings.Repeat("─", max(0, 76-len(e.Name))))
	write := render.Headline
	if whole {
		fmt.Fprintf(w, "%s\n", prose(e.Prose))
		write = render.Text
	}
	if len(e.findings) == 0 {
		fmt.Fprintln(w, "No findings.")
	}
	for i, f := range e.findings {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := write(w, f, render.TextOptions{Color: color}); err != nil {
			return err
		}
	}
	for _, c := range e.complaints {
		fmt.Fprintf(w, "\n%s\n", c)
	}
	return nil
}

// prose is a story in lines of 80 columns.
func prose(s string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(render.Paragraph("", paragraph))
	}
	return b.String()
}

// table says how all stories ended: those that end otherwise than they expect, all
// if that is asked for, and how many there are of which.
func table(w io.Writer, told []ending, all bool) {
	fmt.Fprintf(w, "\n── all %d stories %s\n\n", len(told), strings.Repeat("─", 60))
	for _, e := range told {
		if all || len(e.complaints) > 0 {
			fmt.Fprintf(w, "  %-54s %s\n", e.Name, e.inShort())
		}
		for _, c := range e.complaints {
			fmt.Fprint(w, render.Paragraph("    ", c))
		}
	}
	quiet, t := 0, tally{verdicts: map[incident.Verdict]int{}}
	for _, e := range told {
		if f, ok := e.grave(); ok && f.Severity > incident.Informational {
			t.verdicts[f.Verdict]++
		} else {
			quiet++
		}
	}
	counts := fmt.Sprintf("%s, %d quiet", t.words(replayOptions{}), quiet)
	if all {
		fmt.Fprintln(w)
	} else {
		counts += "; -v tells those above in full, and lists all"
	}
	fmt.Fprint(w, render.Paragraph("  ", counts))
}

// inShort is how a story ended, in a few words.
func (e ending) inShort() string {
	var parts []string
	for _, f := range e.findings {
		if f.Severity > incident.Informational {
			parts = append(parts, string(f.Verdict))
		}
	}
	if len(parts) == 0 {
		return "quiet"
	}
	return strings.Join(parts, ", ")
}
