package telemetry

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Meter gathers the metrics of an invocation. A nil Meter, as there is where
// metrics are switched off, gathers nothing. It may be used by several
// goroutines at once.
type Meter struct {
	w       io.Writer
	options Options
	logs    *sampler

	mu     sync.Mutex
	counts map[Metric]float64
	values map[Metric][]float64
}

// Add counts n more.
func (m *Meter) Add(metric Metric, n int) {
	if m == nil || n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[metric] += float64(n)
}

// Observe notes how long something took, or how old it is. CloudWatch makes
// percentiles of such values.
func (m *Meter) Observe(metric Metric, d time.Duration) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[metric] = append(m.values[metric], d.Seconds())
}

// Since observes how old something is that happened at t. Clocks differ, so
// what seems to lie ahead is new. The zero time is no time, and not observed.
func (m *Meter) Since(metric Metric, t time.Time) {
	if m == nil || t.IsZero() {
		return
	}
	m.Observe(metric, max(0, m.options.Now().Sub(t)))
}

// Flush writes what was gathered, and begins anew. It is called at the end of
// each invocation, as Lambda may stop the process any time after it.
func (m *Meter) Flush(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.Add(LogLinesOmitted, m.logs.takeOmitted())
	line := Encode(m.options.Now(), m.options.Function, m.options.RequestID(ctx), m.take())
	if len(line) == 0 {
		return nil
	}
	if _, err := m.w.Write(line); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// take returns the samples in the order of the documentation, and forgets them.
func (m *Meter) take() []Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Sample
	for _, d := range Metrics() {
		values := m.values[d.Metric]
		if n := m.counts[d.Metric]; n != 0 {
			values = append(values, n)
		}
		if len(values) > 0 {
			out = append(out, Sample{d.Metric, values})
		}
	}
	clear(m.counts)
	clear(m.values)
	return out
}
