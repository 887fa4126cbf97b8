package filing

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// fill sets every field of a value to something, each to something else, so
// that a field that is not stored shows.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("s" + string(rune('a'+*n%26)) + string(rune('a'+*n/26%26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) * 7)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(*n)*86400, int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("a kind that this test does not know: " + v.Kind().String())
	}
}

func filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

// TestEveryFieldIsStored fails when the vocabulary gets a field that is not
// stored.
func TestEveryFieldIsStored(t *testing.T) {
	s := filled[incident.Signal]()
	got, err := decodeSignals(encodeSignals([]incident.Signal{s}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]incident.Signal{s}, got); d != "" {
		t.Errorf("signal: %s", d)
	}
	u := filled[incident.Use]()
	uses, err := decodeUses(encodeUses([]incident.Use{u}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]incident.Use{u}, uses); d != "" {
		t.Errorf("use: %s", d)
	}
	c := filled[store.Case]()
	again, err := DecodeCase(encodeCase(c), c.Version)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, again); d != "" {
		t.Errorf("case: %s", d)
	}
}

// TestTheFormatStands fails when what is stored would be read differently, which
// must not happen to data that somebody has. A new field goes to the end of its
// block, with a new version that still reads the one before.
func TestTheFormatStands(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"signal": {encodeSignals([]incident.Signal{filled[incident.Signal]()}), "015555fed6a285f8"},
		"use":    {encodeUses([]incident.Use{filled[incident.Use]()}), "874da3714bca2052"},
		"case":   {encodeCase(filled[store.Case]()), "3ac72d557c63fe28"},
	} {
		if got := hash(test.data); got != test.want {
			t.Errorf("the format of a %s has the sum %s, want %s", name, got, test.want)
		}
	}
}

// TestVersionOneIsStillRead reads what was written before there were tags: the
// bytes are those whose sum stood in TestTheFormatStands then.
func TestVersionOneIsStillRead(t *testing.T) {
	s := filled[incident.Signal]()
	s.Tagging = nil
	data := encodeSignals([]incident.Signal{s})
	data[0] = 1
	if got, want := hash(data), "3b8201141ad3179d"; got != want {
		t.Fatalf("a signal of version 1 has the sum %s, want %s", got, want)
	}
	got, err := decodeSignals(data)
	if d := cmp.Diff([]incident.Signal{s}, got); d != "" || err != nil {
		t.Errorf("signal: %v, %s", err, d)
	}
	c := filled[store.Case]()
	c.Finding.Subject.Tags = nil
	data = encodeCase(c)
	data[0] = 1
	again, err := DecodeCase(data, c.Version)
	if d := cmp.Diff(c, again); d != "" || err != nil {
		t.Errorf("case: %v, %s", err, d)
	}
	for _, version := range []byte{0, version + 1} {
		data[0] = version
		if _, err := DecodeCase(data, 1); err == nil {
			t.Errorf("version %d is read", version)
		}
	}
}

func TestZeroValuesTakeNoSpace(t *testing.T) {
	if n := len(encodeCase(store.Case{})); n != 1 {
		t.Errorf("an empty case takes %d bytes, want the version's", n)
	}
}

func TestValuesComeBackExactly(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for name, s := range map[string]incident.Signal{
		"nothing":                     {},
		"a UUID":                      {ID: "11111111-2222-4333-8444-55555555abcd"},
		"a UUID in upper case":        {ID: "11111111-2222-4333-8444-55555555ABCD"},
		"what looks like a UUID":      {ID: "11111111-2222-4333-8444-55555555abcg"},
		"a string that is no text":    {ID: "\xff\x00", Operation: "\x00"},
		"the first year":              {Time: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)},
		"the last year":               {Time: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
		"before 1970":                 {Time: time.Unix(-1, 500).UTC()},
		"an empty list and none":      {Revocation: &incident.Revocation{Users: []string{}}, Trust: &incident.TrustPolicy{}},
		"a list of empty strings":     {Revocation: &incident.Revocation{Users: []string{"", "", ""}}},
		"a pointer to a zero value":   {Denial: &incident.Denial{}},
		"numbers of either sign":      {Count: -3, MaxSession: math.MinInt64},
		"a number that is none":       {Threat: &incident.Threat{Severity: math.Inf(-1)}},
		"one string in several roles": {Account: "same", Region: "same", Actor: incident.Actor{SessionName: "same"}},
	} {
		t.Run(name, func(t *testing.T) {
			same := s
			same.ID += "'"
			same.Time = at
			want := []incident.Signal{s, same}
			got, err := decodeSignals(encodeSignals(want))
			if err != nil {
				t.Fatal(err)
			}
			byTime := cmpopts.SortSlices(func(a, b incident.Signal) bool { return a.Time.Before(b.Time) })
			if d := cmp.Diff(want, got, byTime); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNotANumberComesBack(t *testing.T) {
	got, err := decodeSignals(encodeSignals([]incident.Signal{{Threat: &incident.Threat{Severity: math.NaN()}}}))
	if err != nil || !math.IsNaN(got[0].Threat.Severity) {
		t.Errorf("decodeSignals() = %v, %v", got, err)
	}
}

// TestAHundredFailuresTakeLittle guards what folding is for. An id's sixteen
// bytes cannot be saved.
func TestAHundredFailuresTakeLittle(t *testing.T) {
	if n := len(encodeSignals(failures(100))); n > 2300 {
		t.Errorf("100 failures of a key take %d bytes", n)
	}
}

func TestEqualSetsHaveEqualBytes(t *testing.T) {
	list := failures(20)
	want := encodeSignals(list)
	list[3], list[17] = list[17], list[3]
	if got := encodeSignals(append(list, list[:5]...)); string(got) != string(want) {
		t.Error("the bytes depend on order and duplicates")
	}
}

func failures(n int) []incident.Signal {
	list := make([]incident.Signal, n)
	for i := range list {
		var id [16]byte
		for j := range id {
			id[j] = byte(i*31 + j*7)
		}
		list[i] = incident.Signal{
			ID: formatUUID(id), Account: "111122223333", Partition: "aws", Region: "eu-west-1",
			Time: time.Date(2026, 3, 4, 12, 0, i/20, 0, time.UTC), Kind: incident.CredentialFailed, Feed: incident.FromClient,
			Operation: "sts:GetCallerIdentity", ErrorCode: "InvalidClientTokenId", Count: 1, Key: "ASIAINVENTED00000001",
			Target: incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "payments-api", ARN: "arn:aws:iam::111122223333:role/app/payments-api"},
		}
	}
	return list
}

// FuzzDecode holds that damaged data is an error or a value, and that a value
// is stored as it was read.
func FuzzDecode(f *testing.F) {
	f.Add(encodeSignals([]incident.Signal{filled[incident.Signal](), {ID: "1"}}))
	f.Add(encodeSignals(failures(3)))
	f.Add(encodeUses([]incident.Use{filled[incident.Use](), {Account: "1"}}))
	f.Add(encodeCase(filled[store.Case]()))
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := decodeSignals(data); err == nil {
			again, err := decodeSignals(encodeSignals(got))
			if err != nil || len(again) > len(got) {
				t.Errorf("%d signals come back as %d, %v", len(got), len(again), err)
			}
		}
		if got, err := decodeUses(data); err == nil {
			if _, err := decodeUses(encodeUses(got)); err != nil {
				t.Error(err)
			}
		}
		if got, err := DecodeCase(data, 1); err == nil {
			again, err := DecodeCase(encodeCase(got), 1)
			if d := cmp.Diff(got, again, cmpopts.EquateNaNs()); d != "" || err != nil {
				t.Error(err, d)
			}
		}
	})
}

func TestSinglesComeBack(t *testing.T) {
	s, u := filled[incident.Signal](), filled[incident.Use]()
	if got, err := DecodeSignal(EncodeSignal(s)); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("DecodeSignal() = %+v, %v; want %+v", got, err, s)
	}
	if got, err := DecodeUse(EncodeUse(u)); err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("DecodeUse() = %+v, %v; want %+v", got, err, u)
	}
	signals, uses, err := DecodeEvidence(EncodeEvidence([]incident.Signal{s, {ID: "1"}, s}, []incident.Use{u}))
	if err != nil || len(signals) != 3 || !reflect.DeepEqual(signals[2], s) || len(uses) != 1 || !reflect.DeepEqual(uses[0], u) {
		t.Errorf("DecodeEvidence() = %+v, %+v, %v", signals, uses, err)
	}
	for _, damaged := range [][]byte{nil, {255}, {3, 1}, EncodeSignal(s)[:20]} {
		if _, _, err := DecodeEvidence(damaged); err == nil {
			t.Errorf("DecodeEvidence(%v) is no error", damaged)
		}
		if _, err := DecodeSignal(damaged); err == nil {
			t.Errorf("DecodeSignal(%v) is no error", damaged)
		}
	}
}
