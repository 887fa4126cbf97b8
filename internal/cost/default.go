package cost

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// The default deployment's templates, as synthesis writes them: a test of the
// stack compares them.
//
//go:embed stacks/*.json
var stacks embed.FS

// DefaultStacks are those of a deployment without any choices.
func DefaultStacks() ([]Stack, error) {
	entries, err := stacks.ReadDir("stacks")
	if err != nil {
		return nil, fmt.Errorf("read default templates: %w", err)
	}
	var all []Stack
	for _, e := range entries {
		text, err := stacks.ReadFile(path.Join("stacks", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read default templates: %w", err)
		}
		s, err := Read(strings.TrimSuffix(e.Name(), ".json"), text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
