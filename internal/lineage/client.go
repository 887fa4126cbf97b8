package lineage

import (
	"slices"
	"strings"
)

// Families of clients that are not named after their own user agent.
const (
	Browser   = "browser" // a web browser, and the console's own back ends
	Terraform = "terraform"
	OpenTofu  = "opentofu"
	Pulumi    = "pulumi"
	CDK       = "aws-cdk"
)

// cloudFormation is the service that makes a stack's calls.
const cloudFormation = "cloudformation.amazonaws.com"

// family is what a product token of a user agent gives away. Where a user
// agent holds several, the highest rank names the client: a tool speaks before
// the SDK that it is built with, and an SDK before the library beneath it.
type family struct {
	name string
	rank int
}

const (
	rankLibrary = 1 + iota
	rankSDK
	rankCommand
	rankTool
)

// families are the product tokens known, in lower case and without versions.
var families = map[string]family{
	"terraform":              {Terraform, rankTool},
	"terraform-provider-aws": {Terraform, rankTool},
	"hashicorp-terraform":    {Terraform, rankTool},
	"opentofu":               {OpenTofu, rankTool},
	"pulumi":                 {Pulumi, rankTool},
	"pulumi-aws":             {Pulumi, rankTool},
	"pulumiaws":              {Pulumi, rankTool},
	"aws-cdk":                {CDK, rankTool},
	"cdk":                    {CDK, rankTool},
	"aws-sam-cli":            {"aws-sam-cli", rankTool},
	"ansible":                {"ansible", rankTool},
	"crossplane":             {"crossplane", rankTool},
	"eksctl":                 {"eksctl", rankTool},
	"serverless":             {"serverless", rankTool},

	"aws-cli":            {"aws-cli", rankCommand},
	"awspowershell":      {"aws-powershell", rankCommand},
	"aws-powershell":     {"aws-powershell", rankCommand},
	"aws-tools":          {"aws-powershell", rankCommand},
	"mozilla":            {Browser, rankCommand},
	"s3console":          {Browser, rankCommand},
	"aws-internal":       {internal, rankCommand},
	"amazon-vpc-cni-k8s": {"amazon-vpc-cni-k8s", rankCommand},

	"boto3":          {"boto3", rankSDK},
	"boto":           {"boto", rankSDK},
	"aws-sdk-go":     {"aws-sdk-go", rankSDK},
	"aws-sdk-go-v2":  {"aws-sdk-go-v2", rankSDK},
	"aws-sdk-java":   {"aws-sdk-java", rankSDK},
	"aws-sdk-js":     {"aws-sdk-js", rankSDK},
	"aws-sdk-nodejs": {"aws-sdk-js", rankSDK},
	"aws-sdk-ruby":   {"aws-sdk-ruby", rankSDK},
	"aws-sdk-ruby2":  {"aws-sdk-ruby", rankSDK},
	"aws-sdk-ruby3":  {"aws-sdk-ruby", rankSDK},
	"aws-sdk-php":    {"aws-sdk-php", rankSDK},
	"aws-sdk-rust":   {"aws-sdk-rust", rankSDK},
	"aws-sdk-cpp":    {"aws-sdk-cpp", rankSDK},
	"aws-sdk-kotlin": {"aws-sdk-kotlin", rankSDK},
	"aws-sdk-swift":  {"aws-sdk-swift", rankSDK},

	"botocore": {"botocore", rankLibrary},
}

// Client names the family of programs that a user agent belongs to, without
// versions, platforms and operating systems, so that an upgrade or a new host
// does not make a new client. Services keep their host name; an unknown program
// is named by its own first word. An absent user agent gives an empty name.
//
// It is what the caller chose to send: a claim, and never a proof.
func Client(userAgent string) string {
	userAgent = strings.Trim(userAgent, " \t[]")
	if userAgent == "" || userAgent == "-" {
		return ""
	}
	if name := namedSource(userAgent); name != "" {
		return consoleHost(name)
	}
	best := family{}
	for product := range products(userAgent) {
		if f := productFamily(product); f.rank > best.rank {
			best = f
		}
	}
	if best.rank > 0 {
		return best.name
	}
	return unversioned(userAgent)
}

// IaCClient reports whether a user agent claims to be a tool that manages
// infrastructure from a description of it.
func IaCClient(userAgent string) bool {
	switch Client(userAgent) {
	case Terraform, OpenTofu, Pulumi, CDK, cloudFormation:
		return true
	}
	return false
}

// attackTools are programs made to attack AWS accounts, or to try out stolen
// keys, that name themselves in their user agent.
var attackTools = map[string]bool{
	"blackarch":        true,
	"cloudfox":         true,
	"cloudgoat":        true,
	"enumerate-iam":    true,
	"nimbostratus":     true,
	"pacu":             true,
	"pmapper":          true,
	"stratus-red-team": true,
	"trufflehog":       true,
	"weirdaal":         true,
}

// attackSystems are operating systems made for penetration tests. GuardDuty
// has finding types of its own for the first three.
var attackSystems = []string{"kali", "parrot", "pentoo", "blackarch"}

// AttackTool reports whether a user agent names a program or an operating
// system that is made for attacks. Testers use them too, and an attacker who
// thinks of it does not show one.
func AttackTool(userAgent string) bool {
	for token := range strings.FieldsSeq(strings.ToLower(userAgent)) {
		token = strings.Trim(token, "[](),;+")
		if attackTools[unversioned(token)] || attackSystem(token) {
			return true
		}
	}
	return false
}

// attackSystem reports whether a token that describes the caller's operating
// system, such as os/linux#6.5.0-kali3-amd64, names one made for attacks. Only
// such tokens count: a program may well be called parrot.
func attackSystem(token string) bool {
	product, version, _ := strings.Cut(token, "/")
	switch product {
	case "linux", "os", "exe", "md", "distrib":
	default:
		return false
	}
	for _, word := range strings.FieldsFunc(version, notLetter) {
		if slices.Contains(attackSystems, word) {
			return true
		}
	}
	return false
}

func notLetter(r rune) bool { return r < 'a' || r > 'z' }

// consoleHost folds the host names under which the console makes calls, such
// as console.ec2.amazonaws.com, into the browser in front of it.
func consoleHost(host string) string {
	if strings.HasPrefix(host, "console.") || strings.HasPrefix(host, "signin.") {
		return Browser
	}
	return host
}

// products yields the product of each token: what stands before its version.
func products(userAgent string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for token := range strings.FieldsSeq(userAgent) {
			product, _, _ := strings.Cut(strings.Trim(token, "[](),;+"), "/")
			if !yield(product) {
				return
			}
		}
	}
}

func productFamily(product string) family {
	product = strings.ToLower(product)
	if f, ok := families[product]; ok {
		return f
	}
	switch {
	case strings.HasPrefix(product, "aws-sdk-dotnet"):
		return family{"aws-sdk-dotnet", rankSDK}
	case strings.HasPrefix(product, "awspowershell."):
		return family{"aws-powershell", rankCommand}
	}
	return family{}
}

// unversioned is a user agent's first word without what looks like a version
// or a run's own id after it. Only the characters of a product's name take
// part, and not more than nameLimit of them.
func unversioned(userAgent string) string {
	word := strings.ToLower(userAgent)
	if end := strings.IndexFunc(word, notName); end >= 0 {
		word = word[:end]
	}
	word = strings.Trim(word[:min(len(word), nameLimit)], separators)
	for {
		i := strings.LastIndexAny(word, separators)
		if !variable(word[i+1:]) {
			return word
		}
		if i < 0 {
			return "" // nothing but an id
		}
		word = strings.Trim(word[:i], separators)
	}
}

const (
	separators = "-_."
	nameLimit  = 64
)

func notName(r rune) bool {
	return notLetter(r) && (r < '0' || r > '9') && !strings.ContainsRune(separators, r)
}

// variable reports whether a part of a name is likely to change from one run
// or release to the next: it has a digit and is made of hexadecimal digits, or
// is a version such as v2.
func variable(part string) bool {
	part = strings.TrimPrefix(part, "v")
	digit := false
	for _, c := range part {
		switch {
		case '0' <= c && c <= '9':
			digit = true
		case 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return digit || part == ""
}
