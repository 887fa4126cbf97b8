package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestRelative(t *testing.T) {
	now := at("12:00:00")
	for d, want := range map[time.Duration]string{
		0:                      "now",
		300 * time.Millisecond: "now",
		time.Second:            "1 s ago",
		59 * time.Second:       "59 s ago",
		time.Minute:            "1 min ago",
		89 * time.Minute:       "89 min ago",
		91 * time.Minute:       "2 h ago",
		47 * time.Hour:         "47 h ago",
		72 * time.Hour:         "3 days ago",
		-12 * time.Minute:      "in 12 min",
		-4 * time.Hour:         "in 4 h",
	} {
		if got := Relative(now.Add(-d), now); got != want {
			t.Errorf("%s before is %q, want %q", d, got, want)
		}
	}
}

// TestDaysAreNamed holds that evidence of several days stands under its days, in
// text and mail, and that of one day does not.
func TestDaysAreNamed(t *testing.T) {
	f := incident.Finding{Verdict: incident.Expiry, FirstSeen: at("10:00:00"), LastSeen: at("11:00:00")}
	fact := func(when time.Time, words string) incident.Evidence {
		return incident.Evidence{Time: when, Fact: words}
	}
	f.Evidence = []incident.Evidence{fact(at("10:00:00"), "it began"), fact(at("11:00:00"), "it went on")}
	one := textAndMail(t, f)
	if strings.Count(one, "\n    2026-03-04\n")+strings.Count(one, "\n2026-03-04\n") != 0 || strings.Count(one, "+60 min  it went on") != 2 {
		t.Errorf("one day:\n%s", one)
	}
	f.Evidence = append([]incident.Evidence{fact(at("10:00:00").Add(-48*time.Hour), "it was made")}, f.Evidence...)
	several := textAndMail(t, f)
	for _, want := range []string{
		"    2026-03-02\n    10:00:00  -2 days  it was made\n    2026-03-04\n    10:00:00           it began\n    11:00:00  +60 min  it went on\n",
		"2026-03-02\n  10:00:00  -2 days  it was made\n2026-03-04\n  10:00:00           it began\n",
		"Why (UTC, + since 2026-03-04 10:00:00",
		"2 h ago",
	} {
		if !strings.Contains(several, want) {
			t.Errorf("without %q:\n%s", want, several)
		}
	}
}

// textAndMail is a finding as text, and as a mail.
func textAndMail(t *testing.T, f incident.Finding) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, f, TextOptions{AsOf: at("13:00:00")}); err != nil {
		t.Fatal(err)
	}
	if err := Email(&b, f, Note{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
