package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// deployment is all stacks of one, whose parts name one another.
type deployment map[string]template

// part is what a value of a stack stands for: stack and logical id, or the value
// itself if it is no part of the deployment.
func (d deployment) part(stack string, value any) string {
	m, _ := value.(map[string]any)
	if name, ok := m["Ref"].(string); ok {
		return stack + "/" + name
	}
	if list, ok := m["Fn::GetAtt"].([]any); ok {
		return fmt.Sprint(stack, "/", list[0])
	}
	if name, ok := m["Fn::ImportValue"].(string); ok {
		for other, s := range d {
			for _, output := range s.Outputs {
				o := output.(map[string]any)
				if export, _ := o["Export"].(map[string]any); export["Name"] == name {
					return d.part(other, o["Value"])
				}
			}
		}
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// parts are what the values inside a value stand for.
func (d deployment) parts(stack string, value any) []string {
	var list []string
	walk(value, func(m map[string]any) { list = append(list, d.part(stack, m)) })
	return list
}

// path is a way on which something can fail: what it uses then, and the queue in
// which it ends.
type path struct {
	name, queue string
	uses        []string
}

func (d deployment) paths() []path {
	var list []path
	add := func(stack, id string, queue any, uses ...string) {
		if queue != nil {
			list = append(list, path{stack + "/" + id, d.part(stack, queue), uses})
		}
	}
	for stack, s := range d {
		for id, r := range s.of("AWS::Events::Rule") {
			for _, target := range r.Properties["Targets"].([]any) {
				t := target.(map[string]any)
				add(stack, id, asObject(t["DeadLetterConfig"])["Arn"], d.part(stack, t["Arn"]))
			}
		}
		for id, r := range s.of("AWS::Lambda::Function") {
			add(stack, id, asObject(r.Properties["DeadLetterConfig"])["TargetArn"], d.parts(stack, r.Properties["Environment"])...)
		}
		for id, r := range s.of("AWS::Lambda::EventSourceMapping") {
			function := d.part(stack, r.Properties["FunctionName"])
			_, logical, _ := strings.Cut(function, "/")
			uses := d.parts(stack, s.resources[logical].Properties["Environment"])
			add(stack, id, asObject(asObject(r.Properties["DestinationConfig"])["OnFailure"])["Destination"], append(uses, function)...)
		}
		for id, r := range s.of("AWS::Scheduler::Schedule") {
			t := asObject(r.Properties["Target"])
			add(stack, id, asObject(t["DeadLetterConfig"])["Arn"], d.part(stack, t["Arn"]))
		}
		for id, r := range s.of("AWS::SNS::Subscription") {
			add(stack, id, asObject(r.Properties["RedrivePolicy"])["deadLetterTargetArn"], d.part(stack, r.Properties["TopicArn"]))
		}
		for id, r := range s.of("AWS::SQS::Queue") {
			add(stack, id, asObject(r.Properties["RedrivePolicy"])["deadLetterTargetArn"], stack+"/"+id)
		}
	}
	return list
}

// told are the topics that the alarms about a queue tell, if these may publish to
// them and somebody has subscribed.
func (d deployment) told(queue string) []string {
	heard := d.heard()
	var list []string
	for stack, s := range d {
		for _, r := range s.of("AWS::CloudWatch::Alarm") {
			if r.Properties["MetricName"] != "ApproximateNumberOfMessagesVisible" || !slices.Contains(d.parts(stack, r.Properties["Dimensions"]), queue) {
				continue
			}
			for _, action := range r.Properties["AlarmActions"].([]any) {
				if topic := d.part(stack, action); heard[topic] {
					list = append(list, topic)
				}
			}
		}
	}
	return list
}

// heard are the topics that CloudWatch may publish to and an address is
// subscribed to.
func (d deployment) heard() map[string]bool {
	open, heard := map[string]bool{}, map[string]bool{}
	for stack, s := range d {
		for _, r := range s.of("AWS::SNS::TopicPolicy") {
			text, _ := json.Marshal(r.Properties["PolicyDocument"])
			for _, topic := range r.Properties["Topics"].([]any) {
				open[d.part(stack, topic)] = strings.Contains(string(text), "cloudwatch.amazonaws.com")
			}
		}
	}
	for stack, s := range d {
		for _, r := range s.of("AWS::SNS::Subscription") {
			if topic := d.part(stack, r.Properties["TopicArn"]); open[topic] && r.Properties["FilterPolicy"] == nil {
				heard[topic] = true
			}
		}
	}
	return heard
}

// TestDeadLettersAreHeardOf follows everything that can fail into its queue, and
// on to somebody by a way that does not lead through what failed.
func TestDeadLettersAreHeardOf(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(deployments)) {
		t.Run(name, func(t *testing.T) {
			d := deployment(deployments[name](t))
			paths := d.paths()
			if len(paths) < 30 {
				t.Fatalf("only %d ways found on which something can fail", len(paths))
			}
			ends := map[string]bool{}
			for _, p := range paths {
				ends[p.queue] = true
				if told := d.told(p.queue); !slices.ContainsFunc(told, func(topic string) bool { return !slices.Contains(p.uses, topic) }) {
					t.Errorf("what %s loses through %v ends in %s, whose alarms tell %v alone", p.name, p.uses, p.queue, told)
				}
			}
			for stack, s := range d {
				for id, r := range s.of("AWS::SQS::Queue") {
					if r.Properties["RedrivePolicy"] == nil && !ends[stack+"/"+id] {
						t.Errorf("nothing ends in %s/%s", stack, id)
					}
				}
			}
		})
	}
}

// TestAlarmsThroughWhatFailed has the check find an alarm that would be lost
// with what it is about.
func TestAlarmsThroughWhatFailed(t *testing.T) {
	topic := resource{Type: "AWS::SNS::TopicPolicy", Properties: map[string]any{
		"PolicyDocument": map[string]any{"Statement": "cloudwatch.amazonaws.com"}, "Topics": []any{map[string]any{"Ref": "Topic"}},
	}}
	d := deployment{"s": {resources: map[string]resource{
		"Policy": topic,
		"To":     {Type: "AWS::SNS::Subscription", Properties: map[string]any{"TopicArn": map[string]any{"Ref": "Topic"}}},
		"Rule": {Type: "AWS::Events::Rule", Properties: map[string]any{"Targets": []any{map[string]any{
			"Arn": map[string]any{"Ref": "Topic"}, "DeadLetterConfig": map[string]any{"Arn": map[string]any{"Fn::GetAtt": []any{"Dead", "Arn"}}},
		}}}},
		"Alarm": {Type: "AWS::CloudWatch::Alarm", Properties: map[string]any{
			"MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": []any{map[string]any{"Value": map[string]any{"Fn::GetAtt": []any{"Dead", "QueueName"}}}},
			"AlarmActions": []any{map[string]any{"Ref": "Topic"}},
		}},
	}}}
	paths := d.paths()
	if len(paths) != 1 || paths[0].queue != "s/Dead" || !slices.Equal(paths[0].uses, d.told("s/Dead")) {
		t.Errorf("the ways are %v, the alarms tell %v", paths, d.told("s/Dead"))
	}
}
