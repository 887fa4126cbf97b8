package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/report"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Report looks at the rhythms of everything up to a time. Of a recording that
// does not fit into memory it keeps what reports keep between them, the last
// beats of each principal, and besides no more failures and uses of one than the
// limits allow.
func (r *Recording) Report(ctx context.Context, asOf time.Time, workers int, settings incident.Settings) (incident.Report, error) {
	if r.nodes == nil {
		return report.Build(r.together, settings, time.Time{}, asOf), nil
	}
	b := bookkeeper{in: report.Input{
		Book: report.NewBook(), Failures: map[string][]report.Failure{}, Uses: map[string][]incident.Use{},
		Settings: settings, AsOf: asOf,
	}}
	if err := b.sights(r.nodes); err != nil {
		return incident.Report{}, fmt.Errorf("report: %w", err)
	}
	found, err := r.decide(ctx, asOf, Canonical, workers, b.take, settings)
	if err != nil {
		return incident.Report{}, err
	}
	defer found[0].Close()
	for history, err := range found[0].Histories() {
		if err != nil {
			return incident.Report{}, fmt.Errorf("read findings: %w", err)
		}
		b.in.Findings = append(b.in.Findings, history[len(history)-1])
	}
	return report.Make(b.in), nil
}

// bookkeeper makes the book of a recording out of its neighbourhoods.
type bookkeeper struct {
	mu sync.Mutex
	in report.Input
}

// sights notes what can be seen at all, since when, and what was left out.
func (b *bookkeeper) sights(f *nodeFile) error {
	see := func(t time.Time) {
		if b.in.From.IsZero() || t.Before(b.in.From) {
			b.in.From = t
		}
	}
	for e, err := range f.under("") {
		if err != nil {
			return err
		}
		switch _, rest := splitKey(e.key); {
		case rest[0] == ofNote:
			b.in.Capped = append(b.in.Capped, string(e.value))
		case e.value[0]&atHome == 0:
		case rest[0] == ofUse:
			u, err := filing.DecodeUse(e.value[1:])
			if err != nil {
				return err
			}
			if see(u.First); !u.First.After(b.in.AsOf) {
				b.in.Book.Use(u)
			}
		default:
			s, err := filing.DecodeSignal(e.value[1:])
			if err != nil {
				return err
			}
			if see(s.Time); !s.Time.After(b.in.AsOf) {
				b.in.Book.See(&s)
			}
		}
	}
	return nil
}

// take takes in what a neighbourhood knows of its subjects. Some are met in
// several, which makes no difference: beats are joined, and of the failures and
// uses those of the fullest neighbourhood stay.
func (b *bookkeeper) take(n detect.Neighbourhood) {
	signals := slices.DeleteFunc(slices.Clone(n.Evidence.Signals), func(s incident.Signal) bool { return s.Time.After(b.in.AsOf) })
	graph := lineage.Build(signals, n.Evidence.Uses)
	about := make(map[string]bool, len(n.Subjects))
	for _, key := range n.Subjects {
		about[key] = true
	}
	signals = slices.DeleteFunc(signals, func(s incident.Signal) bool {
		switch s.Kind {
		case incident.CredentialFailed:
			return !about[graph.Subject(&s).Key()]
		case incident.SessionIssued:
			return !about[s.Target.Key()]
		}
		return true
	})
	book, failures, names := report.NewBook(), map[string][]report.Failure{}, names{}
	book.Fold(signals, graph, b.in.AsOf, func(key string, s *incident.Signal) {
		f := report.FailureOf(s)
		f.Key, f.Workload = names.one(f.Key), names.one(f.Workload)
		failures[key] = append(failures[key], f)
	})
	uses := map[string][]incident.Use{}
	for _, u := range n.Evidence.Uses {
		if key := u.Principal.Key(); about[key] && book.States[key].Steady() && !u.First.After(b.in.AsOf) {
			uses[key] = append(uses[key], incident.Use{AccessKeyID: names.one(u.AccessKeyID), First: u.First, Last: u.Last})
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in.Book.Join(book)
	for key, list := range failures {
		if len(list) > len(b.in.Failures[key]) {
			b.in.Failures[key] = slices.Clone(list) // without room for more
		}
	}
	for key, list := range uses {
		if len(list) > len(b.in.Uses[key]) {
			b.in.Uses[key] = latestUses(list)
		}
	}
}

// names holds a copy of each name, so that what is kept of a signal does not
// hold all that it was decoded from.
type names map[string]string

func (n names) one(name string) string {
	have, ok := n[name]
	if !ok {
		have = strings.Clone(name)
		n[have] = have
	}
	return have
}

// maxUses is how many uses of a principal a report looks at. What it asks is
// whether there were any, and until when.
const maxUses = 500

func latestUses(list []incident.Use) []incident.Use {
	slices.SortFunc(list, func(a, b incident.Use) int {
		return cmp.Or(b.Last.Compare(a.Last), a.First.Compare(b.First), cmp.Compare(a.AccessKeyID, b.AccessKeyID))
	})
	return slices.Clone(list[:min(len(list), maxUses)])
}
