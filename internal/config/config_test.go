package config

import "testing"

func TestTheFirstPatternSaysWhoWritesToALogGroup(t *testing.T) {
	c := Config{LogGroups: []LogGroup{
		{Pattern: "/ecs/payments-api", Workload: "payments"},
		{Pattern: "/ecs/payments-*", Workload: "payments-workers", Principal: "arn:aws:iam::111122223333:role/worker"},
		{Pattern: "/ecs/*", Workload: "some-task"},
		{Pattern: "/ecs/billing", Workload: "never"},
	}}
	for group, want := range map[string][2]string{
		"/ecs/payments-api":   {"payments", ""},
		"/ecs/payments-api-2": {"payments-workers", "arn:aws:iam::111122223333:role/worker"},
		"/ecs/billing":        {"some-task", ""},
		"/aws/ecs/billing":    {"", ""},
		"":                    {"", ""},
	} {
		if workload, principal := c.LogWriter(group); workload != want[0] || principal != want[1] {
			t.Errorf("LogWriter(%q) = %q, %q, want %q", group, workload, principal, want)
		}
	}
}
