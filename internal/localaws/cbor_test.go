package localaws

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCBORComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.StringOfN(rapid.Rune(), 0, 400, -1)
		in := map[string]any{texts.Draw(t, "key"): texts.Draw(t, "text"), "yes": true, "no": false, "nothing": nil}
		got, rest, err := fromCBOR(toCBOR(nil, map[string]any{"one": in, "list": []map[string]any{in, {}}}))
		want := any(map[string]any{"one": in, "list": []any{in, map[string]any{}}})
		if diff := cmp.Diff(want, got); err != nil || len(rest) > 0 || diff != "" {
			t.Fatalf("%v, %d bytes left\n%s", err, len(rest), diff)
		}
	})
}

// FuzzCBOR: what is no CBOR is an error, and never a panic. The seeds are a
// client's requests: lists of unknown length, numbers, texts cut short.
func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xbf\x6aAlarmNames\x9f\x65alarm\xff\x6aMaxRecords\x18\x64\xff"))
	f.Add([]byte("\xa1\x6aAlarmNames\x81\x65alarm"))
	f.Add([]byte("\xa1\x6aAlarmNames\x81\x65al"))
	f.Add([]byte("\x7b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, rest, err := fromCBOR(b)
		if err == nil && len(rest) >= len(b) {
			t.Errorf("%q: nothing was read", b)
		}
	})
}
