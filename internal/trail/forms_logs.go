package trail

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// maxLogData bounds what a subscription's payload may unpack to. CloudWatch
// Logs itself sends at most 1 MB, packed at about 10:1.
const maxLogData = 16 << 20

// logData unpacks a CloudWatch Logs subscription's payload. It may hold log
// data and nothing else: a payload within a payload has no use but to explode.
func (d *decoder) logData(v jsonscan.Value) {
	const field = "awslogs.data"
	b, reason := unpack(v.Get("awslogs", "data"))
	if reason != "" {
		d.rejectValue(reason, field)
		return
	}
	var fields jsonscan.Fields
	logs, _, err := fields.Next(b)
	switch {
	case errors.Is(err, jsonscan.ErrTooDeep):
		d.rejectValue(SkipTooDeep, field)
	case err != nil:
		d.rejectValue(SkipSyntax, field+": "+syntaxDetail(err))
	case formOf(logs) != formLogs:
		d.rejectValue(SkipUnknownShape, field)
	default:
		d.logs(logs)
	}
}

// unpack undoes base64 and gzip.
func unpack(v jsonscan.Value) ([]byte, SkipReason) {
	text := v.AppendText(nil)
	if len(text) == 0 {
		return nil, SkipBadField
	}
	packed := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(packed, text)
	if err != nil {
		return nil, SkipDecompress
	}
	z, err := gzip.NewReader(bytes.NewReader(packed[:n]))
	if err != nil {
		return nil, SkipDecompress
	}
	b, err := io.ReadAll(io.LimitReader(z, maxLogData+1))
	switch {
	case len(b) > maxLogData:
		return nil, SkipTooLarge
	case err != nil:
		return nil, SkipDecompress
	}
	return b, ""
}

// logSource is where log events come from.
type logSource struct {
	account, group, stream string
	program, principal     string // who writes to the group, as configured
}

// logs decodes unpacked log data. CloudWatch Logs sends control messages to
// see whether the subscription is there.
func (d *decoder) logs(v jsonscan.Value) {
	if !v.Get("messageType").Is("DATA_MESSAGE") {
		d.ignoreValue()
		return
	}
	src := logSource{
		account: accountID(v.Get("owner").Str()),
		group:   groupName(v.Get("logGroup").Str()),
		stream:  v.Get("logStream").Str(),
	}
	if d.writer != nil {
		src.program, src.principal = d.writer(src.group)
	}
	v.Get("logEvents").Elements(func(_ int, e jsonscan.Value) bool {
		d.logEvent(e, src)
		return true
	})
}

// logEvent decodes one log event. Its time is cut to the second, which is as
// exact as anything else is here, so that failures of one second can be counted
// together. If its message is a record or an event, as
// trails and buses that write to a log group leave there, it is decoded as such,
// and the session token that AWS put into it is no exposure.
func (d *decoder) logEvent(e jsonscan.Value, src logSource) {
	message := e.Get("message")
	if message.Kind() != jsonscan.String {
		d.rejectValue(SkipBadField, "message")
		return
	}
	at, _ := timeOf(e.Get("timestamp"))
	at = at.Truncate(time.Second)
	in := d.inside(envelope{Account: src.account, Time: at})
	in.text = message.AppendText(in.text[:0])
	if v, ok := in.recorded(); ok {
		in.handle(v)
		return
	}
	d.stats.Values++
	d.logLine(string(in.text), e, src, at)
}

// recorded reads d's text as a record or an event.
func (d *decoder) recorded() (jsonscan.Value, bool) {
	if !bytes.HasPrefix(bytes.TrimLeft(d.text, " \t\r\n"), []byte("{")) {
		return jsonscan.Value{}, false
	}
	v, n, err := d.fields.Next(d.text)
	if err != nil || spaceEnd(d.text, n) != len(d.text) {
		return jsonscan.Value{}, false
	}
	f := formOf(v)
	return v, f == formRecord || f == formEvent
}

// logLine reads what a program wrote, and forgets it.
func (d *decoder) logLine(message string, e jsonscan.Value, src logSource, at time.Time) {
	facts := logline.Read(message)
	if len(facts) == 0 {
		d.stats.Irrelevant++
		return
	}
	id := src.eventID(e, message)
	for i, fact := range facts {
		sig := src.signal(fact, at)
		if sig.Time.IsZero() {
			d.reject(SkipNoEventTime, "timestamp")
			return
		}
		if sig.ID == "" {
			sig.ID = id
			if i > 0 {
				sig.ID = fmt.Sprintf("%s#%d", id, i)
			}
		}
		if !identified(&sig) {
			d.reject(SkipNoIdentity, "")
			continue
		}
		d.out.Signals = append(d.out.Signals, sig)
	}
	d.send()
	d.out.Signals = d.out.Signals[:0]
}

// signal makes of a fact a signal. Our own line may say when it happened and
// under which id; where that is known, a report that reached us by the bus as
// well is one with this.
func (src logSource) signal(fact logline.Fact, at time.Time) incident.Signal {
	sig := incident.Signal{
		ID:        shown(fact.EventID),
		Account:   src.account,
		Time:      fact.Time,
		Kind:      incident.CredentialFailed,
		Feed:      incident.FromLogs,
		Operation: fact.Operation,
		Key:       fact.KeyID,
		Workload:  cmp.Or(shown(fact.Workload), src.workload()),
		ErrorCode: fact.Code,
		Reason:    fact.Reason,
		Count:     max(fact.Count, 1),
	}
	if sig.Time.IsZero() {
		sig.Time = at
	}
	failedAs(&sig, src.principalOf(fact))
	sig.Actor.SourceIP, sig.Actor.UserAgent = fact.SourceIP, shown(fact.UserAgent)
	if fact.Exposure != nil {
		sig.Kind = incident.CredentialExposed
		sig.Exposure = &incident.Exposure{What: fact.Exposure.What, Where: src.group}
	}
	return sig
}

// workload is the program that writes to a log group: as configured, or the
// function, by the name that Lambda gives its group, or else the group itself.
func (src logSource) workload() string {
	if name := shown(src.program); name != "" {
		return name
	}
	if name, ok := strings.CutPrefix(src.group, "/aws/lambda/"); ok && name != "" {
		return name
	}
	return src.group
}

// principalOf is whose credential a line is about. The line itself knows best.
// The group's writer stands in where it names nobody, and no key either: the
// key may be another one's, and its issuance tells whose.
func (src logSource) principalOf(fact logline.Fact) string {
	if fact.PrincipalARN != "" || fact.KeyID != "" {
		return fact.PrincipalARN
	}
	return src.principal
}

// eventID names a log event within its account, as a reader can find it again.
func (src logSource) eventID(e jsonscan.Value, message string) string {
	if id := eventIDIn(e.Get("id")); id != "" {
		return src.group + ":" + id
	}
	h := sha256.New()
	for _, part := range []string{src.group, src.stream, string(e.Get("timestamp").Raw()), message} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return src.group + ":sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}
