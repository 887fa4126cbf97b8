package lineage

import "testing"

func TestClient(t *testing.T) {
	for _, tt := range []struct{ name, userAgent, want string }{
		{"boto3 before 1.28", "Boto3/1.24.59 Python/3.8.18 Linux/5.10.209-198.858.amzn2.x86_64 exec-env/AWS_Lambda_python3.8 Botocore/1.27.59", "boto3"},
		{"boto3 since 1.28", "Boto3/1.34.10 md/Botocore#1.34.10 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.10", "boto3"},
		{"botocore without boto3", "Botocore/1.34.10 ua/2.0 os/macos#23.1 lang/python#3.11.9", "botocore"},
		{"the command line, first version", "aws-cli/1.32.1 md/Botocore#1.34.1 ua/2.0 os/linux#6.1 lang/python#3.11.6 Botocore/1.34.1", "aws-cli"},
		{"the command line, second version", "aws-cli/2.15.30 Python/3.11.8 Linux/6.5.0 exe/x86_64.ubuntu.22 prompt/off command/iam.list-users", "aws-cli"},
		{"the command line in brackets", "[aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.1 md/command#s3api.get-object]", "aws-cli"},
		{"Go SDK, first version", "aws-sdk-go/1.44.260 (go1.20.12; linux; amd64)", "aws-sdk-go"},
		{"Go SDK, second version", "aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.1 md/GOOS#linux md/GOARCH#amd64 api/sts#1.26.2", "aws-sdk-go-v2"},
		{"Java SDK", "aws-sdk-java/2.20.74 Linux/5.10.209 OpenJDK_64-Bit_Server_VM/17.0.10+7 Java/17.0.10 kotlin vendor/Eclipse_Adoptium io/sync http/Apache", "aws-sdk-java"},
		{"JavaScript SDK, second version", "aws-sdk-nodejs/2.1550.0 linux/v18.19.0 promise", "aws-sdk-js"},
		{"JavaScript SDK, third version", "aws-sdk-js/3.360.0 ua/2.0 os/linux#5.10 lang/js md/nodejs#14.21.3 api/kms#3.360.0 exec-env/AWS_Lambda_nodejs14.x", "aws-sdk-js"},
		{"Ruby SDK", "aws-sdk-ruby3/3.190.0 ua/2.0 api/s3#1.142.0 os/linux md/x86_64 lang/ruby#3.2.2", "aws-sdk-ruby"},
		{".NET SDK", "aws-sdk-dotnet-coreclr/3.7.300.2 ua/2.0 os/linux#5.10 lang/.NET_Core#6.0", "aws-sdk-dotnet"},
		{"PHP SDK", "aws-sdk-php/3.296.0 OS/Linux#6.1 lang/php#8.2.4 GuzzleHttp/7", "aws-sdk-php"},
		{"Rust SDK", "aws-sdk-rust/1.1.1 ua/2.0 api/sts/1.8.0 os/linux lang/rust/1.74.1", "aws-sdk-rust"},
		{"PowerShell", "AWSPowerShell.Common/4.1.500 .NET_Core/6.0 OS/Microsoft_Windows_10 PowerShellCore/7.-1", "aws-powershell"},
		{"Terraform speaks before its SDK", "APN/1.0 HashiCorp/1.0 Terraform/1.5.5 (+https://www.terraform.io) terraform-provider-aws/5.40.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.25.2 os/linux", "terraform"},
		{"Terraform behind its SDK", "aws-sdk-go/1.29.7 (go1.13.7; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.24 (+https://www.terraform.io)", "terraform"},
		{"OpenTofu", "APN/1.0 OpenTofu/1.0 OpenTofu/1.8.2 (+https://opentofu.org) aws-sdk-go-v2/1.25.2", "opentofu"},
		{"Pulumi", "APN/1.0 Pulumi/1.0 PulumiAWS/6.22.0 (+https://www.pulumi.com) aws-sdk-go-v2/1.25.2", "pulumi"},
		{"CDK", "aws-cdk/2.130.0 aws-sdk-js/3.500.0", "aws-cdk"},
		{"a browser", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "browser"},
		{"the S3 console is the browser before it", "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1030 Linux/5.4.116]", "browser"},
		{"a console's host is the browser before it", "console.ec2.amazonaws.com", "browser"},
		{"the sign-in page is the browser before it", "signin.amazonaws.com", "browser"},
		{"a service keeps its name", "cloudformation.amazonaws.com", "cloudformation.amazonaws.com"},
		{"AWS's own back end", "AWS Internal", "AWS Internal"},
		{"AWS's own back end with its SDK", "aws-internal/3 aws-sdk-java/1.12.667 Linux/4.14.336", "AWS Internal"},
		{"an unknown program is named by its first word", "payments-worker/7.2 (linux)", "payments-worker"},
		{"an id of the run is no part of a name", "payments-worker_5c59eb79-6dac-405c-a4c4-e19aec03c666", "payments-worker"},
		{"a version is no part of a name", "payments-worker-v12", "payments-worker"},
		{"a word of hexadecimal letters is part of a name", "payments-facade", "payments-facade"},
		{"nothing but an id names nobody", "5c59eb79-6dac-405c-a4c4-e19aec03c666", ""},
		{"a placeholder names nobody", "-", ""},
		{"nothing names nobody", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Client(tt.userAgent); got != tt.want {
				t.Errorf("Client(%q) = %q, want %q", tt.userAgent, got, tt.want)
			}
		})
	}
}

func TestIaCClient(t *testing.T) {
	for userAgent, want := range map[string]bool{
		"APN/1.0 HashiCorp/1.0 Terraform/1.5.5 (+https://www.terraform.io) aws-sdk-go-v2/1.25.2": true,
		"APN/1.0 OpenTofu/1.0 OpenTofu/1.8.2":                                                    true,
		"Pulumi/3.100":                                                                           true,
		"aws-cdk/2.130.0":                                                                        true,
		"cloudformation.amazonaws.com":                                                           true,
		"ec2.amazonaws.com":                                                                      false,
		"aws-cli/2.15.30 md/command#cloudformation.create-stack":                                 false,
		"Boto3/1.34.10 md/Botocore#1.34.10":                                                      false,
		"":                                                                                       false,
	} {
		if got := IaCClient(userAgent); got != want {
			t.Errorf("IaCClient(%q) = %t, want %t", userAgent, got, want)
		}
	}
}

func TestAttackTool(t *testing.T) {
	for userAgent, want := range map[string]bool{
		"aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-kali9-amd64 source/x86_64.kali.2023":      true,
		"Boto3/1.34.10 md/Botocore#1.34.10 os/linux#6.5.0-13parrot1-amd64 lang/python#3.11": true,
		"aws-cli/2.15.30 md/distrib#kali.2024 md/command#sts.get-caller-identity":           true,
		"Boto3/1.17.27 Python/3.9.2 Linux/5.10-pentoo Botocore/1.20.27":                     true,
		"TruffleHog": true,
		"aws-sdk-go-v2/1.25.2 os/linux stratus-red-team_5c59eb79-6dac-405c-a4c4-e19aec03c666": true,
		"Boto3/1.34.10 md/Botocore#1.34.10 os/linux#6.1 lang/python#3.11":                     false,
		"parrot-service/1.0":                       false,
		"alkaline-kalimba/2.0 os/linux#6.1-alkali": false,
		"": false,
	} {
		if got := AttackTool(userAgent); got != want {
			t.Errorf("AttackTool(%q) = %t, want %t", userAgent, got, want)
		}
	}
}

func FuzzClient(f *testing.F) {
	for _, seed := range []string{"Boto3/1.34.10 md/Botocore#1.34.10", "[S3Console/0.4, x]", "-", "___", "v", "AWS Internal", "\xff/\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, userAgent string) {
		name := Client(userAgent)
		if again := Client(name); again != name {
			t.Errorf("Client(%q) = %q, whose own client is %q", userAgent, name, again)
		}
		if IaCClient(userAgent) && Client(userAgent) == "" {
			t.Errorf("%q manages infrastructure but names nobody", userAgent)
		}
	})
}
