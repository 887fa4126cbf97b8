package logline

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Fact is one thing that a message tells about a credential: a failed call
// (Code is set) or a leaked secret (Exposure is set), never both.
//
// Every other field may be empty. Workload, SourceIP, UserAgent, EventID and
// Time come from our own line alone; for all else the log event has them.
type Fact struct {
	// Code is one of the codes by which AWS refuses a credential, exactly.
	Code   string
	Reason incident.Reason
	// Operation is the failed call in IAM's notation, such as
	// "sts:AssumeRole", where the message names both service and operation.
	Operation string
	// KeyID is an AKIA… or ASIA… id, if the message names exactly one.
	KeyID        string
	PrincipalARN string
	Workload     string
	SourceIP     string
	UserAgent    string
	EventID      string
	Time         time.Time
	// Count is how many failures the fact stands for; at least 1.
	Count int
	// Exposure says which secret the message holds in clear. Its Where is
	// left to the caller, who knows the log group.
	Exposure *incident.Exposure
}

// Read tells the facts of one message, which may span lines. Failures come
// before exposures; equal failures of one message, such as the links of one
// exception chain, are one fact.
func Read(message string) []Fact {
	facts, marked := readMarked(message)
	if !marked {
		facts = readFailures(message)
	}
	return append(facts, readLeaks(message)...)
}
