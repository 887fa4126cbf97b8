package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// A route that notify decides about is a channel with its topic; one that SNS
// serves is none.
func TestRoutesThatWaitAreChannels(t *testing.T) {
	rules := routing.Rules{Routes: []routing.Route{
		{Name: "soc", Type: routing.SQS}, {Name: "late", Type: routing.Email, After: time.Hour}, {Name: "rest", Type: routing.Lambda, Otherwise: true},
	}}
	env := config.Env{
		FindingsTopic: "arn:aws:sns:us-east-1:111122223333:tv-Findings",
		RouteTopics:   map[string]string{"late": "tv-ToLate", "rest": "tv-ToRest"},
	}
	getenv := func(string) string { return "" }
	list, err := channels(env, rules, aws.Config{Region: "us-east-1"}, getenv)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		kind := "machines"
		if c.People {
			kind = "people"
		}
		got = append(got, c.Name+" "+c.Route+" "+kind)
	}
	if text := strings.Join(got, ", "); text != "findings  machines, route/late late people, route/rest rest machines" {
		t.Errorf("the channels are %s", text)
	}
	delete(env.RouteTopics, "late")
	if _, err := channels(env, rules, aws.Config{}, getenv); err == nil || !strings.Contains(err.Error(), "names no topic for the route late") {
		t.Errorf("without a topic: %v", err)
	}
}
