package render

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Within writes a finding in at most n bytes, as messages must be. Where it is
// too long, texts are cut to a length that texts of ours do not reach, and of the
// evidence only the weightiest is kept, less and less; the finding then says what
// was left out.
func Within(f incident.Finding, n int, write func(incident.Finding) (string, error)) (string, error) {
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
	f.Evidence = cutFacts(heaviest(f.Evidence, facts), text)
	f.CounterEvidence = cutFacts(heaviest(f.CounterEvidence, facts), text)
	f.Capped = append(slices.Clone(f.Capped), fmt.Sprintf(
		"long texts, and %d of %d facts, since a message holds no more", all-len(f.Evidence)-len(f.CounterEvidence), all))
	slices.Reverse(f.Capped) // what was said last must not be cut off
	for _, s := range []*string{&f.Region, &f.Partition, &f.Summary, &f.Subject.Name, &f.Subject.ARN} {
		*s = Short(*s, text)
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
		out = append(out, Short(s, text))
	}
	return out
}

func cutFacts(list []incident.Evidence, text int) []incident.Evidence {
	out := slices.Clone(list)
	for i := range out {
		e := &out[i]
		for _, s := range []*string{&e.EventID, &e.Actor, &e.SourceIP, &e.Fact} {
			*s = Short(*s, text)
		}
	}
	return out
}

// heaviest keeps the n weightiest facts of a list, if it has more.
func heaviest(list []incident.Evidence, n int) []incident.Evidence {
	if len(list) <= n {
		return list
	}
	return weightiest(list, n)
}

// Short cuts s to n bytes, visibly and never inside a character.
func Short(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	at := max(0, n-len(mark))
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + mark
}
