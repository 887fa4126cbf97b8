package main

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/aws/inspect"
	"github.com/trailverdict/trailverdict/internal/doctor"
	"github.com/trailverdict/trailverdict/internal/policy"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	format  *choice
	profile string
	stack   string
	config  string
	regions []string
	before  bool
	policy  bool
}

func (p *program) doctorCommand() *cobra.Command {
	o := doctorOptions{format: newChoice("text", "json")}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an account, before and after the detector is deployed there",
		Long: `Doctor looks for what keeps the detector from working in an account: no trail
that logs, Regions in use without a forwarder, rules that are disabled or
changed, encryption and policies that block delivery, subscriptions that nobody
confirmed. Each problem comes with what puts it right.

It only reads, with the credentials that the AWS CLI would take. --policy prints
an IAM policy of all that it asks. What it may not read it says, and checks the
rest. Nothing is sent anywhere but to AWS.

Exit status: 0 everything was checked and is in order (there may be advice), 1 a
problem, something that could not be checked, or no answer from AWS, 2 usage.`,
		Example: `  trailverdict doctor --before             # is the account ready?
  trailverdict doctor                      # does what is deployed work?
  trailverdict doctor -c trailverdict.yaml # does it suit the configuration?
  trailverdict doctor --policy > doctor-policy.json
  trailverdict doctor --format json | jq '.findings[].status'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context(), o) },
	}
	f := cmd.Flags()
	o.format.add(cmd, "format", "how to print what was found")
	f.StringVarP(&o.config, "config", "c", "", "check that what is deployed suits the configuration in `FILE`")
	f.BoolVar(&o.before, "before", false, "check what must hold before the detector is deployed")
	f.BoolVar(&o.policy, "policy", false, "print an IAM policy of what doctor reads, and read nothing")
	f.StringVar(&o.profile, "profile", "", "take the credentials of the profile `NAME`")
	f.StringSliceVar(&o.regions, "region", nil, "look at `REGION` and the home Region alone; may be given several times (default: all that are switched on)")
	f.StringVar(&o.stack, "stack", "trailverdict", "the `NAME` of the stacks")
	return cmd
}

var (
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	stackName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)
)

func (o doctorOptions) check() error {
	for _, r := range o.regions {
		if !regionName.MatchString(r) {
			return usageError{fmt.Errorf("--region %q: expected a Region such as eu-west-1", r)}
		}
	}
	if !stackName.MatchString(o.stack) {
		return usageError{fmt.Errorf("--stack %q: expected a letter, then letters, digits and hyphens", o.stack)}
	}
	return nil
}

func (p *program) doctor(ctx context.Context, o doctorOptions) error {
	if o.policy {
		return policy.Permit(p.stdout, "TrailverdictDoctor", doctor.Permissions())
	}
	if err := o.check(); err != nil {
		return err
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	spinner := p.spinner()
	facts, err := inspect.Account(ctx, inspect.Options{Profile: o.profile, Stack: o.stack, Before: o.before, Regions: o.regions, Tell: spinner.tell})
	spinner.finish()
	if err != nil {
		return err
	}
	facts.GuardRails = c.Settings.Checks.StaticCredentials
	e := doctor.Examine(facts)
	write := doctor.Text
	if o.format.value == "json" {
		write = doctor.JSON
	}
	if err := write(p.stdout, e); err != nil {
		return err
	}
	if !e.Sound() {
		return fmt.Errorf("not all is well: %s", e.Counts())
	}
	return nil
}
