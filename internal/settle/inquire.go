package settle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/store"
)

// inquiry is a key that is looked up in the event history. It stays noted for a
// while after that, so that an incident does not ask for it again and again. The
// names are a storage format.
type inquiry struct {
	Key     string `json:"key"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	// Incident is what the key failed for: a workload with many keys is one
	// incident.
	Incident string `json:"incident"`
	// Due is when it is to be looked up; zero when it was.
	Due   time.Time `json:"due,omitzero"`
	Tries int       `json:"tries,omitempty"`
	Noted time.Time `json:"noted"`
}

const (
	// maxAsked bounds the inquiries that are noted.
	maxAsked = 100
	// remember is how long an inquiry stays noted.
	remember = 24 * time.Hour
	// tries is how often a key is looked up of which nothing is found, and
	// tryAgain how long after the first time: the history lags behind.
	tries    = 2
	tryAgain = 20 * time.Minute
)

// forget drops inquiries that are old, or of a time that has not come yet.
func (r *run) forget() {
	r.notes.Asked = slices.DeleteFunc(r.notes.Asked, func(q inquiry) bool {
		return r.now.Sub(q.Noted).Abs() > remember
	})
	r.notes.Pursued = slices.DeleteFunc(r.notes.Pursued, func(p pursuit) bool {
		return r.now.Sub(p.Noted).Abs() > remember
	})
}

// wonder notes the keys of failures of which it is not known where they come
// from: what issued a temporary key, what became of a user's.
func (r *run) wonder(ctx context.Context, group []incident.Signal) error {
	if r.History == nil {
		return nil
	}
	for _, s := range group {
		name := incidentOf(&s)
		if s.Kind != incident.CredentialFailed || !ours(s.Key, s.Account) || !r.room(s.Key, name) {
			continue
		}
		known, err := r.knownKey(ctx, s.Key)
		if err != nil {
			return err
		}
		if !known {
			r.notes.Asked = append(r.notes.Asked, inquiry{Key: s.Key, Account: s.Account, Region: s.Region, Incident: name, Due: r.now, Noted: r.now})
		}
	}
	return nil
}

// ours reports whether a key can be in the account's event history.
func ours(key, account string) bool {
	switch lineage.IDKind(key) {
	case lineage.TemporaryKey, lineage.LongTermKey:
		owner, ok := lineage.AccountOfKey(key)
		return !ok || account == "" || owner == account
	}
	return false
}

// incidentOf names what a failure belongs to as it is reported, which holds
// before its key is known and after.
func incidentOf(s *incident.Signal) string {
	switch {
	case s.Workload != "":
		return lineage.WorkloadOf(s.Account, s.Workload).Key()
	case s.Target.Known():
		return s.Target.Key()
	}
	return s.Key
}

// room reports whether a key may be noted: it was not yet, and neither its
// incident nor all of them have had enough.
func (r *run) room(key, name string) bool {
	n := 0
	for _, q := range r.notes.Asked {
		if q.Key == key {
			return false
		}
		if q.Incident == name {
			n++
		}
	}
	return n < r.Limits.Keys && len(r.notes.Asked) < maxAsked
}

// knownKey reports whether it is kept where a key comes from.
func (r *run) knownKey(ctx context.Context, key string) (bool, error) {
	q := store.Query{Node: lineage.KeyNode(key), Now: r.now}
	for range maxPages {
		page, err := r.Evidence.Signals(ctx, q)
		if err != nil {
			return false, fmt.Errorf("read what is kept of key %s: %w", key, err)
		}
		if slices.ContainsFunc(page.Items, func(s incident.Signal) bool { return tellsOf(&s, key) }) {
			return true, nil
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	return false, nil
}

// tellsOf reports whether a signal says where a key comes from or what became
// of it.
func tellsOf(s *incident.Signal, key string) bool {
	switch s.Kind {
	case incident.SessionIssued:
		return s.Issued != nil && s.Issued.AccessKeyID == key
	case incident.KeyCreated, incident.KeyStatusChanged, incident.KeyDeleted:
		return s.Key == key
	}
	return false
}

// inquire looks noted keys up, with half of the requests that a run has: those of
// which nothing is known, then what the keys of incidents did.
func (r *run) inquire(ctx context.Context) error {
	var errs []error
	for n := range r.notes.Asked {
		q := &r.notes.Asked[n]
		if q.Due.IsZero() || q.Due.After(r.now) {
			continue
		}
		if r.closed {
			break
		}
		if r.left <= r.Limits.Requests/2 {
			r.report.Behind = true
			break
		}
		if err := r.lookUp(ctx, q); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, r.follow(ctx))...)
}

// lookUp asks for a key until something is found, and decides again about it.
func (r *run) lookUp(ctx context.Context, q *inquiry) error {
	for _, question := range r.questions(q) {
		a, ok := r.ask(ctx, question)
		if !ok {
			return nil
		}
		if len(a.Signals)+len(a.Uses) == 0 {
			continue
		}
		if err := r.Decider.Handle(ctx, a.Signals, a.Uses, r.now); err != nil {
			return fmt.Errorf("keep what is known of key %s: %w", q.Key, err)
		}
		key := incident.Principal{Type: incident.AccessKey, Account: q.Account, Name: q.Key}
		if err := r.Decider.Revisit(ctx, []incident.Principal{key}, r.now); err != nil {
			return fmt.Errorf("decide again about key %s: %w", q.Key, err)
		}
		r.report.Found++
		q.Due = time.Time{}
		return nil
	}
	if q.Tries++; q.Tries < tries {
		q.Due = r.now.Add(tryAgain)
	} else {
		q.Due = time.Time{}
	}
	return nil
}

// questions are what can tell of a key, in the order of what they tell. Events
// of STS are in the Region of the endpoint, mostly the caller's own.
func (r *run) questions(q *inquiry) []Question {
	regions := []string{r.Home}
	if lineage.IDKind(q.Key) == lineage.TemporaryKey && q.Region != r.Home && sibling(q.Region, r.Home) {
		regions = []string{q.Region, r.Home}
	}
	var out []Question
	for _, region := range regions {
		out = append(out, Question{Region: region, Attribute: ResourceName, Value: q.Key, Pages: 1})
	}
	return append(out, Question{Region: regions[0], Attribute: AccessKeyID, Value: q.Key, Pages: 1})
}

// sibling reports whether region, which a client may have made up, can be a
// Region of home's partition.
func sibling(region, home string) bool {
	parts := strings.Split(region, "-")
	if len(parts) < 3 || len(region) > 25 || partition(region) != partition(home) {
		return false
	}
	return !strings.ContainsFunc(region, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}

// partition is the part of a Region's name that tells the partitions apart.
func partition(region string) string {
	for _, prefix := range []string{"cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"} {
		if strings.HasPrefix(region, prefix) {
			return prefix
		}
	}
	return ""
}

// ask asks the event history, unless there are no more requests to be had. That
// it gives no answer ends the run's questions, not the run: everything else does
// without.
func (r *run) ask(ctx context.Context, q Question) (a Answer, ok bool) {
	if r.closed {
		return Answer{}, false
	}
	if r.left < q.Pages { // fewer pages would look like too many events
		r.report.Behind = true
		return Answer{}, false
	}
	a, err := r.History.Ask(ctx, q)
	r.left -= a.Requests
	r.report.Lookups += a.Requests
	switch {
	case errors.Is(err, context.DeadlineExceeded): // the stage's time is over
		r.report.Behind = true
	case err != nil:
		r.closed, r.report.Unanswered = true, err
	}
	return a, err == nil
}
