package policy

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// seeds are the documents that the fuzz tests start from.
func seeds() []string {
	list := []string{
		"", "{}", "null", `"{}"`, "%7B%7D", "\ufeff", `{"Statement":[]}`, consoleRevocation,
		url.QueryEscape(consoleRevocation),
		doc(denyAll(), denyAll(when("StringLike", "aws:userId", "*"))),
		doc(allow(everybody, `"StringLike":{"aws:PrincipalArn":"${","aws:SourceIp":["::/0","x"],":sub":"*"}`)),
		doc(statement("Deny", "NotPrincipal", foreignRoot, `["*","!"]`, when("Null", "aws:PrincipalOrgID", "maybe"))),
	}
	for _, tests := range [][]judged{principalTests, everybodyTests, denyTests, serviceTests, oidcTests, providerTests} {
		for _, tt := range tests {
			list = append(list, tt.policy)
		}
	}
	return list
}

// FuzzParse: a hostile document never panics, and never yields half of itself.
func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document string) {
		d, err := Parse(document)
		trust := Trust(document)
		if err != nil {
			if len(d.Statements) > 0 || !trust.Unreadable || len(trust.Statements) > 0 {
				t.Fatalf("an error and statements: %v, %+v", err, d)
			}
			return
		}
		if trust.Unreadable || len(trust.Statements) != len(d.Statements) {
			t.Fatalf("Trust() = %+v of %+v", trust, d)
		}
		r := Revocation(d)
		if r == nil {
			return
		}
		if r.Literal || len(d.Statements) == 0 {
			t.Fatalf("Revocation() = %+v of %+v", r, d)
		}
	})
}

// FuzzAssess: no two policies panic, and what is said of them fits together.
func FuzzAssess(f *testing.F) {
	list := seeds()
	for i, s := range list {
		f.Add(s, list[(i+1)%len(list)])
	}
	f.Fuzz(func(t *testing.T, before, then string) {
		was, now := Trust(before), Trust(then)
		a := Assess(&was, now, us)
		if again := Assess(&was, now, us); !cmp.Equal(a, again, cmpopts.IgnoreUnexported(Assessment{})) {
			t.Fatalf("two answers:\n%+v\n%+v", a, again)
		}
		if a.NoBaseline != was.Unreadable || a.Unreadable != now.Unreadable {
			t.Fatalf("Assess() = %+v of %+v and %+v", a, was, now)
		}
		if to := a.OpenedTo; a.Opened() != (to.Anyone || len(to.Accounts) > 0 || len(to.Providers) > 0) {
			t.Fatalf("opened %v to %+v", a.Opened(), to)
		}
		for _, g := range a.Findings {
			if g.Reason == "" || g.Who == "" || g.Fact == "" || g.Level == Unchanged {
				t.Fatalf("half a finding: %+v", g)
			}
		}
		for _, p := range []incident.TrustPolicy{was, now} {
			if same := Assess(&p, p, us); !p.Unreadable && same.Level() != Unchanged {
				t.Fatalf("%+v against itself: %v", p, same.Findings)
			}
		}
	})
}
