package settle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// sweep is how far the event history of one source was compared. The names are
// a storage format.
type sweep struct {
	// From is where the next comparison begins.
	From time.Time `json:"from"`
	// Apart is until when event names are asked for one by one, since all events
	// of the source are too many to read. Names is where the next comparison of
	// each begins, if later than From.
	Apart time.Time            `json:"apart,omitzero"`
	Names map[string]time.Time `json:"names,omitempty"`
}

const (
	// overlap is the end of a window that the next one begins with: the history
	// lags behind by that much.
	overlap = 15 * time.Minute
	// every is how often a source is compared, and everyApart how often name by
	// name, which costs a request for each.
	every      = 10 * time.Minute
	everyApart = time.Hour
	// apart is how long names are asked for one by one before the source is
	// tried as a whole again.
	apart = 24 * time.Hour
	// finest is the shortest window that is asked about. If even that holds too
	// many events, the newest must do.
	finest = time.Minute
	// handful is how many events are decided about at once.
	handful = 100
)

// reconcile takes in changes of identities and of the audit trail that the event
// history knows of and that never arrived.
func (r *run) reconcile(ctx context.Context) error {
	if r.History == nil {
		return nil
	}
	if r.notes.Swept == nil {
		r.notes.Swept = map[string]*sweep{}
	}
	changes := changes()
	for _, source := range slices.Sorted(maps.Keys(changes)) {
		s := r.notes.Swept[source]
		if s == nil {
			s = &sweep{From: r.now.Add(-overlap - every)}
			r.notes.Swept[source] = s
		}
		if err := r.compareSource(ctx, s, source, changes[source]); err != nil {
			return err
		}
	}
	return nil
}

// changes are the names of the events that tell of changes, by event source. An
// event of any source's is nothing that CloudTrail records.
func changes() map[string][]string {
	names := map[string][]string{}
	for _, e := range trail.Catalogue() {
		if e.Source != "" && (e.Purpose == trail.IdentityChange || e.Purpose == trail.AuditChange) {
			names[e.Source] = append(names[e.Source], e.Name)
		}
	}
	return names
}

// compareSource compares what one source did since the last time: all at once,
// or name by name where the source is too busy for that.
func (r *run) compareSource(ctx context.Context, s *sweep, source string, names []string) error {
	s.begin(r.now)
	whole, wait := !r.now.Before(s.Apart), every
	if !whole {
		wait = everyApart
	}
	if r.now.Sub(s.From) < overlap+wait {
		return nil
	}
	if !whole {
		return r.compareNames(ctx, s, names)
	}
	complete, ok, err := r.compare(ctx, Question{Attribute: EventSource, Value: source, From: s.From, To: r.now})
	switch {
	case err != nil || !ok:
		return err
	case complete:
		s.From, s.Names = r.now.Add(-overlap), nil
		return nil
	}
	s.Apart = r.now.Add(apart)
	return r.compareNames(ctx, s, names)
}

// begin puts right what a wrong clock left.
func (s *sweep) begin(now time.Time) {
	if s.From.After(now) || s.Apart.After(now.Add(apart)) {
		*s = sweep{From: now.Add(-lookBack)}
	}
	maps.DeleteFunc(s.Names, func(_ string, t time.Time) bool { return t.After(now) })
}

// compareNames compares name by name, those first that are farthest behind.
func (r *run) compareNames(ctx context.Context, s *sweep, names []string) error {
	if s.Names == nil {
		s.Names = map[string]time.Time{}
	}
	names = slices.SortedFunc(slices.Values(names), func(a, b string) int {
		return cmp.Or(s.Names[a].Compare(s.Names[b]), cmp.Compare(a, b))
	})
	var errs []error
	behind := r.now
	for _, name := range names {
		to, err := r.compareName(ctx, name, incident.Later(s.Names[name], s.From))
		errs = append(errs, err)
		s.Names[name] = to
		behind = incident.Earlier(behind, to)
	}
	s.From = behind
	maps.DeleteFunc(s.Names, func(_ string, t time.Time) bool { return !t.After(s.From) })
	return errors.Join(errs...)
}

// compareName compares the events of one name from a time on, and returns where
// the next comparison begins. Where a window holds too many it takes the older
// half first.
func (r *run) compareName(ctx context.Context, name string, from time.Time) (time.Time, error) {
	settled := r.now.Add(-overlap)
	for to := r.now; ; {
		complete, ok, err := r.compare(ctx, Question{Attribute: EventName, Value: name, From: from, To: to})
		switch {
		case err != nil || !ok:
			return incident.Earlier(from, settled), err
		case !complete && to.Sub(from) > finest:
			to = from.Add(to.Sub(from) / 2)
		case to.Equal(r.now):
			return settled, nil
		default:
			from, to = to, r.now
		}
	}
}

// compare takes in what an answer of the event history holds and the store does
// not. ok is false if the history could not be asked.
func (r *run) compare(ctx context.Context, q Question) (complete, ok bool, err error) {
	q.Region, q.Pages = r.Home, r.Limits.Pages
	a, ok := r.ask(ctx, q)
	if !ok {
		return false, false, nil
	}
	missing, err := r.missing(ctx, a.Signals)
	if err != nil {
		return false, true, err
	}
	var errs []error
	for part := range slices.Chunk(missing, handful) {
		if err := r.Decider.Handle(ctx, part, nil, r.now); err != nil {
			errs = append(errs, fmt.Errorf("take in %d events of %s: %w", len(part), q.Value, err))
			continue
		}
		r.report.Recovered += len(part)
	}
	return a.Complete, true, errors.Join(errs...)
}

// missing are the signals that are not kept yet, oldest first.
func (r *run) missing(ctx context.Context, signals []incident.Signal) ([]incident.Signal, error) {
	byNode := map[string][]incident.Signal{}
	for _, s := range signals {
		node := store.SignalNodes(s)[0]
		byNode[node] = append(byNode[node], s)
	}
	var out []incident.Signal
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		kept, err := r.kept(ctx, node, byNode[node])
		if err != nil {
			return nil, err
		}
		for _, s := range byNode[node] {
			if !kept[s.Account+"|"+s.ID] {
				out = append(out, s)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b incident.Signal) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// kept are the signals of a node in the time of the given ones.
func (r *run) kept(ctx context.Context, node string, signals []incident.Signal) (map[string]bool, error) {
	q := store.Query{Node: node, Since: earliest(signals), Now: r.now}
	last := signals[0].Time
	for _, s := range signals {
		last = incident.Later(last, s.Time)
	}
	kept := map[string]bool{}
	for range maxPages {
		page, err := r.Evidence.Signals(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read what is kept of %s: %w", node, err)
		}
		for _, s := range page.Items {
			kept[s.Account+"|"+s.ID] = true
		}
		n := len(page.Items)
		if q.After = page.Next; q.After == "" || n > 0 && page.Items[n-1].Time.After(last) {
			break
		}
	}
	return kept, nil
}
