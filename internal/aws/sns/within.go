package sns

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// maxMessage is how large a message may be with its attributes, in bytes. A
// topic can be told to take more, but then neither mail nor chat.
const maxMessage = 256 << 10

// within writes a finding in at most n bytes. Where it is too long, texts are cut
// to a length that texts of ours do not reach, and of the evidence only the
// weightiest is kept, less and less; the finding then says what was left out.
func within(f incident.Finding, n int, write func(incident.Finding) (string, error)) (string, error) {
	body, err := write(f)
	if err != nil || len(body) <= n {
		return body, err
	}
	for _, text := range []int{longText, longText / 4, longText / 16} {
		for facts := max(len(f.Evidence), len(f.CounterEvidence)); ; facts /= 2 {
			if body, err = write(shortened(f, text, facts)); err != nil || len(body) <= n {
				return body, err
			}
			if facts == 0 {
				break
			}
		}
	}
	return "", fmt.Errorf("%d bytes are left without evidence, a message holds %d", len(body), n)
}

// Lengths and counts that a finding stays far below unless somebody means ill.
const (
	longText = 1 << 10
	longList = 50
)

// shortened returns f with every text cut to some bytes, every list to a length,
// and the weightiest facts of either side. Its id and account are ours, and stay.
func shortened(f incident.Finding, text, facts int) incident.Finding {
	all := len(f.Evidence) + len(f.CounterEvidence)
	f.Evidence = cutFacts(weightiest(f.Evidence, facts), text)
	f.CounterEvidence = cutFacts(weightiest(f.CounterEvidence, facts), text)
	f.Capped = append(slices.Clone(f.Capped), fmt.Sprintf(
		"long texts, and %d of %d facts, since a message holds %d KiB", all-len(f.Evidence)-len(f.CounterEvidence), all, maxMessage>>10))
	slices.Reverse(f.Capped) // what was said last must not be cut off
	for _, s := range []*string{&f.Region, &f.Partition, &f.Summary, &f.Subject.Name, &f.Subject.ARN} {
		*s = short(*s, text)
	}
	for _, list := range []*[]string{&f.WouldChange, &f.NextSteps, &f.ATTACK, &f.Capped, &f.Subject.AccessKeyIDs, &f.Subject.Workloads} {
		*list = cutList(*list, text)
	}
	if f.BlastRadius != nil {
		b := *f.BlastRadius
		b.Principals, b.Services = cutList(b.Principals, text), cutList(b.Services, text)
		f.BlastRadius = &b
	}
	return f
}

func cutList(list []string, text int) []string {
	var out []string
	for _, s := range list[:min(len(list), longList)] {
		out = append(out, short(s, text))
	}
	return out
}

func cutFacts(list []incident.Evidence, text int) []incident.Evidence {
	out := slices.Clone(list)
	for i := range out {
		e := &out[i]
		for _, s := range []*string{&e.EventID, &e.Actor, &e.SourceIP, &e.Fact} {
			*s = short(*s, text)
		}
	}
	return out
}

// weightiest keeps the n weightiest facts, in their order.
func weightiest(list []incident.Evidence, n int) []incident.Evidence {
	if len(list) <= n {
		return list
	}
	byWeight := make([]int, len(list))
	for i := range byWeight {
		byWeight[i] = i
	}
	slices.SortStableFunc(byWeight, func(a, b int) int { return cmp.Compare(list[b].Weight, list[a].Weight) })
	kept := slices.Sorted(slices.Values(byWeight[:n]))
	out := make([]incident.Evidence, 0, n)
	for _, i := range kept {
		out = append(out, list[i])
	}
	return out
}
