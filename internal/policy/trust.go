package policy

import "github.com/trailverdict/trailverdict/internal/incident"

// Trust reads a trust policy. A document that cannot be read is Unreadable,
// and nothing may be concluded from it.
func Trust(document string) incident.TrustPolicy {
	d, err := Parse(document)
	if err != nil {
		return incident.TrustPolicy{Unreadable: true}
	}
	var p incident.TrustPolicy
	for _, s := range d.Statements {
		p.Statements = append(p.Statements, s.TrustStatement)
	}
	return p
}
