package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/localaws/account"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// lost: what the event bus lost is found in CloudTrail's event history, although that
// shows a page at a time, answers nobody who asks too often, and throttles at
// first. The verdict is that of a replay of everything.
func (f *factory) lost(t *testing.T) {
	p := recent(t, 20*time.Minute)
	revocation, rest := p.messages[1], append([]string{}, p.messages[2:]...)
	history := localaws.NewEventHistory(time.Now)
	if err := history.Add(append(others(120), revocation)...); err != nil {
		t.Fatal(err)
	}
	history.Fail("ThrottlingException")
	a := f.deploy(t, nil, history, "eu-west-1")
	for _, record := range rest {
		if !a.Put(enveloped(t, record)) {
			t.Fatalf("no rule takes %s", record)
		}
	}
	a.Deliver()
	table := a.Name("AWS::DynamoDB::Table", "Table")
	makeDue(t, table)
	a.Run("SettleSchedule")
	a.Deliver()
	if got := a.Received("RouteSoc"); len(got) > 0 {
		t.Fatalf("it was told without the history: %v", got)
	}
	a.Function("Settle").Kill() // a new copy does not know that it is to wait
	a.Run("SettleSchedule")
	a.Deliver()

	if got := a.Received("RouteSoc"); len(got) != 1 || got[0].Attributes["cause"] != "sessions_revoked_by_stranger" {
		t.Errorf("the route got %v", got)
	}
	p.decodeAgain(t, append(rest, revocation))
	if got, want := printed(t, p.standing(t, tableAt(localaws.DynamoDB(t).URL, table))), p.replayed(t); got != want {
		t.Errorf("the table's findings differ from replay's\nreplay: %s\nlive:   %s", want, got)
	}
	refused, pages := 0, 0
	var last time.Time
	for _, r := range history.Requests() {
		if r.Error != "" {
			refused++
		}
		if r.Next {
			pages++
		}
		if since := r.Time.Sub(last); !last.IsZero() && since < 500*time.Millisecond {
			t.Errorf("a request came %s after another", since)
		}
		if last = r.Time; r.Error != "" {
			last = time.Time{} // the next one is another copy's
		}
	}
	if refused != 1 || pages == 0 {
		t.Errorf("%d requests were refused and %d asked for a further page, want 1 and some", refused, pages)
	}
}

// decodeAgain makes a play's evidence that of some values, at this time.
func (p *play) decodeAgain(t *testing.T, values []string) {
	t.Helper()
	q := &play{story: p.story, settings: p.settings, messages: values, asOf: time.Now()}
	if _, err := trail.Decode(strings.NewReader(strings.Join(values, "\n")), p.story.Name, q); err != nil {
		t.Fatal(err)
	}
	*p = *q
}

// others are calls of IAM that decide nothing, of the last minutes.
func others(n int) []string {
	var list []string
	for k := range n {
		at := time.Now().UTC().Add(-time.Duration(k) * 5 * time.Second).Format(time.RFC3339)
		list = append(list, fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/auditor","accountId":"111122223333","accessKeyId":"AKIARTX3GSDSAUDAAAAA","userName":"auditor"},"eventTime":"%s","eventSource":"iam.amazonaws.com","eventName":"TagRole","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.9","userAgent":"aws-cli/2.17.0","requestParameters":{"roleName":"orders-api"},"responseElements":null,"eventID":"t%d","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}`, at, k))
	}
	return list
}

// forbidden: where the templates do not permit something that is needed, it does not work,
// and says what is missing: the account is no kinder than AWS.
func (f *factory) forbidden(t *testing.T) {
	for name, tt := range map[string]struct {
		policy, action string // what is taken out of which policy
		want           string
		dead           int
	}{
		"everything is permitted":          {"", "", "", 0},
		"notify may not publish":           {"NotifyRoleDefaultPolicy", "sns:Publish", "may not sns:Publish", 1},
		"detect may not write":             {"DetectRoleDefaultPolicy", "dynamodb:PutItem", "may not dynamodb:", 1},
		"rules may not fill the queue":     {"SignalsPolicy", "sqs:SendMessage", "events.amazonaws.com may not sqs:SendMessage", 4},
		"rules may not start detect":       {"RulesStartDetect", "lambda:InvokeFunction", "events.amazonaws.com may not lambda:InvokeFunction", 0},
		"forwarders may not reach home":    {"ForwardRoleDefaultPolicy", "events:PutEvents", "may not events:PutEvents", 0},
		"notify may not use the key":       {"NotifyRoleDefaultPolicy", "kms:Decrypt", "may not sns:Publish", 1},
		"detect may not empty the queue":   {"DetectRoleDefaultPolicy", "sqs:ReceiveMessage", "may not sqs:ReceiveMessage", 0},
		"alarms may not reach the people":  {"OperationsPolicy", "sns:Publish", "cloudwatch.amazonaws.com may not sns:Publish", 0},
		"letters for the dead are refused": {"DeadLettersPolicy", "sqs:SendMessage", "sns.amazonaws.com may not sqs:SendMessage", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			without := func(text []byte) []byte { return forbid(t, text, tt.policy, tt.action) }
			a := f.altered(t, without)
			for _, record := range recent(t, 20*time.Minute).messages {
				a.Put(enveloped(t, record))
			}
			a.Deliver()
			refused := strings.Join(a.Refused(), "\n")
			if (refused == "") != (tt.want == "") || !strings.Contains(refused, tt.want) {
				t.Errorf("refused was %q, want %q", refused, tt.want)
			}
			if got := len(a.Dead("DeadLetters")); got < tt.dead || tt.dead == 0 && tt.want == "" && got > 0 {
				t.Errorf("%d dead letters, want at least %d", got, tt.dead)
			}
			if told := len(a.Received(takesAll)); told == 0 && tt.want == "" {
				t.Error("nobody was told")
			}
		})
	}
}

// altered is a deployment of changed templates.
func (f *factory) altered(t *testing.T, change func([]byte) []byte) *account.Account {
	t.Helper()
	return account.Deploy(t, account.Deployment{
		Bootstraps: f.bootstraps, Files: f.files(t, nil),
		Stacks: []account.Stack{
			{Name: "tv", Region: localaws.Region, Template: change(contents(t, deployment+"tv.json"))},
			{Name: "tv", Region: "eu-west-1", Template: change(f.forwarder)},
		},
	})
}

// forbid takes an action out of a policy of a template, given by the beginning
// of its name.
func forbid(t *testing.T, text []byte, policy, action string) []byte {
	t.Helper()
	if policy == "" {
		return text
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	resources := v["Resources"].(map[string]any)
	for id, r := range resources {
		if !strings.HasPrefix(id, policy) {
			continue
		}
		part, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var changed any
		if err := json.Unmarshal(bytes.ReplaceAll(part, []byte(`"`+action+`"`), []byte(`"none:None"`)), &changed); err != nil {
			t.Fatal(err)
		}
		resources[id] = changed
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// poisoned: a message that nobody can understand ends among the dead letters, once, and
// so does an event that goes straight to detect. What comes beside it is told.
func (f *factory) poisoned(t *testing.T) {
	a := f.deploy(t, nil, nil, "eu-west-1")
	const damaged = `{"version":"0","id":"p1","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":"never","region":"us-east-1","resources":[],"detail":{"errorCode":"ExpiredToken","eventTime":"never","workload":"payments"}}`
	if !a.Put(damaged) {
		t.Fatal("no rule takes a client's report")
	}
	for _, record := range recent(t, 20*time.Minute).messages {
		a.Put(enveloped(t, record))
	}
	a.Deliver()
	if dead := a.Dead("DeadLetters"); len(dead) != 1 || dead[0].Body != damaged {
		t.Errorf("the dead letters are %v", dead)
	}
	if got := a.Received("RouteSoc"); len(got) == 0 {
		t.Error("the route got nothing")
	}
}

// attacked: an attack on the detector is told by the watching stack, and one on that by
// the home stack, without any function.
func (f *factory) attacked(t *testing.T) {
	a := f.deploy(t, nil, nil, "eu-west-1")
	attack := func(name, region string) string {
		return fmt.Sprintf(`{"version":"0","id":"a1","detail-type":"AWS API Call via CloudTrail","source":"aws.events","account":"111122223333","time":"2026-03-01T10:00:00Z","region":"%s","resources":[],"detail":{"eventSource":"events.amazonaws.com","eventName":"DisableRule","sourceIPAddress":"198.51.100.7","userIdentity":{"arn":"arn:aws:iam::111122223333:user/eve"},"eventID":"x1","requestParameters":{"name":"%s"}}}`, region, name)
	}
	for receiver, event := range map[string]string{
		"WatchTo1":      attack("tv-Sessions-1ABC", "eu-west-1"),
		"OperationsTo1": attack("tv-watch-Trails-1ABC", "us-east-1"),
	} {
		a.Put(event)
		got := a.Received(receiver)
		want := "DisableRule (events.amazonaws.com) by arn:aws:iam::111122223333:user/eve from 198.51.100.7"
		if len(got) == 0 || !strings.Contains(got[0].Body, want) || strings.Contains(got[0].Body, "<") {
			t.Errorf("%s got %v, want a message with %q", receiver, got, want)
		}
		a.Received("WatchTo1") // it watches its own rules, too
	}
	if n := a.Function("Detect").Starts(); n != 0 {
		t.Errorf("detect was started %d times", n)
	}
}

var address = regexp.MustCompile(`https?://\S+`)

// reports: the smallest deployment tells by mail, and its report can be read by the link
// in the mail.
func (f *factory) reports(t *testing.T) {
	const smallest = "../../infra/testdata/smallest.trailverdict"
	a := account.Deploy(t, account.Deployment{
		Bootstraps: f.bootstraps,
		Stacks: []account.Stack{
			{Name: "trailverdict", Region: localaws.Region, Template: contents(t, smallest+".json")},
			{Name: "trailverdict-watch", Region: localaws.Region, Template: contents(t, smallest+"-watch.json")},
		},
	})
	end := time.Now().UTC().Truncate(24 * time.Hour).Add(6 * time.Hour) // of the report's day
	if end.After(time.Now()) {
		end = end.Add(-24 * time.Hour)
	}
	for k := range 12 {
		at := end.Add(-time.Duration(k)*time.Hour - 7*time.Minute).Format(time.RFC3339)
		a.Put(fmt.Sprintf(`{"version":"0","id":"c%d","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":"%s","region":"us-east-1","resources":[],"detail":{"eventId":"f%d","errorCode":"ExpiredToken","eventTime":"%s","workload":"payments-worker","accessKeyId":"ASIARTX3GSDSABCDEF%02d"}}`, k, at, k, at, k+10))
	}
	a.Deliver()
	if mail := a.Received("RouteEmail1"); len(mail) == 0 || !strings.Contains(mail[0].Body, "payments-worker") {
		t.Errorf("of the failures nobody got a mail: %v", mail)
	}
	a.Run("ReportSchedule")
	mail := a.Received("RouteEmail1")
	if len(mail) != 1 {
		t.Fatalf("%d mails of the report, want 1; it printed %s", len(mail), a.Function("Report").Logs())
	}
	resp, err := http.Get(address.FindString(mail[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(page, []byte("payments-worker")) {
		t.Errorf("the link leads to %s: %.200s, %v", resp.Status, page, err)
	}
}

// onARM: the programs that are deployed are for other machines than this one. Each
// starts under qemu, in the environment that its template gives it.
func (f *factory) onARM(t *testing.T) {
	qemu := ""
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			qemu = path
		}
	}
	if qemu == "" {
		t.Skip("NOT TESTED: the functions' arm64 programs are not started, since there is no qemu-aarch64-static in the PATH (Debian's qemu-user-static)")
	}
	bootstraps := map[string]string{}
	for _, name := range functionNames {
		program := localaws.Build(t, "functions/"+name, localaws.BuildEnv()...)
		bootstraps[name] = filepath.Join(t.TempDir(), name)
		script := "#!/bin/sh\nexec " + qemu + " " + program + "\n"
		if err := os.WriteFile(bootstraps[name], []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	other := *f
	other.bootstraps = bootstraps
	a := other.deploy(t, nil, nil)
	for _, name := range functionNames {
		fn := a.Function(strings.ToUpper(name[:1]) + name[1:])
		if err := fn.Warm(t.Context()); err != nil {
			t.Errorf("%s: %v; it printed %s", name, err, fn.Logs())
		}
		fn.Kill()
	}
}
