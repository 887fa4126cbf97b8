package trail

import (
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// cage is a sink that takes canaries, too.
type cage struct {
	canaries []incident.Canary
	skipped  []Skip
	others   int
}

func (c *cage) Canary(e incident.Canary) { c.canaries = append(c.canaries, e) }
func (c *cage) Signal(incident.Signal)   { c.others++ }
func (c *cage) Use(incident.Use)         { c.others++ }
func (c *cage) Skipped(s Skip)           { c.skipped = append(c.skipped, s) }

func TestCanariesAreNoEvidence(t *testing.T) {
	const event = `{"detail-type":"trailverdict Canary","source":"trailverdict.canary","account":"111122223333","region":"eu-west-1","detail":{"canaryId":"c-1","sentAt":"2026-03-01T10:00:00.5Z"}}`
	for name, tt := range map[string]struct {
		event, skipped string
		want           bool
	}{
		"a canary":                       {event, "", true},
		"without an id":                  {strings.Replace(event, "c-1", "", 1), "canaryId", false},
		"with an id that is more":        {strings.Replace(event, "c-1", "c/1", 1), "canaryId", false},
		"without a time":                 {strings.Replace(event, "2026-03-01T10:00:00.5Z", "soon", 1), "sentAt", false},
		"quiet: of another source":       {strings.Replace(event, "trailverdict.canary", "custom", 1), "", false},
		"quiet: something else of ours":  {strings.Replace(event, "trailverdict Canary", "trailverdict Dove", 1), "", false},
		"quiet: without its own details": {strings.Replace(event, `"detail":`, `"other":`, 1), "canaryId", false},
	} {
		var c cage
		st, err := Decode(strings.NewReader(tt.event), "", &c)
		if err != nil {
			t.Fatal(err)
		}
		want := incident.Canary{ID: "c-1", Account: "111122223333", Region: "eu-west-1", Sent: time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC)}
		if got := len(c.canaries) == 1; got != tt.want || got && c.canaries[0] != want || c.others > 0 {
			t.Errorf("%s: %+v and %d others", name, c.canaries, c.others)
		}
		skipped := ""
		for _, s := range c.skipped {
			skipped += s.Detail
		}
		if skipped != tt.skipped || (tt.skipped == "") != (st.Irrelevant == 1) {
			t.Errorf("%s: skipped for %q, want %q; %+v", name, skipped, tt.skipped, st)
		}
	}
}
