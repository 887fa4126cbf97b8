package jsonscan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkPattern holds what a pattern of one value says of others to Skip, again
// and again, since it learns from each.
func checkPattern(t interface {
	Helper()
	Fatalf(string, ...any)
}, value []byte, others ...[]byte,
) {
	t.Helper()
	start, n := skipSpace(value, 0), 0
	end, ok := Skip(value, start, 1)
	if !ok {
		return
	}
	var p Pattern
	p.Set(value[start:end])
	for range 2 {
		for _, b := range append(others, value[start:end]) {
			got, ok := p.Skip(b, 0)
			if !ok {
				continue
			}
			n++
			if want, valid := Skip(b, 0, 1); !valid || got != want {
				t.Fatalf("after %q, Pattern.Skip(%q) = %d, Skip() = %d, %t", value, b, got, want, valid)
			}
		}
	}
	if n < 2 && end-start <= maxPattern && (value[start] == '{' || value[start] == '[') {
		t.Fatalf("the pattern of %q is not like itself", value)
	}
}

func TestPatternsKnowWhatIsAlike(t *testing.T) {
	var p Pattern
	if _, ok := p.Skip([]byte(`{}`), 0); ok {
		t.Error("no pattern is like something")
	}
	p.Set([]byte(`{"a":"x","n":[10,-2.5],"t":true}`))
	for in, want := range map[string]bool{
		`{"a":"x","n":[10,-2.5],"t":true}`:          true,
		`{"a":"longer","n":[10,-2.5],"t":true},`:    true,
		`{"a":"","n":[1,2e9],"t":true}`:             true,
		`{"b":"\u00e9\"","n":[0,-2.5],"t":true}`:    true,
		`{"a":"x","n":[10,-2.5],"t":false}`:         false,
		`{"a":"x","n":[10,-2.5,1],"t":true}`:        false,
		`{"a":"x","n":["10",-2.5],"t":true}`:        false,
		`{"a":"x", "n":[10,-2.5],"t":true}`:         false,
		`{"a":"x","n":[10,-2.5],"t":true`:           false,
		`{"a":"x`:                                   false,
		`{"a":"x","n":[010,-2.5],"t":true}`:         false,
		`{"a":"x","n":[10,-2.],"t":true}`:           false,
		"{\"a\":\"\n\",\"n\":[10,-2.5],\"t\":true}": false,
		`{"a":"\x","n":[10,-2.5],"t":true}`:         false,
		``:                                          false,
	} {
		for range 2 {
			if _, ok := p.Skip([]byte(in), 0); ok != want {
				t.Errorf("%s is alike = %t, want %t", in, ok, want)
			}
		}
	}
	p.Set([]byte(`["` + strings.Repeat("x", maxPattern) + `"]`))
	if _, ok := p.Skip([]byte(`["x"]`), 0); ok {
		t.Error("what is too large was remembered")
	}
}

// A stream is read in pieces, and a value that a piece cuts off comes again.
func TestWhatIsCutOffTeachesNothing(t *testing.T) {
	value := []byte(`{"a":"x","n":[10,-2.5],"t":true}`)
	var p Pattern
	p.Set(value)
	for i := range value {
		if _, ok := p.Skip(value[:i], 0); ok {
			t.Errorf("%s is alike", value[:i])
		}
	}
	if len(p.loose) > 0 {
		t.Errorf("%d strings and numbers are taken to differ", len(p.loose))
	}
}

func TestPatternsTellTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := []byte(jsonText(t, 3))
		var others [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "others") {
			b := []byte(strings.TrimSpace(string(value)))
			for range rapid.IntRange(1, 3).Draw(t, "edits") {
				i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
				b[i] = rapid.SampledFrom([]byte("{}[]\",:\\ 0-.eutfn\x00\n\xffab12")).Draw(t, "byte")
			}
			others = append(others, b[:rapid.IntRange(0, len(b)).Draw(t, "cut")])
		}
		checkPattern(t, value, others...)
	})
}

func FuzzPattern(f *testing.F) {
	f.Add([]byte(`{"a":"x","n":[10,-2.5],"t":true}`), []byte(`{"a":"longer","n":[1,2e9],"t":true}`), []byte(`{"a":"\u00e9","n":[0,-2.5],"t":true}`))
	f.Add([]byte(`[1,"a",{"b":[]}]`), []byte(`[10,"",{"b":[]}]`), []byte(`[1,"a",{"b":[]`))
	f.Add([]byte(`["a","b"]`), []byte(`["a\"","b"]`), []byte(`["a,","b"]`))
	f.Fuzz(func(t *testing.T, value, b, c []byte) { checkPattern(t, value, b, c) })
}
