package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newForwarder adds the stack of a Region that is not the home Region. What
// AWS delivers there goes on to the home bus, under its own source, and is taken
// by the same rules. If it cannot go there, an alarm of this Region tells of it.
//
// The stack has the home stack's name, so that the home Region's watching rules
// know its parts, too. A StackSet's has a name of its own, which begins so.
func newForwarder(app awscdk.App, o options, region string) error {
	name := o.name
	if o.stackSet {
		name += "-" + region
	}
	stack := newStack(app, o, o.name+"-"+region, name, region, "trailverdict: forwards credential events of this Region to "+o.home())
	dead := newDeadLetters(stack, o, nil)
	bus := "arn:" + o.partition + ":events:" + o.home() + ":" + *stack.Account() + ":event-bus/default"
	role := newBusRole(stack, "ForwardRole", bus)
	home := target{id: "Home", arn: jsii.String(bus), role: role.RoleArn()}
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	for _, r := range chosen {
		if !r.Everywhere {
			continue
		}
		if _, err := newRule(stack, r, dead, home); err != nil {
			return err
		}
	}
	to := []target{home}
	guard(stack, o, "Watch", o.name, dead, to, "Rules", "Queues", "Topics", "Alarms", "Stacks")
	guard(stack, o, "SecondWatch", o.name, dead, to, "Rules") // for the first one's own sake
	excuseDeadLetters(dead)
	topic := newTopic(stack, o, operations, nil)
	subscribeOperators(stack, o, operations, topic)
	addAlarm(stack, deadLettersAlarm(dead), topic)
	if region == anyRegion {
		notAtHome(stack, o)
	}
	return nil
}

// anyRegion stands for a StackSet's forwarder, which is the same in all of them.
const anyRegion = "forward"

// forwarders are the Regions that need one.
func (o options) forwarders() []string {
	if o.stackSet {
		return []string{anyRegion}
	}
	return o.regions
}

// notAtHome leaves the rules out where somebody makes an instance in the home
// Region: they would send the bus its own events, for ever.
func notAtHome(stack awscdk.Stack, o options) {
	away := awscdk.NewCfnCondition(stack, jsii.String("IsNotHome"), &awscdk.CfnConditionProps{
		Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(stack.Region(), jsii.String(o.home()))),
	})
	for _, part := range *stack.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if rule, ok := part.(awsevents.CfnRule); ok {
			rule.CfnOptions().SetCondition(away)
		}
	}
}
