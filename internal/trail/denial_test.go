package trail

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const (
	someUser = "arn:aws:iam::111122223333:user/alice"
	someRole = "arn:aws:sts::111122223333:assumed-role/orders-api/worker"
)

func TestParseRefusal(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		want          refusal
	}{
		{
			"the ordinary implicit deny",
			"User: " + someUser + " is not authorized to perform: lambda:Invoke on resource: arn:aws:lambda:us-east-1:111122223333:function:pay because no identity-based policy allows the lambda:Invoke action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "lambda:Invoke", Resource: "arn:aws:lambda:us-east-1:111122223333:function:pay"}},
		},
		{
			"EC2's preamble and encoded message",
			"You are not authorized to perform this operation. User: " + someRole + " is not authorized to perform: ec2:GetPasswordData on resource: arn:aws:ec2:us-east-1:111122223333:instance/* because no identity-based policy allows the ec2:GetPasswordData action. Encoded authorization failure message: ex0NeuPRe8x-explicit deny",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "ec2:GetPasswordData", Resource: "arn:aws:ec2:us-east-1:111122223333:instance/*"}},
		},
		{
			"EC2's preamble without a resource",
			"You are not authorized to perform this operation. User: " + someUser + " is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "ec2:DescribeVpcs"}},
		},
		{
			"EC2's preamble and the encoded message alone",
			"You are not authorized to perform this operation. Encoded authorization failure message: ex0NeuPRe8x",
			refusal{},
		},
		{
			"IAM names the kind and the name",
			"User: " + someUser + " is not authorized to perform: iam:DeleteRolePolicy on resource: role orders-api because no identity-based policy allows the iam:DeleteRolePolicy action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "iam:DeleteRolePolicy", Resource: "role orders-api"}},
		},
		{
			"IAM names an instance profile",
			"User: " + someUser + " is not authorized to perform: iam:AddRoleToInstanceProfile on resource: instance profile web because no identity-based policy allows the iam:AddRoleToInstanceProfile action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "iam:AddRoleToInstanceProfile", Resource: "instance profile web"}},
		},
		{
			"IAM knows the kind alone",
			"User: " + someUser + " is not authorized to perform: iam:ListSSHPublicKeys on resource: user  because no identity-based policy allows the iam:ListSSHPublicKeys action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "iam:ListSSHPublicKeys"}},
		},
		{
			"a version of a policy",
			"User: " + someUser + " is not authorized to perform: iam:SetDefaultPolicyVersion on resource: policy arn:aws:iam::111122223333:policy/Lockdown version v2 because no identity-based policy allows the iam:SetDefaultPolicyVersion action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "iam:SetDefaultPolicyVersion", Resource: "policy arn:aws:iam::111122223333:policy/Lockdown version v2"}},
		},
		{
			"no resource",
			"User: " + someUser + " is not authorized to perform: ses:GetSendQuota because no identity-based policy allows the ses:GetSendQuota action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "ses:GetSendQuota"}},
		},
		{
			"any resource",
			"User: " + someUser + " is not authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "kms:CreateKey", Resource: "*"}},
		},
		{
			"a resource without a kind",
			"User: " + someUser + " is not authorized to perform: secretsmanager:GetSecretValue on resource: db-password because no identity-based policy allows the secretsmanager:GetSecretValue action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "secretsmanager:GetSecretValue", Resource: "db-password"}},
		},
		{
			"a role that may not be assumed, and no reason",
			"User: " + someUser + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/orders-api",
			refusal{someUser, incident.Denial{Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/orders-api"}},
		},
		{
			"a resource that is not named",
			"User: " + someUser + " is not authorized to perform: elasticfilesystem:DeleteFileSystem on the specified resource",
			refusal{someUser, incident.Denial{Action: "elasticfilesystem:DeleteFileSystem"}},
		},
		{
			"a service's name in capitals",
			"User: " + someUser + " is not authorized to perform: SNS:Publish on resource: arn:aws:sns:us-east-1:111122223333:alerts because no identity-based policy allows the SNS:Publish action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "identity-based", Action: "sns:Publish", Resource: "arn:aws:sns:us-east-1:111122223333:alerts"}},
		},
		{
			"no policy on the resource allows it",
			"User: " + someUser + " is not authorized to perform: organizations:ListAccounts on resource: * because no resource-based policy allows the organizations:ListAccounts action",
			refusal{someUser, incident.Denial{Implicit: true, PolicyKind: "resource-based", Action: "organizations:ListAccounts", Resource: "*"}},
		},
		{
			"no session policy allows it",
			"User: " + someRole + " is not authorized to perform: s3:ListBucket because no session policy allows the s3:ListBucket action",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "session", Action: "s3:ListBucket"}},
		},
		{
			"no permissions boundary allows it",
			"User: " + someRole + " is not authorized to perform: s3:ListBucket because no permissions boundary allows the s3:ListBucket action",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "permissions boundary", Action: "s3:ListBucket"}},
		},
		{
			"no service control policy allows it",
			"User: " + someRole + " is not authorized to perform: s3:ListBucket because no service control policy allows the s3:ListBucket action",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "service control", Action: "s3:ListBucket"}},
		},
		{
			"no VPC endpoint policy allows it",
			"User: " + someRole + " is not authorized to perform: s3:ListBucket because no VPC endpoint policy allows the s3:ListBucket action",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "VPC endpoint", Action: "s3:ListBucket"}},
		},
		{
			"no role trust policy allows it",
			"User: " + someRole + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/pay because no role trust policy allows the sts:AssumeRole action",
			refusal{someRole, incident.Denial{Implicit: true, PolicyKind: "role trust", Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/pay"}},
		},
		{
			"an explicit deny, as after a revocation",
			"User: " + someRole + " is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::orders/1\" with an explicit deny in an identity-based policy",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "identity-based", Action: "s3:GetObject", Resource: "arn:aws:s3:::orders/1"}},
		},
		{
			"an explicit deny that names its policy",
			"User: " + someRole + " is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:111122223333:table/orders with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/Lockdown. Call GetRequestAuthorizationDetails with authorization id 1f2e.",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "identity-based", PolicyARN: "arn:aws:iam::111122223333:policy/Lockdown", Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/orders"}},
		},
		{
			"an explicit deny in a resource-based policy",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "resource-based", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny in a service control policy",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a service control policy: arn:aws:organizations::999988887777:policy/o-example/service_control_policy/p-identity-based",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "service control", PolicyARN: "arn:aws:organizations::999988887777:policy/o-example/service_control_policy/p-identity-based", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny in a resource control policy",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a resource control policy",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "resource control", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny in a boundary",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a permissions boundary",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "permissions boundary", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny in a session policy",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a session policy",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "session", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny in a VPC endpoint's policy",
			"User: " + someRole + " is not authorized to perform: s3:GetObject with an explicit deny in a VPC endpoint policy",
			refusal{someRole, incident.Denial{Explicit: true, PolicyKind: "VPC endpoint", Action: "s3:GetObject"}},
		},
		{
			"an explicit deny of an older record",
			"User: " + someRole + " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::orders with an explicit deny",
			refusal{someRole, incident.Denial{Explicit: true, Action: "s3:GetObject", Resource: "arn:aws:s3:::orders"}},
		},
		{
			"KMS does not tell three reasons apart",
			"User: " + someRole + " is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/1 because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
			refusal{someRole, incident.Denial{Action: "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111122223333:key/1"}},
		},
		{
			"RDS names no user",
			"User is not authorized to perform: rds:CopyDBSnapshot",
			refusal{Denial: incident.Denial{Action: "rds:CopyDBSnapshot"}},
		},
		{
			"a federated caller without a colon",
			"Not authorized to perform sts:AssumeRoleWithWebIdentity",
			refusal{Denial: incident.Denial{Action: "sts:AssumeRoleWithWebIdentity"}},
		},
		{"a role of another account is passed", "Cross-account pass role is not allowed.", refusal{Denial: incident.Denial{Action: "iam:PassRole"}}},
		{"S3 gives no reason", "Access Denied", refusal{}},
		{"STS gives no reason", "An unknown error occurred", refusal{}},
		{"nothing", "", refusal{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseRefusal(withoutEncoded(tt.message))); diff != "" {
				t.Errorf("read otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseRefusal(f *testing.F) {
	f.Add("User: " + someRole + " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::orders with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/Lockdown")
	f.Add("not authorized to perform not authorized to perform: a:b on resource:  because no  allow")
	f.Fuzz(func(t *testing.T, message string) {
		r := parseRefusal(message)
		if r.Explicit && r.Implicit {
			t.Errorf("%q is both an explicit and an implicit deny", message)
		}
		if r.Implicit && r.PolicyKind == "" {
			t.Errorf("%q is an implicit deny of no policy", message)
		}
	})
}
