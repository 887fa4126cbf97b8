// Package correlate turns a set of signals into findings: who is concerned,
// what happened, how sure that is, and what to do.
//
// It is pure. The same set gives the same findings, whatever the order in which
// it arrived, however often its members were delivered, and however they were
// batched; the clock is an argument. It never fails: what it cannot explain is
// the verdict inconclusive, with what would decide it.
//
// The weights of the evidence are one table (weights.go), each row with its
// source. What the rules read out of the signals is in the files named after
// the thing they read: cutoff.go, failures.go, elsewhere.go, …
package correlate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Evidence is the set that findings are computed from.
type Evidence struct {
	Signals []incident.Signal
	Uses    []incident.Use
	// Capped names the limits that were reached while the set was gathered.
	Capped []string
}

// Findings are the final findings that the evidence gives at asOf, in a
// canonical order: by account, subject and first event. A zero asOf stands for
// the time of the last event.
func Findings(e Evidence, s incident.Settings, asOf time.Time) []incident.Finding {
	return final(Index(e).Histories(s, asOf, 1))
}

// FindingsAbout are the final findings about the given subjects alone, by their
// Principal.Key. The set must hold everything that bears on them.
func (e *Set) FindingsAbout(s incident.Settings, asOf time.Time, subjects []string) []incident.Finding {
	return final(e.HistoriesAbout(s, asOf, subjects))
}

// HistoriesAbout are the revisions of each incident of the given subjects, the
// final one last. The set must hold everything that bears on them.
func (e *Set) HistoriesAbout(s incident.Settings, asOf time.Time, subjects []string) [][]incident.Finding {
	wanted := make(map[string]bool, len(subjects))
	for _, key := range subjects {
		wanted[key] = true
	}
	keys := slices.DeleteFunc(e.order(), func(key string) bool { return !wanted[key] })
	return e.histories(s, asOf, keys, 1)
}

// Histories are the revisions of each incident, the final one last, in the order
// of Findings. Subjects are judged by so many workers side by side, which makes no
// difference to them.
func (e *Set) Histories(s incident.Settings, asOf time.Time, workers int) [][]incident.Finding {
	return e.histories(s, asOf, e.order(), workers)
}

// About adds whom a signal is about, each as the rest of the evidence names it, by
// Principal.Key.
func (e *Set) About(sig *incident.Signal, subjects map[string]incident.Principal) {
	for _, p := range e.about(sig) {
		subjects[p.Key()] = p
	}
}

func final(all [][]incident.Finding) []incident.Finding {
	var out []incident.Finding
	for _, history := range all {
		out = append(out, history[len(history)-1])
	}
	return out
}

// Revisions are all the conclusions that each incident went through when its
// events are taken in the order of their time, the final one last.
func Revisions(e Evidence, s incident.Settings, asOf time.Time) []incident.Finding {
	var out []incident.Finding
	for _, history := range Index(e).Histories(s, asOf, 1) {
		out = append(out, history...)
	}
	return out
}

// histories are the revisions of the incidents of subjects, which are in order.
func (e *Set) histories(s incident.Settings, asOf time.Time, keys []string, workers int) [][]incident.Finding {
	w := newWorld(e, s)
	if asOf.IsZero() {
		asOf = w.last
	}
	providers, _ := slices.BinarySearchFunc(keys, 1, func(key string, rank int) int { return cmp.Compare(w.rank(key), rank) })
	out := w.judged(keys[:providers], asOf, workers)
	for _, key := range keys[providers:] {
		out = append(out, w.historiesOf(w.subjects[key], asOf)...)
	}
	slices.SortStableFunc(out, func(a, b []incident.Finding) int { return compareFindings(a[len(a)-1], b[len(b)-1]) })
	return out
}

// judged are the histories of subjects, each judged by one of the workers.
func (w *world) judged(keys []string, asOf time.Time, workers int) [][]incident.Finding {
	found := make([][][]incident.Finding, len(keys))
	var next atomic.Int64
	work := func(w *world) {
		for n := int(next.Add(1)) - 1; n < len(keys); n = int(next.Add(1)) - 1 {
			found[n] = w.historiesOf(w.subjects[keys[n]], asOf)
		}
	}
	var wg sync.WaitGroup
	others := make([]*world, max(0, min(workers, len(keys))-1))
	for n := range others {
		others[n] = w.apart()
		wg.Go(func() { work(others[n]) })
	}
	work(w)
	wg.Wait()
	for _, o := range others {
		maps.Copy(w.told, o.told)
	}
	return slices.Concat(found...)
}

// order lists the subjects, identity providers last: what their removal broke
// is told by the roles' findings where there are such.
func (e *Set) order() []string {
	keys := sortedKeys(e.subjects)
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Compare(e.rank(a), e.rank(b))
	})
	return keys
}

func (e *Set) rank(key string) int {
	if e.subjects[key].who.Type == incident.Federated {
		return 1
	}
	return 0
}

func compareFindings(a, b incident.Finding) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Subject.Key(), b.Subject.Key()), a.FirstSeen.Compare(b.FirstSeen), strings.Compare(a.ID, b.ID))
}

// historiesOf are the incidents of one subject with their revisions.
func (w *world) historiesOf(s *subject, asOf time.Time) [][]incident.Finding {
	v := w.see(s, cursor{at: asOf})
	v.judge()
	var out [][]incident.Finding
	for _, cl := range v.clusters() {
		o, ok := v.weigh(cl.items)
		if !ok || v.toldElsewhere(cl) {
			continue
		}
		final := v.finding(cl, o)
		history := w.revisions(s, cl, asOf)
		for n := range history {
			history[n].Revision = n + 1
			history[n].ID = final.ID
		}
		final.Revision = len(history) + 1
		if n := len(history); n > 0 && concludes(history[n-1], o) {
			final.Revision = n
			history = history[:n-1]
		}
		out = append(out, append(history, final))
	}
	return out
}

// concludes reports whether a finding says what an opinion would.
func concludes(f incident.Finding, o opinion) bool {
	return f.Verdict == o.verdict && f.Cause == o.cause && f.Severity == o.severity
}

// revisions are the conclusions that the incident's events gave one after the
// other, each as it stood when it was first reached.
func (w *world) revisions(s *subject, cl cluster, asOf time.Time) []incident.Finding {
	var out []incident.Finding
	for _, at := range checkpoints(cl) {
		if at.at.After(asOf) {
			break
		}
		v := w.see(s, at)
		v.judge()
		for _, then := range v.clusters() {
			if then.last.Before(cl.first) || then.first.After(cl.last) {
				continue
			}
			o, ok := v.weigh(then.items)
			if !ok {
				continue
			}
			if n := len(out); n == 0 || !concludes(out[n-1], o) {
				out = append(out, v.finding(then, o))
			}
		}
	}
	return out
}

// maxCheckpoints bounds how many of an incident's events are tried for a
// revision. A conclusion turns when a new kind of evidence appears or a count
// crosses a threshold, so of many alike the first and ever sparser later ones
// are enough.
const maxCheckpoints = 64

// checkpoints are the places in an incident at which its conclusion may turn.
func checkpoints(cl cluster) []cursor {
	var out []cursor
	for _, it := range cl.items {
		if it.use != nil {
			out = append(out, cursor{at: it.use.First})
		}
		for n := 0; n < len(it.signals); n = sparser(n) {
			out = append(out, cursorOf(it.signals[n]))
		}
	}
	slices.SortFunc(out, cursor.compare)
	out = slices.Compact(out)
	for len(out) > maxCheckpoints {
		kept := out[:0]
		for n, at := range out {
			if n < maxCheckpoints/2 || n%2 == 0 {
				kept = append(kept, at)
			}
		}
		out = kept
	}
	return out
}

// sparser steps through 0 … 12 one by one, then in steps that grow by an eighth.
func sparser(n int) int { return n + 1 + max(0, n-4)/8 }

// toldElsewhere reports whether everything in a cluster is about an identity
// provider whose removal is told by the findings of the roles that it broke.
func (v *view) toldElsewhere(cl cluster) bool {
	if v.who.Type != incident.Federated {
		return false
	}
	for _, it := range cl.items {
		for _, sig := range it.signals {
			if !v.told[sig] {
				return false
			}
		}
	}
	return len(cl.items) > 0
}
