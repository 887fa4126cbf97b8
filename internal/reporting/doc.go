// Package reporting is the use case of the scheduled report. Between reports it
// keeps the beats of every principal in a book; each report takes in what was
// kept as evidence since the last one, lets package report look at the book and
// at the period, keeps the result as a page and as JSON, and tells people. There
// is a report for each account whose events are in the table.
//
// Evidence is found by when it is to be looked at again, which is soon after it
// was kept, or when a session has run out. What is taken in twice changes
// nothing, so a run that was interrupted is simply repeated.
//
// A period ends at a full hour, and its name is all that the report's key holds
// besides the account. So a report that is made again, after a failure or by
// hand, takes the place of the one before, and tells the same, with a new link.
//
// People are told about a day only when something is odd that was not before, or
// changed, or is no more; about a week always, so that silence never means that
// nobody looks.
package reporting
