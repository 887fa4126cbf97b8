// Package trail turns what AWS and the clients of AWS send into signals and
// uses, the observations that verdicts are made of.
//
// Decode reads a stream of any size in bounded memory. It recognises every
// form by content, never by a file's name: EventBridge events, CloudTrail log
// files, bare records, LookupEvents answers, batches of SQS and SNS, CloudWatch
// Logs subscriptions, and the failures that clients report; each as one JSON
// value, an array or JSON Lines, mixed, plain or gzip-compressed.
//
// What it promises:
//
//   - Bad content is never an error. It is skipped, counted by reason and
//     reported with its source and offset, and what follows it is decoded.
//   - Nothing panics, whatever the input, and memory stays bounded: by the
//     largest element (8 MiB), not by the stream.
//   - Session tokens, secret keys, error texts and log lines end here. No
//     signal, use, skip or error holds any of them, nor any part of them.
//   - The same values give the same signals, whatever wraps them.
//
// What it does not promise: that signals are unique. AWS delivers at least
// once, and so do we; signals that are equal in Account and ID are one.
//
// The wire formats are those of the CloudTrail, EventBridge, CloudWatch Logs,
// SQS, GuardDuty and AWS Health user guides, and stay private to this package.
package trail
