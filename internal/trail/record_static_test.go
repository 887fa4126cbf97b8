package trail

import (
	"reflect"
	"strings"
	"testing"
)

// secretForm has the form of a secret access key, and must never come out.
const secretForm = "FAKE/SECRET/DO/NOT/KEEP/0123456789abcdef"

// TestQuietEnvironments are those without an access key, among them the one that
// CloudTrail writes for every function.
func TestQuietEnvironments(t *testing.T) {
	task := func(variable string) string {
		return recordOf(ecs, "RegisterTaskDefinition", byRole, params(`"family":"orders-sync","containerDefinitions":[{"name":"app","environment":[`+variable+`]}]`))
	}
	for name, record := range map[string]string{
		"a function as CloudTrail writes it": recordOf(lambda, "CreateFunction20150331", byRole, params(`"functionName":"export","environment":{}`)),
		"a function without variables":       recordOf(lambda, "UpdateFunctionConfiguration20150331v2", byRole, params(`"functionName":"export","timeout":9`)),
		"a task without variables":           recordOf(ecs, "RegisterTaskDefinition", byRole, params(`"family":"orders-sync","containerDefinitions":[{"name":"app"}]`)),
		"a secret of Secrets Manager":        recordOf(ecs, "RegisterTaskDefinition", byRole, params(`"family":"orders-sync","containerDefinitions":[{"secrets":[{"name":"AWS_SECRET_ACCESS_KEY","valueFrom":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:k-Ab3xYz"}]}]`)),
		"a stand-in for a test":              task(`{"name":"AWS_SECRET_ACCESS_KEY","value":"test"}`),
		"a hash under another name":          task(`{"name":"COMMIT","value":"0123456789abcdef0123456789abcdef01234567"}`),
		"a role's unique id":                 task(`{"name":"ROLE_ID","value":"AROAEXAMPLEORDERS001"}`),
		"an ARN that holds a key's id":       task(`{"name":"URL","value":"https://example.com/AKIAEXAMPLEORDERS001"}`),
		"a hidden value of something else":   task(`{"name":"PASSWORD","value":"HIDDEN_DUE_TO_SECURITY_REASONS"}`),
	} {
		out, r := eventOf(t, record)
		if r.Reason != "" || len(out.Signals) > 0 || len(out.Uses) != 1 {
			t.Errorf("%s: %d signals and %d uses, rejected as %q; want a use alone", name, len(out.Signals), len(out.Uses), r.Reason)
		}
	}
}

func TestEnvironmentsKeepNoSecret(t *testing.T) {
	for _, tt := range changes {
		out, _ := eventOf(t, recordOf(tt.source, tt.call, tt.caller, tt.extra...))
		for _, s := range texts(reflect.ValueOf(out)) {
			if strings.Contains(s, "FAKE") {
				t.Errorf("%s: the secret came out", tt.name)
			}
		}
	}
	odd := recordOf(ecs, "RegisterTaskDefinition", byRole, params(`"family":"x y\u001b","containerDefinitions":{"environment":{"name":"A\u0000SECRETACCESSKEY","value":"`+secretForm+`"}}`))
	s := signalOf(t, odd)
	if s.Exposure.Where != "a variable" || s.Resource != "task definition" {
		t.Errorf("an odd name came through: %q in %q", s.Exposure.Where, s.Resource)
	}
}
