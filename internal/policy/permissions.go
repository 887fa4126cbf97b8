package policy

import (
	"encoding/json"
	"fmt"
	"io"
)

// Permit writes an IAM policy that permits actions, on everything, and nothing
// else.
func Permit(w io.Writer, sid string, actions []string) error {
	type statement struct {
		Sid, Effect string
		Action      []string
		Resource    string
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{sid, "Allow", actions, "*"}}})
	if err != nil {
		return fmt.Errorf("write policy: %w", err)
	}
	return nil
}
