package logline

import "strings"

// operation is the call that failed, in IAM's notation, if the text names both
// the service and the operation, or is one that a single operation sends.
func (t text) operation(f failure) string {
	before, after := t.flat[:f.start], t.flat[f.end:]
	for _, find := range []func(before, after string) string{
		afterOperationError, whenCalling, afterErrorExecuting, calledByName,
	} {
		if op := find(before, after); op != "" {
			return op
		}
	}
	if op := t.stsOperation(); op != "" {
		return op
	}
	return onlyOperation(f.text)
}

// onlyOperation tells it by AWS's words: those about a provider's token.
func onlyOperation(s string) string {
	for _, a := range awsTexts {
		if a.only != "" && strings.Contains(s, a.text) {
			return a.only
		}
	}
	return ""
}

// afterOperationError reads aws-sdk-go-v2's "operation error STS: AssumeRole, ".
// Where errors are wrapped the innermost call is the one that failed.
func afterOperationError(before, _ string) string {
	const mark = "operation error "
	i := strings.LastIndex(before, mark)
	if i < 0 {
		return ""
	}
	service, rest, ok := strings.Cut(before[i+len(mark):], ": ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, ",")
	return inIAMNotation(prefixOf(service), name)
}

// whenCalling reads botocore's "when calling the AssumeRole operation", which
// names the operation alone: enough for STS, whose operations no other service has.
func whenCalling(_, after string) string {
	_, rest, ok := strings.Cut(head(after, 100), " when calling the ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	if !isSTSOperation(name) {
		return ""
	}
	return "sts:" + name
}

// afterErrorExecuting reads PHP's `Error executing "ListQueues" on "https://sqs.eu-west-1.amazonaws.com/…"`.
func afterErrorExecuting(before, _ string) string {
	const mark = `Error executing "`
	i := strings.LastIndex(before, mark)
	if i < 0 {
		return ""
	}
	name, rest, ok := strings.Cut(before[i+len(mark):], `" on "https://`)
	if !ok {
		return ""
	}
	return inIAMNotation(prefixOfHost(rest), name)
}

// calledByName reads "error calling sts:GetCallerIdentity: " before a code.
func calledByName(before, _ string) string {
	s, ok := strings.CutSuffix(before, ": ")
	if !ok {
		return ""
	}
	service, name, ok := strings.Cut(s[strings.LastIndexByte(s, ' ')+1:], ":")
	if !ok || service != strings.ToLower(service) {
		return ""
	}
	return inIAMNotation(service, name)
}

// stsOperation finds the operation of an error that names STS as its service
// and the operation only in the program's own spelling, in a stack trace.
func (t text) stsOperation() string {
	if !containsAny(t.flat, []string{
		"(Service: Sts", "(Service: AWSSecurityTokenService", "Aws::STS::Errors", "Amazon.SecurityToken", "client-sts", "STS returned an error",
		"WebIdentityErr: ", "https://sts.amazonaws.com/doc/",
	}) {
		return ""
	}
	spelt := strings.ToLower(strings.ReplaceAll(t.flat, "_", ""))
	// https://github.com/awslabs/aws-sdk-rust/issues/827; aws-sdk-go's WebIdentityRoleProvider
	if strings.Contains(spelt, "assuming web identity role") || strings.Contains(t.flat, "WebIdentityErr: ") {
		return webIdentity
	}
	for _, name := range stsOperations {
		if strings.Contains(spelt, strings.ToLower(name)) {
			return "sts:" + name
		}
	}
	return ""
}

// stsOperations has the longer of two names with a common beginning first.
var stsOperations = []string{
	"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "AssumeRoot", "AssumeRole",
	"GetCallerIdentity", "GetSessionToken", "GetFederationToken", "GetAccessKeyInfo",
	"GetDelegatedAccessToken", "GetWebIdentityToken", "DecodeAuthorizationMessage",
}

func isSTSOperation(name string) bool {
	for _, op := range stsOperations {
		if op == name {
			return true
		}
	}
	return false
}

// inIAMNotation is "service:Name", or nothing if either is not of that form.
func inIAMNotation(service, name string) string {
	if !isServicePrefix(service) || !isOperationName(name) {
		return ""
	}
	return service + ":" + name
}

func isServicePrefix(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= 30
}

// isOperationName holds for what AWS names its operations: words in capitals
// with hardly a digit, such as ListObjectsV2. Noise does not pass.
func isOperationName(s string) bool {
	if len(s) >= secretRun && !beginsWithVerb(s) {
		return false // letters in a row may be a part of a secret
	}
	if len(s) < 3 || len(s) > 80 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	digits := 0
	for _, c := range []byte(s) {
		if !isWord(c) || c == '_' {
			return false
		}
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	return digits <= 3
}

// prefixOf is IAM's prefix for the name that an SDK gives a service. An
// unknown name of several words has none.
func prefixOf(service string) string {
	switch service {
	case "CloudWatch Logs":
		return "logs"
	case "SFN":
		return "states"
	case "EventBridge", "CloudWatch Events":
		return "events"
	case "SESv2":
		return "ses"
	case "Secrets Manager":
		return "secretsmanager"
	case "Auto Scaling":
		return "autoscaling"
	case "Elastic Load Balancing", "Elastic Load Balancing v2":
		return "elasticloadbalancing"
	case "Cognito Identity Provider":
		return "cognito-idp"
	case "Cognito Identity":
		return "cognito-identity"
	case "DynamoDB Streams":
		return "dynamodb"
	case "Bedrock Runtime":
		return "bedrock"
	case "API Gateway":
		return "apigateway"
	case "Route 53":
		return "route53"
	case "S3 Control":
		return "s3"
	case "Config Service":
		return "config"
	case "EFS":
		return "elasticfilesystem"
	case "EMR":
		return "elasticmapreduce"
	case "OpenSearch":
		return "es"
	}
	return strings.ToLower(service)
}

// prefixOfHost is IAM's prefix for the endpoint at the beginning of s.
func prefixOfHost(s string) string {
	host, _, ok := strings.Cut(s, ".amazonaws.com")
	if !ok {
		return ""
	}
	labels := strings.Split(host, ".")
	for i := len(labels) - 1; i >= 0; i-- {
		switch label := labels[i]; {
		case strings.Count(label, "-") >= 2: // a Region
		case label == "monitoring":
			return "cloudwatch"
		case label == "email":
			return "ses"
		default:
			return label
		}
	}
	return ""
}

// secretRun is from how many characters a word may be a part of a secret: so
// long, it must begin as AWS's operations do.
const secretRun = 16

func beginsWithVerb(s string) bool {
	for _, verb := range []string{
		"Abort", "Accept", "Add", "Admin", "Allocate", "Apply", "Assign", "Associate", "Assume", "Attach", "Authorize", "Batch", "Cancel", "Change",
		"Check", "Complete", "Confirm", "Copy", "Create", "Decode", "Decrypt", "Delete", "Deregister", "Describe", "Detach", "Disable", "Disassociate",
		"Enable", "Encrypt", "Execute", "Export", "Filter", "Generate", "Get", "Import", "Initiate", "Invoke", "List", "Lookup", "Modify", "Move",
		"Publish", "Purge", "Put", "Query", "Read", "Receive", "Register", "Reject", "Release", "Remove", "Replace", "Request", "Reset", "Resolve",
		"Restore", "Resume", "Retrieve", "Revoke", "Rotate", "Run", "Search", "Select", "Send", "Set", "Sign", "Simulate", "Start", "Stop", "Submit",
		"Subscribe", "Suspend", "Tag", "Terminate", "Test", "Transact", "Unassign", "Unsubscribe", "Untag", "Update", "Upload", "Validate", "Verify",
	} {
		if strings.HasPrefix(s, verb) {
			return true
		}
	}
	return false
}
