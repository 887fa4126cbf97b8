package replay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is an ingester that remembers, and may fail.
type sink struct {
	mu      sync.Mutex
	signals []incident.Signal
	uses    []incident.Use
	err     error
}

func (s *sink) Ingest(_ context.Context, signals []incident.Signal, uses []incident.Use) (store.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals = append(s.signals, signals...)
	s.uses = append(s.uses, uses...)
	return store.Outcome{}, s.err
}

func failureEvent(id, key string) string {
	return fmt.Sprintf(`{"version":"0","id":"%s","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":"2026-03-01T10:00:00Z","region":"eu-west-1","resources":[],"detail":{"eventId":"%[1]s","eventTime":"2026-03-01T10:00:00Z","errorCode":"ExpiredToken","accessKeyId":"%s"}}`, id, key)
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func names(inputs []replay.Input) []string {
	var list []string
	for _, in := range inputs {
		list = append(list, in.Name)
	}
	return list
}

func TestFindListsFoldersInSortedOrder(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"b.json": "", "a/2.json": "", "a/10.json": "", "a/1.json": "", ".hidden": "", "c.json": ""})
	inputs, err := replay.Find([]string{filepath.Join(root, "c.json"), root, "-"}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"c.json", ".hidden", "a/1.json", "a/10.json", "a/2.json", "b.json", "c.json", "-"}
	for i := range want[:len(want)-1] {
		want[i] = filepath.Join(root, want[i])
	}
	if d := cmp.Diff(want, names(inputs)); d != "" {
		t.Error(d)
	}
}

func TestFindFollowsALinkToAFolder(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"logs/a.json": "", "logs/b/c.json": ""})
	link := filepath.Join(root, "link")
	if err := os.Symlink(filepath.Join(root, "logs"), link); err != nil {
		t.Skip("links cannot be made here: folders behind links were not checked")
	}
	inputs, err := replay.Find([]string{link}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{filepath.Join(link, "a.json"), filepath.Join(link, "b", "c.json")}, names(inputs)); d != "" {
		t.Error(d)
	}
}

func TestFindReadsStandardInputOnce(t *testing.T) {
	inputs, err := replay.Find([]string{"-", "-"}, strings.NewReader(""))
	if err != nil || len(inputs) != 1 {
		t.Errorf("%d inputs, %v; want one", len(inputs), err)
	}
}

func TestFindNamesAllThatIsMissing(t *testing.T) {
	root := t.TempDir()
	_, err := replay.Find([]string{filepath.Join(root, "one"), root, filepath.Join(root, "two")}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") {
		t.Errorf("Find() = %v, want both paths", err)
	}
}

func read(t *testing.T, inputs []replay.Input, to replay.Ingester) replay.Summary {
	t.Helper()
	sum, err := replay.Read(context.Background(), replay.All(inputs), to, replay.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func TestReadCountsFilesOfEveryKind(t *testing.T) {
	root := t.TempDir()
	whole := zipped(failureEvent("e2", "ASIAQ2"))
	write(t, root, map[string]string{
		"plain.json":        failureEvent("e1", "ASIAQ1"),
		"zipped":            whole,
		"cut.gz":            whole[:len(whole)-12],
		"image.png":         "\x89PNG\r\n\x1a\n\x00\x00",
		"notes.txt":         "nothing of \"interest\", 12 times",
		"empty":             "",
		"broken.json":       `{"version": oops`,
		"other.json":        `{"some":"thing"}`,
		"bom and spaces.js": "\ufeff \r\n" + failureEvent("e3", "ASIAQ3"),
	})
	inputs, err := replay.Find([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var to sink
	sum := read(t, inputs, &to)
	if sum.Files != 7 || sum.Other != 2 || len(sum.Failed) != 0 {
		t.Errorf("%d files, %d others, failed %v; want 7, 2 and none", sum.Files, sum.Other, sum.Failed)
	}
	var keys []string
	for _, s := range to.signals {
		keys = append(keys, s.Key)
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); !slices.Equal(keys, []string{"ASIAQ1", "ASIAQ2", "ASIAQ3"}) {
		t.Errorf("keys = %v, want all three", keys)
	}
	for _, r := range []trail.SkipReason{trail.SkipUnknownShape, trail.SkipSyntax, trail.SkipDecompress} {
		if sum.Skipped[r] == 0 {
			t.Errorf("nothing was skipped for %s: %v", r, sum.Skipped)
		}
	}
}

func TestNothingIsToldFromNoEvents(t *testing.T) {
	for input, want := range map[string]bool{
		"":                           true,
		strings.Repeat(" \n", 10000): true,
		"this is no JSON":            true,
		`{"some":"thing"}`:           true,
		`{"version":`:                true,
		`{"Records":[]}`:             false,
		zipped(`{"Events":[]}`):      false,
		"\ufeff[]":                   false,
		failureEvent("1", "ASIAQ"):   false,
		"{\"a\":1}\n" + failureEvent("1", "ASIAQ"): false,
	} {
		if got := read(t, []replay.Input{replay.Stream("-", strings.NewReader(input))}, &sink{}).Nothing(); got != want {
			t.Errorf("Nothing() of %.40q = %v, want %v", input, got, want)
		}
	}
	if !read(t, nil, &sink{}).Nothing() {
		t.Error("Nothing() of no input = false, want true")
	}
}

func TestExamplesAreFewAndInTheOrderOfTheInputs(t *testing.T) {
	var inputs []replay.Input
	for i := range 20 {
		inputs = append(inputs, replay.Stream(fmt.Sprintf("%02d", i), strings.NewReader("{\"a\":1}\n{\"b\":2}\n")))
	}
	sum := read(t, inputs, &sink{})
	var got []string
	for _, e := range sum.Examples {
		got = append(got, fmt.Sprintf("%s@%d", e.Source, e.Offset))
	}
	if want := []string{"00@0", "00@8", "01@0"}; !slices.Equal(got, want) {
		t.Errorf("examples = %v, want %v", got, want)
	}
	if sum.Skipped[trail.SkipUnknownShape] != 40 {
		t.Errorf("%d skipped, want 40", sum.Skipped[trail.SkipUnknownShape])
	}
}

func TestManyEventsArriveInPortions(t *testing.T) {
	const n = 2500
	var b strings.Builder
	for i := range n {
		b.WriteString(failureEvent(fmt.Sprint(i), "ASIAQ"))
		b.WriteByte('\n')
	}
	var to sink
	sum := read(t, []replay.Input{replay.Stream("-", strings.NewReader(b.String()))}, &to)
	if len(to.signals) != n || sum.Signals != n {
		t.Errorf("%d signals arrived and %d were counted, want %d", len(to.signals), sum.Signals, n)
	}
}

func TestProgressIsWhatWasRead(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"a": failureEvent("1", "ASIAQ"), "b": zipped(failureEvent("2", "ASIAQ")), "c": "text"})
	inputs, err := replay.Find([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got, want atomic.Int64
	for _, in := range inputs {
		want.Add(in.Size)
	}
	if _, err := replay.Read(context.Background(), replay.All(inputs), &sink{}, replay.Options{Workers: 2, Progress: func(n int) { got.Add(int64(n)) }}); err != nil {
		t.Fatal(err)
	}
	if got.Load() != want.Load() {
		t.Errorf("progress of %d bytes, want %d", got.Load(), want.Load())
	}
}

// flaky fails after its content.
type flaky struct{ r io.Reader }

func (f flaky) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF {
		err = io.ErrNoProgress
	}
	return n, err
}

func TestWhatCannotBeReadIsListedAndTheRestIsRead(t *testing.T) {
	var to sink
	sum := read(t, []replay.Input{
		replay.Stream("flaky", flaky{strings.NewReader(failureEvent("1", "ASIAQ1") + "\n")}),
		replay.Stream("whole", strings.NewReader(failureEvent("2", "ASIAQ2"))),
	}, &to)
	if len(sum.Failed) != 1 || !errors.Is(sum.Failed[0], io.ErrNoProgress) || !strings.Contains(sum.Failed[0].Error(), "flaky") {
		t.Errorf("failed = %v, want the flaky one", sum.Failed)
	}
	if len(to.signals) != 2 {
		t.Errorf("%d signals, want those of both", len(to.signals))
	}
}

// TestNoAllClearWhereNothingCouldBeRead takes away the file between the two
// steps, as permissions do where the reader is not root.
func TestNoAllClearWhereNothingCouldBeRead(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"a.json": failureEvent("1", "ASIAQ1")})
	inputs, err := replay.Find([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "a.json")); err != nil {
		t.Fatal(err)
	}
	if sum := read(t, inputs, &sink{}); len(sum.Failed) != 1 || !sum.Nothing() {
		t.Errorf("failed = %v, Nothing() = %v; want one, and nothing", sum.Failed, sum.Nothing())
	}
}

func TestAFolderThatCannotBeListedIsListed(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may list every folder: folders without permission were not checked")
	}
	root := t.TempDir()
	write(t, root, map[string]string{"closed/a.json": "", "open.json": failureEvent("1", "ASIAQ")})
	closed := filepath.Join(root, "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o755) })
	inputs, err := replay.Find([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum := read(t, inputs, &sink{}); len(sum.Failed) != 1 || sum.Signals != 1 {
		t.Errorf("failed = %v with %d signals, want the folder and the other's signal", sum.Failed, sum.Signals)
	}
}

func TestAStoreThatFailsEndsTheReplay(t *testing.T) {
	full := errors.New("the disk is full")
	_, err := replay.Read(context.Background(), replay.All([]replay.Input{
		replay.Stream("a", strings.NewReader(failureEvent("1", "ASIAQ1"))),
		replay.Stream("b", strings.NewReader(failureEvent("2", "ASIAQ2"))),
	}), &sink{err: full}, replay.Options{Workers: 2})
	if !errors.Is(err, full) {
		t.Errorf("Read() = %v, want %v", err, full)
	}
}

// endless is a recording without end.
type endless struct{ line []byte }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.line), nil }

func TestAnInterruptEndsTheReplay(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	line := append([]byte(failureEvent("1", "ASIAQ1")), '\n')
	var reads atomic.Int64
	_, err := replay.Read(ctx, replay.All([]replay.Input{replay.Stream("endless", endless{line})}), &sink{}, replay.Options{Workers: 2, Progress: func(int) {
		if reads.Add(1) == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want %v", err, context.Canceled)
	}
}

func TestAnInterruptDoesNotWaitForInput(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe() // nobody writes
	t.Cleanup(func() { _ = w.Close() })
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := replay.Read(ctx, replay.All([]replay.Input{replay.Stream("-", r)}), &sink{}, replay.Options{Workers: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want %v", err, context.Canceled)
	}
}

func TestGaps(t *testing.T) {
	record := func(source, name string) string {
		return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAQ","arn":"arn:aws:iam::111122223333:user/lena","accountId":"111122223333","accessKeyId":"AKIAQ","userName":"lena"},"eventTime":"2026-03-01T10:00:00Z","eventSource":"%s.amazonaws.com","eventName":"%s","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{"roleName":"api"},"responseElements":null,"eventID":"1","recipientAccountId":"111122223333"}`, source, name)
	}
	for name, test := range map[string]struct {
		input string
		want  []string // the beginnings of the gaps
	}{
		"of nothing, nothing is said": {`{"a":1}`, nil},
		"client reports alone":        {failureEvent("1", "ASIAQ"), []string{"no IAM events", "no credentials being issued", "no successful calls"}},
		"a change in IAM":             {record("iam", "DeleteRole"), []string{"no failures reported by clients", "no credentials being issued"}},
		"calls of another service":    {record("s3", "ListBuckets"), []string{"no failures reported by clients", "no IAM events", "no credentials being issued"}},
	} {
		t.Run(name, func(t *testing.T) {
			gaps := read(t, []replay.Input{replay.Stream("-", strings.NewReader(test.input))}, &sink{}).Gaps()
			if len(gaps) != len(test.want) {
				t.Fatalf("gaps = %q, want %q", gaps, test.want)
			}
			for i := range gaps {
				if !strings.HasPrefix(gaps[i], test.want[i]) {
					t.Errorf("gap %d = %q, want %q…", i, gaps[i], test.want[i])
				}
			}
		})
	}
}
