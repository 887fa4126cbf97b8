package incident

import "time"

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Earlier is the earlier of two times.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Span writes a length of time as people do, to the second: "45 s", "6 h 27 min".
// All texts for people write them with it.
func Span(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	text := ""
	for _, u := range [...]struct {
		size time.Duration
		name string
	}{{24 * time.Hour, " days"}, {time.Hour, " h"}, {time.Minute, " min"}, {time.Second, " s"}} {
		n := d / u.size
		if n == 0 || n == 1 && u.name == " days" { // one day is 24 h
			continue
		}
		if d -= n * u.size; text != "" {
			text += " "
		}
		text += digits(int(n)) + u.name
	}
	if text == "" {
		return "0 s"
	}
	return text
}

func digits(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return digits(n/10) + digits(n%10)
}
