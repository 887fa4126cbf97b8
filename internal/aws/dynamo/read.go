package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// firstPage bounds what is read at once, since a flood is not read to its end.
// Each page that follows may be twice as large.
const firstPage = 250

// Items yields the items of a node in the order of their sort keys.
func (t *table) Items(ctx context.Context, node, from, to string) iter.Seq2[filing.Item, error] {
	if node == "" {
		return t.scan(ctx)
	}
	return func(yield func(filing.Item, error) bool) {
		in := t.query(node, from, to)
		for {
			out, err := t.api.Query(ctx, in)
			if err != nil {
				yield(filing.Item{}, fmt.Errorf("query table %s: %w", t.name, err))
				return
			}
			t.read("Query", out.ConsumedCapacity)
			for _, a := range out.Items {
				if item := itemOf(a); item.Sort < to && !yield(item, nil) {
					return
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				return
			}
			in.Limit = aws.Int32(min(2**in.Limit, 1<<20))
		}
	}
}

func (t *table) query(node, from, to string) *dynamodb.QueryInput {
	in := &dynamodb.QueryInput{
		TableName:                 &t.name,
		KeyConditionExpression:    aws.String("#n = :n AND #s BETWEEN :from AND :to"),
		ExpressionAttributeNames:  map[string]string{"#n": config.TablePartition, "#s": config.TableSort},
		ExpressionAttributeValues: attributes{":n": text(node), ":from": text(from), ":to": text(to)},
		ConsistentRead:            aws.Bool(true),
		Limit:                     aws.Int32(firstPage),
		ReturnConsumedCapacity:    t.counting(),
	}
	if from == "" { // no key is empty, and none may be asked for
		in.KeyConditionExpression = aws.String("#n = :n AND #s < :to")
		delete(in.ExpressionAttributeValues, ":from")
	}
	return in
}

// scan yields everything in the table.
func (t *table) scan(ctx context.Context) iter.Seq2[filing.Item, error] {
	return func(yield func(filing.Item, error) bool) {
		in := &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: t.counting()}
		for {
			out, err := t.api.Scan(ctx, in)
			if err != nil {
				yield(filing.Item{}, fmt.Errorf("scan table %s: %w", t.name, err))
				return
			}
			t.read("Scan", out.ConsumedCapacity)
			for _, a := range out.Items {
				if !yield(itemOf(a), nil) {
					return
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				return
			}
		}
	}
}

// dueItems is the most items of a page of what is due, which is as many as can
// be got at once.
const dueItems = 100

// Due returns a page of what is due. The index names the items; their contents
// are read from the table.
func (t *table) Due(ctx context.Context, kind filing.Kind, since, until time.Time, after string) (items []filing.Item, next string, err error) {
	in := &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(dueIndex),
		KeyConditionExpression:   aws.String("#k = :k AND #d BETWEEN :from AND :to"),
		ExpressionAttributeNames: map[string]string{"#k": kindAttr, "#d": dueAttr},
		ExpressionAttributeValues: attributes{
			":k": text(string(kind)), ":from": text(timeKey(since.Add(time.Nanosecond))), ":to": text(timeKey(until)),
		},
		Limit: aws.Int32(dueItems), ReturnConsumedCapacity: t.counting(),
	}
	if after != "" {
		if in.ExclusiveStartKey, err = parseToken(kind, after); err != nil {
			return nil, "", err
		}
	}
	if !since.Before(until) {
		return nil, "", nil
	}
	out, err := t.api.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("query what is due in table %s: %w", t.name, err)
	}
	t.read("Query", out.ConsumedCapacity)
	if items, err = t.get(ctx, out.Items); err != nil {
		return nil, "", err
	}
	return items, token(out.LastEvaluatedKey), nil
}

// token is where a page of what is due ends.
func token(last attributes) string {
	if len(last) == 0 {
		return ""
	}
	// Texts can always be encoded.
	b, _ := json.Marshal([3]string{textOf(last, dueAttr), textOf(last, config.TablePartition), textOf(last, config.TableSort)})
	return string(b)
}

func parseToken(kind filing.Kind, token string) (attributes, error) {
	var parts [3]string
	if err := json.Unmarshal([]byte(token), &parts); err != nil {
		return nil, fmt.Errorf("read what is due: page token: %w", err)
	}
	key := keyOf(parts[1], parts[2])
	key[kindAttr], key[dueAttr] = text(string(kind)), text(parts[0])
	return key, nil
}

// get reads items by their keys, in the order of the keys. What has gone is left
// out.
func (t *table) get(ctx context.Context, keys []attributes) ([]filing.Item, error) {
	found, err := t.batchGet(ctx, keys, nil)
	if err != nil {
		return nil, err
	}
	var items []filing.Item
	for _, k := range keys {
		if a, ok := found[nameOf(k)]; ok {
			items = append(items, itemOf(a))
		}
	}
	return items, nil
}

// itemName identifies an item.
type itemName struct{ node, sort string }

func nameOf(a attributes) itemName {
	return itemName{textOf(a, config.TablePartition), textOf(a, config.TableSort)}
}

// batchGet reads items consistently, at most a hundred, or some of their
// attributes.
func (t *table) batchGet(ctx context.Context, keys []attributes, attrs map[string]string) (map[itemName]attributes, error) {
	found := map[itemName]attributes{}
	want := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, k := range keys {
		n := nameOf(k)
		want.Keys = append(want.Keys, keyOf(n.node, n.sort))
	}
	if attrs != nil {
		want.ExpressionAttributeNames = attrs
		want.ProjectionExpression = aws.String(joined(slices.Sorted(maps.Keys(attrs))))
	}
	for try := 0; len(want.Keys) > 0; try++ {
		if err := pause(ctx, try); err != nil {
			return nil, fmt.Errorf("get items of table %s: %w", t.name, err)
		}
		out, err := t.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: want}, ReturnConsumedCapacity: t.counting(),
		})
		if err != nil {
			return nil, fmt.Errorf("get items of table %s: %w", t.name, err)
		}
		t.read("BatchGetItem", pointers(out.ConsumedCapacity)...)
		for _, a := range out.Responses[t.name] {
			found[nameOf(a)] = a
		}
		want.Keys = out.UnprocessedKeys[t.name].Keys
	}
	return found, nil
}
