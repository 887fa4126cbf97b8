package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/rules"
)

func stackChecks() []Check {
	return []Check{
		{
			ID: "stacks", Title: "the stacks are deployed",
			Why:   "A stack that is not there, or whose last change failed, has parts that are missing or old.",
			Needs: []string{"cloudformation:DescribeStacks"},
			run:   stacks,
		},
		{
			ID: "parts", Title: "nothing was deleted behind CloudFormation's back",
			Why: "CloudFormation does not notice that a part is gone. If nobody of yours deleted it, somebody is blinding the detector.",
			Needs: []string{
				"cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudwatch:DescribeAlarms", "dynamodb:DescribeTable", "events:ListRules", "lambda:GetEventSourceMapping",
				"lambda:GetFunctionConfiguration", "logs:DescribeLogGroups", "scheduler:GetSchedule", "sns:GetTopicAttributes", "sqs:GetQueueAttributes",
			},
			run: parts,
		},
		{
			ID: "rules", Title: "the rules are enabled, and have targets",
			Why:   "A disabled rule takes no events. A rule for calls that read must have the state " + allEvents + ": with plain ENABLED, EventBridge leaves these out.",
			Needs: []string{"cloudformation:DescribeStacks", "cloudformation:ListStackResources", "events:ListRules", "events:ListTargetsByRule"},
			run:   ruleStates,
		},
		{
			ID: "patterns", Title: "the rules take what this version understands",
			Why:   "Either another version is deployed than this command, or somebody changed what a rule takes.",
			Needs: []string{"cloudformation:DescribeStacks", "cloudformation:ListStackResources", "events:ListRules"},
			run:   patterns,
		},
		{
			ID: "guard-rails", Title: "the guard rails that the configuration asks for have their rules",
			Why:   "Environments are looked at only where a rule takes the events that set them, and the rules are in the stacks only if the configuration asked for them when they were deployed.",
			Needs: []string{"cloudformation:DescribeStacks", "cloudformation:ListStackResources"},
			run:   guardRails,
		},
		{
			ID: "bus", Title: "the home bus takes what forwarders send",
			Why:   "Forwarders put events on the home Region's default bus. A statement of its policy that denies goes before their role's permission.",
			Needs: []string{"cloudformation:DescribeStacks", "events:DescribeEventBus"},
			run:   bus,
		},
	}
}

func stacks(x *exam) {
	home, ok := know(x, x.ByPlace[x.Home].Stack)
	if x.ByPlace[x.Home].Stack.Missing {
		x.problem(x.Home, "there is no stack "+x.Stack+" in "+x.Home, "Deploy it: see docs/deploy.md. With another name, or in another account, say --stack and --profile. Before deploying, ask with --before.")
		return
	}
	if ok {
		x.stackState(home)
	}
	if watch, there := know(x, x.Watch); there {
		x.stackState(watch)
	} else if x.Watch.Missing {
		x.problem(x.Home, "there is no stack "+x.Stack+"-watch, so nobody is told when a part of the detector is harmed", x.lacking(home, x.Home, "-watch", "-watch")...)
	}
	names := []string{x.Home}
	for _, region := range x.Looked[1:] {
		if s, there := know(x, x.ByPlace[region].Stack); there {
			x.stackState(s)
			names = append(names, region)
		}
	}
	x.note("%s in %s", x.Stack, strings.Join(names, ", "))
}

func (x *exam) stackState(s Stack) {
	look := command("aws cloudformation describe-stack-events --region %s --stack-name %s --query \"StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]\" --output text", s.Region, s.Name)
	switch {
	case strings.HasSuffix(s.Status, "_IN_PROGRESS"):
		x.advise(s.Region, "stack "+s.Name+" is being changed ("+s.Status+"): what is seen now may be different in a minute", "Ask again when it is done.")
	case s.Status == "CREATE_COMPLETE", s.Status == "UPDATE_COMPLETE", s.Status == "IMPORT_COMPLETE":
	case s.Status == "UPDATE_ROLLBACK_COMPLETE":
		x.advise(s.Region, "the last update of stack "+s.Name+" failed and was taken back", look, "Put right what it says, and deploy again.")
	default:
		x.problem(s.Region, "stack "+s.Name+" is in the state "+s.Status, look, "Put right what it says, and deploy again.")
	}
}

// parts looks for everything that a stack made and that is gone.
func parts(x *exam) {
	for _, s := range x.stacks() {
		gone(x, s, "rule", s.Rules)
		gone(x, s, "queue", s.Queues)
		gone(x, s, "topic", s.Topics)
		gone(x, s, "function", s.Functions)
		gone(x, s, "event source mapping", s.Mappings)
		gone(x, s, "schedule", s.Schedules)
		gone(x, s, "table", s.Tables)
		gone(x, s, "log group", s.Logs)
		gone(x, s, "alarm", s.Alarms)
	}
}

// gone reports the parts of one kind that are missing.
func gone[T any](x *exam, s Stack, kind string, list []Part[T]) {
	for _, p := range list {
		if _, ok := know(x, p.Is); !ok && p.Is.Missing {
			x.problem(s.Region, fmt.Sprintf("%s %s of stack %s (%s) is gone", kind, p.ID, s.Name, p.Name),
				s.revert("Find out who deleted it: CloudTrail's event history has the call.")...)
		}
	}
}

// revert puts back what was changed by hand, which deploying again does not:
// CloudFormation compares templates, and not what is there.
func (s Stack) revert(first ...string) []string {
	const name = "as-deployed"
	list := append(first,
		"This puts back everything in the stack that was changed by hand. Look at the change set before you execute it:",
		command("aws cloudformation create-change-set --region %s --stack-name %s --change-set-name %s --deployment-mode REVERT_DRIFT --use-previous-template --capabilities CAPABILITY_IAM", s.Region, s.Name, name),
		command("aws cloudformation execute-change-set --region %s --stack-name %s --change-set-name %s", s.Region, s.Name, name))
	if len(s.Functions) > 0 {
		list = append(list, "Without the CDK, the first command also needs `--parameters ParameterKey=CodeBucket,UsePreviousValue=true`.")
	}
	return list
}

// lacking is how a stack that is not there is made: as others were, which came
// from StackSets or not.
func (x *exam) lacking(home Stack, region, file, set string) []string {
	if strings.HasPrefix(home.Name, "StackSet-") {
		return []string{
			"In the account that manages the StackSets, for the organizational unit of this account:",
			command("aws cloudformation create-stack-instances --region %s --stack-set-name %s --regions %s --deployment-targets OrganizationalUnitIds=UNIT", x.Home, x.Stack+set, region),
		}
	}
	name := x.Stack
	if region == x.Home {
		name += file
	}
	return []string{
		"Deploy again, with this Region among those of `-c trailverdict:regions`, or with the AWS CLI alone:",
		command("aws cloudformation deploy --region %s --stack-name %s --template-file %s --capabilities CAPABILITY_IAM", region, name, "build/template/"+x.Stack+file+".template.json"),
	}
}

// States of a rule.
const (
	enabled   = "ENABLED"
	allEvents = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

// wanted is what this version deploys, by the names of rules in the template.
func wanted() map[string]rules.Rule {
	list, err := rules.All()
	if err != nil {
		return nil // a test of theirs holds that there is none
	}
	byName := map[string]rules.Rule{}
	for _, r := range list {
		byName[r.Name] = r
	}
	return byName
}

func ruleStates(x *exam) {
	want, n := wanted(), 0
	for _, s := range x.stacks() {
		each(x, s.Rules, func(p Part[Rule], r Rule) {
			n++
			reads := want[p.ID].ReadOnly && !s.Watching
			switch {
			case r.State == allEvents, r.State == enabled && !reads:
			case r.State == enabled:
				x.problem(s.Region, fmt.Sprintf("rule %s leaves out calls that read, which is all that it is for", p.ID), s.putRule(p.Name, want[p.ID].Pattern)...)
			case reads:
				x.problem(s.Region, fmt.Sprintf("rule %s is %s", p.ID, strings.ToLower(r.State)), s.putRule(p.Name, want[p.ID].Pattern)...)
			default:
				x.problem(s.Region, fmt.Sprintf("rule %s is %s", p.ID, strings.ToLower(r.State)), command("aws events enable-rule --region %s --name %s", s.Region, p.Name))
			}
			x.targets(s, p, r)
		})
	}
	x.note("%d rules", n)
}

// putRule sets a rule to take all events, which enable-rule cannot. What is not
// given is lost, so the pattern is.
func (s Stack) putRule(name, pattern string) []string {
	return []string{
		command("aws events put-rule --region %s --name %s --state %s --event-pattern %s", s.Region, name, allEvents, pattern),
		"Deploying again would change nothing: CloudFormation does not see what was changed by hand.",
	}
}

// targets are what a rule sends to: something, with a place for what cannot be
// delivered, and in a forwarder the home bus by a role.
func (x *exam) targets(s Stack, p Part[Rule], r Rule) {
	list, ok := know(x, r.Targets)
	if !ok {
		return
	}
	if len(list) == 0 {
		x.problem(s.Region, "rule "+p.ID+" has no target: what it takes goes nowhere", s.revert()...)
	}
	home := "arn:" + x.Partition + ":events:" + x.Home + ":" + x.Account + ":event-bus/default"
	for _, t := range list {
		if !t.DeadLetter {
			x.advise(s.Region, "rule "+p.ID+" has no queue for what cannot be delivered to "+t.ARN, s.revert()...)
		}
		if s.Region == x.Home {
			continue
		}
		if t.ARN != home {
			x.problem(s.Region, "rule "+p.ID+" sends to "+t.ARN+" and not to the home bus "+home, s.revert()...)
		} else if !t.Role {
			x.problem(s.Region, "rule "+p.ID+" has no role by which it may send to the home bus", s.revert()...)
		}
	}
}

func patterns(x *exam) {
	want := wanted()
	n := 0
	for _, s := range x.stacks() {
		if s.Watching {
			continue
		}
		var differ []string
		each(x, s.Rules, func(p Part[Rule], r Rule) {
			if w, ok := want[p.ID]; ok && !sameJSON(w.Pattern, r.Pattern) {
				differ = append(differ, p.ID)
			}
			n++
		})
		lacking := x.lackingRules(s, func(r rules.Rule) bool { return !r.Optional })
		fix := s.revert("Deploy this version: stack " + s.Name + " in " + s.Region + ". If this version is deployed, somebody changed it by hand.")
		if len(differ) > 0 {
			x.problem(s.Region, "other events than this version's are taken by "+strings.Join(differ, ", "), fix...)
		}
		if len(lacking) > 0 {
			x.problem(s.Region, "stack "+s.Name+" lacks rules that this version has: "+strings.Join(lacking, ", "), fix...)
		}
	}
}

// lackingRules are the names of the rules that are wanted and that a stack was
// deployed without, sorted.
func (x *exam) lackingRules(s Stack, isWanted func(rules.Rule) bool) []string {
	var names []string
	for name, w := range wanted() {
		if isWanted(w) && (w.Everywhere || s.Region == x.Home) && !slices.ContainsFunc(s.Rules, func(p Part[Rule]) bool { return p.ID == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// guardRails looks for the rules that only guard rails need. That those which are
// there work, other checks say.
func guardRails(x *exam) {
	if !x.GuardRails {
		x.skip()
		return
	}
	for _, s := range x.stacks() {
		if s.Watching {
			continue
		}
		if lacking := x.lackingRules(s, rules.Rule.IsGuardRail); len(lacking) > 0 {
			x.problem(s.Region, "stack "+s.Name+" lacks rules of guard rails: "+strings.Join(lacking, ", "),
				"Deploy again with `-c trailverdict:config=FILE`, where FILE is the configuration that asks for them.")
		}
	}
}

// sameJSON reports whether two texts are the same JSON, whatever the order of
// members.
func sameJSON(a, b string) bool {
	return bytes.Equal(inOrder(a), inOrder(b))
}

func inOrder(text string) []byte {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return []byte(text)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return []byte(text)
	}
	return out
}

func bus(x *exam) {
	forwarders := slices.ContainsFunc(x.Looked[1:], func(region string) bool { return x.ByPlace[region].Stack.Known() })
	document, ok := know(x, x.Bus)
	if !forwarders {
		x.found = nil
		x.skip()
		return
	}
	if ok && document != "" && x.denies(document, "events:PutEvents", x.Home) {
		x.problem(x.Home, "the policy of the default bus denies events:PutEvents, at least to some",
			command("aws events describe-event-bus --region %s --query Policy --output text", x.Home),
			"Except this account's forwarding roles from the statement that denies.")
	}
}
