package logline

// Terms are words of which every message has at least one that tells something,
// but for secrets under names that nobody expects: enough for whoever delivers
// messages to leave the others out. They are matched with case, anywhere.
func Terms() []string {
	return []string{
		Value,
		"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
		"ExpiredToken", "TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
		"InvalidIdentityToken", "IDPRejectedClaim", "IdpRejectedClaim", "IDPCommunicationError", "IdpCommunicationError",
		// AWS's texts and the SDKs' own, where no code stands with them.
		"security token", "expired", "Access Key Id", "request signature", "valid region",
		"refresh credentials", "refresh cached", "SSO Token", "OpenIDConnect",
		// Names under which credentials are written, and how session tokens begin.
		"session_token", "SESSION_TOKEN", "essionToken", "secret_access_key", "SECRET_ACCESS_KEY", "ecretAccessKey",
		"ecurity-Token", "ecurity-token", "ecurityToken", "IQoJb3JpZ2lu", "FwoGZXIvYXdz",
	}
}
