package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// firstPage bounds what is read at once, since a flood is not read to its end.
// Each page that follows may be twice as large.
const firstPage = 1000

// Items yields the items of a node in the order of their sort keys.
func (t *table) Items(ctx context.Context, node, from, to string) iter.Seq2[filing.Item, error] {
	if node == "" {
		return t.scan(ctx)
	}
	return func(yield func(filing.Item, error) bool) {
		in := t.query(node, from, to)
		for {
			var out ddb.Page
			if err := t.client.Call(ctx, "Query", in, &out); err != nil {
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
			in.Limit = min(2*in.Limit, 1<<20)
		}
	}
}

func (t *table) query(node, from, to string) ddb.QueryInput {
	in := ddb.QueryInput{
		TableName:                 t.name,
		KeyConditionExpression:    "#n = :n AND #s BETWEEN :from AND :to",
		ExpressionAttributeNames:  map[string]string{"#n": config.TablePartition, "#s": config.TableSort},
		ExpressionAttributeValues: ddb.Attributes{":n": ddb.Text(node), ":from": ddb.Text(from), ":to": ddb.Text(to)},
		ConsistentRead:            true,
		Limit:                     firstPage,
		ReturnConsumedCapacity:    t.counting(),
	}
	if from == "" { // no key is empty, and none may be asked for
		in.KeyConditionExpression = "#n = :n AND #s < :to"
		delete(in.ExpressionAttributeValues, ":from")
	}
	return in
}

// scan yields everything in the table.
func (t *table) scan(ctx context.Context) iter.Seq2[filing.Item, error] {
	return func(yield func(filing.Item, error) bool) {
		in := ddb.ScanInput{TableName: t.name, ConsistentRead: true, ReturnConsumedCapacity: t.counting()}
		for {
			var out ddb.Page
			if err := t.client.Call(ctx, "Scan", in, &out); err != nil {
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
	in := ddb.QueryInput{
		TableName: t.name, IndexName: dueIndex,
		KeyConditionExpression:   "#k = :k AND #d BETWEEN :from AND :to",
		ExpressionAttributeNames: map[string]string{"#k": kindAttr, "#d": dueAttr},
		ExpressionAttributeValues: ddb.Attributes{
			":k": ddb.Text(string(kind)), ":from": ddb.Text(timeKey(since.Add(time.Nanosecond))), ":to": ddb.Text(timeKey(until)),
		},
		Limit: dueItems, ReturnConsumedCapacity: t.counting(),
	}
	if after != "" {
		if in.ExclusiveStartKey, err = parseToken(kind, after); err != nil {
			return nil, "", err
		}
	}
	if !since.Before(until) {
		return nil, "", nil
	}
	var out ddb.Page
	if err := t.client.Call(ctx, "Query", in, &out); err != nil {
		return nil, "", fmt.Errorf("query what is due in table %s: %w", t.name, err)
	}
	t.read("Query", out.ConsumedCapacity)
	if items, err = t.get(ctx, out.Items); err != nil {
		return nil, "", err
	}
	return items, token(out.LastEvaluatedKey), nil
}

// token is where a page of what is due ends.
func token(last ddb.Attributes) string {
	if len(last) == 0 {
		return ""
	}
	// Texts can always be encoded.
	b, _ := json.Marshal([3]string{last.Text(dueAttr), last.Text(config.TablePartition), last.Text(config.TableSort)})
	return string(b)
}

func parseToken(kind filing.Kind, token string) (ddb.Attributes, error) {
	var parts [3]string
	if err := json.Unmarshal([]byte(token), &parts); err != nil {
		return nil, fmt.Errorf("read what is due: page token: %w", err)
	}
	key := keyOf(parts[1], parts[2])
	key[kindAttr], key[dueAttr] = ddb.Text(string(kind)), ddb.Text(parts[0])
	return key, nil
}

// get reads items by their keys, in the order of the keys. What has gone is left
// out.
func (t *table) get(ctx context.Context, keys []ddb.Attributes) ([]filing.Item, error) {
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

func nameOf(a ddb.Attributes) itemName {
	return itemName{a.Text(config.TablePartition), a.Text(config.TableSort)}
}

// batchGet reads items consistently, at most a hundred, or some of their
// ddb.Attributes.
func (t *table) batchGet(ctx context.Context, keys []ddb.Attributes, attrs map[string]string) (map[itemName]ddb.Attributes, error) {
	found := map[itemName]ddb.Attributes{}
	want := ddb.KeysAndAttributes{ConsistentRead: true}
	for _, k := range keys {
		n := nameOf(k)
		want.Keys = append(want.Keys, keyOf(n.node, n.sort))
	}
	if attrs != nil {
		want.ExpressionAttributeNames = attrs
		want.ProjectionExpression = joined(slices.Sorted(maps.Keys(attrs)))
	}
	for try := 0; len(want.Keys) > 0; try++ {
		if err := ddb.Pause(ctx, try); err != nil {
			return nil, fmt.Errorf("get items of table %s: %w", t.name, err)
		}
		var out ddb.BatchGetOutput
		err := t.client.Call(ctx, "BatchGetItem", ddb.BatchGetInput{
			RequestItems: map[string]ddb.KeysAndAttributes{t.name: want}, ReturnConsumedCapacity: t.counting(),
		}, &out)
		if err != nil {
			return nil, fmt.Errorf("get items of table %s: %w", t.name, err)
		}
		t.read("BatchGetItem", out.ConsumedCapacity...)
		for _, a := range out.Responses[t.name] {
			found[nameOf(a)] = a
		}
		want.Keys = out.UnprocessedKeys[t.name].Keys
	}
	return found, nil
}
