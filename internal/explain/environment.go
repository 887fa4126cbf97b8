package explain

import (
	"regexp"
	"strings"
)

// Environment is where credentials are used, and so where they come from.
type Environment string

const (
	Unknown Environment = ""
	Profile Environment = "profile" // keys in a file or the environment of a person's machine
	SSO     Environment = "sso"     // IAM Identity Center
	OIDC    Environment = "oidc"    // a CI job that presents an identity token
	EC2     Environment = "ec2"
	ECS     Environment = "ecs"
	EKS     Environment = "eks"
	Lambda  Environment = "lambda"
)

// Environments are all that can be asked about.
var Environments = []Environment{Profile, SSO, OIDC, EC2, ECS, EKS, Lambda}

// String names an environment as people do.
func (e Environment) String() string {
	switch e {
	case Profile:
		return "a local profile"
	case SSO:
		return "IAM Identity Center (SSO)"
	case OIDC:
		return "CI with OIDC"
	case EC2, ECS, EKS:
		return strings.ToUpper(string(e))
	case Lambda:
		return "Lambda"
	}
	return "unknown"
}

// signs are what gives an environment away, in the order in which they count: a
// credential source of its own before a word that others say too.
var signs = []struct {
	env  Environment
	sign *regexp.Regexp
}{
	{EKS, regexp.MustCompile(`169\.254\.170\.23\b|eks-pod-identity|/var/run/secrets/eks\.amazonaws\.com|oidc\.eks\.|pods\.eks|aws_eks\b`)},
	{ECS, regexp.MustCompile(`169\.254\.170\.2\b|aws_ecs_(fargate|ec2)|ecs-tasks|container-role|container credentials`)},
	{OIDC, regexp.MustCompile(`token\.actions\.githubusercontent|github|gitlab|bitbucket|circleci|buildkite|configure-aws-credentials`)},
	{Lambda, regexp.MustCompile(`/var/task|aws_lambda|lambda\.amazonaws\.com|role defined for the function|lambda-runtime`)},
	{EC2, regexp.MustCompile(`169\.254\.169\.254|\bimds\b|instance metadata|iam-role\b|ec2rolerequest|assumed-role/[^/ ]+/i-[0-9a-f]{8,17}\b`)},
	{SSO, regexp.MustCompile(`awsreservedsso_|aws sso login|\bsso\b|identity center|ssooidc|getrolecredentials`)},
	{OIDC, regexp.MustCompile(`assumerolewithwebidentity`)},
	{Profile, regexp.MustCompile(`config profile|shared credentials file|\.aws/credentials|aws configure`)},
}

// guess reads the environment out of an error's text in lower case.
func guess(lower string) Environment {
	for _, s := range signs {
		if s.sign.MatchString(lower) {
			return s.env
		}
	}
	return Unknown
}

// sources tell the environment by what `aws configure list` shows as the type
// of the access key, as the command line's resolver names its providers.
//
// https://docs.aws.amazon.com/cli/latest/reference/configure/list.html
var sources = []Check{
	{"env", "keys in environment variables: --environment profile, or oidc in a CI job"},
	{"shared-credentials-file, config-file, assume-role", "--environment profile"},
	{"sso", "--environment sso"},
	{"assume-role-with-web-identity", "--environment oidc in a CI job, eks in a pod"},
	{"container-role", "--environment ecs, or eks with Pod Identity"},
	{"iam-role", "--environment ec2"},
}
