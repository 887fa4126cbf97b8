package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

// newChoice takes the first of words as its default.
func newChoice(words ...string) *choice { return &choice{words[0], words} }

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.TrimPrefix(strings.Join(c.words, "|"), "|") } // no word stands for none

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	c.value = s
	return nil
}

// add registers c, with its words as completions.
func (c *choice) add(cmd *cobra.Command, name, usage string) {
	cmd.Flags().Var(c, name, usage)
	// It fails for names of no flag alone.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp))
}

// severity is a flag that takes a severity's name.
type severity struct{ incident.Severity }

func (s *severity) Type() string { return "LEVEL" }

func (s *severity) Set(name string) error {
	i := slices.Index(incident.Severities, name)
	if i < 0 {
		return fmt.Errorf("must be one of %s", strings.Join(incident.Severities, ", "))
	}
	s.Severity = incident.Severity(i)
	return nil
}

// instant is a flag that takes a time. It is zero until it is set.
type instant struct{ time.Time }

func (i *instant) Type() string { return "TIME" }

func (i *instant) String() string {
	if i.IsZero() {
		return ""
	}
	return i.Format(time.RFC3339)
}

func (i *instant) Set(s string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			i.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("must be a time such as 2026-03-01T10:00:00Z, or a date")
}

// somePaths refuses a command line that names nothing to read.
func somePaths(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a file, a folder, or - for standard input", cmd.Name())
	}
	return nil
}
