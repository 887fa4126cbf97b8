package logline

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
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
	for _, p := range slices.Concat(phrases.phrases, wrappers.phrases) {
		f.Add("SignatureDoesNotMatch", p.text)
		f.Add("ExpiredToken", "failed to refresh cached credentials: to\u212aen expired, "+p.text[1:]+p.text)
	}
	f.Fuzz(func(t *testing.T, code, message string) {
		got := ReasonOf(code, message)
		if got != ReasonOf(code, strings.ToUpper(message)) && isASCII(message) {
			t.Error("the reason depends on capitals")
		}
		text := strings.ToLower(message)
		if want := cmp.Or(searched(text, phrases), reasonOfCode(code), searched(text, wrappers)); got != want || got != ReasonOf(code, []byte(message)) {
			t.Errorf("ReasonOf() = %q, want %q", got, want)
		}
	})
}

// searched is the reason of the phrase that occurs first, found by looking for each.
func searched(message string, in lexicon) incident.Reason {
	first := len(message)
	var reason incident.Reason
	for _, p := range in.phrases {
		if i := strings.Index(message, p.text); i >= 0 && i < first {
			first, reason = i, p.reason
		}
	}
	return reason
}

func TestALexiconHasABitForEachPhrase(t *testing.T) {
	for _, l := range []lexicon{phrases, wrappers} {
		if len(l.phrases) > 64 {
			t.Errorf("%d phrases, of which those from the 65th on are not found", len(l.phrases))
		}
	}
}
