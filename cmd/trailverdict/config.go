package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration file, or print its schema",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "check FILE",
		Short:   "Say what is wrong with a configuration file, and where",
		Example: "  trailverdict config check trailverdict.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("config check needs the name of one configuration file")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			_, warnings, err := checkConfig(args[0], time.Now())
			for _, w := range warnings {
				fmt.Fprintf(p.stderr, "%s\n", w)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "%s is valid\n", args[0])
			return err
		},
	}, &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		Long: `Schema prints the JSON Schema of the configuration file. Editors use it to
complete and check the file while it is written.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := p.stdout.Write(config.Schema())
			return err
		},
	})
	return cmd
}
