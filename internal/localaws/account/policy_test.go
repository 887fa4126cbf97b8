package account

import (
	"encoding/json"
	"testing"
)

func policy(t *testing.T, text string) []statement {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	list, err := statements(v)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const (
	role   = "arn:aws:iam::111122223333:role/detect"
	queue  = "arn:aws:sqs:us-east-1:111122223333:q"
	events = "events.amazonaws.com"
	rule1  = "arn:aws:events:us-east-1:111122223333:rule/tv-1"
)

func TestPoliciesDecide(t *testing.T) {
	const (
		mayTake  = `{"Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:Delete*"],"Resource":"` + queue + `"}]}`
		fromRule = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + queue + `","Condition":{"ArnLike":{"aws:SourceArn":["arn:aws:events:us-east-1:111122223333:rule/tv-*"]},"StringEquals":{"aws:SourceAccount":"111122223333"}}}]}`
		overTLS  = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"` + queue + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
		noSend   = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:send*","Resource":"*"}]}`
		anybody  = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"` + queue + `"}]}`
		root     = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sqs:*","Resource":"*"}]}`
	)
	for name, tt := range map[string]struct {
		identity, resource []string
		want               request
		allowed            bool
	}{
		"a role that may":                     {[]string{mayTake}, nil, request{role, "sqs:ReceiveMessage", queue, ""}, true},
		"a role that may by a star":           {[]string{mayTake}, nil, request{role, "sqs:DeleteMessage", queue, ""}, true},
		"another action":                      {[]string{mayTake}, nil, request{role, "sqs:SendMessage", queue, ""}, false},
		"another resource":                    {[]string{mayTake}, nil, request{role, "sqs:ReceiveMessage", queue + "2", ""}, false},
		"another role":                        {[]string{mayTake}, nil, request{role + "2", "sqs:ReceiveMessage", queue, ""}, false},
		"a service for a rule":                {nil, []string{fromRule, overTLS}, request{events, "sqs:SendMessage", queue, rule1}, true},
		"a service for a rule of others":      {nil, []string{fromRule}, request{events, "sqs:SendMessage", queue, "arn:aws:events:us-east-1:111122223333:rule/x"}, false},
		"a service on behalf of nobody":       {nil, []string{fromRule}, request{events, "sqs:SendMessage", queue, ""}, false},
		"another service":                     {nil, []string{fromRule}, request{"sns.amazonaws.com", "sqs:SendMessage", queue, rule1}, false},
		"a denial wins":                       {nil, []string{anybody, noSend}, request{role, "sqs:SendMessage", queue, ""}, false},
		"a denial of others does not count":   {nil, []string{anybody, overTLS}, request{role, "sqs:SendMessage", queue, ""}, true},
		"the account's root permits by roles": {nil, []string{root}, request{role, "sqs:SendMessage", queue, ""}, false},
		"nothing is permitted by itself":      {nil, nil, request{role, "sqs:SendMessage", queue, ""}, false},
	} {
		p := policies{identity: map[string][]statement{}, resource: map[string][]statement{}}
		for _, text := range tt.identity {
			p.identity[role] = append(p.identity[role], policy(t, text)...)
		}
		for _, text := range tt.resource {
			p.resource[queue] = append(p.resource[queue], policy(t, text)...)
		}
		if got := p.allows(tt.want); got != tt.allowed {
			t.Errorf("%s: allowed is %t", name, got)
		}
	}
}

// TestKeysNeedPermissionsOfTheirOwn encrypts the queue.
func TestKeysNeedPermissionsOfTheirOwn(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:111122223333:key/k"
	p := policies{
		identity: map[string][]statement{role: policy(t, `{"Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"`+queue+`"}]}`)},
		resource: map[string][]statement{
			queue: policy(t, `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"`+queue+`"}]}`),
			key:   policy(t, `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*"}]}`),
		},
		keys: map[string]string{},
	}
	byRole, byService := request{role, "sqs:SendMessage", queue, ""}, request{events, "sqs:SendMessage", queue, rule1}
	for _, tt := range []struct {
		key                      string
		roleAllowed, ruleAllowed bool
	}{{"", true, true}, {key, false, true}, {awsKey, true, false}} {
		if p.keys[queue] = tt.key; p.allows(byRole) != tt.roleAllowed || p.allows(byService) != tt.ruleAllowed {
			t.Errorf("with the key %q the role may: %t, the rule may: %t", tt.key, p.allows(byRole), p.allows(byService))
		}
	}
}

func TestConditionsThatAreNotUnderstoodAreNamed(t *testing.T) {
	var v any
	text := `{"Statement":[{"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if _, err := statements(v); err == nil || err.Error() != "the condition IpAddress is not understood" {
		t.Errorf("the error is %v", err)
	}
}
