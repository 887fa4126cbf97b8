package trail

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// recordedFolder holds public CloudTrail records that are not part of the
// project. Their counts are those of its README and of our facts about AWS.
const recordedFolder = "../../../shared/data"

// recorded decodes the records of one set.
func recorded(t *testing.T, set string) []decoded {
	t.Helper()
	path := filepath.Join(recordedFolder, set, "records.jsonl")
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("%s is missing: real records were not decoded, so what was counted in them was not checked", path)
	}
	defer f.Close()
	var all []decoded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		v, err := jsonscan.Parse(lines.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var out decoded
		decodeEvent(v, &envelope{}, &out)
		checkWhole(t, out)
		all = append(all, out)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func count(all []decoded, kind incident.Kind) int {
	n := 0
	for _, out := range all {
		for _, s := range out.Signals {
			if s.Kind == kind {
				n++
			}
		}
	}
	return n
}

// TestEveryRecordedDenialIsRead counts the 260 denials of real accounts. None
// of them is an explicit deny; 220 say which policy is missing.
func TestEveryRecordedDenialIsRead(t *testing.T) {
	denials, implicit, byRole := 0, 0, 0
	for _, set := range []string{"stratus", "traildiscover", "boogy_prod_baseline", "custodian_eventbridge"} {
		for _, out := range recorded(t, set) {
			for _, s := range out.Signals {
				if s.Kind != incident.CallDenied {
					continue
				}
				denials++
				if s.Denial.Implicit {
					implicit++
				}
				if s.Denial.Explicit {
					t.Errorf("%s is read as an explicit deny", s.ID)
				}
				if s.Target.Type == incident.Role && !s.Target.Same(s.Actor.Principal) {
					byRole++
				}
				if s.Denial.Action == "" {
					t.Errorf("%s: no action", s.ID)
				}
			}
		}
	}
	if denials != 260 {
		t.Errorf("%d denials, want 260", denials)
	}
	if implicit != 220 {
		t.Errorf("%d denials name the missing policy, want 220", implicit)
	}
	if byRole != 5 {
		t.Errorf("%d roles were refused to be assumed, want 5", byRole)
	}
}

// TestRecordedIssuancesJoinTheirUses joins keys that were issued with what
// signed calls later: the session's creation is the issue time, to the second.
func TestRecordedIssuancesJoinTheirUses(t *testing.T) {
	all := recorded(t, "stratus")
	issued := map[string]incident.Signal{}
	for _, out := range all {
		for _, s := range out.Signals {
			if s.Kind == incident.SessionIssued {
				issued[s.Key] = s
			}
		}
	}
	joins := 0
	join := func(key string, p incident.Principal, a incident.Use) {
		s, ok := issued[key]
		if !ok {
			return
		}
		joins++
		if !s.Issued.IssuedAt.Equal(a.IssuedAt) {
			t.Errorf("%s was issued at %v, but used as if at %v", key, s.Issued.IssuedAt, a.IssuedAt)
		}
		if !s.Target.Same(p) {
			t.Errorf("%s speaks for %s, but was used by %s", key, s.Target.Key(), p.Key())
		}
		if a.First.Before(s.Issued.IssuedAt) || a.First.After(s.Issued.ExpiresAt) {
			t.Errorf("%s was used outside its life", key)
		}
	}
	for _, out := range all {
		for _, u := range out.Uses {
			join(u.AccessKeyID, u.Principal, u)
		}
		for _, s := range out.Signals {
			if s.Kind == incident.CallDenied {
				join(s.Actor.AccessKeyID, s.Actor.Principal, incident.Use{IssuedAt: s.Actor.IssuedAt, First: s.Time})
			}
		}
	}
	if joins != 48 {
		t.Errorf("%d uses join their issuance, want 48", joins)
	}
}

// TestABusyAccountIsQuiet decodes five minutes of a production account in
// which nothing happened to anybody's credentials.
func TestABusyAccountIsQuiet(t *testing.T) {
	all := recorded(t, "boogy_prod_baseline")
	if len(all) != 1679 {
		t.Fatalf("%d records, want 1679", len(all))
	}
	for _, out := range all {
		for _, s := range out.Signals {
			if s.Kind != incident.SessionIssued {
				t.Errorf("%s means %s, want issuances alone", s.ID, s.Kind)
			}
			if s.Issued.ExpiresAt.IsZero() || s.Issued.AccessKeyID == "" {
				t.Errorf("%s: issuance without key or end", s.ID)
			}
		}
	}
	// Two of the 95 are about a role whose anonymised ARN names no role.
	if n := count(all, incident.SessionIssued); n != 93 {
		t.Errorf("%d issuances, want 93", n)
	}
}

func TestRecordedAttacksAreSeen(t *testing.T) {
	all := recorded(t, "stratus")
	for kind, want := range map[incident.Kind]int{
		incident.TrustChanged: 1, incident.RoleCreated: 1, incident.KeyCreated: 2, incident.UserCreated: 1, incident.PolicyAttached: 2,
		incident.LoginProfileCreated: 1, incident.LoginProfileUpdated: 1,
		incident.TrailStopped: 1, incident.TrailDeleted: 1, incident.SelectorsChanged: 1, incident.SessionIssued: 9,
	} {
		if n := count(all, kind); n != want {
			t.Errorf("%d signals of kind %s, want %d", n, kind, want)
		}
	}
	for _, out := range all {
		for _, s := range out.Signals {
			if s.Kind == incident.SelectorsChanged && !s.Weakened {
				t.Errorf("%s leaves out management events, and is not seen to weaken the trail", s.ID)
			}
		}
	}
}
