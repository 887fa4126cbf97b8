package history_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/investigate"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// TestStories asks an account about every story, as far as the event history
// holds it, and wants what the detector concludes from the same records.
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("../../../events/scenario/*.txtar")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d stories, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			story, err := scenario.Parse(path, data)
			if err != nil {
				t.Fatal(err)
			}
			records, regions, last := recorded(story.Events)
			if len(records) == 0 {
				t.Skip("nothing of it is in an event history")
			}
			w := newWorld(t)
			w.at = last.Add(time.Hour)
			w.Account = localaws.NewAccount("111122223333", "aws", w.now, append(regions, "us-east-1")...)
			w.add(t, records...)
			a := w.open(t, regions...)
			result := run(t, investigate.Request{
				Account: a.ID, Partition: a.Partition, Home: a.Home, Regions: a.Regions,
				From: last.Add(-60 * 24 * time.Hour), To: last, Now: last, MaxRequests: 10_000,
			}, a, nil)
			var text strings.Builder
			if err := investigate.JSON(&text, result); err != nil {
				t.Fatal(err)
			}
			schematest.Lines(t, text.String())
			if d := cmp.Diff(conclusions(decided(t, records, last)), conclusions(result.Findings)); d != "" || len(result.Unread) > 0 {
				t.Errorf("unread %v; %s", result.Unread, d)
			}
		})
	}
}

// recorded are the management events of the account in a story, their Regions,
// and the time of the last one.
func recorded(events []byte) (records, regions []string, last time.Time) {
	for line := range bytes.Lines(events) {
		var e struct {
			Detail json.RawMessage
		}
		var r struct {
			EventID, EventSource, AwsRegion, EventCategory, RecipientAccountID string
			EventTime                                                          time.Time
			ManagementEvent                                                    *bool
		}
		if json.Unmarshal(line, &e) != nil || json.Unmarshal(e.Detail, &r) != nil || r.EventID == "" || r.EventSource == "" || r.AwsRegion == "" ||
			r.RecipientAccountID != "111122223333" || r.ManagementEvent != nil && !*r.ManagementEvent || r.EventCategory != "" && r.EventCategory != "Management" {
			continue
		}
		records = append(records, string(e.Detail))
		if !slices.Contains(regions, r.AwsRegion) {
			regions = append(regions, r.AwsRegion)
		}
		if r.EventTime.After(last) {
			last = r.EventTime
		}
	}
	return records, regions, last
}

// decided is what the detector concludes from records.
func decided(t *testing.T, records []string, asOf time.Time) []incident.Finding {
	t.Helper()
	var s taken
	for _, r := range records {
		if _, err := trail.Decode(bytes.NewReader([]byte(r)), "story", &s); err != nil {
			t.Fatal(err)
		}
	}
	d := detect.New(store.NewMemory(store.DefaultLimits()), incident.Settings{})
	if _, err := d.Ingest(t.Context(), s.signals, s.uses); err != nil {
		t.Fatal(err)
	}
	findings, err := d.Findings(t.Context(), asOf)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

type taken struct {
	signals []incident.Signal
	uses    []incident.Use
}

func (s *taken) Signal(x incident.Signal) { s.signals = append(s.signals, x) }
func (s *taken) Use(u incident.Use)       { s.uses = append(s.uses, u) }
func (s *taken) Skipped(trail.Skip)       {}

// conclusions are findings in a few words, in an order of their own.
func conclusions(findings []incident.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.ID+" "+string(f.Subject.Type)+" "+f.Subject.Name+" "+string(f.Verdict)+" "+string(f.Cause)+" "+f.Severity.String())
	}
	slices.Sort(list)
	return list
}
