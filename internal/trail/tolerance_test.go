package trail

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// plantedText stands for the text of an error message. No signal may hold it.
const plantedText = "planted text of a message"

// examples are records of every kind that is understood, and of some that are
// not, with secrets planted wherever records hold some.
func examples() []string {
	var list []string
	for _, tt := range changes {
		list = append(list, recordOf(tt.source, tt.call, tt.caller, tt.extra...))
	}
	for _, tt := range issuances {
		list = append(list, recordOf(sts, tt.call, tt.caller, tt.extra...))
	}
	message := "User: " + someRole + " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::orders with an explicit deny in an identity-based policy. " + plantedText
	for _, caller := range []string{byRole, byUser, byRoot, byService, byStranger, byOIDC, `null`} {
		list = append(list,
			recordOf("s3.amazonaws.com", "GetObject", caller),
			recordOf("s3.amazonaws.com", "GetObject", caller, failed("AccessDenied", message)),
			recordOf("s3.amazonaws.com", "GetObject", caller, failed("ExpiredToken", plantedText)),
			recordOf("s3.amazonaws.com", "GetObject", caller, failed("NoSuchBucket", plantedText)),
			recordOf(sts, "AssumeRoleWithWebIdentity", caller, failed("InvalidIdentityToken", plantedText), params(`"roleArn":"arn:aws:iam::111122223333:role/deploy"`)),
			recordOf(signIn, "ConsoleLogin", caller, `"errorMessage":"`+plantedText+`"`, response(`"ConsoleLogin":"Failure"`)),
			recordOf(sts, "AssumeRole", caller, params(`"roleArn":"arn:aws:iam::111122223333:role/deploy"`), `"eventID":null`,
				response(`"credentials":{"accessKeyId":"ASIAEXAMPLEDEPLOY001","secretAccessKey":"`+planted+`","sessionToken":"`+planted+`"}`)),
		)
	}
	return append(list, threat, notice)
}

func TestEveryExampleIsDecodedWhole(t *testing.T) {
	for _, text := range examples() {
		out, _ := eventOf(t, text)
		checkWhole(t, out)
		checkSecrets(t, out)
	}
}

// TestNoMutilationGivesHalfASignal replaces and drops what records hold, in
// any places, and sees that what is still decoded is whole.
func TestNoMutilationGivesHalfASignal(t *testing.T) {
	list := examples()
	rapid.Check(t, func(t *rapid.T) {
		var record any
		if err := json.Unmarshal([]byte(rapid.SampledFrom(list).Draw(t, "example")), &record); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 6).Draw(t, "mutilations") {
			record = mutilate(t, record)
		}
		b, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonscan.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		var out, again decoded
		r := decodeEvent(v, &envelope{}, &out)
		if r.Reason != "" && len(out.Signals)+len(out.Uses) > 0 {
			t.Fatalf("rejected as %s, and yet decoded", r.Reason)
		}
		if strings.Contains(r.Detail, planted) {
			t.Fatalf("the rejection holds what the record held")
		}
		checkWhole(t, out)
		checkSecrets(t, out)

		canonical, err := jsonscan.Parse(v.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		if other := decodeEvent(canonical, &envelope{}, &again); other != r {
			t.Fatalf("in another order of members it is rejected as %v, not %v", other, r)
		}
		if diff := cmp.Diff(out, again, cmpopts.IgnoreUnexported(decoded{})); diff != "" {
			t.Fatalf("in another order of members it is another signal:\n%s", diff)
		}
	})
}

// oddities are values that no field expects.
var oddities = []string{
	`null`, `true`, `false`, `0`, `-1`, `1e300`, `""`, `"null"`, `" "`, `"x"`, `"\ud800"`, `"arn:aws:iam::111122223333:role/"`, `"<redacted>"`,
	`[]`, `[null]`, `["x",1]`, `{}`, `{"a":{"b":[1]}}`, `"999999999999999999999999999999999999"`, `"2026-03-04T09:15:00Z"`, `"AKIA"`, `"{"`, `"{\"roleName\":7}"`,
}

// mutilate changes one place in a value: the value itself or one of its
// members, dropped, wrapped or replaced.
func mutilate(t *rapid.T, v any) any {
	if m, ok := v.(map[string]any); ok && len(m) > 0 && rapid.IntRange(0, 9).Draw(t, "deeper") > 0 {
		name := rapid.SampledFrom(sortedKeys(m)).Draw(t, "member")
		if rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
			delete(m, name)
			return m
		}
		m[name] = mutilate(t, m[name])
		return m
	}
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 0:
		return []any{v}
	case 1:
		return map[string]any{"items": v}
	}
	var odd any
	if err := json.Unmarshal([]byte(rapid.SampledFrom(oddities).Draw(t, "oddity")), &odd); err != nil {
		t.Fatal(err)
	}
	return odd
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fataler is what testing.T and rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkWhole fails unless every signal has what its kind promises.
func checkWhole(t fataler, out decoded) {
	t.Helper()
	for _, s := range out.Signals {
		if lack := lacking(s); lack != "" {
			t.Fatalf("a %s without its %s: %+v", s.Kind, lack, s)
		}
	}
	for _, u := range out.Uses {
		switch {
		case !u.Principal.Known(), u.FirstID == "", u.FirstID != u.LastID, !u.First.Equal(u.Last), !believable(u.First):
			t.Fatalf("half a use: %+v", u)
		case u.Principal.Type == incident.Service:
			t.Fatalf("a use by a service: %+v", u)
		}
	}
}

// lacking names what a signal lacks, by what package incident promises of its
// kind.
func lacking(s incident.Signal) string {
	switch {
	case s.ID == "":
		return "id"
	case !believable(s.Time):
		return "time"
	case s.Count < 1:
		return "count"
	case s.Feed == "":
		return "feed"
	case s.Target.Type != "" && !s.Target.Known():
		return "target's name"
	case s.Actor.Type != "" && !s.Actor.Known():
		return "actor's name"
	}
	need := map[string]bool{
		"target": s.Target.Known(), "policy": s.Policy != nil, "revocation": s.Revocation != nil, "trust": s.Trust != nil,
		"key": s.Key != "", "status": s.KeyStatus != "", "issued": s.Issued != nil, "denial": s.Denial != nil && s.Denial.Action != "",
		"code": s.ErrorCode != "", "threat": s.Threat != nil && s.Threat.Type != "", "exposure": s.Exposure != nil, "policy name": s.Policy != nil && s.Policy.Name != "",
		"tags": s.Tagging != nil && len(s.Tagging.Put)+len(s.Tagging.Taken) > 0,
	}
	for _, what := range needs[s.Kind] {
		if !need[what] {
			return what
		}
	}
	if needs[s.Kind] == nil {
		return "kind"
	}
	return ""
}

var needs = map[incident.Kind][]string{
	incident.SessionsRevoked:        {"target", "revocation"},
	incident.InlinePolicyPut:        {"target", "policy name"},
	incident.InlinePolicyDeleted:    {"target", "policy name"},
	incident.ManagedPolicyWritten:   {"policy name"},
	incident.PolicyAttached:         {"target", "policy name"},
	incident.PolicyDetached:         {"target", "policy name"},
	incident.BoundaryPut:            {"target", "policy name"},
	incident.BoundaryDeleted:        {"target"},
	incident.QuarantineAttached:     {"target", "policy name"},
	incident.QuarantineDetached:     {"target", "policy name"},
	incident.KeyStatusChanged:       {"target", "key", "status"},
	incident.KeyDeleted:             {"target", "key"},
	incident.KeyCreated:             {"target"},
	incident.LoginProfileCreated:    {"target"},
	incident.LoginProfileUpdated:    {"target"},
	incident.LoginProfileDeleted:    {"target"},
	incident.MFADeactivated:         {"target"},
	incident.UserCreated:            {"target"},
	incident.UserDeleted:            {"target"},
	incident.RoleCreated:            {"target"},
	incident.RoleUpdated:            {"target"},
	incident.RoleDeleted:            {"target"},
	incident.InstanceProfileRemoved: {"target"},
	incident.TrustChanged:           {"target", "trust"},
	incident.ProviderCreated:        {"target"},
	incident.ProviderChanged:        {"target"},
	incident.ProviderDeleted:        {"target"},
	incident.STSPreferenceChanged:   {"target"},
	incident.TrailStarted:           {"target"},
	incident.TrailStopped:           {"target"},
	incident.TrailDeleted:           {"target"},
	incident.TrailUpdated:           {"target"},
	incident.SelectorsChanged:       {"target"},
	incident.SessionIssued:          {"target", "issued"},
	incident.CredentialFailed:       {"code"},
	incident.CallDenied:             {"target", "denial", "code"},
	incident.ThreatFinding:          {"threat"},
	incident.ExposureNotice:         {"target", "exposure"},
	incident.SignInFailed:           {"target"},
	incident.StaticCredentials:      {"exposure"},
	incident.TagsChanged:            {"target", "tags"},
}

// checkSecrets fails if anything that was decoded holds what was planted.
func checkSecrets(t fataler, out decoded) {
	t.Helper()
	for _, s := range texts(reflect.ValueOf(out)) {
		if strings.Contains(s, planted) || strings.Contains(s, plantedText) {
			t.Fatalf("a planted secret came out")
		}
	}
}

// texts lists every string in a value, however deep.
func texts(v reflect.Value) []string {
	var list []string
	switch v.Kind() {
	case reflect.String:
		list = append(list, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			list = texts(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			list = append(list, texts(v.Index(i))...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			list = append(append(list, texts(k)...), texts(v.MapIndex(k))...)
		}
	case reflect.Struct:
		if v.Type().String() == "time.Time" {
			return nil
		}
		for i := range v.NumField() {
			list = append(list, texts(v.Field(i))...)
		}
	}
	return list
}

func TestTextsFindsWhatIsPlanted(t *testing.T) {
	out := decoded{Signals: []incident.Signal{{Denial: &incident.Denial{Resource: planted}}}, Uses: []incident.Use{{Client: "x"}}}
	if list := texts(reflect.ValueOf(out)); !slices.Contains(list, planted) || !slices.Contains(list, "x") {
		t.Errorf("the search for planted texts misses some: %q", list)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, text := range examples() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := jsonscan.Parse(b)
		if err != nil {
			t.Skip()
		}
		var out decoded
		r := decodeEvent(v, &envelope{}, &out)
		if r.Reason != "" && len(out.Signals)+len(out.Uses) > 0 {
			t.Fatalf("rejected as %s, and yet decoded", r.Reason)
		}
		checkWhole(t, out)
	})
}

func TestTheCatalogueIsComplete(t *testing.T) {
	listed := map[incident.Kind]bool{}
	seen := map[string]bool{}
	for i, e := range Catalogue() {
		where := fmt.Sprintf("entry %d (%s %s)", i, e.Source, e.Name)
		if e.Title == "" || e.Meaning == "" || e.Reads == "" || e.Purpose == "" {
			t.Errorf("%s does not say what it is", where)
		}
		if !strings.HasSuffix(e.Meaning, ".") || strings.Contains(e.Title, ".") {
			t.Errorf("%s: the meaning is a sentence, the title is none", where)
		}
		if key := e.Source + "|" + e.Name + "|" + string(e.Purpose); seen[key] {
			t.Errorf("%s is listed twice", where)
		} else {
			seen[key] = true
		}
		for _, k := range e.Kinds {
			listed[k] = true
		}
	}
	for k := range needs {
		if !listed[k] {
			t.Errorf("no entry of the catalogue gives %s", k)
		}
	}
}

// TestSignalsAreOfTheKindsThatTheCatalogueLists ties what is decoded to what
// is documented.
func TestSignalsAreOfTheKindsThatTheCatalogueLists(t *testing.T) {
	for _, tt := range changes {
		s := signalOf(t, recordOf(tt.source, tt.call, tt.caller, tt.extra...))
		e := byName[tt.call]
		if e == nil || !slices.Contains(e.Kinds, s.Kind) {
			t.Errorf("%s gives %s, which its entry does not list", tt.call, s.Kind)
		}
	}
}
