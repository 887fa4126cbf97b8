package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// clock is the renewals of one source.
type clock struct {
	interval.Clock
	issued []lineage.Issuance
}

func (c clock) last() lineage.Issuance { return c.issued[len(c.issued)-1] }

// renewals looks at the clocks by which a principal's sessions are renewed.
// What AWS services renew for machines that come and go says nothing.
func (v *view) renewals(sub *subject) {
	clocks := v.clocks(sub.issued, interval.Options{})
	for _, c := range clocks {
		if c.last().ByService {
			continue
		}
		switch still := v.stillGoesOn(sub, c, clocks); {
		case c.Stopped && still != "":
			v.missed(sub, c, still)
		case c.Change != nil:
			v.changed(sub, c)
		case len(c.OffBeat) > 0:
			v.offBeat(sub, c)
		}
		if len(sub.beats) == 0 {
			sub.beats = c.Expected(v.asOf)
		}
	}
}

// clocks are the renewal clocks among sessions, by who asked for them under
// which name.
func (v *view) clocks(list []lineage.Issuance, o interval.Options) []clock {
	groups := map[string][]lineage.Issuance{}
	var names []string
	for _, is := range list {
		if is.IssuedAt.After(v.asOf) {
			continue
		}
		name := source(is)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], is)
	}
	slices.Sort(names)
	var out []clock
	for _, name := range names {
		if c, ok := interval.Renewals(issuedAt(groups[name]), v.asOf, o); ok {
			out = append(out, clock{c, groups[name]})
		}
	}
	return out
}

// source names who renews: the caller, and the session's name less the digits
// that SDKs put in to make it unique.
func source(is lineage.Issuance) string {
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' && !is.ByService {
			return -1
		}
		return r
	}, is.Name)
	return strings.Join([]string{is.Owner.Key(), is.Caller.Principal.Key(), is.Subject, name}, "|")
}

func issuedAt(list []lineage.Issuance) []time.Time {
	out := make([]time.Time, len(list))
	for i, is := range list {
		out[i] = is.IssuedAt
	}
	return out
}

// stillGoesOn says how one sees that only the renewal stopped, and not the
// service with it (CONTRACT ruling 13); empty if one does not.
func (v *view) stillGoesOn(sub *subject, c clock, clocks []clock) string {
	last := c.last()
	if slices.ContainsFunc(sub.failures, func(s *incident.Signal) bool {
		return s.Time.After(c.Due) && (s.Key == "" || s.Key == last.AccessKeyID)
	}) {
		return "its credentials went on being used, and failed"
	}
	if slices.ContainsFunc(sub.uses, func(u incident.Use) bool { return u.AccessKeyID == last.AccessKeyID && u.Last.After(c.Due) }) {
		return "its last credentials went on being used"
	}
	neighbours := append(slices.Clone(clocks), v.clocks(v.graph.By(last.Caller.Principal), interval.Options{})...)
	if slices.ContainsFunc(neighbours, func(n clock) bool {
		alike := (n.Period - c.Period).Abs() <= c.Period/5
		return alike && !n.Stopped && !n.last().ByService && n.last().IssuedAt.After(c.Due.Add(2*c.Period))
	}) {
		return "its neighbours' renewals went on"
	}
	return ""
}

const missedFix = "Look at the process that renews these credentials: it has stopped, lost its permission, or waits for something."

func (v *view) missed(sub *subject, c clock, still string) {
	a := v.anomaly(c, incident.MissedRenewal, sub)
	a.Times = c.Times
	a.NextExpected = c.Due
	a.Summary = fmt.Sprintf("Sessions were renewed every %s until %s, then no more, while %s", about(c.Period, c.Jitter), stamp(c.Phase), still)
	a.Fix = missedFix
	if end := c.last().ExpiresAt; !end.IsZero() {
		a.Fix += fmt.Sprintf(" The last credentials are good until %s.", stamp(end))
	}
	v.add(a)
}

func (v *view) changed(sub *subject, c clock) {
	a := v.anomaly(c, incident.CadenceChange, sub)
	a.Times = []time.Time{c.Change.At}
	a.Summary = fmt.Sprintf("Renewals came every %s, and every %s since %s", about(c.Change.From, c.Jitter), about(c.Change.To, c.Jitter), stamp(c.Change.At))
	a.Fix = "Nothing to do if a deployment, a new SDK or a new session duration explains it; if nothing does, find out who asks for these sessions."
	v.add(a)
}

func (v *view) offBeat(sub *subject, c clock) {
	a := v.anomaly(c, incident.OffBeatIssuance, sub)
	a.Times = c.OffBeat
	a.Occurrences = len(c.OffBeat)
	a.Summary = fmt.Sprintf("Credentials were issued between the renewals that come every %s: %s", about(c.Period, c.Jitter), count(len(c.OffBeat), "time"))
	a.Fix = "Find out who else asks for sessions from the same source: compare the address and the user agent of these issuances with those on the beat."
	v.add(a)
}

// anomaly is what all anomalies of a clock have in common.
func (v *view) anomaly(c clock, kind incident.AnomalyKind, sub *subject) incident.Anomaly {
	lifetime := c.Lifetime
	if last := c.last(); !last.ExpiresAt.IsZero() {
		lifetime = last.ExpiresAt.Sub(last.IssuedAt).Round(time.Second)
	}
	return incident.Anomaly{
		Kind:         kind,
		Subject:      incident.Subject{Principal: sub.Principal, AccessKeyIDs: []string{c.last().AccessKeyID}},
		Period:       c.Period,
		Jitter:       c.Jitter,
		Occurrences:  c.Beats,
		Lifetime:     lifetime,
		NextExpected: v.due(c.Rhythm),
		Confidence:   c.Confidence(),
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
