package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func numbered(n int, r routing.Route) []routing.Route {
	var list []routing.Route
	for i := range n {
		r.Name = fmt.Sprintf("route%d", i)
		list = append(list, r)
	}
	return list
}

func TestLimits(t *testing.T) {
	accounts := func(n int) []string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("1111222233%02d", i))
		}
		return list
	}
	subject := routing.Match{Subjects: []string{"payments-*"}}
	for name, tt := range map[string]struct {
		routes []routing.Route
		want   string // empty: nothing
	}{
		"at the limit":                        {[]routing.Route{{Name: "a", Type: routing.SQS, Match: routing.Match{Severity: incident.Medium, Accounts: accounts(50)}}}, ""},
		"beyond it":                           {[]routing.Route{{Name: "a", Type: routing.SQS, Match: routing.Match{Severity: incident.Medium, Accounts: accounts(51)}}}, "routes[0].match: route a: its match makes 153 combinations of values (3 of severity × 51 of account), and SNS allows 150"},
		"what needs no filter":                {[]routing.Route{{Name: "a", Type: routing.SQS, Match: routing.Match{Severity: incident.Medium, Accounts: accounts(51), Subjects: []string{"a*"}}}}, ""},
		"chat that takes all":                 {[]routing.Route{{Name: "c", Type: routing.Chat}}, ""},
		"chat that chooses":                   {[]routing.Route{{Name: "c", Type: routing.Chat, Match: routing.Match{Severity: incident.High}}}, ""},
		"names that differ by a hyphen alone": {[]routing.Route{{Name: "a-1-b", Type: routing.SQS}, {Name: "a-1b", Type: routing.SQS}}, ""},
		"names that become the same":          {[]routing.Route{{Name: "a1-b", Type: routing.SQS}, {Name: "a-1-b", Type: routing.SQS}}, "routes[1].name: route a-1-b: its name and that of the route a1-b differ too little"},
		"many routes without a match":         {numbered(300, routing.Route{Type: routing.HTTPS}), ""},
		"many routes with one":                {numbered(201, routing.Route{Type: routing.HTTPS, Match: routing.Match{Severity: incident.High}}), "routes[200].match: route route200: more than 200 routes lead through the topic Findings with a match"},
		"many routes by subject":              {numbered(21, routing.Route{Type: routing.SQS, Match: subject}), "routes[20]: route route20: more than 20 routes match by subject or tag"},
		"as many as there may be":             {numbered(20, routing.Route{Type: routing.SQS, Match: subject}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, i := range routing.Limits(tt.routes) {
				got = append(got, i.Path+": "+i.Message)
				if !i.Fatal {
					t.Errorf("%+v can be deployed", i)
				}
			}
			if text := strings.Join(got, "\n"); (text == "") != (tt.want == "") || !strings.HasPrefix(text, tt.want) || len(got) > 1 {
				t.Errorf("Limits() = %s, want %s", text, tt.want)
			}
		})
	}
}

func TestWhichRoutesAFilterServes(t *testing.T) {
	for name, test := range map[string]struct {
		route routing.Route
		want  map[string][]string // nil: it has a topic of its own
	}{
		"everything":        {routing.Route{Type: routing.SQS}, map[string][]string{}},
		"what is attribute": {routing.Route{Type: routing.SQS, Match: routing.Match{Severity: incident.High, Owners: []string{"payments"}, Causes: []incident.Cause{incident.ClockSkew}}}, map[string][]string{"severity": {"high", "critical"}, "owner": {"payments"}, "cause": {"clock_skew"}}},
		"a subject":         {routing.Route{Type: routing.SQS, Match: routing.Match{Subjects: []string{"a"}}}, nil},
		"a tag":             {routing.Route{Type: routing.SQS, Match: routing.Match{Tags: tagIs("team", "a")}}, nil},
		"the rest":          {routing.Route{Type: routing.SQS, Otherwise: true}, nil},
		"escalation":        {routing.Route{Type: routing.SQS, After: time.Hour}, nil},
		"reminders":         {routing.Route{Type: routing.SQS, Repeat: time.Hour}, nil},
		"quiet hours":       {routing.Route{Type: routing.SQS, Quiet: []routing.Hours{{}}}, nil},
		"all to a chat":     {routing.Route{Type: routing.Chat}, map[string][]string{}},
		"some to a chat":    {routing.Route{Type: routing.Chat, Match: routing.Match{Severity: incident.High}}, nil},
	} {
		s := routing.Subscribe(test.route)
		if test.route.Filtered() != (test.want != nil) || !cmp.Equal(s.Filter, test.want) {
			t.Errorf("%s: filtered %v by %v, want %v", name, test.route.Filtered(), s.Filter, test.want)
		}
	}
}
