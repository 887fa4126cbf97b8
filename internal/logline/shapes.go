package logline

import "strings"

// A failure is a code in the shape in which an SDK writes it.
type failure struct {
	mention
	// text is where AWS's own words are to be found.
	text string
}

// A shape is what an SDK writes immediately around a code.
type shape struct {
	sdk           string
	before, after string
	// near must occur somewhere in the message; empty means nothing must.
	near string
	// textBefore is set where AWS's words stand before the code.
	textBefore bool
}

// shapes are the surroundings that are unmistakable by themselves.
var shapes = []shape{
	// "An error occurred (ExpiredToken) when calling the PutObject operation: …"
	{sdk: "botocore", before: "An error occurred (", after: ") when calling the "},
	// until botocore 1.4: https://github.com/aws/aws-cli/issues/1948
	{sdk: "botocore", before: "A client error (", after: ") occurred when calling the "},
	// a container's credentials endpoint: https://github.com/boto/botocore/issues/3117
	{sdk: "botocore", before: "(", after: "): ", near: "Error when retrieving credentials from "},
	// "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: …, api error InvalidClientTokenId: …"
	{sdk: "aws-sdk-go-v2", before: "api error ", after: ": ", near: "StatusCode: "},
	{sdk: "aws-sdk-go-v2", before: "api error ", after: ": ", near: "operation error "},
	// "… (Service: AWSSecurityTokenService; Status Code: 403; Error Code: InvalidClientTokenId; Request ID: …)"
	{sdk: "aws-sdk-java", before: "; Error Code: ", after: "; Request ID: ", textBefore: true},
	// "AWS HTTP error: … InvalidClientTokenId (client): The security token …": https://github.com/aws/aws-sdk-php-symfony/issues/41
	{sdk: "aws-sdk-php", before: "", after: " (client): ", near: "AWS HTTP error: "},
	{sdk: "aws-sdk-php", before: "", after: " (server): ", near: "AWS HTTP error: "},
	// https://github.com/awslabs/aws-sdk-rust/issues/827
	{sdk: "aws-sdk-rust", before: `code: Some("`, after: `"), message: `},
	{sdk: "aws-sdk-rust", before: `Error { code: "`, after: `", message: `},
	{sdk: "aws-sdk-rust", before: "unhandled error (", after: ")", near: "service error"},
	// https://github.com/aws/aws-sdk-cpp/issues/1843
	{sdk: "aws-sdk-cpp", before: "ExceptionName: ", after: " Message: "},
	{sdk: "aws-sdk-cpp", before: "Exception name: ", after: " Error message: "},
	// what the SDK logs itself, in AWSErrorMarshaller.cpp
	{sdk: "aws-sdk-cpp", before: "AWSError '", after: "': ", near: "Encountered "},
	// the answer itself, as programs without an SDK log it
	{sdk: "XML", before: "<Code>", after: "</Code>", near: "<Message>"},
}

// failureAt decides whether a code is mentioned in the shape of a failure.
func (t text) failureAt(m mention) (failure, bool) {
	before, after := t.flat[:m.start], t.flat[m.end:]
	f, ok := t.shaped(m, before, after)
	if !ok {
		return failure{}, false
	}
	if m.code == "AuthFailure" && !strings.Contains(f.text, authFailureText) {
		return failure{}, false
	}
	return f, true
}

func (t text) shaped(m mention, before, after string) (failure, bool) {
	f := failure{mention: m, text: head(after, textWindow)}
	for _, s := range shapes {
		if m.class || !strings.HasSuffix(before, s.before) || !strings.HasPrefix(after, s.after) ||
			s.near != "" && !strings.Contains(t.flat, s.near) || quoted(before, s.before) {
			continue
		}
		if s.textBefore {
			f.text = tail(before[strings.LastIndexByte(t.lines[:m.start], '\n')+1:], textWindow)
		}
		return f, true
	}
	if isAssigned(before, after) {
		f.text = t.flat
		return f, t.fromSDK // an application's own code may well be ExpiredToken
	}
	return f, isQualified(before, after) || t.isStated(m, after)
}

// textWindow is how far from a code AWS's words may be, in bytes.
const textWindow = 600

// quoted reports whether a sentence quotes the shape: `An error occurred (…`.
func quoted(before, shape string) bool {
	return strings.HasSuffix(strings.TrimSuffix(before, shape), "`")
}

// sdkMarks are fields of the SDKs' error objects, and their names.
var sdkMarks = []string{
	"$metadata", "$fault", "$response", "ResponseMetadata", "retryDelay", "extendedRequestId", "aws_request_id",
	"software.amazon.awssdk", "com.amazonaws.", "Amazon.Runtime.", "/aws-sdk/lib/", "/aws-sdk/", "@aws-sdk/", "@smithy/", "botocore",
}

// isAssigned reports whether the code is the value of a field that holds one:
// code: 'X', "__type":"com.amazon.coral.service#X", Code=X.
func isAssigned(before, after string) bool {
	if after != "" && strings.IndexByte("\"', }\\)]&;", after[0]) < 0 {
		return false
	}
	s := before
	if i := strings.LastIndexAny(s, "\"' =:"); i >= 0 && strings.HasSuffix(s, "#") {
		s = s[:i+1] // the shape's namespace
	}
	s = strings.TrimRight(s, "\"'")
	s = strings.TrimRight(s, " ")
	trimmed := strings.TrimSuffix(s, ">") // Ruby's =>
	trimmed = strings.TrimRight(trimmed, "=:")
	if len(trimmed) == len(s) || strings.HasSuffix(s, "==") {
		return false
	}
	trimmed = strings.TrimRight(trimmed, " \"'")
	return isCodeField(trimmed[lastNonName(trimmed)+1:])
}

// lastNonName is the index of the last byte that no field name holds.
func lastNonName(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if !isWord(s[i]) && s[i] != '.' && s[i] != '-' {
			return i
		}
	}
	return -1
}

func isCodeField(name string) bool {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) {
	case "code", "errorcode", "awserrorcode", "name", "errorname", "type", "errortype", "exceptiontype",
		"exception.type", "error.type", "error.code", "error.kind", "err.code", "err.name", "exception":
		return true
	}
	return false
}

// isQualified reports whether the code is the last part of the name of an
// SDK's exception: software.amazon.awssdk.services.sts.model.X, Aws::STS::Errors::X.
func isQualified(before, after string) bool {
	path := before[lastNonPath(before)+1:]
	switch {
	case strings.HasPrefix(path, "Aws::") && strings.HasSuffix(path, "::Errors::"):
		return strings.HasPrefix(after, ": ") || strings.HasPrefix(after, " (") ||
			strings.HasPrefix(after, ")") && strings.HasSuffix(before, "("+path)
	case !strings.HasSuffix(path, ".") || !strings.HasPrefix(after, ": "):
		return false
	case strings.HasPrefix(path, "software.amazon.awssdk."), strings.HasPrefix(path, "com.amazonaws."),
		strings.HasPrefix(path, "aws.sdk.kotlin."), strings.HasPrefix(path, "Amazon."):
		return true
	}
	return hasTrailer(after) // loggers that abbreviate packages
}

func lastNonPath(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if !isWord(s[i]) && s[i] != '.' && s[i] != ':' && s[i] != '$' {
			return i
		}
	}
	return -1
}

// hasTrailer reports whether the words after a code end as aws-sdk-java's do:
// "(Service: Sts, Status Code: 403, Request ID: …)".
func hasTrailer(after string) bool {
	_, trailer, ok := strings.Cut(head(after, trailerWindow), "(Service: ")
	return ok && strings.Contains(head(trailer, 100), "Status Code: ")
}

// trailerWindow is how long an error's text before its trailer may be.
const trailerWindow = 1500

// isStated reports whether the code begins a clause "X: …" whose words are
// AWS's, or are followed by what an SDK appends. So do JavaScript, Ruby and
// aws-sdk-go print an error.
func (t text) isStated(m mention, after string) bool {
	if !t.startsClause(m.start) || !strings.HasPrefix(after, ": ") {
		return false
	}
	if hasAWSText(head(after, 300)) || containsAny(head(after, 300), midTexts) || hasTrailer(after) {
		return true
	}
	after = head(after, trailerWindow)
	if i := strings.Index(after, "status code: "); i >= 0 && strings.Contains(head(after[i:], 40), ", request id: ") {
		return true // aws-sdk-go
	}
	if strings.Contains(tail(t.flat[:m.start], 300), "https response error StatusCode: ") {
		return true // aws-sdk-go-v2, of an error in the service's model
	}
	return containsAny(after, []string{"/aws-sdk/lib/", "@aws-sdk/", "@smithy/"}) // a JavaScript stack
}
