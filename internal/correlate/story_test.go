package correlate

import (
	"fmt"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// A story is a set of signals and uses, built event by event. Times are
// minutes after noon.
type story struct {
	e Evidence
	n int
}

const own = "111122223333"

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time {
	return noon.Add(time.Duration(minutes * float64(time.Minute))).Truncate(time.Second)
}

func role(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: own, Name: name, ARN: lineage.RoleARN("aws", own, name)}
}

func user(name string) incident.Principal {
	return incident.Principal{Type: incident.User, Partition: "aws", Account: own, Name: name, ARN: "arn:aws:iam::" + own + ":user/" + name}
}

// by is a session of a principal, at the office with the CLI.
func by(p incident.Principal) incident.Actor {
	return incident.Actor{Principal: p, SessionName: "s", AccessKeyID: "ASIA" + p.Name, SourceIP: "198.51.100.7", UserAgent: "aws-cli/2.17.0"}
}

func (s *story) add(sig incident.Signal) *incident.Signal {
	s.n++
	sig.ID = fmt.Sprintf("e%03d", s.n)
	sig.Account, sig.Region, sig.Partition = own, "us-east-1", "aws"
	if sig.Feed == "" {
		sig.Feed = incident.FromTrail
	}
	sig.Count = max(1, sig.Count)
	s.e.Signals = append(s.e.Signals, sig)
	return &s.e.Signals[len(s.e.Signals)-1]
}

func (s *story) use(p incident.Principal, key string, from, to float64, ip, client string) {
	s.n++
	id := fmt.Sprintf("e%03d", s.n)
	s.e.Uses = append(s.e.Uses, incident.Use{
		Account: own, Region: "us-east-1", Principal: p, AccessKeyID: key, SourceIP: ip,
		Network: lineage.Network(ip), Client: client, Service: "s3.amazonaws.com", First: at(from), Last: at(to), FirstID: id, LastID: id,
	})
}

// issue hands a key of a role out to a caller, for an hour.
func (s *story) issue(t float64, p incident.Principal, key string, caller incident.Actor) {
	s.add(incident.Signal{
		Time: at(t), Kind: incident.SessionIssued, Operation: "sts:AssumeRole", Actor: caller, Target: p,
		Issued: &incident.Session{AccessKeyID: key, Name: "worker", IssuedAt: at(t), ExpiresAt: at(t + 60), ParentKey: caller.AccessKeyID},
	})
}

// fail reports n failures of a key, twenty seconds apart.
func (s *story) fail(t float64, key string, n int, code string) {
	for k := range n {
		s.add(incident.Signal{Time: at(t + float64(k)/3), Kind: incident.CredentialFailed, Feed: incident.FromClient, Key: key, ErrorCode: code, Workload: "payments-worker"})
	}
}

// deny refuses n calls of a session that was issued at issued.
func (s *story) deny(t float64, p incident.Principal, issued float64, n int, ip, agent string) {
	for k := range n {
		a := incident.Actor{Principal: p, SessionName: "worker", AccessKeyID: "ASIAOLD", IssuedAt: at(issued), SourceIP: ip, UserAgent: agent}
		s.add(incident.Signal{
			Time: at(t + float64(k)/3), Kind: incident.CallDenied, Actor: a, Target: p, ErrorCode: "AccessDenied",
			Denial: &incident.Denial{Explicit: true, PolicyKind: "identity-based", Action: "s3:GetObject"},
		})
	}
}

func (s *story) change(t float64, kind incident.Kind, who incident.Actor, target incident.Principal) *incident.Signal {
	return s.add(incident.Signal{Time: at(t), Kind: kind, Actor: who, Target: target})
}

func (s *story) revoke(t float64, who incident.Actor, target incident.Principal) *incident.Signal {
	sig := s.change(t, incident.SessionsRevoked, who, target)
	sig.Policy = &incident.Policy{Name: "AWSRevokeOlderSessions"}
	sig.Revocation = &incident.Revocation{IssuedBefore: at(t)}
	return sig
}

// told are the findings at low or above, and all others, as short lines.
func told(e Evidence, s incident.Settings) []string {
	var lines []string
	for _, f := range Findings(e, s, time.Time{}) {
		lines = append(lines, fmt.Sprintf("%s %s: %s %s %s", f.Subject.Type, f.Subject.Name, f.Verdict, f.Cause, f.Severity))
	}
	return lines
}
