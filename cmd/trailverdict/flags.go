package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

// longestChoice is how long the list of words may be that stands beside a flag's
// name in the help.
const longestChoice = 24

// newChoice takes the first of words as its default.
func newChoice(words ...string) *choice { return &choice{words[0], words} }

func (c *choice) String() string { return c.value }

// Type is the words themselves, which the help shows where they are few. No word
// stands for none.
func (c *choice) Type() string {
	if s := strings.TrimPrefix(strings.Join(c.words, "|"), "|"); len(s) <= longestChoice {
		return s
	}
	return "WORD"
}

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	c.value = s
	return nil
}

// add registers c, with its words as completions.
func (c *choice) add(cmd *cobra.Command, name, usage string) {
	if c.Type() == "WORD" {
		usage += ": " + strings.TrimPrefix(strings.Join(c.words, ", "), ", ")
	}
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

// somePaths refuses a command line that names nothing to read.
func somePaths(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a file, a folder, or - for standard input", cmd.Name())
	}
	return nil
}
