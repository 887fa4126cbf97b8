package main

import (
	"testing"

	"github.com/trailverdict/trailverdict/internal/doctor"
)

// TestDoctorKnowsWhatIsReserved: it says before a deployment whether the account
// has that many copies left.
func TestDoctorKnowsWhatIsReserved(t *testing.T) {
	copies := 0.0
	for _, f := range functions() {
		copies += f.copies
	}
	if copies != doctor.ReservedCopies {
		t.Errorf("the functions reserve %v copies, and doctor takes it for %d", copies, doctor.ReservedCopies)
	}
}
