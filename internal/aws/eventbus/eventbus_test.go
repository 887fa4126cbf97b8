package eventbus

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

var creds = aws.Credentials{AccessKeyID: "ASIAEXAMPLENOTIFY001", SecretAccessKey: "invented", SessionToken: "also invented"}

func config(region string) aws.Config {
	return aws.Config{Region: region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })}
}

// in is an environment with one variable.
func in(name, value string) func(string) string {
	return func(asked string) string { return map[string]string{name: value}[asked] }
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func finding() incident.Finding {
	return incident.Finding{
		ID: "tv-1", Revision: 2, Account: "111122223333", Verdict: incident.Compromise, Cause: incident.TrustOpened, Severity: incident.High,
		Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Name: "payments-role", ARN: "arn:aws:iam::111122223333:role/payments-role"}},
		Summary: "Role payments-role can now be assumed by strangers.",
	}
}

// service is EventBridge as far as PutEvents goes. It checks signatures with its
// own knowledge of the secret.
type service struct {
	t      *testing.T
	status int
	answer string
	got    []entry
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	if r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		s.t.Errorf("headers %v", r.Header)
	}
	if want := signature(s.t, r, body); r.Header.Get("Authorization") != want || !strings.HasPrefix(want, "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLENOTIFY001/20260304/eu-west-1/events/aws4_request") {
		s.t.Errorf("signed as %s, want %s", r.Header.Get("Authorization"), want)
	}
	var req request
	if err := json.Unmarshal(body, &req); err != nil || len(req.Entries) != 1 {
		s.t.Errorf("request %.200s, %v", body, err)
	}
	s.got = append(s.got, req.Entries...)
	w.WriteHeader(s.status)
	if _, err := io.WriteString(w, s.answer); err != nil {
		s.t.Error(err)
	}
}

func signature(t *testing.T, r *http.Request, body []byte) string {
	t.Helper()
	b := &Bus{region: "eu-west-1", creds: config("").Credentials, now: noon}
	req, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.Path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		req.Header.Set(name, r.Header.Get(name))
	}
	if err := b.sign(t.Context(), req, body); err != nil {
		t.Fatal(err)
	}
	return req.Header.Get("Authorization")
}

const taken = `{"FailedEntryCount":0,"Entries":[{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"}]}`

func start(t *testing.T, status int, answer string) (*service, *Bus) {
	t.Helper()
	s := &service{t: t, status: status, answer: answer}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, New(config("eu-west-1"), in("AWS_ENDPOINT_URL_EVENTBRIDGE", server.URL), "soc", noon)
}

func TestAFindingIsPut(t *testing.T) {
	s, bus := start(t, http.StatusOK, taken)
	if err := bus.Publish(t.Context(), finding(), render.Note{}); err != nil {
		t.Fatal(err)
	}
	var detail strings.Builder
	if err := render.JSON(&detail, finding()); err != nil {
		t.Fatal(err)
	}
	want := []entry{{
		Source: "trailverdict", DetailType: "Credential Finding", EventBusName: "soc",
		Resources: []string{"arn:aws:iam::111122223333:role/payments-role"}, Detail: strings.TrimSpace(detail.String()),
	}}
	if d := cmp.Diff(want, s.got); d != "" {
		t.Errorf("entries differ (-want +got):\n%s", d)
	}
}

func TestALongFindingIsShortened(t *testing.T) {
	s, bus := start(t, http.StatusOK, taken)
	f := finding()
	f.Summary = strings.Repeat("ü", 200_000)
	if err := bus.Publish(t.Context(), f, render.Note{}); err != nil {
		t.Fatal(err)
	}
	e := s.got[0]
	if n := len(e.Source + e.DetailType + e.Detail + e.Resources[0]); n > 262_144 || !strings.Contains(e.Detail, "evidence that was left out") {
		t.Errorf("an entry of %d bytes: %.300s", n, e.Detail)
	}
}

func TestOnlyAnEntryWithAnIDIsOnTheBus(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"refused":           {200, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"secret"}]}`, "refused: InternalFailure"},
		"without a reason":  {200, `{"FailedEntryCount":1,"Entries":[{}]}`, "refused: no reason given"},
		"nothing":           {200, `{}`, "the answer is about 0 entries"},
		"no JSON":           {200, `<html>`, "the answer is no JSON"},
		"throttled":         {400, `{"__type":"com.amazonaws.events#ThrottlingException","message":"secret"}`, "refused with status 400: ThrottlingException"},
		"another's mistake": {502, `<html>`, "answered with status 502"},
	} {
		t.Run(name, func(t *testing.T) {
			_, bus := start(t, test.status, test.answer)
			err := bus.Publish(t.Context(), finding(), render.Note{})
			if want := "put finding tv-1 on the event bus: " + test.want; err == nil || err.Error() != want {
				t.Errorf("error = %v, want %s", err, want)
			}
		})
	}
}

func TestTheEndpointIsTheRegions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "https://events.eu-west-1.amazonaws.com", "us-gov-west-1": "https://events.us-gov-west-1.amazonaws.com", "cn-north-1": "https://events.cn-north-1.amazonaws.com.cn",
	} {
		if got := New(config(region), in("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:1"), "soc", noon).endpoint; got != want {
			t.Errorf("endpoint = %s, want %s", got, want)
		}
	}
}
