package reporting

import "time"

// Limits bound what a run reads and keeps. That one was reached stands among the
// blind spots of its reports.
type Limits struct {
	// History is how long a principal is known after its last event, and how far
	// back a first report reads.
	History time.Duration
	// Signals are the most that a run reads, the latest first, and Hourly the
	// most of those that fall due in an hour.
	Signals, Hourly int
	// Principals are the most that are known between reports, those with a rhythm
	// first.
	Principals int
	// Asked are the most principals whose uses, and as many whose findings, are
	// read; Suspects the most whose failures before the period are, since so many
	// came at once.
	Asked, Suspects int
	// Checks are the most changes beyond the guard rails that are told of.
	Checks int
	// Accounts are the most that get a report of their own.
	Accounts int
}

// DefaultLimits fit into half a gigabyte of memory and a run of five minutes.
func DefaultLimits() Limits {
	return Limits{
		History: 30 * 24 * time.Hour, Signals: 500_000, Hourly: 50_000,
		Principals: 12_800, Asked: 3000, Suspects: 200, Checks: 1000, Accounts: 50,
	}
}
