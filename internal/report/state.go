package report

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

const (
	// maxLines is how many workloads, and how many sources of sessions, are told
	// apart of one principal. Those with the smallest hashes are: the same ones
	// in any order.
	maxLines = 16
	// maxKeys is how many keys of a line are known by name, the latest ones.
	maxKeys = 8
	// maxHours is how long the hours of failures are known, before the latest.
	maxHours = 30 * 24
	// maxLifetimes is how many lifetimes of a source's sessions are known.
	maxLifetimes = 8
)

// State is what a report knows of a principal: the beats of its failures and of
// its renewals, the latest of each. Its size is bounded, and it is the same in
// whatever order, parts and repetition the events were folded in, as long as
// none comes later than its oldest beat.
type State struct {
	Principal incident.Principal
	// Account is the one whose trail or clients told of the principal first in
	// the order of names.
	Account string
	// Failed are failures that a renewal in time would have prevented, Other all
	// others.
	Failed, Other Line
	// Workloads are those of Failed by the workload that named itself.
	Workloads []Line
	// Renewed are the principal's sessions, by who asked for them.
	Renewed []Source
	// Hours are those in which anything failed, in hours since 1970.
	Hours []int64
}

// Line is failures of one kind.
type Line struct {
	Workload string
	Beats    []interval.Beat
	Keys     []KeySeen
}

// KeySeen is when a key failed last. Failures without a key have an empty one.
type KeySeen struct {
	Key  string
	Last time.Time
}

// Source is who asks for a principal's sessions, as lineage.Issuance.Source
// names it, and when.
type Source struct {
	Name   string
	Caller string // Principal.Key
	Beats  []interval.Beat
	// Key, IssuedAt and ExpiresAt are those of the latest session.
	Key                 string
	IssuedAt, ExpiresAt time.Time
	ByService           bool
	Lifetimes           []time.Duration // the shortest ones
}

// all are the beats of all failures.
func (s State) all() []interval.Beat {
	if len(s.Other.Beats) == 0 {
		return s.Failed.Beats
	}
	return interval.Latest(interval.Union(s.Failed.Beats, s.Other.Beats))
}

// Last is when anything last happened.
func (s State) Last() time.Time {
	var last time.Time
	for _, list := range append([][]interval.Beat{s.Failed.Beats, s.Other.Beats}, beatsOf(s.Renewed)...) {
		if n := len(list); n > 0 {
			last = incident.Later(last, list[n-1].End)
		}
	}
	return last
}

func beatsOf(sources []Source) [][]interval.Beat {
	out := make([][]interval.Beat, len(sources))
	for i, s := range sources {
		out[i] = s.Beats
	}
	return out
}

// join returns what both states know together.
func (s State) join(o State) State {
	s.Principal = fuller(s.Principal, o.Principal)
	s.Account = lesser(s.Account, o.Account)
	s.Failed, s.Other = s.Failed.join(o.Failed), s.Other.join(o.Other)
	s.Workloads = joinBy(s.Workloads, o.Workloads, func(l Line) string { return l.Workload }, Line.join)
	s.Renewed = joinBy(s.Renewed, o.Renewed, func(x Source) string { return x.Name }, Source.join)
	s.Hours = latestHours(slices.Concat(s.Hours, o.Hours))
	return s
}

// joinBy joins lists by name, and leaves the names with the smallest hashes.
func joinBy[T any](a, b []T, name func(T) string, join func(T, T) T) []T {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y T) int {
		return cmp.Or(cmp.Compare(hashOf(name(x)), hashOf(name(y))), cmp.Compare(name(x), name(y)))
	})
	var out []T
	for _, x := range all {
		n := len(out) - 1
		switch {
		case n >= 0 && name(out[n]) == name(x):
			out[n] = join(out[n], x)
		case n+1 == maxLines:
			return out
		default:
			var none T
			out = append(out, join(none, x)) // merges what was folded one by one
		}
	}
	return out
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// lesser is the lesser of two names, as far as there are any.
func lesser(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// fuller is the fullest spelling of a principal that two spellings give.
func fuller(a, b incident.Principal) incident.Principal {
	if !a.Known() {
		return b
	}
	pick := func(x, y string) string { // the longest, which has the path; of those the smallest
		if len(x) > len(y) || len(x) == len(y) && x <= y {
			return x
		}
		return y
	}
	a.ARN, a.ID, a.Partition = pick(a.ARN, b.ARN), pick(a.ID, b.ID), pick(a.Partition, b.Partition)
	return a
}

func (l Line) join(o Line) Line {
	l.Workload = cmp.Or(l.Workload, o.Workload)
	l.Beats = interval.Latest(interval.Union(l.Beats, o.Beats))
	l.Keys = latestKeys(slices.Concat(l.Keys, o.Keys))
	return l
}

// latestKeys leaves each key once, with its last failure, the latest first.
func latestKeys(keys []KeySeen) []KeySeen {
	slices.SortFunc(keys, func(a, b KeySeen) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Key, b.Key)) })
	var out []KeySeen
	for _, k := range keys {
		if len(out) < maxKeys && !slices.ContainsFunc(out, func(have KeySeen) bool { return have.Key == k.Key }) {
			out = append(out, k)
		}
	}
	return out
}

func latestHours(hours []int64) []int64 {
	slices.Sort(hours)
	hours = slices.Compact(hours)
	if n := len(hours); n > 0 {
		first, _ := slices.BinarySearch(hours, hours[n-1]-maxHours+1)
		hours = hours[first:]
	}
	return hours
}

func (s Source) join(o Source) Source {
	joined := s.latest(o)
	joined.Beats = interval.Latest(interval.Union(s.Beats, o.Beats))
	return joined
}

// latest is the one of two parts of a source with the latest session, and with
// the lifetimes of both.
func (s Source) latest(o Source) Source {
	if c := cmp.Or(s.IssuedAt.Compare(o.IssuedAt), cmp.Compare(s.Key, o.Key), s.ExpiresAt.Compare(o.ExpiresAt)); c < 0 {
		s, o = o, s
	}
	for _, d := range o.Lifetimes {
		if !slices.Contains(s.Lifetimes, d) {
			s.Lifetimes = append(slices.Clip(s.Lifetimes), d)
			slices.Sort(s.Lifetimes)
		}
	}
	s.Lifetimes = s.Lifetimes[:min(len(s.Lifetimes), maxLifetimes)]
	return s
}

// until leaves out what began after t.
func (s State) until(t time.Time) State {
	s.Failed, s.Other = s.Failed.until(t), s.Other.until(t)
	s.Workloads, s.Renewed = slices.Clone(s.Workloads), slices.Clone(s.Renewed)
	for i := range s.Workloads {
		s.Workloads[i] = s.Workloads[i].until(t)
	}
	s.Workloads = slices.DeleteFunc(s.Workloads, func(l Line) bool { return len(l.Beats) == 0 })
	for i := range s.Renewed {
		s.Renewed[i].Beats = beatsUntil(s.Renewed[i].Beats, t)
	}
	s.Renewed = slices.DeleteFunc(s.Renewed, func(x Source) bool { return len(x.Beats) == 0 })
	s.Hours = slices.DeleteFunc(slices.Clone(s.Hours), func(h int64) bool { return h > t.Unix()/3600 })
	return s
}

func (l Line) until(t time.Time) Line {
	l.Beats = beatsUntil(l.Beats, t)
	l.Keys = slices.DeleteFunc(slices.Clone(l.Keys), func(k KeySeen) bool { return k.Last.After(t) })
	return l
}

func beatsUntil(list []interval.Beat, t time.Time) []interval.Beat {
	n := len(list)
	for n > 0 && list[n-1].Start.After(t) {
		n--
	}
	list = list[:n]
	if n > 0 && list[n-1].End.After(t) {
		list = slices.Clone(list)
		list[n-1].End = t
	}
	return list
}

// Sight is when evidence of a kind was last seen of an account.
type Sight struct {
	Failures  time.Time // reported by clients
	Issuances time.Time
	IAM       time.Time
	Regions   map[string]time.Time
}

// Last is when anything was seen.
func (s *Sight) Last() time.Time {
	last := incident.Later(incident.Later(s.Failures, s.Issuances), s.IAM)
	for _, t := range s.Regions {
		last = incident.Later(last, t)
	}
	return last
}

func (s *Sight) join(o *Sight) {
	s.Failures, s.Issuances, s.IAM = incident.Later(s.Failures, o.Failures), incident.Later(s.Issuances, o.Issuances), incident.Later(s.IAM, o.IAM)
	for region, t := range o.Regions {
		s.region(region, t)
	}
}

// maxRegions is far more than there are: a client may name any.
const maxRegions = 64

func (s *Sight) region(name string, t time.Time) {
	if s.Regions == nil {
		s.Regions = map[string]time.Time{}
	}
	if _, known := s.Regions[name]; name != "" && (known || len(s.Regions) < maxRegions) {
		s.Regions[name] = incident.Later(s.Regions[name], t)
	}
}

// Book holds the states of principals by Principal.Key, and what was seen of
// accounts by their ids.
type Book struct {
	States map[string]State
	Sights map[string]*Sight
}

// NewBook returns an empty one.
func NewBook() *Book { return &Book{States: map[string]State{}, Sights: map[string]*Sight{}} }

// Join takes in what another book knows.
func (b *Book) Join(o *Book) {
	for key, s := range o.States {
		b.States[key] = b.States[key].join(s)
	}
	for account, s := range o.Sights {
		b.sight(account).join(s)
	}
}

func (b *Book) sight(account string) *Sight {
	if b.Sights[account] == nil {
		b.Sights[account] = &Sight{}
	}
	return b.Sights[account]
}

// Of is the account that a state belongs to: the principal's own if anything
// was ever seen of it, else the one that told of it.
func (b *Book) Of(s State) string {
	if _, ok := b.Sights[s.Principal.Account]; ok {
		return s.Principal.Account
	}
	return s.Account
}

// Failure is a failure that is known in full: those of the period are.
type Failure struct {
	Time          time.Time
	Count         int
	Key, Workload string
}

// Fold takes in signals up to a time, with what is known of whose keys are
// whose, and hands over the failures among them with the keys of their states.
func (b *Book) Fold(signals []incident.Signal, g *lineage.Graph, until time.Time, failed func(key string, s *incident.Signal)) {
	touched := map[string]*folding{}
	of := func(p incident.Principal, s *incident.Signal) *folding {
		f := touched[p.Key()]
		if f == nil {
			f = &folding{workloads: map[string]int{}, sources: map[string]int{}}
			touched[p.Key()] = f
		}
		f.Principal = fuller(f.Principal, p)
		f.Account = lesser(f.Account, s.Account)
		return f
	}
	for i := range signals {
		s := &signals[i]
		if s.Time.After(until) || s.Time.Unix() <= 0 {
			continue // of clocks that are wrong
		}
		b.See(s)
		switch s.Kind {
		case incident.CredentialFailed:
			p := g.Subject(s)
			of(p, s).failed(s)
			failed(p.Key(), s)
		case incident.SessionIssued:
			if s.Target.Known() {
				of(g.Spelled(s.Target), s).issued(s)
			}
		}
	}
	for key, f := range touched {
		b.States[key] = b.States[key].join(f.State)
	}
}

// See notes what a signal says of what can be seen.
func (b *Book) See(s *incident.Signal) {
	sight := b.sight(s.Account)
	if s.Kind == incident.CredentialFailed && s.Feed != incident.FromTrail {
		sight.Failures = incident.Later(sight.Failures, s.Time)
	}
	if s.Kind == incident.SessionIssued {
		sight.Issuances = incident.Later(sight.Issuances, s.Time)
	}
	if strings.HasPrefix(s.Operation, "iam:") {
		sight.IAM = incident.Later(sight.IAM, s.Time)
	}
	sight.region(s.Region, s.Time)
}

// folding is a state that takes in events one by one, and leaves merging them
// to the joining of states.
type folding struct {
	State
	workloads, sources map[string]int // where they are in the state
}

func (f *folding) failed(s *incident.Signal) {
	at := second(s.Time)
	if hour := at.Unix() / 3600; len(f.Hours) == 0 || f.Hours[len(f.Hours)-1] != hour {
		f.Hours = append(f.Hours, hour)
	}
	if !refreshable(s) {
		f.Other.add(s.Key, at)
		return
	}
	f.Failed.add(s.Key, at)
	i, ok := f.workloads[s.Workload]
	if !ok {
		i = len(f.Workloads)
		f.workloads[s.Workload] = i
		f.Workloads = append(f.Workloads, Line{Workload: s.Workload})
	}
	f.Workloads[i].add(s.Key, at)
}

func (l *Line) add(key string, at time.Time) {
	l.Beats = append(l.Beats, interval.Beat{Start: at, End: at})
	if n := len(l.Keys) - 1; n < 0 || l.Keys[n].Key != key || l.Keys[n].Last.After(at) {
		l.Keys = append(l.Keys, KeySeen{key, at})
		return
	}
	l.Keys[len(l.Keys)-1].Last = at
}

func (f *folding) issued(s *incident.Signal) {
	if s.Issued == nil || s.Issued.AccessKeyID == "" {
		return
	}
	is := lineage.Issuance{Session: *s.Issued, Owner: s.Target, Caller: s.Actor}
	at := second(cmp.Or(is.IssuedAt, s.Time))
	x := Source{
		Name: is.Source(), Caller: is.Caller.Principal.Key(), Key: is.AccessKeyID, IssuedAt: at, ByService: is.ByService,
	}
	if !is.ExpiresAt.IsZero() {
		x.ExpiresAt = second(is.ExpiresAt)
		if d := x.ExpiresAt.Sub(at); d > 0 {
			x.Lifetimes = []time.Duration{d}
		}
	}
	i, ok := f.sources[x.Name]
	if !ok {
		i = len(f.Renewed)
		f.sources[x.Name] = i
		f.Renewed = append(f.Renewed, x)
	}
	beats := append(f.Renewed[i].Beats, interval.Beat{Start: at, End: at})
	f.Renewed[i] = f.Renewed[i].latest(x)
	f.Renewed[i].Beats = beats
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// FailureOf is a signal's failure.
func FailureOf(s *incident.Signal) Failure {
	return Failure{Time: s.Time, Count: max(1, s.Count), Key: s.Key, Workload: s.Workload}
}

// Rename files what is known under a key under a principal.
func (b *Book) Rename(key string, owner incident.Principal) {
	s, ok := b.States[key]
	if !ok || key == owner.Key() {
		return
	}
	delete(b.States, key)
	s.Principal = owner
	b.States[owner.Key()] = b.States[owner.Key()].join(s)
}

// Use notes what a use says of what can be seen.
func (b *Book) Use(u incident.Use) {
	sight := b.sight(u.Account)
	if u.Service == "iam.amazonaws.com" {
		sight.IAM = incident.Later(sight.IAM, u.Last)
	}
	sight.region(u.Region, u.Last)
}

// Curious lists the principals of which a report needs to know how they used
// their credentials: those whose failures, or renewals, can have a rhythm. They
// are in the order of their keys.
func (b *Book) Curious() []incident.Principal {
	var out []incident.Principal
	for _, key := range sortedKeys(b.States) {
		if s := b.States[key]; s.Steady() {
			out = append(out, s.Principal)
		}
	}
	return out
}

// Steady reports whether the principal's failures or renewals have enough beats
// for a rhythm.
func (s State) Steady() bool {
	many := func(list []interval.Beat) bool { return len(list) >= leastBeats }
	return many(s.Failed.Beats) || slices.ContainsFunc(s.Renewed, func(x Source) bool { return !x.ByService && many(x.Beats) })
}

// leastBeats is from how many beats on package interval sees a rhythm.
const leastBeats = 4

func sortedKeys(m map[string]State) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
