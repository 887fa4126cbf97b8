package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// An incident that outlasts what is read of a busy role stays one incident, and
// one that ended before is left as it was. A role that is not busy shows no
// difference at all.
func TestAnIncidentOutlastsWhatIsReadOfABusyRole(t *testing.T) {
	const hours = 60
	for name, test := range map[string]struct {
		most int
		cut  bool
	}{
		"all is read":             {0, false},
		"all fits":                {10_000, false},
		"the last hours are read": {60, true},
		"hardly one is":           {5, true},
	} {
		t.Run(name, func(t *testing.T) {
			limits := store.DefaultLimits()
			limits.History = test.most
			mem := store.NewMemory(limits)
			live := liveOn(mem)
			first := noon().Add(-10 * 24 * time.Hour)
			for n, at := range append([]time.Time{first}, hourly(noon(), hours)...) {
				list := refused("", 12, at)
				for i := range list {
					list[i].ID, list[i].Target, list[i].ErrorCode = fmt.Sprintf("%d-%d", n, i), role("api"), "SignatureDoesNotMatch"
				}
				handle(t, live, at.Add(time.Minute), list...)
			}
			cases, err := mem.Cases(t.Context(), role("api").Key())
			if err != nil {
				t.Fatal(err)
			}
			if len(cases) != 2 || slices.ContainsFunc(cases, func(c store.Case) bool { return c.SupersededBy != "" }) {
				t.Fatalf("%d findings, want the one that ended and the one that goes on: %+v", len(cases), cases)
			}
			old, now := cases[0].Finding, cases[1].Finding
			last := hourly(noon(), hours)[hours-1].Add(11 * time.Second)
			if !old.FirstSeen.Equal(first) || !now.FirstSeen.Equal(noon()) || !now.LastSeen.Equal(last) {
				t.Errorf("from %s, and from %s to %s", old.FirstSeen, now.FirstSeen, now.LastSeen)
			}
			cut := slices.ContainsFunc(now.Capped, func(c string) bool { return strings.Contains(c, "were not read") })
			if cut != test.cut {
				t.Errorf("limits named: %v", now.Capped)
			}
		})
	}
}

func hourly(from time.Time, n int) (out []time.Time) {
	for i := range n {
		out = append(out, from.Add(time.Duration(i)*time.Hour+time.Duration(i*i*7%41)*time.Minute)) // no rhythm
	}
	return out
}

// A finding whose evidence was read whole and makes none any more is withdrawn,
// on a busy store too.
func TestWhatIsReadWholeIsStillWithdrawn(t *testing.T) {
	limits := store.DefaultLimits()
	limits.History = 40
	mem := store.NewMemory(limits)
	live := liveOn(mem)
	handle(t, live, noon().Add(time.Minute), refused(key, 12, noon())...)
	var busy []incident.Signal
	for i, at := range hourly(noon().Add(-50*time.Hour), 50) {
		busy = append(busy, issuance(fmt.Sprintf("ASIAEXAMPLEBUSY%05d", i), "busy", at, time.Hour))
	}
	handle(t, live, noon().Add(time.Minute), busy...)
	handle(t, live, noon().Add(3*time.Hour), issuance(key, "api", noon().Add(-2*time.Hour), time.Hour))
	if got := standing(t, mem, incident.Principal{Type: incident.AccessKey, Account: ours, Name: key}); len(got) != 0 {
		t.Errorf("findings about the key: %v, want that the owner's stands instead", got)
	}
}
