package trail

import (
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// Sink receives what a stream holds: signals and skips in the order of the
// stream, uses in any order and some of one Key joined. Its methods are called
// from the goroutine that called Decode.
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
	Uses       int // before any were joined
	Irrelevant int // recognised, and of no interest
	Odd        int // records not written just as CloudTrail writes its log files, for which the full decoder was needed
	Skipped    map[SkipReason]int
}

// envelope is what the wrapping of a record says about it. It is the zero
// envelope for a bare record.
type envelope struct {
	// Source and DetailType are those of EventBridge events, and empty otherwise.
	Source, DetailType string
	// Account, Region and Time stand in for what the record itself does not say.
	// An envelope's id never does: it differs between deliveries of a record.
	Account, Region string
	Time            time.Time

	sealed jsonscan.Value // the event of which these three were not read yet
}

// opened is the envelope with all that it says, which few records need.
func (env *envelope) opened(m *memory) *envelope {
	if v := env.sealed; v.Kind() != jsonscan.Missing {
		env.Account, env.Region = m.account(v.Get("account")), m.region(v.Get("region"))
		env.Time, _ = timeOf(v.Get("time"))
		env.sealed = jsonscan.Value{}
	}
	return env
}

// decoded collects what one record means. It is reused for the next one, so
// that a record of no interest costs no allocation:
//
//	func decodeEvent(v jsonscan.Value, env *envelope, out *decoded) rejection
//
// appends to it what the CloudTrail record, GuardDuty finding or Health event v
// means, and nothing if v is of no interest.
type decoded struct {
	Signals []incident.Signal
	Uses    []incident.Use

	// These index the userIdentity of the record at hand, of which nearly every
	// member is read, and what is inside of it.
	caller, session, issuer, attributes jsonscan.Fields

	params, response jsonscan.Fields // of the record at hand

	record record // at hand
	memory *memory
}

// next is the place for one more signal, which keep keeps.
func (out *decoded) next() *incident.Signal {
	n := len(out.Signals)
	out.Signals = slices.Grow(out.Signals, 1)
	sig := &out.Signals[:n+1][n]
	*sig = incident.Signal{}
	return sig
}

func (out *decoded) keep() { out.Signals = out.Signals[:len(out.Signals)+1] }

// remembered is the memory, of which there is one for all decoders of a stream.
func (out *decoded) remembered() *memory {
	if out.memory == nil {
		out.memory = &memory{}
	}
	return out.memory
}

// rejection is why a record could not be decoded; the zero rejection means
// that it was, even if nothing came of it.
type rejection struct {
	Reason SkipReason
	Detail string // the name of a field at most
}
