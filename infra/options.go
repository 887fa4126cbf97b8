package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// options is what a deployment chooses, read from the CDK's context:
//
//	cdk deploy --all -c trailverdict:email=soc@example.com -c trailverdict:regions=eu-west-1
type options struct {
	name      string   // of the stacks, and the beginning of every part's name
	partition string   // aws, aws-cn or aws-us-gov
	account   string   // empty: whichever account the credentials are of
	regions   []string // those that forward to the home Region
	functions string   // the folder of the built functions

	config     config.Config
	configFile string   // empty: the defaults hold
	warnings   []string // about the configuration

	emails    []string // told everything, without a configuration file
	operators []string // told when the detector itself is in trouble or attacked
	socBus    string   // ARN of a central event bus that takes findings, too
	logGroups []string // whose lines are searched for failures and leaks

	implicitDenials bool
	createTrail     bool
	ownKeys         bool // customer-managed keys in place of AWS's own
	allAlarms       bool
	dashboard       bool
	canary          string // how often test alerts are sent: off, hourly or daily
	metrics         bool
	keepData        bool // on uninstalling
	reserve         bool // concurrency, so that a flood cannot starve the account's other functions
	logDays         float64
	linkHours       string // for which the link in a report's mail works, at most
	stackSet        bool   // templates for all accounts of an organization

	zips string // the folder for the functions' archives, if the template is to do without the CDK
}

// prefix begins the names of our keys in the context, which holds the CDK's own
// as well.
const prefix = "trailverdict:"

// readOptions reads the context. All problems are reported together, each with
// the key that it is about.
func readOptions(context map[string]any) (options, error) {
	r := contextReader{context: context, known: map[string]bool{}}
	o := options{
		name:            r.text("name", "trailverdict", nameForm, "a letter, then at most 23 letters, digits and hyphens"),
		partition:       r.oneOf("partition", "aws", "aws-cn", "aws-us-gov"),
		account:         r.text("account", "", accountForm, "the account's 12 digits"),
		regions:         r.list("regions", regionForm, "Regions such as eu-west-1, separated by commas"),
		functions:       r.text("functions", "build/functions", anyForm, "a folder"),
		configFile:      r.text("config", "", anyForm, "the path of a configuration file"),
		emails:          r.list("email", emailForm, "e-mail addresses, separated by commas"),
		operators:       r.list("operators", emailForm, "e-mail addresses, separated by commas"),
		socBus:          r.text("soc-bus", "", busForm, "the ARN of an event bus"),
		logGroups:       r.list("log-groups", logGroupForm, "names of log groups, separated by commas"),
		implicitDenials: r.oneOf("implicit-denials", "on", "off") == "on",
		createTrail:     r.oneOf("trail", "existing", "create") == "create",
		ownKeys:         r.oneOf("keys", "aws", "own") == "own",
		allAlarms:       r.oneOf("alarms", "essential", "all") == "all",
		dashboard:       r.oneOf("dashboard", "off", "on") == "on",
		canary:          r.oneOf("canary", "off", "hourly", "daily"),
		metrics:         r.oneOf("metrics", "off", "on") == "on",
		keepData:        r.oneOf("data", "delete", "keep") == "keep",
		reserve:         r.oneOf("reserved-concurrency", "on", "off") == "on",
		logDays:         r.days("log-days", 30),
		stackSet:        r.oneOf("stack-set", "off", "on") == "on",
		linkHours:       r.text("report-link-hours", "12", linkForm, "hours from 1 to 168"),
	}
	r.unknown()
	r.check(&o)
	return o, errors.Join(r.problems...)
}

var (
	anyForm      = regexp.MustCompile(`^.+$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,23}$`)
	accountForm  = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	emailForm    = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	busForm      = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]+$`)
	linkForm     = regexp.MustCompile(`^([1-9]|[1-9][0-9]|1[0-5][0-9]|16[0-8])$`) // S3's limit is a week
	logGroupForm = regexp.MustCompile(`^[A-Za-z0-9_/.#-]{1,512}$`)
)

// retentions are the days that CloudWatch Logs can keep log lines for.
var retentions = []float64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653}

// home is the Region in which IAM's events are delivered.
func (o options) home() string { return lineage.HomeRegion(o.partition) }

type contextReader struct {
	context  map[string]any
	known    map[string]bool
	problems []error
}

func (r *contextReader) problem(key, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("context %s%s: "+format, append([]any{prefix, key}, args...)...))
}

// value is a key's value as text; lists are joined by commas.
func (r *contextReader) value(key string) (string, bool) {
	r.known[prefix+key] = true
	v, ok := r.context[prefix+key]
	switch v := v.(type) {
	case nil:
		return "", false
	case []any:
		var texts []string
		for _, e := range v {
			texts = append(texts, fmt.Sprint(e))
		}
		return strings.Join(texts, ","), ok
	}
	return strings.TrimSpace(fmt.Sprint(v)), ok
}

func (r *contextReader) text(key, otherwise string, form *regexp.Regexp, what string) string {
	v, ok := r.value(key)
	if !ok {
		return otherwise
	}
	if !form.MatchString(v) {
		r.problem(key, "expected %s, got %q", what, v)
	}
	return v
}

// oneOf reads a choice, of which the first is made by default.
func (r *contextReader) oneOf(key string, choices ...string) string {
	v, ok := r.value(key)
	if !ok {
		return choices[0]
	}
	if !slices.Contains(choices, v) {
		r.problem(key, "expected one of %s, got %q", strings.Join(choices, ", "), v)
	}
	return v
}

func (r *contextReader) list(key string, form *regexp.Regexp, what string) []string {
	v, ok := r.value(key)
	if !ok {
		return nil
	}
	var list []string
	for e := range strings.SplitSeq(v, ",") {
		e = strings.TrimSpace(e)
		if !form.MatchString(e) {
			r.problem(key, "expected %s, got %q", what, e)
		}
		if slices.Contains(list, e) {
			r.problem(key, "%q is given twice", e)
		}
		list = append(list, e)
	}
	return list
}

func (r *contextReader) days(key string, otherwise float64) float64 {
	v, ok := r.value(key)
	if !ok {
		return otherwise
	}
	for _, n := range retentions {
		if fmt.Sprint(n) == v {
			return n
		}
	}
	r.problem(key, "expected a number of days that CloudWatch Logs knows (%s), got %q", strings.Trim(fmt.Sprint(retentions), "[]"), v)
	return otherwise
}

// unknown reports keys of ours that nobody reads: a misspelt one would be
// without effect.
func (r *contextReader) unknown() {
	for key := range r.context {
		if name, ours := strings.CutPrefix(key, prefix); ours && !r.known[key] {
			r.problem(name, "unknown key")
		}
	}
	slices.SortStableFunc(r.problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
}

// check reports values that do not fit one another, and reads the
// configuration.
func (r *contextReader) check(o *options) {
	for _, region := range o.regions {
		switch {
		case region == o.home():
			r.problem("regions", "%s is the home Region, which needs no forwarder", region)
		case lineage.PartitionOf(region) != o.partition:
			r.problem("regions", "%s is not in the partition %s", region, o.partition)
		}
	}
	if o.socBus != "" && !strings.HasPrefix(o.socBus, "arn:"+o.partition+":") {
		r.problem("soc-bus", "the bus is not in the partition %s", o.partition)
	}
	if len(o.operators) == 0 {
		o.operators = o.emails
	}
	if o.stackSet {
		r.checkStackSet(o)
	}
	o.config = config.Default()
	if o.configFile != "" {
		r.load(o)
	}
	r.checkLogGroups(o)
}

// In an account that a StackSet deploys to, a stack's name is the StackSet's
// between these and an id, and what CloudFormation makes of it to name a part is
// cut off, at the earliest where it is here.
const (
	setPrefix  = "StackSet-"
	leastNames = 25
)

// checkStackSet reports choices that are not the same in all accounts, and gives
// the stacks the names that they have in these.
func (r *contextReader) checkStackSet(o *options) {
	if most := leastNames - len(setPrefix) - 1; len(o.name) > most {
		r.problem("name", "expected at most %d characters, since the parts of a StackSet's stacks are known by it, got %q", most, o.name)
	}
	if o.account != "" {
		r.problem("account", "a StackSet is for many accounts: leave it out")
	}
	if len(o.regions) > 0 {
		r.problem("regions", "a StackSet's forwarder goes to the Regions that its instances are made in: leave it out")
	}
	o.name = setPrefix + o.name
}

func (r *contextReader) load(o *options) {
	text, err := os.ReadFile(o.configFile)
	if err != nil {
		r.problem("config", "%v", err)
		return
	}
	var warnings file.Problems
	if o.config, warnings, err = file.Check(o.configFile, text, time.Now(), time.LoadLocation); err != nil {
		r.problem("config", "%v", err)
		return
	}
	for _, w := range warnings {
		o.warnings = append(o.warnings, w.String())
	}
	// The addresses in the context are routes, too.
	for _, i := range routing.Limits(o.routes()) {
		r.problem("config", "%s", i.Message)
	}
}

// maxGroups is how many log groups may start intake: each is a statement of some
// 500 characters in its policy, for which Lambda has 20,480.
const maxGroups = 40

// checkLogGroups reports log groups that cannot be searched. That others have
// taken both of the subscription filters that a group may have, only the account
// knows.
func (r *contextReader) checkLogGroups(o *options) {
	wanted := o.wantedLogGroups()
	if len(wanted) > maxGroups {
		r.problem("log-groups", "%d log groups are to be searched, those of the configuration included, and Lambda lets %d start a function", len(wanted), maxGroups)
	}
	for _, group := range wanted {
		if strings.HasPrefix(group, o.name+"-") {
			r.problem("log-groups", "%s is one of the detector's own: each of its lines would make another", group)
		}
	}
}
