package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// consoleRevocation is what the IAM console writes as AWSRevokeOlderSessions.
const consoleRevocation = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-03-04T09:15:00.204Z"}}}]}`

// denyAll is a deny of everything under conditions.
func denyAll(conditions ...string) string {
	return denying(`"Action":"*","Resource":"*"`, conditions...)
}

func denying(what string, conditions ...string) string {
	s := fmt.Sprintf(`{"Effect":"Deny",%s`, what)
	for i, c := range conditions {
		if i == 0 {
			s += `,"Condition":{`
		} else {
			s += ","
		}
		s += c
		if i == len(conditions)-1 {
			s += "}"
		}
	}
	return s + "}"
}

func TestRevocation(t *testing.T) {
	const cut = "2026-03-04T09:15:00Z"
	at := time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)
	older := when("DateLessThan", "aws:TokenIssueTime", cut)
	whole := &incident.Revocation{IssuedBefore: at}
	users := func(names ...string) *incident.Revocation { return &incident.Revocation{Users: names} }

	tests := []struct {
		name     string
		document string
		want     *incident.Revocation
	}{
		{"the console's policy", consoleRevocation, &incident.Revocation{IssuedBefore: at.Add(204 * time.Millisecond)}},
		{"strings for lists and one statement", `{"Statement":` + denyAll(older) + `}`, whole},
		{"names in any case", `{"statement":{"effect":"deny","ACTION":"*","resource":"*","condition":{"datelessthan":{"AWS:TOKENISSUETIME":"` + cut + `"}}}}`, whole},
		{"less than or equal", doc(denyAll(when("DateLessThanEquals", "aws:TokenIssueTime", cut))), whole},
		{"if the key exists", doc(denyAll(when("DateLessThanIfExists", "aws:TokenIssueTime", cut))), whole},
		{"for any value", doc(denyAll(when("ForAnyValue:DateLessThan", "aws:TokenIssueTime", cut))), whole},
		{"*:* is everything", doc(denying(`"Action":"*:*","Resource":"*"`, older)), whole},
		{"* among others is everything", doc(denying(`"Action":["iam:*","*"],"Resource":["arn:aws:s3:::x","*"]`, older)), whole},
		{"a missing resource is everything", doc(denying(`"Action":"*"`, older)), whole},
		{"everything but a few actions", doc(denying(`"NotAction":"sts:GetCallerIdentity","Resource":"*"`, older)), whole},
		{"everything but a few resources", doc(denying(`"Action":"*","NotResource":"arn:aws:s3:::logs/*"`, older)), whole},
		{"everything but everything is nothing", doc(denying(`"NotAction":["s3:*","*"],"Resource":"*"`, older)), nil},
		{"a few actions are no revocation", doc(denying(`"Action":["s3:*","iam:*"],"Resource":"*"`, older)), nil},
		{"everything that has an ARN", doc(denying(`"Action":"*","Resource":"arn:aws:*:*:*:*"`, older)), whole},
		{"everything that has an ARN, in any partition", doc(denying(`"Action":"*","Resource":"arn:*"`, older)), whole},
		{"everything that has an ARN, without a date, is a guard rail", doc(denying(`"Action":"*","Resource":"arn:aws:*:*:*:*"`)), nil},
		{"everything of one service is no revocation", doc(denying(`"Action":"*","Resource":"arn:aws:s3:::*"`, older)), nil},
		{"a few resources are no revocation", doc(denying(`"Action":"*","Resource":"arn:aws:s3:::x/*"`, older)), nil},
		{"no action is no revocation", doc(denying(`"Resource":"*"`, older)), nil},
		{"an allow is no revocation", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + older + `}}`), nil},
		{"a principal makes it a resource's policy", doc(denying(`"Principal":"*","Action":"*","Resource":"*"`, older)), nil},
		{"sessions after a date are not revoked", doc(denyAll(when("DateGreaterThan", "aws:TokenIssueTime", cut))), nil},
		{"sessions between two dates", doc(denyAll(older, when("DateGreaterThan", "aws:TokenIssueTime", "2026-03-01T00:00:00Z"))), whole},
		{"the current time is not the issue time", doc(denyAll(when("DateLessThan", "aws:CurrentTime", cut))), nil},
		{"a text comparison is none of dates", doc(denyAll(when("StringLike", "aws:TokenIssueTime", cut))), nil},
		{"a date that is none revokes nothing", doc(denyAll(when("DateLessThan", "aws:TokenIssueTime", "yesterday"))), nil},
		{"no date revokes nothing", doc(denyAll(`"DateLessThan":{"aws:TokenIssueTime":[]}`)), nil},
		{"the latest of several dates", doc(denyAll(when("DateLessThan", "aws:TokenIssueTime", "2026-03-01T00:00:00Z", cut))), whole},
		{"the earliest of two conditions", doc(denyAll(older, when("DateLessThanEquals", "aws:TokenIssueTime", "2027-01-01T00:00:00Z"))), whole},
		{"temporary credentials alone", doc(denyAll(older, when("Null", "aws:TokenIssueTime", "false"))), whole},
		{"long-term keys alone are no sessions", doc(denyAll(when("Null", "aws:TokenIssueTime", "true"))), nil},
		{"calls by services for the session are spared", doc(denyAll(older, when("Bool", "aws:ViaAWSService", "false"))), whole},

		{"an unconditional deny is for everybody", doc(denyAll()), &incident.Revocation{}},
		{"an unconditional deny with exceptions is a guard rail", doc(denying(`"NotAction":"s3:*","Resource":"*"`)), nil},
		{"outside a network it is a guard rail", doc(denyAll(when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"))), nil},
		{"outside a network a date still ends sessions", doc(denyAll(older, when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"))), whole},
		{"outside a Region it is a guard rail", doc(denyAll(when("StringNotEquals", "aws:RequestedRegion", "eu-west-1"))), nil},
		{"without MFA it is a guard rail", doc(denyAll(when("BoolIfExists", "aws:MultiFactorAuthPresent", "false"))), nil},
		{"by a tag it is a guard rail", doc(denyAll(when("StringEquals", "aws:PrincipalTag/team", "ops"))), nil},

		{"one user of a role", doc(denyAll(when("StringEquals", "aws:userId", "AROAQWERTYUIOPASDFGHJ:eve"))), users("AROAQWERTYUIOPASDFGHJ:eve")},
		{"one user by pattern", doc(denyAll(when("StringLike", "aws:userid", "*:eve"))), users("*:eve")},
		{"one user by source identity", doc(denyAll(when("StringEquals", "aws:SourceIdentity", "eve"))), users("eve")},
		{"one user of Identity Center", doc(denyAll(when("StringEquals", "identitystore:userId", "9067-1"))), users("9067-1")},
		{"users in one order, once", doc(denyAll(when("ForAnyValue:StringEqualsIfExists", "aws:SourceIdentity", "mallory", "eve", "eve"))), users("eve", "mallory")},
		{"one user's older sessions", doc(denyAll(older, when("StringEquals", "aws:userId", "AROAQWERTYUIOPASDFGHJ:eve"))), &incident.Revocation{IssuedBefore: at, Users: []string{"AROAQWERTYUIOPASDFGHJ:eve"}}},
		{"any user is everybody", doc(denyAll(older, when("StringLike", "aws:userId", "*"))), whole},
		{"no user is nobody", doc(denyAll(`"StringLike":{"aws:userId":[]}`)), nil},
		{"everybody but one user is a guard rail", doc(denyAll(when("StringNotLike", "aws:userId", "AROAQWERTYUIOPASDFGHJ:*"))), nil},
		{"everybody's older sessions but a tagged session's", doc(denyAll(older, when("StringNotEquals", "aws:PrincipalTag/x", "y"))), whole},
		{"a comparison that names nobody is met by nobody", doc(denyAll(older, when("NumericEquals", "aws:userId", "1"))), nil},
		{"everybody's older sessions but a responder's", doc(denyAll(older, when("StringNotLike", "aws:userId", "AROAQWERTYUIOPASDFGHJ:*"))), whole},
		{"one user and a few exempt actions are a guard rail", doc(denying(`"NotAction":"s3:*","Resource":"*"`, when("StringEquals", "aws:SourceIdentity", "eve"))), nil},

		{"no statement revokes nothing", doc(), nil},
		{"a revocation beside other statements", doc(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, denyAll(older)), whole},
		{"the later of two dates", doc(denyAll(older), denyAll(when("DateLessThan", "aws:TokenIssueTime", "2026-01-01T00:00:00Z"))), whole},
		{"always is stronger than until a date", doc(denyAll(older), denyAll()), &incident.Revocation{}},
		{"everybody is stronger than one user", doc(denyAll(when("StringEquals", "aws:SourceIdentity", "eve")), denyAll(older)), whole},
		{"two users add up", doc(denyAll(when("StringEquals", "aws:SourceIdentity", "mallory")), denyAll(when("StringEquals", "aws:userId", "AROAQWERTYUIOPASDFGHJ:eve"))), users("AROAQWERTYUIOPASDFGHJ:eve", "mallory")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse(tt.document)
			if err != nil {
				t.Fatalf("Parse(%s): %v", tt.document, err)
			}
			if diff := cmp.Diff(tt.want, Revocation(d)); diff != "" {
				t.Errorf("Revocation(%s) (-want +got):\n%s", tt.document, diff)
			}
		})
	}
}

func TestDate(t *testing.T) {
	at := time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"2026-03-04T09:15:00Z":         at,
		"2026-03-04t09:15:00z":         at,
		"2026-03-04T09:15:00.5Z":       at.Add(500 * time.Millisecond),
		"2026-03-04T09:15:00+00:00":    at,
		"2026-03-04T11:15:00+02:00":    at,
		"2026-03-04T11:15:00.000+0200": at,
		"2026-03-04T09:15Z":            at,
		"2026-03-04T09:15:00":          at,
		"2026-03-04T09:15":             at,
		"2026-03-04":                   time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC),
		"2026-03":                      time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026":                         time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"1772615700":                   at,
		"":                             {},
		"yesterday":                    {},
		"2026-13-04":                   {},
		"12":                           {},
		"177261570000000000":           {},
		"-1772615700":                  {},
	} {
		got, ok := date(value)
		if !got.Equal(want) || ok == want.IsZero() {
			t.Errorf("date(%q) = %v, %v, want %v", value, got, ok, want)
		}
	}
}
