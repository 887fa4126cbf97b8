package dynamo_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
)

// priced counts requests and units by DynamoDB's published rules. DynamoDB
// Local's own figures leave out reads that find nothing, and are wrong for
// transactions.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html
type priced struct {
	dynamo.API

	mu                          sync.Mutex
	writeRequests, readRequests int
	items                       int // written
	writeUnits, readUnits       float64
	largest                     int // item's bytes
}

func (p *priced) per(n int) string {
	f := func(v float64) string { return fmt.Sprintf("%.3f", v/float64(n)) }
	return fmt.Sprintf("write requests %s, items %s, write units %s, read requests %s, read units %s; largest item %d bytes",
		f(float64(p.writeRequests)), f(float64(p.items)), f(p.writeUnits), f(float64(p.readRequests)), f(p.readUnits), p.largest)
}

type item = map[string]types.AttributeValue

// sizeOf is an item's size: its names' and values' bytes.
func sizeOf(i item) (n int) {
	for name, v := range i {
		n += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberB:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += len(v.Value)/2 + 2
		}
	}
	return n
}

func kilobytes(n int) float64 { return math.Max(1, math.Ceil(float64(n)/1024)) }

// write counts an item in the table and in each index that it has a key of.
func (p *priced) write(i item, factor float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.items++
	p.largest = max(p.largest, sizeOf(i))
	p.writeUnits += kilobytes(sizeOf(i)) * factor
	for _, index := range config.TableIndexes() {
		switch {
		case i[index.Partition] == nil:
		case index.KeysOnly:
			p.writeUnits++ // its keys take less than a kilobyte
		default:
			p.writeUnits += kilobytes(sizeOf(i))
		}
	}
}

func (p *priced) request(count *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*count++
}

func (p *priced) read(items []item, consistent bool) {
	n := 0
	for _, i := range items {
		n += sizeOf(i)
	}
	units := math.Max(1, math.Ceil(float64(n)/4096))
	if !consistent {
		units /= 2
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readRequests++
	p.readUnits += units
}

// revised is what an update leaves.
func revised(key item, update *string, names map[string]string, values item) item {
	out := maps.Clone(key)
	set, _, _ := strings.Cut(strings.TrimPrefix(aws.ToString(update), "SET "), " REMOVE ")
	for _, assignment := range strings.Split(set, ", ") {
		name, value, _ := strings.Cut(assignment, " = ")
		out[names[name]] = values[value]
	}
	return out
}

func (p *priced) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	p.request(&p.writeRequests)
	p.write(in.Item, 1)
	return p.API.PutItem(ctx, in, o...)
}

func (p *priced) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	p.request(&p.writeRequests)
	p.write(revised(in.Key, in.UpdateExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues), 1)
	return p.API.UpdateItem(ctx, in, o...)
}

func (p *priced) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	p.request(&p.writeRequests)
	for _, list := range in.RequestItems {
		for _, w := range list {
			p.write(w.PutRequest.Item, 1)
		}
	}
	return p.API.BatchWriteItem(ctx, in, o...)
}

func (p *priced) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	p.request(&p.writeRequests)
	for _, w := range in.TransactItems {
		if w.Put != nil {
			p.write(w.Put.Item, 2)
			continue
		}
		u := w.Update
		p.write(revised(u.Key, u.UpdateExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues), 2)
	}
	return p.API.TransactWriteItems(ctx, in, o...)
}

func (p *priced) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out, err := p.API.Query(ctx, in, o...)
	if err == nil {
		p.read(out.Items, aws.ToBool(in.ConsistentRead))
	}
	return out, err
}

func (p *priced) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out, err := p.API.BatchGetItem(ctx, in, o...)
	if err == nil {
		for _, list := range out.Responses {
			p.read(list, true)
		}
	}
	return out, err
}
