// Package schematest holds what is written as JSON to the published schemas.
package schematest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trailverdict/trailverdict/internal/schema"
)

// Valid holds a line to the schema that it names.
func Valid(line []byte) error {
	var v struct{ Schema string }
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	name, isOurs := strings.CutPrefix(strings.TrimSuffix(v.Schema, "/v1"), "trailverdict.")
	if !isOurs {
		return fmt.Errorf("the schema %q is not published", v.Schema)
	}
	return Keeps(name, line)
}

// Keeps holds a line to the schema of a name.
func Keeps(name string, line []byte) error {
	s, err := Compile(name)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(line)))
	if err == nil {
		err = s.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%w: %.2000s", err, line)
	}
	return nil
}

// Compile makes a schema out of what is published under a name, and of nothing
// else.
func Compile(name string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema.Of(name)))
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	return c.Compile(name)
}

// Lines holds all lines of a text to the schemas that they name.
func Lines(t testing.TB, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if err := Valid([]byte(line)); err != nil {
			t.Error(err)
		}
	}
}
