// Package reporting is the use case of the scheduled report: it reads what is
// kept about a period and the time before it, lets package report look at it,
// keeps the result as a page and as JSON, and tells people.
//
// A period ends at a full hour, and its name is all that the report's key holds
// besides the account. So a report that is made again, after a failure or by
// hand, takes the place of the one before, and tells the same, with a new link.
//
// People are told about a day only when something is odd that was not before, or
// is no more; about a week always, so that silence never means that nobody looks.
package reporting
