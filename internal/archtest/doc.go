// Package archtest holds the rules of the source tree as a test: what may
// import what, and what may not be called where. Each rule says why, so that a
// failure explains itself.
//
// The test reads the sources in its own process. One that asked the go command
// would be answered from the test cache after a forbidden import was added.
package archtest
