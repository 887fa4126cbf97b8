package correlate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// finding writes down what a cluster of evidence amounts to.
func (v *view) finding(cl cluster, o opinion) incident.Finding {
	f := incident.Finding{
		ID:         incidentID(v.who, cl.first, v.settings.Thresholds.Quiet),
		Status:     v.status(cl.last),
		Account:    v.who.Account,
		Partition:  v.who.Partition,
		Region:     v.region(o),
		Verdict:    o.verdict,
		Cause:      o.cause,
		Confidence: math.Round(o.confidence*1000) / 1000,
		Severity:   o.severity,
		FirstSeen:  cl.first,
		LastSeen:   cl.last,
		Capped:     v.capped,
	}
	f.Subject = v.subjectOf(cl)
	f.Subject.Tags = v.tags(cl)
	if f.Account == "" {
		f.Account = accountOf(cl)
	}
	if f.Partition == "" {
		f.Partition = "aws"
	}
	v.list(&f, cl, o)
	f.Interval = v.interval(o)
	f.BlastRadius = v.blastRadius(cl, o.verdict)
	v.words(&f, o)
	return f
}

// status follows event times and the time of judgement alone.
func (v *view) status(last time.Time) incident.Status {
	switch quiet := v.end.at.Sub(last); {
	case quiet < v.settings.Thresholds.Lateness:
		return incident.Open
	case quiet < v.settings.Thresholds.Quiet:
		return incident.Settled
	}
	return incident.Resolved
}

// region is where the heaviest evidence happened.
func (v *view) region(o opinion) string {
	for _, it := range o.counted {
		for _, sig := range it.signals {
			if sig.Region != "" {
				return sig.Region
			}
		}
		if it.use != nil && it.use.Region != "" {
			return it.use.Region
		}
	}
	return "us-east-1"
}

func accountOf(cl cluster) string {
	for _, it := range cl.items {
		for _, sig := range it.signals {
			if sig.Account != "" {
				return sig.Account
			}
		}
	}
	return ""
}

const (
	// maxNamed caps how many keys and workloads a finding names.
	maxNamed = 20
	// maxReached caps how many sessions its reach names. Whoever is named there
	// and begins to fail is told of as reach, not for itself.
	maxReached = 500
)

// subjectOf is the subject with the keys and workloads that the evidence names.
func (v *view) subjectOf(cl cluster) incident.Subject {
	keys, workloads := map[string]bool{}, map[string]bool{}
	if v.who.Type == incident.AccessKey {
		keys[v.who.Name] = true
	}
	for _, it := range cl.items {
		for _, sig := range it.signals {
			keys[sig.Key] = sig.Key != ""
			workloads[sig.Workload] = sig.Workload != ""
			if sig.Actor.Same(v.who) {
				keys[sig.Actor.AccessKeyID] = sig.Actor.AccessKeyID != ""
			}
		}
		if it.use != nil {
			keys[it.use.AccessKeyID] = it.use.AccessKeyID != ""
		}
	}
	return incident.Subject{Principal: withARN(v.who), AccessKeyIDs: named(keys, maxNamed), Workloads: named(workloads, maxNamed)}
}

// withARN adds the ARN of a role or user that no event gave.
func withARN(who incident.Principal) incident.Principal {
	if who.ARN == "" && who.Account != "" {
		switch who.Type {
		case incident.Role:
			who.ARN = lineage.RoleARN(who.Partition, who.Account, who.Name)
		case incident.User:
			who.ARN = lineage.UserARN(who.Partition, who.Account, who.Name)
		}
	}
	return who
}

func named(set map[string]bool, most int) []string {
	delete(set, "")
	names := sortedKeys(set)
	return names[:min(len(names), most)]
}

// list fills in the evidence for and against the verdict: of each rule the
// item that counts with its weight, further ones without, in time order.
func (v *view) list(f *incident.Finding, cl cluster, o opinion) {
	counts := map[Rule]bool{}
	for _, it := range o.counted {
		v.append(f, it, it.weight)
		counts[it.rule] = true
	}
	for _, it := range cl.items {
		if !v.isCounted(it, o) {
			v.append(f, it, 0)
		}
	}
	limit := v.settings.Thresholds.MaxEvidence
	f.Evidence = cap(f, "evidence", f.Evidence, limit)
	f.CounterEvidence = cap(f, "counter-evidence", f.CounterEvidence, limit)
}

func (v *view) isCounted(it item, o opinion) bool {
	return slices.ContainsFunc(o.counted, func(c item) bool {
		return c.rule == it.rule && c.eventID() == it.eventID() && c.first.Equal(it.first) && c.fact == it.fact
	})
}

func (v *view) append(f *incident.Finding, it item, weight float64) {
	e := incident.Evidence{
		EventID:   it.eventID(),
		Time:      it.first,
		Direction: v.table[it.rule].Direction,
		Weight:    math.Round(weight*100) / 100,
		Rule:      string(it.rule),
		Fact:      it.fact,
	}
	switch {
	case len(it.signals) > 0:
		sig := it.signals[0]
		e.Signal, e.Actor, e.SourceIP = sig.Kind, actorARN(sig.Actor), sig.Actor.SourceIP
	case it.use != nil:
		e.Signal, e.Actor, e.SourceIP = incident.CredentialUsed, it.use.Principal.ARN, it.use.SourceIP
	default:
		e.Signal = incident.SessionIssued
	}
	speaks := e.Direction == f.Verdict
	if e.Direction == incident.Inconclusive {
		e.Direction = "" // it asks for a person, and points nowhere
	}
	if speaks {
		f.Evidence = append(f.Evidence, e)
		return
	}
	f.CounterEvidence = append(f.CounterEvidence, e)
}

// actorARN is the caller's ARN, the session's where it is known.
func actorARN(a incident.Actor) string {
	for _, arn := range []string{a.SessionARN, a.ARN} {
		if strings.HasPrefix(arn, "arn:") {
			return arn
		}
	}
	return ""
}

// cap keeps the heaviest entries, and puts what is kept in the order of time.
func cap(f *incident.Finding, what string, list []incident.Evidence, limit int) []incident.Evidence {
	if limit > 0 && len(list) > limit {
		f.Capped = append(slices.Clone(f.Capped), fmt.Sprintf("%s: %d of %d listed", what, limit, len(list)))
		list = list[:limit]
	}
	slices.SortStableFunc(list, func(a, b incident.Evidence) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.EventID, b.EventID)
	})
	return list
}

// interval is the rhythm of a refresh bug.
func (v *view) interval(o opinion) *incident.Interval {
	if o.cause != incident.RefreshBug || len(v.rhythms) == 0 {
		return nil
	}
	r := v.rhythms[0]
	return &incident.Interval{Period: r.Period, Jitter: r.Jitter, Occurrences: r.Beats, NextExpected: r.NextExpected}
}

// blastRadius counts the sessions that were alive when the incident's first cut
// was made, or when a compromise was last seen: what was broken, or what the
// intruder may still hold.
func (v *view) blastRadius(cl cluster, verdict incident.Verdict) *incident.BlastRadius {
	at, key := cl.last, ""
	n := slices.IndexFunc(v.cuts, func(cu *cut) bool {
		return cu.reach != deniesAssume && !cu.sig.Time.Before(cl.first) && !cu.sig.Time.After(cl.last)
	})
	switch {
	case n >= 0:
		at, key = v.cuts[n].sig.Time, v.cuts[n].key
	case verdict != incident.Compromise:
		return nil
	}
	sessions := v.issued
	if key != "" {
		sessions = issuedUntil(v.graph.Children(key), at)
	}
	r := incident.BlastRadius{}
	who, services := map[string]bool{}, map[string]bool{}
	for _, is := range sessions {
		if !is.Live(at) {
			continue
		}
		r.LiveSessions++
		r.Until = incident.Later(r.Until, is.ExpiresAt)
		who[sessionName(is)] = true
		for _, u := range v.usesWith(is.AccessKeyID) {
			services[u.Service] = u.Service != ""
		}
	}
	if len(sessions) == 0 && key == "" || r.LiveSessions == 0 && len(v.graph.Of(v.who)) == 0 {
		return nil
	}
	r.Principals, r.Services = named(who, maxReached), named(services, maxNamed)
	return &r
}

// sessionName is how a person knows a session.
func sessionName(is *lineage.Issuance) string {
	if is.Owner.Type == incident.Role && is.Name != "" {
		partition := orWord(is.Owner.Partition, "aws")
		return "arn:" + partition + ":sts::" + is.Owner.Account + ":assumed-role/" + is.Owner.Name + "/" + is.Name
	}
	return orWord(is.Owner.ARN, orWord(is.Name, is.Owner.Name))
}
