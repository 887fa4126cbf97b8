package trail

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

func TestReadIdentity(t *testing.T) {
	created := time.Date(2026, 3, 4, 9, 2, 11, 0, time.UTC)
	for _, tt := range []struct {
		name, json string
		want       identity
	}{
		{
			"a role's session is the role, with the path that the issuer shows", byRole,
			identity{Actor: incident.Actor{
				Principal: responder, SessionName: "oncall", SessionARN: "arn:aws:sts::111122223333:assumed-role/Responder/oncall",
				AccessKeyID: "ASIAEXAMPLERESPOND01", IssuedAt: created, MFA: true,
			}},
		},
		{
			"a role's session without its issuer is told by its ARN",
			`{"type":"AssumedRole","principalId":"AROAEXAMPLEORDERS0000:worker","arn":"arn:aws-cn:sts::111122223333:assumed-role/orders-api/worker","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEORDERS001"}`,
			identity{Actor: incident.Actor{
				Principal: incident.Principal{
					Type: incident.Role, Partition: "aws-cn", Account: account, Name: "orders-api", ID: "AROAEXAMPLEORDERS0000",
					ARN: "arn:aws-cn:iam::111122223333:role/orders-api",
				},
				SessionName: "worker", SessionARN: "arn:aws-cn:sts::111122223333:assumed-role/orders-api/worker", AccessKeyID: "ASIAEXAMPLEORDERS001",
			}},
		},
		{
			"a role's session with its issuer's name alone",
			`{"type":"AssumedRole","principalId":"AROAEXAMPLEORDERS0000:worker","accessKeyId":"ASIAEXAMPLEORDERS001","sessionContext":{"sessionIssuer":{"type":"Role","userName":"orders-api","accountId":"444455556666"},"attributes":{"creationDate":"20260304T090211Z","mfaAuthenticated":"false"}}}`,
			identity{Actor: incident.Actor{
				Principal:   incident.Principal{Type: incident.Role, Account: "444455556666", Name: "orders-api", ID: "AROAEXAMPLEORDERS0000"},
				SessionName: "worker", AccessKeyID: "ASIAEXAMPLEORDERS001", IssuedAt: created,
			}},
		},
		{
			"a function's session says which function",
			`{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/pay","accessKeyId":"ASIAEXAMPLEORDERS001","invokedBy":"s3.amazonaws.com",
				"inScopeOf":{"issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:us-east-1:111122223333:function:pay"}}`,
			identity{Actor: incident.Actor{
				Principal:   withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
				SessionName: "pay", SessionARN: "arn:aws:sts::111122223333:assumed-role/orders-api/pay", AccessKeyID: "ASIAEXAMPLEORDERS001",
				InvokedBy: "s3.amazonaws.com", CredentialsOf: "arn:aws:lambda:us-east-1:111122223333:function:pay",
			}},
		},
		{
			"a user", byUser,
			identity{Actor: incident.Actor{Principal: alice, SessionARN: "arn:aws:iam::111122223333:user/staff/alice", AccessKeyID: "AKIAEXAMPLEALICE0001"}},
		},
		{
			"a user with a session token is the user",
			`{"type":"IAMUser","principalId":"AIDAEXAMPLEALICE00000","arn":"arn:aws:iam::111122223333:user/staff/alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEALICE0001","userName":"alice","sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"2026-03-04T09:02:11Z","mfaAuthenticated":"true"}}}`,
			identity{Actor: incident.Actor{Principal: alice, SessionARN: "arn:aws:iam::111122223333:user/staff/alice", AccessKeyID: "ASIAEXAMPLEALICE0001", IssuedAt: created, MFA: true}},
		},
		{
			"a federated user is who asked for the federation token",
			`{"type":"FederatedUser","principalId":"111122223333:portal","arn":"arn:aws:sts::111122223333:federated-user/portal","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEPORTAL001",
				"sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"AIDAEXAMPLEALICE00000","arn":"arn:aws:iam::111122223333:user/staff/alice","accountId":"111122223333","userName":"alice"},"attributes":{"creationDate":"2026-03-04T09:02:11Z","mfaAuthenticated":"false"}}}`,
			identity{Actor: incident.Actor{
				Principal: alice, SessionName: "portal", SessionARN: "arn:aws:sts::111122223333:federated-user/portal",
				AccessKeyID: "ASIAEXAMPLEPORTAL001", IssuedAt: created,
			}},
		},
		{
			"a federated user whose issuer is not recorded is known by its own name",
			`{"type":"FederatedUser","principalId":"111122223333:portal","arn":"arn:aws:sts::111122223333:federated-user/portal","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEPORTAL001"}`,
			identity{Actor: incident.Actor{
				Principal:   incident.Principal{Type: incident.Federated, Partition: "aws", Account: account, Name: "portal"},
				SessionName: "portal", SessionARN: "arn:aws:sts::111122223333:federated-user/portal", AccessKeyID: "ASIAEXAMPLEPORTAL001",
			}},
		},
		{
			"the root user is the account", byRoot,
			identity{Actor: incident.Actor{Principal: root, SessionARN: root.ARN, AccessKeyID: "AKIAEXAMPLEROOT00001"}},
		},
		{
			"the root user at the console has no key", `{"type":"Root","principalId":"444455556666","accountId":"444455556666","accessKeyId":""}`,
			identity{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Account, Account: "444455556666", Name: "444455556666"}}},
		},
		{
			"a service", byService,
			identity{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Service, Name: "ec2.amazonaws.com"}, InvokedBy: "ec2.amazonaws.com"}},
		},
		{
			"a service's own event has no type", `{"accountId":"111122223333","invokedBy":"secretsmanager.amazonaws.com"}`,
			identity{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Service, Name: "secretsmanager.amazonaws.com"}, InvokedBy: "secretsmanager.amazonaws.com"}},
		},
		{
			"another account's caller shows its account and id alone", byStranger,
			identity{Foreign: true, Actor: incident.Actor{
				Principal:   incident.Principal{Type: incident.Account, Account: "999988887777", Name: "999988887777", ID: "AROAEXAMPLESTRANGER00"},
				SessionName: "worker",
			}},
		},
		{
			"another account's caller without an account is nobody", `{"type":"AWSAccount","principalId":"AROAEXAMPLESTRANGER00:worker","accountId":"ANONYMOUS_PRINCIPAL"}`,
			identity{Foreign: true, Actor: incident.Actor{SessionName: "worker"}},
		},
		{
			"a web identity is its subject", byOIDC,
			identity{Provider: "arn:aws:iam::111122223333:oidc-provider/token.example.com", Actor: incident.Actor{
				Principal: incident.Principal{Type: incident.Federated, Account: account, Name: "repo:acme/shop:ref:refs/heads/main"},
			}},
		},
		{
			"a SAML user is its subject", `{"type":"SAMLUser","principalId":"h:alice@example.com","userName":"alice@example.com","identityProvider":"h"}`,
			identity{Provider: "h", Actor: incident.Actor{Principal: incident.Principal{Type: incident.Federated, Account: account, Name: "alice@example.com"}}},
		},
		{
			"an Identity Center user is known by its id there",
			`{"type":"IdentityCenterUser","accountId":"111122223333","onBehalfOf":{"userId":"94482488-3041-7000-0000-000000000000","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"},"credentialId":"c"}`,
			identity{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Federated, Account: account, Name: "94482488-3041-7000-0000-000000000000"}}},
		},
		{
			"an unknown type with an ARN", `{"type":"Unknown","principalId":"AROAEXAMPLEORDERS0000:worker","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/worker","accountId":"111122223333"}`,
			identity{Actor: incident.Actor{
				Principal:   withID(withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"), "AROAEXAMPLEORDERS0000"),
				SessionName: "worker", SessionARN: "arn:aws:sts::111122223333:assumed-role/orders-api/worker",
			}},
		},
		{
			"an unknown type with a name", `{"type":"Unknown","accountId":"111122223333","userName":"alice@example.com"}`,
			identity{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Federated, Account: account, Name: "alice@example.com"}}},
		},
		{"a hidden name is nobody's", `{"type":"IAMUser","accountId":"111122223333","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, identity{}},
		{
			"masked ids are none", `{"type":"IAMUser","principalId":"AIDA****************","accessKeyId":"AKIA****************","arn":"arn:aws:iam::111122223333:user/bob"}`,
			identity{Actor: incident.Actor{Principal: withARN(userNamed("bob"), "arn:aws:iam::111122223333:user/bob"), SessionARN: "arn:aws:iam::111122223333:user/bob"}},
		},
		{"nothing", `null`, identity{}},
		{"something else", `"alice"`, identity{}},
		{"wrong types everywhere", `{"type":1,"arn":{},"accountId":[],"accessKeyId":true,"sessionContext":"x","invokedBy":{},"userName":7}`, identity{}},
		{"wrong types in the session", `{"type":"AssumedRole","sessionContext":{"sessionIssuer":[1],"attributes":7}}`, identity{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := jsonscan.Parse([]byte(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, readIdentity(v, account)); diff != "" {
				t.Errorf("read otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrincipalOf(t *testing.T) {
	for arn, want := range map[string]incident.Principal{
		"arn:aws:iam::111122223333:role/orders-api":                   withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
		"arn:aws:iam::111122223333:role/a/b/orders-api":               withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/a/b/orders-api"),
		"arn:aws:sts::111122223333:assumed-role/orders-api/i-01":      withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
		"arn:aws:sts::111122223333:assumed-role/orders-api":           withARN(roleNamed("orders-api"), "arn:aws:iam::111122223333:role/orders-api"),
		"arn:aws:iam::111122223333:user/bob":                          withARN(userNamed("bob"), "arn:aws:iam::111122223333:user/bob"),
		"arn:aws:iam::111122223333:root":                              root,
		"arn:aws:sts::111122223333:federated-user/portal":             {Type: incident.Federated, Partition: "aws", Account: account, Name: "portal"},
		"arn:aws:iam::111122223333:role/":                             {},
		"arn:aws:iam::111122223333:group/staff":                       {},
		"arn:aws:iam::111122223333:policy/role/x":                     {},
		"arn:aws:s3:::role/orders":                                    {},
		"arn:aws:iam::111122223333":                                   {},
		"arn::iam::111122223333:role/orders-api":                      {},
		"arn:aws:iam::root:root":                                      {},
		"orders-api":                                                  {},
		"":                                                            {},
		"arn:aws-us-gov:iam::111122223333:role/path~with!marks/a:b/c": {Type: incident.Role, Partition: "aws-us-gov", Account: account, Name: "c", ARN: "arn:aws-us-gov:iam::111122223333:role/path~with!marks/a:b/c"},
	} {
		got, _, ok := principalOf(arn)
		if diff := cmp.Diff(want, got); diff != "" || ok != want.Known() {
			t.Errorf("principalOf(%q), %t (-want +got):\n%s", arn, ok, diff)
		}
	}
}

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f",
		"eusc-de-east-1": "aws-eusc", "": "",
	} {
		if got := lineage.PartitionOf(region); got != want {
			t.Errorf("lineage.PartitionOf(%q) = %q, want %q", region, got, want)
		}
	}
}
