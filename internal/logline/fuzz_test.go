package logline

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fuzzSeeds are one message of each form.
func fuzzSeeds() []string {
	seeds := []string{
		ownLine,
		`{"message":"` + strings.ReplaceAll(ownLine, `"`, `\"`) + `"}`,
		"botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.",
		"operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 1, api error InvalidClientTokenId: The security token included in the request is invalid.",
		"ExpiredToken: The security token included in the request is expired\n\tstatus code: 403, request id: d24cb01c",
		"x (Service: AWSSecurityTokenService; Status Code: 403; Error Code: InvalidClientTokenId; Request ID: 1; Proxy: null)",
		"software.amazon.awssdk.services.sts.model.StsException: The security token included in the request is invalid. (Service: Sts, Status Code: 403, Request ID: 1)",
		"Aws::STS::Errors::ExpiredToken: The security token included in the request is expired",
		"Error executing \"A\" on \"https://sts.amazonaws.com\"; AWS HTTP error: ExpiredToken (client): x",
		"│ Error: api error\n│ ExpiredToken: x StatusCode: 403",
		"<Error><Code>InvalidAccessKeyId</Code><Message>x</Message><AWSAccessKeyId>ASIAQ3EXAMPLE7PAY001</AWSAccessKeyId></Error>",
		`{"__type":"com.amazon.coral.service#ExpiredTokenException","$metadata":{}}`,
		`\\\n\"\/` + "│", "\xff\xfe{\"trailverdict\"",
	}
	for _, l := range leaks {
		seeds = append(seeds, strings.ReplaceAll(l.message, "%s", fakeToken(1, 120)))
	}
	return seeds
}

func FuzzRead(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		for _, fact := range Read(message) {
			if (fact.Code == "") == (fact.Exposure == nil) {
				t.Error("a fact is a failure or an exposure, not both or neither")
			}
			if fact.Code != "" && !isCode(fact.Code) {
				t.Errorf("unknown code %q", fact.Code)
			}
			if fact.Count < 1 || fact.Count > maxCount {
				t.Errorf("count %d", fact.Count)
			}
			if fact.KeyID != "" && !isKeyID(fact.KeyID) {
				t.Errorf("key id %q", fact.KeyID)
			}
			if fact.Time.Location() != time.UTC {
				t.Errorf("time %v is not in UTC", fact.Time)
			}
			for _, s := range []string{fact.Operation, fact.PrincipalARN, fact.Workload, fact.UserAgent, fact.EventID, fact.SourceIP} {
				if !utf8.ValidString(s) || len(s) > 2048 {
					t.Error("a string is not fit to be shown")
				}
			}
		}
	})
}

// Whatever stands around a secret, none of it comes out.
func FuzzReadKeepsNoSecret(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add(s, " ", uint64(1))
		f.Add(s[:len(s)/2], s[len(s)/2:], uint64(2))
	}
	f.Fuzz(func(t *testing.T, before, after string, seed uint64) {
		secret := fakeToken(seed, 300)
		for _, fact := range Read(before + secret + after) {
			if field := holds(fact, secret); field != "" {
				t.Errorf("%s holds a part of the secret", field)
			}
		}
	})
}

func FuzzReasonOf(f *testing.F) {
	for _, p := range phrases {
		f.Add("SignatureDoesNotMatch", p.text)
	}
	f.Fuzz(func(t *testing.T, code, message string) {
		if ReasonOf(code, message) != ReasonOf(code, strings.ToUpper(message)) && isASCII(message) {
			t.Error("the reason depends on capitals")
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}
