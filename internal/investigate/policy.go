package investigate

import (
	"encoding/json"
	"fmt"
	"io"
)

// Permissions are all that an investigation needs. GetCallerIdentity needs none.
func Permissions() []string { return []string{"account:ListRegions", "cloudtrail:LookupEvents"} }

// Policy writes an IAM policy that permits what an investigation reads, and
// nothing else.
func Policy(w io.Writer) error {
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
	}{"2012-10-17", []statement{{"TrailverdictInvestigate", "Allow", Permissions(), "*"}}})
	if err != nil {
		return fmt.Errorf("write policy: %w", err)
	}
	return nil
}
