package reporting

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/check"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/report"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Evidence gives back what was observed and concluded. detect.Source and
// detect.Ledger have the contract.
type Evidence interface {
	Signals(ctx context.Context, q store.Query) (store.Page[incident.Signal], error)
	Uses(ctx context.Context, q store.Query) (store.Page[incident.Use], error)
	DueEvidence(ctx context.Context, since, t time.Time, after string) (signals []incident.Signal, next string, err error)
	Cases(ctx context.Context, subject string) ([]store.Case, error)
}

// gathering is what a run learns.
type gathering struct {
	evidence Evidence
	limits   Limits
	home     string // the account of events that name none
	period   Period
	book     *report.Book
	settings incident.Settings

	checks   []incident.Check            // of the period
	failures map[string][]report.Failure // of the period, by state
	subjects map[string]bool             // whom the period's signals are about
	seen     map[[2]string]bool          // events of the run, by account and id
	asked    map[string]lore             // what is known of names, by node
	signals  int
	hours    int // that had more signals than are read
	capped   []string
}

// lore is what is filed under a name of whose owner one wonders.
type lore struct {
	signals []incident.Signal
	uses    []incident.Use
}

func (r *Reporter) gathering(book *report.Book, home string, p Period) *gathering {
	return &gathering{
		evidence: r.Evidence, limits: r.Limits, home: home, period: p, book: book, settings: r.Settings,
		failures: map[string][]report.Failure{}, subjects: map[string]bool{},
		seen: map[[2]string]bool{}, asked: map[string]lore{},
	}
}

// read takes in the evidence that fell due since a time, and what is to fall due
// yet: sessions that go on, and what has just come. The latest is read first, so
// that a flood hides nothing but what was before it.
func (g *gathering) read(ctx context.Context, since time.Time) error {
	end := g.period.End
	if err := g.slice(ctx, end, end.AddDate(1, 0, 0)); err != nil {
		return err
	}
	for at := end; at.After(since); at = at.Add(-time.Hour) {
		if g.signals >= g.limits.Signals {
			g.cap("a report reads %d signals, and none that was kept before %s was read", g.limits.Signals, at.UTC().Format(time.RFC3339))
			break
		}
		from := at.Add(-time.Hour)
		if from.Before(since) {
			from = since
		}
		if err := g.slice(ctx, from, at); err != nil {
			return err
		}
	}
	if g.hours > 0 {
		g.cap("a report reads %d signals an hour, and %d of the hours had more", g.limits.Hourly, g.hours)
	}
	return nil
}

func (g *gathering) cap(format string, args ...any) {
	g.capped = append(g.capped, fmt.Sprintf(format, args...))
}

// slice takes in what fell due in a stretch of time.
func (g *gathering) slice(ctx context.Context, from, to time.Time) error {
	read := 0
	for after := ""; ; {
		signals, next, err := g.evidence.DueEvidence(ctx, from, to, after)
		if err != nil {
			return fmt.Errorf("read the evidence since %s: %w", from.UTC().Format(time.RFC3339), err)
		}
		read += len(signals)
		g.signals += len(signals)
		if err := g.fold(ctx, signals); err != nil {
			return err
		}
		if after = next; after == "" {
			return nil
		}
		if read >= g.limits.Hourly {
			g.hours++
			return nil
		}
	}
}

// fold takes in signals that were not seen yet.
func (g *gathering) fold(ctx context.Context, signals []incident.Signal) error {
	fresh := signals[:0]
	for _, s := range signals {
		s.Account = cmp.Or(s.Account, g.home)
		id := [2]string{s.Account, s.ID}
		if !g.seen[id] && !s.Time.After(g.period.End) {
			g.seen[id] = true
			fresh = append(fresh, s)
		}
	}
	known, err := g.ask(ctx, fresh)
	if err != nil {
		return err
	}
	e := correlate.Evidence{Signals: slices.Concat(fresh, known.signals), Uses: known.uses}
	g.book.Fold(fresh, lineage.Build(e.Signals, e.Uses), g.period.End, func(key string, s *incident.Signal) {
		if !s.Time.Before(g.period.From()) {
			g.failures[key] = append(g.failures[key], report.FailureOf(s))
		}
	})
	period := slices.DeleteFunc(fresh, func(s incident.Signal) bool { return s.Time.Before(g.period.From()) })
	g.check(period)
	all, about := correlate.Index(e), map[string]incident.Principal{}
	for n := range period {
		all.About(&period[n], about)
	}
	for key := range about {
		g.subjects[key] = true
	}
	return nil
}

// check keeps what lies beyond the guard rails, up to a limit.
func (g *gathering) check(signals []incident.Signal) {
	found := check.Of(signals, g.settings)
	room := g.limits.Checks - len(g.checks)
	if len(found) > room && room > 0 {
		g.cap("a report tells of %d changes beyond the guard rails, and there were more", g.limits.Checks)
	}
	g.checks = append(g.checks, found[:min(len(found), max(0, room))]...)
}

// ask reads what is filed under the keys and workloads of which signals do not
// say whose they are.
func (g *gathering) ask(ctx context.Context, signals []incident.Signal) (lore, error) {
	var out lore
	added := map[string]bool{}
	for i := range signals {
		s := &signals[i]
		if s.Kind != incident.CredentialFailed || lineage.Resolved(s.Target) {
			continue
		}
		nodes := []string{lineage.KeyNode(s.Key)}
		if s.Workload != "" {
			nodes = append(nodes, lineage.WorkloadOf(s.Account, s.Workload).Key())
		}
		for _, node := range nodes {
			if node == "" || added[node] {
				continue
			}
			added[node] = true
			l, err := g.loreOf(ctx, node)
			if err != nil {
				return lore{}, err
			}
			out.signals, out.uses = append(out.signals, l.signals...), append(out.uses, l.uses...)
		}
	}
	return out, nil
}

func (g *gathering) loreOf(ctx context.Context, node string) (lore, error) {
	l, known := g.asked[node]
	if known || len(g.asked) >= g.limits.Asked {
		return l, nil
	}
	q := store.Query{Node: node, Now: g.period.End}
	signals, err := g.evidence.Signals(ctx, q)
	if err != nil {
		return l, fmt.Errorf("read whose %s is: %w", node, err)
	}
	uses, err := g.evidence.Uses(ctx, q)
	if err != nil {
		return l, fmt.Errorf("read whose %s is: %w", node, err)
	}
	l = lore{telling(signals.Items), uses.Items[:min(len(uses.Items), maxKeys)]}
	if g.asked[node] = l; len(g.asked) == g.limits.Asked {
		g.cap("the owners of %d keys and workloads are looked for, and there were more", g.limits.Asked)
	}
	return l, nil
}

// maxKeys is how many keys without an owner tell that a workload is a fleet, and
// more.
const maxKeys = 10

// telling leaves one signal for each owner and key that signals name, the first,
// and a few of those without an owner: whose something is does not take more.
func telling(signals []incident.Signal) []incident.Signal {
	seen := map[[3]string]bool{}
	unowned := 0
	var out []incident.Signal
	for _, s := range signals {
		id := [3]string{string(s.Kind), "", s.Key}
		switch {
		case s.Kind == incident.SessionIssued && s.Issued != nil:
			id[2] = s.Issued.AccessKeyID
		case lineage.Resolved(s.Target):
			id[1] = s.Target.Key()
		case seen[id] || unowned == maxKeys:
			continue
		default:
			unowned++
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, s)
		}
	}
	return out
}

// rename files what is known of keys and workloads under those to whom they
// turned out to belong.
func (g *gathering) rename(ctx context.Context) error {
	for _, key := range slices.Sorted(maps.Keys(g.book.States)) {
		state := g.book.States[key]
		if lineage.Resolved(state.Principal) || state.Last().Before(g.period.From()) {
			continue
		}
		s := incident.Signal{Kind: incident.CredentialFailed, Account: state.Account, Time: state.Last()}
		switch p := state.Principal; p.Type {
		case incident.AccessKey:
			s.Key = p.Name
		case incident.Workload:
			s.Account, s.Workload = p.Account, p.Name
		default:
			continue
		}
		known, err := g.ask(ctx, []incident.Signal{s})
		if err != nil {
			return err
		}
		graph := lineage.Build(known.signals, known.uses)
		if owner := graph.Subject(&s); lineage.Resolved(owner) {
			g.book.Rename(key, owner)
			g.failures[owner.Key()] = append(g.failures[owner.Key()], g.failures[key]...)
			g.subjects[owner.Key()] = true
			delete(g.failures, key)
		}
	}
	return nil
}

// uses are those of the principals that may have a rhythm.
func (g *gathering) uses(ctx context.Context) (map[string][]incident.Use, error) {
	out := map[string][]incident.Use{}
	curious := g.book.Curious()
	if len(curious) > g.limits.Asked {
		g.cap("how credentials were used is read of %d principals, and %d may have a rhythm", g.limits.Asked, len(curious))
		curious = curious[:g.limits.Asked]
	}
	for _, p := range curious {
		for _, node := range nodesOf(p) {
			page, err := g.evidence.Uses(ctx, store.Query{Node: node, Now: g.period.End, Since: g.period.End.Add(-g.limits.History)})
			if err != nil {
				return nil, fmt.Errorf("read the uses of %s: %w", p.Key(), err)
			}
			for _, u := range page.Items {
				if u.Principal.Key() == p.Key() && !u.First.After(g.period.End) {
					out[p.Key()] = append(out[p.Key()], u)
					g.book.Use(u)
				}
			}
		}
	}
	return out, nil
}

// nodesOf are the names under which a principal's evidence is filed.
func nodesOf(p incident.Principal) []string { return lineage.Nodes(incident.Signal{Target: p}) }

// findings are the conclusions about those whom the period's signals are about.
func (g *gathering) findings(ctx context.Context) ([]incident.Finding, error) {
	var out []incident.Finding
	subjects := make([]string, 0, len(g.subjects))
	for key := range g.subjects {
		subjects = append(subjects, key)
	}
	slices.Sort(subjects)
	if len(subjects) > g.limits.Asked {
		g.cap("the findings about %d subjects are read, and events were about %d", g.limits.Asked, len(subjects))
		subjects = subjects[:g.limits.Asked]
	}
	for _, subject := range subjects {
		cases, err := g.evidence.Cases(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("read the findings about %s: %w", subject, err)
		}
		for _, c := range cases {
			if c.SupersededBy == "" && !c.Finding.FirstSeen.After(g.period.End) {
				out = append(out, c.Finding)
			}
		}
	}
	slices.SortFunc(out, func(a, b incident.Finding) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// background reads all known failures of those of whom so many failed at once
// that it may be a spike: what is usual for them shows before the period.
func (g *gathering) background(ctx context.Context, floor int) error {
	type suspect struct {
		key string
		n   int
	}
	var suspects []suspect
	for key, list := range g.failures {
		if n := report.Burst(list); n >= floor {
			suspects = append(suspects, suspect{key, n})
		}
	}
	slices.SortFunc(suspects, func(a, b suspect) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.key, b.key)) })
	if len(suspects) > g.limits.Suspects {
		g.cap("what is usual is read of %d principals of whom many failed at once, and there were %d: of the others, what is usual each day may be told as a spike", g.limits.Suspects, len(suspects))
		suspects = suspects[:g.limits.Suspects]
	}
	for _, s := range suspects {
		list, whole, err := g.earlierFailures(ctx, s.key)
		if err != nil {
			return fmt.Errorf("read the failures of %s: %w", s.key, err)
		}
		if whole {
			g.failures[s.key] = append(list, g.failures[s.key]...)
		} else {
			g.cap("%s has too many failures for all of them to be read: what is usual each day may be told as a spike", s.key)
		}
	}
	return nil
}

// maxPages bounds what is read of one principal.
const maxPages = 20

// earlierFailures reads a principal's failures before the period, and says
// whether they are all.
func (g *gathering) earlierFailures(ctx context.Context, key string) (list []report.Failure, whole bool, err error) {
	seen := map[[2]string]bool{}
	for _, node := range nodesOf(g.book.States[key].Principal) {
		q := store.Query{Node: node, Now: g.period.End, Since: g.period.End.Add(-g.limits.History), Limit: 5000}
		for n := 0; ; n++ {
			if n == maxPages {
				return nil, false, nil
			}
			page, err := g.evidence.Signals(ctx, q)
			if err != nil {
				return nil, false, err
			}
			graph := lineage.Build(page.Items, nil)
			for i := range page.Items {
				s := &page.Items[i]
				id := [2]string{s.Account, s.ID}
				if s.Kind == incident.CredentialFailed && !seen[id] && s.Time.Before(g.period.From()) && graph.Subject(s).Key() == key {
					seen[id] = true
					list = append(list, report.FailureOf(s))
				}
			}
			if n := len(page.Items); n > 0 && !page.Items[n-1].Time.Before(g.period.From()) {
				break
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
	}
	return list, true, nil
}
