package incident

import "time"

// AnomalyKind is what is odd about the times of a principal's events. The list
// is closed.
type AnomalyKind string

const (
	// RefreshBugAnomaly: failures recur at a predictable interval.
	RefreshBugAnomaly AnomalyKind = "refresh_bug"
	// MissedRenewal: an established renewal stopped while life went on.
	MissedRenewal AnomalyKind = "missed_renewal"
	// OffBeatIssuance: credentials were issued between the renewals of a clock
	// that goes on undisturbed; somebody else asks the same source.
	OffBeatIssuance AnomalyKind = "off_beat_issuance"
	// CadenceChange: a renewal clock changed its period for good.
	CadenceChange AnomalyKind = "cadence_change"
	// SpikeAnomaly: more failures than the history explains.
	SpikeAnomaly AnomalyKind = "spike"
)

// Anomaly is one oddity in the times of one principal's events.
type Anomaly struct {
	Kind    AnomalyKind
	Subject Subject
	// Period and Jitter are those of the rhythm that was found, or broken; zero
	// where there is none.
	Period, Jitter time.Duration
	// Occurrences counts beats of a rhythm, events off it, or failures of a
	// spike.
	Occurrences int
	// Lifetime is the credential lifetime that the period fits; zero if none.
	Lifetime time.Duration
	// NextExpected is when the next beat is due; for a missed renewal, when the
	// first one was missed. Zero where nothing is expected.
	NextExpected time.Time
	Confidence   float64 // probability that this is no chance, 0 to 1
	// Times are the events in question, oldest first; the latest of them where
	// there are many.
	Times []time.Time
	// Summary is one sentence, Fix what to do about it.
	Summary, Fix string
}

// Series is when a principal's credentials failed and were issued, for a reader
// who wants to see it.
type Series struct {
	Subject Subject
	// Failures and Issuances are oldest first; the latest of them where there
	// are many. Left says how many older ones were left out. Of failures before
	// the report's period there may be one for each beat.
	Failures, Issuances []time.Time
	Left                int
	// Weekly counts the hours in which anything failed, of up to thirty days, by
	// weekday, from Sunday, and hour in UTC.
	Weekly [7][24]int
	// Beats are when the rhythm lets failures expect; empty without one.
	Beats []time.Time
}

// Change is how an anomaly differs from what an earlier report said of it.
type Change struct {
	Index int // of the report's Anomalies
	Trend Trend
	Words string
}

// Trend is whether a change is one to the better.
type Trend string

// The trends.
const (
	Worse  Trend = "worse"
	Better Trend = "better"
)

// Report is what the times of the events of a period tell.
type Report struct {
	// From and To bound the events looked at; both are zero without any.
	From, To time.Time
	// Anomalies are ordered by subject, then by kind.
	Anomalies []Anomaly
	// Series holds the subjects of Anomalies, in the same order, each once.
	Series []Series
	// Findings are the conclusions about the same events.
	Findings []Finding
	// Since is the end of the earlier report with which New, Gone and Changed
	// compare; zero where there was none.
	Since time.Time
	// New are indices of Anomalies that the earlier report did not have, Gone are
	// those of the earlier report that are no more, and Changed those that are
	// another in this one.
	New     []int
	Gone    []Anomaly
	Changed []Change
	// Suppressions says in words which of them are over, or cover nothing, and
	// which change windows are over without a change.
	Suppressions []string
	// Checks are the period's changes beyond the guard rails of which no finding
	// tells, oldest first.
	Checks []Check
	// BlindSpots says in words what these events cannot show.
	BlindSpots []string
}
