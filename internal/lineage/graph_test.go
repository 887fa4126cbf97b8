package lineage

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

const own = "111122223333"

func at(minutes int) time.Time {
	return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

func role(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: own, Name: name}
}

func user(name string) incident.Principal {
	return incident.Principal{Type: incident.User, Partition: "aws", Account: own, Name: name}
}

// issuance hands a key of a role out for an hour.
func issuance(id string, minute int, key string, to incident.Principal, by incident.Actor) incident.Signal {
	return incident.Signal{
		ID: id, Account: own, Time: at(minute), Kind: incident.SessionIssued, Feed: incident.FromTrail, Operation: "sts:AssumeRole", Target: to, Actor: by,
		Issued: &incident.Session{AccessKeyID: key, Name: "worker", IssuedAt: at(minute), ExpiresAt: at(minute + 60), ParentKey: by.AccessKeyID},
	}
}

func caller(p incident.Principal, key string) incident.Actor {
	return incident.Actor{Principal: p, AccessKeyID: key}
}

func failure(id string, minute int, key, workload string) incident.Signal {
	return incident.Signal{ID: id, Account: own, Partition: "aws", Time: at(minute), Kind: incident.CredentialFailed, Feed: incident.FromClient, Key: key, Workload: workload}
}

func TestAKeyIsOfItsLastIssuance(t *testing.T) {
	g := Build([]incident.Signal{
		issuance("e2", 100, "ASIA1", role("b"), caller(user("u"), "AKIAU")),
		issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU")),
	}, nil)
	for minute, want := range map[int]string{0: "a", 99: "a", 100: "b", 500: "b"} {
		is, ok := g.Issued("ASIA1", at(minute))
		owner, _ := g.Owner("ASIA1", at(minute))
		if !ok || is.Owner.Name != want || owner.Name != want {
			t.Errorf("minute %d: issued to %q, owned by %q, want %s", minute, is.Owner.Name, owner.Name, want)
		}
	}
	if is, ok := g.Issued("ASIA1", at(-1)); ok {
		t.Errorf("before any issuance: %+v", is)
	}
	if is, ok := g.IssuedTo(role("a"), "ASIA1", at(500)); !ok || is.EventID != "e1" {
		t.Errorf("issued to a: %+v, want e1", is)
	}
	if is, ok := g.Issued("ASIA2", at(0)); ok {
		t.Errorf("a key that nobody issued: %+v", is)
	}
}

func TestChainsAreFollowedBothWays(t *testing.T) {
	g := Build([]incident.Signal{
		issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU")),
		issuance("e2", 5, "ASIA2", role("b"), caller(role("a"), "ASIA1")),
		issuance("e3", 6, "ASIA3", role("b"), caller(role("a"), "ASIA1")),
	}, nil)
	if got := keys(g.Children("ASIA1")); !slices.Equal(got, []string{"ASIA2", "ASIA3"}) {
		t.Errorf("Children() = %v", got)
	}
	if got := keys(g.By(role("a"))); !slices.Equal(got, []string{"ASIA2", "ASIA3"}) {
		t.Errorf("By() = %v", got)
	}
	if got := keys(g.Of(role("b"))); !slices.Equal(got, []string{"ASIA2", "ASIA3"}) {
		t.Errorf("Of() = %v", got)
	}
	if got := g.Children("AKIAU"); len(got) != 1 || got[0].ParentKey != "AKIAU" {
		t.Errorf("Children() of the user's key = %+v", got)
	}
}

func keys(list []*Issuance) []string {
	var out []string
	for _, is := range list {
		out = append(out, is.AccessKeyID)
	}
	return out
}

// Identity Center hands out other keys than its records show.
func TestASessionIsKnownByItsRoleNameAndTime(t *testing.T) {
	use := incident.Use{Account: own, Principal: role("a"), SessionName: "worker", AccessKeyID: "ASIAOTHER", IssuedAt: at(0), First: at(1), Last: at(1)}
	issued := issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU"))
	g := Build([]incident.Signal{issued}, []incident.Use{use})
	if is, ok := g.Issued("ASIAOTHER", at(1)); !ok || is.EventID != "e1" || !is.ExpiresAt.Equal(at(60)) {
		t.Errorf("the session's other key: %+v, %v; want the issuance e1", is, ok)
	}
	for name, change := range map[string]func(*incident.Use){
		"another name":          func(u *incident.Use) { u.SessionName = "x" },
		"another role":          func(u *incident.Use) { u.Principal = role("b") },
		"another time of issue": func(u *incident.Use) { u.IssuedAt = at(1) },
		"no time of issue":      func(u *incident.Use) { u.IssuedAt = time.Time{} },
	} {
		other := use
		change(&other)
		if is, ok := Build([]incident.Signal{issued}, []incident.Use{other}).Issued("ASIAOTHER", at(1)); ok {
			t.Errorf("%s: %+v, want no issuance", name, is)
		}
	}
}

func TestExpiredAndLive(t *testing.T) {
	is := Issuance{Session: incident.Session{IssuedAt: at(0), ExpiresAt: at(60)}}
	for _, test := range []struct {
		t             time.Time
		expired, live bool
	}{
		{at(0).Add(-time.Second), false, false},
		{at(0), false, true},
		{at(60).Add(-2 * time.Second), false, true},
		{at(60).Add(-time.Second), true, true}, // times have seconds
		{at(60), true, false},
	} {
		if is.Expired(test.t) != test.expired || is.Live(test.t) != test.live {
			t.Errorf("at %v: expired %v, live %v", test.t, is.Expired(test.t), is.Live(test.t))
		}
	}
	unknown := Issuance{Session: incident.Session{IssuedAt: at(0)}}
	if unknown.Expired(at(10_000)) || unknown.Live(at(1)) {
		t.Error("a session without a known end is called expired, or live")
	}
}

func TestSubject(t *testing.T) {
	issued := issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU"))
	named := failure("f", 5, "ASIA1", "worker")
	named.Target = user("u")
	federated := failure("f", 5, "", "worker")
	federated.Target = incident.Principal{Type: incident.Federated, Account: own, Name: "portal"}
	linked := failure("f0", 4, "ASIA1", "worker")
	for _, test := range []struct {
		name    string
		signals []incident.Signal // the last is asked about
		want    string
	}{
		{"whom the report names", []incident.Signal{issued, named}, "user/" + own + "/u"},
		{"whom the key was issued to", []incident.Signal{issued, failure("f", 5, "ASIA1", "worker")}, "role/" + own + "/a"},
		{"a federated identity", []incident.Signal{federated}, "federated/" + own + "/portal"},
		{"the owner of the workload's other keys", []incident.Signal{issued, linked, failure("f", 5, "", "worker")}, "role/" + own + "/a"},
		{"a key of nobody", []incident.Signal{failure("f", 5, "ASIA9", "worker")}, "access_key/" + own + "/ASIA9"},
		{"the workload where there is nothing else", []incident.Signal{failure("f", 5, "", "worker")}, "workload/" + own + "/worker"},
		{"the workload of a fleet with a key each", []incident.Signal{failure("f1", 5, "ASIA7", "worker"), failure("f2", 5, "ASIA8", "worker"), failure("f", 5, "ASIA9", "worker")}, "workload/" + own + "/worker"},
	} {
		t.Run(test.name, func(t *testing.T) {
			last := test.signals[len(test.signals)-1]
			if got := Build(test.signals, nil).Subject(&last).Key(); got != test.want {
				t.Errorf("Subject() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestAWorkloadOfTwoOwnersHasNone(t *testing.T) {
	signals := []incident.Signal{
		issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU")), issuance("e2", 0, "ASIA2", role("b"), caller(user("u"), "AKIAU")),
		failure("f1", 5, "ASIA1", "worker"),
	}
	if p, ok := Build(signals, nil).WorkloadOwner(own, "worker"); !ok || p.Name != "a" {
		t.Errorf("WorkloadOwner() = %+v, %v; want a", p, ok)
	}
	signals = append(signals, failure("f2", 5, "ASIA2", "worker"))
	if p, ok := Build(signals, nil).WorkloadOwner(own, "worker"); ok {
		t.Errorf("WorkloadOwner() = %+v, want none of two", p)
	}
}

func TestSpelledIsTheFullestThatWasSeen(t *testing.T) {
	full := role("a")
	full.ARN, full.ID = "arn:aws:iam::111122223333:role/app/a", "AROAQTESTROLE0000001"
	short := role("a")
	short.ARN = "arn:aws:iam::111122223333:role/a"
	g := Build([]incident.Signal{{Target: short, Time: at(0)}, {Target: full, Time: at(1)}}, nil)
	if got := g.Spelled(role("a")); got.ARN != full.ARN || got.ID != full.ID {
		t.Errorf("Spelled() = %+v", got)
	}
	if got := g.Spelled(role("b")); got != role("b") {
		t.Errorf("Spelled() of somebody unknown = %+v", got)
	}
}

// TestTheGraphIsAFunctionOfTheSet asks everything of graphs that were built in
// several orders, with repetitions.
func TestTheGraphIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var signals []incident.Signal
		pick := rapid.SampledFrom([]string{"ASIA1", "ASIA2", "AKIAU"})
		who := rapid.SampledFrom([]incident.Principal{role("a"), role("b"), user("u")})
		for i := range rapid.IntRange(1, 12).Draw(t, "signals") {
			id, minute := fmt.Sprint(i), rapid.IntRange(0, 5).Draw(t, "minute")
			if rapid.Bool().Draw(t, "issued") {
				signals = append(signals, issuance(id, minute, pick.Draw(t, "key"), who.Draw(t, "to"), caller(who.Draw(t, "by"), pick.Draw(t, "with"))))
			} else {
				signals = append(signals, failure(id, minute, pick.Draw(t, "key"), rapid.SampledFrom([]string{"", "w"}).Draw(t, "workload")))
			}
		}
		mixed := rapid.Permutation(append(slices.Clone(signals), signals[:rapid.IntRange(0, len(signals)).Draw(t, "again")]...)).Draw(t, "mixed")
		if d := cmp.Diff(answers(Build(signals, nil)), answers(Build(mixed, nil))); d != "" {
			t.Fatalf("another order gave (-want +got):\n%s", d)
		}
	})
}

func values(list ...*Issuance) []Issuance {
	var out []Issuance
	for _, is := range list {
		if is != nil {
			out = append(out, *is)
		}
	}
	return out
}

func answers(g *Graph) []string {
	var out []string
	for _, key := range []string{"ASIA1", "ASIA2", "AKIAU"} {
		for minute := range 7 {
			is, ok := g.Issued(key, at(minute))
			owner, known := g.Owner(key, at(minute))
			f := failure("f", minute, key, "w")
			out = append(out, fmt.Sprint(values(is), ok, owner.Key(), known, g.Subject(&f).Key()))
		}
		out = append(out, fmt.Sprint(values(g.Children(key)...)))
	}
	for _, p := range []incident.Principal{role("a"), role("b"), user("u")} {
		out = append(out, fmt.Sprint(values(g.Of(p)...), values(g.By(p)...), g.Spelled(p)))
	}
	return out
}

func TestNodes(t *testing.T) {
	s := issuance("e1", 0, "ASIA1", role("a"), caller(user("u"), "AKIAU"))
	s.Issued.Provider = "https://Token.Example/"
	s.Workload = "worker"
	s.Policy = &incident.Policy{Name: "p", ARN: "arn:aws:iam::111122223333:policy/p"}
	want := []string{
		"role/" + own + "/a", "user/" + own + "/u", "key/AKIAU", "workload/" + own + "/worker", "key/ASIA1", "provider/token.example",
		"policy/arn:aws:iam::111122223333:policy/p",
	}
	if d := cmp.Diff(want, Nodes(s)); d != "" {
		t.Errorf("Nodes() (-want +got):\n%s", d)
	}
	service := incident.Signal{Actor: incident.Actor{Principal: incident.Principal{Type: incident.Service, Name: "ec2.amazonaws.com"}}}
	if got := Nodes(service); len(got) != 0 {
		t.Errorf("a service is a node: %v", got)
	}
	if d := cmp.Diff([]string{"role/" + own + "/a", "key/ASIA1"}, UseNodes(incident.Use{Principal: role("a"), AccessKeyID: "ASIA1"})); d != "" {
		t.Errorf("UseNodes() (-want +got):\n%s", d)
	}
}

func TestProviderHost(t *testing.T) {
	for name, want := range map[string]string{
		"arn:aws:iam::111122223333:oidc-provider/token.example/id/A1": "token.example/id/a1",
		"https://token.example/id/A1/":                                "token.example/id/a1",
		"token.example/id/A1":                                         "token.example/id/a1",
		"arn:aws:iam::111122223333:saml-provider/Office":              "saml-provider/Office",
	} {
		if got := ProviderHost(name); got != want {
			t.Errorf("ProviderHost(%q) = %q, want %q", name, got, want)
		}
	}
}
