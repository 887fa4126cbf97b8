// Package settle is the use case that looks again, on a schedule: at evidence
// that may have arrived late, at findings that time alone changes, at renewals
// that stopped without a word, and at CloudTrail's event history for what never
// arrived.
//
// What it promises: it decides nothing that detect would not decide with the
// same evidence, and everything it does may be done twice. A run that fails, or
// that has too little time, is continued by the next one. It works without the
// event history, and goes on when that is throttled.
//
// Calls that succeed are not delivered. Of the keys of an incident, and of
// sessions that are tried out where they were not asked for, it looks them up.
//
// What it does not promise: to find everything that was lost. The history is
// asked for changes of identities and of the audit trail in the home Region
// alone; a run spends a bounded number of requests, and an incident too.
package settle
