package logline

// codes are the error codes by which AWS refuses a credential, as CONTRACT
// ruling 10 lists them. Anything that merely resembles one, such as
// CloudTrailInvalidClientTokenIdException or Client.AuthFailure, means
// something else.
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
