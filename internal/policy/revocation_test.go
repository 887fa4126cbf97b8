package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const consoleRevocation = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-03-04T09:15:00.204Z"}}}]}`

func TestRevocationOfConsole(t *testing.T) {
	d, err := Parse(consoleRevocation)
	if err != nil {
		t.Fatal(err)
	}
	want := &incident.Revocation{IssuedBefore: time.Date(2026, 3, 4, 9, 15, 0, 204e6, time.UTC)}
	if diff := cmp.Diff(want, Revocation(d)); diff != "" {
		t.Errorf("Revocation() (-want +got):\n%s", diff)
	}
}
