package investigate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/trail"
)

const (
	// longestSession is how long credentials live at most (aws-facts 6.1): their
	// issuance, and what was done to their owner, may lie that far back.
	longestSession = 36 * time.Hour
	// reach is how far the event history goes back.
	reach = 90 * 24 * time.Hour
	// maxDepth bounds chains of keys that issue keys.
	maxDepth = 6
	// maxSessions bounds how many sessions of a principal, or that one key
	// issued, are looked at: the newest.
	maxSessions = 20
)

// next are the questions that follow from what is known, without those that
// were asked. There are none when all that is of use was asked.
func (i *inquiry) next() []Question {
	p := plan{inquiry: i}
	signals, uses := i.evidence()
	p.graph = lineage.Build(signals, uses)
	p.uses = uses
	switch {
	case i.Key != "":
		p.aboutKey(i.Key)
	case i.Principal.Name != "":
		p.aboutPrincipal()
	default:
		p.aboutAccount()
	}
	return p.questions
}

// plan collects questions.
type plan struct {
	*inquiry
	graph     *lineage.Graph
	uses      []incident.Use
	questions []Question
}

// add puts a question on the list in each Region, unless it was asked.
func (p *plan) add(attribute, value string, from time.Time, regions ...string) {
	if value == "" && attribute != Everything {
		return
	}
	if oldest := p.To.Add(-reach); from.Before(oldest) {
		from = oldest
	}
	for _, region := range regions {
		q := Question{region, attribute, value, from, p.To}
		if !p.asked[q] && !p.refused[region] && !slices.Contains(p.questions, q) {
			p.questions = append(p.questions, q)
		}
	}
}

// aboutKey asks what a key did and who issued it, then upwards for the keys
// that this one came from, and downwards for those that it issued.
func (p *plan) aboutKey(key string) {
	p.add(AccessKeyID, key, p.From, p.Regions...)
	for _, above := range p.chain(key) {
		p.issuance(above)
		p.owner(above)
	}
	for _, below := range p.below(key) {
		p.add(AccessKeyID, below, p.From, p.Regions...)
		p.owner(below)
	}
}

// issuance asks which call issued a key, unless that is known. A user's key was
// created in the home Region, at any time.
func (p *plan) issuance(key string) {
	if _, known := p.graph.Issued(key, p.To); known {
		return
	}
	if lineage.IDKind(key) == lineage.TemporaryKey {
		p.add(ResourceName, key, p.From.Add(-longestSession), p.Regions...)
		return
	}
	p.add(ResourceName, key, p.To.Add(-reach), p.Home)
}

// owner asks what was done to a key's owner.
func (p *plan) owner(key string) {
	if who, ok := p.graph.Owner(key, p.To); ok {
		p.changes(who)
	}
}

func (p *plan) changes(who incident.Principal) {
	if who.Account == p.Account && (who.Type == incident.Role || who.Type == incident.User) {
		p.add(ResourceName, who.Name, p.From.Add(-longestSession), p.Home)
	}
}

// chain is a key and those above it, as far as they are known.
func (p *plan) chain(key string) []string {
	list := []string{key}
	for len(list) < maxDepth {
		is, ok := p.graph.Issued(list[len(list)-1], p.To)
		if !ok || is.ParentKey == "" || slices.Contains(list, is.ParentKey) {
			break
		}
		list = append(list, is.ParentKey)
	}
	return list
}

// below are the keys that a key issued, and those that these issued, and so on.
func (p *plan) below(key string) []string {
	var list []string
	level := []string{key}
	for range maxDepth {
		var next []string
		for _, k := range level {
			for _, is := range newest(p.graph.Children(k)) {
				if is.AccessKeyID != key && !slices.Contains(list, is.AccessKeyID) {
					list, next = append(list, is.AccessKeyID), append(next, is.AccessKeyID)
				}
			}
		}
		level = next
	}
	return list
}

// newest are the last sessions of a list that is oldest first, newest first.
func newest(list []*lineage.Issuance) []*lineage.Issuance {
	list = slices.Clone(list[max(0, len(list)-maxSessions):])
	slices.Reverse(list)
	return list
}

// aboutPrincipal asks what was done to a principal, which sessions it had or
// keys it used, and what these did.
func (p *plan) aboutPrincipal() {
	who := p.Principal
	p.add(ResourceName, who.Name, p.From.Add(-longestSession), p.Home)
	if who.Type != incident.Role {
		p.add(Username, who.Name, p.From, p.Regions...)
	}
	if who.Type != incident.User {
		// A role's sessions are found by its ARN, whose path is as it was given.
		p.add(ResourceName, cmp.Or(who.ARN, lineage.RoleARN(p.Partition, p.Account, who.Name)), p.From.Add(-longestSession), p.Regions...)
	}
	for _, key := range p.keysOf() {
		p.add(AccessKeyID, key, p.From, p.Regions...)
		p.issuance(key)
	}
}

// keysOf are the principal's keys that are known, the newest first, without
// those that ended before the time asked about.
func (p *plan) keysOf() []string {
	var keys []string
	for _, t := range []incident.PrincipalType{incident.Role, incident.User} {
		if p.Principal.Type != "" && p.Principal.Type != t {
			continue
		}
		who := incident.Principal{Type: t, Account: p.Account, Name: p.Principal.Name}
		for _, is := range newest(p.graph.Of(who)) {
			if !is.Expired(p.From) {
				keys = append(keys, is.AccessKeyID)
			}
		}
		for _, u := range p.uses {
			if u.Principal.Same(who) && u.AccessKeyID != "" && !slices.Contains(keys, u.AccessKeyID) {
				keys = append(keys, u.AccessKeyID)
			}
		}
	}
	return keys[:min(len(keys), maxSessions)]
}

// aboutAccount asks for what decides most first: what was changed and issued.
// Then for all the rest, newest first, as far as the requests go.
func (p *plan) aboutAccount() {
	switch {
	case len(p.asked) == 0:
		for _, e := range trail.Catalogue() {
			switch e.Purpose {
			case trail.IdentityChange:
				p.add(EventSource, e.Source, p.From, p.Home)
			case trail.Issuance:
				p.add(EventSource, e.Source, p.From, p.Regions...)
			case trail.AuditChange:
				p.add(EventName, e.Name, p.From, p.Regions...)
			}
		}
	default:
		p.add(Everything, "", p.From, p.Regions...)
	}
}

func compareQuestions(a, b Question) int {
	return cmp.Or(strings.Compare(a.Region, b.Region), strings.Compare(a.Attribute, b.Attribute), strings.Compare(a.Value, b.Value), a.To.Compare(b.To))
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
