package policy

import (
	"slices"
	"strings"
)

// describe names whom g lets in, without what is asked of them.
func describe(g grant) string {
	var members []string
	for _, l := range g.limits {
		if said := describeLimit(l, g.who); said != "" && !slices.Contains(members, said) {
			members = append(members, said)
		}
	}
	switch {
	case len(members) == 0:
		return describeParty(g.who)
	case g.who.kind == oidc:
		return strings.Join(members, ", ") + " of " + g.who.name
	}
	return describeParty(g.who) + " with " + strings.Join(members, ", ")
}

func describeParty(p party) string {
	switch p.kind {
	case anybody:
		if p.except != "" {
			return "everybody but a few"
		}
		return "anybody"
	case account:
		return "account " + qualified(p.account, p.partition)
	case identity, saml:
		return p.name
	case orphan:
		return "deleted principal " + p.name
	case service:
		return "service " + p.name
	case oidc:
		return "provider " + p.name
	}
	return "unknown principal " + p.name
}

// qualified names an account of another partition so that it is not taken for
// one of ours.
func qualified(account, partition string) string {
	if partition == "" {
		return account
	}
	return account + " in " + partition
}

// describeLimit says which of a party's members a limit names.
func describeLimit(l limit, who party) string {
	if !namesSomebody(l, who) || l.presence() && !sameOwner(l) {
		return ""
	}
	if who.kind == oidc {
		_, claim, _ := claimOf(l.key)
		if !slices.Contains(subjectClaims, claim) {
			return ""
		}
		return strings.Replace(claim, "sub", "subject", 1) + " " + l.said
	}
	return usualKey(l.key) + " " + l.said
}

// fact is a sentence about a difference.
func (d difference) fact(g grant) string {
	fact := "role now trusts " + describe(g) + remark(g, d.danger)
	switch d.reason {
	case SessionTagsAllowed, SourceIdentityAllowed, SessionContextAllowed:
		fact = "role now lets " + describe(g) + action(g.verb)
	case ConditionChanged:
		fact = "role now asks something else of " + describe(g)
	case ConditionLost:
		return "role no longer asks " + describe(g) + " for " + strings.Join(d.lost, ", ")
	}
	if len(d.lost) > 0 {
		fact += ", and no longer asks for " + strings.Join(d.lost, ", ")
	}
	return fact
}

func action(v verb) string {
	switch v {
	case tag:
		return " tag its sessions"
	case setIdentity:
		return " set the source identity of its sessions"
	}
	return " set the context of its sessions"
}

// remark explains a level that the principal's name does not.
func remark(g grant, d danger) string {
	switch d.reason {
	case ForeignAccount:
		if g.who.kind == account {
			return ", which is neither own nor trusted"
		}
		return ", whose account is neither own nor trusted"
	case ForeignOrganisation, UnknownOrganisation:
		return ", an organisation that is not known"
	case ForeignProvider:
		return ", which belongs to account " + d.to + ", neither own nor trusted"
	case SubjectMissing:
		return " with any subject"
	case SubjectWildcard:
		return ", a wildcard for more than one project"
	case SubjectOptional:
		return ", which a token without the claim passes too"
	case SubjectOwnerNew:
		return ", of an organisation that it did not trust so far"
	case AudienceMissing:
		return " without asking for an audience"
	case ProjectWildcard:
		return ", a wildcard within one project"
	case LiteralWildcard:
		return ", compared exactly, so that its wildcard matches nothing"
	case OtherProvider:
		return " on a condition about another provider"
	case GuestsAdmitted:
		return " for guests too"
	case AnyService:
		return " through any AWS service"
	case ActorOnly:
		return " whatever the project"
	case UnusualService:
		return ", which is no AWS service"
	case ServiceForOthers:
		return " on behalf of " + d.to
	case AnyCertificate:
		return " with any trust anchor"
	case OrphanedPrincipal:
		return ", which nobody can be"
	}
	return ""
}

// usualKeys are well-known condition keys in their usual case.
var usualKeys = []string{
	"aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:PrincipalAccount", "aws:PrincipalArn",
	"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalServiceName", "aws:ResourceAccount",
	"aws:ResourceOrgID", "aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity", "aws:SourceIp",
	"aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc", "aws:SourceVpce", "aws:VpceAccount",
	"aws:VpceOrgID", "aws:VpceOrgPaths", "aws:userId", "SAML:aud", "SAML:sub", "sts:ExternalId",
	"sts:RoleSessionName", "sts:SourceIdentity",
}

// usualKey is a condition key as AWS writes it. Keys of tags and providers
// stay in lower case.
func usualKey(key string) string {
	for _, usual := range usualKeys {
		if strings.EqualFold(usual, key) {
			return usual
		}
	}
	return key
}
