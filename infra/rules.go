package main

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/trailverdict/trailverdict/internal/rules"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// chosen are the rules that a deployment wants.
func (o options) chosen() ([]rules.Rule, error) {
	all, err := rules.All()
	if err != nil {
		return nil, err
	}
	var list []rules.Rule
	for _, r := range all {
		if o.wants(r) {
			list = append(list, r)
		}
	}
	return list, nil
}

func (o options) wants(r rules.Rule) bool {
	switch {
	case r.IsGuardRail():
		return o.config.Settings.Checks.StaticCredentials
	case r.Optional:
		return o.implicitDenials
	}
	return true
}

// addRules delivers what is rare and urgent to detect itself, and the rest to
// the queue, where it is gathered.
func addRules(h *home) error {
	chosen, err := h.o.chosen()
	if err != nil {
		return err
	}
	detect := h.functions["detect"].FunctionArn()
	for _, r := range chosen {
		to := target{id: "Signals", arn: h.signals.QueueArn()}
		if r.Direct {
			to = target{id: "Detect", arn: detect}
		}
		rule, err := newRule(h.Stack, r, h.dead, to)
		if err != nil {
			return err
		}
		if r.Purpose == trail.Issuance {
			h.sessions = rule
		}
	}
	awslambda.NewCfnPermission(h.Stack, jsii.String("RulesStartDetect"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: detect,
		Principal: jsii.String("events.amazonaws.com"), SourceArn: jsii.String(rulesOf(h.Stack, h.o)), SourceAccount: h.Account(),
	})
	return nil
}

// target is where a rule sends events.
type target struct {
	id   string
	arn  *string
	role *string // for another bus
	text *awsevents.CfnRule_InputTransformerProperty
}

// A rule with this state takes calls that only read, too.
const allManagementEvents = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

func newRule(stack awscdk.Stack, r rules.Rule, dead awssqs.IQueue, targets ...target) (awsevents.CfnRule, error) {
	var pattern map[string]any
	if err := json.Unmarshal([]byte(r.Pattern), &pattern); err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	state := "ENABLED"
	if r.ReadOnly {
		state = allManagementEvents
	}
	return ruleOf(stack, r.Name, r.Description, state, pattern, dead, targets...), nil
}

func ruleOf(stack awscdk.Stack, id, description, state string, pattern map[string]any, dead awssqs.IQueue, targets ...target) awsevents.CfnRule {
	var list []any
	for _, t := range targets {
		list = append(list, &awsevents.CfnRule_TargetProperty{
			Id: jsii.String(t.id), Arn: t.arn, RoleArn: t.role,
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: dead.QueueArn()},
			InputTransformer: transformer(t),
		})
	}
	return awsevents.NewCfnRule(stack, jsii.String(id), &awsevents.CfnRuleProps{
		Description: jsii.String(description), State: jsii.String(state), EventPattern: pattern, Targets: list,
	})
}

// transformer keeps a nil of its type from becoming a value.
func transformer(t target) any {
	if t.text == nil {
		return nil
	}
	return t.text
}
