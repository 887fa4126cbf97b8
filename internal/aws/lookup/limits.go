package lookup

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/settle"
)

// perRequest is the time that belongs to one request: half of what the account
// has, since it has it for everybody.
const perRequest = time.Second

// Pace hands out turns, one for each perRequest. It is a bucket of one token:
// turns that were not taken are lost. The zero value is ready.
type Pace struct {
	mu   sync.Mutex
	free time.Time // when the next turn is
}

// Next takes a turn and returns how long it is until then.
func (p *Pace) Next(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) || p.free.After(now.Add(time.Hour)) { // the clock was set back
		p.free = now
	}
	d := p.free.Sub(now)
	p.free = p.free.Add(perRequest)
	return d
}

const (
	// firstPause is how long nothing is asked after being throttled. It doubles
	// each time that the first request afterwards is throttled too.
	firstPause = time.Minute
	longPause  = 15 * time.Minute
)

// circuit is open, and lets no request through, for a while after throttling.
type circuit struct {
	mu    sync.Mutex
	until time.Time
	pause time.Duration
}

func (c *circuit) open(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.until) && !c.until.After(now.Add(longPause)) // or the clock was set back
}

func (c *circuit) trip(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = min(max(2*c.pause, firstPause), longPause)
	c.until = now.Add(c.pause)
}

func (c *circuit) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = 0
}

// throttleCodes are the names that AWS's services have for it.
var throttleCodes = []string{"ThrottlingException", "Throttling", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "RequestThrottled"}

// Throttled reports whether CloudTrail answered that it was asked too often.
func Throttled(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(throttleCodes, api.ErrorCode())
}

// answered reports whether an error is what CloudTrail answered.
func answered(err error) bool {
	var api smithy.APIError
	return errors.Is(err, settle.ErrThrottled) || errors.As(err, &api)
}

const (
	// fresh is how long an answer is good for. The history grows for a quarter
	// of an hour after an event.
	fresh = 5 * time.Minute
	// maxKnown bounds the events that are remembered.
	maxKnown = 2000
)

// cache remembers answers.
type cache struct {
	mu      sync.Mutex
	answers map[settle.Question]remembered
	events  int
}

type remembered struct {
	settle.Answer
	at time.Time
}

func (c *cache) get(q settle.Question, now time.Time) (settle.Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.answers[q]
	if !ok || now.Sub(r.at).Abs() > fresh {
		return settle.Answer{}, false
	}
	return r.clone(), true
}

// put remembers an answer. A full cache begins anew.
func (c *cache) put(q settle.Question, a settle.Answer, now time.Time) {
	size := 1 + len(a.Signals) + len(a.Uses)
	if size > maxKnown/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil || c.events+size > maxKnown {
		c.answers, c.events = map[settle.Question]remembered{}, 0
	}
	r := remembered{a, now}
	r.Answer = r.clone()
	c.answers[q] = r
	c.events += size
}

// clone keeps what is remembered from whoever gets it.
func (r remembered) clone() settle.Answer {
	a := r.Answer
	a.Signals = append([]incident.Signal(nil), a.Signals...)
	a.Uses = append([]incident.Use(nil), a.Uses...)
	return a
}
