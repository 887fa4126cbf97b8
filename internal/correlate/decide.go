package correlate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// judge applies every rule to what can be seen of a subject.
func (v *view) judge() {
	v.cutoffs()
	v.trust()
	v.undoings()
	v.notices()
	v.added()
	v.audit()
	v.failures()
	v.notRenewed()
	v.denials()
	v.strangers()
	v.elsewhereUse()
	v.afterContainment()
}

// cluster is the evidence of one incident: no gap in it is longer than the
// configured quiet time.
type cluster struct {
	items       []item
	first, last time.Time
}

// clusters splits the subject's evidence into incidents.
func (v *view) clusters() []cluster {
	items := slices.DeleteFunc(slices.Clone(v.items), func(it item) bool { return it.weight == 0 || it.first.IsZero() })
	slices.SortStableFunc(items, compareItems)
	var out []cluster
	for _, it := range items {
		n := len(out) - 1
		if n < 0 || it.first.Sub(out[n].last) > v.settings.Thresholds.Quiet {
			out = append(out, cluster{first: it.first})
			n++
		}
		out[n].items = append(out[n].items, it)
		out[n].last = incident.Later(out[n].last, it.last)
	}
	return out
}

func compareItems(a, b item) int {
	return cmp.Or(a.first.Compare(b.first), a.last.Compare(b.last), strings.Compare(string(a.rule), string(b.rule)), strings.Compare(a.eventID(), b.eventID()), strings.Compare(a.fact, b.fact))
}

// eventID is the event that an item rests on first.
func (it item) eventID() string {
	switch {
	case len(it.signals) > 0:
		return it.signals[0].ID
	case it.use != nil:
		return it.use.FirstID
	}
	return it.origin
}

// opinion is what a cluster's evidence amounts to.
type opinion struct {
	verdict    incident.Verdict
	cause      incident.Cause
	confidence float64
	severity   incident.Severity
	counted    []item // the item that counts of each rule, heaviest first
}

// weigh adds the evidence up. A rule counts once, by its heaviest item.
// Confidence is the share of the verdict among the five when each weighs e to
// the sum of its log-odds.
func (v *view) weigh(items []item) (opinion, bool) {
	heaviest := map[Rule]item{}
	for _, it := range items {
		if have, ok := heaviest[it.rule]; !ok || it.weight > have.weight {
			heaviest[it.rule] = it
		}
	}
	score := map[incident.Verdict]float64{}
	for d, w := range prior {
		score[d] = w
	}
	for _, rule := range sortedKeys(heaviest) {
		score[v.table[rule].Direction] += heaviest[rule].weight
	}
	v.quiet(score, heaviest)
	sum := 0.0
	var o opinion
	best := math.Inf(-1)
	for _, d := range incident.Verdicts {
		sum += math.Exp(score[d])
		if score[d] > best && v.speaks(heaviest, d) {
			best, o.verdict = score[d], d
		}
	}
	for _, rule := range sortedKeys(heaviest) {
		o.counted = append(o.counted, heaviest[rule])
	}
	slices.SortStableFunc(o.counted, func(a, b item) int { return cmp.Compare(b.weight, a.weight) })
	if o.verdict == "" || best <= prior[toI] && o.verdict != toI && !v.speaks(heaviest, toI) {
		return o, false // no more than hints, of which none asks for a person
	}
	if o.cause = v.causeOf(o); o.cause == "" {
		return o, false
	}
	o.confidence = math.Exp(best) / sum
	o.severity = v.severity(o, items)
	return o, true
}

// strong is the weight from which a sign of compromise stands by itself.
const strong = 2.8

// quiet lowers what speaks for other verdicts where a strong sign of compromise
// is there. Failures that something else explains were never counted as that
// sign, so an expired key, a refresh bug or a containment by a responder beside
// it says something true about another thing, and must not hide it. It leaves
// a doubt: the confidence is lower than without.
func (v *view) quiet(score map[incident.Verdict]float64, heaviest map[Rule]item) {
	most := 0.0
	for rule, it := range heaviest {
		if v.table[rule].Direction == incident.Compromise {
			most = max(most, it.weight)
		}
	}
	if most < strong {
		return
	}
	for _, d := range []incident.Verdict{incident.Expiry, incident.Misconfiguration, incident.PlannedChange} {
		score[d] = min(score[d]/2, score[incident.Compromise]-1)
	}
}

// speaks reports whether any evidence speaks for a verdict.
func (v *view) speaks(heaviest map[Rule]item, d incident.Verdict) bool {
	for rule := range heaviest {
		if v.table[rule].Direction == d {
			return true
		}
	}
	return false
}

// causeOf is the cause of the heaviest evidence for the verdict.
func (v *view) causeOf(o opinion) incident.Cause {
	for _, it := range o.counted {
		if v.table[it.rule].Direction == o.verdict {
			return it.cause
		}
	}
	return ""
}

// sure is the confidence from which a compromise is high rather than medium.
const sure = 0.7

// severity follows CONTRACT ruling 2.
func (v *view) severity(o opinion, items []item) incident.Severity {
	switch o.verdict {
	case incident.Compromise:
		if o.confidence >= sure && slices.ContainsFunc(o.counted, func(it item) bool { return v.table[it.rule].Grave }) {
			return incident.Critical
		}
		if o.confidence >= sure {
			return incident.High
		}
		return incident.Medium
	case incident.PlannedChange:
		if slices.ContainsFunc(items, func(it item) bool { return it.broke }) {
			return incident.Low
		}
		return incident.Informational
	case incident.Inconclusive:
		if slices.ContainsFunc(o.counted, func(it item) bool { return v.table[it.rule].Direction == incident.Compromise && it.weight >= 2 }) {
			return incident.Medium
		}
	case incident.Expiry:
		if _, off := offBeat(o); off {
			return incident.Medium
		}
	}
	return incident.Low
}

// offBeat is the spike beside a refresh bug. Failures that keep the beat are in
// none, so it would be a finding of its own, and the bug must not hide it.
func offBeat(o opinion) (item, bool) {
	n := slices.IndexFunc(o.counted, func(it item) bool { return it.rule == "failure_spike" })
	if n < 0 || o.cause != incident.RefreshBug {
		return item{}, false
	}
	return o.counted[n], true
}

// incidentID is the same for the same incident whatever is known of it: it
// hashes the subject and the stretch of quiet time in which it began. Two
// incidents of a subject lie further apart than that stretch is long.
func incidentID(who incident.Principal, first time.Time, quiet time.Duration) string {
	n := first.Unix() / int64(max(quiet, time.Second)/time.Second)
	h := sha256.Sum256([]byte(who.Key() + "|" + strconv.FormatInt(n, 10)))
	return "tv-" + hex.EncodeToString(h[:10])
}
