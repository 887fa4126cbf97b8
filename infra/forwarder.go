package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// newForwarder adds the stack of a Region that is not the home Region. What
// AWS delivers there goes on to the home bus, under its own source, and is taken
// by the same rules. If it cannot go there, an alarm of this Region tells of it.
//
// The stack has the home stack's name, so that the home Region's watching rules
// know its parts, too.
func newForwarder(app awscdk.App, o options, region string) error {
	stack := newStack(app, o, o.name+"-"+region, o.name, region, "trailverdict: forwards credential events of this Region to "+o.home())
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
	guard(stack, "Watch", o.name, dead, to, "Rules", "Queues", "Topics", "Alarms", "Stacks")
	guard(stack, "SecondWatch", o.name, dead, to, "Rules") // for the first one's own sake
	excuseDeadLetters(dead)
	topic := newTopic(stack, o, operations, nil)
	subscribeOperators(stack, o, operations, topic)
	addAlarm(stack, deadLettersAlarm(dead), topic)
	return nil
}
