// Package report looks at the times of a period's events for what points at
// trouble before anybody is paged: failures at a predictable interval, renewals
// that stopped, issuances off the beat, cadences that changed, and spikes.
//
// Build is pure: the same evidence, settings and times give the same report,
// whatever the evidence's order. Where a finding already says that a principal
// was attacked or cut off on purpose, its regular failures are not reported as a
// refresh bug; what is reported as one agrees with the finding about it.
//
// What the report cannot see it lists among its blind spots.
package report
