package incident

import "time"

// Canary is a harmless event of the detector's own that goes the whole way and
// comes out as a test alert. It is no evidence and makes no finding.
type Canary struct {
	ID      string // chosen by whoever sent it
	Account string // that it was sent in
	Region  string
	Sent    time.Time
}
