package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// NewClient returns a client of DynamoDB. The environment may name another
// endpoint, as it may for the SDK.
func NewClient(cfg aws.Config, getenv func(string) string) *ddb.Client {
	return ddb.NewClient(cfg, getenv)
}

// Cost is what DynamoDB counted for one request.
type Cost struct {
	Operation string
	// Items is how many items were asked to be written, 0 for reads.
	Items int
	// Reads and Writes are capacity units, those of indexes included.
	Reads, Writes float64
}

// New returns a store on a table, which has the shape that package config gives
// it. Observe is told what each request cost; nil is allowed, and saves the
// asking.
func New(c *ddb.Client, name string, limits store.Limits, observe func(Cost)) *filing.Store {
	return filing.New(&table{client: c, name: name, observe: observe}, limits)
}

// table is a DynamoDB table as filing wants it.
type table struct {
	client  *ddb.Client
	name    string
	observe func(Cost)
}

// counting asks for what a request costs if anybody wants to know.
func (t *table) counting() string {
	if t.observe == nil {
		return ""
	}
	return "TOTAL"
}

func (t *table) read(operation string, costs ...ddb.Capacity) {
	if t.observe != nil {
		t.observe(Cost{Operation: operation, Reads: units(costs)})
	}
}

func (t *table) wrote(operation string, items int, costs ...ddb.Capacity) {
	if t.observe != nil {
		t.observe(Cost{Operation: operation, Items: items, Writes: units(costs)})
	}
}

func units(costs []ddb.Capacity) (sum float64) {
	for _, c := range costs {
		sum += c.CapacityUnits
	}
	return sum
}
