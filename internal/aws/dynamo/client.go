package dynamo

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// API is what is called of DynamoDB.
type API interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// attempts is how often a call is made before its failure is the caller's. A
// function has little time, and whoever called it delivers again.
const attempts = 4

// NewClient returns a client. The environment may name another endpoint, as it
// may for the other SDKs.
func NewClient(cfg aws.Config, getenv func(string) string) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.RetryMaxAttempts = attempts
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_DYNAMODB"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint = aws.String(url)
		}
	})
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
func New(api API, name string, limits store.Limits, observe func(Cost)) *filing.Store {
	return filing.New(&table{api: api, name: name, observe: observe}, limits)
}

// table is a DynamoDB table as filing wants it.
type table struct {
	api     API
	name    string
	observe func(Cost)
}

// counting asks for what a request costs if anybody wants to know.
func (t *table) counting() types.ReturnConsumedCapacity {
	if t.observe == nil {
		return types.ReturnConsumedCapacityNone
	}
	return types.ReturnConsumedCapacityTotal
}

func (t *table) read(operation string, costs ...*types.ConsumedCapacity) {
	if t.observe != nil {
		t.observe(Cost{Operation: operation, Reads: units(costs)})
	}
}

func (t *table) wrote(operation string, items int, costs ...*types.ConsumedCapacity) {
	if t.observe != nil {
		t.observe(Cost{Operation: operation, Items: items, Writes: units(costs)})
	}
}

func units(costs []*types.ConsumedCapacity) (sum float64) {
	for _, c := range costs {
		if c != nil {
			sum += aws.ToFloat64(c.CapacityUnits)
		}
	}
	return sum
}

func pointers(costs []types.ConsumedCapacity) []*types.ConsumedCapacity {
	out := make([]*types.ConsumedCapacity, len(costs))
	for i := range costs {
		out[i] = &costs[i]
	}
	return out
}
