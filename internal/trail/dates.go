package trail

import (
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// layouts are the ways in which AWS, and those who pass its records on, write
// a time. Fractions of a second need no layout of their own. What has no zone
// is UTC.
var layouts = []string{
	time.RFC3339,                // CloudTrail's own eventTime
	"2006-01-02T15:04:05",       // without a zone
	"2006-01-02 15:04:05Z07:00", // databases
	"2006-01-02 15:04:05",       //
	"20060102T150405Z0700",      // creationDate in CloudTrail's documentation
	"Jan 2, 2006, 3:04:05 PM",   // expiration of AssumeRole* since 2020
	"Jan 2, 2006 3:04:05 PM",    // the same before, and createDate of keys
	time.RFC1123,                // AWS Health
	"Mon, 2 Jan 2006 15:04:05 MST",
}

// earliest and latest bound the times that are believed: AWS itself is from
// 2006. Placeholders such as the year 1 or 1970 lie outside.
var (
	earliest = time.Date(2006, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// parseTime reads a time in any of the layouts, and gives it in UTC. Newer
// Java runtimes put a narrow no-break space before AM and PM.
func parseTime(s string) (time.Time, bool) {
	if t, ok := parsePlain(s); ok {
		return believed(t)
	}
	s = strings.ToUpper(noBreakSpaces.Replace(strings.TrimSpace(s)))
	for _, layout := range layouts {
		if s == "" || isDigit(s[0]) != isDigit(layout[0]) {
			continue // an error costs more than to see it coming
		}
		if t, err := time.Parse(layout, s); err == nil {
			return believed(t.UTC())
		}
	}
	return time.Time{}, false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

var noBreakSpaces = strings.NewReplacer("\u202f", " ", "\u00a0", " ")

func believable(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }

// believed is t if it is believable, and no time otherwise.
func believed(t time.Time) (time.Time, bool) {
	if !believable(t) {
		return time.Time{}, false
	}
	return t, true
}

// parsePlain reads the one form that nearly every time has, 2006-01-02T15:04:05Z,
// without the cost of a layout.
func parsePlain[text []byte | string](s text) (time.Time, bool) {
	if len(s) != 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != 'Z' {
		return time.Time{}, false
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			if c < '0' || c > '9' {
				return -1
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if month < 1 || month > 12 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, year > 0 && t.Day() == day
}

// timeOf is the time that a value holds: text, or the seconds or milliseconds
// since 1970 that some pipelines make of it.
func timeOf(v jsonscan.Value) (time.Time, bool) {
	switch v.Kind() {
	case jsonscan.String:
		if text, ok := v.Plain(); ok {
			if t, ok := parsePlain(text); ok {
				return believed(t)
			}
		}
		return parseTime(v.Str())
	case jsonscan.Number:
		n, ok := v.Int()
		if !ok {
			return time.Time{}, false
		}
		t := time.Unix(n, 0).UTC()
		if n > latest.Unix() {
			t = time.UnixMilli(n).UTC()
		}
		return believed(t)
	}
	return time.Time{}, false
}
