package trail

import (
	"fmt"
	"strings"
	"testing"
)

// TestASecretInAWrongFieldStaysInside puts a session token and a secret key into
// the fields that are kept of events and whose shape AWS fixes.
func TestASecretInAWrongFieldStaysInside(t *testing.T) {
	const record = `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/bob","accountId":"111122223333","userName":"bob"},
		"eventTime":"2026-03-01T10:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.17",
		"requestParameters":{"name":"main-trail"},"responseElements":null,"eventID":"e-1","recipientAccountId":"111122223333"}`
	const finding = `{"version":"0","id":"d","detail-type":"GuardDuty Finding","source":"aws.guardduty","account":"111122223333","time":"2026-03-01T10:00:00Z","region":"eu-west-1","detail":{
		"id":"f-1","type":"UnauthorizedAccess:IAMUser/TorIPCaller","partition":"aws","region":"eu-west-1","accountId":"111122223333",
		"resource":{"resourceType":"AccessKey","accessKeyDetails":{"accessKeyId":"AKIAQRSTUVWXYZ234567","userName":"carol","userType":"IAMUser"}},
		"service":{"eventFirstSeen":"2026-03-01T09:00:00Z","action":{"awsApiCallAction":{"api":"ListBuckets","serviceName":"s3.amazonaws.com","remoteIpDetails":{"ipAddressV4":"203.0.113.9"}}}}}}`
	lines := inLogEvents(sdkError)
	for in, values := range map[string][]string{
		record:  {"eu-west-1", "198.51.100.7", "main-trail", "e-1"},
		finding: {"f-1", "UnauthorizedAccess:IAMUser/TorIPCaller", `"aws"`, "eu-west-1", "carol", "203.0.113.9"},
		lines:   {"/aws/lambda/", "37880"},
	} {
		for _, value := range values {
			for _, secret := range []string{secretKey, secretToken, "x aws_secret_access_key=" + secretKey} {
				t.Run(value, func(t *testing.T) {
					if strings.Count(in, value) == 0 {
						t.Fatal("the value is not in the event")
					}
					with := secret
					if strings.HasPrefix(value, `"`) {
						with = quoted(secret)
					} else if strings.HasSuffix(value, "/") {
						with = value + secret
					}
					c, _ := decodeText(t, strings.ReplaceAll(in, value, with))
					var out string
					for _, s := range c.signals {
						out += fmt.Sprintf("%+v %+v %+v", s, s.Threat, s.Exposure)
					}
					out += fmt.Sprintf("%+v %+v", c.uses, c.skips)
					if strings.Contains(out, secretKey[:12]) || strings.Contains(out, secretToken[20:36]) {
						t.Error("a secret came out")
					}
				})
			}
		}
	}
}

func TestShapesLetThroughWhatAWSWrites(t *testing.T) {
	for _, test := range []struct {
		what  string
		shape func(string) string
		texts []string
	}{
		{"a Region", regionName, []string{"us-east-1", "us-gov-west-1", "eu-isoe-west-1", "eusc-de-east-1", "aws-global"}},
		{"a partition", partitionName, []string{"aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"}},
		{"an address", address, []string{
			"198.51.100.7", "2001:db8:1234:5678:9abc:def0:1234:5678", "AWS Internal", "cloudformation.amazonaws.com",
			"application-autoscaling-internal-service.amazonaws.com", "10.0.0.1, 203.0.113.9", "***",
		}},
		{"a finding's type", threatType, []string{"UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "Stealth:IAMUser/CloudTrailLoggingDisabled", "AttackSequence:IAM/CompromisedCredentials"}},
		{"a resource", resourceName, []string{"arn:aws:cloudtrail:eu-west-1:111122223333:trail/management-events", "Default", "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF", "arn:aws:iam::111122223333:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"}},
		{"a log group", groupName, []string{"/aws/lambda/orders", "/ecs/orders-api", "aws-cloudtrail-logs-111122223333-0a1b2c3d", "/aws/eks/main/cluster", "app#1"}},
	} {
		for _, text := range test.texts {
			if got := test.shape(text); got != text {
				t.Errorf("%s: %q becomes %q", test.what, text, got)
			}
		}
	}
}

func TestATimeThatNobodyBelievesIsNone(t *testing.T) {
	in := strings.Replace(inLogEvents(sdkError), `"timestamp":`, `"timestamp":0,"was":`, 1)
	c, _ := decodeText(t, in)
	if len(c.signals) != 0 || len(c.skips) != 1 || c.skips[0].Reason != SkipNoEventTime {
		t.Errorf("%d signals, skips %+v; want one skip for want of a time", len(c.signals), c.skips)
	}
}
