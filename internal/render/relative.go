package render

import (
	"fmt"
	"time"
)

// Relative says how far a time lies from now, as people do: "12 min ago", "in 3
// h". It is never more exact than it needs to be.
func Relative(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return "in " + Distance(-d)
	}
	return Distance(d) + " ago"
}

// Distance is a length of time in its largest unit: "45 s", "12 min", "3 h",
// "5 days".
func Distance(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
}
