package trail

import (
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkReused decodes b with a Decoder that has decoded it before.
func checkReused(t *testing.T, b []byte, want *collected, stats Stats) {
	t.Helper()
	var got collected
	d := NewDecoder("test", &got)
	for range 2 {
		got = collected{}
		again := d.Decode(b)
		if diff := gocmp.Diff(want, &got, gocmp.AllowUnexported(collected{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decoded in memory (-Decode +Decoder):\n%s", diff)
		}
		if diff := gocmp.Diff(stats, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("counted in memory (-Decode +Decoder):\n%s", diff)
		}
	}
}

// FuzzDecode holds Decode to what it promises for any input: it ends, it does
// not panic, every skip lies inside the stream, the size of reads does not
// matter, and a good line that follows is decoded whatever came before it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		deletion("a"), broken("x"), cutDeletion("x"),
		inEvent(deletion("a")), inLogFile(deletion("a"), broken("x"), deletion("b")), inLookup(deletion("a")), inBatch(deletion("a"), "hello"),
		inBatch(inNotification(inEvent(deletion("a")))), inDelivery(deletion("a")), inLogData(deletion("a"), sdkError), inLogEvents(deletion("a"), sdkError),
		inReceived(inFailure(inEvent(deletion("a"))), "x"), strings.Replace(clientEvent(`"what":"session_token","workload":"w"`), "Failure", "Exposure", 1),
		clientEvent(`"eventId":"e","eventTime":"2026-03-01T10:00:00Z","errorCode":"InvalidClientTokenId","operation":"sts:GetCallerIdentity","accessKeyId":"ASIAQRSTUVWXYZ234567","workload":"w","count":3`),
		"\xef\xbb\xbf[" + deletion("a") + ",\r\n" + deletion("b") + "]", indented(inLogFile(deletion("a"))), zipped(deletion("a"), deletion("b")) + "x",
		`{"Records":[{"messageId":1,"body":{"Records":[[[[[[[[[[{}`, `{"Records":[],"x":`, `[{"a":[{"b":`, "{\"eventName\":\"\\",
		"\x00", "null 1 \"x\"", "}{]", `{"awslogs":{"data":"H4sI"}}`, "\x1f\x8b\x08", `{"eventSource":"aws:s3"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := string(b) + "\n" + deletion("neighbour") + "\n"
		c, stats := decodeText(t, in)
		for _, s := range c.skips {
			if s.Offset < 0 || s.Offset > stats.Bytes {
				t.Errorf("skip at %d of %d bytes", s.Offset, stats.Bytes)
			}
		}
		again, _ := decodeFrom(t, iotest.HalfReader(&chunks{in, []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233}}))
		if diff := gocmp.Diff(c, again, gocmp.AllowUnexported(collected{})); diff != "" {
			t.Errorf("read in other pieces:\n%s", diff)
		}
		checkReused(t, []byte(in), c, stats)
		if strings.HasPrefix(in, gzipMagic) {
			return // what follows is compressed data then
		}
		if stats.Bytes != int64(len(in)) {
			t.Errorf("%d bytes counted, want %d", stats.Bytes, len(in))
		}
		if !slices.Contains(c.ids(), "neighbour") {
			t.Errorf("the line that follows is lost; skips %+v", c.skips)
		}
	})
}
