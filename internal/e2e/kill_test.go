package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// The real program, under the real protocol, is killed at every call to
// DynamoDB in turn: once before the call takes effect, once after it did but
// before the answer. What SQS then delivers again ends in the same findings.
func TestKilledAtEveryCall(t *testing.T) {
	origin := localaws.DynamoDB(t).URL
	bootstrap := localaws.Build(t, "functions/detect")
	p := recent(t, 2*time.Hour)
	g := newGate(t, origin, passes)
	want := p.program(t, bootstrap, g)
	if calls := strings.Count(want, "sessions_revoked_by_stranger"); calls == 0 {
		t.Fatalf("the undisturbed run found nothing: %q", want)
	}
	calls := g.requests()
	step := 1
	if testing.Short() {
		step = 7
	}
	killed := 0
	for n := 1; n <= calls; n += step {
		for _, after := range []bool{false, true} {
			var f *localaws.Function
			g := newGate(t, origin, func(k int) trouble {
				switch {
				case k != n:
					return trouble{}
				case after:
					return trouble{after: func() { f.Kill() }}
				}
				return trouble{before: func() { f.Kill() }, drop: true, status: 500, code: "InternalServerError"}
			})
			if got := p.programWith(t, bootstrap, g, func(made *localaws.Function) { f = made }); got != want {
				t.Errorf("killed at call %d (after its effect: %t), the table says\n%s\nwant\n%s", n, after, got, want)
			}
			killed++
		}
	}
	t.Logf("killed %d times, at each of %d calls, before and after it took effect: the same findings each time", killed, calls)
}

// recent is a story that began not long ago, since the program goes by the clock:
// a stranger revokes a role's sessions, and its worker is denied.
func recent(t *testing.T, ago time.Duration) *play {
	t.Helper()
	began := time.Now().UTC().Truncate(time.Second).Add(-ago)
	at := func(minutes int) string { return began.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339) }
	worker := func(id, minute int, name, region, rest string) string {
		return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROARTX3GSDS7NTJ2MHX:w","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/w","accountId":"111122223333","accessKeyId":"ASIARTX3GSDS3ORDB3G4","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROARTX3GSDS7NTJ2MHX","arn":"arn:aws:iam::111122223333:role/orders-api","accountId":"111122223333","userName":"orders-api"},"attributes":{"creationDate":"%s","mfaAuthenticated":"false"}}},"eventTime":"%s","eventSource":"sqs.amazonaws.com","eventName":"%s","awsRegion":"%s","sourceIPAddress":"192.0.2.31","userAgent":"Boto3/1.34.0","requestParameters":null,"responseElements":null,"eventID":"w%d","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"%s}`,
			at(0), at(minute), name, region, id, rest)
	}
	p := &play{settings: incident.DefaultSettings(), asOf: time.Now()}
	p.story.Name = "recent"
	p.messages = append(p.messages,
		worker(1, 5, "CreateQueue", "eu-west-1", ""),
		fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDARTX3GSDS7NTJ2MHY","arn":"arn:aws:iam::111122223333:user/eve","accountId":"111122223333","accessKeyId":"AKIARTX3GSDS3EVEAAAA","userName":"eve"},"eventTime":"%s","eventSource":"iam.amazonaws.com","eventName":"PutRolePolicy","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.9","userAgent":"aws-cli/2.17.0","requestParameters":{"roleName":"orders-api","policyName":"stop","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"DateLessThan\":{\"aws:TokenIssueTime\":\"%s\"}}}]}"},"responseElements":null,"eventID":"r1","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}`, at(10), at(10)))
	for n := range 4 {
		p.messages = append(p.messages, worker(10+n, 12+n, "SendMessage", "eu-west-1",
			`,"errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::111122223333:assumed-role/orders-api/w is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:eu-west-1:111122223333:orders with an explicit deny in an identity-based policy"`))
	}
	if _, err := trail.Decode(strings.NewReader(strings.Join(p.messages, "\n")), "recent", p); err != nil {
		t.Fatal(err)
	}
	return p
}

// program tells the story to the program, and returns what the table then
// holds.
func (p *play) program(t *testing.T, bootstrap string, g *gate) string {
	t.Helper()
	return p.programWith(t, bootstrap, g, func(*localaws.Function) {})
}

func (p *play) programWith(t *testing.T, bootstrap string, g *gate, started func(*localaws.Function)) string {
	t.Helper()
	name := emptyTable(t)
	f := localaws.Start(t, bootstrap, []string{
		"TRAILVERDICT_TABLE=" + name, "AWS_ENDPOINT_URL_DYNAMODB=" + g.URL, "AWS_REGION=" + localaws.Region,
		"AWS_ACCESS_KEY_ID=" + localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + localaws.SecretAccessKey, "TRAILVERDICT_LOG_LEVEL=error",
	})
	defer f.Kill()
	started(f)
	for n := 0; n < len(p.messages); n += 3 {
		redeliver(t, f, envelope(p.messages[n:min(n+3, len(p.messages))]))
	}
	return printed(t, p.standing(t, tableAt(localaws.DynamoDB(t).URL, name)))
}

// redeliver does what SQS does with a function that fails or dies.
func redeliver(t *testing.T, f *localaws.Function, batch []byte) {
	t.Helper()
	for range 10 {
		answer, err := f.Invoke(context.Background(), batch)
		if err != nil {
			continue
		}
		var out struct {
			Items []json.RawMessage `json:"batchItemFailures"`
		}
		if err := json.Unmarshal(answer, &out); err == nil && len(out.Items) == 0 {
			return
		}
	}
	fmt.Fprintln(os.Stderr, f.Logs())
	t.Error("a batch did not get through in 10 deliveries")
}
