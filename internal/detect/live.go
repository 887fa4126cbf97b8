package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/backoff"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Live decides while events arrive. It keeps no state between calls, so any
// number of copies may work at once.
//
// What only issues or uses a credential is kept without reading anything. What
// can change a verdict is kept in one commit with the findings that it changes;
// if it changes none, it is kept first and then looked at once more, so that of
// two copies that each hold half of an incident the later one sees the whole.
// Everything may be delivered again: evidence is known by its id, and a finding
// that stands is not written twice.
type Live struct {
	// Retention is how long the store keeps evidence; zero means for ever.
	Retention time.Duration

	// Retry says how long to wait before a decision is made anew, since others
	// changed its cases meanwhile.
	Retry backoff.Backoff
	// Decided is told about each case that was kept, once it is; nil is allowed.
	Decided func(context.Context, Case)

	source   Source
	ledger   Ledger
	settings incident.Settings
	seen     *places
}

// NewLive returns a detector on one store.
func NewLive(s Source, l Ledger, settings incident.Settings) *Live {
	return &Live{
		Retry: backoff.New(50*time.Millisecond, 2*time.Second), source: s, ledger: l, settings: settings, seen: newPlaces(),
	}
}

// attempts bounds how often a decision is made anew after others changed its
// cases meanwhile. Beyond it the caller delivers the events again.
const attempts = 8

// Handle keeps what was observed and revises the findings that it changes.
// After an error everything may be handed over again.
func (l *Live) Handle(ctx context.Context, signals []incident.Signal, uses []incident.Use, now time.Time) error {
	deciding, quiet := l.split(signals)
	if err := l.keep(ctx, quiet, uses, now); err != nil {
		return fmt.Errorf("keep %d signals and %d uses: %w", len(quiet), len(uses), err)
	}
	moved, err := l.moved(ctx, uses, now)
	if err == nil && len(deciding)+len(moved) > 0 {
		err = l.decide(ctx, deciding, moved, now)
	}
	if err != nil {
		return err
	}
	return l.explain(ctx, signals, now)
}

// split parts what can change a finding from what only informs one. Tags are in
// a finding only if somebody asks for them.
func (l *Live) split(signals []incident.Signal) (deciding, quiet []incident.Signal) {
	for _, s := range signals {
		if s.Kind == incident.SessionIssued || s.Kind == incident.TagsChanged && len(l.settings.Tags) == 0 {
			quiet = append(quiet, s)
		} else {
			deciding = append(deciding, s)
		}
	}
	return deciding, quiet
}

// decide commits signals together with the cases that they change, those of the
// given principals among them.
func (l *Live) decide(ctx context.Context, signals []incident.Signal, who []incident.Principal, now time.Time) error {
	kept, conflicts := false, 0
	for range attempts {
		if err := l.Retry.Wait(ctx, conflicts); err != nil {
			return err
		}
		d, err := l.weigh(ctx, signals, who, now)
		if err != nil {
			return err
		}
		if len(d.cases) == 0 && (kept || len(signals) == 0) {
			return nil
		}
		c := Commit{Signals: d.owned, Cases: d.cases}
		if !now.IsZero() {
			c.Recheck = now.Add(l.settings.Thresholds.Lateness)
		}
		switch err := l.commit(ctx, c); {
		case err == nil && len(d.cases) > 0:
			return nil
		case err == nil:
			kept = true // look once more: somebody else may have kept the other half
		case errors.Is(err, ErrConflict):
			conflicts++
		default:
			return fmt.Errorf("commit %d signals and %d cases: %w", len(c.Signals), len(c.Cases), err)
		}
	}
	return fmt.Errorf("decide about %d signals: %w after %d attempts", len(signals), ErrConflict, attempts)
}

// commit keeps what was decided, and says so.
func (l *Live) commit(ctx context.Context, c Commit) error {
	if err := l.ledger.Commit(ctx, c); err != nil {
		return err
	}
	if l.Decided != nil {
		for _, kept := range c.Cases {
			l.Decided(ctx, kept)
		}
	}
	return nil
}

// decision is what a set of new signals leads to.
type decision struct {
	owned []incident.Signal // the signals, with the owners of their keys where they are known
	moved []incident.Signal // those of them whose owner the signal itself did not know
	cases []Case            // those that change
}

// weigh reads what bears on the signals and decides about everybody whom they
// concern.
func (l *Live) weigh(ctx context.Context, signals []incident.Signal, who []incident.Principal, now time.Time) (decision, error) {
	g := newGathering(l.source, now)
	if err := g.around(ctx, signals, who); err != nil {
		return decision{}, err
	}
	about, err := g.concerned(ctx, signals, who)
	if err != nil {
		return decision{}, err
	}
	e := g.evidence()
	var d decision
	d.owned, d.moved = own(e, signals)
	findings := e.FindingsAbout(l.settings, now, slices.Sorted(maps.Keys(about)))
	cases, err := l.changed(ctx, about, lesser(signals), findings, g.from, now)
	d.cases = cases
	return d, err
}

// own gives signals the owner of the key that they name, so that they are filed
// under it, and under the owner's name found by whoever decides about it.
func own(e *correlate.Set, signals []incident.Signal) (owned, moved []incident.Signal) {
	graph := lineage.Build(e.Signals, e.Uses)
	for _, s := range signals {
		if p, ok := graph.Owner(s.Key, s.Time); ok && !lineage.Resolved(s.Target) && s.Kind != incident.SessionIssued {
			s.Target = graph.Spelled(p)
			moved = append(moved, s)
		}
		owned = append(owned, s)
	}
	return owned, moved
}

// concerned are the subjects whose findings the signals can change: those that
// they are about, and those that somebody did something to of whom the signals
// tell something new.
func concerned(e *correlate.Set, signals []incident.Signal, r reach) map[string]incident.Principal {
	about := map[string]incident.Principal{}
	for n := range signals {
		concern(e, &signals[n], about)
	}
	for n := range e.Signals {
		if s := &e.Signals[n]; r.covers(s) {
			e.About(s, about)
		}
	}
	return about
}

// concern adds whom one signal tells something new about.
func concern(e *correlate.Set, s *incident.Signal, about map[string]incident.Principal) {
	e.About(s, about)
	if provider := providerOf(s); provider != "" {
		federatedBy(e, provider, about)
	}
	if s.Policy != nil && (s.Kind == incident.PolicyAttached || s.Kind == incident.PolicyDetached) {
		lost(e, s.Policy.ARN, about)
	}
}

// lost adds the subjects that a policy's versions were about as long as nobody was
// known to have the policy.
func lost(e *correlate.Set, policy string, about map[string]incident.Principal) {
	var written []incident.Signal
	for _, w := range e.Signals {
		if w.Kind == incident.ManagedPolicyWritten && w.Policy != nil && w.Policy.ARN == policy {
			written = append(written, w)
		}
	}
	alone := correlate.Index(correlate.Evidence{Signals: written})
	for n := range written {
		alone.About(&written[n], about)
	}
}

// reach says whose deeds look different in the light of new signals, and how far
// around them in time: what shows of an actor counts for a day to either side,
// and a run of infrastructure as code is told by what it does within minutes.
type reach map[string][]stretch // by the actor's Principal.Key

type stretch struct {
	at    time.Time
	about time.Duration
}

const (
	day     = 24 * time.Hour
	aRun    = 15 * time.Minute
	forEver = 1 << 62
)

// reachOf is what new signals, and news of principals, shed light on.
func reachOf(e *correlate.Set, signals []incident.Signal, who []incident.Principal) reach {
	r := reach{}
	for _, p := range who {
		r.extend(p.Key(), time.Time{}, forEver)
	}
	for n := range signals {
		r.of(e, &signals[n])
	}
	return r
}

func (r reach) extend(actor string, at time.Time, about time.Duration) {
	r[actor] = append(r[actor], stretch{at, about})
}

// of adds what one signal reaches.
func (r reach) of(e *correlate.Set, s *incident.Signal) {
	switch s.Kind {
	case incident.QuarantineAttached, incident.ExposureNotice, incident.CredentialExposed, incident.ThreatFinding:
		about := map[string]incident.Principal{}
		e.About(s, about)
		for key := range about {
			r.extend(key, s.Time, day)
			r.heirs(e, key, s.Time)
		}
	case incident.TrailStopped, incident.TrailDeleted, incident.TrailUpdated, incident.SelectorsChanged, incident.TrailStarted:
		r.extend(s.Actor.Principal.Key(), s.Time, day)
		r.heirs(e, s.Actor.Principal.Key(), s.Time)
	case incident.TagsChanged:
	default:
		if lineage.IaCClient(s.Actor.UserAgent) {
			r.extend(s.Actor.Principal.Key(), s.Time, aRun)
		}
	}
}

// heirs adds those whose sessions somebody asked for, and so on: they inherit
// what shows of the asker.
func (r reach) heirs(e *correlate.Set, asker string, at time.Time) {
	open, seen := []string{asker}, map[string]bool{asker: true}
	for range chain {
		var next []string
		for n := range e.Signals {
			s := &e.Signals[n]
			if s.Kind != incident.SessionIssued || !slices.Contains(open, s.Actor.Principal.Key()) || seen[s.Target.Key()] {
				continue
			}
			seen[s.Target.Key()] = true
			next = append(next, s.Target.Key())
			r.extend(s.Target.Key(), at, day)
		}
		if open = next; len(open) == 0 {
			return
		}
	}
}

// covers reports whether a signal is a deed within reach.
func (r reach) covers(s *incident.Signal) bool {
	switch s.Kind {
	case incident.SessionIssued, incident.CallDenied, incident.CredentialFailed:
		return false
	}
	return s.Actor.Known() && slices.ContainsFunc(r[s.Actor.Principal.Key()], func(st stretch) bool {
		return st.at.IsZero() || s.Time.Sub(st.at).Abs() <= st.about
	})
}

// providerOf is the identity provider that a signal is about.
func providerOf(s *incident.Signal) string {
	switch s.Kind {
	case incident.ProviderCreated, incident.ProviderChanged, incident.ProviderDeleted:
		return lineage.ProviderHost(cmp.Or(s.Target.ARN, s.Target.Name, s.Resource))
	}
	return ""
}

// federatedBy adds the subjects that rely on a provider.
func federatedBy(e *correlate.Set, provider string, about map[string]incident.Principal) {
	for n := range e.Signals {
		if s := &e.Signals[n]; s.Issued != nil && s.Issued.Provider != "" && lineage.ProviderHost(s.Issued.Provider) == provider {
			e.About(s, about)
		}
	}
}

// lesser are the subjects that the signals would have had before more was known
// of them: their keys and workloads. A case of theirs is taken over by the case
// of whom they turn out to belong to.
func lesser(signals []incident.Signal) map[string]bool {
	out := map[string]bool{}
	for n := range signals {
		s := signals[n]
		s.Target = incident.Principal{}
		alone := lineage.Build(nil, nil)
		if p := alone.Subject(&s); p.Known() {
			out[p.Key()] = true
		}
		if s.Workload != "" {
			out[lineage.WorkloadOf(s.Account, s.Workload).Key()] = true
		}
	}
	return out
}

// changed compares findings with the cases that are kept, and returns the cases
// that must be written. From is since when nodes were read that were not read
// whole.
func (l *Live) changed(ctx context.Context, about map[string]incident.Principal, before map[string]bool, findings []incident.Finding, from map[string]time.Time, now time.Time) ([]Case, error) {
	subjects := map[string]bool{}
	for key := range about {
		subjects[key] = true
	}
	maps.Copy(subjects, before)
	kept := map[string]Case{}
	for _, key := range slices.Sorted(maps.Keys(subjects)) {
		cases, err := l.ledger.Cases(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read cases of %s: %w", key, err)
		}
		for _, c := range cases {
			kept[c.Finding.ID] = c
		}
	}
	var out []Case
	for _, f := range findings {
		f = l.continued(f, kept, from)
		have, was := kept[f.ID]
		delete(kept, f.ID)
		c := Case{Finding: f, Version: have.Version, Due: l.due(f), Supersedes: have.Supersedes}
		if !was || have.SupersededBy != "" || !reflect.DeepEqual(normal(have.Finding), normal(f)) || !have.Due.Equal(c.Due) {
			out = append(out, c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		if c := kept[id]; c.SupersededBy == "" && !l.forgotten(c, from, now) {
			c.SupersededBy, c.SupersededBySubject = successor(c, findings)
			c.Due = time.Time{}
			out = append(out, c)
		}
	}
	return linked(out), nil
}

// forgotten reports whether a case is so old that its evidence may be gone, or
// was not read: that it is no longer found means nothing then.
func (l *Live) forgotten(c Case, from map[string]time.Time, now time.Time) bool {
	if at := from[nodeOf(c.Finding.Subject.Principal)]; c.Finding.FirstSeen.Before(at.Add(l.settings.Thresholds.Quiet)) && !at.IsZero() {
		return true
	}
	return l.Retention > 0 && now.Sub(c.Finding.FirstSeen) > l.Retention-l.settings.Thresholds.Quiet
}

// continued is a finding under the id and with the beginning of the case that it
// continues, where that began before what was read of its subject. Without it
// an incident that outlasts what is read would be told again as another.
func (l *Live) continued(f incident.Finding, kept map[string]Case, from map[string]time.Time) incident.Finding {
	at, cut := from[nodeOf(f.Subject.Principal)]
	if !cut {
		return f
	}
	quiet := l.settings.Thresholds.Quiet
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		c := kept[id]
		old := c.Finding.FirstSeen.Before(at.Add(quiet)) && c.Finding.FirstSeen.Before(f.FirstSeen)
		if old && c.SupersededBy == "" && c.Finding.Subject.Same(f.Subject.Principal) && !c.Finding.LastSeen.Add(quiet).Before(f.FirstSeen) {
			f.ID, f.FirstSeen = c.Finding.ID, c.Finding.FirstSeen
			return f
		}
	}
	return f
}

// linked tells each case that stands in place of others which they are.
func linked(cases []Case) []Case {
	at := map[string]int{}
	for n, c := range cases {
		at[c.Finding.ID] = n
	}
	for _, c := range cases {
		if n, ok := at[c.SupersededBy]; ok && !slices.Contains(cases[n].Supersedes, c.Finding.ID) {
			cases[n].Supersedes = append(slices.Clone(cases[n].Supersedes), c.Finding.ID)
		}
	}
	return cases
}

// Withdrawn stands in place of a successor's id where the evidence no longer
// makes a finding at all.
const Withdrawn = "withdrawn"

// successor is the finding that covers the time of a case that is none any
// more, with its subject.
func successor(c Case, findings []incident.Finding) (id, subject string) {
	for _, f := range findings {
		if !f.FirstSeen.After(c.Finding.LastSeen) && !c.Finding.FirstSeen.After(f.LastSeen) {
			return f.ID, f.Subject.Key()
		}
	}
	return Withdrawn, ""
}

// due is when time alone changes a finding: it settles, then resolves.
func (l *Live) due(f incident.Finding) time.Time {
	switch f.Status {
	case incident.Open:
		return f.LastSeen.Add(l.settings.Thresholds.Lateness)
	case incident.Settled:
		return f.LastSeen.Add(l.settings.Thresholds.Quiet)
	}
	return time.Time{}
}

// normal makes findings comparable that differ only in how empty lists and
// times are held.
func normal(f incident.Finding) incident.Finding {
	f.FirstSeen, f.LastSeen = f.FirstSeen.UTC(), f.LastSeen.UTC()
	f.Evidence, f.CounterEvidence = normalEvidence(f.Evidence), normalEvidence(f.CounterEvidence)
	for _, list := range []*[]string{&f.WouldChange, &f.NextSteps, &f.ATTACK, &f.Capped, &f.Subject.AccessKeyIDs, &f.Subject.Workloads} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return f
}

func normalEvidence(list []incident.Evidence) []incident.Evidence {
	var out []incident.Evidence
	for _, e := range list {
		e.Time = e.Time.UTC()
		out = append(out, e)
	}
	return out
}
