package incident_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// use is one of few, so that times, ids and addresses often meet.
func use(t *rapid.T) incident.Use {
	at := func(label string) time.Time {
		return time.Unix(int64(rapid.IntRange(1, 3).Draw(t, label)), 0).UTC()
	}
	first := at("first")
	u := incident.Use{
		First: first, Last: first.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "length")) * time.Second),
		FirstID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "first id"), LastID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "last id"),
		SourceIP: rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.2"}).Draw(t, "address"),
	}
	u.Principal.Partition = rapid.SampledFrom([]string{"", "aws", "aws-cn"}).Draw(t, "partition")
	u.Principal.ID = rapid.SampledFrom([]string{"", "AROA1", "AROA2"}).Draw(t, "id")
	u.Principal.ARN = rapid.SampledFrom([]string{"", "arn:1", "arn:2"}).Draw(t, "arn")
	if rapid.Bool().Draw(t, "issued") {
		u.IssuedAt = at("issuance")
	}
	return u
}

// TestUsesJoinInAnyOrder proves that what was read first makes no difference.
func TestUsesJoinInAnyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b, c := use(r), use(r), use(r)
		if d := cmp.Diff(a.Join(b), b.Join(a)); d != "" {
			r.Errorf("two uses join in two ways: %s", d)
		}
		if d := cmp.Diff(a.Join(b).Join(c), a.Join(b.Join(c))); d != "" {
			r.Errorf("three uses join in two ways: %s", d)
		}
		if d := cmp.Diff(a, a.Join(a)); d != "" {
			r.Errorf("a use joined with itself is another: %s", d)
		}
	})
}
