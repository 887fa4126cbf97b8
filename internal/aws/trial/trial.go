// Package trial tries the way from an event to an alert in a deployed account: it
// puts a canary on the event bus of a Region, and waits until the detector has
// written down that its test alert went out.
//
// It needs cloudformation:DescribeStacks for the home stack, events:PutEvents for
// the default bus, and dynamodb:Query for the detector's table.
package trial

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/trailverdict/trailverdict/internal/aws/canary"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/inspect"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Options says where to try.
type Options struct {
	Profile  string // of the credentials; empty means those of the environment
	Stack    string // the home stack's name
	Region   string // on whose bus the canary is put; empty means the home Region's
	Patience time.Duration
	// Tell is told how far it has come.
	Tell   func(string)
	Getenv func(string) string
}

// Result is how a canary fared.
type Result struct {
	ID, Region string
	Sent       time.Time // as it stands in the event
	Kept       bool      // it came as far as the table
	Told       time.Time // zero if no alert went out in time
}

// Took is the time from the event to the alert.
func (r Result) Took() time.Duration { return r.Told.Sub(r.Sent) }

// ErrLost says that no test alert went out in time.
var ErrLost = errors.New("no test alert went out in time")

// output is the home stack's output that names the table.
const output = "TableName"

// Run sends a canary and waits for its alert. The result is of use with ErrLost,
// too.
func Run(ctx context.Context, o Options) (Result, error) {
	cfg, err := inspect.Config(ctx, o.Profile)
	if err != nil {
		return Result{}, err
	}
	if o.Region == "" {
		o.Region = inspect.Home(cfg.Region)
	}
	home := cfg.Copy()
	home.Region, cfg.Region = inspect.Home(o.Region), o.Region
	if _, err := inspect.Whose(ctx, home); err != nil {
		return Result{}, err
	}
	o.Tell("looking for the stack " + o.Stack)
	table, err := tableOf(ctx, home, o.Stack)
	if err != nil {
		return Result{}, err
	}
	r := Result{ID: "cli-" + rand.Text(), Region: o.Region, Sent: time.Now().UTC()}
	if err := put(ctx, cfg, r); err != nil {
		return r, err
	}
	o.Tell("waiting for the alert of " + r.ID)
	err = wait(ctx, canary.New(ddb.NewClient(home, o.Getenv), table), o.Patience, &r)
	return r, err
}

func tableOf(ctx context.Context, cfg aws.Config, stack string) (string, error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "ValidationError":
		return "", fmt.Errorf("there is no stack %s in %s: deploy it first, or name another", stack, cfg.Region)
	case err != nil:
		return "", fmt.Errorf("look for the stack %s in %s: %w", stack, cfg.Region, inspect.Credentials(err))
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == output {
				return aws.ToString(o.OutputValue), nil
			}
		}
	}
	return "", fmt.Errorf("the stack %s in %s does not name its table: deploy it again, with this version", stack, cfg.Region)
}

func put(ctx context.Context, cfg aws.Config, r Result) error {
	detail, err := json.Marshal(map[string]string{"canaryId": r.ID, "sentAt": r.Sent.Format(time.RFC3339Nano)})
	if err != nil {
		return fmt.Errorf("write the canary: %w", err)
	}
	out, err := eventbridge.NewFromConfig(cfg).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String(trail.CanarySource), DetailType: aws.String(trail.CanaryDetailType), Detail: aws.String(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("put the canary on the event bus of %s: %w", r.Region, inspect.Credentials(err))
	}
	if out.FailedEntryCount > 0 && len(out.Entries) > 0 {
		return fmt.Errorf("put the canary on the event bus of %s: refused: %s", r.Region, aws.ToString(out.Entries[0].ErrorCode))
	}
	return nil
}

// wait looks into the table until the alert has gone out.
func wait(ctx context.Context, table *canary.Table, patience time.Duration, r *Result) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	late := time.After(patience)
	for {
		told, kept, err := table.When(ctx, r.ID)
		if err != nil {
			return err
		}
		r.Told, r.Kept = told, kept
		if !told.IsZero() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return ErrLost
		case <-tick.C:
		}
	}
}
