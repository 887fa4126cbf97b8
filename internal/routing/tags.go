package routing

import (
	"fmt"
	"slices"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// Owner is whose the subject of a finding is; empty if nobody's. What the
// configuration says comes before what the subject's tag says.
func (r Rules) Owner(f incident.Finding) string {
	if name := r.declared(f); name != "" {
		return name
	}
	return tagOf(f.Subject.Tags, r.OwnerTag)
}

// declared is whose the subject is by the configuration's owners.
func (r Rules) declared(f incident.Finding) string {
	for _, o := range r.Owners {
		if isAbout(f, o.Subjects) {
			return o.Name
		}
	}
	return ""
}

// tags are the subject's, with the owner that the configuration gives it in place
// of what its tag says, so that owner and tag never contradict each other.
func (r Rules) tags(f incident.Finding) []incident.Tag {
	name := r.declared(f)
	if r.OwnerTag == "" || name == "" {
		return f.Subject.Tags
	}
	return append(slices.DeleteFunc(slices.Clone(f.Subject.Tags), func(t incident.Tag) bool { return lineage.SameTagKey(t.Key, r.OwnerTag) }), incident.Tag{Key: r.OwnerTag, Value: name})
}

// Unknown are those of the given keys of which it is not known whether the subject
// has such a tag.
func (r Rules) Unknown(f incident.Finding, keys []string) []string {
	tags := r.tags(f)
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, known := lookUp(tags, key)
		return known
	})
}

func tagOf(tags []incident.Tag, key string) string {
	value, _ := lookUp(tags, key)
	return value
}

func lookUp(tags []incident.Tag, key string) (value string, known bool) {
	for _, t := range tags {
		if lineage.SameTagKey(t.Key, key) {
			return t.Value, true
		}
	}
	return "", false
}

// lacks is why tags do not fit a match; empty if they do.
func lacks(match []incident.TagMatch, tags []incident.Tag) string {
	for _, m := range match {
		value, known := lookUp(tags, m.Key)
		if !known {
			return fmt.Sprintf("its tag %s is not known", m.Key)
		}
		if !slices.ContainsFunc(m.Values, func(pattern string) bool { return lineage.Wildcard(pattern, value) }) {
			return fmt.Sprintf("its tag %s is %s, not %s", m.Key, shownValue(value), either(m.Values))
		}
	}
	return ""
}

func shownValue(value string) string {
	if value == "" {
		return "empty"
	}
	return value
}

// tagWords says what tags have to be.
func tagWords(match []incident.TagMatch) []string {
	var parts []string
	for _, m := range match {
		parts = append(parts, fmt.Sprintf("tag %s %s", m.Key, either(m.Values)))
	}
	return parts
}

// narrower reports whether tags that fit o certainly fit m.
func narrower(m, o []incident.TagMatch) bool {
	return !slices.ContainsFunc(m, func(want incident.TagMatch) bool {
		return !slices.ContainsFunc(o, func(have incident.TagMatch) bool {
			return lineage.SameTagKey(want.Key, have.Key) && within(have.Values, want.Values)
		})
	})
}

// apart reports whether the tags of one subject cannot fit both.
func apart(a, b []incident.TagMatch) bool {
	return slices.ContainsFunc(a, func(m incident.TagMatch) bool {
		return slices.ContainsFunc(b, func(o incident.TagMatch) bool {
			return lineage.SameTagKey(m.Key, o.Key) && !meet(m.Values, o.Values)
		})
	})
}

// nobodyHas is why no subject of a finding ever has such tags; empty if some may.
func nobodyHas(match []incident.TagMatch) string {
	for _, m := range match {
		switch {
		case lineage.AWSTag(m.Key):
			return fmt.Sprintf("the tag %s is AWS's own, which nobody can put on a role", m.Key)
		case lineage.SecretTag(m.Key):
			return fmt.Sprintf("the tag %s is never kept, since its name says that it holds a secret", m.Key)
		}
	}
	return ""
}
