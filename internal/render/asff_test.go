package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

func imported(t interface{ Fatal(...any) }, findings ...incident.Finding) (batches [][]map[string]any, leftOut int) {
	var b bytes.Buffer
	leftOut, err := ASFF(&b, findings, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		var batch []map[string]any
		if err := json.Unmarshal([]byte(line), &batch); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, batch)
	}
	return batches, leftOut
}

func TestASFFBatchesBelongToOneAccountAndRegion(t *testing.T) {
	var list []incident.Finding
	for n := range 250 {
		f := opened()
		f.ID = fmt.Sprintf("tv-%04d", n)
		if n%2 == 1 {
			f.Account = "444455556666"
		}
		if n%5 == 0 {
			f.Region = "eu-west-1"
		}
		list = append(list, f)
	}
	unknown := opened()
	unknown.Account = ""
	batches, leftOut := imported(t, append(list, unknown)...)
	if leftOut != 1 {
		t.Errorf("%d findings left out, want the one without an account", leftOut)
	}
	total := 0
	for _, batch := range batches {
		total += len(batch)
		if len(batch) > 100 {
			t.Errorf("a batch of %d findings; Security Hub takes 100", len(batch))
		}
		for _, f := range batch {
			for _, field := range []string{"AwsAccountId", "Region", "ProductArn"} {
				if f[field] != batch[0][field] {
					t.Errorf("one batch holds %s %v and %v", field, f[field], batch[0][field])
				}
			}
		}
	}
	if total != 250 {
		t.Errorf("%d findings written, want 250", total)
	}
}

func TestASFFBatchesStayBelowTheSizeOfARequest(t *testing.T) {
	f := opened()
	f.NextSteps = []string{strings.Repeat("x", 4000), strings.Repeat("y", 4000)}
	for range 40 {
		f.Evidence = append(f.Evidence, incident.Evidence{Fact: strings.Repeat("ü", 4000), Weight: 1})
		f.CounterEvidence = append(f.CounterEvidence, incident.Evidence{Fact: strings.Repeat("ü", 4000), Weight: 1})
	}
	var list []incident.Finding
	for range 100 {
		list = append(list, f)
	}
	var b bytes.Buffer
	if _, err := ASFF(&b, list, ""); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(b.String()) {
		if lines++; len(line) > 6_000_000 {
			t.Errorf("a request of %d bytes; Security Hub takes 6 MB", len(line))
		}
	}
	if lines < 2 {
		t.Errorf("all of %d bytes in one request: the story is too small", b.Len())
	}
}

// TestASFFRevisionsReplaceEachOther proves that Security Hub can tell which of
// two revisions came later even where no later event was seen.
func TestASFFRevisionsReplaceEachOther(t *testing.T) {
	first, second := opened(), opened()
	first.Revision, second.Revision = 1, 2
	batches, _ := imported(t, first, second)
	a, b := batches[0][0], batches[0][1]
	if a["Id"] != b["Id"] || a["UpdatedAt"].(string) >= b["UpdatedAt"].(string) {
		t.Errorf("revisions %v at %v and %v at %v, want one finding, updated", a["Id"], a["UpdatedAt"], b["Id"], b["UpdatedAt"])
	}
}

// TestFormatsKeepTheirRules holds what comes out to the formats' own rules,
// written as JSON Schemas from their documentation, whatever an attacker puts
// where text may be chosen.
func TestFormatsKeepTheirRules(t *testing.T) {
	asffRules, ocsfRules := schema(t, "testdata/asff.schema.json"), schema(t, "testdata/ocsf.schema.json")
	holds := func(t interface{ Fatal(...any) }, f incident.Finding) {
		var one bytes.Buffer
		if err := OCSF(&one, f, "1.2.3"); err != nil {
			t.Fatal(err)
		}
		if err := ocsfRules.check(one.Bytes()); err != nil {
			t.Fatal("ocsf:", err)
		}
		one.Reset()
		if err := JSON(&one, f); err != nil {
			t.Fatal(err)
		}
		if err := schematest.Valid(one.Bytes()); err != nil {
			t.Fatal("json:", err)
		}
		one.Reset()
		if _, err := ASFF(&one, []incident.Finding{f}, "1.2.3"); err != nil {
			t.Fatal(err)
		}
		if one.Len() == 0 {
			return
		}
		if err := asffRules.check(one.Bytes()); err != nil {
			t.Fatal("asff:", err)
		}
	}
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) { holds(t, m.f) })
	}
	t.Run("any text", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			f, _ := draw(r)
			holds(r, f)
		})
	})
	t.Run("a broken one is seen", func(t *testing.T) {
		for name, broken := range map[string]struct {
			check func([]byte) error
			text  string
		}{
			"asff": {asffRules.check, `[{"SchemaVersion":"2018-10-08"}]`},
			"ocsf": {ocsfRules.check, `{"class_uid":2004}`},
			"json": {schematest.Valid, `{"schema":"trailverdict.finding/v1","verdict":"maybe"}`},
		} {
			if broken.check([]byte(broken.text)) == nil {
				t.Errorf("%s: %s passes", name, broken.text)
			}
		}
	})
}
