package trail

import "slices"

// recordedCodes are the error codes by which AWS refuses a credential in
// CloudTrail's records, exactly as they stand (CONTRACT ruling 10). Look-alikes
// such as CloudTrailInvalidClientTokenIdException mean something else.
var recordedCodes = []string{
	"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken",
	"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
	"RequestExpired", "RequestTimeTooSkewed",
	"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
	"MissingAuthenticationToken",
	"InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError",
}

// authFailure is EC2's code for the same, and counts for clients only: in
// CloudTrail's records it stands for problems with permissions.
const authFailure = "AuthFailure"

// clientCodes are the codes that count when a client reports them.
var clientCodes = append(slices.Clone(recordedCodes), authFailure)

// denialCodes are the codes by which services say that an authenticated caller
// was not allowed to do what it asked for. They have no common one; each
// counts exactly as it stands.
var denialCodes = []string{
	"AccessDenied", "AccessDeniedException",
	"UnauthorizedOperation", "Client.UnauthorizedOperation",
	"ForbiddenException", "UnauthorizedException", "InvalidAccessException",
	"AuthorizationError", "AuthorizationErrorException",
}

// isCredentialCode reports whether a client that saw code was refused for its
// credential.
func isCredentialCode(code string) bool { return slices.Contains(clientCodes, code) }

// isRecordedCode reports the same of a record of CloudTrail's.
func isRecordedCode(code string) bool { return slices.Contains(recordedCodes, code) }

func isDenied(code string) bool { return slices.Contains(denialCodes, code) }
