package rules

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/trail"
)

// drafts lists the rules.
func drafts(catalogue []trail.Entry) []draft {
	all := identityChanges(catalogue)
	all = append(all, auditChanges(catalogue)...)
	all = append(all, sessions(catalogue)...)
	all = append(all,
		signIns(catalogue), refusedCredentials(catalogue),
		explicitDenials(catalogue), otherDenials(catalogue),
		clientFailures(catalogue), canaries(catalogue), threats(catalogue), exposedKeys(catalogue),
	)
	return append(all, guardRails(catalogue)...)
}

// ofCloudTrail are the detail types of CloudTrail's records: calls, what a
// service did by itself, and sign-ins, which AWS spells in two ways.
func ofCloudTrail() list { return list{object{"suffix": " via CloudTrail"}} }

func absent() list { return list{object{"exists": false}} }

// succeeded is the pattern of calls that had no error, by name.
func succeeded(source list, eventSource string) func([]string) object {
	return func(values []string) object {
		detail := object{"eventName": values, "errorCode": absent()}
		if eventSource != "" {
			detail["eventSource"] = list{eventSource}
		}
		return object{"source": source, "detail-type": ofCloudTrail(), "detail": detail}
	}
}

// fromAWS is every source that only AWS can use.
func fromAWS() list { return list{object{"prefix": "aws."}} }

func identityChanges(catalogue []trail.Entry) []draft {
	var all []draft
	sources, bySource := names(catalogue, trail.IdentityChange)
	for _, source := range sources {
		r, from := Rule{
			Name: "IdentityChanges", Purpose: trail.IdentityChange, Direct: true,
			Description: "Changes of credentials, permissions and trust.",
		}, list{service(source)}
		if source == "" { // whichever service sends it
			r.Name, r.Everywhere, from = "NamedRevocations", true, fromAWS()
			r.Description = "Revocations of sessions under that name, of which AWS itself has no call."
		}
		all = append(all, draft{r, bySource[source], succeeded(from, source)})
	}
	return all
}

func auditChanges(catalogue []trail.Entry) []draft {
	var all []draft
	sources, bySource := names(catalogue, trail.AuditChange)
	for _, source := range sources {
		all = append(all, draft{Rule{
			Name: "AuditChanges", Purpose: trail.AuditChange, Direct: true, Everywhere: true,
			Description: "Changes of what CloudTrail records.",
		}, bySource[source], succeeded(list{service(source)}, source)})
	}
	return all
}

// sessions takes what issues credentials and what tries them out. Nearly all of
// it counts as reading.
func sessions(catalogue []trail.Entry) []draft {
	var all []draft
	sources, bySource := names(catalogue, trail.Issuance, trail.Usage)
	for _, source := range sources {
		all = append(all, draft{Rule{
			Name: "Sessions", Purpose: trail.Issuance, ReadOnly: true, Everywhere: true,
			Description: "Temporary credentials issued, and credentials tried out.",
		}, bySource[source], succeeded(list{service(source)}, source)})
	}
	return all
}

// signIns takes those that succeeded, too: they are few, and show from where a
// user signs in.
func signIns(catalogue []trail.Entry) draft {
	_, bySource := names(catalogue, trail.Failure)
	const source = "signin.amazonaws.com"
	return draft{Rule{
		Name: "SignIns", Purpose: trail.Failure, ReadOnly: true, Everywhere: true,
		Description: "Sign-ins to the console, failed or not.",
	}, bySource[source], succeeded(list{service(source)}, source)}
}

// byPeople leaves out AWS's services acting in their own name, which can be
// most of all that is refused in an account.
func byPeople() object {
	return object{"type": list{object{"anything-but": "AWSService"}, object{"exists": false}}}
}

func refused(values []string) object {
	return object{
		"source": fromAWS(), "detail-type": ofCloudTrail(),
		"detail": object{"errorCode": values, "userIdentity": byPeople()},
	}
}

func refusedCredentials(catalogue []trail.Entry) draft {
	return draft{Rule{
		Name: "RefusedCredentials", Purpose: trail.Failure, ReadOnly: true, Everywhere: true,
		Description: "Calls that were refused for their credential.",
	}, codes(catalogue, trail.Failure), refused}
}

// explicitly is how IAM words a refusal that a policy asked for. A session
// that was revoked is refused so.
const explicitly = "*explicit deny*"

func explicitDenials(catalogue []trail.Entry) draft {
	return draft{Rule{
		Name: "ExplicitDenials", Purpose: trail.Refusal, ReadOnly: true, Everywhere: true,
		Description: "Calls that a policy denied explicitly, as it does those of a revoked session.",
	}, codes(catalogue, trail.Refusal), func(values []string) object {
		return worded(values, object{"wildcard": explicitly})
	}}
}

func otherDenials(catalogue []trail.Entry) draft {
	return draft{Rule{
		Name: "OtherDenials", Purpose: trail.Refusal, ReadOnly: true, Everywhere: true, Optional: true,
		Description: "Calls that no policy allowed, or that were denied without a reason.",
	}, codes(catalogue, trail.Refusal), func(values []string) object {
		return worded(values, object{"anything-but": object{"wildcard": explicitly}}, object{"exists": false})
	}}
}

// worded is the pattern of denials by their message.
func worded(values []string, message ...any) object {
	p := refused(values)
	p["detail"].(object)["errorMessage"] = message
	return p
}

func clientFailures(catalogue []trail.Entry) draft {
	source, name := one(catalogue, trail.Client)
	return draft{Rule{
		Name: "ClientFailures", Purpose: trail.Client, Everywhere: true,
		Description: "Credential failures that clients report, since CloudTrail does not record them.",
	}, codes(catalogue, trail.Client), func(values []string) object {
		return object{"source": list{source}, "detail-type": list{name}, "detail": object{"errorCode": values}}
	}}
}

// canaries go by the queue, which most events do.
func canaries(catalogue []trail.Entry) draft {
	source, name := one(catalogue, trail.Canary)
	return draft{Rule{
		Name: "Canaries", Purpose: trail.Canary, Everywhere: true,
		Description: "Harmless events that try the way to an alert.",
	}, nil, func([]string) object { return object{"source": list{source}, "detail-type": list{name}} }}
}

// one is where the only entry of a purpose comes from.
func one(catalogue []trail.Entry, purpose trail.Purpose) (source, name string) {
	i := slices.IndexFunc(catalogue, func(e trail.Entry) bool { return e.Purpose == purpose })
	if i < 0 {
		return "", ""
	}
	return catalogue[i].Source, catalogue[i].Name
}

func threats(catalogue []trail.Entry) draft {
	source, name := one(catalogue, trail.Threat)
	return draft{Rule{
		Name: "Threats", Purpose: trail.Threat, Direct: true, Everywhere: true,
		Description: "GuardDuty's findings about access keys.",
	}, nil, func([]string) object {
		return object{"source": list{source}, "detail-type": list{name}, "detail": object{
			"resource": object{"resourceType": list{"AccessKey", "AttackSequence"}},
			"service":  object{"archived": list{false, "false", object{"exists": false}}},
		}}
	}}
}

// exposedKeys takes AWS Health's notices by their codes. AWS sends them as
// ordinary events or as notices of abuse.
func exposedKeys(catalogue []trail.Entry) draft {
	source, _ := one(catalogue, trail.Health)
	_, bySource := names(catalogue, trail.Health)
	return draft{Rule{
		Name: "ExposedKeys", Purpose: trail.Health, Direct: true, Everywhere: true,
		Description: "AWS's own notices that a key is public or in the wrong hands.",
	}, bySource[source], func(values []string) object {
		return object{"source": list{source}, "detail-type": list{object{"prefix": "AWS Health "}}, "detail": object{"eventTypeCode": values}}
	}}
}

// guardRails takes what checks look at and no verdict does, service by service.
func guardRails(catalogue []trail.Entry) []draft {
	var all []draft
	sources, bySource := names(catalogue, trail.GuardRail)
	for _, source := range sources {
		name, _, _ := strings.Cut(source, ".")
		all = append(all, draft{Rule{
			Name: "Environments" + strings.ToUpper(name[:1]) + name[1:], Purpose: trail.GuardRail, Everywhere: true, Optional: true,
			Description: "Environments that are set, which may hold an access key (" + name + ").",
		}, bySource[source], succeeded(list{service(source)}, source)})
	}
	return all
}
