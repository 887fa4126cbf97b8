package logline

// isCode reports whether s is one of the error codes by which AWS refuses a
// credential. The list is closed. What merely resembles one, such
// as CloudTrailInvalidClientTokenIdException, means something else.
func isCode(s string) bool {
	switch s {
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
		"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
		"RequestExpired", "RequestTimeTooSkewed",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
		"MissingAuthenticationToken",
		"InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError":
		return true
	}
	return false
}

// classCode is the code that an SDK's exception class stands for. The classes
// are named after STS's error shapes, whose codes have no "Exception"; Java
// writes Idp where the others write IDP.
//
// See the shapes' awsQueryError traits in STS's service model, and
// https://github.com/awslabs/aws-sdk-rust/issues/827 for class and code in one line.
func classCode(class string) (code string, ok bool) {
	switch class {
	case "InvalidIdentityTokenException":
		return "InvalidIdentityToken", true
	case "IDPRejectedClaimException", "IdpRejectedClaimException":
		return "IDPRejectedClaim", true
	case "IDPCommunicationErrorException", "IdpCommunicationErrorException":
		return "IDPCommunicationError", true
	}
	return "", false
}

// A mention is a whole word of a text that is a code, or the name of a class
// that stands for one.
type mention struct {
	start, end int
	code       string
	class      bool // named by its class
}

// maxFound bounds how much is looked at in one message, of each sort. It is
// more than an honest message has, and keeps a hostile one cheap.
const maxFound = 64

// mentions lists the first codes that occur in s as whole words, in order. What
// makes one of them a failure is decided by its surroundings.
func mentions(s string) []mention {
	var found []mention
	for i := 0; len(found) < maxFound; {
		start, end := longRun(s, i, shortestCode, isWord)
		if start < 0 {
			break
		}
		if m, ok := mentionOf(s, start, end); ok {
			found = append(found, m)
		}
		i = end
	}
	return found
}

const (
	shortestCode = len("AuthFailure")
	longestClass = len("IDPCommunicationErrorException")
)

// longRun finds the first run of at least n bytes of a class in s[from:]; start
// is -1 if there is none. It looks at every nth byte and closer only where that
// one is of the class, so that ordinary prose costs next to nothing.
func longRun(s string, from, n int, class func(byte) bool) (start, end int) {
	for probe := from + n - 1; probe < len(s); probe += n {
		if !class(s[probe]) {
			continue
		}
		start, end = probe, probe+1
		for start > from && class(s[start-1]) {
			start--
		}
		for end < len(s) && class(s[end]) {
			end++
		}
		if end-start >= n {
			return start, end
		}
		from = end
		probe = end - 1 // the next run cannot begin before end
	}
	return -1, -1
}

func mentionOf(s string, start, end int) (mention, bool) {
	if end-start > longestClass {
		return mention{}, false
	}
	word := s[start:end]
	if isCode(word) {
		return mention{start: start, end: end, code: word}, true
	}
	code, ok := classCode(word)
	return mention{start: start, end: end, code: code, class: true}, ok
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// Codes lists the credential error codes that a text mentions as whole words, in
// order, whatever stands around them. Unlike Read it takes the reader's word that
// the text is an error.
func Codes(s string) []string {
	var list []string
	for _, m := range mentions(s) {
		list = append(list, m.code)
	}
	return list
}
