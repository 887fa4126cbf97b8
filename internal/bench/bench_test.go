// Package bench measures what docs/performance.md says, each figure beside what
// it is compared with and in the same run: times of one machine tell nothing on
// another, ratios do. It has tests alone. Its benchmarks run by themselves, too;
// make bench runs all of it and prints one table.
package bench

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"encoding/json"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/klauspost/compress/gzip"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// typed is a record as one would write it for encoding/json: the fields that
// are read of most records, and what calls have of their own left as it is.
type typed struct {
	EventID, EventTime, EventSource, EventName, AWSRegion string
	SourceIPAddress, UserAgent, ErrorCode, ErrorMessage   string
	RecipientAccountID, SharedEventID                     string
	UserIdentity                                          struct {
		Type, PrincipalID, ARN, AccountID, AccessKeyID, UserName, InvokedBy string
		SessionContext                                                      struct {
			SessionIssuer struct{ Type, PrincipalID, ARN, AccountID, UserName string }
			Attributes    struct{ CreationDate, MFAAuthenticated string }
		}
	}
	RequestParameters, ResponseElements json.RawMessage
}

// discard keeps nothing, which leaves decoding alone to be measured.
type discard struct{}

func (discard) Handle(context.Context, []incident.Signal, []incident.Use, time.Time) error {
	return nil
}

func invoke(b *testing.B, h lambda.Handler, events ...[]byte) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(events[0])))
	defer cpu(b)()
	for i := 0; b.Loop(); i++ {
		if _, err := h.Invoke(b.Context(), events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime is a metric: what the process's threads have run, collecting garbage
// included. Others who use the machine meanwhile do not count, as they do in the
// time by the clock.
const cpuTime = "cpu-ns/op"

// cpu starts to measure it, and returns what reports it.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), cpuTime) }
}

func ours() lambda.Handler {
	return &detect.Handler{Keeper: discard{}, Now: time.Now, Options: []trail.Option{trail.LogWriters(nil)}}
}

// stock is the handler that aws-lambda-go's documentation would have one write.
func stock() lambda.Handler {
	return lambda.NewHandler(func(_ context.Context, e events.EventBridgeEvent) error {
		var r typed
		return json.Unmarshal(e.Detail, &r)
	})
}

// Of interest is a failure, and irrelevant a call that failed for another reason
// than its credential: a rule for error codes matches it, a decoder drops it.
func ofInterest() []byte { return newCorpus().delivered(failure, "") }

// ofMany are failures of sessions that are mostly different ones.
func ofMany() [][]byte {
	c := newCorpus()
	list := make([][]byte, 500)
	for i := range list {
		list[i] = c.delivered(failure, "")
	}
	return list
}

func irrelevant() []byte { return newCorpus().delivered(ordinary, "Client.InvalidInstanceID.NotFound") }

func BenchmarkLive(b *testing.B)                { invoke(b, ours(), ofInterest()) }
func BenchmarkLiveMany(b *testing.B)            { invoke(b, ours(), ofMany()...) }
func BenchmarkLiveManyStock(b *testing.B)       { invoke(b, stock(), ofMany()...) }
func BenchmarkLiveStock(b *testing.B)           { invoke(b, stock(), ofInterest()) }
func BenchmarkLiveIrrelevant(b *testing.B)      { invoke(b, ours(), irrelevant()) }
func BenchmarkLiveIrrelevantStock(b *testing.B) { invoke(b, stock(), irrelevant()) }

// BenchmarkLiveScan checks an event and reads nothing: the floor of a decoder
// that accepts JSON alone.
func BenchmarkLiveScan(b *testing.B) {
	event := ofInterest()
	b.SetBytes(int64(len(event)))
	defer cpu(b)()
	for b.Loop() {
		if _, err := jsonscan.Parse(event); err != nil {
			b.Fatal(err)
		}
	}
}

// records is how many records a measured file has; CloudTrail's are about as
// large in a busy account.
const records = 5000

// fileCount is how many files are read in turn. One session in fifteen is another
// one in the next file: CloudTrail writes one every five minutes, and a session
// lives an hour.
const fileCount = 8

func mixed() [][]byte {
	c := newCorpus()
	list := make([][]byte, fileCount)
	for i := range list {
		list[i] = file(records, func() string { r, _ := c.next(); return r })
		c.live++
	}
	return list
}

func ofServices() [][]byte {
	c := newCorpus()
	return [][]byte{file(records, func() string { return c.record(service) })}
}

func zippedFiles(b *testing.B, list [][]byte) [][]byte {
	b.Helper()
	for i := range list {
		list[i] = zipped(b, list[i])
	}
	return list
}

// read measures what reads files as they lie on disk.
func read(b *testing.B, files [][]byte, one func(io.Reader) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(files[0])))
	defer cpu(b)()
	for i := 0; b.Loop(); i++ {
		if err := one(bytes.NewReader(files[i%len(files)])); err != nil {
			b.Fatal(err)
		}
	}
}

// decoding decodes file after file as a replay's worker does, and forgets what it
// learnt when it starts over.
func decoding() func(io.Reader) error {
	var known *trail.Memory
	var sink counter
	n := 0
	return func(r io.Reader) error {
		if n%fileCount == 0 {
			known = &trail.Memory{}
		}
		n++
		_, err := trail.Decode(r, "corpus", &sink, trail.Gather(known))
		if n%fileCount == 0 {
			known.Flush(&sink)
		}
		return err
	}
}

// decodeAlone decodes a file of whose callers nothing is known.
func decodeAlone(r io.Reader) error {
	_, err := trail.Decode(r, "corpus", &counter{})
	return err
}

func naive(r io.Reader) error {
	z, err := stdgzip.NewReader(r)
	if err != nil {
		return err
	}
	return unmarshal(z)
}

func unmarshal(r io.Reader) error {
	var f struct{ Records []typed }
	return json.NewDecoder(r).Decode(&f)
}

func gunzip(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, z)
	return err
}

func BenchmarkFile(b *testing.B)            { read(b, zippedFiles(b, mixed()), decoding()) }
func BenchmarkFileNaive(b *testing.B)       { read(b, zippedFiles(b, mixed()), naive) }
func BenchmarkFileGunzip(b *testing.B)      { read(b, zippedFiles(b, mixed()), gunzip) }
func BenchmarkPlain(b *testing.B)           { read(b, mixed(), decoding()) }
func BenchmarkPlainAlone(b *testing.B)      { read(b, mixed()[:1], decodeAlone) }
func BenchmarkPlainNaive(b *testing.B)      { read(b, mixed(), unmarshal) }
func BenchmarkPlainIrrelevant(b *testing.B) { read(b, ofServices(), decoding()) }
