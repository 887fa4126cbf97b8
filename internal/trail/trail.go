package trail

import (
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// Sink receives what a stream holds, in the order of the stream. Its methods
// are called from the goroutine that called Decode.
type Sink interface {
	Signal(incident.Signal)
	Use(incident.Use)
	Skipped(Skip)
}

// Skip says that a value was left out, and why.
type Skip struct {
	// Source is the name that Decode was given.
	Source string
	// Offset is where the value starts, in bytes of the decompressed stream (and
	// of UTF-8, if the stream was UTF-16).
	// For what is wrapped in a string of a larger value (the body of a message,
	// an event of LookupEvents, a log line) it is where that larger value starts.
	Offset int64
	Reason SkipReason
	// Detail helps to find the fault: the name of a field or what the parser
	// expected, never a part of the input.
	Detail string
}

// SkipReason is why a value was left out.
type SkipReason string

// The reasons are a closed list.
const (
	SkipTruncated    SkipReason = "truncated"     // the stream ends inside the value
	SkipSyntax       SkipReason = "syntax"        // not JSON
	SkipTooLarge     SkipReason = "too_large"     // more than 8 MiB in one element, or more than 16 MiB after decompression
	SkipTooDeep      SkipReason = "too_deep"      // nested, or wrapped, beyond all measure
	SkipDecompress   SkipReason = "decompress"    // corrupt gzip or base64
	SkipUnknownShape SkipReason = "unknown_shape" // JSON of none of the known forms
	SkipNoEventTime  SkipReason = "no_event_time" // neither the value nor its envelope says when
	SkipBadField     SkipReason = "bad_field"     // a required field is missing or unusable; Detail names it
	SkipNoIdentity   SkipReason = "no_identity"   // a failure that names no key, principal or workload
)

// Stats counts what a stream held.
type Stats struct {
	Bytes      int64 // read, after decompression
	Values     int   // JSON values looked at, after unwrapping
	Records    int   // CloudTrail records, GuardDuty findings, Health events and client reports among them
	Signals    int
	Uses       int
	Irrelevant int // recognised, and of no interest
	Skipped    map[SkipReason]int
}

// envelope is what the wrapping of a record says about it. It is the zero
// envelope for a bare record.
type envelope struct {
	// HasEnvelope is set for EventBridge events. Source and DetailType are
	// theirs, and empty otherwise.
	HasEnvelope        bool
	Source, DetailType string
	// Account, Region and Time stand in for what the record itself does not say.
	// An envelope's id never does: it differs between deliveries of a record.
	Account, Region string
	Time            time.Time
}

// decoded collects what one record means. It is reused for the next one, so
// that a record of no interest costs no allocation:
//
//	func decodeEvent(v jsonscan.Value, env envelope, out *decoded) rejection
//
// appends to it what the CloudTrail record, GuardDuty finding or Health event v
// means, and nothing if v is of no interest.
type decoded struct {
	Signals []incident.Signal
	Uses    []incident.Use

	// These index the userIdentity of the record at hand, of which nearly every
	// member is read, and its sessionContext and sessionIssuer.
	caller, session, issuer jsonscan.Fields

	record record // at hand
	words  words
}

// words are texts that event after event has, such as Regions' names and error
// codes, so that they are allocated once.
type words map[string]string

// What is kept is bounded, since whoever makes up events may choose any text.
const (
	maxWords = 512
	maxWord  = 64
)

// of is the text of v, as Str is.
func (w *words) of(v jsonscan.Value) string {
	b, ok := v.Plain()
	if !ok || len(b) > maxWord {
		return v.Str()
	}
	if s, ok := (*w)[string(b)]; ok {
		return s
	}
	s := string(b)
	if *w == nil {
		*w = words{}
	}
	if len(*w) < maxWords {
		(*w)[s] = s
	}
	return s
}

// rejection is why a record could not be decoded; the zero rejection means
// that it was, even if nothing came of it.
type rejection struct {
	Reason SkipReason
	Detail string // the name of a field at most
}
