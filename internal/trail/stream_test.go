package trail

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// collected is a Sink that keeps everything.
type collected struct {
	signals []incident.Signal
	uses    []incident.Use
	skips   []Skip
}

func (c *collected) Signal(s incident.Signal) { c.signals = append(c.signals, s) }
func (c *collected) Use(u incident.Use)       { c.uses = append(c.uses, u) }
func (c *collected) Skipped(s Skip)           { c.skips = append(c.skips, s) }

// ids are those of the signals, in order.
func (c *collected) ids() []string {
	ids := []string{}
	for _, s := range c.signals {
		ids = append(ids, s.ID)
	}
	return ids
}

// decodeFrom decodes what r holds, and fails the test if reading fails or the
// counts do not agree with what came out.
func decodeFrom(t testing.TB, r io.Reader) (*collected, Stats) {
	t.Helper()
	var c collected
	stats, err := Decode(r, "test", &c)
	if err != nil {
		t.Fatalf("Decode() = %v", err)
	}
	skipped := map[SkipReason]int{}
	for _, s := range c.skips {
		skipped[s.Reason]++
		if s.Source != "test" {
			t.Errorf("skip names source %q", s.Source)
		}
	}
	if diff := gocmp.Diff(skipped, stats.Skipped); diff != "" {
		t.Errorf("skips reported and counted differ:\n%s", diff)
	}
	if len(c.signals) != stats.Signals || len(c.uses) > stats.Uses || len(c.uses) == 0 && stats.Uses > 0 {
		t.Errorf("%d signals and %d uses, counted %d and %d", len(c.signals), len(c.uses), stats.Signals, stats.Uses)
	}
	return &c, stats
}

func decodeText(t testing.TB, s string) (*collected, Stats) {
	t.Helper()
	return decodeFrom(t, strings.NewReader(s))
}

// deletion is a CloudTrail record that yields one signal, whose ID is id.
func deletion(id string) string {
	return `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAQRSTUVWXYZ234567","arn":"arn:aws:iam::111122223333:user/release-bot",` +
		`"accountId":"111122223333","accessKeyId":"AKIAQRSTUVWXYZ234567","userName":"release-bot"},"eventTime":"2026-03-01T10:00:00Z",` +
		`"eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.15",` +
		`"requestParameters":{"roleName":"payments-role"},"responseElements":null,"resources":[{"accountId":"111122223333","ARN":"arn:aws:iam::111122223333:role/payments-role"}],` +
		`"requestID":"6f1c2f6e","eventID":"` + id + `","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}`
}

// broken is deletion with a fault in its middle: a colon is missing.
func broken(id string) string {
	return strings.Replace(deletion(id), `"eventTime":`, `"eventTime"`, 1)
}

// cutDeletion is deletion without its second half.
func cutDeletion(id string) string {
	s := deletion(id)
	return s[:strings.Index(s, `,"eventSource"`)]
}

func zipped(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		io.WriteString(z, p)
		z.Close()
	}
	return b.String()
}

// The mark stands in a test's input where a skip's offset is expected.
const mark = "§"

// unmark takes the marks out of s and returns where they stood.
func unmark(s string) (string, []int64) {
	var offsets []int64
	for {
		i := strings.Index(s, mark)
		if i < 0 {
			return s, offsets
		}
		offsets = append(offsets, int64(i))
		s = s[:i] + s[i+len(mark):]
	}
}

// indented is JSON as pretty printers write it: a member or element a line.
func indented(s string) string {
	s = strings.ReplaceAll(s, `,"`, ",\n  \"")
	return strings.ReplaceAll(strings.ReplaceAll(s, "{", "{\n  "), "}", "\n}")
}

func TestBadInputCostsOnlyItself(t *testing.T) {
	tests := []struct {
		name, in string
		ids      []string
		reasons  []SkipReason
	}{
		{"a broken line between good ones", deletion("a") + "\n§" + broken("x") + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{
			"a broken record in a list on one line", `{"Records":[` + deletion("a") + ",§" + broken("x") + "," + deletion("b") + "," + deletion("c") + `]}`,
			[]string{"a", "b", "c"},
			[]SkipReason{SkipSyntax},
		},
		{"the first record of a list is broken", `{"Records":[§` + broken("x") + "," + deletion("a") + `]}`, []string{"a"}, []SkipReason{SkipSyntax}},
		{"the last record of a list is broken", `{"Records":[` + deletion("a") + ",§" + broken("x") + "]}\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a broken record in a bare array", `[` + deletion("a") + ",§" + broken("x") + "," + deletion("b") + `]`, []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{
			"a broken record in an indented list", indented(`{"Records":[` + deletion("a") + ",\n§" + broken("x") + ",\n" + deletion("b") + `]}`),
			[]string{"a", "b"},
			[]SkipReason{SkipSyntax},
		},
		{
			"a broken record in a list with one record a line", "{\"Records\":[\n" + deletion("a") + ",\n§" + broken("x") + ",\n" + deletion("b") + "\n]}\n" + deletion("c"),
			[]string{"a", "b", "c"},
			[]SkipReason{SkipSyntax},
		},
		{"two faults in one list", `[§` + broken("x") + "," + deletion("a") + ",§" + broken("y") + "," + deletion("b") + `]`, []string{"a", "b"}, []SkipReason{SkipSyntax, SkipSyntax}},
		{"one brace too many in a list", `{"Records":[` + deletion("a") + "§}," + deletion("b") + `]}`, []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{
			"one brace too few in a list", `{"Records":[` + deletion("a") + ",§" + strings.TrimSuffix(deletion("x"), "}") + "," + deletion("b") + `]}`,
			[]string{"a", "b"},
			[]SkipReason{SkipSyntax},
		},
		{
			"a quote too few in a list", `{"Records":[` + deletion("a") + ",§" + strings.Replace(deletion("x"), `111122223333"}`, `111122223333}`, 1) + "," + deletion("b") + `]}`,
			[]string{"a", "b"},
			[]SkipReason{SkipSyntax},
		},
		{"a comma too few in a list", `[` + deletion("a") + " §" + deletion("b") + "," + deletion("c") + `]`, []string{"a", "b", "c"}, []SkipReason{SkipSyntax}},
		{"a comma too many in a list", `[` + deletion("a") + ",§," + deletion("b") + `]`, []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a comma behind the last element", `[` + deletion("a") + ",]\n" + deletion("b"), []string{"a", "b"}, nil},
		{"a line cut off inside an object", "§" + cutDeletion("x") + "\n" + deletion("a") + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{
			"a line cut off behind a colon", deletion("a") + "\n§" + `{"eventVersion":"1.08","userIdentity":{"type":` + "\n" + deletion("b") + "\n" + deletion("c"),
			[]string{"a", "b", "c"},
			[]SkipReason{SkipSyntax},
		},
		{"a line cut off behind a comma", "§" + cutDeletion("x") + ",\n" + deletion("a") + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a line cut off inside a string", `§{"eventVersion":"1.0` + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipSyntax}},
		{"a list cut off, and lines behind it", `{"Records":[` + deletion("a") + ",§" + cutDeletion("x") + "\n" + deletion("b") + "\n" + deletion("c"), []string{"a", "b", "c"}, []SkipReason{SkipSyntax}},
		{"a list without its end, and lines behind it", `{"Records":[` + deletion("a") + "\n§" + deletion("b") + "\n" + deletion("c"), []string{"a", "b", "c"}, []SkipReason{SkipSyntax}},
		{"an array that does not end", "§[" + deletion("a") + "," + deletion("b"), []string{"a", "b"}, []SkipReason{SkipTruncated}},
		{"an array that ends behind a comma", "§[" + deletion("a") + ",", []string{"a"}, []SkipReason{SkipTruncated}},
		{"a list whose last record is cut off", `{"Records":[` + deletion("a") + ",§" + cutDeletion("x"), []string{"a"}, []SkipReason{SkipTruncated}},
		{"a list whose object does not end", `§{"Records":[` + deletion("a") + "]", []string{"a"}, []SkipReason{SkipTruncated}},
		{"a last line cut off", deletion("a") + "\n§" + cutDeletion("x"), []string{"a"}, []SkipReason{SkipTruncated}},
		{"a cut line that swallowed the last good one", `§{"userIdentity":{"type":` + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipTruncated}},
		{"a line of garbage", deletion("a") + "\n§hello world, {this} is [no] JSON\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"three lines of garbage", "§one\n§two\n§three\n" + deletion("a"), []string{"a"}, []SkipReason{SkipSyntax, SkipSyntax, SkipSyntax}},
		{"NULs between lines", deletion("a") + "\n§" + strings.Repeat("\x00", 4096) + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a NUL inside a string", deletion("a") + "\n§" + strings.Replace(deletion("x"), "release", "re\x00lease", 1) + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"bare scalars", "§null\n§42\n§\"text\"\n§true\n" + deletion("a"), []string{"a"}, []SkipReason{SkipUnknownShape, SkipUnknownShape, SkipUnknownShape, SkipUnknownShape}},
		{"scalars in a list", `{"Records":[§null,§1,` + deletion("a") + `]}`, []string{"a"}, []SkipReason{SkipUnknownShape, SkipUnknownShape}},
		{"an object of no known form", "§{\"hello\":\"world\"}\n" + deletion("a"), []string{"a"}, []SkipReason{SkipUnknownShape}},
		{"an empty object", "§{}\n" + deletion("a"), []string{"a"}, []SkipReason{SkipUnknownShape}},
		{"arrays inside arrays beyond measure", "§" + strings.Repeat("[", maxOpen) + "§" + strings.Repeat("[", 1_000_000) + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipTruncated, SkipTooDeep}},
		{"the same, closed", deletion("a") + "\n" + strings.Repeat("[", maxOpen) + "§" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000+maxOpen) + deletion("b"), []string{"a", "b"}, []SkipReason{SkipTooDeep}},
		{
			"objects nested beyond measure in a list", `{"Records":[` + deletion("a") + ",§" + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "," + deletion("b") + `]}`,
			[]string{"a", "b"},
			[]SkipReason{SkipTooDeep},
		},
		{"objects nested beyond measure and not closed", "§" + strings.Repeat(`{"a":[`, 100_000) + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipTooDeep}},
		{
			"a record of more than 8 MiB in a list", `{"Records":[` + deletion("a") + `,§{"eventName":"` + strings.Repeat("x", maxElement) + `","y":["}"]},` + deletion("b") + `]}`,
			[]string{"a", "b"},
			[]SkipReason{SkipTooLarge},
		},
		{"a number of more than 8 MiB", "§" + strings.Repeat("1", maxElement+1) + " " + deletion("a"), []string{"a"}, []SkipReason{SkipTooLarge}},
		{"an object too large that does not end, and lines behind it", `§{"a":[` + strings.Repeat("1,", maxElement/2) + "1\n" + deletion("a"), []string{"a"}, []SkipReason{SkipTooLarge}},
		{"a string too large that does not end, and lines behind it", `§"` + strings.Repeat("x", maxElement) + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipTooLarge}},
		{"a record without a time", "§" + strings.Replace(deletion("x"), "2026-03-01T10:00:00Z", "REDACTED", 1) + "\n" + deletion("a"), []string{"a"}, []SkipReason{SkipNoEventTime}},
		{"an array within more arrays than are streamed", strings.Repeat("[", maxOpen) + "§[" + deletion("x") + "]," + deletion("a") + strings.Repeat("]", maxOpen), []string{"a"}, []SkipReason{SkipTooDeep}},
		{"a value somewhat larger than 8 MiB", deletion("a") + "\n§{\"eventName\":\"" + strings.Repeat("x", maxElement) + "\"}" + strings.Repeat(" ", maxElement) + deletion("b"), []string{"a", "b"}, []SkipReason{SkipTooLarge}},
		{"no colon in what follows a list", `{"Records":[` + deletion("a") + "],§\"x\" 1}\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a broken value in what follows a list", `{"Records":[` + deletion("a") + `],§"x":{"y":z}}` + "\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"garbage in what follows a list", `{"Records":[` + deletion("a") + "] §x}\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"what follows a list is cut off behind a colon", `{"Records":[` + deletion("a") + "],§\"x\":\n" + deletion("b"), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"what follows a list is cut off behind a name", `§{"Records":[` + deletion("a") + `],"x"`, []string{"a"}, []SkipReason{SkipTruncated}},
		{"a list with an empty name for a member", `{"":1,"Records":[` + deletion("a") + `]}`, []string{"a"}, nil},
		{"braces and quotes inside strings", strings.Replace(deletion("a"), "aws-cli", `a\"}],{\"eventName\":{`, 1) + "\n" + deletion("b"), []string{"a", "b"}, nil},
		{"invalid UTF-8 in a string", strings.Replace(deletion("a"), "aws-cli", "\xff\xfe\xc3", 1) + "\n" + deletion("b"), []string{"a", "b"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, offsets := unmark(tt.in)
			c, stats := decodeText(t, in)
			if diff := gocmp.Diff(tt.ids, c.ids()); diff != "" {
				t.Errorf("signals (-want +got):\n%s", diff)
			}
			checkSkips(t, c.skips, offsets, tt.reasons)
			if stats.Bytes != int64(len(in)) {
				t.Errorf("%d bytes counted, want %d", stats.Bytes, len(in))
			}
		})
	}
}

// checkSkips compares skips, in the order of their offsets, with those wanted.
func checkSkips(t *testing.T, got []Skip, offsets []int64, reasons []SkipReason) {
	t.Helper()
	want := make([]Skip, len(reasons))
	for i := range reasons {
		want[i] = Skip{Source: "test", Offset: offsets[i], Reason: reasons[i]}
	}
	plain := slices.SortedFunc(slices.Values(got), func(a, b Skip) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := range plain {
		plain[i].Detail = ""
	}
	if diff := gocmp.Diff(want, plain, gocmp.Transformer("nil", func(s []Skip) []Skip { return append([]Skip{}, s...) })); diff != "" {
		t.Errorf("skips (-want +got):\n%s", diff)
	}
}

func TestStreamsOfEveryShape(t *testing.T) {
	a, b := deletion("a"), deletion("b")
	for name, in := range map[string]string{
		"JSON Lines":                          a + "\n" + b + "\n",
		"JSON Lines with CRLF":                a + "\r\n" + b + "\r\n",
		"JSON Lines with blank lines":         "\n\n" + a + "\n \n\t\n" + b,
		"values without anything in between":  a + b,
		"a byte order mark":                   "\xef\xbb\xbf" + a + "\n" + b,
		"byte order marks of two files":       "\xef\xbb\xbf" + a + "\n\xef\xbb\xbf" + b,
		"an array":                            "[" + a + "," + b + "]",
		"an array of arrays":                  "[[" + a + "],[[" + b + "]]]",
		"an indented array":                   "[\n  " + indented(a) + ",\n  " + indented(b) + "\n]",
		"a log file":                          `{"Records":[` + a + "," + b + `]}`,
		"an indented log file":                indented(`{"Records":[` + a + "," + b + `]}`),
		"two log files":                       `{"Records":[` + a + "]}\n{\"Records\":[" + b + `]}`,
		"an array of log files":               `[{"Records":[` + a + `]},{"Records":[` + b + `]}]`,
		"a log file with other members":       `{"version":"1","Records":[` + a + "," + b + `],"NextToken":"x","more":{"a":[1]}}`,
		"a log file with an object before":    `{"meta":{"a":1},"Records":[` + a + "," + b + `]}`,
		"a log file with an empty one before": `{"Records":[]}{"Records":null}[]` + a + b,
		"a list that is an object":            `{"Records":` + a + "}" + b,
		"gzip":                                zipped(a + "\n" + b),
		"two gzip members":                    zipped(a+"\n", b),
		"two gzip members cut anywhere":       zipped(a[:100], a[100:]+b),
		"gzip, then plain":                    zipped(a) + b,
		"a record of 1 MB":                    strings.Replace(a, "aws-cli", strings.Repeat("x", 1<<20), 1) + b,
		"UTF-16 of PowerShell":                wide(a + "\r\n" + b),
	} {
		t.Run(name, func(t *testing.T) {
			c, stats := decodeText(t, in)
			if diff := gocmp.Diff([]string{"a", "b"}, c.ids()); diff != "" {
				t.Error(diff)
			}
			if len(c.skips) != 0 || stats.Records != 2 {
				t.Errorf("%d records, skips %v", stats.Records, c.skips)
			}
		})
	}
}

// wide is s in UTF-16, with some characters that need it.
func wide(s string) string {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(strings.Replace(s, "aws-cli", "é日😀", 1))) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func TestUTF16ReadsAsUTF8(t *testing.T) {
	const text = "aé日😀\n"
	for name, in := range map[string]string{
		"little end first": "\xff\xfea\x00\xe9\x00\xe5\x65\x3d\xd8\x00\xde\n\x00",
		"big end first":    "\xfe\xff\x00a\x00\xe9\x65\xe5\xd8\x3d\xde\x00\x00\n",
	} {
		for size, r := range map[string]io.Reader{"whole": strings.NewReader(in), "by bytes": iotest.OneByteReader(strings.NewReader(in))} {
			if got, err := io.ReadAll(iotest.OneByteReader(new(buffers).open(r))); string(got) != text || err != nil {
				t.Errorf("%s, %s: %q, %v", name, size, got, err)
			}
		}
	}
	got, err := io.ReadAll(new(buffers).open(strings.NewReader("\xff\xfe\x3d\xd8a\x00\x00\xdex")))
	if want := "\ufffda\ufffd\ufffd"; string(got) != want || err != nil {
		t.Errorf("broken UTF-16 reads as %q, %v, want %q", got, err, want)
	}
}

func TestNothingIsFoundInNothing(t *testing.T) {
	for _, in := range []string{"", " ", "\n", "\xef\xbb\xbf", "[]", `{"Records":[]}`, zipped(""), zipped("", "")} {
		c, stats := decodeText(t, in)
		if len(c.signals)+len(c.uses)+len(c.skips)+stats.Values != 0 {
			t.Errorf("%q: %+v", in, stats)
		}
	}
}

func TestCorruptGzip(t *testing.T) {
	whole := zipped(deletion("a") + "\n" + deletion("b"))
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	var long strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&long, "{\"hello\":%d}\n", i*i*i)
	}
	tests := []struct {
		name, in string
		ids      []string
		reasons  []SkipReason
	}{
		{"cut off in its end", whole[:len(whole)-4], []string{"a", "b"}, []SkipReason{SkipDecompress}},
		{"cut off in its header", whole[:7], []string{}, []SkipReason{SkipDecompress}},
		{"a wrong checksum", string(flipped), []string{"a", "b"}, []SkipReason{SkipDecompress}},
		{"garbage behind it", whole + "garbage", []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"zeros behind it, as tar pads", whole + strings.Repeat("\x00", 512), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a cut member, then a whole one behind a gap", whole[:len(whole)-4] + "\xff\xff\xff\xff" + "\xff\xff\xff\xff" + whole, []string{"a", "b", "a", "b"}, []SkipReason{SkipDecompress}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := decodeText(t, tt.in)
			if diff := gocmp.Diff(tt.ids, c.ids()); diff != "" {
				t.Error(diff)
			}
			var reasons []SkipReason
			for _, s := range c.skips {
				reasons = append(reasons, s.Reason)
			}
			if diff := gocmp.Diff(tt.reasons, reasons); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("cut off in the middle", func(t *testing.T) {
		in := zipped(deletion("a") + "\n" + long.String() + deletion("b"))
		c, stats := decodeText(t, in[:len(in)/2])
		if diff := gocmp.Diff([]string{"a"}, c.ids()); diff != "" {
			t.Error(diff)
		}
		last := c.skips[len(c.skips)-1]
		if last.Reason != SkipDecompress || last.Offset != stats.Bytes || stats.Bytes < 10_000 {
			t.Errorf("last skip is %+v after %d bytes", last, stats.Bytes)
		}
	})
}

func TestOffsetsCountDecompressedBytes(t *testing.T) {
	in, offsets := unmark(deletion("a") + "\n§" + broken("x") + "\n" + deletion("b") + "\n§hello")
	c, _ := decodeText(t, zipped(in[:500], in[500:]))
	checkSkips(t, c.skips, offsets, []SkipReason{SkipSyntax, SkipSyntax})
}

func TestReadErrorsAreReturned(t *testing.T) {
	boom := errors.New("disk on fire")
	for name, r := range map[string]io.Reader{
		"plain": io.MultiReader(strings.NewReader(deletion("a")+"\n"), iotest.ErrReader(boom)),
		"gzip":  io.MultiReader(strings.NewReader(zipped(deletion("a")+"\n")), iotest.ErrReader(boom)),
		"at once, with data": iotest.DataErrReader(
			io.MultiReader(strings.NewReader(deletion("a")+"\n"), iotest.ErrReader(boom))),
		"inside gzip": io.MultiReader(strings.NewReader(zipped(deletion("a") + "\n" + deletion("b"))[:400]), iotest.ErrReader(boom)),
	} {
		t.Run(name, func(t *testing.T) {
			var c collected
			_, err := Decode(r, "trail.json", &c)
			if !errors.Is(err, boom) || !strings.Contains(err.Error(), "trail.json") {
				t.Errorf("Decode() = %v", err)
			}
			if name != "inside gzip" && !slices.Equal(c.ids(), []string{"a"}) {
				t.Errorf("signals before the error: %q", c.ids())
			}
		})
	}
	t.Run("a reader that never reads", func(t *testing.T) {
		if _, err := Decode(iotest.ErrReader(nil), "x", &collected{}); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("Decode() = %v", err)
		}
	})
}

// repeated reads head, then unit over and over for n bytes, then tail.
func repeated(head, unit string, n int64, tail string) io.Reader {
	block := strings.Repeat(unit, 64<<10/len(unit))
	return io.MultiReader(strings.NewReader(head), io.LimitReader(&loop{block: block}, n/int64(len(unit))*int64(len(unit))), strings.NewReader(tail))
}

type loop struct {
	block string
	at    int
}

func (l *loop) Read(b []byte) (int, error) {
	n := copy(b, l.block[l.at:])
	l.at = (l.at + n) % len(l.block)
	return n, nil
}

func TestMemoryIsBoundedWhateverTheStream(t *testing.T) {
	const size = 200 << 20
	element := `{"hello":"` + strings.Repeat("x", 5000) + `"},`
	tests := []struct {
		name string
		r    io.Reader
		ids  []string
	}{
		{"spaces between values", repeated(deletion("a"), " ", size, deletion("b")), []string{"a", "b"}},
		{"spaces inside a list", repeated(`{"Records":[`+deletion("a"), "\n", size, ","+deletion("b")+"]}"), []string{"a", "b"}},
		{"spaces inside a record", repeated(deletion("a")+`{"eventName"`, " ", size, `:"x"}`+deletion("b")), []string{"a", "b"}},
		{"one giant string", repeated(deletion("a")+`"`, "x", size, `"`+deletion("b")), []string{"a", "b"}},
		{"one giant record in a list", repeated(`{"Records":[`+deletion("a")+`,{"eventName":[0`, ",{}", size, "]},"+deletion("b")+"]}"), []string{"a", "b"}},
		{"brackets that never close", repeated(deletion("a"), "[", size, "\n"+deletion("b")), []string{"a", "b"}},
		{"a line of garbage", repeated(deletion("a")+"\n", "garbage", size, "\n"+deletion("b")), []string{"a", "b"}},
		{"a giant list", repeated(`{"Records":[`, element, size, deletion("a")+"]}"), []string{"a"}},
		{"a giant list of broken values", repeated(`{"Records":[`, `{"a":[{"b":{"c":x}}]},`, size/8, deletion("a")+"]}"), []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sink peak
			if _, err := Decode(&watched{r: tt.r, sink: &sink}, "test", &sink); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.ids, sink.signalIDs); diff != "" {
				t.Error(diff)
			}
			if limit := uint64(64 << 20); sink.growth > limit {
				t.Errorf("heap grew by %d MiB", sink.growth>>20)
			}
		})
	}
}

// peak is a Sink that keeps next to nothing, and the heap's growth.
type peak struct {
	signalIDs     []string
	start, growth uint64
}

func (p *peak) Signal(s incident.Signal) { p.signalIDs = append(p.signalIDs, s.ID) }
func (p *peak) Use(incident.Use)         {}
func (p *peak) Skipped(Skip)             {}

func (p *peak) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if p.start == 0 {
		p.start = m.HeapAlloc
	}
	p.growth = max(p.growth, m.HeapAlloc-min(m.HeapAlloc, p.start))
}

// watched looks at the heap every 32 MiB of reading.
type watched struct {
	r    io.Reader
	sink *peak
	n    int
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if w.n%(32<<20) < n || err != nil {
		w.sink.look()
	}
	w.n += n
	return n, err
}

func TestChunksDoNotMatter(t *testing.T) {
	in := deletion("a") + "\n" + broken("x") + "\n{\"Records\":[" + deletion("b") + "," + broken("y") + "," + deletion("c") + "]}\n12345\n" + cutDeletion("z")
	want, _ := decodeText(t, in)
	for name, r := range map[string]io.Reader{
		"one byte":      iotest.OneByteReader(strings.NewReader(in)),
		"half":          iotest.HalfReader(strings.NewReader(in)),
		"data with EOF": iotest.DataErrReader(strings.NewReader(in)),
		"gzip by bytes": iotest.OneByteReader(strings.NewReader(zipped(in))),
	} {
		got, _ := decodeFrom(t, r)
		if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(collected{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// chunks reads s in pieces of the given sizes.
type chunks struct {
	s     string
	sizes []int
}

func (c *chunks) Read(b []byte) (int, error) {
	if c.s == "" {
		return 0, io.EOF
	}
	n := len(c.s)
	if len(c.sizes) > 0 {
		n, c.sizes = min(n, c.sizes[0]), c.sizes[1:]
	}
	n = copy(b, c.s[:n])
	c.s = c.s[n:]
	return n, nil
}

func TestFaultsAndChunksInAnyMixture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in strings.Builder
		var want []string
		for i := range rapid.IntRange(1, 12).Draw(t, "values") {
			id := fmt.Sprintf("id-%d", i)
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0, 1:
				in.WriteString(deletion(id))
				want = append(want, id)
			case 2:
				in.WriteString(`{"Records":[` + broken("x") + "," + deletion(id) + "," + broken("y") + "]}")
				want = append(want, id)
			case 3:
				in.WriteString(broken("x"))
			case 4:
				whole := deletion("x")
				in.WriteString(whole[:rapid.IntRange(1, len(whole)-1).Draw(t, "cut")])
			case 5:
				in.WriteString("[" + deletion(id) + "," + cutDeletion("x"))
				want = append(want, id)
			}
			in.WriteString("\n")
		}
		sizes := rapid.SliceOf(rapid.IntRange(1, 900)).Draw(t, "sizes")
		var c collected
		if _, err := Decode(&chunks{in.String(), sizes}, "test", &c); err != nil {
			t.Fatal(err)
		}
		if got := c.ids(); !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("signals %q, want %q", got, want)
		}
	})
}

// Whatever comes before it, a good line is decoded.
func TestNothingSwallowsTheNextLine(t *testing.T) {
	tokens := rapid.SampledFrom([]string{
		"{", "}", "[", "]", ",", ":", `"`, `\`, "\n", "\r\n", " ", "1", "null", "x", "\x00", `"a"`, `{"a":`, `{"Records":[`, `{"Events":[`, `],"x":`, `]}`,
		`{"eventName":`, `"eventSource":"iam.amazonaws.com"`, `{"messageId":1,"body":"{`, `{"detail-type":`, "\xef\xbb\xbf", "[[[[[[[[[", `{"a":1}`,
		deletion("x"), broken("x"), cutDeletion("x"),
	})
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(tokens, 0, 14).Draw(t, "tokens"), "") + "\n"
		var c collected
		if _, err := Decode(strings.NewReader(in+deletion("neighbour")), "test", &c); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(c.ids(), "neighbour") {
			t.Errorf("lost behind %q; skips %+v", in, c.skips)
		}
		for i, s := range c.skips {
			if s.Offset < 0 || s.Offset > int64(len(in)+len(deletion("neighbour"))) {
				t.Errorf("skip %d is at %d", i, s.Offset)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	use := strings.Replace(strings.Replace(deletion("x"), "DeleteRole", "DescribeInstances", 1), "iam.amazonaws.com", "ec2.amazonaws.com", 1)
	service := strings.Replace(use, `"type":"IAMUser"`, `"type":"AWSService"`, 1)
	for name, record := range map[string]string{"uses": use, "irrelevant": service} {
		file := `{"Records":[` + strings.Repeat(record+",", 4999) + record + "]}"
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				if stats, err := Decode(strings.NewReader(file), "bench", &peak{}); err != nil || stats.Records != 5000 {
					b.Fatal(stats, err)
				}
			}
		})
	}
}

// What one stream was read with serves for the next, whatever became of the one
// before.
func TestStreamsDoNotMeet(t *testing.T) {
	whole := zipped(deletion("a") + "\n" + deletion("b"))
	streams := []string{
		whole, whole[:len(whole)/2], whole[:7], deletion("c"), "\xff\xfe{\x00", whole + "garbage",
		deletion("d") + `"` + strings.Repeat("x", 2*minWindow) + `"`, cutDeletion("e"), "", whole,
	}
	var known Memory
	for i, s := range streams {
		var want, got collected
		wantStats, _ := Decode(strings.NewReader(s), "test", &want)
		gotStats, err := Decode(strings.NewReader(s), "test", &got, Remember(&known))
		if err != nil || !reflect.DeepEqual(want, got) || !reflect.DeepEqual(wantStats, gotStats) {
			t.Errorf("stream %d: %v (-alone +after others):\n%s", i, err, gocmp.Diff(want, got, gocmp.AllowUnexported(collected{})))
		}
		if _, err := Decode(iotest.ErrReader(errors.New("gone")), "test", &got, Remember(&known)); err == nil {
			t.Error("a reader's error got lost")
		}
	}
}
