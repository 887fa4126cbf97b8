package policy

import (
	"slices"
	"strings"
)

// What an identity provider's tokens say, and how much of it a trust policy
// leaves open. The claims and the grammar of subjects are those of the
// providers' documentation: GitHub Actions, GitLab, Kubernetes (EKS and its
// like), HCP Terraform, Buildkite, Spacelift, CircleCI, Bitbucket.

// projectKeys are the sets of names that pin a subject of the form
// name:value:name:value… to one project. A wildcard for the rest of it leaves
// open which branch or job of that project comes, and no more.
var projectKeys = [][]string{
	{"repo"},
	{"repository"},
	{"repository_id"},
	{"job_workflow_ref"},
	{"project_path"},
	{"project_id"},
	{"organization", "project"},
	{"organization", "workspace"},
	{"organization", "pipeline"},
	{"space", "stack"},
	{"space", "module"},
	{"org", "project"},
}

// otherKeys begin subjects of the same form without pinning anything.
var otherKeys = []string{
	"repository_owner", "repository_owner_id", "enterprise", "enterprise_id", "environment",
	"ref", "ref_type", "context", "actor", "actor_id", "namespace_path", "namespace_id",
	"organization_id", "workflow", "job", "visibility", "repository_visibility",
}

// subjectLevel judges a pattern for the sub claim.
func subjectLevel(p pattern) (Level, Reason) {
	if p.exact() {
		if strings.Contains(string(p), "*") {
			return LowRisk, LiteralWildcard
		}
		return Changed, NewPrincipal
	}
	first, _, _ := strings.Cut(string(p), ":")
	switch {
	case first == "system":
		return wildcardLevel(serviceAccountPinned(p))
	case namesKey(first):
		return wildcardLevel(projectPinned(pairs(p, ":")))
	case strings.HasPrefix(string(p), "org/"):
		return wildcardLevel(projectPinned(pairs(p, "/")))
	}
	return unknownSubjectLevel(p)
}

func wildcardLevel(pinned bool) (Level, Reason) {
	if pinned {
		return LowRisk, ProjectWildcard
	}
	return Opened, SubjectWildcard
}

// serviceAccountPinned reports whether a pattern for
// system:serviceaccount:namespace:name leaves at most the name open.
func serviceAccountPinned(p pattern) bool {
	parts := p.parts(":")
	return len(parts) >= 4 && parts[1] == "serviceaccount" && parts[2] != "" && parts[2].exact()
}

// unknownSubjectLevel judges a wildcard in a subject whose grammar is not
// known: only its last part can be harmless, and only if enough stands before.
func unknownSubjectLevel(p pattern) (Level, Reason) {
	parts := p.parts(":")
	before := parts[:len(parts)-1]
	open := slices.ContainsFunc(before, func(part pattern) bool { return part == "" || !part.exact() })
	switch {
	case open || len(before) == 0:
		return Opened, SubjectWildcard
	case len(before) == 1 && !strings.HasPrefix(string(before[0]), "{"): // Bitbucket: {repository}:{step}
		return Weakened, SubjectWildcard
	}
	return LowRisk, ProjectWildcard
}

func namesKey(name string) bool {
	known := func(keys []string) bool { return slices.Contains(keys, name) }
	return slices.Contains(otherKeys, name) || slices.ContainsFunc(projectKeys, known)
}

// pairs reads name:value:name:value…, as far as the names are written out.
func pairs(p pattern, separator string) map[string]pattern {
	parts := p.parts(separator)
	found := map[string]pattern{}
	for i := 0; i+1 < len(parts); i += 2 {
		if !parts[i].exact() {
			break
		}
		// The first counts: what follows a wildcard may be part of its value.
		if _, twice := found[string(parts[i])]; !twice {
			found[string(parts[i])] = parts[i+1]
		}
	}
	return found
}

// projectPinned reports whether what is written out names one project.
func projectPinned(found map[string]pattern) bool {
	return slices.ContainsFunc(projectKeys, func(keys []string) bool {
		for _, key := range keys {
			if !valuePinned(key, found[key]) {
				return false
			}
		}
		return true
	})
}

// valuePinned reports whether the value of a project key names one.
func valuePinned(key string, value pattern) bool {
	switch key {
	case "job_workflow_ref": // organisation/repository/path@ref
		return pathPinned(value, 2)
	case "repo", "repository", "project_path":
		return value.exact() && pathPinned(value+"/", 2)
	}
	return value != "" && value.exact()
}

// pathPinned reports whether the first n parts of a path are written out.
func pathPinned(value pattern, n int) bool {
	parts := value.parts("/")
	if len(parts) <= n {
		return false
	}
	return !slices.ContainsFunc(parts[:n], func(part pattern) bool { return part == "" || !part.exact() })
}

// claimLevel judges a condition on a claim of a token. Claims that say nothing
// about who comes leave everything open.
func claimLevel(claim string, value pattern) (Level, Reason) {
	switch claim {
	case "sub", "user_id": // the latter at Facebook and Amazon
		return subjectLevel(value)
	case "repository", "repository_id", "project_path", "project_id", "job_workflow_ref":
		if valuePinned(claim, value) {
			return LowRisk, ProjectWildcard
		}
		return Opened, SubjectWildcard
	case "actor", "actor_id", "user_login", "user_email", "email":
		if value.exact() {
			return Weakened, ActorOnly
		}
	}
	return Opened, SubjectMissing
}

// subjectClaims are the claims that say who comes.
var subjectClaims = []string{
	"sub", "user_id", "repository", "repository_id", "project_path", "project_id",
	"job_workflow_ref", "actor", "actor_id", "user_login", "user_email", "email",
}

// audienceClaims are the claims that say for whom a token was made.
var audienceClaims = []string{"aud", "azp", "oaud", "app_id", "client_id"}

// subjectOwner is the organisation that a subject belongs to, if its grammar
// tells.
func subjectOwner(p pattern) string {
	found := pairs(p, ":")
	for _, key := range []string{"repo", "repository", "project_path", "organization"} {
		owner, _, _ := strings.Cut(string(found[key]), "/")
		if owner != "" && pattern(owner).exact() {
			return key + ":" + strings.ToLower(owner)
		}
	}
	return ""
}

// claimOf splits an OIDC condition key into the provider's host and the claim.
func claimOf(key string) (host, claim string, ok bool) {
	i := strings.LastIndexByte(key, ':')
	if i < 0 {
		return "", "", false
	}
	host, claim = key[:i], key[i+1:]
	switch host {
	case "aws", "sts", "iam", "saml", "identitystore", "ec2", "lambda":
		return "", "", false
	}
	return strings.TrimSuffix(host, "/"), claim, true
}
