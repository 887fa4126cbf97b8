package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/aws/trial"
)

// canaryOptions are the flags of canary.
type canaryOptions struct {
	profile, stack, region string
	patience               length
}

func (p *program) canaryCommand() *cobra.Command {
	o := canaryOptions{patience: length{2 * time.Minute}}
	cmd := &cobra.Command{
		Use:   "canary",
		Short: "Send a harmless event through the detector, and time its alert",
		Long: `Canary puts a harmless event on the event bus of a Region and waits until the
detector has published its test alert: by the rules, the queue, detect, the
table and its stream, notify, and the topic of findings. It prints how long that
took. The event is no evidence and makes no finding; routes that match a
verdict, a severity or a cause do not get the alert.

It takes the credentials that the AWS CLI would take, which must be allowed
cloudformation:DescribeStacks, events:PutEvents and dynamodb:Query.

Exit status: 0 the alert went out, 1 it did not, or AWS gave no answer, 2 usage.`,
		Example: `  trailverdict canary
  trailverdict canary --region eu-west-1   # from there, by its forwarder`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.canary(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "take the credentials of the profile `NAME`")
	f.StringVar(&o.stack, "stack", "trailverdict", "the `NAME` of the home stack")
	f.StringVar(&o.region, "region", "", "put the event on the bus of `REGION` (default: the home Region)")
	f.Var(&o.patience, "timeout", "wait this long for the alert")
	return cmd
}

func (o canaryOptions) check() error {
	switch {
	case o.region != "" && !regionName.MatchString(o.region):
		return usageError{fmt.Errorf("--region %q: expected a Region such as eu-west-1", o.region)}
	case !stackName.MatchString(o.stack):
		return usageError{fmt.Errorf("--stack %q: expected a letter, then letters, digits and hyphens", o.stack)}
	}
	return nil
}

func (p *program) canary(ctx context.Context, o canaryOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	spinner := p.spinner()
	r, err := trial.Run(ctx, trial.Options{
		Profile: o.profile, Stack: o.stack, Region: o.region, Patience: o.patience.Duration, Tell: spinner.tell, Getenv: p.getenv,
	})
	spinner.finish()
	switch {
	case errors.Is(err, trial.ErrLost) && r.Kept:
		return fmt.Errorf("canary %s: %w (%s): it is in the table, so look at the logs of notify and at the dead letters", r.ID, err, &o.patience)
	case errors.Is(err, trial.ErrLost):
		return fmt.Errorf("canary %s: %w (%s): it did not reach the table, so look at the rules, the logs of detect and the dead letters", r.ID, err, &o.patience)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "The test alert of canary %s went out %.1f s after its event in %s.\n", r.ID, r.Took().Seconds(), r.Region)
	return err
}
