package render

import (
	"fmt"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Note is what a message says besides the finding that it carries.
type Note struct {
	// Thread groups the messages of one incident where they can be grouped;
	// empty means by the finding's id.
	Thread string
	// News says in a sentence what is new since the last message. It is empty
	// where everything is.
	News string
	// Owner is whose the finding's subject is; empty if nobody said so. People
	// read it in the message, machines beside the finding.
	Owner string
}

// thread is what the messages of a finding are grouped by.
func (n Note) thread(f incident.Finding) string {
	if n.Thread != "" {
		return n.Thread
	}
	return f.ID
}

// isUpdate reports whether a message follows others about the same finding, or
// about one that it stands in place of.
func (n Note) isUpdate(f incident.Finding) bool {
	return f.Revision > 1 || n.thread(f) != f.ID
}

// place is where the finding of a message belongs, and to whom.
func (n Note) place(f incident.Finding) string {
	if n.Owner == "" {
		return place(f)
	}
	return place(f) + ", owner " + OneLine(n.Owner)
}

// assessment is how bad a finding is and how sure it is, in a few words.
func assessment(f incident.Finding) string {
	return fmt.Sprintf("%s, %s sure", f.Severity, Percent(f.Confidence))
}

// place is where a finding belongs.
func place(f incident.Finding) string {
	s := "account " + f.Account
	if f.Account == "" {
		s = "account unknown"
	}
	if f.Region != "" {
		s += ", " + f.Region
	}
	return s
}
