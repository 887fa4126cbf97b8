package replay_test

import (
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// TestStoriesKeepTheSchema holds every finding of every story to the published
// JSON Schema, and sees that the schema knows each cause that is told.
func TestStoriesKeepTheSchema(t *testing.T) {
	seen := 0
	for _, s := range stories(t) {
		findings, _ := tell(t, s, s.Events)
		for line := range strings.Lines(asJSON(t, findings)) {
			seen++
			if err := schematest.Valid([]byte(line)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d findings checked, want at least 100", seen)
	}
}
