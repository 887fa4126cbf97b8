package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
)

// refreshBugs looks for failures that recur at a predictable interval: of the
// principal as a whole, else of each of its workloads.
func (v *view) refreshBugs(sub *subject) {
	if v.recurring(sub, sub.Failed, sub.Workloads) || len(sub.Workloads) < 2 {
		return
	}
	lines := slices.SortedFunc(slices.Values(sub.Workloads), func(a, b Line) int { return cmp.Compare(a.Workload, b.Workload) })
	for _, l := range lines {
		if l.Workload != "" {
			v.recurring(sub, l, []Line{l})
		}
	}
}

// refreshable reports whether a failure can come from credentials that were not
// renewed in time. Long-term keys are never renewed, and a wrong clock or a
// wrong secret has nothing to do with it.
func refreshable(s *incident.Signal) bool {
	if strings.HasPrefix(s.Key, "AKIA") {
		return false
	}
	switch s.Reason {
	case incident.ReasonClockSkew, incident.ReasonSignature, incident.ReasonNoToken, incident.ReasonAudience, incident.ReasonProviderDown,
		incident.ReasonProviderMissing, incident.ReasonRegionNotEnabled, incident.ReasonRoleUnusable:
		return false
	}
	switch s.ErrorCode {
	case "RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
		"MissingAuthenticationToken", "IDPRejectedClaim", "IDPCommunicationError":
		return false
	}
	return true
}

// recurring adds a refresh bug if the failures of a line, which are those of the
// given workloads, keep a rhythm.
func (v *view) recurring(sub *subject, l Line, of []Line) bool {
	r, ok := v.rhythm(sub, l.Beats)
	if !ok || !dominant(r, l.Beats) || !sub.livesBetween(r) || v.explained(sub, r) {
		return false
	}
	v.add(incident.Anomaly{
		Kind:         incident.RefreshBugAnomaly,
		Subject:      sub.onBeat(r, l, of),
		Period:       r.Period,
		Jitter:       r.Jitter,
		Occurrences:  r.Beats,
		Lifetime:     r.Lifetime,
		NextExpected: v.due(r),
		Confidence:   v.confidence(sub, r),
		Times:        r.Times,
		Summary:      v.recurs(r),
		Fix:          fix(r.Lifetime),
	})
	sub.beats = r.Expected(v.asOf)
	return true
}

// onBeat is the subject of a rhythm: the principal, with the keys that failed on
// the beat when they failed last, and the workloads that did.
func (sub *subject) onBeat(r interval.Rhythm, l Line, of []Line) incident.Subject {
	out := incident.Subject{Principal: sub.Principal}
	for _, k := range l.Keys {
		if k.Key != "" && interval.OnBeat(r, k.Last) {
			out.AccessKeyIDs = append(out.AccessKeyIDs, k.Key)
		}
	}
	for _, w := range of {
		if w.Workload != "" && slices.ContainsFunc(w.Beats, func(b interval.Beat) bool { return interval.OnBeat(r, b.Start) }) {
			out.Workloads = append(out.Workloads, w.Workload)
		}
	}
	slices.Sort(out.AccessKeyIDs)
	slices.Sort(out.Workloads)
	return out
}

// rhythm is that of beats of the subject's failures. That of all of them is
// looked for once.
func (v *view) rhythm(sub *subject, beats []interval.Beat) (interval.Rhythm, bool) {
	o := interval.Options{MinBeats: v.settings.Thresholds.RefreshBeats, Seen: sub.lifetimes()}
	if !slices.Equal(beats, sub.all) {
		return interval.FindIn(beats, o)
	}
	if sub.whole == nil {
		r, ok := interval.FindIn(beats, o)
		sub.whole = &found{r, ok}
	}
	return sub.whole.Rhythm, sub.whole.ok
}

// found is the answer of a search for a rhythm.
type found struct {
	interval.Rhythm
	ok bool
}

// due is when the next failure is to be expected; of a rhythm that stopped, when
// the first one did not come.
func (v *view) due(r interval.Rhythm) time.Time {
	if r.Stopped(v.asOf) {
		return r.After(r.Phase)
	}
	return incident.Later(r.NextExpected, r.After(v.asOf))
}

func (v *view) recurs(r interval.Rhythm) string {
	s := fmt.Sprintf("Failures recur every %s (± %s), %d times from %s to %s", about(r.Period, r.Jitter), incident.Span(r.Jitter), r.Beats, stamp(r.Times[0]), stamp(r.Phase))
	if r.Stopped(v.asOf) {
		s += " and no more since"
	}
	if l, ok := interval.LifetimeOf(r.Lifetime); ok {
		return s + fmt.Sprintf(": as often as credentials that live %s run out (%s)", incident.Span(l.Duration), l.Name)
	}
	if r.Lifetime > 0 {
		return s + fmt.Sprintf(": as often as this principal's sessions of %s run out", incident.Span(r.Lifetime))
	}
	return s
}

// about writes a period no finer than its jitter allows.
func about(period, jitter time.Duration) string {
	unit := time.Second
	for _, u := range []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		if jitter/4 >= u {
			unit = u
		}
	}
	return incident.Span(period.Round(unit))
}

// fix is what a period suggests to do.
func fix(lifetime time.Duration) string {
	if l, ok := interval.LifetimeOf(lifetime); ok {
		return sentence(l.Fix)
	}
	return "Look for a job or a cache with this period in the code that obtains these credentials, and let the SDK's own provider renew them."
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// dominant reports whether the rhythm accounts for most of what fails, or for a
// good part where its period is a lifetime: in many random failures some always
// keep a beat.
func dominant(r interval.Rhythm, beats []interval.Beat) bool {
	share := float64(r.Beats) / float64(min(interval.MaxBeats, len(beats)))
	return share >= 0.6 || r.Lifetime > 0 && share >= 0.35
}

// lifetimes are those that the principal's sessions were issued with.
func (sub *subject) lifetimes() []time.Duration {
	var out []time.Duration
	for _, x := range sub.Renewed {
		for _, d := range x.Lifetimes {
			if len(out) < 8 && !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// livesBetween reports whether the credential worked or was renewed between the
// beats. A dead credential that is polled fails regularly too. Where nothing
// but failures can be seen of the principal, it is believed.
func (sub *subject) livesBetween(r interval.Rhythm) bool {
	if len(sub.Renewed)+len(sub.uses) == 0 {
		return true
	}
	first, last := r.Times[0], r.Phase
	for _, x := range sub.Renewed {
		if slices.ContainsFunc(x.Beats, func(b interval.Beat) bool { return b.End.After(first) && b.Start.Before(last) }) {
			return true
		}
	}
	for _, u := range sub.uses {
		if u.Last.After(first) && u.First.Before(last) {
			return true
		}
	}
	return false
}

// explained reports whether a finding gives the failures another cause.
func (v *view) explained(sub *subject, r interval.Rhythm) bool {
	for _, f := range v.during(sub, r) {
		switch f.Verdict {
		case incident.Compromise, incident.PlannedChange, incident.Misconfiguration:
			return true
		}
	}
	return false
}

// confidence is that of the finding about the same failures, if there is one.
func (v *view) confidence(sub *subject, r interval.Rhythm) float64 {
	for _, f := range v.during(sub, r) {
		if f.Cause == incident.RefreshBug {
			return f.Confidence
		}
	}
	return r.Confidence()
}

// during are the findings about a subject while a rhythm went on.
func (v *view) during(sub *subject, r interval.Rhythm) []incident.Finding {
	var out []incident.Finding
	for _, f := range v.findings {
		if f.Subject.Key() == sub.Principal.Key() && !f.FirstSeen.After(r.Phase) && !f.LastSeen.Before(r.Times[0]) {
			out = append(out, f)
		}
	}
	return out
}
