// Package interval finds rhythms in event times: failures that recur at a
// predictable interval, renewals that stopped, issuances off the beat, and
// counts that their own history does not explain.
//
// Broken refresh logic fails once per credential lifetime, so a period is a
// leading indicator that needs no knowledge of the code that is broken. Find
// looks for one in the times of failures, Renewals in the times at which a
// principal's credentials were issued, Spikes in counts.
//
// The package is pure. Every function is independent of the order of its
// input, and the same set of times gives the same answer.
//
// What it cannot see: a rhythm of fewer than four beats; one of four to seven
// beats unless it is clean; a jitter of a tenth of the period with noise
// around it, or half the beats missing with noise, in 24 beats; two rhythms at
// once, of which the stronger is reported. docs/accuracy.md has the figures.
package interval
