package incident_test

import (
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestSpansAreWrittenAsPeopleDo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                     "0 s",
		400 * time.Millisecond:                "0 s",
		45 * time.Second:                      "45 s",
		59*time.Second + 600*time.Millisecond: "1 min",
		-90 * time.Second:                     "1 min 30 s",
		time.Hour:                             "1 h",
		time.Hour + 59*time.Second:            "1 h 59 s",
		6*time.Hour + 27*time.Minute:          "6 h 27 min",
		36 * time.Hour:                        "36 h",
		48 * time.Hour:                        "2 days",
		90*24*time.Hour + time.Second:         "90 days 1 s",
	} {
		if got := incident.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestEarlierAndLater(t *testing.T) {
	a := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	b := a.Add(time.Second)
	for _, pair := range [][2]time.Time{{a, b}, {b, a}} {
		if !incident.Earlier(pair[0], pair[1]).Equal(a) || !incident.Later(pair[0], pair[1]).Equal(b) {
			t.Errorf("of %s and %s: earlier %s, later %s", pair[0], pair[1], incident.Earlier(pair[0], pair[1]), incident.Later(pair[0], pair[1]))
		}
	}
}
