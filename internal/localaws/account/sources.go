package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trailverdict/trailverdict/internal/eventpattern"
)

// source joins a function with a queue or a table's stream.
type source struct {
	program *program
	arn     string // of the queue or stream
	name    string // of the queue or table
	filters []*eventpattern.Pattern

	BatchSize             int
	FunctionResponseTypes []string
	MaximumRetryAttempts  int
	StartingPosition      string
	DestinationConfig     struct{ OnFailure struct{ Destination string } }
	FilterCriteria        struct{ Filters []struct{ Pattern string } }
	EventSourceArn        string
	FunctionName          string

	iterators map[string]string // by shard; "" where one has ended
	waiting   []change          // read from the stream, not handled yet
}

// join makes a source.
func (a *Account) join(r *resource) error {
	s := &source{iterators: map[string]string{}}
	if err := decode(r.Properties, s); err != nil {
		return err
	}
	s.arn, s.program = s.EventSourceArn, a.functions[s.FunctionName]
	if s.program == nil {
		return fmt.Errorf("there is no function %s", s.FunctionName)
	}
	if !slices.Contains(s.FunctionResponseTypes, "ReportBatchItemFailures") || s.BatchSize < 1 || s.isStream() && s.StartingPosition != "TRIM_HORIZON" {
		return fmt.Errorf("batches of %d from %q that answer %v are not understood", s.BatchSize, s.StartingPosition, s.FunctionResponseTypes)
	}
	for _, f := range s.FilterCriteria.Filters {
		p, err := eventpattern.Parse([]byte(f.Pattern))
		if err != nil {
			return err
		}
		s.filters = append(s.filters, p)
	}
	s.name = s.arn[strings.LastIndexByte(s.arn, ':')+1:]
	if s.isStream() {
		s.name = strings.Split(s.name, "/")[1]
	}
	a.sources = append(a.sources, s)
	return nil
}

func (s *source) isStream() bool { return strings.Contains(s.arn, "/stream/") }

// takes are the actions that Lambda takes on behalf of the function.
func (s *source) takes() []string {
	if s.isStream() {
		return []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
	}
	return []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
}

// rounds is how often something may be delivered again before a test gives up.
const rounds = 1000

// Deliver hands over what lies in queues and streams, until nothing does any
// more.
func (a *Account) Deliver() {
	a.t.Helper()
	for range rounds {
		moved := false
		for _, s := range a.sources {
			turn := a.fromQueue
			if s.isStream() {
				turn = a.fromStream
			}
			some, err := turn(s)
			if err != nil {
				a.t.Fatalf("deliver from %s: %v", s.arn, err)
			}
			moved = moved || some
		}
		if !moved {
			return
		}
	}
	a.t.Fatalf("after %d rounds there is still something to be delivered", rounds)
}

// fromQueue hands over a batch. What failed can be received again, until the
// queue itself gives it up.
func (a *Account) fromQueue(s *source) (moved bool, err error) {
	var batch []message
	for len(batch) < s.BatchSize {
		list, err := a.api.receive(s.name)
		if err != nil {
			return false, err
		}
		if batch = append(batch, list...); len(list) == 0 {
			break
		}
	}
	if len(batch) == 0 {
		return false, nil
	}
	failed := s.invoke(s.queued(batch))
	for _, m := range batch {
		done := a.api.drop
		if failed == nil || slices.Contains(*failed, m.MessageID) {
			done = a.api.again
		}
		if err := done(s.name, m); err != nil {
			return false, err
		}
	}
	return true, nil
}

// queued is the event that Lambda makes of messages.
func (s *source) queued(batch []message) any {
	records := []any{}
	for _, m := range batch {
		records = append(records, map[string]any{
			"messageId": m.MessageID, "receiptHandle": m.ReceiptHandle, "body": m.Body, "attributes": m.Attributes,
			"messageAttributes": map[string]any{}, "eventSource": "aws:sqs", "eventSourceARN": s.arn, "awsRegion": home,
		})
	}
	return map[string]any{"Records": records}
}

// invoke hands over a batch and returns what failed of it; nil is everything.
func (s *source) invoke(event any) *[]string {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil
	}
	answer, err := s.program.Invoke(context.Background(), payload)
	if err != nil {
		return nil
	}
	var out struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil
	}
	failed := []string{}
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return &failed
}

// change is a record of a table's stream.
type change struct {
	sequence string
	tries    int
	record   json.RawMessage
}

// fromStream hands over a batch of what the stream holds, from the first that
// failed on.
func (a *Account) fromStream(s *source) (moved bool, err error) {
	if len(s.waiting) == 0 {
		if s.waiting, err = a.changes(s); err != nil || len(s.waiting) == 0 {
			return false, err
		}
	}
	batch := s.waiting[:min(s.BatchSize, len(s.waiting))]
	records := []json.RawMessage{}
	for n := range batch {
		batch[n].tries++
		records = append(records, batch[n].record)
	}
	done := 0
	if failed := s.invoke(map[string]any{"Records": records}); failed != nil {
		done = len(batch)
		for n, c := range batch {
			if slices.Contains(*failed, c.sequence) {
				done = n
				break
			}
		}
	}
	s.waiting = s.waiting[done:]
	if done == 0 && s.isSpent(batch[0]) {
		return true, a.bury(s)
	}
	return true, nil
}

// patient is for how many tries a record stays in a stream that is to be read
// for as long as it takes. In AWS its age decides.
const patient = 20

func (s *source) isSpent(c change) bool {
	if s.MaximumRetryAttempts < 0 {
		return c.tries > patient
	}
	return c.tries > s.MaximumRetryAttempts
}

// bury sends what stands for the first waiting record to the dead letters.
func (a *Account) bury(s *source) error {
	lost := s.waiting[0]
	s.waiting = s.waiting[1:]
	text, err := json.Marshal(map[string]any{"DDBStreamBatchInfo": map[string]any{"startSequenceNumber": lost.sequence, "batchSize": 1, "streamArn": s.arn}})
	if err != nil {
		return err
	}
	dead := s.DestinationConfig.OnFailure.Destination
	return a.api.send(dead[strings.LastIndexByte(dead, ':')+1:], string(text))
}

// changes reads the stream until a mark that it puts there itself, so that
// nothing written before is missed, and returns what passes the filters.
func (a *Account) changes(s *source) ([]change, error) {
	mark, err := a.mark(s)
	if err != nil {
		return nil, err
	}
	var list []change
	for range rounds {
		records, err := a.records(s)
		if err != nil {
			return nil, err
		}
		met := false
		for _, r := range records {
			var about struct {
				EventName string
				Dynamodb  struct {
					SequenceNumber string
					Keys           map[string]struct{ S string }
				}
			}
			if err := json.Unmarshal(r, &about); err != nil {
				return nil, err
			}
			for _, key := range about.Dynamodb.Keys {
				met = met || key.S == mark && about.EventName == "REMOVE"
			}
			taken, err := s.passes(r)
			if err != nil {
				return nil, err
			}
			if taken {
				list = append(list, change{sequence: about.Dynamodb.SequenceNumber, record: r})
			}
		}
		if met {
			return list, nil
		}
	}
	return nil, fmt.Errorf("the stream does not show what was written last")
}

func (s *source) passes(record []byte) (bool, error) {
	for _, f := range s.filters {
		if yes, err := f.Matches(record); yes || err != nil {
			return yes, err
		}
	}
	return len(s.filters) == 0, nil
}

// mark writes an item and removes it.
func (a *Account) mark(s *source) (string, error) {
	a.marks++
	name := "mark/" + strconv.Itoa(a.marks)
	keys := map[string]any{}
	var out struct {
		Table struct {
			KeySchema []struct{ AttributeName string }
		}
	}
	if err := a.api.dynamo("DescribeTable", map[string]any{"TableName": s.name}, &out); err != nil {
		return "", err
	}
	for _, k := range out.Table.KeySchema {
		keys[k.AttributeName] = map[string]string{"S": name}
	}
	if err := a.api.dynamo("PutItem", map[string]any{"TableName": s.name, "Item": keys}, nil); err != nil {
		return "", err
	}
	return name, a.api.dynamo("DeleteItem", map[string]any{"TableName": s.name, "Key": keys}, nil)
}

// records are what is new in all shards of a stream.
func (a *Account) records(s *source) ([]json.RawMessage, error) {
	if len(s.iterators) == 0 {
		if err := a.shards(s); err != nil {
			return nil, err
		}
	}
	var all []json.RawMessage
	for shard, iterator := range s.iterators {
		if iterator == "" {
			continue
		}
		var out struct {
			Records           []json.RawMessage
			NextShardIterator string
		}
		if err := a.api.streams("GetRecords", map[string]any{"ShardIterator": iterator}, &out); err != nil {
			return nil, err
		}
		s.iterators[shard] = out.NextShardIterator
		all = append(all, out.Records...)
	}
	return all, nil
}

// shards finds the shards of a table's stream. No test lasts for so long that
// there would be new ones.
func (a *Account) shards(s *source) error {
	var table struct {
		Table struct{ LatestStreamArn string }
	}
	if err := a.api.dynamo("DescribeTable", map[string]any{"TableName": s.name}, &table); err != nil {
		return err
	}
	var stream struct {
		StreamDescription struct{ Shards []struct{ ShardID string } }
	}
	arn := table.Table.LatestStreamArn
	if err := a.api.streams("DescribeStream", map[string]any{"StreamArn": arn}, &stream); err != nil {
		return err
	}
	for _, sh := range stream.StreamDescription.Shards {
		var out struct{ ShardIterator string }
		in := map[string]any{"StreamArn": arn, "ShardId": sh.ShardID, "ShardIteratorType": s.StartingPosition}
		if err := a.api.streams("GetShardIterator", in, &out); err != nil {
			return err
		}
		s.iterators[sh.ShardID] = out.ShardIterator
	}
	return nil
}

// send and publish do what a service was permitted to do.
func (a *Account) send(arn, text string) {
	if err := a.api.send(arn[strings.LastIndexByte(arn, ':')+1:], text); err != nil {
		a.t.Error(err)
	}
}

func (a *Account) publish(arn, text string) {
	if err := a.api.publish(arn, text); err != nil {
		a.t.Error(err)
	}
}

// Message is what a receiver got.
type Message struct {
	Body       string
	Attributes map[string]string
}

// Received takes what came by a subscription, by its logical name.
func (a *Account) Received(id string) []Message {
	a.t.Helper()
	queue, ok := a.receivers[id]
	if !ok {
		a.t.Fatalf("there is no subscription %s", id)
	}
	return a.empty(queue)
}

// Subscriptions are the logical names of all subscriptions, sorted.
func (a *Account) Subscriptions() []string {
	var list []string
	for id := range a.receivers {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// Dead takes what lies in a queue, by its logical name.
func (a *Account) Dead(id string) []Message {
	a.t.Helper()
	return a.empty(a.Name("AWS::SQS::Queue", id))
}

func (a *Account) empty(queue string) []Message {
	a.t.Helper()
	var all []Message
	for {
		list, err := a.api.receive(queue)
		if err != nil {
			a.t.Fatal(err)
		}
		if len(list) == 0 {
			return all
		}
		for _, m := range list {
			all = append(all, opened(m))
			if err := a.api.drop(queue, m); err != nil {
				a.t.Fatal(err)
			}
		}
	}
}

// opened takes a message out of the envelope that SNS puts it in where it does
// not deliver it raw.
func opened(m message) Message {
	out := Message{Body: m.Body, Attributes: map[string]string{}}
	for name, v := range m.MessageAttributes {
		out.Attributes[name] = v.StringValue
	}
	var envelope struct {
		Type, TopicArn, Message string
		MessageAttributes       map[string]struct{ Value string }
	}
	if json.Unmarshal([]byte(m.Body), &envelope) == nil && envelope.Type == "Notification" && envelope.TopicArn != "" {
		out.Body = envelope.Message
		for name, v := range envelope.MessageAttributes {
			out.Attributes[name] = v.Value
		}
	}
	return out
}
