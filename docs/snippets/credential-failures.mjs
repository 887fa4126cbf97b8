// Reports credential failures in a program's log, for the AWS SDK for
// JavaScript v3.
//
//   const s3 = new S3Client({});
//   reportCredentialFailures(s3, "payments-worker");
//
// A line is written for each request that AWS refuses for its credentials,
// whatever the program does about the error.

const credentialCodes = new Set([
  "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
  "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed",
  "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
  "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError",
]);

export function reportCredentialFailures(client, workload, write = console.log) {
  const report = (next, context) => async (args) => {
    try {
      return await next(args);
    } catch (error) {
      const code = [error.Code, error.name, String(error.name).replace(/Exception$/, "")].find((c) => credentialCodes.has(c));
      if (code) {
        const signed = /Credential=([A-Z0-9]+)\/\d+\/[^/]+\/([^/]+)\//.exec(args.request?.headers?.authorization ?? "") ?? [];
        const service = signed[2] ?? String(context.clientName).replace(/Client$/, "").toLowerCase();
        write(JSON.stringify({
          trailverdict: "credential_failure",
          errorCode: code,
          errorMessage: error.message,
          operation: `${service}:${String(context.commandName).replace(/Command$/, "")}`,
          accessKeyId: signed[1],
          workload,
        }));
      }
      throw error;
    }
  };
  client.middlewareStack.add(report, { name: "reportCredentialFailures", step: "deserialize", priority: "high" });
}
