package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// troubled answers calls itself for a while, and then lets them through.
type troubled struct {
	dynamo.API
	batch    func(*dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error)
	get      func(*dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error)
	transact func(*dynamodb.TransactWriteItemsInput) error
	put      func() error
	left     int // calls that are still troubled
	calls    int
}

func (a *troubled) trouble() bool {
	a.calls++
	a.left--
	return a.left >= 0
}

func (a *troubled) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	if a.batch != nil && a.trouble() {
		return a.batch(in)
	}
	return a.API.BatchWriteItem(ctx, in, o...)
}

func (a *troubled) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	if a.get != nil && a.trouble() {
		return a.get(in)
	}
	return a.API.BatchGetItem(ctx, in, o...)
}

func (a *troubled) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if a.transact != nil && a.trouble() {
		return nil, a.transact(in)
	}
	return a.API.TransactWriteItems(ctx, in, o...)
}

func (a *troubled) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if a.put != nil && a.trouble() {
		return nil, a.put()
	}
	return a.API.PutItem(ctx, in, o...)
}

// many is a commit of more items than a batch holds, without and with a case.
func many() store.Commit {
	var c store.Commit
	for i := range 40 {
		c.Signals = append(c.Signals, failed(i, fmt.Sprintf("role-%02d", i)))
	}
	return c
}

func caseOf(s incident.Signal) store.Case {
	return store.Case{Finding: incident.Finding{
		ID: "f-" + s.Target.Name, Subject: incident.Subject{Principal: s.Target}, Verdict: incident.Expiry, Summary: "a call failed",
	}, Due: noon()}
}

// everything is what a store holds.
func everything(t *testing.T, s interface {
	Signals(context.Context, store.Query) (store.Page[incident.Signal], error)
},
) int {
	t.Helper()
	page, err := s.Signals(context.Background(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Items)
}

// undone leaves all of a batch undone.
func undone(in *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error) {
	out := &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}
	for name, list := range in.RequestItems {
		out.UnprocessedItems[name] = list
	}
	return out, nil
}

func TestWhatABatchLeavesUndoneIsTriedAgain(t *testing.T) {
	c := client(t)
	api := &troubled{API: c, batch: undone, left: 2}
	s := dynamo.New(api, newTable(t, c), store.DefaultLimits(), nil)
	if err := s.Commit(context.Background(), many()); err != nil {
		t.Fatal(err)
	}
	if n := everything(t, s); n != 40 {
		t.Errorf("%d signals are kept, want 40", n)
	}
}

func TestThrottlingIsTheCallersInTheEnd(t *testing.T) {
	c := client(t)
	api := &troubled{API: c, batch: undone, left: 1000}
	s := dynamo.New(api, newTable(t, c), store.DefaultLimits(), nil)
	err := s.Commit(context.Background(), many())
	if err == nil || !strings.Contains(err.Error(), "throttled") || errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit() = %v, want that it was throttled", err)
	}
	if api.calls > 5 {
		t.Errorf("%d tries", api.calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Commit(ctx, many()); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit() without time = %v, want %v", err, context.Canceled)
	}
}

func TestAnErrorIsNoConflict(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	asked := errors.New("as asked")
	api := &troubled{
		API: c, left: 1000,
		put:      func() error { return &types.ProvisionedThroughputExceededException{} },
		transact: func(*dynamodb.TransactWriteItemsInput) error { return asked },
	}
	s := dynamo.New(api, name, store.DefaultLimits(), nil)
	one := failed(0, "role-00")
	one.Key = ""
	var throttled *types.ProvisionedThroughputExceededException
	if err := s.Commit(context.Background(), store.Commit{Signals: []incident.Signal{one}}); !errors.As(err, &throttled) {
		t.Errorf("Commit() = %v, want the service's error", err)
	}
	err := s.Commit(context.Background(), store.Commit{Signals: []incident.Signal{one}, Cases: []store.Case{caseOf(one)}})
	if !errors.Is(err, asked) || errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit() = %v, want %v", err, asked)
	}
	if n := everything(t, s); n != 0 {
		t.Errorf("%d signals are kept, want none", n)
	}
}

func cancelled(code string) func(*dynamodb.TransactWriteItemsInput) error {
	return func(in *dynamodb.TransactWriteItemsInput) error {
		reasons := make([]types.CancellationReason, len(in.TransactItems))
		for i := range reasons {
			reasons[i].Code = aws.String("None")
		}
		reasons[len(reasons)-1].Code = &code
		return &types.TransactionCanceledException{CancellationReasons: reasons}
	}
}

func TestTransactionsThatCollide(t *testing.T) {
	one := failed(0, "role-00")
	commit := store.Commit{Signals: []incident.Signal{one}, Cases: []store.Case{caseOf(one)}}
	for name, test := range map[string]struct {
		code     string
		left     int
		conflict bool // the error is store.ErrConflict
		fails    bool
	}{
		"once is waited for":                     {"TransactionConflict", 1, false, false},
		"time and again is a conflict":           {"TransactionConflict", 1000, true, true},
		"a condition that fails is a conflict":   {"ConditionalCheckFailed", 1, true, true},
		"throttling of one item is the caller's": {"ThrottlingError", 1000, false, true},
		"an item that cannot be is the caller's": {"ValidationError", 1000, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t)
			api := &troubled{API: c, transact: cancelled(test.code), left: test.left}
			s := dynamo.New(api, newTable(t, c), store.DefaultLimits(), nil)
			err := s.Commit(context.Background(), commit)
			if (err != nil) != test.fails || errors.Is(err, store.ErrConflict) != test.conflict {
				t.Errorf("Commit() = %v", err)
			}
			if n := everything(t, s); (n == 0) != test.fails {
				t.Errorf("%d signals are kept after %v", n, err)
			}
		})
	}
}

func TestWhatAGetLeavesOutIsAskedForAgain(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	api := &troubled{API: c, left: 1, get: func(in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
		return &dynamodb.BatchGetItemOutput{UnprocessedKeys: in.RequestItems}, nil
	}}
	s := dynamo.New(api, name, store.DefaultLimits(), nil)
	commit := many()
	for _, one := range commit.Signals {
		commit.Cases = append(commit.Cases, caseOf(one))
	}
	if err := s.Commit(context.Background(), commit); err != nil {
		t.Fatal(err)
	}
	due, next, err := s.DueCases(context.Background(), noon(), "")
	if err != nil || len(due) != 40 || next != "" {
		t.Errorf("%d cases are due, %q, %v; want 40", len(due), next, err)
	}
	if api.calls != 3 {
		t.Errorf("%d gets, want one of the versions, one of the cases, and one again", api.calls)
	}
}

// TestAttributesOfOthersStay lets somebody else add to a case.
func TestAttributesOfOthersStay(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	s := dynamo.New(c, name, store.DefaultLimits(), nil)
	one := failed(0, "role-00")
	kept := caseOf(one)
	if err := s.Commit(context.Background(), store.Commit{Cases: []store.Case{kept}}); err != nil {
		t.Fatal(err)
	}
	key := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "case/" + kept.Subject()}, "sk": &types.AttributeValueMemberS{Value: kept.Finding.ID},
	}
	_, err := c.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: &name, Key: key, UpdateExpression: aws.String("SET theirs = :t"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberS{Value: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kept.Version, kept.Finding.Verdict = 1, incident.Compromise
	if err := s.Commit(context.Background(), store.Commit{Signals: []incident.Signal{one}, Cases: []store.Case{kept}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &name, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if got.Item["theirs"] == nil || got.Item["verdict"].(*types.AttributeValueMemberS).Value != "compromise" {
		t.Errorf("the item is %v, want theirs and the new verdict", got.Item)
	}
	readsFromStream(t, got.Item, kept)
}

// readsFromStream hands an item over as Lambda does with a record of the stream.
func readsFromStream(t *testing.T, item map[string]types.AttributeValue, want store.Case) {
	t.Helper()
	image := map[string]any{}
	for name, v := range item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			image[name] = map[string]string{"S": v.Value}
		case *types.AttributeValueMemberN:
			image[name] = map[string]string{"N": v.Value}
		case *types.AttributeValueMemberB:
			image[name] = map[string][]byte{"B": v.Value}
		}
	}
	body, err := json.Marshal(image)
	if err != nil {
		t.Fatal(err)
	}
	want.Version = 2
	got, ok, err := dynamo.StreamCase(body)
	if d := cmp.Diff(want, got); d != "" || !ok || err != nil {
		t.Errorf("StreamCase() = %v, %v: %s", ok, err, d)
	}
	for name, change := range map[string]any{"pk": map[string]string{"S": "role/x"}, "d": map[string]string{"B": "!"}, "v": nil} {
		other := maps.Clone(image)
		other[name] = change
		body, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok, err := dynamo.StreamCase(body); ok || (err == nil) != (name == "pk") {
			t.Errorf("StreamCase() with another %s = %v, %v, %v", name, got, ok, err)
		}
	}
	if _, ok, err := dynamo.StreamCase([]byte("{")); ok || err == nil {
		t.Errorf("StreamCase() of no JSON = %v, %v", ok, err)
	}
}
