package lineage

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Matches reports whether an actor is meant by a configured pattern: an ARN
// with wildcards (* for any run of characters, ? for one), compared with the
// principal's ARN and with the session's, or a bare role or user name.
func Matches(pattern string, a incident.Actor) bool {
	if !strings.HasPrefix(pattern, "arn:") {
		return a.Name != "" && a.Type != incident.Service && Wildcard(pattern, a.Name)
	}
	for _, arn := range []string{a.ARN, a.SessionARN, sessionlessARN(a)} {
		if arn != "" && Wildcard(pattern, arn) {
			return true
		}
	}
	return a.Type == incident.Role && sessionlessARN(a) != "" && Wildcard(withoutPath(pattern), sessionlessARN(a))
}

// ActorOf is what an ARN says of the actor whom it names: a role or user, or the
// session of one.
func ActorOf(arn string) incident.Actor {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return incident.Actor{}
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	p := incident.Principal{Partition: parts[1], Account: parts[4]}
	switch {
	case parts[2] == "iam" && (kind == "role" || kind == "user"):
		p.Type, p.Name, p.ARN = incident.PrincipalType(kind), name[strings.LastIndexByte(name, '/')+1:], arn
		return incident.Actor{Principal: p}
	case parts[2] == "sts" && kind == "assumed-role":
		role, session, _ := strings.Cut(name, "/")
		p.Type, p.Name = incident.Role, role
		return incident.Actor{Principal: p, SessionName: session, SessionARN: arn}
	}
	return incident.Actor{SessionARN: arn}
}

// Means reports whether one of the patterns, each a name or an ARN with
// wildcards, means a principal.
func Means(patterns []string, p incident.Principal) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return Wildcard(pattern, p.Name) || p.ARN != "" && Wildcard(pattern, p.ARN)
	})
}

// withoutPath drops the path from a role's ARN, since a session does not show
// it and a role's name is unique without it. A pattern that ends in a wildcard
// needs its path.
func withoutPath(pattern string) string {
	head, rest, ok := strings.Cut(pattern, ":role/")
	name := rest[strings.LastIndex(rest, "/")+1:]
	if !ok || strings.ContainsAny(name, "*?") {
		return pattern
	}
	return head + ":role/" + name
}

// sessionlessARN is the role's ARN without its path, since an assumed-role
// session does not show the path that a configuration may or may not carry.
func sessionlessARN(a incident.Actor) string {
	if a.Type != incident.Role || a.Account == "" {
		return ""
	}
	return RoleARN(a.Partition, a.Account, a.Name)
}

// RoleARN builds the ARN of a role without a path.
func RoleARN(partition, account, name string) string {
	if partition == "" {
		partition = "aws"
	}
	return "arn:" + partition + ":iam::" + account + ":role/" + name
}

// UserARN builds the ARN of a user without a path.
func UserARN(partition, account, name string) string {
	if partition == "" {
		partition = "aws"
	}
	return "arn:" + partition + ":iam::" + account + ":user/" + name
}

// Wildcard reports whether s matches pattern, where * stands for any run of
// characters and ? for any one, as in IAM. It takes linear time for one *.
func Wildcard(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
