package investigate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// TestNamesComeOutHarmlessInJSON, since session names may be chosen by anybody and
// JSON is looked at on terminals, too.
func TestNamesComeOutHarmlessInJSON(t *testing.T) {
	const evil = "x\x1b[2J\u009b31m\u202egnp\u2066"
	r := Result{}
	r.Principal = incident.Principal{Name: evil}
	r.Keys = []*Key{{ID: "ASIAQEXAMPLE00000001", Issuance: &Issuance{Session: evil, By: evil}}}
	var b strings.Builder
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u009b\u202e\u2066") {
		t.Errorf("harmful characters come out: %q", b.String())
	}
	var back struct{ Principal string }
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back.Principal != evil {
		t.Errorf("the name is read back as %q, %v", back.Principal, err)
	}
}
