package filing

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Each function here names the fields of one type in the order in which they
// are stored. The order is the format: add at the end, never move or remove.

// signal leaves out what differs between the signals of a fold: id and time.
func (c *coder) signal(s *incident.Signal) {
	c.block(func() {
		c.str(&s.Account)
		c.str(&s.Partition)
		c.str(&s.Region)
		text(c, &s.Kind)
		text(c, &s.Feed)
		c.str(&s.Operation)
		c.actor(&s.Actor)
		c.principal(&s.Target)
		c.str(&s.Key)
		c.str(&s.Workload)
		c.str(&s.Resource)
		c.str(&s.ErrorCode)
		text(c, &s.Reason)
		c.count(&s.Count)
		c.str(&s.KeyStatus)
		c.duration(&s.MaxSession)
		c.bool(&s.Weakened)
		pointer(c, &s.Issued, c.session)
		pointer(c, &s.Policy, c.policy)
		pointer(c, &s.Revocation, c.revocation)
		pointer(c, &s.Trust, c.trust)
		pointer(c, &s.Denial, c.denial)
		pointer(c, &s.Exposure, c.exposure)
		pointer(c, &s.Threat, c.threat)
		pointer(c, &s.Tagging, c.tagging)
	})
}

func (c *coder) tagging(t *incident.Tagging) {
	list(c, &t.Put, c.tag)
	c.texts(&t.Taken)
}

func (c *coder) tag(t *incident.Tag) {
	c.str(&t.Key)
	c.str(&t.Value)
}

func (c *coder) duration(d *time.Duration) {
	n := int64(*d)
	c.int(&n)
	*d = time.Duration(n)
}

func (c *coder) texts(l *[]string) { list(c, l, c.str) }

func (c *coder) principal(p *incident.Principal) {
	c.block(func() {
		text(c, &p.Type)
		c.str(&p.Partition)
		c.str(&p.Account)
		c.str(&p.Name)
		c.str(&p.ID)
		c.str(&p.ARN)
	})
}

func (c *coder) actor(a *incident.Actor) {
	c.block(func() {
		c.principal(&a.Principal)
		c.str(&a.SessionName)
		c.str(&a.SessionARN)
		c.str(&a.AccessKeyID)
		c.at(&a.IssuedAt)
		c.bool(&a.MFA)
		c.bool(&a.Console)
		c.str(&a.InvokedBy)
		c.str(&a.SourceIP)
		c.str(&a.UserAgent)
		c.str(&a.CredentialsOf)
	})
}

func (c *coder) session(s *incident.Session) {
	c.str(&s.AccessKeyID)
	c.str(&s.Name)
	c.at(&s.IssuedAt)
	c.at(&s.ExpiresAt)
	c.str(&s.ParentKey)
	c.str(&s.Provider)
	c.str(&s.Subject)
	c.str(&s.SourceIdentity)
	c.bool(&s.Chained)
	c.bool(&s.ByService)
}

func (c *coder) policy(p *incident.Policy) {
	c.str(&p.Name)
	c.str(&p.ARN)
	c.bool(&p.SetDefault)
}

func (c *coder) revocation(r *incident.Revocation) {
	c.at(&r.IssuedBefore)
	c.texts(&r.Users)
	c.bool(&r.Literal)
}

func (c *coder) trust(t *incident.TrustPolicy) {
	list(c, &t.Statements, c.statement)
	c.bool(&t.Unreadable)
}

func (c *coder) statement(s *incident.TrustStatement) {
	c.block(func() {
		c.bool(&s.Deny)
		c.bool(&s.NotPrincipal)
		list(c, &s.Principals, func(p *incident.TrustPrincipal) {
			c.str(&p.Type)
			c.str(&p.Value)
		})
		c.texts(&s.Actions)
		list(c, &s.Conditions, func(cond *incident.Condition) {
			c.str(&cond.Operator)
			c.str(&cond.Key)
			c.texts(&cond.Values)
		})
	})
}

func (c *coder) denial(d *incident.Denial) {
	c.bool(&d.Explicit)
	c.bool(&d.Implicit)
	c.str(&d.PolicyKind)
	c.str(&d.PolicyARN)
	c.str(&d.Action)
	c.str(&d.Resource)
	c.bool(&d.FromMessage)
}

func (c *coder) exposure(e *incident.Exposure) {
	c.str(&e.What)
	c.str(&e.Where)
}

func (c *coder) threat(t *incident.Threat) {
	c.str(&t.Type)
	c.bits(&t.Severity)
}

// use takes its times since base.
func (c *coder) use(u *incident.Use, base *int64) {
	c.block(func() {
		c.str(&u.Account)
		c.str(&u.Region)
		c.principal(&u.Principal)
		c.str(&u.SessionName)
		c.str(&u.AccessKeyID)
		c.at(&u.IssuedAt)
		c.str(&u.SourceIP)
		c.str(&u.Network)
		c.str(&u.Client)
		c.str(&u.Service)
		c.bool(&u.Probe)
		c.str(&u.Credentials)
		c.time(&u.First, base)
		c.time(&u.Last, base)
		c.id(&u.FirstID)
		c.id(&u.LastID)
	})
}

// storedCase leaves out the version, which the table counts.
func (c *coder) storedCase(s *store.Case) {
	c.block(func() {
		c.finding(&s.Finding)
		c.str(&s.SupersededBy)
		c.at(&s.Due)
		c.str(&s.SupersededBySubject)
		c.texts(&s.Supersedes)
	})
}

func (c *coder) finding(f *incident.Finding) {
	c.block(func() {
		c.str(&f.ID)
		c.count(&f.Revision)
		text(c, &f.Status)
		c.str(&f.Account)
		c.str(&f.Region)
		c.str(&f.Partition)
		c.subject(&f.Subject)
		text(c, &f.Verdict)
		text(c, &f.Cause)
		c.bits(&f.Confidence)
		c.severity(&f.Severity)
		c.at(&f.FirstSeen)
		c.at(&f.LastSeen)
		c.str(&f.Summary)
		list(c, &f.Evidence, c.evidence)
		list(c, &f.CounterEvidence, c.evidence)
		c.texts(&f.WouldChange)
		c.texts(&f.NextSteps)
		pointer(c, &f.Interval, c.interval)
		pointer(c, &f.BlastRadius, c.blastRadius)
		c.texts(&f.ATTACK)
		c.texts(&f.Capped)
	})
}

func (c *coder) severity(s *incident.Severity) {
	n := int(*s)
	c.count(&n)
	*s = incident.Severity(n)
}

func (c *coder) subject(s *incident.Subject) {
	c.block(func() {
		c.principal(&s.Principal)
		c.texts(&s.AccessKeyIDs)
		c.texts(&s.Workloads)
		list(c, &s.Tags, c.tag)
	})
}

func (c *coder) evidence(e *incident.Evidence) {
	c.block(func() {
		c.id(&e.EventID)
		c.at(&e.Time)
		text(c, &e.Signal)
		c.str(&e.Actor)
		c.str(&e.SourceIP)
		text(c, &e.Direction)
		c.bits(&e.Weight)
		c.str(&e.Rule)
		c.str(&e.Fact)
	})
}

func (c *coder) interval(i *incident.Interval) {
	c.duration(&i.Period)
	c.duration(&i.Jitter)
	c.count(&i.Occurrences)
	c.at(&i.NextExpected)
}

func (c *coder) blastRadius(b *incident.BlastRadius) {
	c.count(&b.LiveSessions)
	c.at(&b.Until)
	c.texts(&b.Principals)
	c.texts(&b.Services)
}
