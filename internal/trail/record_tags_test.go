package trail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func tagged(t *testing.T, tags string) incident.Tagging {
	t.Helper()
	s := signalOf(t, recordOf(iam, "TagRole", byRole, params(`"roleName":"orders-api","tags":`+tags)))
	return *s.Tagging
}

func TestTagsAreBounded(t *testing.T) {
	var list []string
	for n := range 3 * maxTags {
		list = append(list, fmt.Sprintf(`{"key":"k%d","value":"v"}`, n))
	}
	if got := tagged(t, "["+strings.Join(list, ",")+"]"); len(got.Put) != maxTags || len(got.Taken) != 0 {
		t.Errorf("%d tags and %d keys are kept of %d, want %d", len(got.Put), len(got.Taken), len(list), maxTags)
	}
	longest := strings.Repeat("é ", maxTagValue/2)
	if got := tagged(t, `[{"key":"a","value":"`+longest+`"},{"key":"b","value":"`+longest+`x"},{"key":"`+strings.Repeat("k ", maxTagKey/2)+`x","value":"v"}]`); len(got.Put) != 1 || got.Put[0].Value != longest || len(got.Taken) != 1 || got.Taken[0] != "b" {
		t.Errorf("kept %v and %v, want the longest value that IAM allows, and to know of the longer one's key", got.Put, got.Taken)
	}
}

// The tags of AssumeRole are a list of keys and values, those of an identity
// provider an object.
func TestTagsInEitherForm(t *testing.T) {
	want := incident.Tag{Key: "team", Value: "orders"}
	for name, text := range map[string]string{
		"a list":              `[{"key":"team","value":"orders"}]`,
		"one, alone":          `{"key":"team","value":"orders"}`,
		"an object":           `{"team":"orders"}`,
		"the other way round": `[{"value":"orders","key":"team"}]`,
	} {
		if got := tagged(t, text); len(got.Put) != 1 || got.Put[0] != want {
			t.Errorf("%s: %v, want %v", name, got.Put, want)
		}
	}
	for name, text := range map[string]string{"nothing": `[]`, "text": `"team=orders"`, "numbers": `[1,2]`} {
		out, r := eventOf(t, recordOf(iam, "TagRole", byRole, params(`"roleName":"orders-api","tags":`+text)))
		if len(out.Signals) > 0 || r.Reason != "" || len(out.Uses) != 1 {
			t.Errorf("%s: %d signals, %d uses, %s; want a use alone", name, len(out.Signals), len(out.Uses), r.Reason)
		}
	}
}
