package cost

import (
	"errors"
	"fmt"
	"math"
)

// Usage is what an account makes the detector do. Events are those that its
// rules take; nothing else costs anything.
type Usage struct {
	Events    float64 `json:"eventsPerDay"`
	Changes   float64 `json:"changes"`  // part of the events that change identities: one by one, at once
	Failures  float64 `json:"failures"` // part that are failures and denials; the rest are sessions issued
	Reported  float64 `json:"reported"` // part of the failures that clients report: custom events
	Elsewhere float64 `json:"elsewhere"`
	Incidents float64 `json:"incidentsPerDay"`
	LogLines  float64 `json:"logLinesPerDay"`
	// Batch is how many events detect gets at once; zero: by their rate.
	Batch float64  `json:"batch"`
	Free  FreeTier `json:"freeTier"`
}

// DefaultUsage has the mix of a busy account: nearly all are sessions issued.
func DefaultUsage(events float64) Usage {
	return Usage{Events: events, Changes: 0.01, Failures: 0.04, Reported: 0.5, Elsewhere: 0.2, Incidents: events / 1000, Free: Listed}
}

// Idle is the same account on days on which nothing happens.
func (u Usage) Idle() Usage {
	u.Events, u.Incidents, u.LogLines = 0, 0, 0
	return u
}

// check names what no account can do.
func (u Usage) check() error {
	var problems []error
	for _, f := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"events per day", u.Events, 1e12},
		{"incidents per day", u.Incidents, 1e12},
		{"log lines per day", u.LogLines, 1e12},
		{"changes", u.Changes, 1},
		{"failures", u.Failures, 1},
		{"reported", u.Reported, 1},
		{"elsewhere", u.Elsewhere, 1},
		{"batch", u.Batch, 10000},
	} {
		if math.IsNaN(f.value) || f.value < 0 || f.value > f.most {
			problems = append(problems, fmt.Errorf("%s: expected a number from 0 to %g, got %g", f.name, f.most, f.value))
		}
	}
	if u.Changes+u.Failures > 1 {
		problems = append(problems, fmt.Errorf("changes and failures are %g of the events together, which is more than all", u.Changes+u.Failures))
	}
	if u.Batch > 0 && u.Batch < 1 {
		problems = append(problems, fmt.Errorf("batch: at least one event, got %g", u.Batch))
	}
	return errors.Join(problems...)
}

// flow is what happens in a month.
type flow struct {
	events, direct, queued, failures, sessions float64
	batch, batches                             float64
	revisions                                  float64
}

// flow is the usage of a month, given how the queue is emptied: at most so many
// events at once, gathered for so many seconds.
func (u Usage) flow(most, window float64) flow {
	f := flow{events: u.Events * days, revisions: u.Incidents * revisions * days}
	f.direct = f.events * u.Changes
	f.queued = f.events - f.direct
	f.failures = f.events * u.Failures
	f.sessions = f.queued - f.failures
	f.batch = u.Batch
	if f.batch == 0 {
		f.batch = f.queued / (hours * 3600) * window
	}
	f.batch = max(1, min(f.batch, most))
	f.batches = f.queued / f.batch
	return f
}

// perBatch splits a figure that was measured for single events and for batches
// into what an event takes, and what a batch.
func perBatch(single, batched float64) (event, batch float64) {
	batch = max(0, (single-batched)/(1-1/measuredBatch))
	return single - batch, batch
}

// of is what all queued events take, by a figure for single ones and one for
// batches, if so many of the events are concerned.
func (f flow) of(events, single, batched float64) float64 {
	if f.queued == 0 {
		return 0
	}
	event, batch := perBatch(single, batched)
	return events*event + f.batches*batch*events/f.queued
}

// writes and reads are detect's in a month, in units.
func (f flow) writes() float64 {
	return f.direct*singleWrites + f.of(f.failures, singleWrites, batchWrites) + f.of(f.sessions, singleWrites, sessionWrites)
}

func (f flow) reads() float64 {
	return f.direct*singleReads + f.of(f.failures, singleReads, batchReads)
}

// kept is how much the table holds, in GB.
func (f flow) kept() float64 { return f.events / days * keptDays * itemBytes / 1e9 }
