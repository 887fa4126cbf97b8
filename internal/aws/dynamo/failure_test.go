package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// many is a commit of more items than a batch holds.
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

// one is a commit of a single item, and decided one with a case.
func one() store.Commit {
	s := failed(0, "role-00")
	s.Key = ""
	return store.Commit{Signals: []incident.Signal{s}}
}

func decided() store.Commit {
	c := one()
	c.Cases = []store.Case{caseOf(c.Signals[0])}
	return c
}

// kept is how many signals a store holds.
func kept(t *testing.T, s *filing.Store) int {
	t.Helper()
	page, err := s.Signals(context.Background(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Items)
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	for name, no := range map[string]refusal{
		"throttling":             {status: http.StatusBadRequest, code: "ProvisionedThroughputExceededException"},
		"other throttling":       {status: http.StatusBadRequest, code: "ThrottlingException"},
		"an internal error":      {status: http.StatusInternalServerError, code: "InternalServerError"},
		"an error of a proxy":    {status: http.StatusBadGateway, body: "<html>"},
		"a broken connection":    {cutShort: true},
		"an answer that is lost": {cutShort: true, after: true},
		"no JSON":                {status: http.StatusOK, body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			g, c := newGate(t)
			s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
			g.refuse = times(2, "PutItem", no)
			if err := s.Commit(context.Background(), one()); err != nil {
				t.Fatal(err)
			}
			if n := kept(t, s); n != 1 || g.calls["PutItem"] != 3 {
				t.Errorf("%d signals after %d calls, want 1 after 3", n, g.calls["PutItem"])
			}
		})
	}
}

func TestWhatStaysIsTheCallers(t *testing.T) {
	for name, test := range map[string]struct {
		no    refusal
		calls int
		says  string
	}{
		"throttling":    {refusal{status: http.StatusBadRequest, code: "ThrottlingException"}, 4, "ThrottlingException: slow down"},
		"no such table": {refusal{status: http.StatusBadRequest, code: "ResourceNotFoundException"}, 1, "ResourceNotFoundException"},
		"not allowed":   {refusal{status: http.StatusBadRequest, code: "AccessDeniedException"}, 1, "AccessDeniedException"},
		"no type":       {refusal{status: http.StatusForbidden, body: "{}"}, 1, "403"},
		"no connection": {refusal{cutShort: true}, 4, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			g, c := newGate(t)
			s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
			g.refuse = times(1000, "PutItem", test.no)
			err := s.Commit(context.Background(), one())
			if err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, store.ErrConflict) {
				t.Errorf("Commit() = %v, want %q", err, test.says)
			}
			if g.calls["PutItem"] != test.calls {
				t.Errorf("%d calls, want %d", g.calls["PutItem"], test.calls)
			}
		})
	}
}

func TestTryingEndsWithTheContext(t *testing.T) {
	g, c := newGate(t)
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	g.refuse = func(x exchange) *refusal {
		if x.operation != "PutItem" {
			return nil
		}
		cancel()
		return &refusal{status: http.StatusInternalServerError, code: "InternalServerError"}
	}
	if err := s.Commit(ctx, one()); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit() = %v, want %v", err, context.Canceled)
	}
	if n := g.calls["PutItem"]; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	before := time.Now()
	if err := s.Commit(ctx, many()); !errors.Is(err, context.Canceled) || time.Since(before) > time.Minute {
		t.Errorf("Commit() = %v, want %v", err, context.Canceled)
	}
}

// undone leaves all of a batch undone, as DynamoDB does with a part of one.
func undone(n int) func(exchange) *refusal {
	return func(x exchange) *refusal {
		if x.operation != "BatchWriteItem" && x.operation != "BatchGetItem" {
			return nil
		}
		if n--; n < 0 {
			return nil
		}
		var in struct{ RequestItems json.RawMessage }
		if err := json.Unmarshal(x.request, &in); err != nil {
			return &refusal{status: http.StatusTeapot, body: err.Error()}
		}
		return &refusal{status: http.StatusOK, body: `{"UnprocessedItems":` + string(in.RequestItems) + `,"UnprocessedKeys":` + string(in.RequestItems) + `}`}
	}
}

func TestWhatABatchLeavesUndoneIsTriedAgain(t *testing.T) {
	g, c := newGate(t)
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
	g.refuse = undone(2)
	if err := s.Commit(context.Background(), many()); err != nil {
		t.Fatal(err)
	}
	if n := kept(t, s); n != 40 {
		t.Errorf("%d signals are kept, want 40", n)
	}
	g.refuse = undone(1000)
	if err := s.Commit(context.Background(), many()); err == nil || !strings.Contains(err.Error(), "throttled") {
		t.Errorf("Commit() = %v, want that it was throttled", err)
	}
}

func TestWhatAGetLeavesOutIsAskedForAgain(t *testing.T) {
	g, c := newGate(t)
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
	commit := many()
	for _, one := range commit.Signals {
		commit.Cases = append(commit.Cases, caseOf(one))
	}
	if err := s.Commit(context.Background(), commit); err != nil {
		t.Fatal(err)
	}
	g.refuse = undone(2)
	due, next, err := s.DueCases(context.Background(), noon(), "")
	if err != nil || len(due) != 40 || next != "" {
		t.Errorf("%d cases are due, %q, %v; want 40", len(due), next, err)
	}
}

func cancelled(code string) refusal {
	return refusal{status: http.StatusBadRequest, body: `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",` +
		`"Message":"cancelled","CancellationReasons":[{"Code":"None"},{"Code":"` + code + `","Message":"so"}]}`}
}

func TestTransactionsThatCollide(t *testing.T) {
	for name, test := range map[string]struct {
		code     string
		times    int
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
			g, c := newGate(t)
			s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
			g.refuse = times(test.times, "TransactWriteItems", cancelled(test.code))
			err := s.Commit(context.Background(), decided())
			if (err != nil) != test.fails || errors.Is(err, store.ErrConflict) != test.conflict {
				t.Errorf("Commit() = %v", err)
			}
			if n := kept(t, s); (n == 0) != test.fails {
				t.Errorf("%d signals are kept after %v", n, err)
			}
		})
	}
}

// TestALostAnswerIsNoConflict lets a transaction be done, and its answer be
// lost: trying again must not find its own work in the way.
func TestALostAnswerIsNoConflict(t *testing.T) {
	g, c := newGate(t)
	s := dynamo.New(c, newTable(t, c), store.DefaultLimits(), nil)
	g.refuse = times(1, "TransactWriteItems", refusal{cutShort: true, after: true})
	if err := s.Commit(context.Background(), decided()); err != nil {
		t.Fatal(err)
	}
	cases, err := s.Cases(context.Background(), decided().Cases[0].Subject())
	if err != nil || len(cases) != 1 || cases[0].Version != 1 || g.calls["TransactWriteItems"] != 2 {
		t.Errorf("cases = %+v, %v after %d calls; want version 1 after 2", cases, err, g.calls["TransactWriteItems"])
	}
}

// TestAttributesOfOthersStay lets somebody else add to a case.
func TestAttributesOfOthersStay(t *testing.T) {
	c, raw := client(t), sdk(t)
	name := newTable(t, c)
	s := dynamo.New(c, name, store.DefaultLimits(), nil)
	kept := decided().Cases[0]
	if err := s.Commit(context.Background(), store.Commit{Cases: []store.Case{kept}}); err != nil {
		t.Fatal(err)
	}
	key := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "case/" + kept.Subject()}, "sk": &types.AttributeValueMemberS{Value: kept.Finding.ID},
	}
	_, err := raw.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: &name, Key: key, UpdateExpression: aws.String("SET theirs = :t"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberBOOL{Value: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kept.Version, kept.Finding.Verdict = 1, incident.Compromise
	if err := s.Commit(context.Background(), store.Commit{Signals: one().Signals, Cases: []store.Case{kept}}); err != nil {
		t.Fatal(err)
	}
	got, err := raw.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &name, Key: key})
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
		case *types.AttributeValueMemberBOOL:
			image[name] = map[string]bool{"BOOL": v.Value}
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

// A case that lists as much as it may be told to, in long words, fits into an
// item. DynamoDB Local refuses what is larger than 400 KB, as DynamoDB does.
func TestTheLargestCaseFits(t *testing.T) {
	c := client(t)
	s := dynamo.New(c, newTable(t, c), store.LiveLimits(), nil)
	f := incident.Finding{ID: "tv-large", Subject: incident.Subject{Principal: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "large"}}, LastSeen: noon()}
	for range config.MaxEvidence {
		e := incident.Evidence{
			EventID: strings.Repeat("e", 36), Time: noon(), Signal: incident.CredentialFailed, Rule: "failures_after_key_disabled",
			Fact: strings.Repeat("f", 300), Actor: strings.Repeat("a", 150), SourceIP: "2001:db8:1234:5678:9abc:def0:1234:5678", Weight: 1.5,
		}
		f.Evidence, f.CounterEvidence = append(f.Evidence, e), append(f.CounterEvidence, e)
	}
	f.BlastRadius = &incident.BlastRadius{}
	for range 500 {
		f.BlastRadius.Principals = append(f.BlastRadius.Principals, strings.Repeat("p", 150))
	}
	if err := s.Commit(t.Context(), store.Commit{Cases: []store.Case{{Finding: f}}}); err != nil {
		t.Fatal(err)
	}
	if cases, err := s.Cases(t.Context(), f.Subject.Key()); err != nil || len(cases) != 1 || len(cases[0].Finding.Evidence) != config.MaxEvidence {
		t.Errorf("%d cases, %v; want the one that was kept", len(cases), err)
	}
}
