package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// Topics that AWS itself publishes to, and that therefore work when none of
// the functions does.
const (
	operations topic = "Operations" // alarms
	watch      topic = "Watch"      // attacks on the detector's parts
)

func homeTopics() []topic { return []topic{findings, mail, chat, operations} }

// topic names one of the stack's topics.
type topic string

// Topics that findings are published to.
const (
	findings = topic(routing.Findings)
	mail     = topic(routing.Mail)
	chat     = topic(routing.Chats)
)

// ownTopic is the topic of a route that package notify decides about.
func ownTopic(r routing.Route) topic { return topic(id("To", r.Name)) }

// ownRoutes are the routes that have topics of their own.
func (o options) ownRoutes() []routing.Route {
	return slices.DeleteFunc(o.routes(), routing.Route.Filtered)
}

// timed reports whether anybody hears of something because time passed.
func (o options) timed() bool { return o.config.Rules().Timed() }

// byAWS reports whether AWS's services publish to the topic. They can't use
// AWS's own key for SNS, and a key of one's own costs a dollar a month, so these
// topics are encrypted with a chosen key or not at all. Their messages name parts
// of the detector and no secrets.
func (t topic) byAWS() bool { return t == operations || t == watch }

// routes are the configuration's, and those to the addresses in the context,
// which are told everything.
func (o options) routes() []routing.Route {
	list := slices.Clone(o.config.Routes)
	for i, address := range o.emails {
		list = append(list, routing.Route{Name: fmt.Sprintf("email-%d", i+1), Type: routing.Email, Target: address, Match: routing.Match{Severity: incident.Low}})
	}
	return list
}

func newTopic(stack awscdk.Stack, o options, t topic, key awskms.Key) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String(string(t)), &awssns.TopicProps{
		EnforceSSL: jsii.Bool(true), DisplayName: jsii.String("trailverdict"),
	})
	child := topic.Node().DefaultChild().(awssns.CfnTopic)
	switch {
	case key != nil:
		child.SetKmsMasterKeyId(key.KeyArn())
	case !t.byAWS():
		child.SetKmsMasterKeyId(jsii.String("alias/aws/sns"))
	}
	if t.byAWS() {
		topic.AddToResourcePolicy(allowService(stack, "events.amazonaws.com", []string{"sns:Publish"}, *topic.TopicArn(), rulesOf(stack, o)))
		topic.AddToResourcePolicy(allowService(stack, "cloudwatch.amazonaws.com", []string{"sns:Publish"}, *topic.TopicArn(), arn(stack, "cloudwatch", "alarm:"+o.name+"-*")))
	}
	return topic
}

// subscribeOperators subscribes those who look after the detector itself.
func subscribeOperators(stack awscdk.Stack, o options, t topic, topic awssns.Topic) {
	for i, address := range o.operators {
		awssns.NewCfnSubscription(stack, jsii.String(fmt.Sprintf("%sTo%d", t, i+1)), &awssns.CfnSubscriptionProps{
			TopicArn: topic.TopicArn(), Protocol: jsii.String("email"), Endpoint: jsii.String(address),
		})
	}
	if len(o.operators) == 0 {
		warn(stack, "operators", "nobody is told when the detector is in trouble or attacked: give the context "+prefix+"operators or "+prefix+"email an address")
	}
}

// addSubscriptions subscribes the routes' receivers.
func addSubscriptions(h *home) {
	routes := h.o.routes()
	for _, r := range routes {
		if s := routing.Subscribe(r); s.Protocol != "" { // a chat configuration subscribes itself: see the outputs
			h.subscribe(id("Route", r.Name), s)
		}
	}
	subscribeOperators(h.Stack, h.o, operations, h.topics[operations])
	for n, text := range h.o.warnings {
		warn(h.Stack, fmt.Sprintf("config-%d", n+1), text)
	}
	if len(routes) == 0 {
		warn(h.Stack, "routes", "nobody is told about findings: give the context "+prefix+"email an address, or "+prefix+"config a file with routes")
	}
}

func warn(stack awscdk.Stack, what, text string) {
	awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("trailverdict:"+what), jsii.String(text))
}

func (h *home) subscribe(id string, s routing.Subscription) {
	props := &awssns.CfnSubscriptionProps{
		TopicArn: h.topicOf(s).TopicArn(), Protocol: jsii.String(s.Protocol), Endpoint: jsii.String(s.Route.Target),
	}
	if s.Raw {
		props.RawMessageDelivery = jsii.Bool(true)
	}
	if len(s.Filter) > 0 {
		props.FilterPolicy, props.FilterPolicyScope = s.Filter, jsii.String("MessageAttributes")
	}
	if s.Protocol != "email" { // SNS keeps no mail that cannot be delivered
		props.RedrivePolicy = map[string]any{"deadLetterTargetArn": h.dead.QueueArn()}
	}
	awssns.NewCfnSubscription(h.Stack, jsii.String(id), props)
	if s.Protocol == "lambda" {
		h.allowInvoke(id, s)
	}
}

// topicOf is the topic whose messages a route gets.
func (h *home) topicOf(s routing.Subscription) awssns.Topic {
	if s.Route.Filtered() {
		return h.topics[topic(s.Topic)]
	}
	return h.topics[ownTopic(s.Route)]
}

// allowInvoke lets a topic start a function of the same account. What belongs
// to others, queues among them, must let the topic in itself.
func (h *home) allowInvoke(id string, s routing.Subscription) {
	part := strings.Split(s.Route.Target, ":")
	if part[3] != h.o.home() {
		return
	}
	var own awscdk.CfnCondition
	switch {
	case h.o.account == "":
		own = awscdk.NewCfnCondition(h.Stack, jsii.String(id+"IsOwn"), &awscdk.CfnConditionProps{
			Expression: awscdk.Fn_ConditionEquals(jsii.String(part[4]), h.Account()),
		})
	case h.o.account != part[4]:
		return
	}
	p := awslambda.NewCfnPermission(h.Stack, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(s.Route.Target),
		Principal: jsii.String("sns.amazonaws.com"), SourceArn: h.topicOf(s).TopicArn(),
	})
	if own != nil {
		p.CfnOptions().SetCondition(own)
	}
}

// id is the logical id of a part for a route, in which only letters and digits
// may stand.
func id(kind, name string) string { return kind + routing.ID(name) }
