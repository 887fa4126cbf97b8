package dynamo_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

func pricedStore(t *testing.T) (*prices, *filing.Store) {
	t.Helper()
	g, c := newGate(t)
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
	p := &prices{}
	g.see = p.see
	return p, s
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// failed is a client's report: principal, key and workload are known.
func failed(i int, principal string) incident.Signal {
	return incident.Signal{
		ID: fmt.Sprintf("%08x-1111-4222-8333-%012x", uint32(i)*2654435761, i*40503), Account: "111122223333", Partition: "aws", Region: "eu-west-1",
		Time: noon().Add(time.Duration(i%5) * time.Second), Kind: incident.CredentialFailed, Feed: incident.FromClient,
		Operation: "sts:GetCallerIdentity", ErrorCode: "InvalidClientTokenId", Count: 1,
		Key:    "ASIAINVENTED" + principal,
		Target: incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: principal, ARN: "arn:aws:iam::111122223333:role/app/" + principal},
	}
}

// TestWritesPerEvent holds the store to what a batch may cost, and prints it. A
// write is a request, whatever the number of its items; DynamoDB bills units.
func TestWritesPerEvent(t *testing.T) {
	batch := func(principals int) []incident.Signal {
		list := make([]incident.Signal, 100)
		for i := range list {
			list[i] = failed(i, fmt.Sprintf("role-%02d", i%principals))
			if i%10 == 3 {
				list[i].Kind, list[i].ErrorCode = incident.CallDenied, "AccessDenied"
				list[i].Denial = &incident.Denial{Explicit: true, PolicyKind: "identity-based", Action: "s3:GetObject"}
			}
		}
		return list
	}
	for _, test := range []struct {
		name   string
		events [][]incident.Signal
		budget float64
	}{
		{"100 failures of one key in a batch", [][]incident.Signal{batch(1)}, 0.10},
		{"100 events of 10 principals in a batch", [][]incident.Signal{batch(10)}, 0.10},
		{"100 failures of 100 keys of one role in a batch", [][]incident.Signal{fleet(100)}, 0.10},
		{"100 sessions issued to one caller in a batch", [][]incident.Signal{issued(100)}, 0.10},
		{"single events", singles(100), 1.05},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, s := pricedStore(t)
			n := 0
			for _, events := range test.events {
				n += len(events)
				c := store.Commit{Signals: events, Recheck: noon().Add(15 * time.Minute)}
				if err := s.Commit(context.Background(), c); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("evidence, per event: %s", p.per(n))
			if got := float64(p.writeRequests) / float64(n); got > test.budget {
				t.Errorf("%.3f writes per event, want at most %.2f", got, test.budget)
			}
			if p.readRequests > 0 {
				t.Errorf("evidence was kept with %d reads, want none", p.readRequests)
			}
		})
		t.Run(test.name+", decided about", func(t *testing.T) {
			p, s := pricedStore(t)
			live := detect.NewLive(s, s, incident.DefaultSettings())
			n := 0
			for _, events := range test.events {
				n += len(events)
				if err := live.Handle(context.Background(), events, nil, noon().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("evidence and cases, per event: %s", p.per(n))
		})
	}
}

// TestReadsOfABusyRole holds a decision to a bounded number of reads, however
// long the role's history is, and prints what it costs.
func TestReadsOfABusyRole(t *testing.T) {
	const most = 300 // signals in a history, to be quick
	for _, test := range []struct {
		name    string
		history int // sessions in the 30 days before
		reads   int
	}{
		{"a role without a history", 0, 8},
		{"a role with 250 sessions before, all read", 250, 10},
		{"a role with 900 sessions before, of which 300 are read", 900, 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, c := newGate(t)
			limits := store.LiveLimits()
			limits.History = most
			s := dynamo.New(c, newTable(t, c), limits, nil)
			sessions := issued(test.history)
			for n := range sessions {
				at := noon().Add(-30*24*time.Hour*time.Duration(n)/time.Duration(test.history) - time.Minute)
				sessions[n].ID, sessions[n].Time = fmt.Sprint("session-", n), at
				sessions[n].Issued.AccessKeyID, sessions[n].Issued.IssuedAt, sessions[n].Issued.ExpiresAt = fmt.Sprintf("ASIASESSION%09d", n), at, at.Add(time.Hour)
			}
			for batch := range slices.Chunk(sessions, 100) {
				if err := s.Commit(t.Context(), store.Commit{Signals: batch}); err != nil {
					t.Fatal(err)
				}
			}
			p := &prices{}
			g.mu.Lock()
			g.see = p.see
			g.mu.Unlock()
			live := detect.NewLive(s, s, incident.DefaultSettings())
			failures := fleet(100)
			for _, one := range [][]incident.Signal{failures[:1], failures[1:]} {
				*p = prices{}
				if err := live.Handle(t.Context(), one, nil, noon().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				t.Logf("%d failures in a batch, altogether: %s", len(one), p.per(1))
				if len(one) == 1 && p.readRequests > test.reads {
					t.Errorf("a failure costs %d reads, want at most %d", p.readRequests, test.reads)
				}
			}
			cases, err := s.Cases(t.Context(), failures[0].Target.Key())
			if err != nil || len(cases) == 0 {
				t.Fatalf("%d findings, %v; want one", len(cases), err)
			}
			if capped := len(cases[0].Finding.Capped) > 0; capped != (test.history > most) {
				t.Errorf("limits named: %v, with a history of %d", cases[0].Finding.Capped, test.history)
			}
		})
	}
}

func singles(n int) [][]incident.Signal {
	out := make([][]incident.Signal, n)
	for i := range out {
		out[i] = []incident.Signal{failed(i, fmt.Sprintf("role-%02d", i))}
	}
	return out
}

func fleet(n int) []incident.Signal {
	out := make([]incident.Signal, n)
	for i := range out {
		out[i] = failed(i, "role-00")
		out[i].Key = fmt.Sprintf("ASIAINVENTED%08d", i)
	}
	return out
}

func issued(n int) []incident.Signal {
	out := fleet(n)
	for i := range out {
		s := &out[i]
		s.Actor = incident.Actor{Principal: incident.Principal{Type: incident.Role, Account: s.Account, Name: "caller"}, AccessKeyID: "ASIACALLER", SourceIP: "192.0.2.1", UserAgent: "boto3"}
		s.Issued = &incident.Session{AccessKeyID: s.Key, IssuedAt: s.Time, ExpiresAt: s.Time.Add(time.Hour), ParentKey: "ASIACALLER", Name: "session"}
		s.Kind, s.Key, s.ErrorCode, s.Operation, s.Feed = incident.SessionIssued, "", "", "sts:AssumeRole", incident.FromTrail
	}
	return out
}

// TestNoKeyIsHot sends a thousand failures of a second, of one role with a
// thousand keys, as the queue hands them over, and holds each partition, those of
// indexes too, to a tenth of what one takes in a second: a thousand units.
func TestNoKeyIsHot(t *testing.T) {
	p, s := pricedStore(t)
	live := detect.NewLive(s, s, incident.DefaultSettings())
	all := fleet(1000)
	for batch := range slices.Chunk(all, 100) {
		if err := live.Handle(t.Context(), batch, nil, noon().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	hottest := slices.MaxFunc(slices.Collect(maps.Keys(p.partitions)), func(a, b string) int { return cmp.Compare(p.partitions[a], p.partitions[b]) })
	t.Logf("of %d partitions the hottest is %s with %.0f write units", len(p.partitions), hottest, p.partitions[hottest])
	if p.partitions[hottest] > 100 || len(p.partitions) < 1000 {
		t.Errorf("%d partitions, the hottest of them with %.0f units", len(p.partitions), p.partitions[hottest])
	}
}

// TestObserve compares what the store says that a request cost with what was
// asked for.
func TestObserve(t *testing.T) {
	c := client(t)
	var costs []dynamo.Cost
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), func(c dynamo.Cost) { costs = append(costs, c) })
	one := failed(0, "role-00")
	if err := s.Commit(context.Background(), store.Commit{Signals: []incident.Signal{one, failed(1, "role-01")}}); err != nil {
		t.Fatal(err)
	}
	if len(costs) != 1 || costs[0].Operation != "BatchWriteItem" || costs[0].Items != 4 || costs[0].Writes < 4 || costs[0].Reads != 0 {
		t.Errorf("costs = %+v, want one of writing four items", costs)
	}
	costs = nil
	if _, err := s.Cases(context.Background(), one.Target.Key()); err != nil {
		t.Fatal(err)
	}
	if len(costs) != 1 || costs[0].Operation != "Query" || costs[0].Items != 0 || costs[0].Writes != 0 {
		t.Errorf("costs = %+v, want one of a query", costs)
	}
}
