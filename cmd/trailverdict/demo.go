package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
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

// tellAll is how many stories are told in full; of more, one for each verdict.
const tellAll = 8

func (p *program) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo [PATH…]",
		Short: "Decide about recorded stories, to see what the findings are like",
		Long: `Demo replays stories: recorded events with what happened in words, and with the
findings that they should give. Without a PATH it tells a few that it brings
along; a PATH is a story (.txtar) or a folder of them, yours or this project's.

Of many stories it tells one for each verdict, and lists the others.

Exit status: 0 all stories end as they expect, 1 one does not or cannot be read.`,
		Example: `  trailverdict demo
  trailverdict demo events/scenario
  trailverdict demo events/scenario/trust_opened-foreign-account.txtar`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.demo(cmd.Context(), args) },
	}
}

func (p *program) demo(ctx context.Context, paths []string) error {
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
		if err := e.tell(&b, p.colors(p.stdout)); err != nil {
			return err
		}
	}
	if len(told) > tellAll {
		table(&b, told)
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
			return nil, usageError{err}
		}
		if info.IsDir() {
			found, err := scenario.Load(os.DirFS(path))
			if err != nil {
				return nil, err
			}
			stories = append(stories, found...)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
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

// telling are the stories to tell in full: all, or the first for each verdict.
func telling(told []ending) []ending {
	if len(told) <= tellAll {
		return told
	}
	var chosen []ending
	for _, v := range incident.Verdicts {
		for _, e := range told {
			if f, ok := e.grave(); ok && f.Verdict == v && len(e.complaints) == 0 {
				chosen = append(chosen, e)
				break
			}
		}
	}
	return chosen
}

func (e ending) tell(w io.Writer, color bool) error {
	fmt.Fprintf(w, "── %s %s\n\n", e.Name, strings.Repeat("─", max(0, 76-len(e.Name))))
	for line := range strings.Lines(e.Prose) {
		fmt.Fprintln(w, render.Printable(strings.TrimRight(line, "\n")))
	}
	if len(e.findings) == 0 {
		fmt.Fprintf(w, "\nNo findings.\n")
	}
	for _, f := range e.findings {
		fmt.Fprintln(w)
		if err := render.Text(w, f, render.TextOptions{Color: color}); err != nil {
			return err
		}
	}
	for _, c := range e.complaints {
		fmt.Fprintf(w, "\n%s\n", c)
	}
	return nil
}

// table lists how every story ended, one a line.
func table(w io.Writer, told []ending) {
	fmt.Fprintf(w, "\n── all %d stories %s\n\n", len(told), strings.Repeat("─", 60))
	for _, e := range told {
		fmt.Fprintf(w, "  %-54s %s\n", e.Name, e.inShort())
		for _, c := range e.complaints {
			fmt.Fprintf(w, "    %s\n", c)
		}
	}
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
