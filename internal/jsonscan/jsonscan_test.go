package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustParse(t *testing.T, s string) Value {
	t.Helper()
	v, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("Parse() = %v", err)
	}
	return v
}

func TestParseAcceptsAndRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		offset   int64 // of the error; -1 for none
	}{
		{"an empty object", `{}`, -1},
		{"white space of all four kinds around everything", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", -1},
		{"every kind of value", `{"a":null,"b":true,"c":false,"d":-1.5e+10,"e":"x","f":[],"g":{}}`, -1},
		{"every escape", `"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00"`, -1},
		{"invalid UTF-8 inside a string", "\"\xff\xfe\"", -1},
		{"a string of exactly eight bytes", `"12345678"`, -1},
		{"zero and minus zero", `[0,-0,0.0,0e0]`, -1},
		{"nothing", ``, 0},
		{"only white space", `   `, 3},
		{"an unfinished object", `{"a":1`, 6},
		{"an unfinished string", `{"a":"x`, 7},
		{"an unfinished escape", `"\`, 2},
		{"an unfinished literal", `tru`, 3},
		{"a lone minus", `-`, 1},
		{"two values", `{} {}`, 3},
		{"a trailing comma in an object", `{"a":1,}`, 7},
		{"a trailing comma in an array", `[1,]`, 3},
		{"a missing comma", `[1 2]`, 3},
		{"a missing colon", `{"a" 1}`, 5},
		{"a name without quotes", `{a:1}`, 1},
		{"single quotes", `{'a':1}`, 1},
		{"a newline in a string", "\"a\nb\"", 2},
		{"a NUL in a string behind eight good bytes", "\"abcdefgh\x00\"", 9},
		{"a NUL between values", "{\x00}", 1},
		{"an unknown escape", `"\x"`, 2},
		{"a bad hex digit", `"\u12g4"`, 5},
		{"a leading zero", `01`, 1},
		{"a leading plus", `+1`, 0},
		{"a bare fraction", `.5`, 0},
		{"a point without digits", `1.x`, 2},
		{"an exponent without digits", `1ex`, 2},
		{"a misspelt literal", `nulL`, 3},
		{"a wrong closer", `[1}`, 2},
		{"a byte order mark", "\xef\xbb\xbf{}", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.in))
			if got := errorOffset(t, err); got != tt.offset {
				t.Errorf("Parse() = %v, want error at %d", err, tt.offset)
			}
			if std := json.Valid([]byte(tt.in)); std != (tt.offset < 0) {
				t.Errorf("encoding/json says valid = %t", std)
			}
		})
	}
}

// errorOffset is where a SyntaxError is, or -1 if there is none.
func errorOffset(t *testing.T, err error) int64 {
	t.Helper()
	if err == nil {
		return -1
	}
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("error is a %T, want *SyntaxError", err)
	}
	return syntax.Offset
}

func TestErrorsAreToldApart(t *testing.T) {
	tests := []struct {
		in        string
		end, deep bool
	}{
		{`{"a":[1,`, true, false},
		{`{"a":x}`, false, false},
		{strings.Repeat("[", MaxDepth+1), false, true},
		{strings.Repeat("[", MaxDepth), true, false},
		{strings.Repeat(`{"a":`, MaxDepth+1), false, true},
		{strings.Repeat("[", 10_000_000), false, true},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.in))
		if got := errors.Is(err, ErrUnexpectedEnd); got != tt.end {
			t.Errorf("%.20s…: unexpected end = %t, want %t", tt.in, got, tt.end)
		}
		if got := errors.Is(err, ErrTooDeep); got != tt.deep {
			t.Errorf("%.20s…: too deep = %t, want %t", tt.in, got, tt.deep)
		}
		if err != nil && strings.Contains(err.Error(), "[1,") {
			t.Errorf("error %q quotes the input", err)
		}
	}
	deepest := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	mustParse(t, deepest)
}

func TestNextTellsWhereTheValueEnds(t *testing.T) {
	b := []byte("  {\"a\":1}\n[2] \"x\"")
	var f Fields
	var got []string
	for len(bytes.TrimSpace(b)) > 0 {
		v, n, err := f.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(v.Raw()))
		b = b[n:]
	}
	if diff := cmp.Diff([]string{`{"a":1}`, `[2]`, `"x"`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestGet(t *testing.T) {
	const in = `{"a":{"b":{"c":"deep"}},"list":[{"x":1}],"dup":1,"\u0064up":2,"Dup":3,"nul":null,"é":"ü"}`
	var f Fields
	indexed, _, err := f.Next([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	stale := indexed
	for name, v := range map[string]Value{"walked": mustParse(t, in), "indexed": indexed} {
		t.Run(name, func(t *testing.T) {
			tests := []struct {
				path []string
				kind Kind
				raw  string
			}{
				{[]string{"a", "b", "c"}, String, `"deep"`},
				{[]string{"a", "b"}, Object, `{"c":"deep"}`},
				{[]string{"dup"}, Number, `2`},
				{[]string{"Dup"}, Number, `3`},
				{[]string{"DUP"}, Missing, ``},
				{[]string{"nul"}, Null, `null`},
				{[]string{"nul", "x"}, Missing, ``},
				{[]string{"list", "x"}, Missing, ``},
				{[]string{"é"}, String, `"ü"`},
				{[]string{""}, Missing, ``},
			}
			for _, tt := range tests {
				got := v.Get(tt.path...)
				if got.Kind() != tt.kind || string(got.Raw()) != tt.raw {
					t.Errorf("Get(%q) = %s %s, want %s %s", tt.path, got.Kind(), got.Raw(), tt.kind, tt.raw)
				}
			}
		})
	}
	if _, _, err := f.Next([]byte(`{"dup":"of another record"}`)); err != nil {
		t.Fatal(err)
	}
	if got := stale.Get("dup"); string(got.Raw()) != "2" {
		t.Errorf("a value kept beyond the next use of its index reads %s, want 2", got.Raw())
	}
}

// TestWithin reads objects inside others: indexed with them, indexed when they
// are asked for, and after their index was used for another one.
func TestWithin(t *testing.T) {
	var f, inner Fields
	f.Within("a", &inner)
	for name, in := range map[string]string{
		"plain":                      `{"x":0,"a":{"b":1,"c":2}}`,
		"the last duplicate counts":  `{"a":{"b":3},"a":{"b":1,"c":2}}`,
		"an escaped name":            `{"\u0061":{"b":1,"c":2}}`,
		"a duplicate with an escape": `{"a":{"b":3},"\u0061":{"b":1,"c":2}}`,
		"white space":                ` { "a" : { "b" : 1 , "c" : 2 } } `,
		"more than an index holds":   `{"a":{"b":1` + pads(maxFields) + `,"c":2}}`,
	} {
		t.Run(name, func(t *testing.T) {
			v, _, err := f.Next([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			a, later := v.Get("a"), inner.Of(v.Get("a"))
			for range 2 {
				if string(a.Get("b").Raw()) != "1" || string(later.Get("c").Raw()) != "2" || string(v.Get("a", "c").Raw()) != "2" {
					t.Errorf("b is %s, c is %s", a.Get("b").Raw(), later.Get("c").Raw())
				}
				if _, _, err := inner.Next([]byte(`{"c":0,"b":0}`)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for _, in := range []string{`{"a":{`, `{"a":`, `{"a`, `{"a":{"b":1]}`} {
		if _, _, err := f.Next([]byte(in)); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
	v, _, err := f.Next([]byte(`{"a":[{"b":1}]}`))
	if err != nil || inner.Of(v.Get("a")).Kind() != Array || inner.Of(v.Get("none")).Kind() != Missing {
		t.Error("what is no object was indexed")
	}
}

func TestObjectsBeyondTheIndexAreWalked(t *testing.T) {
	var f Fields
	for _, in := range []string{
		`{"first":"yes"` + pads(3*maxFields) + `,"last":"yes"}`,
		`{"first":"yes","last":"yes"}`,
		`{"first":"no","last":"yes","first":"yes"` + pads(maxFields-2) + `}`,
		`{"first":"yes","` + strings.Repeat("long", longestName) + `":1,"last":"yes"}`,
		`{"last":"yes","first":"yes"}`,
	} {
		v, _, err := f.Next([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if !v.Get("first").Is("yes") || !v.Get("last").Is("yes") || v.Get("other").Kind() != Missing {
			t.Errorf("a member of a large object was not found, or one that is not there: %.60s", in)
		}
	}
}

// pads are n members of different names, each with the comma before it.
func pads(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"pad%d":0`, i)
	}
	return b.String()
}

// TestAnIndexLearnsNames reads object after object with one index. What it learnt
// from those before must not show.
func TestAnIndexLearnsNames(t *testing.T) {
	names := []string{`a`, `b`, `c`, `\u0061`, `é`, ``, `a":`, strings.Repeat("n", longestName-2), strings.Repeat("n", longestName)}
	name := rapid.SampledFrom(names)
	values := []string{`1`, `"x"`, ` {} `, `{"a":1,"b":2}`, `{"b":{"a":3}}`, `[]`, `{"b":1`, `"x`, ``, `tru`}
	rapid.Check(t, func(t *rapid.T) {
		var f, inner Fields
		f.Within("a", &inner)
		inner.Within("b", &Fields{})
		for range rapid.IntRange(1, 6).Draw(t, "objects") {
			var members []string
			for range rapid.IntRange(0, 6).Draw(t, "members") {
				colon := rapid.SampledFrom([]string{":", ":", ":", " :", ": ", "\n:\n", ""}).Draw(t, "colon")
				members = append(members, `"`+name.Draw(t, "name")+`"`+colon+rapid.SampledFrom(values).Draw(t, "value"))
			}
			b := []byte("{" + strings.Join(members, rapid.SampledFrom([]string{",", ",", " ,", ", "}).Draw(t, "comma")) + "}")
			want, wantN, wantErr := Next(b)
			got, n, err := f.Next(b)
			if diff := cmp.Diff(wantErr, err); diff != "" || n != wantN {
				t.Fatalf("%s: %v after %d bytes, want %v after %d", b, err, n, wantErr, wantN)
			}
			for _, path := range [][]string{{"a"}, {"b"}, {"c"}, {"é"}, {""}, {names[7]}, {names[8]}, {"a", "a"}, {"a", "b"}, {"a", "b", "a"}} {
				if want, got := want.Get(path...).Raw(), got.Get(path...).Raw(); string(got) != string(want) {
					t.Fatalf("%s: %q is %s, want %s", b, path, got, want)
				}
			}
		}
	})
}

func TestTolerantAccessors(t *testing.T) {
	v := mustParse(t, `{"yes":true,"no":false,"Yes":"TRUE","No":"False","maybe":"maybe","n":42,"neg":"-7","exp":1e3,"frac":1.5,
		"whole":5.0,"huge":1e300,"max":9223372036854775807,"over":9223372036854775808,"text":"é\ud800\u0041","obj":{},"none":null}`)
	for name, want := range map[string][2]bool{
		"yes": {true, true}, "no": {false, true}, "Yes": {true, true}, "No": {false, true},
		"maybe": {false, false}, "n": {false, false}, "absent": {false, false},
	} {
		if val, ok := v.Get(name).Bool(); val != want[0] || ok != want[1] {
			t.Errorf("%s: Bool() = %t, %t, want %v", name, val, ok, want)
		}
	}
	for name, want := range map[string]int64{"n": 42, "neg": -7, "exp": 1000, "whole": 5, "max": math.MaxInt64} {
		if got, ok := v.Get(name).Int(); got != want || !ok {
			t.Errorf("%s: Int() = %d, %t, want %d", name, got, ok, want)
		}
	}
	for _, name := range []string{"frac", "huge", "over", "maybe", "yes", "obj", "none", "absent"} {
		if got, ok := v.Get(name).Int(); ok {
			t.Errorf("%s: Int() = %d, want none", name, got)
		}
	}
	if s, ok := v.Get("text").Text(); s != "é\ufffdA" || !ok {
		t.Errorf("Text() = %q, %t", s, ok)
	}
	if s, ok := v.Get("n").Text(); s != "" || ok {
		t.Errorf("Text() of a number = %q, %t", s, ok)
	}
}

func TestOneCountsAsAListOfOne(t *testing.T) {
	v := mustParse(t, `{"list":[1,2],"one":{"a":1},"text":"x","none":null,"empty":[]}`)
	for name, want := range map[string][]string{"list": {"1", "2"}, "one": {`{"a":1}`}, "text": {`"x"`}, "none": nil, "empty": nil, "absent": nil} {
		var got []string
		v.Get(name).Elements(func(_ int, e Value) bool {
			got = append(got, string(e.Raw()))
			return true
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWalksStopWhenTold(t *testing.T) {
	v := mustParse(t, `{"a":[1,2,3],"b":2}`)
	n := 0
	v.Members(func(string, Value) bool { n++; return false })
	v.Get("a").Elements(func(i int, _ Value) bool { n++; return i < 1 })
	if n != 3 {
		t.Errorf("%d calls, want 1 member and 2 elements", n)
	}
}

func TestCanonical(t *testing.T) {
	same := []string{
		`{"a":1,"b":["\u0041\n",{"y":2,"x":null}]}`,
		"{ \"b\" : [ \"A\\u000a\", {\"x\":null, \"y\":2}],\n\"a\":0,\"a\":1}",
	}
	const want = `{"a":1,"b":["A\u000a",{"x":null,"y":2}]}`
	for _, in := range same {
		if got := string(mustParse(t, in).Canonical()); got != want {
			t.Errorf("Canonical() = %s, want %s", got, want)
		}
	}
	for in, want := range map[string]string{`{}`: `{}`, ` [ ] `: `[]`, `"\/\"\\"`: `"/\"\\"`, `1.50`: `1.50`} {
		if got := string(mustParse(t, in).Canonical()); got != want {
			t.Errorf("Canonical() = %s, want %s", got, want)
		}
	}
	if got := (Value{}).Canonical(); len(got) != 0 {
		t.Errorf("Canonical() of nothing = %s", got)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	record := []byte(`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}},
		"eventName":"DescribeInstances","resources":[{"ARN":"a"},{"ARN":"b"}],"requestParameters":null,"readOnly":true}`)
	var f Fields
	if _, _, err := f.Next(record); err != nil {
		t.Fatal(err)
	}
	found := 0
	allocs := testing.AllocsPerRun(100, func() {
		v, _, err := f.Next(record)
		if err == nil && v.Get("eventName").Is("DescribeInstances") && v.Get("userIdentity", "sessionContext", "attributes", "mfaAuthenticated").Is("false") {
			found++
		}
		v.Get("resources").Elements(func(_ int, e Value) bool { return e.Get("ARN").Is("a") })
	})
	if allocs != 0 || found == 0 {
		t.Errorf("%v allocations, found %d times", allocs, found)
	}
}

// decode turns v into what encoding/json makes of it.
func decode(v Value) any {
	switch v.Kind() {
	case Object:
		m := map[string]any{}
		v.Members(func(name string, e Value) bool { m[name] = decode(e); return true })
		return m
	case Array:
		list := []any{}
		v.Elements(func(_ int, e Value) bool { list = append(list, decode(e)); return true })
		return list
	case String:
		return v.Str()
	case Number:
		return json.Number(v.Raw())
	case Bool:
		b, _ := v.Bool()
		return b
	}
	return nil
}

// checkAgainstStandard holds our reading of b against encoding/json's.
func checkAgainstStandard(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, b []byte,
) {
	v, err := Parse(b)
	if valid := json.Valid(b); valid != (err == nil) {
		if errors.Is(err, ErrTooDeep) {
			return // encoding/json allows 10,000 levels
		}
		t.Fatalf("valid = %t, Parse() = %v", valid, err)
	}
	var f, inner, innermost Fields
	f.Within("a", &inner)
	inner.Within("a", &innermost)
	_, wantN, wantErr := Next(b)
	var indexed Value
	for range 2 { // the second time all names are known
		var n int
		var ferr error
		if indexed, n, ferr = f.Next(b); n != wantN || !reflect.DeepEqual(ferr, wantErr) {
			t.Fatalf("Next() = %d, %v; Fields.Next() = %d, %v", wantN, wantErr, n, ferr)
		}
	}
	if err != nil {
		return
	}
	var want any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&want); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	if diff := cmp.Diff(want, decode(v)); diff != "" {
		t.Errorf("decoded differently (-encoding/json +jsonscan):\n%s", diff)
	}
	v.Members(func(name string, _ Value) bool {
		if a, b := v.Get(name), indexed.Get(name); !bytes.Equal(a.Raw(), b.Raw()) || a.Kind() == Missing {
			t.Errorf("Get(%q) = %s walked, %s indexed", name, a.Raw(), b.Raw())
		}
		return true
	})
	for _, path := range [][]string{{"a"}, {"a", "a"}} {
		v, indexed := v.Get(path...), indexed.Get(path...)
		v.Members(func(name string, _ Value) bool {
			if a, b := v.Get(name), indexed.Get(name); !bytes.Equal(a.Raw(), b.Raw()) {
				t.Errorf("Get(%q) within %q = %s walked, %s indexed", name, path, a.Raw(), b.Raw())
			}
			return true
		})
	}
	checkCanonical(t, v)
}

func checkCanonical(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, v Value,
) {
	once := v.Canonical()
	w, err := Parse(once)
	if err != nil {
		t.Fatalf("Canonical() is no JSON: %v", err)
	}
	if twice := w.Canonical(); !bytes.Equal(once, twice) {
		t.Errorf("Canonical() of %s = %s", once, twice)
	}
	if !utf8.Valid(once) && utf8.Valid(v.Raw()) {
		t.Errorf("Canonical() made invalid UTF-8")
	}
	if diff := cmp.Diff(decode(v), decode(w)); diff != "" {
		t.Errorf("Canonical() changed the value:\n%s", diff)
	}
}

// jsonText draws JSON in odd shapes: white space, escapes, duplicates.
func jsonText(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t", "\r\n"})
	pad := func(s string) string { return space.Draw(t, "pad") + s + space.Draw(t, "pad") }
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return pad(rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "literal"))
	case 1:
		return pad(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number"))
	case 2, 3, 4:
		return pad(jsonString(t))
	case 5:
		parts := make([]string, rapid.IntRange(0, 4).Draw(t, "len"))
		for i := range parts {
			parts[i] = jsonText(t, depth-1)
		}
		return pad("[" + strings.Join(parts, ",") + space.Draw(t, "pad") + "]")
	}
	parts := make([]string, rapid.IntRange(0, 5).Draw(t, "len"))
	for i := range parts {
		parts[i] = pad(jsonString(t)) + ":" + jsonText(t, depth-1)
	}
	return pad("{" + strings.Join(parts, ",") + space.Draw(t, "pad") + "}")
}

func jsonString(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{"a", "b", "eventName", `\"`, `\\`, `\/`, `\n`, `\u0061`, `\u00E9`, `\ud83d\ude00`, `\ud83d`, `\ude00`, "é", "日本", "{", "}", "[", ",", ":", "\x7f", "\xff", "\xc3"})
	return `"` + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "") + `"`
}

func TestReadsWhatTheStandardLibraryReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkAgainstStandard(t, []byte(jsonText(t, 4)))
	})
}

func TestRefusesWhatTheStandardLibraryRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(jsonText(t, 3))
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			b[i] = rapid.SampledFrom([]byte("{}[]\",:\\ 0-.eutfn\x00\n\xff")).Draw(t, "byte")
		}
		checkAgainstStandard(t, b[:rapid.IntRange(0, len(b)).Draw(t, "cut")])
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:s","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:00:00Z","eventName":"PutRolePolicy","requestParameters":{"policyDocument":"{\n \"Version\": \"2012-10-17\"}"},"responseElements":null,"readOnly":false}`,
		`{"Records":[{"a":1},{"a":2}]}`,
		"[1,-0.5e+7,\"\\ud83d\\ude00\\ud83d\",\"\xff\",true,null]",
		`{"a":1,"\u0061":2,"a":{"b":[[[]]]}}`,
		`"\u12`, `{"a"`, `[1,]`, `nul`, "\"\x00\"", `1.`, `-`,
		strings.Repeat("[", MaxDepth+1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkAgainstStandard(t, b) })
}

func BenchmarkNext(b *testing.B) {
	record := []byte(`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAQRSTUVWXYZ234567A:payments","arn":"arn:aws:sts::111122223333:assumed-role/payments-role/payments","accountId":"111122223333","accessKeyId":"ASIAQRSTUVWXYZ234567","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAQRSTUVWXYZ234567A","arn":"arn:aws:iam::111122223333:role/payments-role","accountId":"111122223333","userName":"payments-role"},"attributes":{"creationDate":"2026-03-01T09:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-sdk-go-v2/1.30.3 ua/2.0 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#arm64 api/ec2#1.173.0","requestParameters":{"maxResults":100,"instancesSet":{},"filterSet":{}},"responseElements":null,"requestID":"6f1c2f6e-6b1e-4a8e-9a53-0a3b7d1f1b11","eventID":"0c2b2d0a-76a9-4b5b-b5ae-2e4f8c1f7c55","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"ec2.eu-west-1.amazonaws.com"}}`)
	b.Run("jsonscan", func(b *testing.B) {
		b.SetBytes(int64(len(record)))
		b.ReportAllocs()
		var f Fields
		for b.Loop() {
			if v, _, err := f.Next(record); err != nil || v.Get("eventSource").Is("iam.amazonaws.com") {
				b.Fatal("misread")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(record)))
		b.ReportAllocs()
		for b.Loop() {
			var r struct {
				EventSource, EventName, EventTime string
				UserIdentity                      struct {
					Type, ARN, AccountID, AccessKeyID string
					SessionContext                    struct{ SessionIssuer struct{ ARN string } }
				}
			}
			if err := json.Unmarshal(record, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestPlainBytesCanBeSeen(t *testing.T) {
	for at := range 8 {
		for c := range 256 {
			b := []byte("01234567")
			b[at] = byte(c)
			if got, want := Plain(binary.LittleEndian.Uint64(b)), c >= ' ' && c <= '~' && c != '"' && c != '\\'; got != want {
				t.Errorf("Plain(%q) = %t", b, got)
			}
		}
	}
}
