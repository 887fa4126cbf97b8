package correlate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// put adds tags, each as key=value; take takes them off.
func put(sig *incident.Signal, tags ...string) {
	sig.Tagging = &incident.Tagging{}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		sig.Tagging.Put = append(sig.Tagging.Put, incident.Tag{Key: key, Value: value})
	}
}

func take(sig *incident.Signal, keys ...string) { sig.Tagging = &incident.Tagging{Taken: keys} }

func asksFor(keys ...string) incident.Settings {
	s := incident.DefaultSettings()
	s.Tags = keys
	return s
}

// Each story ends with a stranger who revokes the sessions of payments at noon.
func TestTagsOfAFinding(t *testing.T) {
	payments, ci := role("payments"), by(role("ci"))
	tagged := func(s *story, t float64, who incident.Principal) *incident.Signal {
		return s.change(t, incident.TagsChanged, ci, who)
	}
	for name, test := range map[string]struct {
		tell func(*story)
		asks []string
		want string
	}{
		"nobody said":              {func(*story) {}, []string{"team"}, ""},
		"nobody asks":              {func(s *story) { put(tagged(s, -5, payments), "team=a") }, nil, ""},
		"another's":                {func(s *story) { put(tagged(s, -5, role("orders")), "team=a") }, []string{"team"}, ""},
		"of a user of that name":   {func(s *story) { put(tagged(s, -5, user("payments")), "team=a") }, []string{"team"}, ""},
		"those that are asked for": {func(s *story) { put(tagged(s, -5, payments), "team=a", "stage=prod", "cost=4711") }, []string{"stage", "team"}, "stage=prod team=a"},
		"in whichever case":        {func(s *story) { put(tagged(s, -5, payments), "Team=a") }, []string{"team"}, "team=a"},
		"an empty one is there":    {func(s *story) { put(tagged(s, -5, payments), "team=") }, []string{"team"}, "team="},
		"the latest counts":        {func(s *story) { put(tagged(s, -5, payments), "team=b"); put(tagged(s, -9, payments), "TEAM=a") }, []string{"team"}, "team=b"},
		"of one second the latest id": {func(s *story) {
			put(tagged(s, -5, payments), "team=a")
			put(tagged(s, -5, payments), "team=b")
		}, []string{"team"}, "team=b"},
		"others stay": {func(s *story) {
			put(tagged(s, -9, payments), "team=a", "stage=prod")
			put(tagged(s, -5, payments), "team=b")
		}, []string{"stage", "team"}, "stage=prod team=b"},
		"taken off": {func(s *story) {
			put(tagged(s, -9, payments), "team=a", "stage=prod")
			take(tagged(s, -5, payments), "Team")
		}, []string{"stage", "team"}, "stage=prod"},
		"put on again": {func(s *story) {
			take(tagged(s, -9, payments), "team")
			put(tagged(s, -5, payments), "team=a")
		}, []string{"team"}, "team=a"},
		"of its creation": {func(s *story) { put(s.change(-60, incident.RoleCreated, ci, payments), "team=a") }, []string{"team"}, "team=a"},
		"of a role that was there before": {func(s *story) {
			put(tagged(s, -90, payments), "team=a", "stage=prod")
			put(s.change(-60, incident.RoleCreated, ci, payments), "team=b")
		}, []string{"stage", "team"}, "team=b"},
		"tagged in the second of its creation": {func(s *story) {
			put(tagged(s, -60, payments), "team=b")
			put(s.change(-60, incident.RoleCreated, ci, payments), "team=a", "stage=prod")
		}, []string{"stage", "team"}, "stage=prod team=b"},
		"after it was deleted": {func(s *story) {
			put(tagged(s, -9, payments), "team=a")
			s.change(-1, incident.RoleDeleted, ci, payments)
		}, []string{"team"}, "team=a"},
		"told during the incident": {func(s *story) { put(tagged(s, 120, payments), "team=a") }, []string{"team"}, "team=a"},
		"told when it was over":    {func(s *story) { put(tagged(s, 2*24*60, payments), "team=a") }, []string{"team"}, ""},
		"a session's own": {func(s *story) {
			s.issue(-9, payments, "ASIA1", ci)
			put(&s.e.Signals[len(s.e.Signals)-1], "team=a")
		}, []string{"team"}, "team=a"},
		"sessions that do not agree": {func(s *story) {
			for _, team := range []string{"team=a", "team=b", "team=a"} {
				s.issue(-9, payments, "ASIA1", ci)
				put(&s.e.Signals[len(s.e.Signals)-1], team, "stage=prod")
			}
		}, []string{"stage", "team"}, "stage=prod"},
		"a session's beside the role's": {func(s *story) {
			put(tagged(s, -9, payments), "team=a")
			s.issue(-5, payments, "ASIA1", ci)
			put(&s.e.Signals[len(s.e.Signals)-1], "team=b", "stage=prod")
		}, []string{"stage", "team"}, "stage=prod team=a"},
		"a session's, after the role's was taken off": {func(s *story) {
			take(tagged(s, -9, payments), "team")
			s.issue(-5, payments, "ASIA1", ci)
			put(&s.e.Signals[len(s.e.Signals)-1], "team=b")
		}, []string{"team"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{}
			test.tell(s)
			s.revoke(0, by(user("eve")), payments)
			var got []string
			for _, f := range Findings(s.e, asksFor(test.asks...), time.Time{}) {
				if f.Subject.Same(payments) {
					for _, tag := range f.Subject.Tags {
						got = append(got, tag.Key+"="+tag.Value)
					}
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("the tags are %q, want %q", got, test.want)
			}
		})
	}
}

// tagging draws changes of tags among other history.
func tagging(t *rapid.T) Evidence {
	s := &story{e: history(t), n: 5000}
	for range rapid.IntRange(1, 12).Draw(t, "taggings") {
		m := float64(rapid.IntRange(0, 600).Draw(t, "minute"))
		who := rapid.SampledFrom([]incident.Principal{role("a"), role("b"), user("u")}).Draw(t, "who")
		sig := s.change(m, rapid.SampledFrom([]incident.Kind{incident.TagsChanged, incident.RoleCreated}).Draw(t, "kind"), by(role("ci")), who)
		if rapid.IntRange(0, 3).Draw(t, "session") == 0 {
			s.issue(m, who, "ASIA1", by(role("ci")))
			sig = &s.e.Signals[len(s.e.Signals)-1]
		}
		key := rapid.SampledFrom([]string{"team", "TEAM", "stage"}).Draw(t, "key")
		if rapid.IntRange(0, 4).Draw(t, "taken") == 0 {
			take(sig, key)
		} else {
			put(sig, key+"="+rapid.SampledFrom([]string{"x", "y"}).Draw(t, "value"))
		}
	}
	return s.e
}

func TestOrderAndDuplicatesOfTagsChangeNothing(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		e := tagging(t)
		want := Revisions(e, asksFor("stage", "team"), time.Time{})
		for _, f := range want {
			seen += len(f.Subject.Tags)
		}
		mixed := Evidence{
			Signals: rapid.Permutation(slices.Concat(e.Signals, e.Signals[:rapid.IntRange(0, len(e.Signals)).Draw(t, "again")])).Draw(t, "signals"),
			Uses:    rapid.Permutation(e.Uses).Draw(t, "uses"),
		}
		if diff := cmp.Diff(want, Revisions(mixed, asksFor("stage", "team"), time.Time{})); diff != "" {
			t.Fatalf("another order gave (-want +got):\n%s", diff)
		}
	})
	if seen == 0 {
		t.Error("no finding had a tag")
	}
}

// Tags say whose something is, and never what happened.
func TestTagsAreNoEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := tagging(t)
		without := e
		without.Signals = slices.DeleteFunc(slices.Clone(e.Signals), func(s incident.Signal) bool { return s.Kind == incident.TagsChanged })
		asOf := at(1000)
		if diff := cmp.Diff(Findings(without, asksFor("team"), asOf), Findings(e, asksFor("team"), asOf), cmpopts.IgnoreFields(incident.Subject{}, "Tags")); diff != "" {
			t.Fatalf("tags changed the findings (-without +with):\n%s", diff)
		}
	})
}
