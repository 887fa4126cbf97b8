package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

const (
	// compareWith is how far back lies the time against which changes are told,
	// where no period says it.
	compareWith = 24 * time.Hour
	// maxTimes is how many events an anomaly names.
	maxTimes = 64
	// maxSeries is how many events of each kind are kept to be drawn.
	maxSeries = 2000
)

// Build reports on the evidence up to asOf. Anomalies and findings that ended
// before from are left out, and changes are told against the report whose period
// ended there; a zero from keeps all, and compares with the day before. A zero
// asOf is the last event's time, so that a recording's end is not taken for
// silence.
func Build(e correlate.Evidence, s incident.Settings, from, asOf time.Time) incident.Report {
	first, last := bounds(e)
	if asOf.IsZero() {
		asOf = last
	}
	e = upTo(e, asOf)
	if len(e.Signals)+len(e.Uses) == 0 {
		return incident.Report{BlindSpots: blindSpots(e)}
	}
	since, before := asOf.Add(-compareWith), from
	if from.IsZero() {
		from, before = first, first
	} else if from.Before(asOf) {
		since, before = from, from.Add(from.Sub(asOf))
	}
	findings := correlate.Findings(e, s, asOf)
	now := look(e, s, findings, from, asOf)
	r := incident.Report{
		From: from, To: asOf,
		Anomalies:  now.anomalies,
		Series:     now.series(),
		Findings:   endedAfter(from, findings),
		BlindSpots: blindSpots(e),
	}
	if first.Before(since.Add(-compareWith)) {
		then := look(upTo(e, since), s, findings, before, since)
		r.Since = since
		r.New, r.Gone = changes(then.anomalies, now.anomalies)
	}
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
	incident.Principal
	failures []*incident.Signal // oldest first
	issued   []lineage.Issuance // oldest first
	uses     []incident.Use
	whole    *found      // the rhythm of all failures, once looked for
	beats    []time.Time // of the rhythm that is shown
}

// view is one look at the evidence.
type view struct {
	settings  incident.Settings
	from      time.Time
	asOf      time.Time
	graph     *lineage.Graph
	findings  []incident.Finding
	subjects  map[string]*subject
	anomalies []incident.Anomaly
}

// look finds the anomalies at asOf.
func look(e correlate.Evidence, s incident.Settings, findings []incident.Finding, from, asOf time.Time) *view {
	v := &view{
		settings: s, from: from, asOf: asOf,
		graph:    lineage.Build(e.Signals, e.Uses),
		findings: findings,
		subjects: map[string]*subject{},
	}
	v.file(e)
	for _, key := range v.keys() {
		sub := v.subjects[key]
		v.refreshBugs(sub)
		v.spikes(sub)
		v.renewals(sub)
	}
	v.agree()
	slices.SortFunc(v.anomalies, inOrder)
	return v
}

// file puts every failure, issuance and use under its subject.
func (v *view) file(e correlate.Evidence) {
	for i := range e.Signals {
		s := &e.Signals[i]
		switch s.Kind {
		case incident.CredentialFailed:
			sub := v.subject(v.graph.Subject(s))
			sub.failures = append(sub.failures, s)
		case incident.SessionIssued:
			if s.Target.Known() {
				v.subject(v.graph.Spelled(s.Target))
			}
		}
	}
	for _, u := range e.Uses {
		if sub, ok := v.subjects[u.Principal.Key()]; ok {
			sub.uses = append(sub.uses, u)
		}
	}
	for _, sub := range v.subjects {
		sub.issued = v.graph.Of(sub.Principal)
		slices.SortFunc(sub.failures, func(a, b *incident.Signal) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Account, b.Account))
		})
	}
}

func (v *view) subject(p incident.Principal) *subject {
	sub, ok := v.subjects[p.Key()]
	if !ok {
		sub = &subject{Principal: p}
		v.subjects[p.Key()] = sub
	}
	return sub
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
func (sub *subject) named(failures []*incident.Signal) incident.Subject {
	out := incident.Subject{Principal: sub.Principal}
	for _, s := range failures {
		if s.Key != "" {
			out.AccessKeyIDs = append(out.AccessKeyIDs, s.Key)
		}
		if s.Workload != "" {
			out.Workloads = append(out.Workloads, s.Workload)
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

func times(list []*incident.Signal) []time.Time {
	out := make([]time.Time, len(list))
	for i, s := range list {
		out[i] = s.Time
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
