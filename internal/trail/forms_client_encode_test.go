package trail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// passedOn is what a log's signals are after they were passed on as events.
func passedOn(t interface {
	Helper()
	Fatalf(string, ...any)
}, signals []incident.Signal,
) []incident.Signal {
	t.Helper()
	var out []incident.Signal
	for _, s := range signals {
		b, err := EncodeClientEvent(s)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if i := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r > '~' && r != 0x7f }); i >= 0 {
			t.Fatalf("%q is not all ASCII", b)
		}
		var e reportEvent
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatalf("%v", err)
		}
		if detail, err := json.Marshal(e.Detail); err != nil || s.Kind == incident.CredentialFailed && schematest.Keeps("failure", detail) != nil {
			t.Fatalf("%s: %v, %v", detail, err, schematest.Keeps("failure", detail))
		}
		var c collected
		if _, err := Decode(strings.NewReader(string(b)), "test", &c); err != nil || len(c.signals) != 1 || len(c.skips) > 0 {
			t.Fatalf("%s gives %v, skips %v, %v", b, c.signals, c.skips, err)
		}
		out = append(out, c.signals...)
	}
	return out
}

// fromClient are the signals as if clients had reported them.
func fromClient(signals []incident.Signal) []incident.Signal {
	var out []incident.Signal
	for _, s := range signals {
		s.Feed = incident.FromClient
		out = append(out, s)
	}
	return out
}

func TestWhatALogTellsSurvivesBeingPassedOn(t *testing.T) {
	lines := []string{
		sdkError,
		"SignatureDoesNotMatch: Signature expired: 20260304T091500Z is now earlier than 20260304T092500Z (Service: Sts, Status Code: 403, Request ID: 1)",
		"An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://token.example.com",
		"config: AWS_SECRET_ACCESS_KEY=" + secretKey + " AWS_ACCESS_KEY_ID=AKIAQRSTUVWXYZ234567 " + sdkError,
		`{"trailverdict":"credential_failure","eventId":" null ","errorCode":"InvalidClientTokenId","workload":" unknown ","userAgent":"-"}`,
		`{"trailverdict":"credential_failure","eventId":"e-9","eventTime":"2026-03-01T09:59:58.25Z","errorCode":"InvalidClientTokenId","operation":"sts:GetCallerIdentity","principalArn":"arn:aws:iam::111122223333:role/team/payments-role","workload":"billing <&> Ä 💳","sourceIPAddress":"2001:db8::1","userAgent":"Boto3/1.34 \"x\"","count":4}`,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","principalArn":"arn:aws-cn:sts::111122223333:assumed-role/payments-role/worker-7"}`,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","principalArn":"arn:aws:sts::111122223333:federated-user/guest"}`,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","principalArn":"arn:aws:iam::111122223333:root"}`,
		`{"trailverdict":"credential_failure","errorCode":"AuthFailure","principalArn":"arn:aws:iam::111122223333:user/ci/build","accessKeyId":"AKIAQRSTUVWXYZ234567"}`,
	}
	for i, line := range lines {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c, _ := decodeText(t, inLogEvents(line))
			if len(c.signals) == 0 {
				t.Fatal("the line tells nothing")
			}
			if diff := gocmp.Diff(fromClient(c.signals), passedOn(t, c.signals)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALogGroupWithTheLongestNameKeepsItsIDs(t *testing.T) {
	group := strings.Repeat("g", 512)
	c, _ := decodeText(t, strings.ReplaceAll(inLogEvents(sdkError), "/aws/lambda/payments-worker", group))
	got := passedOn(t, c.signals)
	if want := group + ":37880"; len(got) != 1 || got[0].ID != want {
		t.Errorf("signals %v, want one with the id %s", got, want)
	}
}

func TestNoEventForWhatNoClientReports(t *testing.T) {
	for _, s := range []incident.Signal{{Kind: incident.RoleDeleted}, {Kind: incident.CredentialExposed}, {}} {
		if b, err := EncodeClientEvent(s); err == nil {
			t.Errorf("%s gives %s, want an error", s.Kind, b)
		}
	}
}

// TestAnyReportSurvivesBeingPassedOn makes our own lines of any contents.
func TestAnyReportSurvivesBeingPassedOn(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9:/+=,.@ -]{0,60}`))
	rapid.Check(t, func(t *rapid.T) {
		member := func(name string, value string) string { return `,"` + name + `":` + quoted(value) }
		line := `{"trailverdict":"credential_failure","errorCode":` + quoted(rapid.SampledFrom(clientCodes).Draw(t, "code")) +
			member("errorMessage", text.Draw(t, "errorMessage")) + member("workload", text.Draw(t, "workload")) +
			member("userAgent", text.Draw(t, "userAgent")) + member("eventId", text.Draw(t, "eventId")) +
			member("operation", rapid.OneOf(text, rapid.StringMatching(`[a-z0-9-]{2,30}:[A-Z][A-Za-z0-9]{2,30}`)).Draw(t, "operation")) +
			member("principalArn", rapid.OneOf(text, rapid.StringMatching(`arn:aws:(iam::[0-9]{12}:(role|user)/[a-z+=,.@/-]{1,20}|sts::[0-9]{12}:(assumed-role/[a-z+=,.@-]{1,20}/[a-z/]{1,9}|federated-user/[a-z/]{1,9}))`)).Draw(t, "principalArn")) +
			member("eventTime", time.Unix(rapid.Int64Range(1.2e9, 4e9).Draw(t, "eventTime"), rapid.Int64Range(0, 1e9-1).Draw(t, "nano")).UTC().Format(time.RFC3339Nano)) +
			fmt.Sprintf(`,"count":%d}`, rapid.IntRange(-1, 5_000_000).Draw(t, "count"))
		var c collected
		if _, err := Decode(strings.NewReader(inLogEvents(line)), "test", &c); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(fromClient(c.signals), passedOn(t, c.signals)); diff != "" {
			t.Errorf("%s\n%s", line, diff)
		}
	})
}
