package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func accountChecks() []Check {
	return []Check{
		{
			ID: "clock", Title: "this machine's clock agrees with AWS's", Before: true,
			Why:   "AWS refuses requests whose time is wrong by more than 5 minutes, and event times on such a machine mislead.",
			Needs: []string{"sts:GetCallerIdentity"},
			run:   clock,
		},
		{
			ID: "trail", Title: "a trail is logging in the home Region", Before: true,
			Why:   "EventBridge gets CloudTrail's events from a trail that logs; without one the detector sees nothing.",
			Needs: []string{"cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"},
			run:   trail,
		},
		{
			ID: "management-events", Title: "the trail records management events, reading and writing ones", Before: true,
			Why:   "The detector lives on management events. Every AssumeRole counts as reading: without these it knows neither who holds a key nor until when.",
			Needs: []string{"cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"},
			run:   managementEvents,
		},
		{
			ID: "trail-regions", Title: "Regions in use, and those with a forwarder, are recorded by a trail", Before: true,
			Why:   "What no trail records never reaches EventBridge in that Region, and a forwarder there has nothing to forward.",
			Needs: []string{"cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "cloudtrail:LookupEvents"},
			run:   trailRegions,
		},
		{
			ID: "trail-delivery", Title: "the trail can write its log files", Before: true,
			Why:   "The log files are what an incident is replayed from, and what is left when the event history is gone after 90 days.",
			Needs: []string{"cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"},
			run:   trailDelivery,
		},
		{
			ID: "regions", Title: "every Region in use has a forwarder", Before: true,
			Why:   "STS and denied calls are delivered where they happen. A Region without a forwarder is one in which a stolen key can be used unseen.",
			Needs: []string{"account:ListRegions", "cloudtrail:LookupEvents", "cloudformation:DescribeStacks"},
			run:   regions,
		},
		{
			ID: "concurrency", Title: "the account's limit of concurrent functions leaves room", Before: true,
			Why:   "The functions reserve copies so that a flood cannot starve others; Lambda wants some left, and else refuses the deployment.",
			Needs: []string{"lambda:GetAccountSettings", "cloudformation:DescribeStacks"},
			run:   concurrency,
		},
	}
}

// What a clock may be off by. AWS's own limit is five minutes.
const (
	skewLimit  = 5 * time.Minute
	skewNotice = time.Minute
)

func clock(x *exam) {
	off := x.Skew.Abs().Round(time.Second)
	direction := "ahead of"
	if x.Skew < 0 {
		direction = "behind"
	}
	seen := fmt.Sprintf("this machine's clock is %s %s AWS's", off, direction)
	const fix = "Let the machine set its clock by NTP."
	switch {
	case off >= skewLimit:
		x.problem("", seen, fix)
	case off >= skewNotice:
		x.advise("", seen, fix)
	}
}

// logging are the trails of a Region that log. Those whose state is not known
// are noted as gaps.
func (x *exam) logging(region string) (all, logging []Trail, known bool) {
	all, known = know(x, x.ByPlace[region].Trails)
	for _, t := range all {
		status, ok := know(x, t.Status)
		known = known && ok
		if status.Logging {
			logging = append(logging, t)
		}
	}
	return all, logging, known
}

func trail(x *exam) {
	all, logging, known := x.logging(x.Home)
	switch {
	case len(logging) > 0:
		x.found = nil // one is enough, whatever the others do
		x.note("%s", names(logging))
	case known && len(all) == 0:
		x.problem(x.Home, "no trail records "+x.Home, "Deploy with -c trailverdict:trail=create, which makes one. The first copy of management events is free.")
	case known:
		for _, t := range all {
			seen := t.describe() + " is not logging"
			if s := t.Status.Value; !s.Stopped.IsZero() {
				seen += ", since " + s.Stopped.UTC().Format(time.RFC3339)
			}
			x.problem(x.Home, seen, t.mend("start-logging --name %s", t.ARN)...)
		}
	}
}

func names(trails []Trail) string {
	var list []string
	for _, t := range trails {
		list = append(list, t.Name)
	}
	return strings.Join(list, ", ")
}

func (t Trail) describe() string {
	if t.Others {
		return "the organisation's trail " + t.Name
	}
	return "trail " + t.Name
}

// mend is a command that changes the trail, for whoever may.
func (t Trail) mend(call string, arguments ...string) []string {
	list := []string{command("aws cloudtrail "+call+" --region %s", append(arguments, t.Home)...)}
	if t.Others {
		list = append(list, "The trail belongs to account "+account(t.ARN)+": only from there can it be changed.")
	}
	return list
}

// account is the account in an ARN.
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// coverage is what of a Region's management events reaches EventBridge.
type coverage struct {
	read, write, global bool
	// missing are sources that matter and that no trail records fully; narrowed are
	// fields by which a trail leaves out more than can be told here.
	missing, narrowed []string
}

// harmless are sources that a trail may leave out: their events are many, and none
// is understood.
var harmless = []string{"kms.amazonaws.com", "rdsdata.amazonaws.com"}

// covered says what the logging trails of a Region record together.
func (x *exam) covered(trails []Trail) (c coverage, known bool) {
	known = true
	complete := false
	for _, t := range trails {
		selectors, ok := know(x, t.Selectors)
		known = known && ok
		for _, s := range selectors {
			missing := slices.DeleteFunc(slices.Clone(s.Excluded), func(e string) bool { return slices.Contains(harmless, e) })
			if len(missing)+len(s.Narrowed) > 0 {
				c.missing, c.narrowed = append(c.missing, missing...), append(c.narrowed, s.Narrowed...)
				continue
			}
			c.read, c.write = c.read || s.Read, c.write || s.Write
			c.global = c.global || t.Global
			complete = complete || s.Read && s.Write
		}
	}
	if complete || c.read && c.write {
		c.missing, c.narrowed = nil, nil
	}
	return c, known
}

// allManagement is the selector that records what the detector needs.
const allManagement = `[{"ReadWriteType":"All","IncludeManagementEvents":true}]`

func managementEvents(x *exam) {
	_, logging, _ := x.logging(x.Home)
	if len(logging) == 0 {
		x.skip() // the check of the trail speaks
		return
	}
	c, known := x.covered(logging)
	if c.read && c.write && c.global {
		x.found = nil
		return
	}
	if !known {
		return
	}
	t := logging[0]
	selectors := append(t.mend("put-event-selectors --trail-name %s --event-selectors %s", t.ARN, allManagement),
		"It replaces the trail's selectors: put those for data events back in, if there are any.")
	switch {
	case len(c.missing) > 0 && !(c.read && c.write):
		x.problem(x.Home, t.describe()+" leaves out the events of "+strings.Join(c.missing, ", "), selectors...)
	case len(c.narrowed) > 0 && !(c.read && c.write):
		x.problem(x.Home, t.describe()+" records only a part of the management events, chosen by "+strings.Join(c.narrowed, ", "), selectors...)
	case !c.read && !c.write:
		x.problem(x.Home, t.describe()+" records no management events", selectors...)
	case !c.read:
		x.problem(x.Home, t.describe()+" records only management events that write, so that no AssumeRole is seen", selectors...)
	case !c.write:
		x.problem(x.Home, t.describe()+" records only management events that read, so that no change of IAM is seen", selectors...)
	case !c.global:
		x.problem(x.Home, t.describe()+" leaves out services without a Region, which IAM is", t.mend("update-trail --name %s --include-global-service-events", t.ARN)...)
	}
}

func trailRegions(x *exam) {
	if _, logging, known := x.logging(x.Home); len(logging) == 0 && known {
		x.skip() // the check of the trail speaks
		return
	}
	var covered []string
	for _, region := range x.Looked[1:] {
		r := x.ByPlace[region]
		if r.Use.Value.Time.IsZero() && !r.Stack.Known() {
			continue
		}
		y := exam{Facts: x.Facts, check: x.check}
		_, logging, known := y.logging(region)
		c, sure := y.covered(logging)
		switch {
		case c.read && c.write:
			covered = append(covered, region)
			continue
		case known && sure:
			y.problem(region, "no trail records all management events of "+region, x.everywhere()...)
		}
		x.found = append(x.found, y.found...)
	}
	x.note("%s", strings.Join(covered, ", "))
	if len(covered)+len(x.found) == 0 {
		x.skip()
	}
}

// everywhere is how a trail of the home Region comes to record all Regions.
func (x *exam) everywhere() []string {
	trails, _ := know(x, x.ByPlace[x.Home].Trails)
	for _, t := range trails {
		if !t.Everywhere && t.Status.Value.Logging {
			return t.mend("update-trail --name %s --is-multi-region-trail", t.ARN)
		}
	}
	return []string{"Make a trail that records all Regions: deploy with -c trailverdict:trail=create."}
}

func trailDelivery(x *exam) {
	all, logging, _ := x.logging(x.Home)
	if len(all) == 0 {
		x.skip()
		return
	}
	for _, t := range logging {
		if failed := t.Status.Value.DeliveryError; failed != "" {
			x.problem(t.Home, t.describe()+" could not write its latest log files: "+failed,
				"The bucket's policy must let CloudTrail write, and its key must let CloudTrail encrypt; AccessDenied is about one of these.",
				command("aws cloudtrail get-trail-status --region %s --name %s", t.Home, t.ARN))
		}
	}
}

func regions(x *exam) {
	know(x, x.Regions)
	var used, idle []string
	for _, region := range x.Looked[1:] {
		r := x.ByPlace[region]
		if _, there := know(x, r.Stack); there || r.Stack.Gap != nil {
			continue
		}
		use, ok := know(x, r.Use)
		switch {
		case !ok:
		case !use.Time.IsZero():
			used = append(used, region)
			x.inUse(region, use)
		default:
			idle = append(idle, region)
		}
	}
	switch {
	case len(used) > 0 && x.Before:
		x.advise("", "these Regions are in use besides the home Region: "+strings.Join(used, ", "), "Name them when you deploy: -c trailverdict:regions="+strings.Join(used, ","))
	case len(idle) > 0 && len(used) == 0 && !x.Before:
		x.advise("", "Regions without a forwarder can be used, though nobody does: "+strings.Join(idle, ", "),
			"Forwarders are free as long as nothing happens there. Name the Regions when you deploy, or forbid them by a service control policy.")
	}
}

// inUse says that a Region is used and forwards nothing. Before a deployment
// there is nothing wrong with that.
func (x *exam) inUse(region string, use Use) {
	if x.Before {
		return
	}
	x.problem(region, fmt.Sprintf("%s is in use, latest %s at %s, and has no forwarder", region, use.Event, use.Time.UTC().Format(time.RFC3339)),
		x.lacking(x.ByPlace[x.Home].Stack.Value, region, "-"+region, "-forward")...)
}

// What the functions reserve by default, and what Lambda wants to be left.
const (
	ReservedCopies = 19
	unreserved     = 100
)

func concurrency(x *exam) {
	home := x.ByPlace[x.Home].Stack
	if know(x, home); !home.Missing {
		x.skip() // it has what it needs, as far as is known
		return
	}
	spare, ok := know(x, x.Spare)
	if ok && spare < ReservedCopies+unreserved {
		x.problem(x.Home, fmt.Sprintf("%d concurrent functions are left; %d are to be reserved, and %d must remain", spare, ReservedCopies, unreserved),
			"Deploy with -c trailverdict:reserved-concurrency=off, or have the limit raised:",
			command("aws service-quotas request-service-quota-increase --region %s --service-code lambda --quota-code L-B99A9384 --desired-value 1000", x.Home))
	}
}
