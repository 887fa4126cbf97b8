package policy

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// sketch is a statement before it is written down: every list is a set, and
// the writing is free to choose among the ways that IAM reads alike.
type sketch struct {
	effect     string
	not        bool
	principals map[string][]string // by type; "*" stands alone
	actions    []string
	conditions map[string]map[string][]string
}

var (
	someAWS = []string{
		"*", "111122223333", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/ci", "444455556666",
		"arn:aws:iam::999988887777:root", "arn:aws:iam::999988887777:role/x", "AROAQWERTYUIOPASDFGHJ", "nobody",
	}
	someProviders = []string{
		"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
		"arn:aws:iam::999988887777:oidc-provider/gitlab.com",
		"arn:aws:iam::111122223333:saml-provider/Corporate", "cognito-identity.amazonaws.com",
	}
	someServices   = []string{"ec2.amazonaws.com", "rolesanywhere.amazonaws.com", "x.example.com", "*"}
	someActions    = []string{"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity", "sts:*", "*", "s3:GetObject"}
	someConditions = map[string][]string{
		"aws:PrincipalOrgID":                      {"o-ours123456", "o-theirs9999", "o-*", "${aws:ResourceOrgID}"},
		"aws:PrincipalAccount":                    {"111122223333", "999988887777", "*"},
		"aws:PrincipalArn":                        {"arn:aws:iam::111122223333:role/*", "arn:aws:iam::*:role/x"},
		"aws:SourceAccount":                       {"111122223333", "999988887777"},
		"sts:ExternalId":                          {"a", "b", "*"},
		"token.actions.githubusercontent.com:sub": {"repo:acme/*", "repo:acme/app:*", "repo:acme/app:ref:refs/heads/main", "repo:mallory/x:*", "*"},
		"token.actions.githubusercontent.com:aud": {"sts.amazonaws.com", "*"},
		"SAML:aud":                                {"https://signin.aws.amazon.com/saml"},
		"cognito-identity.amazonaws.com:aud":      {"p-1", "p-2"},
	}
	someOperators = []string{
		"StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase", "StringEqualsIfExists",
		"StringNotEqualsIfExists", "ForAnyValue:StringLike", "ForAllValues:StringLike", "ForAnyValue:StringNotEquals", "ArnLike",
	}
	otherConditions = []struct{ operator, key, value string }{
		{"Bool", "aws:MultiFactorAuthPresent", "true"},
		{"BoolIfExists", "aws:MultiFactorAuthPresent", "false"},
		{"Null", "aws:PrincipalOrgID", "false"},
		{"Null", "sts:ExternalId", "true"},
		{"IpAddress", "aws:SourceIp", "198.51.100.0/24"},
		{"NotIpAddress", "aws:SourceIp", "0.0.0.0/0"},
		{"NumericLessThan", "aws:MultiFactorAuthAge", "300"},
	}
)

func drawSketch(t *rapid.T, effect string) sketch {
	s := sketch{
		effect:     effect,
		not:        rapid.IntRange(0, 9).Draw(t, "not principal") == 0,
		principals: map[string][]string{},
		actions:    drawSome(t, someActions, 1, 3),
		conditions: drawConditions(t),
	}
	switch rapid.IntRange(0, 4).Draw(t, "principal type") {
	case 0:
		s.principals["*"] = []string{"*"}
	case 1:
		s.principals["Federated"] = drawSome(t, someProviders, 1, 2)
	case 2:
		s.principals["Service"] = drawSome(t, someServices, 1, 2)
		fallthrough
	default:
		s.principals["AWS"] = drawSome(t, someAWS, 1, 3)
	}
	return s
}

func drawConditions(t *rapid.T) map[string]map[string][]string {
	conditions := map[string]map[string][]string{}
	add := func(operator, key string, values []string) {
		if conditions[operator] == nil {
			conditions[operator] = map[string][]string{}
		}
		conditions[operator][key] = values
	}
	keys := make([]string, 0, len(someConditions))
	for key := range someConditions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		key := rapid.SampledFrom(keys).Draw(t, "key")
		add(rapid.SampledFrom(someOperators).Draw(t, "operator"), key, drawSome(t, someConditions[key], 1, 3))
	}
	if rapid.Bool().Draw(t, "other condition") {
		c := rapid.SampledFrom(otherConditions).Draw(t, "condition")
		add(c.operator, c.key, []string{c.value})
	}
	return conditions
}

func drawSome(t *rapid.T, from []string, least, most int) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, min(most, len(from)), rapid.ID).Draw(t, "some")
}

func drawPolicy(t *rapid.T) []sketch {
	var list []sketch
	for range rapid.IntRange(1, 4).Draw(t, "statements") {
		list = append(list, drawSketch(t, rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect")))
	}
	return list
}

// write writes a policy plainly.
func write(statements []sketch) string { return plainly.write(statements) }

// style is a way to write a policy down.
type style struct {
	flip func(name string) bool         // write a name in another case
	list func(values []string) []string // in which order
	bare func() bool                    // write a list of one without brackets
}

var plainly = style{
	flip: func(string) bool { return false },
	list: func(values []string) []string { return values },
	bare: func() bool { return false },
}

func (w style) write(statements []sketch) string {
	list := []any{}
	for _, s := range statements {
		element := "Principal"
		if s.not {
			element = "NotPrincipal"
		}
		list = append(list, map[string]any{
			w.name("Effect"):    w.name(s.effect),
			w.name(element):     w.principal(s.principals),
			w.name("Action"):    w.values(s.actions, w.name),
			w.name("Condition"): w.conditions(s.conditions),
		})
	}
	var whole any = list
	if len(list) == 1 && w.bare() {
		whole = list[0]
	}
	b, err := json.Marshal(map[string]any{w.name("Version"): "2012-10-17", w.name("Statement"): whole})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w style) name(s string) string {
	if !w.flip(s) {
		return s
	}
	flipped := []rune(s)
	for i, r := range flipped {
		if unicode.IsUpper(r) {
			flipped[i] = unicode.ToLower(r)
		} else {
			flipped[i] = unicode.ToUpper(r)
		}
	}
	return string(flipped)
}

func (w style) values(values []string, name func(string) string) any {
	values = w.list(values)
	if len(values) == 1 && w.bare() {
		return name(values[0])
	}
	list := []string{}
	for _, v := range values {
		list = append(list, name(v))
	}
	return list
}

func (w style) principal(byType map[string][]string) any {
	if byType["*"] != nil {
		return "*"
	}
	m := map[string]any{}
	for kind, names := range byType {
		m[w.name(kind)] = w.values(names, asWritten)
	}
	return m
}

func (w style) conditions(byOperator map[string]map[string][]string) any {
	m := map[string]any{}
	for operator, keys := range byOperator {
		inner := map[string]any{}
		for key, values := range keys {
			inner[w.name(key)] = w.values(values, asWritten)
		}
		m[w.name(operator)] = inner
	}
	return m
}

// rewrite writes the same policy in another way.
func rewrite(t *rapid.T, statements []sketch) string {
	flips := rapid.SliceOfN(rapid.Bool(), 16, 16).Draw(t, "flips")
	n := 0
	next := func() bool { n++; return flips[n%len(flips)] }
	w := style{
		flip: func(string) bool { return next() },
		list: func(values []string) []string {
			values = slices.Clone(values)
			if next() {
				slices.Reverse(values)
			}
			return append(values, values[0]) // a repetition means nothing
		},
		bare: next,
	}
	if rapid.Bool().Draw(t, "no repetitions") {
		w.list = func(values []string) []string { return values }
	}
	text := w.write(rapid.Permutation(statements).Draw(t, "order"))
	switch rapid.IntRange(0, 3).Draw(t, "wrapping") {
	case 0:
		text = url.QueryEscape(text)
	case 1:
		text = strings.NewReplacer(`,"`, ",\n\t\"", `":`, `" : `).Replace(text)
	case 2:
		text = "\ufeff\n" + text + "\n"
	}
	return text
}

func readDrawn(t *rapid.T, document string) Document {
	d, err := Parse(document)
	if err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return d
}

// assess compares two documents; an empty one is an unknown policy.
func assess(before, then string) Assessment {
	if before == "" {
		return Assess(nil, Trust(then), us)
	}
	p := Trust(before)
	return Assess(&p, Trust(then), us)
}

// TestWritingMakesNoDifference: order, case, lists, white space and encoding
// change no conclusion.
func TestWritingMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, then := drawPolicy(t), drawPolicy(t)
		other := rewrite(t, then)
		readDrawn(t, other)
		for name, base := range map[string]string{"unknown": "", "known": write(before), "known, rewritten": rewrite(t, before)} {
			want := assess(strings.TrimSuffix(base, " "), write(then))
			got := assess(base, other)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Assessment{})); diff != "" {
				t.Fatalf("with a base that is %s\n%s\n%s\nand\n%s\ndiffer (-want +got):\n%s", name, base, write(then), other, diff)
			}
		}
		if a := assess(write(then), other); a.Level() != Unchanged {
			t.Fatalf("%s\nand\n%s\ndiffer: %v", write(then), other, a.Findings)
		}
	})
}

// TestSameIsUnchanged: a policy compared with itself opens nothing, however
// open it is.
func TestSameIsUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := write(drawPolicy(t))
		if a := assess(p, p); a.Level() != Unchanged || a.Gained != nil || a.Lost != nil || !cmp.Equal(a.OpenedTo, Openings{}) {
			t.Fatalf("%s against itself: %+v", p, a)
		}
	})
}

// TestNarrowingNeverOpens: one more deny, one more condition, one statement
// less leaves nobody with more than before.
func TestNarrowingNeverOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		narrowed := slices.Clone(p)
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			narrowed = rapid.Permutation(append(narrowed, drawSketch(t, "Deny"))).Draw(t, "order")
		case 1:
			narrowed = slices.DeleteFunc(narrowed, func(s sketch) bool { return s.effect == "Allow" && s.not })
		case 2:
			for i, s := range narrowed {
				if s.effect != "Allow" {
					continue
				}
				more := drawConditions(t)
				for operator, keys := range s.conditions {
					more[operator] = keys
				}
				narrowed[i].conditions = more
				break
			}
		}
		if a := assess(write(p), write(narrowed)); a.Level() > Narrowed || len(a.Gained) > 0 {
			t.Fatalf("%s\nnarrowed to\n%s\nis %s: %v", write(p), write(narrowed), a.Level(), a.Findings)
		}
	})
}

// TestWideningIsSeen: a stranger who joins is found, whatever else is there,
// unless somebody denies everything or everybody was in before.
func TestWideningIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := slices.DeleteFunc(drawPolicy(t), func(s sketch) bool { return s.effect == "Deny" })
		stranger := sketch{effect: "Allow", principals: map[string][]string{"AWS": {"888877776666"}}, actions: []string{"sts:AssumeRole"}}
		wider := append(slices.Clone(p), stranger)
		a := assess(write(p), write(wider))
		everybody := assess("", write(p)).AdmitsAccount("888877776666")
		if !a.Opened() && !everybody {
			t.Fatalf("%s\nwidened to\n%s\nis %s", write(p), write(wider), a.Level())
		}
		if a.Opened() && !a.AdmitsAccount("888877776666") {
			t.Fatalf("%s\nopens, but not to the stranger: %+v", write(wider), a.OpenedTo)
		}
	})
}

// TestRevocationIgnoresWriting: the same for denies by issue time.
func TestRevocationIgnoresWriting(t *testing.T) {
	conditions := []string{
		when("DateLessThan", "aws:TokenIssueTime", "2026-03-04T09:15:00Z"),
		when("DateLessThanEquals", "aws:TokenIssueTime", "2026-02-04T09:15:00Z"),
		when("StringEquals", "aws:SourceIdentity", "eve", "mallory"),
		when("StringLike", "aws:userId", "*:eve"),
		when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"),
	}
	rapid.Check(t, func(t *rapid.T) {
		var statements []string
		for range rapid.IntRange(1, 4).Draw(t, "statements") {
			what := rapid.SampledFrom([]string{`"Action":"*","Resource":"*"`, `"Action":["*"],"Resource":["*"]`, `"NotAction":["s3:*"],"Resource":"*"`, `"Action":"s3:*","Resource":"*"`}).Draw(t, "what")
			statements = append(statements, denying(what, drawSome(t, conditions, 0, 2)...))
		}
		want := Revocation(readDrawn(t, doc(statements...)))
		shuffled := doc(rapid.Permutation(statements).Draw(t, "order")...)
		other := strings.NewReplacer(`["*"]`, `"*"`, "DateLessThan", "dateLessTHAN", "aws:", "AWS:", "Deny", "deny", `"eve","mallory"`, `"mallory","eve"`, ",", " ,\n").Replace(shuffled)
		if diff := cmp.Diff(want, Revocation(readDrawn(t, other))); diff != "" {
			t.Fatalf("%s\nand\n%s\ndiffer (-want +got):\n%s", doc(statements...), other, diff)
		}
	})
}
