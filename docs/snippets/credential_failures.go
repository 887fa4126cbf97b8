// Package snippets holds what a program needs to report credential failures in
// its log: for Go in this file, for other languages beside it.
package snippets

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ReportCredentialFailures writes a line to w for each call that AWS refuses for
// its credentials. It is an option of the SDK's configuration:
//
//	cfg.APIOptions = append(cfg.APIOptions, snippets.ReportCredentialFailures(os.Stdout, "payments-worker"))
func ReportCredentialFailures(w io.Writer, workload string) func(*middleware.Stack) error {
	report := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		var refused smithy.APIError
		if errors.As(err, &refused) && slices.Contains(credentialCodes, refused.ErrorCode()) {
			keyID, service := signedWith(in.Request)
			if service == "" {
				service = strings.ToLower(strings.ReplaceAll(awsmiddleware.GetServiceID(ctx), " ", ""))
			}
			line, _ := json.Marshal(map[string]string{
				"trailverdict": "credential_failure",
				"errorCode":    refused.ErrorCode(),
				"errorMessage": refused.ErrorMessage(),
				"operation":    service + ":" + awsmiddleware.GetOperationName(ctx),
				"accessKeyId":  keyID,
				"workload":     workload,
			})
			_, _ = w.Write(append(line, '\n')) // a log that is full is no reason to fail
		}
		return out, metadata, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("ReportCredentialFailures", report), middleware.Before)
	}
}

// signedWith is the id of the key that signed a request, which is no secret, and
// the service that it was signed for.
func signedWith(request any) (keyID, service string) {
	r, ok := request.(*smithyhttp.Request)
	if !ok {
		return "", ""
	}
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

var credential = regexp.MustCompile(`Credential=([A-Z0-9]+)/[0-9]+/[^/]+/([^/]+)/`)

var credentialCodes = []string{
	"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
	"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed",
	"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
	"InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError",
}
