package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
)

// clock is the renewals of one source.
type clock struct {
	interval.Clock
	source Source
}

// renewals looks at the clocks by which a principal's sessions are renewed.
// What AWS services renew for machines that come and go says nothing.
func (v *view) renewals(sub *subject, clocks []clock) {
	for _, c := range clocks {
		if c.source.ByService {
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

// clocks are the renewal clocks among a principal's sessions, by their sources.
func (v *view) clocks(sub *subject, o interval.Options) []clock {
	sources := slices.SortedFunc(slices.Values(sub.Renewed), func(a, b Source) int { return cmp.Compare(a.Name, b.Name) })
	var out []clock
	for _, x := range sources {
		if c, ok := interval.RenewalsIn(x.Beats, v.asOf, o); ok {
			out = append(out, clock{c, x})
		}
	}
	return out
}

// stillGoesOn says how one sees that only the renewal stopped, and not the
// service with it (CONTRACT ruling 13); empty if one does not.
func (v *view) stillGoesOn(sub *subject, c clock, clocks []clock) string {
	for _, l := range []Line{sub.Failed, sub.Other} {
		if slices.ContainsFunc(l.Keys, func(k KeySeen) bool {
			return k.Last.After(c.Due) && (k.Key == "" || k.Key == c.source.Key)
		}) {
			return "its credentials went on being used, and failed"
		}
	}
	if slices.ContainsFunc(sub.uses, func(u incident.Use) bool { return u.AccessKeyID == c.source.Key && u.Last.After(c.Due) }) {
		return "its last credentials went on being used"
	}
	if slices.ContainsFunc(append(slices.Clone(clocks), v.callers[c.source.Caller]...), func(n clock) bool {
		alike := (n.Period - c.Period).Abs() <= c.Period/5
		return alike && !n.Stopped && !n.source.ByService && n.source.IssuedAt.After(c.Due.Add(2*c.Period))
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
	if end := c.source.ExpiresAt; !end.IsZero() {
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
	if last := c.source; !last.ExpiresAt.IsZero() {
		lifetime = last.ExpiresAt.Sub(last.IssuedAt).Round(time.Second)
	}
	return incident.Anomaly{
		Kind:         kind,
		Subject:      incident.Subject{Principal: sub.Principal, AccessKeyIDs: []string{c.source.Key}},
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
