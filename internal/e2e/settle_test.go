package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/store"
)

// The settling program is killed at every call to DynamoDB and to CloudTrail in
// turn, before the call takes effect and, where it changes something, after. The next runs of its schedule
// end in the same cases with the same versions, so that nothing is told twice,
// and keep what had not arrived.
func TestSettleKilledAtEveryCall(t *testing.T) {
	localaws.DynamoDB(t)
	u := unsettled{at: time.Now().UTC().Truncate(time.Second), bootstrap: localaws.Build(t, "functions/settle")}
	want, calls := u.run(t, 0, false)
	for _, part := range []string{`"cause":"token_expired"`, `supersededBy "tv-`, "recovered lost"} {
		if !strings.Contains(want, part) {
			t.Fatalf("the undisturbed run lacks %s:\n%s", part, want)
		}
	}
	step := 1
	if testing.Short() {
		step = 9
	}
	var all sync.WaitGroup
	turns := make(chan struct{}, 12) // the program waits a second between lookups
	killed := 0
	for n := 1; n <= len(calls); n += step {
		for _, after := range []bool{false, true} {
			if after && !writes(calls[n-1]) {
				continue // a lost answer to a question is like a question that was not asked
			}
			killed++
			all.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				if got, _ := u.run(t, n, after); got != want {
					t.Errorf("killed at call %d (after its effect: %t), the table says\n%s\nwant\n%s", n, after, got, want)
				}
			})
		}
	}
	all.Wait()
	t.Logf("killed %d times, at each of %d calls, and after those that write: the same cases each time", killed, len(calls))
}

func writes(operation string) bool {
	return slices.Contains([]string{"PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"}, operation)
}

// unsettled is what settle finds: failures of a key of an hour ago, and in the
// event history whose it was, and a deletion that never arrived.
type unsettled struct {
	at        time.Time
	bootstrap string
}

const lostKey = "ASIAEXAMPLEWORKER001"

func (u unsettled) refused() []incident.Signal {
	var out []incident.Signal
	for i := range 12 {
		out = append(out, incident.Signal{
			ID: fmt.Sprint("refused-", i), Account: "111122223333", Region: localaws.Region, Time: u.at.Add(time.Duration(i)*time.Second - time.Hour),
			Kind: incident.CredentialFailed, Feed: incident.FromClient, Key: lostKey, ErrorCode: "InvalidClientTokenId", Count: 1,
		})
	}
	return out
}

func (u unsettled) history(t *testing.T) *localaws.EventHistory {
	t.Helper()
	record := func(id, source, name string, at time.Time, request, response string) string {
		return fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":%q,"eventName":%q,"awsRegion":%q,"sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.17.0",`+
			`"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEBROKER","userName":"broker","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/broker","accessKeyId":"AKIAEXAMPLE000000001"},`+
			`"requestParameters":%s,"responseElements":%s,"requestID":"r","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`,
			id, at.Format(time.RFC3339), source, name, localaws.Region, request, response)
	}
	issued := u.at.Add(-3 * time.Hour)
	h := localaws.NewEventHistory(time.Now)
	err := h.Add(
		record("lost", "iam.amazonaws.com", "DeleteRole", u.at.Add(-10*time.Minute), `{"roleName":"mailer"}`, "null"),
		record("issued", "sts.amazonaws.com", "AssumeRole", issued, `{"roleArn":"arn:aws:iam::111122223333:role/orders","roleSessionName":"worker"}`,
			fmt.Sprintf(`{"credentials":{"accessKeyId":%q,"expiration":%q},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:worker","arn":"arn:aws:sts::111122223333:assumed-role/orders/worker"}}`,
				lostKey, issued.Add(time.Hour).Format("Jan 2, 2006, 3:04:05 PM"))),
	)
	if err != nil {
		t.Error(err)
	}
	return h
}

// run lets the program settle until all is done, and kills it once, at its nth
// call, if n is one. It returns what is kept then, and the calls that it took.
func (u unsettled) run(t *testing.T, n int, after bool) (kept string, calls []string) {
	t.Helper()
	name := emptyTable(t)
	table := tableAt(localaws.DynamoDB(t).URL, name)
	live := detect.NewLive(table, table, incident.DefaultSettings())
	if err := live.Handle(context.Background(), u.refused(), nil, u.at.Add(-50*time.Minute)); err != nil {
		t.Error(err)
		return "", nil
	}
	var mu sync.Mutex
	var f *localaws.Function
	trap := func(int) trouble {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case len(calls) != n:
			return trouble{}
		case after:
			return trouble{after: func() { f.Kill() }}
		}
		return trouble{before: func() { f.Kill() }, drop: true, status: 500, code: "InternalServerError"}
	}
	db, trail := newGate(t, localaws.DynamoDB(t).URL, trap), newGate(t, localaws.ServeEventHistory(t, u.history(t)).URL, trap)
	asked := func(operation string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, operation)
	}
	db.asked, trail.asked = asked, asked
	f = localaws.Start(t, u.bootstrap, []string{
		"TRAILVERDICT_TABLE=" + name, "TRAILVERDICT_LOOKUPS=on", "AWS_ENDPOINT_URL_DYNAMODB=" + db.URL, "AWS_ENDPOINT_URL_CLOUDTRAIL=" + trail.URL, "AWS_REGION=" + localaws.Region,
		"AWS_ACCESS_KEY_ID=" + localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + localaws.SecretAccessKey, "TRAILVERDICT_LOG_LEVEL=error",
	})
	defer f.Kill()
	for done, tries := 0, 0; done < 2; tries++ { // the schedule goes on after a run that failed
		if tries > 6 {
			t.Errorf("call %d: not settled after %d runs\n%s", n, tries, f.Logs())
			break
		}
		if _, err := f.Invoke(context.Background(), []byte(`{"source":"trailverdict.schedule"}`)); err == nil {
			done++
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return u.kept(t, table), calls
}

// keeper is what is read of a table.
type keeper interface {
	Cases(ctx context.Context, subject string) ([]store.Case, error)
	Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error)
}

// kept are the cases with their versions, and what was recovered.
func (u unsettled) kept(t *testing.T, table keeper) string {
	t.Helper()
	var lines []string
	for _, who := range []incident.Principal{
		{Type: incident.AccessKey, Account: "111122223333", Name: lostKey},
		{Type: incident.Role, Account: "111122223333", Name: "orders"},
		{Type: incident.Role, Account: "111122223333", Name: "mailer"},
	} {
		cases, err := table.Cases(context.Background(), who.Key())
		if err != nil {
			t.Error(err)
		}
		for _, c := range cases {
			b, err := json.Marshal(c.Finding)
			if err != nil {
				t.Error(err)
			}
			lines = append(lines, fmt.Sprintf("%s version %d supersededBy %q: %s", who.Key(), c.Version, c.SupersededBy, strings.ReplaceAll(string(b), `"Cause":`, `"cause":`)))
		}
		page, err := table.Signals(context.Background(), store.Query{Node: who.Key()})
		if err != nil {
			t.Error(err)
		}
		for _, s := range store.Resolve(page.Items) {
			if s.Feed != incident.FromClient {
				lines = append(lines, "recovered "+s.ID+" about "+who.Key())
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
