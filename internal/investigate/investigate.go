// Package investigate asks an account's event history about a credential, a
// principal, or the account as a whole, and tells what came of it: the
// detector's findings, and the lineage of the keys concerned.
//
// It needs no deployment and changes nothing. What it asks follows from what it
// has learnt: who issued a key leads to that caller's key, a key leads to those
// that it issued, a principal to the changes that were made to it. It asks in
// the order in which answers decide most, within a limit of requests, and keeps
// what it read in a cache, so that an investigation that was interrupted goes on
// where it was.
//
// What it does not promise: completeness. The event history has management
// events of one account, of 90 days, of the Regions that were asked, minutes
// late, and no call that failed authentication. A result says which of its
// questions were not read to the end.
package investigate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Attributes by which the event history finds events: at most one at a time.
const (
	Everything   = "" // no attribute: all events of the time
	AccessKeyID  = "AccessKeyId"
	ResourceName = "ResourceName"
	Username     = "Username"
	EventSource  = "EventSource"
	EventName    = "EventName"
)

// Question asks for the events of one Region and time that have an attribute's
// value.
type Question struct {
	Region, Attribute, Value string
	From, To                 time.Time // both inclusive, in whole seconds
}

// String says what is asked, for people.
func (q Question) String() string {
	switch q.Attribute {
	case Everything:
		return "all events in " + q.Region
	case AccessKeyID:
		return "what key " + q.Value + " did in " + q.Region
	case Username:
		return "what " + q.Value + " did in " + q.Region
	case ResourceName:
		return "what was done to " + q.Value + " in " + q.Region
	}
	return q.Value + " in " + q.Region
}

// Call is one recorded call, as far as the tally of a key needs it.
type Call struct {
	ID        string    `json:"id"`
	Region    string    `json:"region"`
	Time      time.Time `json:"time"`
	KeyID     string    `json:"key,omitempty"`
	Operation string    `json:"operation"` // in IAM's notation
	Error     string    `json:"error,omitempty"`
}

// Page is a part of an answer, newest events first.
type Page struct {
	Signals []incident.Signal
	Uses    []incident.Use
	Calls   []Call
	// Oldest is the time of the last event, zero where there was none.
	Oldest time.Time
	// Next stands for the page that follows; empty after the last one.
	Next string
}

// Events is an account's event history.
type Events interface {
	// Page reads a page: the first one, or the one that a Next stands for. It
	// keeps to the rate that is allowed in each Region, waits and tries again
	// where it is throttled, and may be called for several Regions at once.
	// An error that wraps a Refused is about its Region alone.
	Page(ctx context.Context, q Question, next string) (Page, error)
}

// Refused says that a Region does not answer, and why.
type Refused struct {
	Permission string // what the credentials lack, if that is why
	Reason     string
}

func (r *Refused) Error() string {
	if r.Permission != "" {
		return "the credentials lack " + r.Permission
	}
	return r.Reason
}

// Request is what to investigate: a key, a principal, or without either the
// account.
type Request struct {
	Account, Partition string
	// Home is the Region of IAM's events; it is one of Regions.
	Home    string
	Regions []string
	Key     string
	// Principal has an account and a name; its type is empty where it may be a
	// role or a user.
	Principal incident.Principal
	From, To  time.Time
	// Now is when that is asked. What happened shortly before is still coming.
	Now time.Time
	// MaxRequests is how many requests are made at most.
	MaxRequests int
	Settings    incident.Settings
}

// Progress is what has been read so far.
type Progress struct {
	Requests, Events int
	Asking           string
}

// Result is what an investigation found.
type Result struct {
	Request
	// Findings are those about what was asked, the gravest first; Others are
	// those about others that were met on the way.
	Findings, Others []incident.Finding
	// Keys are the keys that were asked about, or the principal's, newest first.
	Keys     []*Key
	Requests int
	Events   int
	// Unread are questions that were not read to their end, and why.
	Unread []Unread
}

// Unread is a question that was not read to its end.
type Unread struct {
	Question
	Why string
}

// Run investigates. After an error the cache has what was read until then.
func Run(ctx context.Context, r Request, events Events, cache Cache, tell func(Progress)) (Result, error) {
	if cache == nil {
		cache = nowhere{}
	}
	if tell == nil {
		tell = func(Progress) {}
	}
	r.From, r.To = r.From.UTC().Truncate(time.Second), r.To.UTC().Truncate(time.Second)
	i := &inquiry{
		Request: r, events: events, cache: cache, tell: tell, asked: map[Question]bool{}, refused: map[string]bool{},
		signals: map[string]incident.Signal{}, uses: map[string]incident.Use{}, calls: map[string]Call{},
	}
	for wave := i.next(); len(wave) > 0; wave = i.next() {
		if err := i.ask(ctx, wave); err != nil {
			return Result{}, err
		}
	}
	return i.conclude(ctx)
}

// inquiry is an investigation at work.
type inquiry struct {
	Request
	events Events
	cache  Cache
	tell   func(Progress)
	asked  map[Question]bool

	mu       sync.Mutex
	signals  map[string]incident.Signal
	uses     map[string]incident.Use
	calls    map[string]Call
	requests int
	unread   []Unread
	refused  map[string]bool // Regions
}

// open is a part of an answer that is still to be read.
type open struct {
	Question
	begun bool // newer parts of it were read
}

// ask reads the answers to questions, as far as the requests go. These are
// divided among the Regions, which are read side by side, so that what is read
// does not depend on which of them is faster.
func (i *inquiry) ask(ctx context.Context, wave []Question) error {
	var todo []open
	for _, q := range wave {
		i.asked[q] = true
		known, err := i.known(q)
		if err != nil {
			return err
		}
		for _, gap := range known {
			todo = append(todo, open{Question: gap})
		}
	}
	for len(todo) > 0 && i.requests < i.MaxRequests {
		var err error
		if todo, err = i.round(ctx, todo); err != nil {
			return err
		}
	}
	for _, o := range todo {
		limit := fmt.Sprintf("the limit of requests (--max-requests %d) was reached", i.MaxRequests)
		if o.begun {
			limit = "read back to " + o.To.Format(time.DateTime) + " UTC, where " + limit
		}
		i.note(Unread{o.Question, limit})
	}
	return nil
}

// known takes what the cache has of an answer. It returns what it lacks, the
// newest part first.
func (i *inquiry) known(q Question) ([]Question, error) {
	segments, err := i.cache.Read(i.Account, q)
	if err != nil {
		return nil, fmt.Errorf("read the cache: %w", err)
	}
	for _, s := range segments {
		i.take(q, s)
	}
	return gaps(q, segments), nil
}

// round reads on in every Region, as far as its share of the requests goes. It
// returns what is left.
func (i *inquiry) round(ctx context.Context, todo []open) (left []open, err error) {
	byRegion := map[string][]open{}
	for _, o := range todo {
		byRegion[o.Region] = append(byRegion[o.Region], o)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	rest, regions := i.MaxRequests-i.requests, len(byRegion)
	lefts := make([][]open, len(i.Regions))
	for n, region := range i.Regions {
		if byRegion[region] == nil {
			continue
		}
		share := (rest + regions - 1) / regions
		rest, regions = rest-share, regions-1
		wait.Go(func() {
			var err error
			if lefts[n], err = i.region(ctx, byRegion[region], share); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return slices.Concat(lefts...), context.Cause(ctx)
}

// region reads on in one Region with at most share requests. It returns what is
// left.
func (i *inquiry) region(ctx context.Context, todo []open, share int) (left []open, err error) {
	for n, o := range todo {
		if i.isRefused(o.Region) {
			return nil, nil
		}
		done := false
		if share, done, err = i.read(ctx, &o, share); err != nil {
			return nil, err
		}
		if !done {
			return append([]open{o}, todo[n+1:]...), nil
		}
	}
	return nil, nil
}

func (i *inquiry) note(u Unread) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unread = append(i.unread, u)
}

// settled is how long after an event the history may still lack it.
const settled = 15 * time.Minute

// read reads the pages of an answer with at most share requests. It returns how
// many are left, and whether it came to the end.
func (i *inquiry) read(ctx context.Context, o *open, share int) (rest int, done bool, err error) {
	asked, next := o.Question, "" // a page is asked for as the first one was
	for ; share > 0; share-- {
		i.count(asked)
		page, err := i.events.Page(ctx, asked, next)
		var refused *Refused
		switch {
		case errors.As(err, &refused):
			i.refuse(asked, refused)
			return share - 1, true, nil
		case err != nil:
			return 0, false, fmt.Errorf("look up %s: %w", asked, err)
		}
		s := Segment{From: o.From, To: o.To, Signals: page.Signals, Uses: page.Uses, Calls: page.Calls}
		if page.Next != "" && !page.Oldest.IsZero() {
			s.From = page.Oldest.Add(time.Second) // more of that second may follow
		}
		i.take(o.Question, s)
		if err := i.keep(o.Question, s); err != nil {
			return 0, false, err
		}
		if next = page.Next; next == "" {
			return share - 1, true, nil
		}
		if o.begun = true; !page.Oldest.IsZero() {
			o.To = page.Oldest
		}
	}
	return 0, false, nil
}

// keep puts into the cache what will not change any more.
func (i *inquiry) keep(q Question, s Segment) error {
	if late := i.Now.Add(-settled).Truncate(time.Second); s.To.After(late) {
		s.To = late
	}
	if s.To.Before(s.From) {
		return nil
	}
	if err := i.cache.Add(i.Account, q, s); err != nil {
		return fmt.Errorf("write the cache: %w", err)
	}
	return nil
}

// count counts a request.
func (i *inquiry) count(q Question) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	i.tell(Progress{Requests: i.requests, Events: len(i.calls), Asking: q.String()})
}

func (i *inquiry) isRefused(region string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refused[region]
}

// refuse notes that a Region does not answer; it is not asked again.
func (i *inquiry) refuse(q Question, r *Refused) {
	i.note(Unread{q, r.Error()})
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refused[q.Region] = true
}

// take adds what a segment holds of the time that was asked about.
func (i *inquiry) take(q Question, s Segment) {
	i.mu.Lock()
	defer i.mu.Unlock()
	in := func(t time.Time) bool { return !t.Before(q.From) && !t.After(i.To) }
	for _, x := range s.Signals {
		if in(x.Time) {
			i.signals[x.Account+"/"+x.ID+"/"+string(x.Kind)] = x
		}
	}
	for _, u := range s.Uses {
		if u.Last.Before(q.From) || u.First.After(i.To) {
			continue
		}
		if have, ok := i.uses[u.Key()]; ok {
			u = have.Join(u)
		}
		i.uses[u.Key()] = u
	}
	for _, c := range s.Calls {
		if in(c.Time) {
			i.calls[c.ID] = c
		}
	}
}

// evidence is what has been read, in an order of its own.
func (i *inquiry) evidence() ([]incident.Signal, []incident.Use) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var signals []incident.Signal
	for _, k := range sorted(i.signals) {
		signals = append(signals, i.signals[k])
	}
	var uses []incident.Use
	for _, k := range sorted(i.uses) {
		uses = append(uses, i.uses[k])
	}
	return signals, uses
}

// conclude decides about what was read.
func (i *inquiry) conclude(ctx context.Context) (Result, error) {
	signals, uses := i.evidence()
	d := detect.New(store.NewMemory(store.DefaultLimits()), i.Settings)
	if _, err := d.Ingest(ctx, signals, uses); err != nil {
		return Result{}, err
	}
	findings, err := d.Findings(ctx, i.To)
	if err != nil {
		return Result{}, err
	}
	g := lineage.Build(signals, uses)
	r := Result{Request: i.Request, Requests: i.requests, Events: len(i.calls), Unread: i.unread}
	slices.SortFunc(r.Unread, func(a, b Unread) int { return compareQuestions(a.Question, b.Question) })
	r.Keys = i.tree(g, signals, uses)
	slices.SortStableFunc(findings, gravest)
	for _, f := range findings {
		if f.LastSeen.Before(i.From) {
			continue
		}
		if i.about(g, f) {
			r.Findings = append(r.Findings, f)
		} else {
			r.Others = append(r.Others, f)
		}
	}
	return r, nil
}

// gravest puts grave findings first, and of equal ones the latest.
func gravest(a, b incident.Finding) int {
	if a.Severity != b.Severity {
		return int(b.Severity) - int(a.Severity)
	}
	return b.LastSeen.Compare(a.LastSeen)
}

// about reports whether a finding is about what was asked.
func (i *inquiry) about(g *lineage.Graph, f incident.Finding) bool {
	switch {
	case i.Key != "":
		owner, ok := g.Owner(i.Key, i.To)
		return slices.Contains(f.Subject.AccessKeyIDs, i.Key) || f.Subject.Name == i.Key || ok && f.Subject.Key() == owner.Key()
	case i.Principal.Name != "":
		return f.Subject.Name == i.Principal.Name && (i.Principal.Type == "" || f.Subject.Type == i.Principal.Type)
	}
	return true
}
