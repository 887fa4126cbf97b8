// Package sqs sends events to a queue of Amazon SQS.
//
// Send makes as few requests as it can, and sends again what the service
// refused for its own reasons. It promises that every message was accepted when
// it returns without an error. It does not promise once: a standard queue
// delivers at least once, and what a request that broke off had achieved is not
// known, so receivers know events by their ids.
//
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
package sqs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// maxBatch and maxBytes bound a request: SQS takes ten messages. Queues made
	// before 2025 take 256 KiB in all.
	maxBatch = 10
	maxBytes = 256 << 10

	// attempts is how often a message is sent that the service refuses, and
	// firstPause how long to wait before the second time; it doubles.
	attempts   = 4
	firstPause = 100 * time.Millisecond

	// parallel requests keep a large payload within a function's time.
	parallel = 8
)

// Sender makes one request. An SQS client is one.
type Sender interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Queue is one queue.
type Queue struct {
	client Sender
	url    string
}

// NewClient returns a client of SQS. The environment may name another endpoint,
// as it may for all SDKs of AWS.
func NewClient(cfg aws.Config, getenv func(string) string) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_SQS"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint = aws.String(url)
		}
	})
}

// New returns the queue at a URL.
func New(client Sender, url string) *Queue { return &Queue{client: client, url: url} }

// Send puts each event on the queue as a message of its own. After an error
// some of them may be there.
func (q *Queue) Send(ctx context.Context, events []string) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		slots = make(chan struct{}, parallel)
	)
	for _, batch := range batches(events) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := q.send(ctx, batch); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	if len(errs) == 0 {
		return nil
	}
	// One error says what a hundred equal ones would.
	return fmt.Errorf("send %d events, %d requests of which failed: %w", len(events), len(errs), errs[0])
}

// batches cuts events into portions for one request each.
func batches(events []string) [][]string {
	var out [][]string
	for start := 0; start < len(events); {
		end, size := start+1, len(events[start])
		for end < len(events) && end-start < maxBatch && size+len(events[end]) <= maxBytes {
			size += len(events[end])
			end++
		}
		out = append(out, events[start:end])
		start = end
	}
	return out
}

// send sends one batch, and again what of it the service could not take. A
// message that it will never take does not hold up the others.
func (q *Queue) send(ctx context.Context, batch []string) error {
	var lost error
	for attempt, pause := 1, firstPause; ; attempt, pause = attempt+1, 2*pause {
		refused, err := q.request(ctx, batch)
		if err != nil {
			return err
		}
		batch = nil
		for _, r := range refused {
			if r.final {
				lost = fmt.Errorf("a message was refused for good: %s", r.code)
				continue
			}
			batch = append(batch, r.event)
		}
		switch {
		case len(batch) == 0:
			return lost
		case attempt == attempts:
			return fmt.Errorf("%d messages were refused %d times, the last for %s", len(batch), attempts, refused[len(refused)-1].code)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// refusal is a message that was not taken; final if it will never be.
type refusal struct {
	event, code string
	final       bool
}

// request makes one request. The ids of its entries hold for it alone.
func (q *Queue) request(ctx context.Context, batch []string) ([]refusal, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(batch))
	for i := range batch {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &batch[i]}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return nil, err // the SDK names the operation
	}
	var refused []refusal
	for _, f := range out.Failed {
		i, err := strconv.Atoi(aws.ToString(f.Id))
		if err != nil || i < 0 || i >= len(batch) {
			return nil, errors.New("the answer names a message that was not sent")
		}
		refused = append(refused, refusal{event: batch[i], code: aws.ToString(f.Code), final: f.SenderFault})
	}
	if len(refused)+len(out.Successful) != len(batch) {
		return nil, fmt.Errorf("the answer is about %d of %d messages", len(refused)+len(out.Successful), len(batch))
	}
	return refused, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
