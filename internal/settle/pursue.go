package settle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// pursuit is a key of an incident whose calls are looked up. Those that succeed
// are not delivered, and they tell where a principal is usually used, that a key
// still lives, or that somebody else has it. The names are a storage format.
type pursuit struct {
	// Key is looked up, or a user's name: the calls of all keys of it.
	Key     string   `json:"key"`
	Regions []string `json:"regions"`
	// Who is decided about again, and Since when its incident began.
	Who      incident.Principal `json:"who"`
	Since    time.Time          `json:"since"`
	Severity incident.Severity  `json:"severity"`
	// Due is when the calls are looked up next, and Rounds how often they were.
	Due    time.Time `json:"due,omitzero"`
	Rounds int       `json:"rounds,omitempty"`
	Noted  time.Time `json:"noted"`
}

// later rounds are this long after the one before: the history lags behind, and
// whoever has a stolen key goes on.
var laterRounds = []time.Duration{20 * time.Minute, 2 * time.Hour}

const (
	// usual is how far back a principal's other sessions show its usual networks.
	usual = 24 * time.Hour
	// settledUse is how long before an incident a network must have been seen to
	// be a usual one.
	settledUse = time.Hour
	// maxWondered leaves room among what is noted for the keys of incidents.
	maxWondered = maxAsked / 2
	// maxRegions is in how many Regions the calls of one key are looked up.
	maxRegions = 2
)

// worth reports whether a finding may change by what its keys did: all that
// people are told of, and what cut somebody off by plan, since who goes on
// nonetheless is not the owner.
func worth(f *incident.Finding) bool {
	return f.Severity > incident.Informational || f.Cause == incident.RevokedByResponder || f.Cause == incident.KeyDisabledByResponder
}

// pursueAll notes the keys of open cases of those whom signals concern.
func (r *run) pursueAll(ctx context.Context, group []incident.Signal) error {
	if r.History == nil {
		return nil
	}
	graph := lineage.Build(group, nil)
	for n := range group {
		for _, p := range []incident.Principal{graph.Subject(&group[n]), group[n].Target} {
			if !p.Known() || !r.first("pursued "+p.Key()) {
				continue
			}
			cases, err := r.Agenda.Cases(ctx, p.Key())
			if err != nil {
				return fmt.Errorf("read cases of %s: %w", p.Key(), err)
			}
			for _, c := range cases {
				if c.SupersededBy != "" || c.Finding.Status == incident.Resolved {
					continue
				}
				if err := r.pursue(ctx, &c.Finding); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pursue notes the keys of a finding: those that it names, then the newest of
// its subject, a day back, since they show where it is used.
func (r *run) pursue(ctx context.Context, f *incident.Finding) error {
	if r.History == nil || !worth(f) || !r.first("pursued finding "+f.ID) {
		return nil
	}
	node := f.Subject.Key()
	if f.Subject.Type == incident.AccessKey {
		node = lineage.KeyNode(f.Subject.Name)
	}
	kept, _, err := r.filed(ctx, node, f.FirstSeen.Add(-usual))
	if err != nil {
		return err
	}
	keys := keysOf(f, kept)
	if f.Subject.Type == incident.User { // a key's calls would not show where the others are used
		keys = slices.Insert(keys, 0, f.Subject.Name)
	}
	for _, k := range keys {
		if k != f.Subject.Name && !ours(k, f.Account) || !r.roomFor(k, f.Subject.Principal) {
			continue
		}
		at := lineage.KeyNode(k)
		if k == f.Subject.Name {
			at = node
		}
		regions, err := r.whereUsed(ctx, k, at, f.Region, kept)
		if err != nil {
			return err
		}
		r.notes.Pursued = append(r.notes.Pursued, pursuit{
			Key: k, Regions: regions, Who: f.Subject.Principal, Since: f.FirstSeen, Severity: f.Severity, Due: r.now, Noted: r.now,
		})
	}
	return nil
}

// roomFor reports whether a key may be noted, as room does for those of which
// nothing is known.
func (r *run) roomFor(key string, who incident.Principal) bool {
	n := 0
	for _, p := range r.notes.Pursued {
		if p.Key == key {
			return false
		}
		if p.Who.Same(who) {
			n++
		}
	}
	return n < r.Limits.Keys && len(r.notes.Pursued) < maxAsked
}

// keysOf are the keys that a finding names, then the others of its subject; each
// of them newest first.
func keysOf(f *incident.Finding, kept []incident.Signal) []string {
	last := map[string]time.Time{}
	for _, k := range f.Subject.AccessKeyIDs {
		last[k] = time.Time{}
	}
	for n := range kept {
		if k := keyIn(&kept[n]); k != "" {
			last[k] = incident.Later(last[k], kept[n].Time)
		}
	}
	var keys []string
	for k := range last {
		keys = append(keys, k)
	}
	rank := func(k string) int {
		if slices.Contains(f.Subject.AccessKeyIDs, k) {
			return 0
		}
		return 1
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), last[b].Compare(last[a]), cmp.Compare(a, b))
	})
	return keys
}

// keyIn is the key that a signal is about.
func keyIn(s *incident.Signal) string {
	if s.Issued != nil && s.Issued.AccessKeyID != "" {
		return s.Issued.AccessKeyID
	}
	return s.Key
}

// whereUsed are the Regions in which a key's calls are looked up: where it was
// used, where else it was met, where its subject was, and its incident's. Those
// come first in which something was seen last.
func (r *run) whereUsed(ctx context.Context, key, node, region string, kept []incident.Signal) ([]string, error) {
	uses, err := r.Evidence.Uses(ctx, store.Query{Node: node, Now: r.now})
	if err != nil {
		return nil, fmt.Errorf("read the uses of %s: %w", key, err)
	}
	var of, others []string
	for _, u := range uses.Items {
		of = append(of, u.Region)
	}
	for _, s := range kept {
		if keyIn(&s) == key {
			of = append(of, s.Region)
		} else {
			others = append(others, s.Region)
		}
	}
	slices.Reverse(of)
	slices.Reverse(others)
	var out []string
	for _, region := range slices.Concat(of, others, []string{region, r.Home}) {
		if len(out) < maxRegions && sibling(region, r.Home) && !slices.Contains(out, region) {
			out = append(out, region)
		}
	}
	return out, nil
}

// issuances looks at sessions that are due: those that have run out, whether they
// were renewed; those that detect wondered about, what else they do. These last
// are due while they live, or come from services, which the others never do.
func (r *run) issuances(ctx context.Context, group []incident.Signal) error {
	var out []incident.Signal
	for _, s := range group {
		ends := s.Issued.ExpiresAt
		if !s.Issued.ByService && (ends.IsZero() || !r.now.Before(ends)) {
			out = append(out, s)
			continue
		}
		if err := r.pursueSession(ctx, &s); err != nil {
			return err
		}
	}
	if len(out) == 0 {
		return nil
	}
	return r.renewals(ctx, out)
}

// pursueSession notes a session's key, and keeps the session for when it has run
// out, as it was before.
func (r *run) pursueSession(ctx context.Context, s *incident.Signal) error {
	r.report.Evidence++
	if key := s.Issued.AccessKeyID; r.History != nil && len(r.notes.Pursued) < maxWondered && ours(key, s.Account) && r.roomFor(key, s.Target) {
		regions, err := r.whereUsed(ctx, key, lineage.KeyNode(key), s.Region, []incident.Signal{*s})
		if err != nil {
			return err
		}
		r.notes.Pursued = append(r.notes.Pursued, pursuit{
			Key: key, Regions: regions, Who: s.Target, Since: r.now, Due: r.now, Noted: r.now,
		})
	}
	if s.Issued.ByService {
		return nil
	}
	at := s.Issued.ExpiresAt.Add(r.Settings.Thresholds.Lateness)
	if err := r.Agenda.Commit(ctx, store.Commit{Signals: []incident.Signal{*s}, Recheck: at}); err != nil {
		return fmt.Errorf("plan to look at session %s again: %w", s.ID, err)
	}
	return nil
}

// follow looks up the calls of noted keys, those of the gravest findings first,
// with what inquire leaves of its half of the requests.
func (r *run) follow(ctx context.Context) error {
	var due []*pursuit
	for n := range r.notes.Pursued {
		if p := &r.notes.Pursued[n]; !p.Due.IsZero() && !p.Due.After(r.now) {
			due = append(due, p)
		}
	}
	slices.SortStableFunc(due, func(a, b *pursuit) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rounds, b.Rounds))
	})
	var errs []error
	for _, p := range due {
		if r.closed {
			break
		}
		if r.left <= r.Limits.Requests/2 {
			r.report.Behind = true
			break
		}
		if err := r.followOne(ctx, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// followOne takes in the calls of a key, and decides again about whose it is.
func (r *run) followOne(ctx context.Context, p *pursuit) error {
	var signals []incident.Signal
	var uses []incident.Use
	for _, region := range p.Regions {
		a, ok := r.calls(ctx, p, region)
		if !ok {
			return nil
		}
		signals, uses = append(signals, a.Signals...), append(uses, a.Uses...)
	}
	missing, err := r.missing(ctx, signals)
	if err == nil && len(missing)+len(uses) > 0 {
		err = r.Decider.Handle(ctx, missing, uses, r.now)
	}
	if err == nil && len(uses) > 0 {
		r.report.Found++
		err = r.Decider.Revisit(ctx, []incident.Principal{p.Who}, r.now)
	}
	if err != nil {
		return fmt.Errorf("decide about the calls of %s: %w", p.Key, err)
	}
	r.report.Recovered += len(missing)
	if p.Due = (time.Time{}); p.Rounds < len(laterRounds) {
		p.Due = r.now.Add(laterRounds[p.Rounds])
	}
	p.Rounds++
	return nil
}

// calls are the newest calls of a key in a Region. Where they are too many they
// hide where the key was used before the incident, so that is asked apart.
func (r *run) calls(ctx context.Context, p *pursuit, region string) (Answer, bool) {
	q := Question{Region: region, Attribute: AccessKeyID, Value: p.Key, Pages: 2}
	if p.Who.Type == incident.User && p.Key == p.Who.Name {
		q.Attribute = Username
	}
	a, ok := r.ask(ctx, q)
	if !ok || a.Complete {
		return a, ok
	}
	q.To, q.Pages = p.Since.Add(-settledUse), 1
	before, ok := r.ask(ctx, q)
	a.Signals, a.Uses = append(a.Signals, before.Signals...), append(a.Uses, before.Uses...)
	return a, ok
}

// filed are the signals under a name since a time, oldest first, and whether
// they are all.
func (r *run) filed(ctx context.Context, node string, since time.Time) (list []incident.Signal, whole bool, err error) {
	q := store.Query{Node: node, Since: since, Now: r.now}
	for range maxPages {
		page, err := r.Evidence.Signals(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("read what is filed under %s: %w", node, err)
		}
		list = append(list, page.Items...)
		if q.After = page.Next; q.After == "" {
			return list, true, nil
		}
	}
	return list, false, nil
}
