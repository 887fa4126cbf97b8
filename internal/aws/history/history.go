// Package history reads CloudTrail's event history for somebody who waits for
// it: with the credentials of the environment, one request a second in each
// Region, of the two that the account has there for everybody, and more slowly
// where it is throttled all the same.
//
// Of what it reads it keeps what the detector keeps, and which calls were made
// with which key. Records, and the session tokens in them, end here.
package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/trailverdict/trailverdict/internal/aws/inspect"
	"github.com/trailverdict/trailverdict/internal/aws/lookup"
	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/investigate"
)

// Options say whose history is read, and where.
type Options struct {
	// Profile names credentials in the shared configuration; empty for the usual
	// ones.
	Profile string
	// Regions are those to ask. Without any it is the configured one and the
	// home Region, with "all" every one that is switched on.
	Regions []string
	// Tell is told when a request has to wait. It may be called by several
	// goroutines.
	Tell func(string)
}

// All stands for every Region that is switched on.
const All = "all"

// Account is an account whose history can be read.
type Account struct {
	ID, Partition, Home string
	// Regions are those that will be asked, the home Region first.
	Regions []string

	cfg   aws.Config
	clock Clock
	tell  func(string)
	mu    sync.Mutex
	paces map[string]*lookup.Pace // by Region
}

// Clock is where time comes from.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Open asks whose credentials the environment has.
func Open(ctx context.Context, o Options) (*Account, error) {
	cfg, err := inspect.Config(ctx, o.Profile)
	if err != nil {
		return nil, err
	}
	return OpenWith(ctx, cfg, o, Clock{time.Now, backoff.Sleep})
}

// OpenWith is Open with a configuration and a clock.
func OpenWith(ctx context.Context, cfg aws.Config, o Options, c Clock) (*Account, error) {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	named := slices.DeleteFunc(slices.Clone(o.Regions), func(r string) bool { return r == All })
	if cfg.Region == "" && len(named) > 0 {
		cfg.Region = named[0]
	}
	a := &Account{cfg: cfg, clock: c, tell: o.Tell, paces: map[string]*lookup.Pace{}, Home: inspect.Home(cfg.Region)}
	home := cfg.Copy()
	home.Region = a.Home
	who, err := inspect.Whose(ctx, home)
	if err != nil {
		return nil, err
	}
	a.ID, a.Partition = who.Account, who.Partition
	switch {
	case slices.Contains(o.Regions, All):
		if named, err = inspect.Usable(ctx, home); err != nil {
			return nil, fmt.Errorf("list the Regions that are switched on: %w", inspect.Credentials(err))
		}
	case len(named) == 0 && cfg.Region != "":
		named = []string{cfg.Region}
	}
	slices.Sort(named)
	a.Regions = []string{a.Home}
	for _, r := range named {
		if !slices.Contains(a.Regions, r) {
			a.Regions = append(a.Regions, r)
		}
	}
	return a, nil
}

// tries are how often a request is made before it counts as failed.
const tries = 6

// Page implements investigate.Events.
func (a *Account) Page(ctx context.Context, q investigate.Question, next string) (investigate.Page, error) {
	in := input(q, next)
	wait := backoff.New(2*time.Second, time.Minute)
	wait.Sleep = a.clock.Sleep
	var err error
	for try := range tries {
		if try > 0 {
			a.tell(fmt.Sprintf("%s is busy, waiting", q.Region))
		}
		if err := errors.Join(wait.Wait(ctx, try), a.turn(ctx, q.Region)); err != nil {
			return investigate.Page{}, err
		}
		var out *cloudtrail.LookupEventsOutput
		if out, err = a.client(q.Region).LookupEvents(ctx, in); err == nil {
			return decode(q.Region, out)
		}
		if ctx.Err() != nil {
			return investigate.Page{}, ctx.Err()
		}
		if !passing(err) {
			break
		}
	}
	return investigate.Page{}, failure(err)
}

func (a *Account) client(region string) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(a.cfg, func(o *cloudtrail.Options) {
		o.Region = region
		o.Retryer = aws.NopRetryer{} // retries spend the rate, and are counted here
	})
}

// turn waits until a request may be made in a Region.
func (a *Account) turn(ctx context.Context, region string) error {
	a.mu.Lock()
	if a.paces[region] == nil {
		a.paces[region] = new(lookup.Pace)
	}
	pace := a.paces[region]
	a.mu.Unlock()
	if d := pace.Next(a.clock.Now()); d > 0 {
		return a.clock.Sleep(ctx, d)
	}
	return ctx.Err()
}

func input(q investigate.Question, next string) *cloudtrail.LookupEventsInput {
	in := &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(lookup.PageSize), StartTime: aws.Time(q.From), EndTime: aws.Time(q.To)}
	if q.Attribute != investigate.Everything {
		in.LookupAttributes = []types.LookupAttribute{{AttributeKey: types.LookupAttributeKey(q.Attribute), AttributeValue: aws.String(q.Value)}}
	}
	if next != "" {
		in.NextToken = aws.String(next)
	}
	return in
}

// faults are AWS's own, which may be gone at the next try.
var faults = []string{"InternalFailure", "InternalServerError", "InternalError", "ServiceUnavailable", "ServiceUnavailableException"}

// passing reports whether an error may be gone at the next try: throttling, a
// fault of AWS's, a connection that broke.
func passing(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return true
	}
	return lookup.Throttled(err) || slices.Contains(faults, api.ErrorCode()) || api.ErrorFault() == smithy.FaultServer
}

// failure is an error without what quotes the request. Where the credentials
// are good and one Region refuses, the others can be asked.
func failure(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return inspect.Credentials(err)
	}
	switch code := api.ErrorCode(); {
	case strings.HasPrefix(code, "AccessDenied"), code == "UnauthorizedOperation":
		return &investigate.Refused{Permission: "cloudtrail:LookupEvents"}
	case code == "UnrecognizedClientException", code == "InvalidClientTokenId", code == "OptInRequired":
		return &investigate.Refused{Reason: "AWS answers " + code + ": the Region is not switched on, or does not take these credentials"}
	case lookup.Throttled(err):
		return &investigate.Refused{Reason: "throttled: others use up the account's two requests a second; try again later, what was read is kept"}
	}
	return inspect.Credentials(err)
}
