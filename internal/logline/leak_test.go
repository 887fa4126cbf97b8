package logline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// fakeToken makes a session token's like of n characters, and fakeSecret a
// secret access key's. Equal seeds give equal values.
func fakeToken(seed uint64, n int) string {
	return "IQoJb3JpZ2luX2VjEJr" + noise(seed, n-19)
}

func fakeSecret(seed uint64) string { return noise(seed, 40) }

func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = base64Alphabet[r.IntN(len(base64Alphabet))]
	}
	return string(b)
}

const leakedKey = "ASIAQ3EXAMPLE7PAY001"

// leaks are messages with a verb where the secret goes.
var leaks = []struct {
	name, what, message string
	key                 string
}{
	{"an environment dump", sessionToken, "AWS_REGION=eu-west-1\nAWS_SESSION_TOKEN=%s\nHOME=/root", ""},
	{"an environment dump with the key", sessionToken, "AWS_ACCESS_KEY_ID=" + leakedKey + "\nAWS_SESSION_TOKEN=%s", leakedKey},
	{"an answer of STS as JSON", sessionToken, `{"Credentials":{"AccessKeyId":"` + leakedKey + `","SessionToken":"%s","Expiration":"2026-03-01T11:00:00Z"}}`, leakedKey},
	{"an answer of STS as XML", sessionToken, "<AccessKeyId>" + leakedKey + "</AccessKeyId><SessionToken>%s</SessionToken>", leakedKey},
	{"a Python dictionary", sessionToken, "{'AccessKeyId': '" + leakedKey + "', 'SessionToken': '%s'}", leakedKey},
	{"a Go structure", sessionToken, "{AccessKeyID:" + leakedKey + " SessionToken:%s Source:EnvConfigCredentials CanExpire:false}", leakedKey},
	{"a header", sessionToken, "x-amz-security-token: %s", ""},
	{"a header in a dictionary", sessionToken, "{'X-Amz-Date': b'20260301T100000Z', 'X-Amz-Security-Token': b'%s'}", ""},
	{"the instance metadata", sessionToken, `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"` + leakedKey + `","Token":"%s"}`, leakedKey},
	{"a token alone", sessionToken, "got token %s", ""},
	{"a secret in the environment", secretAccessKey, "export AWS_SECRET_ACCESS_KEY=%s", ""},
	{"a secret in a credentials file", secretAccessKey, "[default]\naws_access_key_id = " + leakedKey + "\naws_secret_access_key = %s\n", leakedKey},
	{"a secret in JSON", secretAccessKey, `{"SecretAccessKey": "%s"}`, ""},
	{"a secret in JSON in JSON", secretAccessKey, `{"message":"{\"secretAccessKey\":\"%s\"}"}`, ""},
	{"a secret in JavaScript", secretAccessKey, "credentials: { accessKeyId: '" + leakedKey + "', secretAccessKey: '%s' }", leakedKey},
	{"a secret in Ruby", secretAccessKey, `{:secret_access_key=>"%s"}`, ""},
	{"a secret in XML", secretAccessKey, "<SecretAccessKey>%s</SecretAccessKey>", ""},
	{"a secret on the command line", secretAccessKey, "+ aws configure set aws_secret_access_key %s", ""},
	{"a secret in a table", secretAccessKey, "|  SecretAccessKey  |  %s  |", ""},
	{"a secret under a short name, with its key", secretAccessKey, "access_key=" + leakedKey + " secret_key=%s", leakedKey},
	{"a secret that was copied badly", secretAccessKey, "AWS_SECRET_ACCESS_KEY=x%s", ""},
	{"a secret beside its key", secretAccessKey, "keys: " + leakedKey + ":%s", leakedKey},
	{"a secret in the console's file", secretAccessKey, "Access key ID,Secret access key\n" + leakedKey + ",%s", leakedKey},
	{"a secret with a word between", secretAccessKey, "using " + leakedKey + " and secret %s", leakedKey},
}

func TestReadLeaks(t *testing.T) {
	for _, tt := range leaks {
		t.Run(tt.name, func(t *testing.T) {
			secret := fakeSecret(3)
			if tt.what == sessionToken {
				secret = fakeToken(3, 356)
			}
			checkLeak(t, Read(fmt.Sprintf(tt.message, secret)), tt.what, tt.key)
		})
	}
}

func checkLeak(t *testing.T, facts []Fact, what, key string) {
	t.Helper()
	if len(facts) != 1 || facts[0].Exposure == nil {
		t.Fatalf("Read gives %d facts, want one exposure", len(facts))
	}
	if got := facts[0]; got.Exposure.What != what || got.KeyID != key || got.Count != 1 || got.Code != "" {
		t.Errorf("Read gives %s of key %q, want %s of key %q", got.Exposure.What, got.KeyID, what, key)
	}
}

func TestReadLeaksEncoded(t *testing.T) {
	token, secret := fakeToken(5, 400), "q/"+noise(6, 36)+"+Z"
	tests := []struct{ name, what, message string }{
		{"a link for signing in to the console", sessionToken, "https://signin.aws.amazon.com/federation?Action=getSigninToken&Session=" + url.QueryEscape(`{"sessionId":"x","sessionKey":"x","sessionToken":"`+token+`"}`)},
		{"a presigned link", sessionToken, "GET https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=" + url.QueryEscape(token) + "&X-Amz-Signature=" + strings.Repeat("0123456789abcdef", 4)},
		{"PHP's JSON", secretAccessKey, `{"SecretAccessKey":"` + strings.ReplaceAll(secret, "/", `\/`) + `"}`},
		{"dotnet's JSON", secretAccessKey, `{"SecretAccessKey":"` + strings.ReplaceAll(secret, "+", `\u002B`) + `"}`},
		{"a line break that is escaped", sessionToken, `{"log":"token:\n` + token + `\n"}`},
		{"padding", sessionToken, "SessionToken=" + token + "=="},
		{"today's form of a token with an example's word in it", sessionToken, "SessionToken=FwoGZXIvYXdzEXAMPLE" + noise(8, 200)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkLeak(t, Read(tt.message), tt.what, "")
		})
	}
}

func TestReadLeaksOfTwoKinds(t *testing.T) {
	message := fmt.Sprintf(`{"AccessKeyId":"ASIAQ3EXAMPLE7PAY001","SecretAccessKey":"%s","SessionToken":"%s"} {"AccessKeyId":"ASIAQ3EXAMPLE7PAY002","SecretAccessKey":"%s"}`,
		fakeSecret(1), fakeToken(1, 320), fakeSecret(2))
	got := map[string]bool{}
	for _, f := range Read(message) {
		got[f.Exposure.What+" "+f.KeyID] = true
	}
	for _, want := range []string{"session_token ASIAQ3EXAMPLE7PAY001", "secret_access_key ASIAQ3EXAMPLE7PAY001", "secret_access_key ASIAQ3EXAMPLE7PAY002"} {
		if !got[want] {
			t.Errorf("Read does not tell of %s", want)
		}
	}
	if len(got) != 3 {
		t.Errorf("Read tells of %d exposures, want 3", len(got))
	}
}

func TestReadLeaksIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "AWS_ACCESS_KEY_ID=ASIAQ3EXAMPLE7PAY%03d\nAWS_SECRET_ACCESS_KEY=%s\n", i, fakeSecret(uint64(i)))
	}
	if got := len(Read(b.String())); got == 0 || got > maxFound {
		t.Errorf("Read tells of %d exposures, want 1 to %d", got, maxFound)
	}
}

func TestReadLeaksIsQuiet(t *testing.T) {
	const sha1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
	tests := []struct{ name, message string }{
		{"a key id alone", "using access key AKIAQ3EXAMPLE7PAY001"},
		{"a masked secret", "aws_secret_access_key = ****************ABCD"},
		{"a redacted secret", `{"SecretAccessKey":"[REDACTED]","SessionToken":"<hidden>"}`},
		{"a secret that is null", `{"AccessKeyId":"ASIAQ3EXAMPLE7PAY001","SecretAccessKey":"null","SessionToken":null}`},
		{"the documentation's secret", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		{"the documentation's token", "aws_session_token = AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU"},
		{"the documentation's other token", "SessionToken: IQoJb3JpZ2luX2IQoJb3JpZ2luX2IQoJb3JpZ2luX2IQoJb3JpZ2luX2IQoJb3JpZVERYLONGSTRINGEXAMPLE"},
		{"a masked token", "AWS_SESSION_TOKEN=IQoJb3JpZ2lu****"},
		{"the beginning of a token", "token starts with FwoGZXIvYXdzEJr"},
		{"a token that was cut", "SessionToken=" + fakeToken(4, 60) + "..."},
		{"a commit", "deploying AKIAQ3EXAMPLE7PAY001 at " + sha1},
		{"a commit called a secret", "aws_secret_access_key=" + sha1},
		{"a letter repeated", "aws_secret_access_key=" + strings.Repeat("x", 40)},
		{"base64 of the same length without a name", "checksum " + fakeSecret(9)},
		{"base64 of the same length far from a key", "AKIAQ3EXAMPLE7PAY001 signed the upload of the nightly report of payments, checksum " + fakeSecret(9)},
		{"a longer value", "aws_secret_access_key=" + noise(9, 64)},
		{"a path of that length beside a key", "AKIAQ3EXAMPLE7PAY001 reads Srv/Data2/Reports/Payments/Nightly0/AbcDef"},
		{"an application's session", "sessionToken=" + noise(11, 200)},
		{"a web token", "session_token: eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9." + noise(12, 200)},
		{"a list of signed headers", "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=" + strings.Repeat("0123456789abcdef", 4)},
		{"a canonical request", "host;x-amz-date;x-amz-security-token\n" + strings.Repeat("0123456789abcdef", 4)},
		{"S3's host id", "<HostId>" + noise(13, 76) + "</HostId>"},
		{"an image", "data:image/png;base64," + noise(14, 4000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Read(tt.message); len(got) != 0 {
				t.Errorf("Read tells of %d facts, want none", len(got))
			}
		})
	}
}

// Whatever surrounds a secret, none of it comes out.
func TestReadKeepsNoSecret(t *testing.T) {
	places := []string{
		"%s", "operation error STS: %s, https response error StatusCode: 403, RequestID: %s, api error ExpiredToken: %s",
		"An error occurred (ExpiredToken) when calling the %s operation: %s",
		`Error executing "%s" on "https://%s.amazonaws.com"; AWS HTTP error: ExpiredToken (client): %s`,
		"error calling %s: ExpiredToken: The provided token has expired %s",
		"ExpiredToken: The provided token has expired arn:aws:sts::111122223333:assumed-role/%s/%s",
		"An error occurred (ExpiredToken) when calling the AssumeRoleWithSAML operation: arn:aws:iam::111122223333:role/%s",
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","errorMessage":"%s","operation":"%s","accessKeyId":"%s","principalArn":"arn:aws:iam::111122223333:role/%s","workload":"%s","sourceIPAddress":"%s","userAgent":"agent %s","eventId":"id-%s","eventTime":"%s","%s":1}`,
		`{"trailverdict":"credential_failure","errorCode":"ExpiredToken","workload":"a/%s","userAgent":"(%s)","eventId":"%s=","principalArn":"arn:aws:sts::111122223333:assumed-role/a/%s","operation":"sts:%s"}`,
	}
	for _, l := range leaks {
		places = append(places, l.message)
	}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		secret := fakeSecret(seed)
		if rapid.Bool().Draw(t, "token") {
			secret = fakeToken(seed, rapid.IntRange(100, 900).Draw(t, "length"))
		}
		message := strings.ReplaceAll(rapid.SampledFrom(places).Draw(t, "place"), "%s", secret)
		if rapid.Bool().Draw(t, "quoted") {
			quoted, err := json.Marshal(map[string]string{"message": message})
			if err != nil {
				t.Fatal(err)
			}
			message = string(quoted)
		}
		for _, f := range Read(message) {
			if field := holds(f, secret); field != "" {
				t.Fatalf("%s holds a part of the secret", field)
			}
		}
	})
}

// holds names the field of f that has sixteen characters of secret in a row.
func holds(f Fact, secret string) string {
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String && overlaps(v.Field(i).String(), secret) {
			return v.Type().Field(i).Name
		}
	}
	if f.Exposure != nil && (overlaps(f.Exposure.What, secret) || overlaps(f.Exposure.Where, secret)) {
		return "Exposure"
	}
	return ""
}

func overlaps(s, secret string) bool {
	const run = 16
	for i := 0; i+run <= len(s); i++ {
		if strings.Contains(secret, s[i:i+run]) {
			return true
		}
	}
	return false
}
