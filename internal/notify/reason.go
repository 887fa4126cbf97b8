package notify

import "slices"

// Reason says why a channel is told about a version of a case, or why it is not.
type Reason string

// Reasons to tell.
const (
	// New is the first that the channel hears of the incident.
	New Reason = "new"
	// VerdictChanged tells an all-clear, too: what was told as a compromise and
	// turns out to be planned must not keep anybody searching.
	VerdictChanged Reason = "verdict_changed"
	// CauseChanged tells of another cause, since what to do depends on it.
	CauseChanged   Reason = "cause_changed"
	SeverityRaised Reason = "severity_raised"
	// NewSubject tells of a workload or a long-term key that was not named
	// before: somebody else who has to act.
	NewSubject Reason = "new_subject"
	// ReachGrew tells that a cut-off broke something besides its own subject,
	// in place of a finding about that.
	ReachGrew Reason = "reach_grew"
	// TakesOver tells that what was told under another subject is about this
	// one.
	TakesOver Reason = "takes_over"
	// Reminder tells again of an incident that is not over, as the channel's route
	// wants it.
	Reminder Reason = "reminder"
	// Superseded tells that another finding stands in place of this one.
	Superseded Reason = "superseded"
	// Withdrawn tells that the evidence makes no finding any more.
	Withdrawn Reason = "withdrawn"
)

// Reasons to stay silent.
const (
	NothingNew Reason = "nothing_new"
	// Outdated is a version older than one that the channel was told of.
	Outdated Reason = "outdated"
	// Gathering holds back what was newly named for some minutes after a
	// message, so that a fleet that fails one by one does not make as many
	// messages. A later version tells it: a case that is open has one.
	Gathering Reason = "gathering"
	// Suppressed findings are kept on record by the installation's own wish.
	Suppressed Reason = "suppressed"
	// Inhibited findings are consequences of a cut-off that is known, and told
	// as its reach.
	Inhibited Reason = "inhibited"
	// OnRecord is a planned change that broke nothing.
	OnRecord Reason = "on_record"
	// TakenOver needs no word of its own: the message of the case that took
	// over says it.
	TakenOver Reason = "taken_over"
	// NotRouted is for others: the channel's route does not take it.
	NotRouted Reason = "not_routed"
	// Held is told later, as it is then: when quiet hours end, or if the incident
	// lasts.
	Held Reason = "held"
	// NeverTold ended before anybody heard of it.
	NeverTold Reason = "never_told"
)

// Tells reports whether the channel hears of it.
func (r Reason) Tells() bool {
	return slices.Contains([]Reason{New, VerdictChanged, CauseChanged, SeverityRaised, NewSubject, ReachGrew, TakesOver, Reminder, Superseded, Withdrawn}, r)
}
