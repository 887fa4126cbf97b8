// Package lookup asks CloudTrail's event history (LookupEvents) and decodes
// what it answers with the decoder that reads every other event.
//
// LookupEvents allows two requests a second for the whole account and Region,
// which everybody's tools share. This package makes at most one a second,
// whatever it is asked, remembers answers for a few minutes, and stops asking
// for a while when it is throttled. It repeats a request once where the connection
// broke, and no other: whoever asks can do without, and asks again later.
//
// What it does not promise: recent events. The history lags behind by minutes.
//
// See https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
package lookup
