package incident

import "time"

// Settings are what an installation knows about itself and how it wants to be
// judged. The zero value is not useful; start from DefaultSettings.
type Settings struct {
	// Accounts are the account ids that belong to us besides the one that an
	// event was recorded in; TrustedAccounts belong to others and may be
	// trusted by roles. Organisations are aws:PrincipalOrgID values (o-…) of
	// ours or of those we trust.
	Accounts, TrustedAccounts, Organisations []string
	// Responders may revoke and disable; Deployers may create, change and
	// delete. Each entry matches an actor as Matches in lineage says: an ARN
	// with wildcards, or a role's or user's name.
	Responders, Deployers []string
	// ChangeWindows are times at which changes are expected.
	ChangeWindows []ChangeWindow
	// TrustedNetworks are CIDR blocks that count as usual for everybody.
	TrustedNetworks []string
	Thresholds      Thresholds
	Suppressions    []Suppression
	Checks          Checks
	// Owners say whose principals and workloads are; they are asked in their
	// order. OwnerTag is the key of the tag whose value is the owner of what they
	// do not name; empty means none.
	Owners   []Owner
	OwnerTag string
	// Tags are the keys of the tags that somebody asks for, sorted, each once.
	// Of no others a finding tells.
	Tags []string
}

// Checks are the guard rails that an installation wants.
type Checks struct {
	// MaxSession is the longest that a role's sessions may be let last.
	MaxSession time.Duration
	// OIDCSubject looks for roles that any subject of an OIDC provider may assume.
	OIDCSubject bool
	// StaticCredentials looks for access keys in the environments of functions and
	// tasks, of which nothing else needs to hear.
	StaticCredentials bool
	// CIUsers are the names, with wildcards, of users that stand for pipelines,
	// which need no long-lived key. Empty looks for none.
	CIUsers []string
}

// ChangeWindow is a time in which changes are planned.
type ChangeWindow struct {
	Name string
	// Start and End bound a single window. For a weekly one both are zero and
	// Days, From and Until (offsets from midnight UTC) say when; Until may lie
	// past midnight.
	Start, End time.Time
	Days       []time.Weekday
	From       time.Duration
	Until      time.Duration
	// Actors limits the window to actors that match, Subjects to what is changed
	// by name or ARN, with wildcards; empty means all.
	Actors, Subjects []string
	// Expects are the causes of what is planned; empty means any change. What is
	// planned by name is nothing to tell anybody.
	Expects []Cause
}

// Ended reports whether a single window is over at now. A weekly one never is.
func (w ChangeWindow) Ended(now time.Time) bool { return !w.End.IsZero() && !now.Before(w.End) }

// Covers reports whether t lies in the window.
func (w ChangeWindow) Covers(t time.Time) bool {
	t = t.UTC()
	if !w.Start.IsZero() || !w.End.IsZero() {
		return !t.Before(w.Start) && t.Before(w.End)
	}
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return w.onDay(t.Weekday(), t.Sub(midnight)) ||
		w.onDay((t.Weekday()+6)%7, t.Sub(midnight)+24*time.Hour)
}

func (w ChangeWindow) onDay(day time.Weekday, offset time.Duration) bool {
	if offset < w.From || offset >= w.Until {
		return false
	}
	if len(w.Days) == 0 {
		return true
	}
	for _, d := range w.Days {
		if d == day {
			return true
		}
	}
	return false
}

// Thresholds are the numbers that an installation may move.
type Thresholds struct {
	// Correlation is how long after a cut-off a failure counts as its
	// consequence (CONTRACT section 2: the last hour).
	Correlation time.Duration
	// SpikeFloor is the least number of failures within SpikeWindow that can
	// be a spike, whatever the baseline.
	SpikeFloor  int
	SpikeWindow time.Duration
	// PlainFailures is how many failures with a code that explains itself
	// (expired, skewed, malformed) make a finding where no lineage proves it.
	PlainFailures int
	// Denials is how many implicit denials within SpikeWindow make a finding.
	Denials int
	// RefreshBeats is the least number of regular failures that make a
	// refresh bug.
	RefreshBeats int
	// Lateness is how long after an incident's last event late evidence is
	// still expected.
	Lateness time.Duration
	// Quiet is the silence after which an incident is over.
	Quiet time.Duration
	// Propagation is how long IAM may need to make a new role or key usable.
	Propagation time.Duration
	// MaxEvidence caps the evidence listed in a finding.
	MaxEvidence int
}

// Owner says whose the principals and workloads of some patterns are.
type Owner struct {
	// Name is what routes match by.
	Name string
	// Subjects are names or ARNs, with wildcards.
	Subjects []string
}

// Suppression keeps findings on record without telling anybody, until its end.
type Suppression struct {
	Verdict Verdict // empty matches every verdict
	Cause   Cause   // empty matches every cause
	Subject string  // name or ARN, with wildcards; empty matches every subject
	Account string
	Tags    []TagMatch // all of them must fit
	Until   time.Time
	Reason  string
	Author  string
}

// DefaultSettings is what runs without a configuration file.
func DefaultSettings() Settings {
	return Settings{Thresholds: Thresholds{
		Correlation:   time.Hour,
		SpikeFloor:    5,
		SpikeWindow:   5 * time.Minute,
		PlainFailures: 3,
		Denials:       5,
		RefreshBeats:  5,
		Lateness:      15 * time.Minute,
		Quiet:         24 * time.Hour,
		Propagation:   2 * time.Minute,
		MaxEvidence:   50,
	}, Checks: Checks{MaxSession: 4 * time.Hour, OIDCSubject: true}}
}
