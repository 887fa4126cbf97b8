package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// blindSpots says what the evidence cannot show, and therefore what the absence
// of an anomaly does not prove.
func blindSpots(in Input) []string {
	seen := &Sight{}
	for account, s := range in.Book.Sights {
		if in.Account == "" || account == in.Account {
			seen.join(s)
		}
	}
	var out []string
	note := func(last time.Time, what, gap string) {
		switch {
		case last.IsZero():
			out = append(out, what+". "+gap)
		case !in.From.IsZero() && last.Before(in.From):
			out = append(out, what+" since "+stamp(last)+". "+gap)
		}
	}
	note(seen.Failures, "No client reported a failure", "CloudTrail does not record calls that fail authentication, so refresh bugs and spikes cannot be seen without such reports.")
	note(seen.Issuances, "No credentials being issued were seen", "AssumeRole and the like are read-only events, which many trails and rules leave out; without them renewals cannot be followed.")
	note(seen.IAM, "No IAM events were seen", "AWS records them in the partition's home Region alone, such as us-east-1; without them who cut a credential off cannot be told.")
	out = append(out, regions(seen.Regions, in)...)
	for _, limit := range in.Capped {
		out = append(out, "A limit was reached, and something was left out: "+limit+".")
	}
	return out
}

// regions says of which Regions nothing is known.
func regions(seen map[string]time.Time, in Input) []string {
	recent := map[string]bool{}
	for region, last := range seen {
		if !last.Before(in.From) {
			recent[region] = true
		}
	}
	var out []string
	if len(recent) > 0 {
		out = append(out, fmt.Sprintf("Events of %s were seen. Nothing is known of other Regions.", list(recent)))
	}
	if len(in.Forwarded) == 0 {
		return out
	}
	silent, foreign := map[string]bool{}, maps.Clone(recent)
	for _, region := range in.Forwarded {
		silent[region] = !recent[region]
		delete(foreign, region)
	}
	if names := list(silent); names != "" {
		out = append(out, fmt.Sprintf("%s forward events, and none came in this period. That is right only if nothing happens there.", names))
	}
	if names := list(foreign); names != "" {
		out = append(out, fmt.Sprintf("%s have no forwarder, though clients report from there: revocations and sessions of these Regions are not seen.", names))
	}
	return out
}

// list names what is true of a set, in order.
func list(set map[string]bool) string {
	var out []string
	for name, in := range set {
		if in {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
