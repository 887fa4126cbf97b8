package doctor

import (
	"fmt"
	"strings"
)

func tellingChecks() []Check {
	return []Check{
		{
			ID: "receivers", Title: "somebody is told about findings, and about the detector itself",
			Why:   "A topic without a confirmed subscription is one that nobody hears.",
			Needs: stackNeeds("events:ListRules", "events:ListTargetsByRule", "lambda:GetFunctionConfiguration", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
			run:   receivers,
		},
		{
			ID: "subscriptions", Title: "the subscriptions are confirmed",
			Why:   "SNS sends nothing to an address before its owner has confirmed that it wants it, and nothing after somebody has followed the link to unsubscribe.",
			Needs: stackNeeds("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
			run:   subscriptions,
		},
		{
			ID: "alarms", Title: "the alarms are quiet, and would tell",
			Why:   "An alarm whose actions are disabled tells nobody. One that is raised says that something is lost, late or not coming in.",
			Needs: stackNeeds("cloudwatch:DescribeAlarms"),
			run:   alarms,
		},
	}
}

// confirmed reports whether a subscription is one that SNS sends to.
func (s Subscription) confirmed() bool { return strings.HasPrefix(s.ARN, "arn:") }

// receivers wants somebody behind each of these: findings, in whichever form;
// trouble of the detector; harm done to it; what a forwarder could not forward.
func receivers(x *exam) {
	home, ok := x.parted(x.ByPlace[x.Home].Stack)
	if !ok {
		x.skip()
		return
	}
	if !x.onBus(home) {
		x.heard(home, "findings", "Findings", "Mail", "Chat")
	}
	x.heard(home, "trouble of the detector itself", "Operations")
	if watch, there := x.parted(x.Watch); there && !x.onBus(watch) {
		x.heard(watch, "harm done to the detector", "Watch")
	}
	for _, region := range x.Looked[1:] {
		if s, there := x.parted(x.ByPlace[region].Stack); there {
			x.heard(s, "what could not be forwarded from "+region, "Operations")
		}
	}
}

// onBus reports whether a stack tells an event bus, behind which there is
// somebody.
func (x *exam) onBus(s Stack) bool {
	for _, f := range s.Functions {
		if f.Is.Value.Bus != "" {
			return true
		}
	}
	for _, r := range s.Rules {
		for _, t := range r.Is.Value.Targets.Value {
			if s.Watching && strings.Contains(t.ARN, ":event-bus/") {
				return true
			}
		}
	}
	return false
}

// heard wants a confirmed subscription of one of a stack's topics.
func (x *exam) heard(s Stack, of string, topics ...string) {
	var arn string
	for _, p := range s.Topics {
		if !beginsWithAny(p.ID, topics) {
			continue
		}
		topic, ok := know(x, p.Is)
		list, known := know(x, topic.Subscriptions)
		if p.Is.Missing {
			continue // another check tells
		}
		if !ok || !known {
			return
		}
		for _, sub := range list {
			if sub.confirmed() {
				return
			}
		}
		if arn == "" || strings.HasPrefix(p.ID, "Mail") { // a person's mail is the easiest to add
			arn = p.Name
		}
	}
	if arn == "" || !x.certain(s) {
		return
	}
	x.problem(s.Region, "nobody is told about "+of,
		"Deploy with -c trailverdict:email=ADDRESS, or for now:",
		command("aws sns subscribe --region %s --topic-arn %s --protocol email --notification-endpoint ADDRESS", s.Region, arn),
		"The address gets a mail with a link, which must be followed.")
}

// certain reports whether it is known if a stack tells an event bus.
func (x *exam) certain(s Stack) bool {
	gaps := len(x.found)
	each(x, s.Functions, func(Part[Function], Function) {})
	if s.Watching {
		each(x, s.Rules, func(_ Part[Rule], r Rule) { know(x, r.Targets) })
	}
	return len(x.found) == gaps
}

func beginsWithAny(s string, list []string) bool {
	for _, prefix := range list {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func subscriptions(x *exam) {
	n := 0
	for _, s := range x.stacks() {
		all := map[string]bool{}
		settled := map[string]bool{} // topics whose subscriptions all have their ARN
		each(x, s.Topics, func(p Part[Topic], t Topic) {
			list, ok := know(x, t.Subscriptions)
			settled[p.Name] = ok
			for _, sub := range list {
				all[sub.ARN] = true
				settled[p.Name] = settled[p.Name] && sub.confirmed()
				n++
				x.pending(s, p, sub)
			}
		})
		for _, d := range s.Declared {
			topic := d.Name[:max(0, strings.LastIndexByte(d.Name, ':'))]
			if settled[topic] && !all[d.Name] {
				x.problem(s.Region, fmt.Sprintf("subscription %s of stack %s is gone: somebody unsubscribed", d.ID, s.Name),
					s.revert("Ask whoever it was for. Put back, the subscription must be confirmed again.")...)
			}
		}
	}
	x.note("%d subscriptions", n)
}

func (x *exam) pending(s Stack, p Part[Topic], sub Subscription) {
	switch {
	case sub.confirmed():
	case sub.ARN == "Deleted":
		x.problem(s.Region, fmt.Sprintf("the subscription of %s to topic %s was deleted", receiver(sub), p.ID), resubscribe(s, p, sub))
	default:
		x.problem(s.Region, fmt.Sprintf("the subscription of %s to topic %s is not confirmed", receiver(sub), p.ID),
			"Follow the link in the mail \"AWS Notification - Subscription Confirmation\", which is good for 2 days. To have it sent again:", resubscribe(s, p, sub))
	}
}

// receiver is who a subscription is for. An address of HTTPS can hold a
// password or a key, so its beginning must do.
func receiver(sub Subscription) string {
	if scheme, rest, ok := strings.Cut(sub.Endpoint, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		if _, after, found := strings.Cut(host, "@"); found {
			host = after
		}
		return scheme + "://" + host + "/…"
	}
	return sub.Endpoint
}

func resubscribe(s Stack, p Part[Topic], sub Subscription) string {
	endpoint := sub.Endpoint
	if strings.Contains(endpoint, "://") {
		endpoint = "ADDRESS"
	}
	return command("aws sns subscribe --region %s --topic-arn %s --protocol %s --notification-endpoint %s", s.Region, p.Name, sub.Protocol, endpoint)
}

func alarms(x *exam) {
	n := 0
	for _, s := range x.stacks() {
		each(x, s.Alarms, func(p Part[Alarm], a Alarm) {
			n++
			if !a.Actions {
				x.problem(s.Region, fmt.Sprintf("the actions of alarm %s are disabled", p.ID), command("aws cloudwatch enable-alarm-actions --region %s --alarm-names %s", s.Region, p.Name))
			}
			if a.State == "ALARM" {
				x.problem(s.Region, fmt.Sprintf("alarm %s is raised", p.ID), "docs/operations.md says what each alarm means and what to do.",
					command("aws cloudwatch describe-alarms --region %s --alarm-names %s --query %s --output text", s.Region, p.Name, "MetricAlarms[].[AlarmDescription,StateReason]"))
			}
		})
	}
	x.note("%d alarms", n)
}
