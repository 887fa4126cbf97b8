package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// DynamoDB's limits on one request.
const (
	batchItems       = 25
	batchGetItems    = 100
	transactionItems = 100
	// transactionBytes is less than the 4 MB that a transaction may hold, which
	// count attribute names and what a number takes.
	transactionBytes = 3 << 20
)

// errThrottled says that DynamoDB took a part of a batch only, time and again.
var errThrottled = errors.New("throttled: a part of a batch is left undone")

// Write keeps evidence and cases together, or neither.
func (t *table) Write(ctx context.Context, evidence, cases []filing.Item) error {
	var puts []attributes
	size := 0
	for _, item := range evidence {
		puts = append(puts, evidenceItem(item))
		size += len(item.Data) + 1024
	}
	for _, item := range cases {
		size += len(item.Data) + 1024
	}
	switch {
	case len(cases) == 0:
		return t.put(ctx, puts)
	case len(cases) == 1 && len(puts) == 0:
		return t.update(ctx, cases[0])
	case len(puts)+len(cases) <= transactionItems && size <= transactionBytes:
		return t.transact(ctx, puts, cases)
	}
	return t.writeInParts(ctx, puts, cases)
}

// put writes evidence.
func (t *table) put(ctx context.Context, puts []attributes) error {
	if len(puts) == 1 {
		out, err := t.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &t.name, Item: puts[0], ReturnConsumedCapacity: t.counting(),
		})
		if err != nil {
			return fmt.Errorf("put item into table %s: %w", t.name, err)
		}
		t.wrote("PutItem", 1, out.ConsumedCapacity)
		return nil
	}
	for batch := range slices.Chunk(puts, batchItems) {
		if err := t.putBatch(ctx, batch); err != nil {
			return fmt.Errorf("put items into table %s: %w", t.name, err)
		}
	}
	return nil
}

func (t *table) putBatch(ctx context.Context, puts []attributes) error {
	var requests []types.WriteRequest
	for _, a := range puts {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: a}})
	}
	return t.batch(ctx, requests)
}

// batch makes requests until all are done, or DynamoDB has left some undone too
// often.
func (t *table) batch(ctx context.Context, left []types.WriteRequest) error {
	for try := 0; len(left) > 0; try++ {
		if err := pause(ctx, try); err != nil {
			return err
		}
		out, err := t.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{t.name: left}, ReturnConsumedCapacity: t.counting(),
		})
		if err != nil {
			return err
		}
		t.wrote("BatchWriteItem", len(left), pointers(out.ConsumedCapacity)...)
		left = out.UnprocessedItems[t.name]
	}
	return nil
}

// Replace writes evidence, and then drops what it stands in place of.
func (t *table) Replace(ctx context.Context, old, evidence []filing.Item) error {
	var puts []attributes
	for _, item := range evidence {
		puts = append(puts, evidenceItem(item))
	}
	if err := t.put(ctx, puts); err != nil {
		return err
	}
	for batch := range slices.Chunk(old, batchItems) {
		var requests []types.WriteRequest
		for _, item := range batch {
			requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keyOf(item.Node, item.Sort)}})
		}
		if err := t.batch(ctx, requests); err != nil {
			return fmt.Errorf("delete items of table %s: %w", t.name, err)
		}
	}
	return nil
}

// pause waits before a try that is not the first, longer each time, or ends the
// trying.
func pause(ctx context.Context, try int) error {
	const base = 50 * time.Millisecond
	switch {
	case try == 0:
		return nil
	case try >= attempts:
		return errThrottled
	}
	timer := time.NewTimer(base<<try/2 + rand.N(base<<try))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// revision is the write of a case: what it sets, and on what condition.
type revision struct {
	key               attributes
	update, condition string
	names             map[string]string
	values            attributes
}

// revise leaves attributes alone that it does not know.
func revise(item filing.Item) revision {
	r := revision{
		key:    keyOf(item.Node, item.Sort),
		names:  map[string]string{"#v": versionAttr},
		values: attributes{},
	}
	sets := map[string]types.AttributeValue{
		versionAttr: number(item.Version), dataAttr: &types.AttributeValueMemberB{Value: item.Data},
		kindAttr: nil, dueAttr: nil, config.TableExpiry: nil,
	}
	if !item.Due.IsZero() {
		sets[kindAttr], sets[dueAttr] = text(string(item.Kind())), text(timeKey(item.Due))
	}
	if !item.Expires.IsZero() {
		sets[config.TableExpiry] = number(seconds(item.Expires))
	}
	for name, label := range item.Labels {
		if sets[name] = nil; label != "" {
			sets[name] = text(label)
		}
	}
	r.setAll(sets)
	r.condition = "attribute_not_exists(#v)"
	if item.Version > 1 {
		r.condition = "#v = :was"
		r.values[":was"] = number(item.Version - 1)
	}
	return r
}

// setAll sets attributes, and removes those that are to be none.
func (r *revision) setAll(sets map[string]types.AttributeValue) {
	var set, remove []string
	for i, name := range slices.Sorted(maps.Keys(sets)) {
		alias := fmt.Sprintf("#a%d", i)
		r.names[alias] = name
		if sets[name] == nil {
			remove = append(remove, alias)
			continue
		}
		value := fmt.Sprintf(":a%d", i)
		r.values[value] = sets[name]
		set = append(set, alias+" = "+value)
	}
	r.update = "SET " + joined(set)
	if len(remove) > 0 {
		r.update += " REMOVE " + joined(remove)
	}
}

func joined(parts []string) string { return strings.Join(parts, ", ") }

// update writes one case alone, which costs half of what a transaction does.
func (t *table) update(ctx context.Context, item filing.Item) error {
	r := revise(item)
	out, err := t.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: r.key, UpdateExpression: &r.update, ConditionExpression: &r.condition,
		ExpressionAttributeNames: r.names, ExpressionAttributeValues: r.values, ReturnConsumedCapacity: t.counting(),
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return store.ErrConflict
	case err != nil:
		return fmt.Errorf("update case in table %s: %w", t.name, err)
	}
	t.wrote("UpdateItem", 1, out.ConsumedCapacity)
	return nil
}

// transact writes all or nothing. Another transaction on the same case is waited
// for a little: it may have lost too.
func (t *table) transact(ctx context.Context, puts []attributes, cases []filing.Item) error {
	in := &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: t.counting()}
	for _, a := range puts {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: a}})
	}
	for _, item := range cases {
		r := revise(item)
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: &t.name, Key: r.key, UpdateExpression: &r.update, ConditionExpression: &r.condition,
			ExpressionAttributeNames: r.names, ExpressionAttributeValues: r.values,
		}})
	}
	for try := 0; ; try++ {
		if err := pause(ctx, try); errors.Is(err, errThrottled) {
			return store.ErrConflict // it goes on: read again what the others made of it
		} else if err != nil {
			return err
		}
		out, err := t.api.TransactWriteItems(ctx, in)
		var cancelled *types.TransactionCanceledException
		switch {
		case err == nil:
			t.wrote("TransactWriteItems", len(in.TransactItems), pointers(out.ConsumedCapacity)...)
			return nil
		case errors.As(err, &cancelled) && because(cancelled, "ConditionalCheckFailed"):
			return store.ErrConflict
		case !errors.As(err, &cancelled) || !because(cancelled, "TransactionConflict"):
			return fmt.Errorf("write to table %s: %w", t.name, err)
		}
	}
}

func because(e *types.TransactionCanceledException, code string) bool {
	return slices.ContainsFunc(e.CancellationReasons, func(r types.CancellationReason) bool { return aws.ToString(r.Code) == code })
}

// writeInParts writes what no transaction holds: the evidence, then the cases.
// It looks first whether any case has changed, so that a conflict leaves
// something behind only if it comes about in these moments.
func (t *table) writeInParts(ctx context.Context, puts []attributes, cases []filing.Item) error {
	for part := range slices.Chunk(cases, batchGetItems) {
		if err := t.compare(ctx, part); err != nil {
			return err
		}
	}
	if err := t.put(ctx, puts); err != nil {
		return err
	}
	for part := range slices.Chunk(cases, casesPerTransaction) {
		if err := t.transact(ctx, nil, part); err != nil {
			return err
		}
	}
	return nil
}

// casesPerTransaction keeps a transaction below its size: a case is bounded by
// what a finding lists.
const casesPerTransaction = 20

// compare reads the versions of cases that are to be revised.
func (t *table) compare(ctx context.Context, cases []filing.Item) error {
	var keys []attributes
	for _, item := range cases {
		keys = append(keys, keyOf(item.Node, item.Sort))
	}
	found, err := t.batchGet(ctx, keys, map[string]string{"#p": config.TablePartition, "#s": config.TableSort, "#v": versionAttr})
	if err != nil {
		return err
	}
	for _, item := range cases {
		if numberOf(found[itemName{item.Node, item.Sort}], versionAttr) != item.Version-1 {
			return store.ErrConflict
		}
	}
	return nil
}
