package dynamo_test

import (
	"context"
	"crypto/rand"
	"flag"
	"testing"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
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
