package routing_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func tags(pairs ...string) []incident.Tag {
	var list []incident.Tag
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, incident.Tag{Key: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func tagIs(key string, values ...string) []incident.TagMatch {
	return []incident.TagMatch{{Key: key, Values: values}}
}

// What the configuration says comes before the tag, and the tag before nothing.
func TestOwners(t *testing.T) {
	declared := []incident.Owner{{Name: "payments", Subjects: []string{"payments-*"}}, {Name: "all", Subjects: []string{"arn:*"}}}
	for name, test := range map[string]struct {
		owners  []incident.Owner
		tag     string
		subject []incident.Tag
		want    string
	}{
		"nobody says":                    {nil, "", tags("team", "orders"), ""},
		"the configuration alone":        {declared, "", nil, "payments"},
		"the tag alone":                  {nil, "team", tags("team", "orders"), "orders"},
		"a tag in another case":          {nil, "Team", tags("tEAM", "orders"), "orders"},
		"both, of which one comes first": {declared, "team", tags("team", "orders"), "payments"},
		"a subject that is not named":    {declared[:0], "team", tags("stage", "prod", "team", "orders"), "orders"},
		"another tag":                    {nil, "team", tags("stage", "prod"), ""},
		"an empty tag is nobody's":       {nil, "team", tags("team", ""), ""},
	} {
		f := found(incident.Expiry, incident.Low)
		f.Subject.Tags = test.subject
		rules := routing.Rules{Owners: test.owners, OwnerTag: test.tag}
		if got := rules.Owner(f); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestRoutesByTag(t *testing.T) {
	rules := routing.Rules{Owners: []incident.Owner{{Name: "payments", Subjects: []string{"payments-*"}}}, OwnerTag: "team"}
	for name, test := range map[string]struct {
		match   routing.Match
		subject []incident.Tag
		want    string // why not; empty: it takes it
	}{
		"its value":                   {routing.Match{Tags: tagIs("stage", "prod")}, tags("stage", "prod"), ""},
		"one of several":              {routing.Match{Tags: tagIs("stage", "test", "prod")}, tags("stage", "prod"), ""},
		"a wildcard":                  {routing.Match{Tags: tagIs("stage", "pr?d*")}, tags("stage", "prod-eu"), ""},
		"any value":                   {routing.Match{Tags: tagIs("stage", "*")}, tags("stage", ""), ""},
		"the key in another case":     {routing.Match{Tags: tagIs("Stage", "prod")}, tags("stage", "prod"), ""},
		"the value in another case":   {routing.Match{Tags: tagIs("stage", "Prod")}, tags("stage", "prod"), "its tag stage is prod, not Prod"},
		"another value":               {routing.Match{Tags: tagIs("stage", "prod", "test")}, tags("stage", "dev"), "its tag stage is dev, not prod or test"},
		"no value":                    {routing.Match{Tags: tagIs("stage", "prod")}, tags("stage", ""), "its tag stage is empty, not prod"},
		"any value of none":           {routing.Match{Tags: tagIs("stage", "*")}, tags("tier", "1"), "its tag stage is not known"},
		"all must fit":                {routing.Match{Tags: append(tagIs("stage", "prod"), tagIs("tier", "1")...)}, tags("stage", "prod", "tier", "2"), "its tag tier is 2, not 1"},
		"and the rest":                {routing.Match{Tags: tagIs("stage", "prod"), Severity: incident.High}, tags("stage", "prod"), "severity low is below high"},
		"who is declared the owner":   {routing.Match{Tags: tagIs("team", "payments")}, tags("TEAM", "orders"), ""},
		"and not whom the tag names":  {routing.Match{Tags: tagIs("team", "orders")}, tags("team", "orders"), "its tag team is payments, not orders"},
		"who is declared, without it": {routing.Match{Tags: tagIs("team", "payments")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := found(incident.Expiry, incident.Low)
			f.Subject.Tags = test.subject
			if got := rules.Misses(routing.Route{Match: test.match}, f); got != test.want {
				t.Errorf("Misses() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestSuppressedByTag(t *testing.T) {
	until := noon().Add(time.Hour)
	sandbox := incident.Suppression{Tags: tagIs("stage", "sandbox"), Until: until, Reason: "everybody breaks it"}
	for name, test := range map[string]struct {
		s       incident.Suppression
		verdict incident.Verdict
		subject []incident.Tag
		want    bool
	}{
		"its tag":                    {sandbox, incident.Expiry, tags("stage", "sandbox"), true},
		"another value":              {sandbox, incident.Expiry, tags("stage", "prod"), false},
		"no tag that is known":       {sandbox, incident.Expiry, nil, false},
		"a compromise never":         {sandbox, incident.Compromise, tags("stage", "sandbox"), false},
		"not even one that is named": {incident.Suppression{Verdict: incident.Compromise, Tags: sandbox.Tags, Until: until}, incident.Compromise, tags("stage", "sandbox"), false},
		"and its verdict":            {incident.Suppression{Verdict: incident.Expiry, Tags: sandbox.Tags, Until: until}, incident.Expiry, tags("stage", "sandbox"), true},
		"another verdict":            {incident.Suppression{Verdict: incident.Inconclusive, Tags: sandbox.Tags, Until: until}, incident.Expiry, tags("stage", "sandbox"), false},
	} {
		f := found(test.verdict, incident.Low)
		f.Subject.Tags = test.subject
		if _, got := silenced(f, test.s); got != test.want {
			t.Errorf("%s: suppressed is %v, want %v", name, got, test.want)
		}
	}
}

// anyTags draws matches by a few tags.
func anyTags(label string) *rapid.Generator[[]incident.TagMatch] {
	return rapid.Custom(func(t *rapid.T) []incident.TagMatch {
		var list []incident.TagMatch
		for _, key := range []string{"team", "stage"} {
			if values := rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}, {"*"}}).Draw(t, label+key); values != nil {
				list = append(list, incident.TagMatch{Key: key, Values: values})
			}
		}
		return list
	})
}

// Lint says that nothing reaches a route of the rest only where that is so.
func TestLintOfTagsIsRight(t *testing.T) {
	hidden := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := routing.Rules{Routes: []routing.Route{
			{Name: "first", Match: routing.Match{Tags: anyTags("first").Draw(t, "first")}},
			{Name: "rest", Otherwise: true, Match: routing.Match{Tags: anyTags("rest").Draw(t, "rest")}},
		}}
		claims := false
		for _, i := range rules.Lint(noon()) {
			claims = claims || i.Path == "routes[1].otherwise"
		}
		if !claims {
			return
		}
		hidden++
		f := found(incident.Expiry, incident.Low)
		for _, key := range []string{"team", "stage"} {
			if value := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, key); value != "" {
				f.Subject.Tags = append(f.Subject.Tags, incident.Tag{Key: key, Value: value})
			}
		}
		if rules.Misses(rules.Routes[1], f) == "" {
			t.Fatalf("the rest takes %v", f.Subject.Tags)
		}
	})
	if hidden == 0 {
		t.Error("no route was hidden")
	}
}
