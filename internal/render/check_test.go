package render

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// TestChecksKeepTheSchema, whatever an attacker puts where text may be chosen.
func TestChecksKeepTheSchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, _ := draw(t)
		c := incident.Check{
			Kind: rapid.SampledFrom(incident.CheckKinds).Draw(t, "kind"), Subject: f.Subject, Account: f.Account, Region: f.Region, Time: f.FirstSeen, EventID: f.ID,
			Actor: rapid.String().Draw(t, "actor"), SourceIP: rapid.String().Draw(t, "source"), Fact: rapid.String().Draw(t, "fact"), Fix: f.Summary,
		}
		var b strings.Builder
		if err := CheckJSON(&b, c); err != nil {
			t.Fatal(err)
		}
		if err := schematest.Valid([]byte(b.String())); err != nil {
			t.Fatal(err)
		}
	})
}
