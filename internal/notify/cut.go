package notify

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Cuts remembers which cut-offs can still explain failures of others. The
// package notifytest is this contract as tests.
type Cuts interface {
	// Cuts returns the cut-offs whose Until is not before t, in the order of
	// their cases' ids. Reading is consistent with every KeepCut that returned
	// before.
	Cuts(ctx context.Context, t time.Time) ([]Cut, error)
	// KeepCut stores a cut-off in place of the one of the same case. One
	// without names is forgotten. It may be repeated. What ended a week ago may
	// be lost.
	KeepCut(ctx context.Context, c Cut) error
}

// Cut is what a cut-off reaches: whoever bears one of the names and begins to
// fail within its time fails because of it.
type Cut struct {
	CaseID string
	// Subject is the subject under which the case is kept.
	Subject string
	// Names are those reached, as package lineage names nodes: principals,
	// keys, workloads; sorted.
	Names []string
	// From is when the cut was made. Until is when the last session that was
	// alive then has ended, and whoever renews it has noticed.
	From, Until time.Time
}

// slack is added to a cut's end when it is kept, so that a cut-off whose
// aftermath goes on is not kept anew with every failure.
const slack = 15 * time.Minute

// KeptCut is what a page knows of the cut-off that is kept for its case.
type KeptCut struct {
	// Version is the case's version that it was kept for.
	Version int64
	// Names is a digest of its names; empty if it has none.
	Names       string
	From, Until time.Time
}

func kept(c Cut, version int64) KeptCut {
	k := KeptCut{Version: version, From: c.From, Until: c.Until}
	if len(c.Names) > 0 {
		k.Names = digest(c.Names...)
	}
	return k
}

// covers reports whether a cut that is kept still does for one that is wanted.
func (k KeptCut) covers(want Cut) bool {
	return k.Names == kept(want, 0).Names && k.From.Equal(want.From) &&
		!k.Until.Before(want.Until) && !k.Until.After(want.Until.Add(slack))
}

// cutting are the causes that end somebody's credentials. They are the
// incidents' own evidence of it: whether a cut reaches others, its names say.
var cutting = []incident.Cause{
	incident.RevokedByStranger, incident.RoleDeletedByStranger, incident.KeyDisabledByStranger,
	incident.ProviderRemovedByStranger, incident.TrustChangedByStranger, incident.ContainmentEvaded,
	incident.RevokedByResponder, incident.KeyDisabledByResponder, incident.KeyDisabledByOwner, incident.KeyRotated,
	incident.RoleDeletedByOwner, incident.TrustChangedByOwner, incident.ServiceManaged,
}

// cutKinds are the signals that a cut-off shows by.
var cutKinds = []incident.Kind{
	incident.SessionsRevoked, incident.PolicyAttached, incident.ManagedPolicyWritten, incident.KeyStatusChanged, incident.KeyDeleted,
	incident.UserDeleted, incident.RoleDeleted, incident.TrustChanged, incident.ProviderDeleted, incident.ProviderChanged,
}

// cutOf is the cut-off that a case is about. It has no names if the case is
// about something else, or is none any more.
func cutOf(c detect.Case, s incident.Thresholds) Cut {
	f := c.Finding
	cut := Cut{CaseID: f.ID, Subject: c.Subject()}
	if c.SupersededBy != "" || !slices.Contains(cutting, f.Cause) {
		return cut
	}
	cut.From = cutTime(f)
	cut.Until = f.LastSeen
	if b := f.BlastRadius; b != nil && b.Until.After(cut.Until) {
		cut.Until = b.Until
	}
	cut.Until = cut.Until.Add(s.Correlation)
	cut.Names = reached(f)
	return cut
}

// cutTime is when the first of a finding's cuts was made.
func cutTime(f incident.Finding) time.Time {
	at := time.Time{}
	for _, e := range slices.Concat(f.Evidence, f.CounterEvidence) {
		if slices.Contains(cutKinds, e.Signal) && (at.IsZero() || e.Time.Before(at)) {
			at = e.Time
		}
	}
	if at.IsZero() {
		return f.FirstSeen
	}
	return at
}

// reached are the names that a cut-off's finding reaches: those of its subject,
// and those of the sessions that were alive. A session is known by its role, and
// by its own name, which is often that of the workload it was issued to.
func reached(f incident.Finding) []string {
	list := namesOf(f)
	if f.BlastRadius != nil {
		for _, arn := range f.BlastRadius.Principals {
			list = append(list, sessionNames(arn)...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// namesOf are the names that a finding's subject bears.
func namesOf(f incident.Finding) []string {
	list := []string{f.Subject.Key()}
	if f.Subject.Type == incident.AccessKey {
		list = []string{lineage.KeyNode(f.Subject.Name)}
	}
	for _, key := range f.Subject.AccessKeyIDs {
		list = append(list, lineage.KeyNode(key))
	}
	for _, workload := range f.Subject.Workloads {
		list = append(list, lineage.WorkloadOf(f.Account, workload).Key())
	}
	return list
}

// sessionNames are the names behind an ARN of a session or a user.
func sessionNames(arn string) []string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	account, resource := parts[4], parts[5]
	kind, name, _ := strings.Cut(resource, "/")
	switch kind {
	case "assumed-role":
		role, session, ok := strings.Cut(name, "/")
		list := []string{incident.Principal{Type: incident.Role, Account: account, Name: role}.Key()}
		if ok {
			list = append(list, lineage.WorkloadOf(account, session).Key())
		}
		return list
	case "role", "user":
		name = name[strings.LastIndexByte(name, '/')+1:]
		return []string{incident.Principal{Type: incident.PrincipalType(kind), Account: account, Name: name}.Key()}
	}
	return nil
}

// mayBeInhibited reports whether a finding says no more than that credentials
// fail, so that a cut-off can be all there is to it.
func mayBeInhibited(f incident.Finding) bool {
	return f.Verdict == incident.Expiry || f.Verdict == incident.Inconclusive && f.Cause == incident.UnexplainedFailures
}

// explaining are the cut-offs that explain a finding: those that reach its
// subject, made before it began to fail and not long before.
func explaining(cuts []Cut, f incident.Finding) []Cut {
	names := namesOf(f)
	return slices.DeleteFunc(cuts, func(c Cut) bool {
		return c.CaseID == f.ID || f.FirstSeen.Before(c.From) || f.FirstSeen.After(c.Until) || !bears(c, names)
	})
}

// bears reports whether a cut reaches one of the names.
func bears(c Cut, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, ok := slices.BinarySearch(c.Names, name)
		return ok
	})
}
