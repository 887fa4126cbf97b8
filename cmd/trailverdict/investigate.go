package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailverdict/trailverdict/internal/aws/history"
	"github.com/trailverdict/trailverdict/internal/explain"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/investigate"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/policy"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// investigateOptions are the flags of investigate.
type investigateOptions struct {
	format      *choice
	environment *choice
	since       moment
	asOf        moment
	key         string
	principal   string
	message     string
	asked       bool // about a message
	regions     []string
	profile     string
	config      string
	cache       string
	noCache     bool
	maxRequests int
	minSeverity severity
	verbose     bool
	policy      bool
}

func (p *program) investigateCommand() *cobra.Command {
	o := investigateOptions{
		format: newChoice("text", "json"), environment: newChoice("", "profile", "sso", "oidc", "ec2", "ecs", "eks", "lambda"),
		since: moment{ago: 24 * time.Hour}, minSeverity: severity{incident.Low},
	}
	cmd := &cobra.Command{
		Use:   "investigate",
		Short: "Ask an account about a key or principal, or explain an error",
		Long: `Investigate reads CloudTrail's event history with credentials that may read it,
and needs nothing deployed. It prints the verdicts, and the lineage of a key:
who issued it and from where, what it did, who cut it off, when it ends.

With --error it takes the text of an error that you have in front of you, and
says the likely cause, what to check in which order, and what mends it where the
credential is used. That needs no credentials. Together with --access-key it
does both.

It only reads: cloudtrail:LookupEvents, and account:ListRegions for --region
all; --policy prints that as an IAM policy. It makes one request a second in
each Region, of the two that the account has, keeps what it read in a cache that
holds no secrets, and goes on from there when it was interrupted.

Exit status: 0 no compromise, 3 at least one compromise (suppressed findings do
not count), 2 usage, 1 no answer from AWS or none that could be read.`,
		Example: `  trailverdict investigate                              # the last 24 hours
  trailverdict investigate --access-key ASIAQEXAMPLE00000001 --since 7d
  trailverdict investigate --principal orders-api --region eu-west-1
  trailverdict investigate --error "ExpiredToken: The provided token has …"
  pbpaste | trailverdict investigate --error - --environment eks`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.asked = cmd.Flags().Changed("error")
			return p.investigate(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.Var(&o.since, "since", "look back to TIME, or this long: 30m, 24h, 7d; at most 90d")
	f.StringVar(&o.key, "access-key", "", "ask about the access key `ID`")
	f.StringVar(&o.principal, "principal", "", "ask about a role or user, by `NAME` or ARN (a role with a path by its ARN)")
	f.StringVar(&o.message, "error", "", "explain the error `TEXT`, - for standard input")
	o.environment.add(cmd, "environment", "with --error, where the credential is used")
	f.StringSliceVar(&o.regions, "region", nil, "ask `REGION` besides the home Region, or all; may be given several times (default: the configured one)")
	f.StringVar(&o.profile, "profile", "", "take the credentials of the profile `NAME`")
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE`")
	f.Var(&o.asOf, "as-of", "look at the time before TIME, a day, a time, or how long ago (default: now)")
	f.IntVar(&o.maxRequests, "max-requests", 300, "make at most `N` requests, one a second in each Region")
	f.BoolVar(&o.noCache, "no-cache", false, "neither read nor keep what was read before")
	f.StringVar(&o.cache, "cache", "", "keep what was read in `FOLDER` (default: trailverdict in the user's cache)")
	o.format.add(cmd, "format", "how to print the answer")
	f.Var(&o.minSeverity, "min-severity", "hide findings below LEVEL: informational, low, medium, high, critical")
	f.BoolVar(&o.policy, "policy", false, "print an IAM policy of what investigate reads, and read nothing")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print everything: all evidence, keys, calls and checks")
	_ = cmd.RegisterFlagCompletionFunc("min-severity", cobra.FixedCompletions(incident.Severities, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// longestPeriod is how far the event history goes back.
const longestPeriod = 90 * 24 * time.Hour

var (
	accessKeyID   = regexp.MustCompile(`^A[KS]IA[A-Z0-9]{12,124}$`)
	principalARN  = regexp.MustCompile(`^arn:(aws[a-z-]*):(?:iam|sts)::(\d{12}):(role|user|assumed-role)/(.+)$`)
	principalName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
)

// period is the time to look at.
func (o investigateOptions) period(now time.Time) (from, to time.Time) {
	to = o.asOf.or(now)
	return o.since.before(to), to
}

func (o investigateOptions) check(now time.Time) error {
	switch {
	case o.asked && strings.TrimSpace(o.message) == "":
		return errors.New("--error is empty: give the text of the error, or - to read it")
	case o.key != "" && o.principal != "":
		return errors.New("--access-key and --principal are two questions; ask one")
	case o.message != "" && o.principal != "":
		return errors.New("--error goes with --access-key, not with --principal")
	case o.environment.value != "" && o.message == "":
		return errors.New("--environment is for --error")
	case o.key != "" && !accessKeyID.MatchString(o.key):
		// What was given is not repeated: it may be a secret key.
		return errors.New("--access-key: expected an id that begins with AKIA or ASIA, not the secret")
	case o.principal != "" && !principalARN.MatchString(o.principal) && !principalName.MatchString(o.principal):
		return fmt.Errorf("--principal %q: expected the name or ARN of a role or user", o.principal)
	case o.maxRequests < 1:
		return fmt.Errorf("--max-requests must be at least 1, not %d", o.maxRequests)
	case o.noCache && o.cache != "":
		return errors.New("--no-cache and --cache contradict each other")
	}
	switch from, to := o.period(now); {
	case !from.Before(to):
		return errors.New("--since must lie before --as-of, and before now")
	case to.Sub(from) > longestPeriod:
		return errors.New("--since: the event history goes back 90 days")
	}
	for _, r := range o.regions {
		if r != history.All && !regionName.MatchString(r) {
			return fmt.Errorf("--region %q: expected a Region such as eu-west-1, or all", r)
		}
	}
	return nil
}

func (p *program) investigate(ctx context.Context, o investigateOptions) error {
	if o.policy {
		return policy.Permit(p.stdout, "TrailverdictInvestigate", investigate.Permissions())
	}
	now := time.Now()
	if err := o.check(now); err != nil {
		return usageError{err}
	}
	if o.message != "" {
		if err := p.explain(o); err != nil || o.key == "" {
			return err
		}
		if o.format.value == "text" {
			fmt.Fprintf(p.stdout, "\n%s\n\n", strings.Repeat("─", 80))
		}
	}
	return p.lookInto(ctx, o, now)
}

// longestMessage bounds what is read of an error's text.
const longestMessage = 1 << 20

// explain answers --error.
func (p *program) explain(o investigateOptions) error {
	message := o.message
	if message == "-" {
		b, err := io.ReadAll(io.LimitReader(p.stdin, longestMessage))
		if err != nil {
			return fmt.Errorf("read the error's text: %w", err)
		}
		message = string(b)
	}
	a := explain.Error(message, explain.Environment(o.environment.value))
	if a.KeyID == "" {
		a = a.About(o.key)
	}
	if o.format.value == "json" {
		return explain.JSON(p.stdout, a)
	}
	return explain.Text(p.stdout, a, explain.TextOptions{Color: p.colors(p.stdout), Verbose: o.verbose})
}

// errKept is that of an investigation that was interrupted.
var errKept = errors.New("interrupted; what was read is kept, and the same command goes on from there")

// lookInto asks the account.
func (p *program) lookInto(ctx context.Context, o investigateOptions, now time.Time) error {
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	cache, err := p.openCache(o)
	if err != nil {
		return err
	}
	spinner := p.spinner()
	account, err := history.Open(ctx, history.Options{Profile: o.profile, Regions: o.regions, Tell: spinner.tell})
	if err != nil {
		spinner.finish()
		return err
	}
	r := o.request(account, now)
	r.Settings = c.Settings
	result, err := investigate.Run(ctx, r, account, cache, func(now investigate.Progress) {
		// A line that is wider than a terminal cannot be wiped away.
		spinner.tell(fmt.Sprintf("%s (%s)", render.Short(now.Asking, 46), render.Count(now.Requests, "request")))
	})
	spinner.finish()
	switch {
	case ctx.Err() != nil && cache != nil:
		return errKept
	case err != nil:
		return err
	}
	if err := p.writeInvestigation(result, o); err != nil {
		return err
	}
	return verdictOf(result)
}

func (p *program) writeInvestigation(r investigate.Result, o investigateOptions) error {
	if o.format.value == "json" {
		return investigate.JSON(p.stdout, r)
	}
	return investigate.Text(p.stdout, r, investigate.TextOptions{Color: p.colors(p.stdout), Verbose: o.verbose, MinSeverity: o.minSeverity.Severity})
}

// verdictOf says how the program ends.
func verdictOf(r investigate.Result) error {
	for _, f := range slices.Concat(r.Findings, r.Others) {
		_, suppressed := routing.Of(r.Settings).Silenced(f, r.To)
		if f.Verdict == incident.Compromise && !suppressed {
			return errCompromise
		}
	}
	if r.Events == 0 && len(r.Unread) > 0 {
		return fmt.Errorf("nothing could be read: %s", r.Unread[0].Why)
	}
	return nil
}

// request is what to ask an account.
func (o investigateOptions) request(a *history.Account, now time.Time) investigate.Request {
	from, to := o.period(now)
	r := investigate.Request{
		Account: a.ID, Partition: a.Partition, Home: a.Home, Regions: a.Regions,
		Key: o.key, From: from, To: to, Now: now, MaxRequests: o.maxRequests,
	}
	if o.principal != "" {
		r.Principal = principalOf(o.principal, a)
	}
	return r
}

// principalOf reads a name or an ARN. A session's ARN means its role.
func principalOf(s string, a *history.Account) incident.Principal {
	m := principalARN.FindStringSubmatch(s)
	if m == nil {
		return incident.Principal{Partition: a.Partition, Account: a.ID, Name: s}
	}
	p := incident.Principal{Type: incident.PrincipalType(m[3]), Partition: m[1], Account: m[2], Name: m[4][strings.LastIndexByte(m[4], '/')+1:], ARN: s}
	if m[3] == "assumed-role" {
		p.Type, p.Name = incident.Role, strings.SplitN(m[4], "/", 2)[0]
		p.ARN = lineage.RoleARN(p.Partition, p.Account, p.Name)
	}
	return p
}

// openCache opens the folder of what was read before; nil for none. Without a
// place for one, everything is read anew.
func (p *program) openCache(o investigateOptions) (investigate.Cache, error) {
	if o.noCache {
		return nil, nil
	}
	folder := o.cache
	if folder == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, nil
		}
		folder = filepath.Join(base, "trailverdict")
	}
	cache, err := investigate.OpenFolder(folder, time.Now())
	if err != nil && o.cache == "" {
		return nil, nil // a home that cannot be written is no reason to fail
	}
	return cache, err
}
