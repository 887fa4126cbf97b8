package trail

import (
	"bytes"
	"slices"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// form is the wrapping in which a value comes.
type form uint8

const (
	formUnknown      form = iota
	formRecord            // a CloudTrail record, bare
	formEvent             // an EventBridge event
	formList              // {"Records":…}, {"Events":…} or {"Messages":…}, read whole
	formLookup            // an event of a LookupEvents answer
	formMessage           // an SQS message, as Lambda receives it
	formReceived          // an SQS message, as whoever asks the queue receives it
	formFailed            // what Lambda sends on when a function has failed
	formNotification      // an SNS notification
	formDelivery          // an SNS record as Lambda receives it
	formLogData           // a CloudWatch Logs subscription's payload, packed
	formLogs              // the same, unpacked
	formForeign           // something else that AWS delivers by the same ways
)

// formOf recognises an object by the members that only its form has.
func formOf(v jsonscan.Value) form {
	if v.Kind() != jsonscan.Object {
		return formUnknown
	}
	has := func(name string) bool { return v.Get(name).Kind() != jsonscan.Missing }
	switch {
	case has("eventSource") || has("eventName"):
		return formOfRecord(v)
	case has("detail-type"):
		return formEvent
	case has("CloudTrailEvent"):
		return formLookup
	case has("messageId") && has("body"):
		return formMessage
	case has("Body") && (has("MessageId") || has("ReceiptHandle") || has("MD5OfBody")):
		return formReceived
	case has("requestPayload") && has("requestContext"):
		return formFailed
	case has("Sns"):
		return formDelivery
	case has("Message") && v.Get("Type").Is("Notification"):
		return formNotification
	case has("awslogs"):
		return formLogData
	case has("logEvents"):
		return formLogs
	case slices.ContainsFunc(lists, has):
		return formList
	case isThreat(v), isNotice(v): // without their envelope
		return formRecord
	case foreign(has):
		return formForeign
	case has("eventVersion") && (has("userIdentity") || has("eventID") || has("eventTime")):
		return formRecord
	}
	return formUnknown
}

// formOfRecord tells CloudTrail's records from what else comes in lists called
// Records. CloudTrail's sources are the services' host names; Lambda's are of
// the kind of aws:sqs, and of them only S3's notices are known to say nothing.
func formOfRecord(v jsonscan.Value) form {
	source := v.Get("eventSource")
	name, _ := source.Plain()
	switch {
	case !bytes.HasPrefix(name, []byte("aws:")):
		return formRecord
	case v.Get("body").Kind() != jsonscan.Missing:
		return formMessage
	case source.Is("aws:s3"):
		return formForeign
	}
	return formUnknown
}

// foreign recognises what lies beside CloudTrail's log files, or reaches the
// same topics and functions, and says nothing about credentials.
func foreign(has func(string) bool) bool {
	for _, name := range []string{
		"insightDetails",     // CloudTrail Insights
		"digestStartTime",    // CloudTrail's digest files
		"s3ObjectKey",        // CloudTrail's notice of a new log file
		"configurationItems", // AWS Config's history and snapshots
		"configurationItem",  // AWS Config's notices
		"invokingEvent",      // AWS Config's rules
		"AlarmName",          // CloudWatch alarms
		"DDBStreamBatchInfo", // Lambda's notice of records of a table that it gave up
	} {
		if has(name) {
			return true
		}
	}
	return false
}

// handle decodes a value of whatever form.
func (d *decoder) handle(v jsonscan.Value) {
	switch formOf(v) {
	case formRecord:
		if d.odd {
			d.stats.Odd++
		}
		d.record(v, &d.around)
	case formEvent:
		d.event(v)
	case formList:
		d.list(v)
	case formLookup:
		d.lookupEvent(v)
	case formMessage:
		d.unwrap(v.Get("body"), "body", envelope{})
	case formReceived:
		d.unwrap(v.Get("Body"), "Body", envelope{})
	case formFailed:
		d.unwrap(v.Get("requestPayload"), "requestPayload", envelope{})
	case formDelivery:
		d.unwrap(v.Get("Sns", "Message"), "Sns.Message", envelope{})
	case formNotification:
		d.unwrap(v.Get("Message"), "Message", envelope{})
	case formLogData:
		d.logData(v)
	case formLogs:
		d.logs(v)
	case formForeign:
		d.ignoreValue()
	default:
		d.unknown(v)
	}
}

func (d *decoder) unknown(v jsonscan.Value) {
	if v.Kind() == jsonscan.Array {
		d.rejectValue(SkipTooDeep, "array within arrays")
		return
	}
	d.rejectValue(SkipUnknownShape, v.Kind().String())
}

// lists are the members of objects that are lists of values.
var lists = []string{"Records", "Events", "Messages"}

// list decodes a list that was read whole, as one member of an object among
// others.
func (d *decoder) list(v jsonscan.Value) {
	for _, name := range lists {
		v.Get(name).Elements(func(_ int, e jsonscan.Value) bool {
			d.handle(e)
			return true
		})
	}
}

// record decodes what AWS recorded or found out.
func (d *decoder) record(v jsonscan.Value, env *envelope) {
	d.stats.Values++
	d.emit(decodeEvent(v, env, &d.out))
}

// emit passes on what was decoded to out, or counts why nothing was.
func (d *decoder) emit(r rejection) {
	switch {
	case r.Reason != "":
		d.reject(r.Reason, r.Detail)
	case len(d.out.Signals) == 0 && len(d.out.Uses) == 0:
		d.stats.Records++
		d.stats.Irrelevant++
	default:
		d.stats.Records++
		d.send()
	}
	d.out.Signals, d.out.Uses = d.out.Signals[:0], d.out.Uses[:0]
}

func (d *decoder) send() {
	for i := range d.out.Signals {
		d.sink.Signal(d.out.Signals[i])
	}
	for i := range d.out.Uses {
		d.sink.Use(d.out.Uses[i])
	}
	d.stats.Signals += len(d.out.Signals)
	d.stats.Uses += len(d.out.Uses)
}

// reject skips the value at hand, which was counted.
func (d *decoder) reject(reason SkipReason, detail string) { d.skip(d.at, reason, detail) }

// rejectValue counts the value at hand and skips it.
func (d *decoder) rejectValue(reason SkipReason, detail string) {
	d.stats.Values++
	d.reject(reason, detail)
}

// ignoreValue counts the value at hand, which is of no interest.
func (d *decoder) ignoreValue() {
	d.stats.Values++
	d.stats.Irrelevant++
}

// event decodes an EventBridge event. AWS alone can send events whose source
// starts with "aws."; what others send under CloudTrail's name is not believed.
func (d *decoder) event(v jsonscan.Value) {
	m := d.out.remembered()
	env := &envelope{Source: m.word(v.Get("source")), DetailType: m.word(v.Get("detail-type")), sealed: v}
	detail := d.detail.Of(v.Get("detail"))
	switch {
	case env.Source == clientSource && env.DetailType == clientDetailType:
		d.stats.Values++
		d.emit(decodeClientFailure(detail, env.opened(m), &d.out))
	case env.Source == clientSource && env.DetailType == exposureDetailType:
		d.stats.Values++
		d.emit(decodeClientExposure(detail, env.opened(m), &d.out))
	case env.Source == CanarySource && env.DetailType == CanaryDetailType:
		d.canary(detail, env.opened(m))
	case !ofInterest(env, detail):
		d.ignoreValue()
	case detail.Kind() != jsonscan.Object:
		d.rejectValue(SkipBadField, "detail")
	default:
		d.record(detail, env)
	}
}

// lookupEvent decodes one event of a LookupEvents answer: the record is in a
// string, and what stands beside it can stand in for what the record lacks.
func (d *decoder) lookupEvent(v jsonscan.Value) {
	env := envelope{}
	env.Time, _ = timeOf(v.Get("EventTime"))
	d.unwrap(v.Get("CloudTrailEvent"), "CloudTrailEvent", env)
}

// unwrap decodes what a string holds, in any form again. The envelope serves
// bare records within.
func (d *decoder) unwrap(v jsonscan.Value, field string, around envelope) {
	switch {
	case d.wraps >= maxWraps:
		d.rejectValue(SkipTooDeep, field)
	case v.Kind() == jsonscan.Object || v.Kind() == jsonscan.Array: // was unwrapped by somebody else
		d.unwrapped(v, around)
	case v.Kind() != jsonscan.String || v.Is(""):
		d.rejectValue(SkipBadField, field)
	default:
		in := d.inside(around)
		in.text = v.AppendText(in.text[:0])
		in.inMemory(in.text)
		in.run()
	}
}

func (d *decoder) unwrapped(v jsonscan.Value, around envelope) {
	in := d.inside(around)
	in.inMemory(v.Raw())
	in.run()
}

// inside is the decoder of what is wrapped in the value at hand.
func (d *decoder) inside(around envelope) *decoder {
	if d.inner == nil {
		d.inner = &decoder{source: d.source, sink: d.sink, stats: d.stats, writer: d.writer, thorough: d.thorough, wraps: d.wraps + 1}
		d.inner.nest()
		d.inner.out.memory = d.out.remembered()
	}
	in := d.inner
	in.around, in.outer = around, d.at
	in.open, in.lost, in.cut = in.open[:0], false, false
	if d.wraps > 0 {
		in.outer = d.outer
	}
	return in
}
