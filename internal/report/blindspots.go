package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
)

// blindSpots says what the evidence cannot show, and therefore what the absence
// of an anomaly does not prove.
func blindSpots(e correlate.Evidence) []string {
	var failures, issuances, iam bool
	regions := map[string]bool{}
	for i := range e.Signals {
		s := &e.Signals[i]
		failures = failures || s.Kind == incident.CredentialFailed && s.Feed != incident.FromTrail
		issuances = issuances || s.Kind == incident.SessionIssued
		iam = iam || strings.HasPrefix(s.Operation, "iam:")
		regions[s.Region] = true
	}
	for _, u := range e.Uses {
		iam = iam || u.Service == "iam.amazonaws.com"
		regions[u.Region] = true
	}
	var out []string
	note := func(seen bool, gap string) {
		if !seen {
			out = append(out, gap)
		}
	}
	note(failures, "No client reported a failure. CloudTrail does not record calls that fail authentication, so refresh bugs and spikes cannot be seen without such reports.")
	note(issuances, "No credentials being issued were seen (AssumeRole and the like are read-only events, which many trails and rules leave out), so renewals cannot be followed.")
	note(iam, "No IAM events were seen. AWS records them in the partition's home Region alone, such as us-east-1, so who cut a credential off cannot be told.")
	if list := named(regions); len(list) > 0 {
		out = append(out, fmt.Sprintf("Events of %s were seen. Nothing is known of other Regions.", strings.Join(list, ", ")))
	}
	for _, limit := range e.Capped {
		out = append(out, "A limit was reached, and older events were left out: "+limit)
	}
	return out
}

func named(set map[string]bool) []string {
	var out []string
	for name := range set {
		if name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
