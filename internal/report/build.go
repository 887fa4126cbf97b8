package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/check"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

const (
	// maxTimes is how many events an anomaly names.
	maxTimes = 64
	// maxSeries is how many events of each kind are kept to be drawn.
	maxSeries = 2000
)

// Input is what a report is made of. Settings, From and AsOf are as for Build.
type Input struct {
	Book *Book
	// Account leaves out what does not belong to it, see Book.Of; empty leaves out
	// nothing.
	Account string
	// Failures are those that are known in full, of the report's period at least,
	// by the keys of the book's states.
	Failures map[string][]Failure
	// Uses are those of the principals of which Book.Curious asks, by their keys.
	Uses     map[string][]incident.Use
	Findings []incident.Finding
	// Checks are those of the period, in whatever order.
	Checks []incident.Check
	// Forwarded are the Regions from which events are forwarded, and Capped the
	// limits that were reached in reading; both are for the blind spots.
	Forwarded []string
	Capped    []string
	Settings  incident.Settings
	From      time.Time
	AsOf      time.Time
}

// Build reports on the evidence up to asOf. Anomalies and findings that ended
// before from are left out; a zero from keeps all. A zero asOf is the last
// event's time, so that a recording's end is not taken for silence.
func Build(e correlate.Evidence, s incident.Settings, from, asOf time.Time) incident.Report {
	first, last := bounds(e)
	if asOf.IsZero() {
		asOf = last
	}
	if from.IsZero() {
		from = first
	}
	in := Input{
		Book: NewBook(), Failures: map[string][]Failure{}, Uses: map[string][]incident.Use{}, Capped: e.Capped,
		Settings: s, From: from, AsOf: asOf,
	}
	e = upTo(e, asOf)
	if len(e.Signals)+len(e.Uses) == 0 {
		return incident.Report{BlindSpots: blindSpots(in)}
	}
	in.Findings = correlate.Findings(e, s, asOf)
	in.Checks = check.Of(e.Signals, s)
	in.Book.Fold(e.Signals, lineage.Build(e.Signals, e.Uses), asOf, func(key string, s *incident.Signal) {
		in.Failures[key] = append(in.Failures[key], FailureOf(s))
	})
	for _, u := range e.Uses {
		key := u.Principal.Key()
		in.Uses[key] = append(in.Uses[key], u)
		in.Book.Use(u)
	}
	return Make(in)
}

// Make makes a report.
func Make(in Input) incident.Report {
	r := incident.Report{From: in.From, To: in.AsOf, BlindSpots: blindSpots(in)}
	now := look(in)
	r.Anomalies = now.anomalies
	r.Series = now.series()
	r.Findings = endedAfter(in.From, in.Findings)
	r.Checks = check.Besides(in.Checks, in.Findings)
	r.Suppressions = append(staleSuppressions(in), staleWindows(in)...)
	return r
}

// endedAfter leaves out the findings that ended before a time.
func endedAfter(t time.Time, findings []incident.Finding) []incident.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f incident.Finding) bool { return f.LastSeen.Before(t) })
}

// bounds are the times of the first and the last event.
func bounds(e correlate.Evidence) (first, last time.Time) {
	see := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for i := range e.Signals {
		see(e.Signals[i].Time)
	}
	for i := range e.Uses {
		see(e.Uses[i].First)
		see(e.Uses[i].Last)
	}
	return first, last
}

// upTo leaves out what happened after t, and a second copy of any event.
func upTo(e correlate.Evidence, t time.Time) correlate.Evidence {
	type identity struct{ account, id string }
	seen := make(map[identity]bool, len(e.Signals))
	out := correlate.Evidence{Capped: e.Capped}
	for i := range e.Signals {
		s := &e.Signals[i]
		if id := (identity{s.Account, s.ID}); !s.Time.After(t) && !seen[id] {
			seen[id] = true
			out.Signals = append(out.Signals, *s)
		}
	}
	for _, u := range e.Uses {
		if !u.First.After(t) {
			out.Uses = append(out.Uses, u)
		}
	}
	return out
}

// subject is what is known about one principal's events.
type subject struct {
	State
	all      []interval.Beat
	failures []Failure // those that are known in full, oldest first
	uses     []incident.Use
	whole    *found      // the rhythm of all failures, once looked for
	beats    []time.Time // of the rhythm that is shown
}

// view is one look at the evidence.
type view struct {
	settings  incident.Settings
	from      time.Time
	asOf      time.Time
	findings  []incident.Finding
	subjects  map[string]*subject
	callers   map[string][]clock // renewal clocks by who asks for the sessions
	anomalies []incident.Anomaly
}

// look finds the anomalies.
func look(in Input) *view {
	v := &view{
		settings: in.Settings, from: in.From, asOf: in.AsOf,
		findings: in.Findings,
		subjects: map[string]*subject{},
		callers:  map[string][]clock{},
	}
	for key, s := range in.Book.States {
		if in.Account == "" || in.Book.Of(s) == in.Account {
			v.file(key, s.until(in.AsOf), in)
		}
	}
	keys := v.keys()
	clocks := map[string][]clock{}
	for _, key := range keys {
		clocks[key] = v.clocks(v.subjects[key], interval.Options{})
		for _, c := range clocks[key] {
			v.callers[c.source.Caller] = append(v.callers[c.source.Caller], c)
		}
	}
	for _, key := range keys {
		sub := v.subjects[key]
		v.refreshBugs(sub)
		v.spikes(sub)
		v.renewals(sub, clocks[key])
	}
	v.agree()
	slices.SortFunc(v.anomalies, inOrder)
	return v
}

func (v *view) file(key string, s State, in Input) {
	sub := &subject{State: s, all: s.all(), uses: in.Uses[key], failures: in.Failures[key]}
	if !slices.IsSortedFunc(sub.failures, inTime) {
		sub.failures = slices.SortedFunc(slices.Values(sub.failures), inTime)
	}
	n, _ := slices.BinarySearchFunc(sub.failures, v.asOf, func(f Failure, t time.Time) int {
		if f.Time.After(t) {
			return 1
		}
		return -1
	})
	sub.failures = sub.failures[:n:n]
	v.subjects[key] = sub
}

func inTime(a, b Failure) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Count, b.Count), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Workload, b.Workload))
}

// keys lists the subjects in order.
func (v *view) keys() []string {
	keys := make([]string, 0, len(v.subjects))
	for k := range v.subjects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// add takes in an anomaly that was there after from.
func (v *view) add(a incident.Anomaly) {
	if last := len(a.Times) - 1; last >= 0 && a.Times[last].Before(v.from) && a.Kind != incident.MissedRenewal {
		return
	}
	if extra := len(a.Times) - maxTimes; extra > 0 {
		a.Times = a.Times[extra:]
	}
	v.anomalies = append(v.anomalies, a)
}

// named is the subject of an anomaly: the principal, with the keys and the
// workloads of the given failures.
func (sub *subject) named(failures []Failure) incident.Subject {
	out := incident.Subject{Principal: sub.Principal}
	for _, f := range failures {
		if f.Key != "" {
			out.AccessKeyIDs = append(out.AccessKeyIDs, f.Key)
		}
		if f.Workload != "" {
			out.Workloads = append(out.Workloads, f.Workload)
		}
	}
	out.AccessKeyIDs = unique(out.AccessKeyIDs)
	out.Workloads = unique(out.Workloads)
	return out
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func times(list []Failure) []time.Time {
	out := make([]time.Time, len(list))
	for i, f := range list {
		out[i] = f.Time
	}
	return out
}

// inOrder orders anomalies by subject, kind and time.
func inOrder(a, b incident.Anomaly) int {
	return cmp.Or(
		cmp.Compare(a.Subject.Key(), b.Subject.Key()),
		cmp.Compare(rank(a.Kind), rank(b.Kind)),
		start(a).Compare(start(b)),
		cmp.Compare(a.Summary, b.Summary),
	)
}

func rank(k incident.AnomalyKind) int {
	return slices.Index([]incident.AnomalyKind{
		incident.RefreshBugAnomaly, incident.MissedRenewal, incident.OffBeatIssuance, incident.CadenceChange, incident.SpikeAnomaly,
	}, k)
}

func start(a incident.Anomaly) time.Time {
	if len(a.Times) == 0 {
		return time.Time{}
	}
	return a.Times[0]
}
