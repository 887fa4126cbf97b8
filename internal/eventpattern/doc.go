// Package eventpattern matches events against EventBridge's patterns, so that
// tests can say which rule of the stack an event reaches. It is support for
// tests: the service decides in production, and the program never asks.
//
// It promises to agree with AWS's own matcher (github.com/aws/event-ruler) on
// every vector in testdata, accepted and refused patterns alike, but for the
// accidents of that library that the test lists by name. Numbers are compared
// as they are written, without rounding.
//
// It does not promise speed, nor the service's limits on the length and number
// of patterns; those are checked where the patterns are made.
//
// The format is described in EventBridge's user guide (event patterns,
// comparison operators).
package eventpattern
