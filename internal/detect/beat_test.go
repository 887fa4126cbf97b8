package detect_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// beating is a live detector that hears of a workload's failures as they happen.
type beating struct {
	*testing.T
	memory *store.Memory
	live   *detect.Live
	worst  incident.Severity // of any version of any finding
	n      int
}

const beatingAccount = "111122223333"

func newBeating(t *testing.T) *beating {
	memory := store.NewMemory(store.LiveLimits())
	return &beating{T: t, memory: memory, live: detect.NewLive(memory, memory, incident.DefaultSettings())}
}

var beatingFrom = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// fails has the workload fail n times, two seconds apart.
func (b *beating) fails(at time.Duration, n int, code string) {
	b.Helper()
	for i := range n {
		b.n++
		s := incident.Signal{
			ID: fmt.Sprint("failed-", b.n), Account: beatingAccount, Region: "eu-west-1", Time: beatingFrom.Add(at + time.Duration(2*i)*time.Second),
			Kind: incident.CredentialFailed, Feed: incident.FromClient, ErrorCode: code, Count: 1, Workload: "feed",
		}
		if err := b.live.Handle(context.Background(), []incident.Signal{s}, nil, s.Time.Add(time.Second)); err != nil {
			b.Fatal(err)
		}
		for _, c := range b.cases() {
			b.worst = max(b.worst, c.Finding.Severity)
		}
	}
}

func (b *beating) cases() []store.Case {
	b.Helper()
	list, err := b.memory.Cases(context.Background(), "workload/"+beatingAccount+"/feed")
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// has reports whether a case stands with a cause, and its interval.
func (b *beating) has(cause incident.Cause) (*incident.Interval, bool) {
	b.Helper()
	for _, c := range b.cases() {
		if c.SupersededBy == "" && c.Finding.Cause == cause {
			return c.Finding.Interval, true
		}
	}
	return nil, false
}

// TestFailuresOnTheBeatDoNotPage has a burst of five at each hour, as large as a
// spike: the detector learns the rhythm and says refresh bug, of low severity.
func TestFailuresOnTheBeatDoNotPage(t *testing.T) {
	b := newBeating(t)
	for hour := range 14 {
		b.fails(time.Duration(hour)*time.Hour, 5, "InvalidClientTokenId")
	}
	in, bug := b.has(incident.RefreshBug)
	if !bug || in == nil || in.Period.Round(time.Minute) != time.Hour {
		t.Fatalf("no refresh bug every hour: %+v", b.cases())
	}
	if b.worst > incident.Low {
		t.Errorf("the beats made a finding of severity %s", b.worst)
	}
	if fact := b.spike(); fact != "" {
		t.Errorf("failures on the beat are held for a spike: %s", fact)
	}
}

// spike is what the standing cases say of a spike; empty if they say nothing.
func (b *beating) spike() string {
	b.Helper()
	for _, c := range b.cases() {
		for _, e := range slices.Concat(c.Finding.Evidence, c.Finding.CounterEvidence) {
			if c.SupersededBy == "" && e.Rule == "failure_spike" {
				return e.Fact
			}
		}
	}
	return ""
}

// TestFailuresOffTheBeatCountInFull is its twin: after the same rhythm, a burst
// between two beats is a spike, with each of its failures, though the incident
// already has a name.
func TestFailuresOffTheBeatCountInFull(t *testing.T) {
	b := newBeating(t)
	for hour := range 12 {
		b.fails(time.Duration(hour)*time.Hour, 5, "InvalidClientTokenId")
	}
	b.fails(11*time.Hour+31*time.Minute, 40, "InvalidClientTokenId")
	if _, bug := b.has(incident.RefreshBug); !bug {
		t.Error("the rhythm is forgotten")
	}
	if fact := b.spike(); !strings.HasPrefix(fact, "40 calls failed") {
		t.Errorf("of forty failures off the beat it says %q", fact)
	}
	if b.worst != incident.Medium {
		t.Errorf("the incident stays at severity %s, so that nobody is told of them", b.worst)
	}
}
