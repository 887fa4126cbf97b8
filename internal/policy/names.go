package policy

import "strings"

// trustActions are the actions that a trust policy can grant, in their usual
// case.
var trustActions = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
	"sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext",
}

var principalTypes = []string{"AWS", "Federated", "Service", "CanonicalUser"}

func asWritten(s string) string { return s }

// usualAction writes the actions of trust policies in their usual case, and
// the service of any other in lower case. IAM compares actions without case.
func usualAction(action string) string {
	for _, usual := range trustActions {
		if strings.EqualFold(action, usual) {
			return usual
		}
	}
	service, name, found := strings.Cut(action, ":")
	if !found {
		return action
	}
	return strings.ToLower(service) + ":" + name
}

func usualPrincipalType(name string) string {
	name = strings.TrimSpace(name)
	for _, usual := range principalTypes {
		if strings.EqualFold(name, usual) {
			return usual
		}
	}
	return name
}
