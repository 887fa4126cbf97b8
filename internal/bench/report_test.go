package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/report"
	"github.com/trailverdict/trailverdict/internal/reporting"
	"github.com/trailverdict/trailverdict/internal/store"
)

const principals = 1000

func reports(t *testing.T, out *table) {
	out.section(fmt.Sprintf("Reports, %d principals", principals))
	m := medians(BenchmarkBook)
	out.atMost("CPU to read what is kept of them, 64 beats each, and report, s", m[0].ns/1e9, 1, "%.2f")
	out.atMost("what is kept of the beats of one, bytes at most", float64((report.MaxBeatBytes+2)/3*4), 512, "%.0f")
	out.fact("what is kept of one in all, bytes", fmt.Sprintf("%.0f", float64(len(book(t)))/principals))
	for _, n := range []int{50_000, 500_000} {
		out.atMost(fmt.Sprintf("heap at most, %d signals in a period, MiB", n), heapOf(t, n), 256, "%.0f")
	}
}

// book is what is kept of principals: of a third a rhythm with jitter and a fifth
// of the beats missing, of a third one with noise, of a third none.
func book(tb testing.TB) []byte {
	tb.Helper()
	b := report.NewBook()
	for p := range principals {
		r := rand.New(rand.NewPCG(1, uint64(p)))
		var list []interval.Beat
		for i := 0; len(list) < interval.MaxBeats; i++ {
			at := noon.Add(time.Duration((float64(i) + 0.05*r.NormFloat64()) * float64(time.Hour)))
			if p%3 == 2 || p%3 == 1 && r.IntN(3) == 0 {
				at = noon.Add(time.Duration(r.Float64() * 80 * float64(time.Hour)))
			}
			if at = at.Truncate(time.Second); r.IntN(5) > 0 {
				list = interval.Union(list, []interval.Beat{{Start: at, End: at}})
			}
		}
		who := someRole(p)
		l := report.Line{Beats: list, Keys: []report.KeySeen{{Key: "ASIAINVENTED00000001", Last: list[len(list)-1].Start}}}
		b.States[who.Key()] = report.State{Principal: who, Account: who.Account, Failed: l, Workloads: []report.Line{l}}
	}
	data, err := b.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func someRole(n int) incident.Principal {
	name := fmt.Sprintf("role-%04d", n)
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: name, ARN: "arn:aws:iam::111122223333:role/" + name}
}

// BenchmarkBook reads what is kept of principals and reports on them.
func BenchmarkBook(b *testing.B) {
	data := book(b)
	defer cpu(b)()
	for b.Loop() {
		known, err := report.DecodeBook(data)
		if err != nil {
			b.Fatal(err)
		}
		report.Make(report.Input{Book: known, Settings: incident.DefaultSettings(), From: noon, AsOf: noon.Add(100 * time.Hour)})
	}
}

// flood is a store in which so many failures came within a day, of a thousand
// roles, in commits of a hundred. Nothing of it is held.
type flood struct {
	*store.Memory
	signals int
	most    uint64 // of the heap, in bytes
}

func (f *flood) DueEvidence(_ context.Context, since, t time.Time, after string) (list []incident.Signal, next string, err error) {
	var m runtime.MemStats
	runtime.GC() // what is held, not what waits to be collected
	runtime.ReadMemStats(&m)
	f.most = max(f.most, m.HeapAlloc)
	hour := int(noon.Sub(t) / time.Hour)
	if hour < 0 || hour >= 24 || t.After(noon) {
		return nil, "", nil
	}
	page, _ := strconv.Atoi(after)
	const size = 10_000 // a hundred items of a hundred
	first := page * size
	for i := first; i < min(first+size, f.signals/24); i++ {
		p := someRole(i % principals)
		list = append(list, incident.Signal{
			ID: fmt.Sprintf("%d-%d", hour, i), Account: p.Account, Region: "us-east-1", Time: since.Add(time.Duration(i) * time.Second % time.Hour), Kind: incident.CredentialFailed,
			Feed: incident.FromClient, ErrorCode: "ExpiredToken", Count: 1, Target: p, Key: fmt.Sprintf("ASIAINVENTED%08d", i%principals), Workload: p.Name,
		})
	}
	if first+size < f.signals/24 {
		next = strconv.Itoa(page + 1)
	}
	return list, next, nil
}

type nowhere struct{}

func (nowhere) Put(_ context.Context, key, _ string, _ []byte) (string, error) { return key, nil }
func (nowhere) Get(context.Context, string) ([]byte, error)                    { return nil, nil }
func (nowhere) Link(_ context.Context, key string, _ time.Duration) (string, error) {
	return key, nil
}

// heapOf is the most that a run of report holds, in MiB.
func heapOf(t *testing.T, signals int) float64 {
	f := &flood{Memory: store.NewMemory(store.LiveLimits()), signals: signals}
	r := &reporting.Reporter{Evidence: f, Notebook: f, Shelf: nowhere{}, Settings: incident.DefaultSettings(), Limits: reporting.DefaultLimits()}
	if _, err := r.Report(t.Context(), "111122223333", reporting.Period{Span: reporting.Day, End: noon}); err != nil {
		t.Fatal(err)
	}
	return float64(f.most) / (1 << 20)
}
