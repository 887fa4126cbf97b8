package logline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMessagesThatTellSomethingHaveATerm goes through all texts of this
// package's tests.
func TestMessagesThatTellSomethingHaveATerm(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	telling := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			message, err := strconv.Unquote(lit.Value)
			if err != nil || len(Read(message)) == 0 {
				return true
			}
			telling++
			if !slices.ContainsFunc(Terms(), func(term string) bool { return strings.Contains(message, term) }) {
				t.Errorf("%s: no term stands in %q", name, message)
			}
			return true
		})
	}
	if telling < 70 {
		t.Errorf("only %d texts tell something", telling)
	}
}

func TestEveryCodeHasATerm(t *testing.T) {
	for _, code := range []string{
		"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure", "ExpiredToken", "ExpiredTokenException",
		"TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
		"MissingAuthenticationToken", "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError",
		"InvalidIdentityTokenException", "IDPRejectedClaimException", "IdpRejectedClaimException", "IDPCommunicationErrorException", "IdpCommunicationErrorException",
	} {
		_, class := classCode(code)
		if !isCode(code) && !class {
			t.Errorf("%s is no code", code)
		}
		if !slices.ContainsFunc(Terms(), func(term string) bool { return strings.Contains(code, term) }) {
			t.Errorf("no term stands in %s", code)
		}
	}
}
