package trail

import (
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// The decoders of the calls that say what CloudTrail records. Whether one
// weakens the trail is judged by what it asks for, since the record does not
// say what was there before.

// trailEvent makes a decoder of a call about a trail whose kind says it all.
func trailEvent(kind incident.Kind) func(*record) string {
	return func(r *record) string {
		r.sig.Kind = kind
		r.sig.Weakened = kind == incident.TrailStopped || kind == incident.TrailDeleted
		return r.targetTrail()
	}
}

func trailUpdated(r *record) string {
	r.sig.Kind = incident.TrailUpdated
	r.sig.Weakened = weakensTrail(r.params)
	return r.targetTrail()
}

// weakensTrail reports whether an UpdateTrail leaves out Regions, global
// services (IAM and STS among them) or the proof that log files were not
// altered, or moves the logs elsewhere. A call that repeats every setting, as
// the console's and CloudFormation's do, names the bucket without moving it.
func weakensTrail(params jsonscan.Value) bool {
	for _, setting := range []string{"isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation"} {
		if on, ok := params.Get(setting).Bool(); ok && !on {
			return true
		}
	}
	_, repeats := params.Get("isMultiRegionTrail").Bool()
	return params.Get("s3BucketName").Str() != "" && !repeats
}

func selectorsChanged(r *record) string {
	r.sig.Kind = incident.SelectorsChanged
	r.sig.Weakened = weakensSelectors(r.params)
	return r.targetTrail()
}

// targetTrail notes which trail is meant. Whose trail it is comes first: the
// account, which it watches.
func (r *record) targetTrail() string {
	r.sig.Resource = resourceName(firstText(
		r.params.Get("name"), r.params.Get("trailName"), r.params.Get("trailARN"),
		r.response.Get("trailARN"), r.response.Get("name"),
	))
	return r.targetAccount()
}

// coverage is which management events a trail's selectors let through.
type coverage struct{ reads, writes bool }

// weakensSelectors reports whether the selectors of a PutEventSelectors leave
// out management events: all of them, those that read, or those that write.
// Without selectors nothing can be told.
func weakensSelectors(params jsonscan.Value) bool {
	var have coverage
	told := false
	params.Get("eventSelectors").Elements(func(_ int, v jsonscan.Value) bool {
		told = true
		have.basic(v)
		return true
	})
	params.Get("advancedEventSelectors").Elements(func(_ int, v jsonscan.Value) bool {
		told = true
		have.advanced(v)
		return true
	})
	return told && !(have.reads && have.writes)
}

// basic adds what an event selector lets through. What it does not say is on.
func (c *coverage) basic(v jsonscan.Value) {
	if included, ok := v.Get("includeManagementEvents").Bool(); ok && !included {
		return
	}
	if !onlyNoise(v.Get("excludeManagementEventSources")) {
		return
	}
	direction := v.Get("readWriteType")
	c.reads = c.reads || !direction.Is("WriteOnly")
	c.writes = c.writes || !direction.Is("ReadOnly")
}

// advanced adds what an advanced event selector lets through. Its fields all
// have to match, so any that is not known to be harmless narrows it.
func (c *coverage) advanced(v jsonscan.Value) {
	add := coverage{reads: true, writes: true}
	management := false
	v.Get("fieldSelectors").Elements(func(_ int, f jsonscan.Value) bool {
		switch f.Get("field").Str() {
		case "eventCategory":
			management = contains(f.Get("equals"), "Management")
		case "readOnly":
			add.reads = add.reads && !contains(f.Get("equals"), "false")
			add.writes = add.writes && !contains(f.Get("equals"), "true")
		case "eventSource":
			if f.Get("equals").Kind() != jsonscan.Missing || !onlyNoise(f.Get("notEquals")) {
				add = coverage{}
			}
		default:
			add = coverage{}
		}
		return true
	})
	if management {
		c.reads = c.reads || add.reads
		c.writes = c.writes || add.writes
	}
}

// onlyNoise reports whether the event sources that a selector leaves out are
// at most the two that AWS offers to leave out for their volume.
func onlyNoise(sources jsonscan.Value) bool {
	noise := true
	sources.Elements(func(_ int, v jsonscan.Value) bool {
		noise = v.Is("kms.amazonaws.com") || v.Is("rdsdata.amazonaws.com")
		return noise
	})
	return noise
}

func contains(list jsonscan.Value, text string) bool {
	found := false
	list.Elements(func(_ int, v jsonscan.Value) bool {
		found = v.Is(text)
		return !found
	})
	return found
}
