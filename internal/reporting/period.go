package reporting

import (
	"encoding/json"
	"errors"
	"time"
)

// Span is the length of a period, by its name.
type Span string

// The spans that reports are made of.
const (
	Day  Span = "day"
	Week Span = "week"
)

func (s Span) length() time.Duration {
	if s == Week {
		return 7 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// Period is what a report is about.
type Period struct {
	Span Span
	End  time.Time
}

// From is when the period begins.
func (p Period) From() time.Time { return p.End.Add(-p.Span.length()) }

// key names the period's report, without an ending.
func (p Period) key(account string) string {
	return account + "/" + string(p.Span) + "/" + p.End.UTC().Format("2006-01-02T15Z")
}

// ErrEvent says that an event names no period. It holds nothing of the event.
var ErrEvent = errors.New("event cannot be understood: it names no period")

// periodOf reads the event that asks for a report: which span, a day if it does
// not say, up to the last full hour of its time, which is now if it has none.
// Other members are of no interest, so EventBridge's scheduled events will do.
func periodOf(event []byte, now time.Time) (Period, error) {
	var e struct {
		Time   time.Time `json:"time"`
		Period Span      `json:"period"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return Period{}, ErrEvent // the decoder's error holds parts of the event
	}
	if e.Period == "" {
		e.Period = Day
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	if e.Period != Day && e.Period != Week || e.Time.After(now.Add(time.Hour)) || e.Time.Year() < 2000 {
		return Period{}, ErrEvent
	}
	return Period{Span: e.Period, End: e.Time.UTC().Truncate(time.Hour)}, nil
}
