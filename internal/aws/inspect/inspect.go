// Package inspect reads from an account what package doctor judges.
//
// It changes nothing: it makes the calls that doctor's catalogue names as
// permissions, and no others. What it may not read, or what does not answer,
// becomes a gap beside the facts, and the rest is read all the same. It keeps to
// the rates at which AWS answers: LookupEvents is asked once a second in each
// Region, and what is throttled is asked again later, as the SDK does.
package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/doctor"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Options say what to look at.
type Options struct {
	// Profile names credentials in the shared configuration; empty for the usual
	// ones.
	Profile string
	Stack   string
	Before  bool
	// Regions limits the look to these and the home Region. If it is empty, all
	// that the account can use are looked at.
	Regions []string
	// Tell is told what is being read. It may be called by several goroutines.
	Tell func(string)
}

// attempts are how often a request is made before it counts as failed.
const attempts = 5

// Account reads the account that the environment has credentials of. An error
// means that there is nothing to judge: no credentials, or none that AWS takes.
func Account(ctx context.Context, o Options) (doctor.Facts, error) {
	cfg, err := Config(ctx, o.Profile)
	if err != nil {
		return doctor.Facts{}, err
	}
	return Look(ctx, cfg, o, Clock{Now: time.Now, Sleep: backoff.Sleep})
}

// Config is the configuration that the AWS CLI would take, with the credentials
// of a profile or, if it is empty, the usual ones.
func Config(ctx context.Context, profile string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(profile), config.WithRetryMaxAttempts(attempts), config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return cfg, nil
}

// Clock is where time comes from.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// inspector reads one account.
type inspector struct {
	Options
	cfg   aws.Config
	clock Clock
	facts doctor.Facts

	mu     sync.Mutex
	trails map[string]doctor.Trail // by ARN: a trail of all Regions is seen in each
}

// Look reads an account with a configuration.
func Look(ctx context.Context, cfg aws.Config, o Options, c Clock) (doctor.Facts, error) {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	i := &inspector{Options: o, cfg: cfg, clock: c, trails: map[string]doctor.Trail{}}
	anywhere := cfg.Region // in the partition
	if len(o.Regions) > 0 {
		anywhere = o.Regions[0]
	}
	i.facts = doctor.Facts{Stack: o.Stack, Before: o.Before, Home: Home(anywhere), Now: c.Now(), ByPlace: map[string]doctor.Region{}}
	if err := i.caller(ctx); err != nil {
		return doctor.Facts{}, err
	}
	i.place(ctx)
	i.regions(ctx)
	if err := ctx.Err(); err != nil {
		return doctor.Facts{}, err
	}
	return i.facts, nil
}

// watching ends the name of the stack that watches the others.
const watching = "-watch"

// Home is the Region in which the events of IAM are delivered and kept, in the
// partition of another Region.
func Home(region string) string {
	return cmp.Or(lineage.HomeRegion(lineage.PartitionOf(region)), lineage.HomeRegion("aws"))
}

// in is the configuration for a Region.
func (i *inspector) in(region string) aws.Config {
	cfg := i.cfg.Copy()
	cfg.Region = region
	return cfg
}

// caller says who asks, and how far this machine's clock is off.
func (i *inspector) caller(ctx context.Context) error {
	i.Tell("who asks")
	who, err := Whose(ctx, i.in(i.facts.Home))
	if err != nil {
		return err
	}
	i.facts.Account, i.facts.Caller, i.facts.Partition, i.facts.Skew = who.Account, who.ARN, who.Partition, who.Skew
	return nil
}

// Identity is whose credentials a configuration has.
type Identity struct {
	Account, Partition, ARN string
	Skew                    time.Duration // how far this machine's clock is ahead
}

// Whose asks whose credentials a configuration has.
func Whose(ctx context.Context, cfg aws.Config) (Identity, error) {
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return Identity{}, fmt.Errorf("there are no AWS credentials: sign in as for the AWS CLI, or name a profile (%s)", innermost(err))
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return Identity{}, fmt.Errorf("ask whose credentials these are: %w", Credentials(err))
	}
	who := Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}
	if a, err := arn.Parse(who.ARN); err == nil {
		who.Partition = a.Partition
	}
	server, known := middleware.GetServerTime(out.ResultMetadata)
	received, ok := middleware.GetResponseAt(out.ResultMetadata)
	if known && ok {
		who.Skew = received.Sub(server).Truncate(time.Second) // AWS's time has seconds alone
	}
	return who, nil
}

// place reads what there is once.
func (i *inspector) place(ctx context.Context) {
	i.facts.Looked = []string{i.facts.Home}
	i.Tell("which Regions can be used")
	if len(i.Regions) == 0 {
		i.facts.Regions = i.usable(ctx)
		i.look(i.facts.Regions.Value)
	} else {
		i.facts.Regions.Value = i.Regions
		i.look(i.Regions)
	}
	functions, err := lambda.NewFromConfig(i.in(i.facts.Home)).GetAccountSettings(ctx, nil)
	i.facts.Spare = answer("lambda:GetAccountSettings", i.facts.Home, err, func() int {
		return int(aws.ToInt32(functions.AccountLimit.UnreservedConcurrentExecutions))
	})
	if i.Before {
		return
	}
	bus, err := eventbridge.NewFromConfig(i.in(i.facts.Home)).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String("default")})
	i.facts.Bus = answer("events:DescribeEventBus", i.facts.Home, err, func() string { return aws.ToString(bus.Policy) })
}

// look adds Regions to those that are looked at.
func (i *inspector) look(regions []string) {
	for _, region := range regions {
		if !slices.Contains(i.facts.Looked, region) {
			i.facts.Looked = append(i.facts.Looked, region)
		}
	}
	slices.Sort(i.facts.Looked[1:])
}

// usable are the Regions that are switched on.
func (i *inspector) usable(ctx context.Context) doctor.Answer[[]string] {
	list, err := Usable(ctx, i.in(i.facts.Home))
	return answer("account:ListRegions", i.facts.Home, err, func() []string { return list })
}

// Usable are the Regions that are switched on for an account.
func Usable(ctx context.Context, cfg aws.Config) ([]string, error) {
	on := []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault}
	pages := account.NewListRegionsPaginator(account.NewFromConfig(cfg), &account.ListRegionsInput{RegionOptStatusContains: on})
	var list []string
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Regions {
			list = append(list, aws.ToString(r.RegionName))
		}
	}
	return list, nil
}

// atOnce is how many Regions are read at the same time.
const atOnce = 8

func (i *inspector) regions(ctx context.Context) {
	var wait sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for _, region := range i.facts.Looked {
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			r := i.region(ctx, region)
			i.mu.Lock()
			defer i.mu.Unlock()
			i.facts.ByPlace[region] = r
		})
	}
	wait.Wait()
}

func (i *inspector) region(ctx context.Context, region string) doctor.Region {
	i.Tell(region)
	set := i.Stack
	if region != i.facts.Home {
		set += "-forward"
	}
	r := doctor.Region{Stack: i.stack(ctx, region, i.Stack, set)}
	if region == i.facts.Home {
		if !i.Before {
			watch := i.stack(ctx, region, i.Stack+watching, i.Stack+watching)
			i.mu.Lock()
			i.facts.Watch = watch
			i.mu.Unlock()
		}
		r.Trails = i.trailsOf(ctx, region)
		return r
	}
	if !r.Stack.Known() {
		r.Use = i.use(ctx, region)
	}
	r.Trails = i.trailsOf(ctx, region)
	return r
}

// answer is a call's answer, or why there is none. The value is made if there
// was no error.
func answer[T any](action, region string, err error, value func() T) doctor.Answer[T] {
	if err != nil {
		return gap[T](action, region, err)
	}
	return doctor.Answer[T]{Value: value()}
}

// Codes of AWS's errors.
var (
	absent  = []string{"ResourceNotFoundException", "NotFound", "NotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
	refused = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
	strange = []string{"InvalidClientTokenId", "UnrecognizedClientException", "OptInRequired"}
)

// apiError is an error that AWS answered with.
type apiError interface {
	ErrorCode() string
	ErrorMessage() string
}

// gap is an answer that an error stands in place of. Messages of AWS's errors are
// not kept: they quote requests.
func gap[T any](action, region string, err error) doctor.Answer[T] {
	g := &doctor.Gap{Action: action, Region: region}
	var api apiError
	if !errors.As(err, &api) {
		g.Reason = unreached(err)
		return doctor.Answer[T]{Gap: g}
	}
	code := api.ErrorCode()
	switch {
	case slices.Contains(absent, code), code == "ValidationError" && strings.HasSuffix(api.ErrorMessage(), "does not exist"):
		return doctor.Answer[T]{Missing: true}
	case slices.Contains(refused, code):
		g.Denied = true
	case slices.Contains(strange, code):
		g.Reason = code + ": these credentials are not valid in this Region, as those of the global STS endpoint are not where a Region must be switched on"
	default:
		g.Reason = "AWS answers " + code
	}
	return doctor.Answer[T]{Gap: g}
}

// unreached says why there was no answer.
func unreached(err error) string { return "no answer: " + innermost(err).Error() }

// innermost is the reason of an error, which names no request.
func innermost(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

// Credentials says what is wrong with those, where that is why AWS knows nobody.
// What AWS answers otherwise is reduced to its code: messages quote requests.
func Credentials(err error) error {
	var api apiError
	if !errors.As(err, &api) {
		return errors.New(unreached(err))
	}
	switch code := api.ErrorCode(); code {
	case "ExpiredToken", "ExpiredTokenException":
		return errors.New("the credentials have expired (" + code + "): sign in again, or take new ones")
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return errors.New("AWS does not know the credentials (" + code + "): they were deleted or disabled, lack their session token, or belong to another partition")
	case "SignatureDoesNotMatch":
		return errors.New("the secret does not belong to the access key, or this machine's clock is wrong (" + code + ")")
	default:
		return errors.New("AWS answers " + code)
	}
}
