package logline

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const ownLine = `{"trailverdict":"credential_failure","errorCode":"ExpiredToken","errorMessage":"The provided token has expired.",` +
	`"operation":"s3:PutObject","accessKeyId":"ASIAQ3EXAMPLE7PAY001","principalArn":"arn:aws:sts::111122223333:assumed-role/payments/worker-7",` +
	`"workload":"payments-worker","sourceIPAddress":"198.51.100.7","userAgent":"aws-sdk-go-v2/1.30.3 os/linux",` +
	`"eventId":"r-1","eventTime":"2026-03-01T10:00:00.5+01:00","count":3,"extra":{"any":["thing"]}}`

func ownFact() Fact {
	return Fact{
		Code: "ExpiredToken", Reason: incident.ReasonExpired, Operation: "s3:PutObject",
		KeyID: "ASIAQ3EXAMPLE7PAY001", PrincipalARN: "arn:aws:sts::111122223333:assumed-role/payments/worker-7",
		Workload: "payments-worker", SourceIP: "198.51.100.7", UserAgent: "aws-sdk-go-v2/1.30.3 os/linux",
		EventID: "r-1", Time: time.Date(2026, 3, 1, 9, 0, 0, 5e8, time.UTC), Count: 3,
	}
}

func TestReadOwnLine(t *testing.T) {
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tests := []struct{ name, message string }{
		{"alone", ownLine},
		{"behind a logger's prefix", "2026-03-01T10:00:00Z [worker] WARN " + ownLine + " (retrying)"},
		{"as the object of a structured entry", `{"timestamp":"2026-03-01T10:00:00Z","level":"ERROR","requestId":"r","message":` + ownLine + `}`},
		{"as the text of a structured entry", `{"level":"ERROR","message":` + quoted(ownLine) + `}`},
		{"as the text of a text", `{"log":` + quoted(`{"msg":`+quoted(ownLine)+"}\n") + `,"stream":"stdout"}`},
		{"over several lines", "{\n  \"trailverdict\" : \"credential_failure\",\n" + ownLine[len(`{"trailverdict":"credential_failure",`):]},
		{"with members before the mark", `{"extra":{"a":{"b":1}},` + ownLine[1:]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff([]Fact{ownFact()}, Read(tt.message)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadOwnLineTakesOnlyWhatHasItsForm(t *testing.T) {
	const secret = "kP3vX9sQ2mLw8RtY6uHn4JbZ1cDf5GaE7iOo0TqV"
	tests := []struct {
		name, members string
		want          []Fact
	}{
		{"the least", `"errorCode":"InvalidClientTokenId"`, []Fact{{Code: "InvalidClientTokenId", Count: 1}}},
		{"no code", `"workload":"w"`, nil},
		{"an unknown code", `"errorCode":"Throttling"`, nil},
		{"a code in other letters", `"errorCode":"expiredtoken"`, nil},
		{"a code of the wrong type", `"errorCode":["ExpiredToken"]`, nil},
		{"a key that is none", `"errorCode":"InvalidToken","accessKeyId":"` + secret + `"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"an operation that is none", `"errorCode":"InvalidToken","operation":"GetItem"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"an ARN that names no identity", `"errorCode":"InvalidToken","principalArn":"arn:aws:s3:::bucket"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"the root user", `"errorCode":"InvalidToken","principalArn":"arn:aws:iam::111122223333:root"`, []Fact{{Code: "InvalidToken", PrincipalARN: "arn:aws:iam::111122223333:root", Count: 1}}},
		{"a workload that is a secret", `"errorCode":"InvalidToken","workload":"` + secret + `"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{
			"a workload that is a task", `"errorCode":"InvalidToken","workload":"arn:aws:ecs:eu-west-1:111122223333:task/PaymentsProduction/0123456789abcdef0123456789abcdef"`,
			[]Fact{{Code: "InvalidToken", Workload: "arn:aws:ecs:eu-west-1:111122223333:task/PaymentsProduction/0123456789abcdef0123456789abcdef", Count: 1}},
		},
		{"a workload that would break a terminal", `"errorCode":"InvalidToken","workload":"\u001b[2J"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"an address that is none", `"errorCode":"InvalidToken","sourceIPAddress":"somewhere"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"an address of IPv6", `"errorCode":"InvalidToken","sourceIPAddress":"2001:DB8::7%eth0"`, []Fact{{Code: "InvalidToken", SourceIP: "2001:db8::7", Count: 1}}},
		{"a time that is none", `"errorCode":"InvalidToken","eventTime":"yesterday"`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"a count below one", `"errorCode":"InvalidToken","count":-4`, []Fact{{Code: "InvalidToken", Count: 1}}},
		{"a count beyond reason", `"errorCode":"InvalidToken","count":99999999999`, []Fact{{Code: "InvalidToken", Count: maxCount}}},
		{"a count as text", `"errorCode":"InvalidToken","count":"7"`, []Fact{{Code: "InvalidToken", Count: 7}}},
		{"the marked line decides, not the text in it", `"errorCode":"Throttling","errorMessage":"An error occurred (ExpiredToken) when calling the PutObject operation: x"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Read(`{"trailverdict":"credential_failure",` + tt.members + `}`)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadOwnLineIsQuiet(t *testing.T) {
	tests := []struct{ name, message string }{
		{"another mark", `{"trailverdict":"hello","errorCode":"ExpiredToken"}`},
		{"a mark in other letters", `{"TrailVerdict":"credential_failure","errorCode":"ExpiredToken"}`},
		{"a mark that is a value", `{"app":"trailverdict","errorCode":"ExpiredToken"}`},
		{"the code outside the marked object", `{"errorCode":"ExpiredToken","inner":{"trailverdict":"credential_failure"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Read(tt.message); len(got) != 0 {
				t.Errorf("Read = %+v, want nothing", got)
			}
		})
	}
}

func TestReadOwnLineThatWasCutOff(t *testing.T) {
	got := Read(ownLine[:len(ownLine)-20])
	if len(got) != 1 || got[0].Code != "ExpiredToken" || got[0].Workload != "" {
		t.Errorf("Read = %+v, want the code that it still shows beside AWS's text, and no field of ours", got)
	}
}

func TestReadSeveralOwnLines(t *testing.T) {
	var message string
	for i := range 5 {
		message += fmt.Sprintf(`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","eventId":"%d"}`+"\n", i)
	}
	got := Read(message)
	if len(got) != 5 || got[4].EventID != "4" {
		t.Errorf("Read found %d of 5 lines", len(got))
	}
}

func TestReadOwnLineThatLeaks(t *testing.T) {
	message := `{"trailverdict":"credential_failure","errorCode":"InvalidToken","debug":{"SessionToken":"` + fakeToken(1, 300) + `"}}`
	want := []Fact{
		{Code: "InvalidToken", Count: 1},
		{Count: 1, Exposure: &incident.Exposure{What: "session_token"}},
	}
	if diff := cmp.Diff(want, Read(message)); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}
