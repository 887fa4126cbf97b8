package trail

import (
	"testing"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

func TestWeakenedTrails(t *testing.T) {
	for _, tt := range []struct {
		name, params string
		want         bool
	}{
		{"other Regions are left out", `{"name":"main","isMultiRegionTrail":false}`, true},
		{"global services are left out", `{"name":"main","includeGlobalServiceEvents":false}`, true},
		{"log files prove nothing any more", `{"name":"main","enableLogFileValidation":false}`, true},
		{"a boolean written as text", `{"name":"main","isMultiRegionTrail":"false"}`, true},
		{"the bucket alone is changed", `{"name":"main","s3BucketName":"elsewhere"}`, true},
		{"every setting is repeated, the bucket among them", `{"name":"main","s3BucketName":"logs","isMultiRegionTrail":true,"includeGlobalServiceEvents":true,"enableLogFileValidation":true}`, false},
		{"more is recorded", `{"name":"main","isMultiRegionTrail":true,"enableLogFileValidation":true}`, false},
		{"another key encrypts", `{"name":"main","kmsKeyId":"alias/logs"}`, false},
		{"nothing is said", `{"name":"main"}`, false},
		{"nothing is known", `null`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := weakensTrail(parsed(t, tt.params)); got != tt.want {
				t.Errorf("weakensTrail(%s) = %t, want %t", tt.params, got, tt.want)
			}
		})
	}
}

func TestWeakenedSelectors(t *testing.T) {
	const management = `{"field":"eventCategory","equals":["Management"]}`
	for _, tt := range []struct {
		name, params string
		want         bool
	}{
		{"management events are left out", `{"eventSelectors":[{"readWriteType":"All","includeManagementEvents":false}]}`, true},
		{"only reads are left", `{"eventSelectors":[{"readWriteType":"ReadOnly","includeManagementEvents":true}]}`, true},
		{"only writes are left", `{"eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":true}]}`, true},
		{"reads and writes are told apart, and both are there", `{"eventSelectors":[{"readWriteType":"WriteOnly"},{"readWriteType":"ReadOnly"}]}`, false},
		{"everything is recorded", `{"eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"excludeManagementEventSources":[]}]}`, false},
		{"what is not said is on", `{"eventSelectors":[{"dataResources":[]}]}`, false},
		{"one that is no list", `{"eventSelectors":{"includeManagementEvents":"false"}}`, true},
		{"the noise of KMS is left out", `{"eventSelectors":[{"includeManagementEvents":true,"excludeManagementEventSources":["kms.amazonaws.com","rdsdata.amazonaws.com"]}]}`, false},
		{"IAM is left out", `{"eventSelectors":[{"includeManagementEvents":true,"excludeManagementEventSources":["kms.amazonaws.com","iam.amazonaws.com"]}]}`, true},
		{"advanced, everything", `{"advancedEventSelectors":[{"name":"m","fieldSelectors":[` + management + `]}]}`, false},
		{"advanced, data events alone", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"resources.type","equals":["AWS::S3::Object"]}]}]}`, true},
		{"advanced, data and management events", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"resources.type","equals":["AWS::S3::Object"]}]},{"fieldSelectors":[` + management + `]}]}`, false},
		{"advanced, reads alone", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"readOnly","equals":["true"]}]}]}`, true},
		{"advanced, writes alone", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"readOnly","equals":["false"]}]}]}`, true},
		{"advanced, reads and writes apart", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"readOnly","equals":["false"]}]},{"fieldSelectors":[` + management + `,{"field":"readOnly","equals":["true"]}]}]}`, false},
		{"advanced, without the noise of KMS", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}]}`, false},
		{"advanced, without STS", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"eventSource","notEquals":["sts.amazonaws.com"]}]}]}`, true},
		{"advanced, one source alone", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"eventSource","equals":["ec2.amazonaws.com"]}]}]}`, true},
		{"advanced, without one caller", `{"advancedEventSelectors":[{"fieldSelectors":[` + management + `,{"field":"userIdentity.arn","notEquals":["arn:aws:iam::111122223333:user/eve"]}]}]}`, true},
		{"nothing is known", `{"trailName":"main"}`, false},
		{"nothing at all", `null`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := weakensSelectors(parsed(t, tt.params)); got != tt.want {
				t.Errorf("weakensSelectors(%s) = %t, want %t", tt.params, got, tt.want)
			}
		})
	}
}

func parsed(t testing.TB, text string) jsonscan.Value {
	t.Helper()
	v, err := jsonscan.Parse([]byte(text))
	if err != nil {
		t.Fatalf("the test's own JSON is broken: %v", err)
	}
	return v
}
