package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// moment is a flag that takes a time: a day, a time of day, or how long ago it
// was. It is zero until it is set. All commands read their times with it.
type moment struct {
	at  time.Time
	ago time.Duration // where at is zero
}

func (m *moment) Type() string { return "TIME" }

func (m *moment) String() string {
	switch {
	case m.ago > 0:
		return shortly(m.ago)
	case m.at.IsZero():
		return ""
	}
	return m.at.Format(time.RFC3339)
}

// layouts are how a time may be written: as in the contract, and as we print it.
// Without a zone it is in UTC, as all that we print.
var layouts = [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateTime, "2006-01-02 15:04", time.DateOnly}

func (m *moment) Set(s string) error {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			*m = moment{at: t.UTC()}
			return nil
		}
	}
	d, err := parseLength(s)
	if err != nil {
		return errors.New("must be a day (2026-03-01), a time (2026-03-01T10:00:00Z), or how long ago (30m, 24h, 7d)")
	}
	*m = moment{ago: d}
	return nil
}

func (m *moment) isSet() bool { return m.ago > 0 || !m.at.IsZero() }

// before is the time that is meant, where lengths are counted back from end; zero
// if the flag was not set.
func (m *moment) before(end time.Time) time.Time {
	if m.ago > 0 {
		return end.Add(-m.ago)
	}
	return m.at
}

// or is the time that is meant, and now if the flag was not set.
func (m *moment) or(now time.Time) time.Time {
	if m.isSet() {
		return m.before(now)
	}
	return now
}

// length is a flag that takes a length of time.
type length struct{ time.Duration }

func (l *length) Type() string   { return "LENGTH" }
func (l *length) String() string { return shortly(l.Duration) }

func (l *length) Set(s string) (err error) {
	if l.Duration, err = parseLength(s); err != nil {
		return errors.New("must be a length of time such as 90s, 30m, 24h or 7d")
	}
	return nil
}

// parseLength reads a length of time as Go writes it, with days in front: 7d, 1d12h.
func parseLength(s string) (time.Duration, error) {
	var days time.Duration
	if front, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(front, 10, 16) // no more than 180 years
		if err != nil {
			return 0, err
		}
		if days = 24 * time.Hour * time.Duration(n); rest == "" {
			rest = "0s"
		}
		s = rest
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if d < 0 || d+days <= 0 {
		return 0, errors.New("not a length of time")
	}
	return d + days, nil
}

// shortly writes a length as a flag takes it.
func shortly(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 1 && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(days)) + "d"
	}
	s := d.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}
