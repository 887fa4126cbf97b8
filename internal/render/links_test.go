package render

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const changeID = "3f1c2a44-7b7e-4f0e-9d62-0c5a2b8d1e77"

// trustIn is a role whose trust was changed in IAM, and which was then refused
// in the finding's Region.
func trustIn(partition, region string) incident.Finding {
	f := opened()
	f.Partition, f.Region = partition, region
	f.Subject.AccessKeyIDs = f.Subject.AccessKeyIDs[:1]
	f.Evidence = []incident.Evidence{
		{EventID: changeID, Signal: incident.TrustChanged, Weight: 3},
		{EventID: "11111111-2222-4333-8444-555555555555", Signal: incident.CallDenied, Weight: 1},
	}
	return f
}

func TestLinksLeadToThePartitionsConsole(t *testing.T) {
	for name, c := range map[string]struct {
		partition, region string
		want              []string
	}{
		"the standard partition, where IAM is recorded in us-east-1": {"aws", "eu-west-1", []string{
			"https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/roles/details/payments-role",
			"https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events?AccessKeyId=ASIAQPAYMENTS0000001",
			"https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/" + changeID,
		}},
		"China": {"aws-cn", "cn-northwest-1", []string{
			"https://cn-north-1.console.amazonaws.cn/iam/home?region=cn-north-1#/roles/details/payments-role",
			"https://cn-northwest-1.console.amazonaws.cn/cloudtrailv2/home?region=cn-northwest-1#/events?AccessKeyId=ASIAQPAYMENTS0000001",
			"https://cn-north-1.console.amazonaws.cn/cloudtrailv2/home?region=cn-north-1#/events/" + changeID,
		}},
		"GovCloud": {"aws-us-gov", "us-gov-east-1", []string{
			"https://us-gov-west-1.console.amazonaws-us-gov.com/iam/home?region=us-gov-west-1#/roles/details/payments-role",
			"https://us-gov-east-1.console.amazonaws-us-gov.com/cloudtrailv2/home?region=us-gov-east-1#/events?AccessKeyId=ASIAQPAYMENTS0000001",
			"https://us-gov-west-1.console.amazonaws-us-gov.com/cloudtrailv2/home?region=us-gov-west-1#/events/" + changeID,
		}},
		"an isolated partition, whose console is not public": {"aws-iso", "us-iso-east-1", nil},
		"no known Region": {"aws", "", []string{
			"https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/roles/details/payments-role",
			"https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/" + changeID,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, urls(Links(trustIn(c.partition, c.region)))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLinksLeadOnlyToWhatTheConsoleHas(t *testing.T) {
	f := trustIn("aws", "eu-west-1")
	f.Subject = incident.Subject{Principal: incident.Principal{Type: incident.Workload, Name: "nightly"}}
	f.Evidence = []incident.Evidence{
		{EventID: changeID, Signal: incident.CredentialFailed, Weight: 9},               // a client's own id
		{EventID: "sha256:0123", Signal: incident.TrustChanged, Weight: 9},              // made here
		{EventID: strings.Repeat("ab", 16), Signal: incident.ThreatFinding, Weight: 1},  // GuardDuty's
		{EventID: strings.Repeat("zz", 16), Signal: incident.ThreatFinding, Weight: 10}, // nobody's
	}
	want := []string{"https://eu-west-1.console.aws.amazon.com/guardduty/home?region=eu-west-1#/findings?macros=all&fId=" + strings.Repeat("ab", 16)}
	if d := cmp.Diff(want, urls(Links(f))); d != "" {
		t.Error(d)
	}
}

// TestLinksCannotBeBent puts any text where an attacker chooses it.
func TestLinksCannotBeBent(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f, _ := draw(r)
		f.Subject.Type = rapid.SampledFrom([]incident.PrincipalType{incident.Role, incident.User, incident.Workload}).Draw(r, "type")
		f.Partition = rapid.SampledFrom([]string{"aws", "aws-cn", "aws-us-gov", "aws-iso"}).Draw(r, "partition")
		for _, l := range Links(f) {
			u, err := url.Parse(l.URL)
			c, _ := consoleOf(f.Partition)
			if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, "."+c.domain) || strings.ContainsAny(l.URL, " \t\n\"'<>`|") {
				r.Fatalf("link %q: %v", l.URL, err)
			}
		}
	})
}
