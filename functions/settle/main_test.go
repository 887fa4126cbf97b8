package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

const (
	ours   = "111122223333"
	worker = "ASIAEXAMPLEWORKER001"
)

// newTable makes a table, which ends with the server, and that with the tests.
func newTable(t *testing.T, at localaws.Endpoint) (*filing.Store, string) {
	t.Helper()
	getenv := func(name string) string {
		return map[string]string{
			"AWS_REGION": localaws.Region, "AWS_ENDPOINT_URL": at.URL,
			"AWS_ACCESS_KEY_ID": localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": localaws.SecretAccessKey,
		}[name]
	}
	cfg, err := lambdaenv.Config(getenv)
	if err != nil {
		t.Fatal(err)
	}
	c, name := dynamo.NewClient(cfg, getenv), "settle-"+rand.Text()
	if err := dynamo.Create(t.Context(), c, name); err != nil {
		t.Fatal(err)
	}
	return dynamo.New(c, name, store.LiveLimits(), nil), name
}

// refused are failures of a key of which the reports say nothing else.
func refused(at time.Time) []incident.Signal {
	var out []incident.Signal
	for i := range 12 {
		out = append(out, incident.Signal{
			ID: fmt.Sprint("refused-", i), Account: ours, Region: localaws.Region, Time: at.Add(time.Duration(i) * time.Second),
			Kind: incident.CredentialFailed, Feed: incident.FromClient, Key: worker, ErrorCode: "InvalidClientTokenId", Count: 1,
		})
	}
	return out
}

// record is a CloudTrail record of a call by a user.
func record(id, source, name string, at time.Time, request, response string) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":%q,"eventName":%q,"awsRegion":%q,"sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.17.0",`+
		`"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEBROKER","userName":"broker","accountId":%[6]q,"arn":"arn:aws:iam::%[6]s:user/broker","accessKeyId":"AKIAEXAMPLE000000001"},`+
		`"requestParameters":%[7]s,"responseElements":%[8]s,"requestID":"r","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%[6]q,"eventCategory":"Management"}`,
		id, at.Format(time.RFC3339), source, name, localaws.Region, ours, request, response)
}

func standing(t *testing.T, table *filing.Store, kind incident.PrincipalType, name string) []incident.Finding {
	t.Helper()
	cases, err := table.Cases(t.Context(), incident.Principal{Type: kind, Account: ours, Name: name}.Key())
	if err != nil {
		t.Fatal(err)
	}
	var out []incident.Finding
	for _, c := range cases {
		if c.SupersededBy == "" {
			out = append(out, c.Finding)
		}
	}
	return out
}

// TestBootstrap drives the real program: Lambda's protocol on one side, DynamoDB
// Local and an event history on the other.
func TestBootstrap(t *testing.T) {
	table, name := newTable(t, localaws.DynamoDB(t))
	now := time.Now().UTC().Truncate(time.Second)
	live := detect.NewLive(table, table, incident.DefaultSettings())
	if err := live.Handle(t.Context(), refused(now.Add(-time.Hour)), nil, now.Add(-50*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if f := standing(t, table, incident.AccessKey, worker); len(f) != 1 || f[0].Cause != incident.UnexplainedFailures {
		t.Fatalf("at first: %+v, want failures without an explanation", f)
	}
	history := localaws.NewEventHistory(time.Now)
	issued := now.Add(-3 * time.Hour)
	err := history.Add(
		record("lost", "iam.amazonaws.com", "DeleteRole", now.Add(-10*time.Minute), `{"roleName":"mailer"}`, "null"),
		record("issued", "sts.amazonaws.com", "AssumeRole", issued, `{"roleArn":"arn:aws:iam::111122223333:role/orders","roleSessionName":"worker"}`,
			fmt.Sprintf(`{"credentials":{"accessKeyId":%q,"expiration":%q,"sessionToken":"invented-secret"},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:worker","arn":"arn:aws:sts::111122223333:assumed-role/orders/worker"}}`,
				worker, issued.Add(time.Hour).Format("Jan 2, 2006, 3:04:05 PM"))),
	)
	if err != nil {
		t.Fatal(err)
	}
	f := localaws.Start(t, localaws.Build(t, "functions/settle"), append(localaws.DynamoDB(t).Env("DYNAMODB"),
		append(localaws.ServeEventHistory(t, history).Env("CLOUDTRAIL"), config.EnvTable+"="+name, config.EnvLookups+"=on", config.EnvMetrics+"=on")...))
	for range 2 { // started twice, which changes nothing
		if _, err := f.Invoke(t.Context(), []byte(`{"source":"trailverdict.schedule"}`)); err != nil {
			t.Fatalf("Invoke: %v\n%s", err, f.Logs())
		}
	}
	if got := standing(t, table, incident.AccessKey, worker); len(got) != 0 {
		t.Errorf("about the key: %+v, want that its owner's finding stands instead", got)
	}
	if got := standing(t, table, incident.Role, "orders"); len(got) != 1 || got[0].Cause != incident.TokenExpired || got[0].Status != incident.Settled {
		t.Errorf("about the owner: %+v, want an expired token, settled", got)
	}
	kept, err := table.Signals(t.Context(), store.Query{Node: incident.Principal{Type: incident.Role, Account: ours, Name: "mailer"}.Key()})
	if err != nil || len(kept.Items) != 1 || kept.Items[0].ID != "lost" {
		t.Errorf("about the other role: %+v, %v; want the deletion that had not arrived", kept.Items, err)
	}
	logs := f.Logs()
	for _, part := range []string{`"message":"decided"`, `"incident":"tv-`, `"supersededBy":"tv-`, `"requestId":"`} {
		if !strings.Contains(logs, part) {
			t.Errorf("the logs lack %s:\n%s", part, logs)
		}
	}
	if strings.Contains(logs, "invented-secret") || !strings.Contains(logs, `"recovered":1`) || !strings.Contains(logs, "LookupsSpent") || strings.Contains(logs, `"level":"ERROR"`) {
		t.Errorf("logs:\n%s", logs)
	}
}

func TestWireSaysWhatIsMissing(t *testing.T) {
	_, err := wire(func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), config.EnvTable) {
		t.Errorf("wire: %v, want %s to be missing", err, config.EnvTable)
	}
	_, err = wire(func(name string) (string, bool) {
		v, ok := map[string]string{config.EnvTable: "table"}[name]
		return v, ok
	})
	if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("wire: %v, want a Region to be missing", err)
	}
}
