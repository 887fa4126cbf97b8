package detect_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/storetest"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func failure(id string, after time.Duration) incident.Signal {
	return incident.Signal{
		ID: id, Account: "111122223333", Time: noon().Add(after), Kind: incident.CredentialFailed, Feed: incident.FromClient,
		Target: incident.Principal{Type: incident.Role, Account: "111122223333", Name: "api"}, ErrorCode: "ExpiredToken", Count: 1,
	}
}

// small gives small pages, whatever is asked for, as a store may.
type small struct{ detect.Store }

func (s small) Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error) {
	q.Limit = 7
	return s.Store.Signals(ctx, q)
}

func (s small) Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error) {
	q.Limit = 7
	return s.Store.Uses(ctx, q)
}

// TestEvidenceIsReadToTheEnd keeps more than a page holds.
func TestEvidenceIsReadToTheEnd(t *testing.T) {
	d := detect.New(small{store.NewMemory(store.DefaultLimits())}, incident.DefaultSettings())
	const n = 50
	var signals []incident.Signal
	var uses []incident.Use
	for i := range n {
		signals = append(signals, failure(fmt.Sprint(i), time.Duration(i)*time.Second))
		uses = append(uses, incident.Use{Account: "111122223333", Service: fmt.Sprint(i), First: noon(), Last: noon()})
	}
	out, err := d.Ingest(context.Background(), append(signals, signals[0]), uses)
	if err != nil || out.Duplicates != 1 {
		t.Fatalf("Ingest() = %+v, %v; want one duplicate", out, err)
	}
	e, err := d.Evidence(context.Background(), noon())
	if err != nil || len(e.Signals) != n || len(e.Uses) != n || len(e.Capped) != 0 {
		t.Errorf("Evidence() = %d signals, %d uses, %v, %v; want %d of each", len(e.Signals), len(e.Uses), e.Capped, err, n)
	}
}

func TestEvidenceNamesTheLimitsThatWereReached(t *testing.T) {
	d := detect.New(store.NewMemory(store.Limits{SignalsPerHour: 2, Uses: 10}), incident.DefaultSettings())
	if _, err := d.Ingest(context.Background(), []incident.Signal{failure("1", 0), failure("2", 1), failure("3", 2)}, nil); err != nil {
		t.Fatal(err)
	}
	e, err := d.Evidence(context.Background(), noon())
	if err != nil || len(e.Signals) != 2 || len(e.Capped) != 1 {
		t.Errorf("Evidence() = %d signals, capped by %v, %v; want 2 and one limit", len(e.Signals), e.Capped, err)
	}
}

func TestOneEventHasOneContent(t *testing.T) {
	a, b := failure("1", 0), failure("1", time.Hour)
	var want incident.Signal
	for i, order := range [][]incident.Signal{{a, b}, {b, a}} {
		d := detect.New(store.NewMemory(store.DefaultLimits()), incident.DefaultSettings())
		if out, err := d.Ingest(context.Background(), order, nil); err != nil || out.Conflicts != 1 {
			t.Fatalf("Ingest() = %+v, %v; want one conflict", out, err)
		}
		e, err := d.Evidence(context.Background(), noon())
		if err != nil || len(e.Signals) != 1 {
			t.Fatalf("Evidence() = %v, %v; want one signal", e.Signals, err)
		}
		if i > 0 && e.Signals[0] != want {
			t.Errorf("the signal depends on the order: %v and %v", want.Time, e.Signals[0].Time)
		}
		want = e.Signals[0]
	}
}

// TestAStoreThatFailsIsAnError lets the first, second, … call fail: never is a
// part of the evidence taken for all of it.
func TestAStoreThatFailsIsAnError(t *testing.T) {
	for left := range 3 {
		d := detect.New(&storetest.Broken{Store: store.NewMemory(store.DefaultLimits()), Left: left}, incident.DefaultSettings())
		_, err := d.Ingest(context.Background(), []incident.Signal{failure("1", 0)}, nil)
		if err == nil {
			_, err = d.Findings(context.Background(), noon())
		}
		if !errors.Is(err, storetest.ErrBroken) {
			t.Errorf("with call %d broken: error %v", left+1, err)
		}
		if _, err := d.Revisions(context.Background(), noon()); !errors.Is(err, storetest.ErrBroken) {
			t.Errorf("with call %d broken: Revisions() = %v", left+1, err)
		}
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	d := detect.New(store.NewMemory(store.DefaultLimits()), incident.DefaultSettings())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Findings(ctx, noon()); !errors.Is(err, context.Canceled) {
		t.Errorf("Findings() = %v, want %v", err, context.Canceled)
	}
}
