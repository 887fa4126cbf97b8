package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/schema"
)

// configSchema is the name of the one schema that package schema leaves to
// another.
const configSchema = "config"

func (p *program) schemaCommand() *cobra.Command {
	names := append(schema.Names(), configSchema)
	slices.Sort(names)
	return &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON Schema of findings, or of other output",
		Long: `Schema prints the JSON Schema of what is written as JSON: of findings, unless
another NAME is given. What says "schema":"trailverdict.check/v1" keeps to that
of check.

  finding        what replay prints, and the findings topic and event bus carry
  check          what checks prints: a change beyond a guard rail
  report         what report prints, and the reports bucket keeps
  canary         a test alert on the findings topic
  investigation  what investigate prints
  explanation    what investigate --error prints
  comparison     what replay --compare prints
  sweep          what replay --sweep prints
  doctor         what doctor prints
  cost           what cost prints
  config         the configuration file
  failure        what programs report: a line in a log, or an event's detail`,
		Example: `  trailverdict schema > finding.schema.json
  trailverdict schema check`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "finding"
			if len(args) > 0 {
				name = args[0]
			}
			if !slices.Contains(names, name) {
				return usageError{fmt.Errorf("there is no schema %q; there are %s", name, strings.Join(names, ", "))}
			}
			text := schema.Of(name)
			if name == configSchema {
				text = string(config.Schema())
			}
			_, err := fmt.Fprint(p.stdout, text)
			return err
		},
	}
}
