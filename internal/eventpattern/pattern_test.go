package eventpattern

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// vector is a line of testdata/patterns.jsonl: a pattern, an event, and what
// AWS's own matcher says about them.
type vector struct {
	Name, Why      string
	Pattern, Event json.RawMessage
	Matches        bool
	Valid          *bool // false for patterns that must be refused
}

// notFollowed are accidents of AWS's library that nobody should build on.
var notFollowed = map[string]string{
	"quirk/cidr-v4-any-takes-v6":        "0.0.0.0/0 taking IPv6",
	"quirk/cidr-v4-block-takes-v6":      "an IPv4 block taking IPv6 addresses by their first bytes",
	"quirk/cidr-v6-any-takes-v4":        "::/0 taking IPv4",
	"quirk/cidr-number":                 "a block taking bare numbers",
	"quirk/numeric-event-beyond-double": "large integers being in no range",
	"quirk/numeric-bound-beyond-double": "large integers being refused as bounds",
	"quirk/fold-sharp-s":                "one-sided folding of letters that become two",
	"quirk/fold-supplementary":          "letters outside the basic plane not folding",
}

func vectors(t *testing.T) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/patterns.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	if len(list) < 425 {
		t.Fatalf("%d vectors, want at least 425", len(list))
	}
	return list
}

func (v vector) check(t *testing.T) (agrees bool) {
	t.Helper()
	p, err := Parse(v.Pattern)
	if v.Valid != nil {
		return err != nil
	}
	if err != nil {
		t.Logf("Parse() = %v", err)
		return false
	}
	got, err := p.Matches(v.Event)
	if err != nil {
		t.Fatal(err)
	}
	return got == v.Matches
}

func TestAgreesWithAWS(t *testing.T) {
	found := map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			found[v.Name] = true
			agrees := v.check(t)
			if _, not := notFollowed[v.Name]; agrees == not {
				t.Errorf("agrees = %t, want %t: %s\npattern %s\nevent %s", agrees, !not, v.Why, v.Pattern, v.Event)
			}
		})
	}
	for name := range notFollowed {
		if !found[name] {
			t.Errorf("%s is listed as not followed and is in no vector", name)
		}
	}
}

func TestRefusesWhatIsNoJSON(t *testing.T) {
	if _, err := Parse([]byte(`{"source":["aws.iam"]`)); err == nil {
		t.Error("a pattern that breaks off is taken")
	}
	p, err := Parse([]byte(`{"source":["aws.iam"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Matches([]byte(`{"source":`)); err == nil {
		t.Error("an event that breaks off is taken")
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"0", "-0.0e9", 0},
		{"300", "3.0e2", 0},
		{"9007199254740993", "9007199254740992", 1},
		{"0.1", "0.10000000000000000001", -1},
		{"-2", "-10", 1},
		{"1e999999999999999999999", "1", 1},
		{"1e-999999999999999999999", "0", 1},
		{"0.00012", "1.2e-4", 0},
	} {
		if got := parseNumber([]byte(tt.a)).compare(parseNumber([]byte(tt.b))); got != tt.want {
			t.Errorf("compare(%s, %s) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// FuzzParse looks for patterns and events on which the matcher panics.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[{"prefix":"x"}],"$or":[{"b":[1]},{"c":[{"exists":false}]}]}`), []byte(`{"a":"xy","b":[1,[2,{"c":3}]]}`))
	f.Add([]byte(`{"a":[{"wildcard":"*\\**"}]}`), []byte(`{"a":"*"}`))
	f.Fuzz(func(_ *testing.T, pattern, event []byte) {
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		_, _ = p.Matches(event)
	})
}
