package correlate

import (
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// tag is what is known of one tag of the subject.
type tag struct {
	value string
	gone  bool // it was taken off, or sessions had several values
	since time.Time
}

// tags are the subject's tags that the settings ask for, as they were when the
// incident was over: what is tagged later says nothing about it any more. The
// latest change of a tag counts. A session's own tags say what a role's do not,
// as far as all of its sessions agree: anybody who may take the role may choose
// them.
func (v *view) tags(cl cluster) []incident.Tag {
	if len(v.settings.Tags) == 0 {
		return nil
	}
	over := cl.last.Add(v.settings.Thresholds.Quiet)
	own, sessions := map[string]tag{}, map[string]tag{}
	for _, sig := range v.signals {
		switch {
		case sig.Time.After(over):
		case sig.Tagging == nil && !creation(sig):
		case sig.Kind == incident.SessionIssued:
			agree(sessions, sig)
		default:
			retag(own, sig)
		}
	}
	var out []incident.Tag
	for _, key := range v.settings.Tags {
		have, known := own[fold(key)]
		if !known {
			have, known = sessions[fold(key)]
		}
		if known && !have.gone {
			out = append(out, incident.Tag{Key: key, Value: have.value})
		}
	}
	return out
}

// retag applies a change of tags. Who is created anew has no tags of before, but
// those of the same second: nothing can be tagged before it is there.
func retag(own map[string]tag, sig *incident.Signal) {
	if creation(sig) {
		for key, have := range own {
			if have.since.Before(sig.Time) {
				delete(own, key)
			}
		}
	}
	if sig.Tagging == nil {
		return
	}
	set := func(key string, t tag) {
		if _, later := own[key]; !later || !creation(sig) {
			own[key] = t
		}
	}
	for _, key := range sig.Tagging.Taken {
		set(fold(key), tag{gone: true, since: sig.Time})
	}
	for _, t := range sig.Tagging.Put {
		set(fold(t.Key), tag{value: t.Value, since: sig.Time})
	}
}

// creation reports whether a signal brings a role or user into being.
func creation(sig *incident.Signal) bool {
	return sig.Kind == incident.RoleCreated || sig.Kind == incident.UserCreated
}

// agree notes a session's tags, and those that another session had otherwise.
func agree(sessions map[string]tag, sig *incident.Signal) {
	for _, t := range sig.Tagging.Put {
		have, known := sessions[fold(t.Key)]
		sessions[fold(t.Key)] = tag{value: t.Value, gone: known && (have.gone || have.value != t.Value)}
	}
}

// fold is a key as IAM compares keys.
func fold(key string) string { return strings.ToLower(key) }
