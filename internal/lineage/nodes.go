package lineage

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Nodes are the names under which a signal is filed, so that whoever decides
// about one of them finds it: the principals it concerns, the keys it names,
// the workload, the provider or policy acted upon. The list is sorted by
// importance, not by name, and holds no duplicates.
func Nodes(s incident.Signal) []string {
	var n nodeList
	n.principal(s.Target)
	n.principal(s.Actor.Principal)
	n.key(s.Key)
	n.key(s.Actor.AccessKeyID)
	if s.Workload != "" {
		n.principal(WorkloadOf(s.Account, s.Workload))
	}
	if s.Issued != nil {
		n.key(s.Issued.AccessKeyID)
		n.key(s.Issued.ParentKey)
		n.add(ProviderNode(s.Issued.Provider))
	}
	if s.Policy != nil && s.Policy.ARN != "" {
		n.add("policy/" + s.Policy.ARN)
	}
	return n
}

// UseNodes are the names under which a use is filed.
func UseNodes(u incident.Use) []string {
	var n nodeList
	n.principal(u.Principal)
	n.key(u.AccessKeyID)
	return n
}

// KeyNode is the node of an access key.
func KeyNode(id string) string {
	if id == "" {
		return ""
	}
	return "key/" + id
}

// ProviderNode is the node of an OIDC or SAML provider, whether it was named
// by ARN, by URL or by host.
func ProviderNode(name string) string {
	if name == "" {
		return ""
	}
	return "provider/" + ProviderHost(name)
}

// ProviderHost reduces an identity provider's name to the part that its ARN,
// its URL and an STS record have in common.
func ProviderHost(name string) string {
	if i := strings.Index(name, ":oidc-provider/"); i >= 0 {
		name = name[i+len(":oidc-provider/"):]
	} else if i := strings.Index(name, ":saml-provider/"); i >= 0 {
		return name[i+1:]
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://")
	return strings.TrimSuffix(strings.ToLower(name), "/")
}

// WorkloadOf is the principal that stands for a program that names itself.
func WorkloadOf(account, name string) incident.Principal {
	return incident.Principal{Type: incident.Workload, Account: account, Name: name}
}

type nodeList []string

func (n *nodeList) add(node string) {
	if node == "" {
		return
	}
	for _, have := range *n {
		if have == node {
			return
		}
	}
	*n = append(*n, node)
}

func (n *nodeList) key(id string) { n.add(KeyNode(id)) }

func (n *nodeList) principal(p incident.Principal) {
	switch {
	case !p.Known() || p.Type == incident.Service:
	case p.Type == incident.AccessKey:
		n.key(p.Name)
	case p.Type == incident.Federated:
		n.add(p.Key())
		if strings.Contains(p.Name, "-provider/") || strings.Contains(p.ARN, "-provider/") {
			n.add(ProviderNode(providerName(p)))
		}
	default:
		n.add(p.Key())
	}
}

func providerName(p incident.Principal) string {
	if p.ARN != "" {
		return p.ARN
	}
	return p.Name
}
