// Package logline reads one message of an application's log and says what it
// tells about AWS credentials: that a call failed for its credential, or that
// a secret was written where it should not be. The message itself is dropped.
//
// It understands three things:
//
//   - our own line, one JSON object that any program can log (see Marker);
//   - the error texts of the AWS SDKs and of the AWS command line;
//   - session tokens and secret access keys in clear.
//
// It promises that no string of a Fact holds any part of a session token or
// secret key, nor free text of the message: every string is an exact code, an
// identifier of a known form, or, from our own line alone, a field that the
// program filled in for us. Codes are matched as whole words and only where an
// SDK would write them; a sentence about a code is not a failure.
//
// It does not promise to find every failure: texts without a code of a known
// form are passed over, and a failure seen by a client is a claim, not a proof.
package logline
