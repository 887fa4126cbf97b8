package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
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

// Write keeps evidence and cases together, or neither.
func (t *table) Write(ctx context.Context, evidence, cases []filing.Item) error {
	var puts []ddb.Attributes
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
func (t *table) put(ctx context.Context, puts []ddb.Attributes) error {
	if len(puts) == 1 {
		var out ddb.WriteOutput
		err := t.client.Call(ctx, "PutItem", ddb.PutInput{TableName: t.name, Item: puts[0], ReturnConsumedCapacity: t.counting()}, &out)
		if err != nil {
			return fmt.Errorf("put item into table %s: %w", t.name, err)
		}
		t.wrote("PutItem", 1, out.ConsumedCapacity)
		return nil
	}
	for batch := range slices.Chunk(puts, batchItems) {
		var requests []ddb.WriteRequest
		for _, a := range batch {
			requests = append(requests, ddb.WriteRequest{PutRequest: &ddb.PutRequest{Item: a}})
		}
		if err := t.batch(ctx, requests); err != nil {
			return fmt.Errorf("put items into table %s: %w", t.name, err)
		}
	}
	return nil
}

// batch makes requests until all are done, or DynamoDB has left some undone too
// often.
func (t *table) batch(ctx context.Context, left []ddb.WriteRequest) error {
	for try := 0; len(left) > 0; try++ {
		if err := ddb.Pause(ctx, try); err != nil {
			return err
		}
		var out ddb.BatchWriteOutput
		err := t.client.Call(ctx, "BatchWriteItem", ddb.BatchWriteInput{
			RequestItems: map[string][]ddb.WriteRequest{t.name: left}, ReturnConsumedCapacity: t.counting(),
		}, &out)
		if err != nil {
			return err
		}
		t.wrote("BatchWriteItem", len(left), out.ConsumedCapacity...)
		left = out.UnprocessedItems[t.name]
	}
	return nil
}

// Replace writes evidence, and then drops what it stands in place of.
func (t *table) Replace(ctx context.Context, old, evidence []filing.Item) error {
	var puts []ddb.Attributes
	for _, item := range evidence {
		puts = append(puts, evidenceItem(item))
	}
	if err := t.put(ctx, puts); err != nil {
		return err
	}
	for batch := range slices.Chunk(old, batchItems) {
		var requests []ddb.WriteRequest
		for _, item := range batch {
			requests = append(requests, ddb.WriteRequest{DeleteRequest: &ddb.DeleteRequest{Key: keyOf(item.Node, item.Sort)}})
		}
		if err := t.batch(ctx, requests); err != nil {
			return fmt.Errorf("delete items of table %s: %w", t.name, err)
		}
	}
	return nil
}

// revise is the write of a case. It leaves attributes alone that it does not
// know.
func (t *table) revise(item filing.Item) *ddb.Update {
	u := &ddb.Update{
		TableName:                 t.name,
		Key:                       keyOf(item.Node, item.Sort),
		ExpressionAttributeNames:  map[string]string{"#v": versionAttr},
		ExpressionAttributeValues: ddb.Attributes{},
		ConditionExpression:       "attribute_not_exists(#v)",
	}
	if item.Version > 1 {
		u.ConditionExpression = "#v = :was"
		u.ExpressionAttributeValues[":was"] = ddb.Number(item.Version - 1)
	}
	sets := ddb.Attributes{
		versionAttr: ddb.Number(item.Version), dataAttr: ddb.Binary(item.Data),
		kindAttr: {}, dueAttr: {}, config.TableExpiry: {},
	}
	if !item.Due.IsZero() {
		sets[kindAttr], sets[dueAttr] = ddb.Text(string(item.Kind())), ddb.Text(timeKey(item.Due))
	}
	if !item.Expires.IsZero() {
		sets[config.TableExpiry] = ddb.Seconds(item.Expires)
	}
	for name, label := range item.Labels {
		if sets[name] = (ddb.Value{}); label != "" {
			sets[name] = ddb.Text(label)
		}
	}
	setAll(u, sets)
	return u
}

// setAll sets attributes, and removes those that are to have no value.
func setAll(u *ddb.Update, sets ddb.Attributes) {
	var set, remove []string
	for i, name := range slices.Sorted(maps.Keys(sets)) {
		alias := fmt.Sprintf("#a%d", i)
		u.ExpressionAttributeNames[alias] = name
		if sets[name].None() {
			remove = append(remove, alias)
			continue
		}
		placeholder := fmt.Sprintf(":a%d", i)
		u.ExpressionAttributeValues[placeholder] = sets[name]
		set = append(set, alias+" = "+placeholder)
	}
	u.UpdateExpression = "SET " + joined(set)
	if len(remove) > 0 {
		u.UpdateExpression += " REMOVE " + joined(remove)
	}
}

func joined(parts []string) string { return strings.Join(parts, ", ") }

// update writes one case alone, which costs half of what a transaction does.
func (t *table) update(ctx context.Context, item filing.Item) error {
	var out ddb.WriteOutput
	err := t.client.Call(ctx, "UpdateItem", ddb.UpdateInput{Update: *t.revise(item), ReturnConsumedCapacity: t.counting()}, &out)
	switch {
	case ddb.Is(err, "ConditionalCheckFailedException"):
		return store.ErrConflict
	case err != nil:
		return fmt.Errorf("update case in table %s: %w", t.name, err)
	}
	t.wrote("UpdateItem", 1, out.ConsumedCapacity)
	return nil
}

// transact writes all or nothing. Another transaction on the same case is waited
// for a little: it may have lost too.
func (t *table) transact(ctx context.Context, puts []ddb.Attributes, cases []filing.Item) error {
	in := ddb.TransactInput{ReturnConsumedCapacity: t.counting()}
	for _, a := range puts {
		in.TransactItems = append(in.TransactItems, ddb.Action{Put: &ddb.PutAction{TableName: t.name, Item: a}})
	}
	for _, item := range cases {
		in.TransactItems = append(in.TransactItems, ddb.Action{Update: t.revise(item)})
	}
	for try := 0; ; try++ {
		if err := ddb.Pause(ctx, try); errors.Is(err, ddb.ErrUndone) {
			return store.ErrConflict // it goes on: read again what the others made of it
		} else if err != nil {
			return err
		}
		in.ClientRequestToken = rand.Text()
		var out ddb.TransactOutput
		err := t.client.Call(ctx, "TransactWriteItems", in, &out)
		switch {
		case err == nil:
			t.wrote("TransactWriteItems", len(in.TransactItems), out.ConsumedCapacity...)
			return nil
		case because(err, "ConditionalCheckFailed"):
			return store.ErrConflict
		case !because(err, "TransactionConflict"):
			return fmt.Errorf("write to table %s: %w", t.name, err)
		}
	}
}

// because reports whether a transaction was cancelled for a reason.
func because(err error, reason string) bool {
	var e *ddb.Error
	return errors.As(err, &e) && slices.Contains(e.Reasons, reason)
}

// writeInParts writes what no transaction holds: the evidence, then the cases.
// It looks first whether any case has changed, so that a conflict leaves
// something behind only if it comes about in these moments.
func (t *table) writeInParts(ctx context.Context, puts []ddb.Attributes, cases []filing.Item) error {
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
	var keys []ddb.Attributes
	for _, item := range cases {
		keys = append(keys, keyOf(item.Node, item.Sort))
	}
	found, err := t.batchGet(ctx, keys, map[string]string{"#p": config.TablePartition, "#s": config.TableSort, "#v": versionAttr})
	if err != nil {
		return err
	}
	for _, item := range cases {
		if found[itemName{item.Node, item.Sort}].Number(versionAttr) != item.Version-1 {
			return store.ErrConflict
		}
	}
	return nil
}
