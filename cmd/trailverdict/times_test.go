package main

import (
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/trailbucket"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTimesAreReadAlikeEverywhere(t *testing.T) {
	end := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01T10:00:00Z":      time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		"2026-03-01T10:00:00+02:00": time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		"2026-03-01T10:00Z":         time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		"2026-03-01 10:00:07":       time.Date(2026, 3, 1, 10, 0, 7, 0, time.UTC), // as findings print it
		"2026-03-01 10:00":          time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		"30m":                       end.Add(-30 * time.Minute),
		"24h":                       end.AddDate(0, 0, -1),
		"7d":                        end.AddDate(0, 0, -7),
		"1d12h":                     end.Add(-36 * time.Hour),
	} {
		var m moment
		if err := m.Set(text); err != nil || !m.isSet() || !m.before(end).Equal(want) || m.before(end).Location() != time.UTC {
			t.Errorf("%s means %s, %v; want %s", text, m.before(end), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "0s", "0d", "-3h", "3d-1h", "7", "d", "1.5d", "99999d", "2026-02-30", "03/01/2026"} {
		var m moment
		if err := m.Set(text); err == nil || m.isSet() {
			t.Errorf("%q was taken for %s", text, m.before(end))
		}
	}
}

func TestWhatAFlagShowsIsWhatItTakes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, 90*24*3600).Draw(r, "seconds")) * time.Second
		for _, m := range []moment{{ago: d}, {at: time.Unix(1_700_000_000, 0).UTC().Add(d)}} {
			var again moment
			if err := again.Set(m.String()); err != nil || again != m {
				r.Fatalf("%s is read as %s, %v", &m, &again, err)
			}
		}
	})
}

func TestBucketsAreReadByTheDay(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		since, until string
		want         trailbucket.Selection
	}{
		"nothing said":                    {"", "", trailbucket.Selection{}},
		"days":                            {"2026-03-01", "2026-03-03", trailbucket.Selection{Since: day(1), Until: day(4)}},
		"times mean their days":           {"2026-03-01T23:00:00Z", "2026-03-03T01:00:00Z", trailbucket.Selection{Since: day(1), Until: day(4)}},
		"so long ago":                     {"7d", "", trailbucket.Selection{Since: day(3)}},
		"both back from the end":          {"2d", "5d", trailbucket.Selection{Since: day(3), Until: day(6)}},
		"a length before the day at hand": {"24h", "2026-03-05", trailbucket.Selection{Since: day(4), Until: day(6)}},
	} {
		t.Run(name, func(t *testing.T) {
			var s selection
			for _, f := range []struct {
				m    *moment
				text string
			}{{&s.since, test.since}, {&s.until, test.until}} {
				if f.text != "" {
					if err := f.m.Set(f.text); err != nil {
						t.Fatal(err)
					}
				}
			}
			if d := cmp.Diff(test.want, s.of(now)); d != "" {
				t.Error(d)
			}
		})
	}
}
