// Package rendertest holds interval reports for the tests of those who write
// them: each form has to write the same.
package rendertest

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func at(hour, minute int) time.Time {
	return time.Date(2026, time.March, 4, hour, minute, 0, 0, time.UTC)
}

func someRole(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: name, ARN: "arn:aws:iam::111122223333:role/" + name}
}

// everyHour returns n times an hour apart.
func everyHour(n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = at(0, 0).Add(time.Duration(i) * time.Hour)
	}
	return out
}

// Odd is a report with an anomaly of every kind.
func Odd() incident.Report {
	beats := everyHour(9)
	payments := incident.Subject{Principal: someRole("payments-api"), AccessKeyIDs: []string{"ASIAQPAYMENTS0000001"}, Workloads: []string{"payments-worker"}}
	orders := incident.Subject{Principal: someRole("orders")}
	batch := incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "nightly-batch"}}
	r := incident.Report{
		From: at(0, 0), To: at(9, 0), Since: at(0, 0).Add(-15 * time.Hour),
		Anomalies: []incident.Anomaly{
			{
				Kind: incident.MissedRenewal, Subject: orders, Period: 50 * time.Minute, Jitter: 3 * time.Second, Occurrences: 12, Lifetime: time.Hour,
				NextExpected: at(6, 40), Confidence: 0.97, Times: beats[:6], Summary: "Sessions were renewed every 50m until 05:50:00, then no more", Fix: "Look at the process that renews them.",
			},
			{Kind: incident.OffBeatIssuance, Subject: orders, Period: 50 * time.Minute, Occurrences: 1, Confidence: 0.95, Times: []time.Time{at(2, 31)}, Summary: "Credentials were issued between the renewals", Fix: "Find out who else asks."},
			{Kind: incident.CadenceChange, Subject: orders, Period: 20 * time.Minute, Occurrences: 8, NextExpected: at(9, 20), Confidence: 0.9, Times: []time.Time{at(5, 0)}, Summary: "Renewals came every 50m, and every 20m since 05:00:00", Fix: "Nothing, if a deployment explains it."},
			{
				Kind: incident.RefreshBugAnomaly, Subject: payments, Period: time.Hour, Jitter: 30 * time.Second, Occurrences: 9, Lifetime: time.Hour,
				NextExpected: at(9, 0), Confidence: 0.981, Times: beats, Summary: "Failures recur every 1h (± 30s), 9 times", Fix: "Keep one credential provider.",
			},
			{Kind: incident.SpikeAnomaly, Subject: batch, Occurrences: 40, Confidence: 0.999, Times: []time.Time{at(3, 0), at(3, 2)}, Summary: "40 failures within 2m, where hardly any was to be expected", Fix: "See the finding."},
		},
		Series: []incident.Series{
			{Subject: orders, Issuances: everyHour(8)},
			{Subject: payments, Failures: append(slices.Clone(beats), at(4, 21)), Issuances: beats[1:], Beats: everyHour(12)},
			{Subject: batch, Failures: slices.Repeat([]time.Time{at(3, 0)}, 40)},
		},
		Findings:     []incident.Finding{trustOpened(), refreshBug()},
		New:          []int{4},
		Changed:      []incident.Change{{Index: 3, Trend: incident.Worse, Words: "every 1h instead of every 2h"}, {Index: 1, Trend: incident.Better, Words: "none came since"}},
		Gone:         []incident.Anomaly{{Kind: incident.RefreshBugAnomaly, Subject: batch}},
		Checks:       beyondTheRails(),
		Suppressions: []string{"The suppression of cause clock_skew (a reason) ended on 2026-03-01, and covers nothing any more: remove it."},
		BlindSpots:   []string{"No IAM events were seen."},
	}
	r.Series[1].Weekly[time.Wednesday] = [24]int{1, 1, 1, 1, 2, 1, 1, 1, 1}
	r.Series[2].Weekly[time.Wednesday][3] = 4
	return r
}

// beyondTheRails are four checks of two kinds, oldest first.
func beyondTheRails() []incident.Check {
	var list []incident.Check
	for n, name := range []string{"orders", "payments-api", "nightly-export"} {
		list = append(list, incident.Check{
			Kind: incident.SessionDuration, Account: "111122223333", Region: "us-east-1", Time: at(2+n, 20), EventID: name, Subject: incident.Subject{Principal: someRole(name)},
			Actor: "arn:aws:sts::111122223333:assumed-role/platform-deploy/pipeline-4711", SourceIP: "192.0.2.9",
			Fact: "sessions of role " + name + " may last 12h, and 4h is the limit", Fix: "aws iam update-role --role-name " + name + " --max-session-duration 14400; a job that needs longer renews its session, since a stolen one lasts as long",
		})
	}
	return append(list, incident.Check{
		Kind: incident.StaticKeys, Account: "111122223333", Region: "eu-west-1", Time: at(6, 28), EventID: "task",
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "task orders-sync"}, AccessKeyIDs: []string{"AKIARTX3GSDS3ORDERSX"}},
		Actor:   "arn:aws:iam::111122223333:user/ivy", SourceIP: "192.0.2.31",
		Fact: "the environment of task orders-sync holds access key AKIARTX3GSDS3ORDERSX, in AWS_ACCESS_KEY_ID", Fix: "let the program use its own role instead, and deactivate the key: whoever may describe the function or task reads it",
	})
}

// trustOpened and refreshBug hold what reports say about findings.
func trustOpened() incident.Finding {
	return incident.Finding{
		Subject: incident.Subject{Principal: someRole("payments-role")},
		Verdict: incident.Compromise, Cause: incident.TrustOpened, Severity: incident.Critical,
		FirstSeen: at(10, 0), LastSeen: at(11, 7).Add(31 * time.Second),
		Summary: "Role payments-role was opened to account 999988887777, which is neither yours nor trusted, and was assumed from there seven minutes later.",
	}
}

func refreshBug() incident.Finding {
	return incident.Finding{
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Workload, Account: "111122223333", Name: "report-builder"}},
		Verdict: incident.Expiry, Cause: incident.RefreshBug, Severity: incident.Low,
		FirstSeen: at(1, 0).Add(3 * time.Second), LastSeen: at(33, 0).Add(4 * time.Second),
		Summary: "report-builder fails every hour, as long as its credentials live: it does not refresh them.",
	}
}

// hostileName would clear a terminal's screen, reorder the text around it, and
// look like a verdict.
const hostileName = "x\x1b[2J\x1b]0;owned\x07\u009b31m\u202egnp\u2066.\u200b\n\r\tCOMPROMISE nobody\x00\x7f\U000e0041 <b>&amp;\u2028"

// Hostile is a report with names that an attacker chose.
func Hostile() incident.Report {
	r := Odd()
	evil := hostileName + `"'><script>alert(1)</script><img src=https://192.0.2.1/x onerror=alert(2)>{{.}}`
	for i := range r.Anomalies {
		a := &r.Anomalies[i]
		a.Subject.Name, a.Subject.ARN, a.Summary, a.Fix = evil, evil, evil, evil
		a.Subject.Workloads, a.Subject.AccessKeyIDs = []string{evil}, []string{evil}
	}
	for i := range r.Series {
		r.Series[i].Subject = r.Anomalies[0].Subject
	}
	r.Gone[0].Subject.Name, r.Changed[0].Words = evil, evil
	f := &r.Findings[0]
	f.Subject.Name, f.Subject.ARN, f.Summary = evil, evil, evil
	r.Findings = r.Findings[:1]
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Subject.Name, c.Actor, c.SourceIP, c.Fact, c.Fix = evil, evil, evil, evil, evil
	}
	r.BlindSpots = []string{evil}
	r.Suppressions = []string{evil}
	return r
}

// Any is a report whose times, durations and numbers may be anything.
func Any(t *rapid.T) incident.Report {
	r := Odd()
	when := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "unix"), 0)
	})
	for i := range r.Anomalies {
		a := &r.Anomalies[i]
		a.Times = rapid.SliceOfN(when, 0, 5).Draw(t, "times")
		slices.SortFunc(a.Times, time.Time.Compare)
		a.Period = time.Duration(rapid.Int64().Draw(t, "period"))
		a.Jitter = time.Duration(rapid.Int64().Draw(t, "jitter"))
		a.NextExpected = when.Draw(t, "next")
		a.Lifetime = time.Duration(rapid.Int64().Draw(t, "lifetime"))
		a.Confidence = rapid.Float64Range(0, 1).Draw(t, "confidence")
	}
	for i := range r.Series {
		for _, list := range []*[]time.Time{&r.Series[i].Failures, &r.Series[i].Issuances, &r.Series[i].Beats} {
			*list = rapid.SliceOfN(when, 0, 5).Draw(t, "series")
			slices.SortFunc(*list, time.Time.Compare)
		}
	}
	r.To = when.Draw(t, "to")
	return r
}
