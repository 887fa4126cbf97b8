// Package incident is the vocabulary of trailverdict: what was observed
// (Signal, Use), about whom (Principal, Actor), and what was concluded
// (Finding, Evidence, Verdict).
//
// Every other package speaks in these words, so this one imports nothing but
// time, holds no behaviour beyond what a value knows about itself, and carries
// no struct tags: wire and storage formats belong to the packages that own
// them. Names follow OCSF, ASFF and IAM.
//
// No value of this package ever holds a session token, a secret key or a raw
// log line. The decoder drops them before a Signal exists.
package incident
