// Package logline reads one message of an application's log and says what it
// tells about AWS credentials: that a call failed for its credential, or that
// a secret was written where it should not be. The message itself is dropped.
//
// It understands three things:
//
//   - our own line, one JSON object that any program can log;
//   - the error texts of the AWS SDKs and of the AWS command line;
//   - session tokens and secret access keys in clear.
//
// It promises that no string of a Fact holds a session token, a secret key or
// a piece of the message's prose: every string is an exact code, an identifier
// of a known form, or, from our own line alone, a short field that the program
// filled in for us. Codes are matched as whole words, and only where an SDK
// would write them; a sentence about a code is not a failure.
//
// It does not promise to find every failure: an error whose text has neither a
// code nor one of AWS's own sentences is passed over, and so is a program that
// could find no credentials at all. A failure that a client reports is a claim.
//
// # Our own line
//
// A program that catches a credential error can say so in one line:
//
//	{"trailverdict":"credential_failure","errorCode":"ExpiredToken","operation":"sts:AssumeRole","accessKeyId":"ASIA…"}
//
// Only the first two members are required. The others have the names and the
// meaning of the client event's detail: errorMessage, operation, accessKeyId,
// principalArn, workload, sourceIPAddress, userAgent, eventId, eventTime,
// count. Further members are ignored, and so are members that do not have the
// form of what they name. The line may stand alone, in the middle of a message,
// or inside a structured log entry, as an object or as an object's text.
package logline
