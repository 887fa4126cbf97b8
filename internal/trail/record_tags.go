package trail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// The limits that IAM and STS have for tags. What is beyond them is no tag.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// tagsPut makes a decoder of TagRole or TagUser.
func tagsPut(r *record) string {
	list := r.params.Get("tags")
	if list.Kind() == jsonscan.Missing {
		return "requestParameters.tags"
	}
	var t incident.Tagging
	readTags(&t, list)
	return r.tagsChanged(t)
}

// tagsTaken decodes UntagRole and UntagUser.
func tagsTaken(r *record) string {
	list := r.params.Get("tagKeys")
	if list.Kind() == jsonscan.Missing {
		return "requestParameters.tagKeys"
	}
	var t incident.Tagging
	list.Elements(func(_ int, v jsonscan.Value) bool {
		if key := v.Str(); isTagText(key, maxTagKey) && len(t.Taken) < maxTags {
			t.Taken = append(t.Taken, key)
		}
		return true
	})
	return r.tagsChanged(t)
}

// tagsChanged makes a signal of what was read, and none of nothing.
func (r *record) tagsChanged(t incident.Tagging) string {
	if r.tagged(t); r.sig.Tagging != nil {
		r.sig.Kind = incident.TagsChanged
	}
	return r.target()
}

func (r *record) tagged(t incident.Tagging) {
	if len(t.Put)+len(t.Taken) > 0 {
		r.sig.Tagging = &t
	}
}

// createdWith notes the tags that a role or user is created with.
func (r *record) createdWith() {
	var t incident.Tagging
	readTags(&t, r.params.Get("tags"))
	r.tagged(t)
}

// readTags reads tags from a list of keys and values, as IAM and AssumeRole have
// them, or from an object, as calls do that bring tags of an identity provider.
func readTags(t *incident.Tagging, v jsonscan.Value) {
	if v.Kind() == jsonscan.Object && v.Get("key").Kind() == jsonscan.Missing {
		v.Members(func(key string, value jsonscan.Value) bool {
			readTag(t, key, value)
			return true
		})
		return
	}
	v.Elements(func(_ int, v jsonscan.Value) bool {
		readTag(t, v.Get("key").Str(), v.Get("value"))
		return true
	})
}

// readTag keeps a tag. Anybody may write anything into one, a secret too: of a
// value that is not kept, the tag is known to have none that was there before.
func readTag(t *incident.Tagging, key string, v jsonscan.Value) {
	value, ok := v.Text()
	switch {
	case !isTagText(key, maxTagKey) || len(t.Put)+len(t.Taken) >= maxTags:
	case !ok || value != "" && !isTagText(value, maxTagValue) || lineage.SecretTag(key):
		t.Taken = append(t.Taken, key)
	default:
		t.Put = append(t.Put, incident.Tag{Key: key, Value: value})
	}
}

// isTagText reports whether IAM lets a tag's key or value be so, and whether it
// can be kept.
func isTagText(s string, longest int) bool {
	return s != "" && utf8.RuneCountInString(s) <= longest && s != hidden && !logline.HoldsSecret(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.In(c, unicode.L, unicode.N, unicode.Zs) && !strings.ContainsRune("_.:/=+-@", c)
	})
}

// sessionTags reads the tags of a session: those that were asked for, those that
// an identity provider vouched for, and those that an earlier session passed on.
func (r *record) sessionTags() {
	var t incident.Tagging
	for _, name := range []string{"incomingTransitiveTags", "principalTags", "tags"} {
		readTags(&t, r.params.Get(name))
	}
	t.Taken = nil // nothing was taken off anybody
	r.tagged(t)
}
