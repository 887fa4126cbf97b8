package file

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func (r *reader) owners(dst *[]incident.Owner) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		r.items(path, n, func(path string, n ast.Node) {
			var o incident.Owner
			r.mapping(path, n, 2, []key{
				{"name", into(&o.Name, r.ownerName)},
				{"subjects", oneOrMore(r, &o.Subjects, r.subject)},
			})
			*dst = append(*dst, o)
		})
	}
}

// ownerName reads whose something is. SNS compares it as an attribute.
func (r *reader) ownerName(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, ownerForm, "an owner's name of letters, digits, spaces and _.:/=+-@")
}

func (r *reader) routes(dst *[]routing.Route) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		names := map[string]int{}
		r.items(path, n, func(path string, n ast.Node) {
			route := r.route(path, n)
			r.unique(path, n, names, route.Name)
			*dst = append(*dst, route)
		})
	}
}

// The bounds of a route's times. What has to be told is looked for every five
// minutes.
const (
	leastWait = 5 * time.Minute
	mostWait  = 7 * 24 * time.Hour
)

func (r *reader) route(path string, n ast.Node) routing.Route {
	var route routing.Route
	var target ast.Node
	seen := r.mapping(path, n, 3, []key{
		{"name", into(&route.Name, r.routeName)},
		{"type", into(&route.Type, word[routing.Type](r, routing.Types))},
		{"target", func(path string, n ast.Node) { target = n }},
		{"match", func(path string, n ast.Node) { route.Match = r.match(path, n) }},
		{"otherwise", into(&route.Otherwise, r.truth)},
		{"after", into(&route.After, r.duration(leastWait, mostWait))},
		{"repeat", into(&route.Repeat, r.duration(leastWait, mostWait))},
		{"quiet_hours", r.quietHours(&route.Quiet)},
		{"urgent", into(&route.Urgent, r.severity)},
	})
	if target != nil && route.Type != "" {
		route.Target = r.target(join(path, "target"), target, route.Type)
	}
	switch {
	case seen["urgent"] != nil && seen["quiet_hours"] == nil:
		r.reportAt(seen["urgent"], join(path, "urgent"), "key urgent says what is told in quiet_hours, and there are none")
	case seen["quiet_hours"] != nil && seen["urgent"] == nil:
		route.Urgent = incident.High
	}
	return route
}

func (r *reader) match(path string, n ast.Node) routing.Match {
	var m routing.Match
	r.mapping(path, n, 0, []key{
		{"verdict", oneOrMore(r, &m.Verdicts, word[incident.Verdict](r, verdictNames()))},
		{"severity", into(&m.Severity, r.severity)},
		{"account", oneOrMore(r, &m.Accounts, r.account)},
		{"cause", oneOrMore(r, &m.Causes, word[incident.Cause](r, causeNames()))},
		{"subject", oneOrMore(r, &m.Subjects, r.subject)},
		{"owner", oneOrMore(r, &m.Owners, r.ownerName)},
		{"tag", r.tags(&m.Tags)},
	})
	return m
}

// tags reads what tags have to be: a mapping of their keys to one value, or
// several.
func (r *reader) tags(dst *[]incident.TagMatch) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		m, ok := n.(*ast.MappingNode)
		if !ok {
			r.expected(path, n, "a mapping of tags' keys to values, such as {team: payments}")
			return
		}
		if len(m.Values) == 0 {
			r.reportAt(n.GetToken(), path, "no tag is named; leave the key out to match everything")
		}
		for _, v := range m.Values {
			if t, ok := r.tag(path, v, *dst); ok {
				*dst = append(*dst, t)
			}
		}
	}
}

func (r *reader) tag(path string, v *ast.MappingValueNode, before []incident.TagMatch) (t incident.TagMatch, ok bool) {
	at := v.Key.GetToken()
	if t.Key, ok = r.keyOf(path, v); !ok {
		return t, false
	}
	path = join(path, t.Key)
	r.places[path] = at
	switch n := len(r.problems); {
	case !tagKeyForm.MatchString(t.Key):
		r.reportAt(at, path, "expected the key of a tag: at most 128 letters, digits, spaces and _.:/=+-@")
	case slices.ContainsFunc(before, func(b incident.TagMatch) bool { return lineage.SameTagKey(b.Key, t.Key) }):
		r.reportAt(at, path, "the tag is named twice; IAM does not tell keys apart by their case")
	case v.Value == nil || v.Value.Type() == ast.NullType:
		r.reportAt(at, path, "the tag has no value; write \"*\" for any")
	case r.isPlain(path, v.Value):
		oneOrMore(r, &t.Values, r.tagValue)(path, v.Value)
		return t, len(r.problems) == n
	}
	return t, false
}

// quietHours reads one mapping of hours, or several.
func (r *reader) quietHours(dst *[]routing.Hours) func(string, ast.Node) {
	one := func(path string, n ast.Node) { *dst = append(*dst, r.hours(path, n)) }
	return func(path string, n ast.Node) {
		if s, ok := n.(*ast.SequenceNode); ok {
			if len(s.Values) == 0 {
				r.reportAt(n.GetToken(), path, "the list is empty; leave the key out")
			}
			r.items(path, n, one)
			return
		}
		one(path, n)
	}
}

func (r *reader) hours(path string, n ast.Node) routing.Hours {
	var h routing.Hours
	seen := r.mapping(path, n, 2, []key{
		{"from", into(&h.From, r.clock)},
		{"until", into(&h.Until, r.clock)},
		{"days", listOf(r, &h.Days, r.weekday)},
		{"zone", into(&h.Zone, r.zone)},
	})
	if seen["from"] == nil || seen["until"] == nil {
		return h
	}
	span := incident.ChangeWindow{From: h.From, Until: h.Until}
	r.weeklySpan(path, &span, map[string]*token.Token{"from": seen["from"], "until": seen["until"]})
	if h.Until = span.Until; h.Until-h.From >= 24*time.Hour && (len(h.Days) == 0 || len(h.Days) == 7) {
		r.reportAt(seen["until"], join(path, "until"), "quiet hours without an end keep everything from being told; name days, or leave some hours out")
	}
	return h
}

// zone reads a place on the clock. Whether there is one of that name is looked
// up where it is needed, since not every function has the database of zones.
func (r *reader) zone(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, zoneForm, `a time zone such as Europe/Berlin, or an offset in quotes such as "+01:00"`)
}

func (r *reader) truth(path string, n ast.Node) (bool, bool) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.expected(path, n, "true or false")
		return false, false
	}
	return b.Value, true
}
