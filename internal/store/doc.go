// Package store keeps what was observed: signals and uses, each filed under
// the principals, keys and workloads that it concerns.
//
// It holds what every store shares (queries, limits, the rule for conflicting
// copies) and Memory, the store that needs nothing. The package storetest is
// the contract as tests, for this store and for others.
//
// A store promises that what it returns is a function of the set that was put
// into it: neither order, nor duplicates, nor batches change it. That holds for
// its limits too, which always keep the same members of a set that is too
// large. It does not promise to return one version where an event was delivered
// with different contents; Resolve decides that over everything that was read.
package store
