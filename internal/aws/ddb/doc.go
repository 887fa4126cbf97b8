// Package ddb calls DynamoDB: the few operations that are used here, in the
// words of its API.
//
// It stands in place of the SDK's client, which alone is more than a fifth of a
// function's size and a third of its start (docs/adr/0010). The SDK still signs.
// Tests hold what is sent to what the SDK would send: names, headers, endpoints.
//
// A call that failed of something that passes, such as throttling, is made up to
// four times in all, with growing pauses. Transactions carry a token by which
// DynamoDB knows them again, so one whose answer was lost is not in its own way.
//
// What it does not do: FIPS and dual-stack endpoints, correction of a wrong
// clock, streaming.
package ddb
