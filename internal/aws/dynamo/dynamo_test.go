package dynamo_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

// newTable returns the name of a new table, which is dropped after the test.
func newTable(t *testing.T, c *ddb.Client) string {
	t.Helper()
	name := "test-" + rand.Text()
	if err := dynamo.Create(context.Background(), c, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dynamo.Drop(context.Background(), c, name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func open(t *testing.T, l store.Limits) *filing.Store {
	t.Helper()
	c := client(t)
	return dynamo.New(c, newTable(t, c), l, nil)
}

func TestStore(t *testing.T) {
	fewerChecks(t)
	storetest.Run(t, func(t *testing.T, l store.Limits) storetest.Store { return open(t, l) })
}

func TestLedger(t *testing.T) {
	storetest.RunLedger(t, func(t *testing.T, l store.Limits) storetest.Ledger { return open(t, l) })
}

// fewerChecks makes properties shorter, which cost a hundred times as much here
// as in memory, unless the command line says how long they shall be.
func fewerChecks(t *testing.T) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		if err := f.Value.Set("20"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
}

func TestCasesAreToldApartAsConfigSays(t *testing.T) {
	if filing.CaseNode != config.TableCases {
		t.Errorf("cases lie under %q, config says %q", filing.CaseNode, config.TableCases)
	}
}

// TestEveryReadingPages reads through DynamoDB that gives one item at a time,
// and wants what is read in one piece.
func TestEveryReadingPages(t *testing.T) {
	g, c := newGate(t)
	name := newTable(t, c)
	whole, inPieces := dynamo.New(client(t), name, store.LiveLimits(), nil), dynamo.New(c, name, store.LiveLimits(), nil)
	const n = 7
	for i := range n {
		one := failed(i, "role-00")
		one.Time = noon().Add(time.Duration(i) * time.Hour)
		f := incident.Finding{ID: fmt.Sprint("tv-", i), Subject: incident.Subject{Principal: one.Target}, FirstSeen: one.Time, LastSeen: one.Time}
		use := incident.Use{Account: one.Account, Principal: one.Target, AccessKeyID: fmt.Sprint("ASIA", i), Service: "s3.amazonaws.com", First: one.Time, Last: one.Time}
		err := whole.Commit(t.Context(), store.Commit{Signals: []incident.Signal{one}, Uses: []incident.Use{use}, Recheck: one.Time, Cases: []store.Case{{Finding: f, Due: one.Time}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	g.mu.Lock()
	g.ask = func(x exchange) []byte {
		var in map[string]any
		if err := json.Unmarshal(x.request, &in); err != nil {
			t.Error(err)
		}
		if x.operation == "Query" || x.operation == "Scan" {
			in["Limit"] = 1
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	g.mu.Unlock()
	node := failed(0, "role-00").Target.Key()
	for what, read := range map[string]func(*filing.Store) (any, int, error){
		"signals": func(s *filing.Store) (any, int, error) {
			page, err := s.Signals(t.Context(), store.Query{Node: node})
			return page, len(page.Items), err
		},
		"uses": func(s *filing.Store) (any, int, error) {
			page, err := s.Uses(t.Context(), store.Query{Node: node})
			return page, len(page.Items), err
		},
		"all signals": func(s *filing.Store) (any, int, error) {
			page, err := s.Signals(t.Context(), store.Query{})
			return page, len(store.Resolve(page.Items)), err
		},
		"a history": func(s *filing.Store) (any, int, error) {
			h, err := s.History(t.Context(), node, noon().Add(n*time.Hour))
			return h, min(len(h.Signals), len(h.Uses)), err
		},
		"cases": func(s *filing.Store) (any, int, error) {
			list, err := s.Cases(t.Context(), node)
			return list, len(list), err
		},
		"due cases": func(s *filing.Store) (any, int, error) {
			var all []store.Case
			for after := ""; ; {
				list, next, err := s.DueCases(t.Context(), noon().Add(n*time.Hour), after)
				if all = append(all, list...); err != nil || next == "" {
					return all, len(all), err
				}
				after = next
			}
		},
		"due evidence": func(s *filing.Store) (any, int, error) {
			var all []incident.Signal
			for after := ""; ; {
				list, next, err := s.DueEvidence(t.Context(), time.Time{}, noon().Add(n*time.Hour), after)
				if all = append(all, list...); err != nil || next == "" {
					return all, len(all), err
				}
				after = next
			}
		},
	} {
		g.mu.Lock()
		before := g.calls["Query"] + g.calls["Scan"]
		g.mu.Unlock()
		want, _, err := read(whole)
		got, count, inPiecesErr := read(inPieces)
		g.mu.Lock()
		pages := g.calls["Query"] + g.calls["Scan"] - before
		g.mu.Unlock()
		if err != nil || inPiecesErr != nil || count != n || pages < n {
			t.Errorf("%s: %d read in %d pages, %v, %v; want %d", what, count, pages, err, inPiecesErr, n)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-whole +in pieces): %s", what, d)
		}
	}
}

// TestItemsExpire looks at the second after which DynamoDB drops an item: the
// retention after what it tells last happened. Until it has, the tests of the
// contract hold reading to leave it out.
func TestItemsExpire(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	limits := store.LiveLimits()
	s := dynamo.New(c, name, limits, nil)
	one, later := failed(0, "role-00"), noon().Add(3*time.Hour)
	f := incident.Finding{ID: "tv-1", Subject: incident.Subject{Principal: one.Target}, LastSeen: later}
	use := incident.Use{Account: one.Account, Principal: one.Target, Service: "s3.amazonaws.com", First: noon(), Last: later}
	if err := s.Commit(t.Context(), store.Commit{Signals: []incident.Signal{one}, Uses: []incident.Use{use}, Cases: []store.Case{{Finding: f}}}); err != nil {
		t.Fatal(err)
	}
	out, err := sdk(t).Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]time.Time{"s/": one.Time, "u/": later, "tv": later}
	for _, item := range out.Items {
		sort := item[config.TableSort].(*types.AttributeValueMemberS).Value
		n, ok := item[config.TableExpiry].(*types.AttributeValueMemberN)
		if want := fmt.Sprint(kinds[sort[:2]].Add(limits.Retention).Unix()); !ok || n.Value != want {
			t.Errorf("%s expires at %v, want %s", sort, item[config.TableExpiry], want)
		}
	}
	if len(out.Items) != 4 { // the role's and the key's failure, the use and the case
		t.Errorf("%d items, want 4", len(out.Items))
	}
}
