package trail

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

func TestParseTime(t *testing.T) {
	want := time.Date(2024, 7, 30, 21, 46, 15, 0, time.UTC)
	for _, tt := range []struct{ name, text string }{
		{"an eventTime", "2024-07-30T21:46:15Z"},
		{"an offset instead of Z", "2024-07-30T23:46:15+02:00"},
		{"an offset of nothing", "2024-07-30T21:46:15+00:00"},
		{"an offset without a colon", "20240730T214615+0000"},
		{"no zone", "2024-07-30T21:46:15"},
		{"a database's blank", "2024-07-30 21:46:15"},
		{"a database's blank and zone", "2024-07-30 21:46:15Z"},
		{"a database's fraction", "2024-07-30 21:46:15.000000000"},
		{"the basic format of the documentation", "20240730T214615Z"},
		{"an expiration", "Jul 30, 2024, 9:46:15 PM"},
		{"an expiration from before 2020", "Jul 30, 2024 9:46:15 PM"},
		{"an expiration with a narrow no-break space", "Jul 30, 2024, 9:46:15\u202fPM"},
		{"an expiration with a no-break space", "Jul 30, 2024, 9:46:15\u00a0PM"},
		{"an expiration in lower case", "jul 30, 2024, 9:46:15 pm"},
		{"a Health event's start", "Tue, 30 Jul 2024 21:46:15 GMT"},
		{"white space around it", " 2024-07-30T21:46:15Z\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseTime(tt.text)
			if !ok || !got.Equal(want) || got.Location() != time.UTC {
				t.Errorf("parseTime(%q) = %v, %t, want %v", tt.text, got, ok, want)
			}
		})
	}
}

func TestParseTimeKeepsFractions(t *testing.T) {
	got, ok := parseTime("2026-03-04T09:15:00.204Z")
	if want := time.Date(2026, 3, 4, 9, 15, 0, 204e6, time.UTC); !ok || !got.Equal(want) {
		t.Errorf("parseTime() = %v, %t, want %v", got, ok, want)
	}
}

func TestParseTimeRefusesPlaceholders(t *testing.T) {
	for _, text := range []string{
		"", "null", "<redacted>", "2024-07-30", "21:46:15", "XXXX-XX-XXTXX:XX:XXZ",
		"0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-07-30T24:00:00Z", "2024-07-30T21:60:15Z",
		"Jul 32, 2024, 9:46:15 PM", "0000-01-01T00:00:00Z",
	} {
		if got, ok := parseTime(text); ok {
			t.Errorf("parseTime(%q) = %v, want nothing", text, got)
		}
	}
}

func TestTimeOfAcceptsNumbers(t *testing.T) {
	want := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for text, ok := range map[string]bool{
		`1772359200`:    true,
		`1772359200000`: true,
		`1772359200.0`:  true,
		`1.5`:           false,
		`0`:             false,
		`-5`:            false,
		`1e300`:         false,
		`true`:          false,
		`null`:          false,
		`{}`:            false,
	} {
		v, err := jsonscan.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, gotOK := timeOf(v)
		if gotOK != ok || ok && !got.Equal(want) {
			t.Errorf("timeOf(%s) = %v, %t, want %t", text, got, gotOK, ok)
		}
	}
}

func TestParsePlainAgreesWithTheLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.Map(rapid.Int64Range(0, 7e9), func(n int64) string { return time.Unix(n, 0).UTC().Format(time.RFC3339) }),
			rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`),
			rapid.StringMatching(`.{20}`),
		).Draw(t, "text")
		got, ok := parsePlain(text)
		want, err := time.Parse(time.RFC3339, text)
		if ok && (err != nil || !got.Equal(want)) {
			t.Fatalf("parsePlain(%q) = %v, but the layout reads %v, %v", text, got, want, err)
		}
		if !ok && err == nil && len(text) == 20 && want.Year() > 0 {
			t.Fatalf("parsePlain(%q) gave up, but the layout reads %v", text, want)
		}
	})
}
