package replay_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trailverdict/trailverdict/internal/render"
)

// TestStoriesKeepTheSchema holds every finding of every story to the published
// JSON Schema, and sees that the schema knows each cause that is told.
func TestStoriesKeepTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(render.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("finding.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("finding.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range stories(t) {
		findings, _ := tell(t, s, s.Events)
		for line := range strings.Lines(asJSON(t, findings)) {
			seen++
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
			if err == nil {
				err = schema.Validate(v)
			}
			if err != nil {
				t.Errorf("%s: %v: %s", s.Name, err, line)
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d findings checked, want at least 100", seen)
	}
}
