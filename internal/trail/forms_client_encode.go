package trail

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// reportEvent is a client's report as it travels.
type reportEvent struct {
	Version    string       `json:"version"`
	ID         string       `json:"id"`
	DetailType string       `json:"detail-type"`
	Source     string       `json:"source"`
	Account    string       `json:"account"`
	Time       string       `json:"time"`
	Region     string       `json:"region"`
	Resources  []string     `json:"resources"`
	Detail     reportDetail `json:"detail"`
}

type reportDetail struct {
	EventID         string          `json:"eventId"`
	EventTime       string          `json:"eventTime"`
	ErrorCode       string          `json:"errorCode,omitempty"`
	Reason          incident.Reason `json:"reason,omitempty"`
	What            string          `json:"what,omitempty"`
	Where           string          `json:"where,omitempty"`
	Operation       string          `json:"operation,omitempty"`
	AccessKeyID     string          `json:"accessKeyId,omitempty"`
	PrincipalARN    string          `json:"principalArn,omitempty"`
	Workload        string          `json:"workload,omitempty"`
	SourceIPAddress string          `json:"sourceIPAddress,omitempty"`
	UserAgent       string          `json:"userAgent,omitempty"`
	Count           int             `json:"count,omitempty"`
}

// EncodeClientEvent is the event by which a client would report a failed or
// exposed credential. Decoded again it gives s, but for the feed, which is then
// the client's: so that what was found in a log can be passed on without the
// log.
func EncodeClientEvent(s incident.Signal) ([]byte, error) {
	at := s.Time.UTC().Format(time.RFC3339Nano)
	e := reportEvent{
		Version: "0", ID: s.ID, DetailType: clientDetailType, Source: clientSource,
		Account: s.Account, Time: at, Region: s.Region, Resources: []string{},
		Detail: reportDetail{
			EventID: s.ID, EventTime: at, ErrorCode: s.ErrorCode, Reason: s.Reason, Operation: s.Operation,
			AccessKeyID: s.Key, PrincipalARN: reportedARN(s), Workload: s.Workload,
			SourceIPAddress: s.Actor.SourceIP, UserAgent: s.Actor.UserAgent, Count: s.Count,
		},
	}
	switch {
	case s.Kind == incident.CredentialFailed:
	case s.Kind == incident.CredentialExposed && s.Exposure != nil:
		e.DetailType = exposureDetailType
		e.Detail.What, e.Detail.Where, e.Detail.Count = s.Exposure.What, s.Exposure.Where, 0
	default:
		return nil, fmt.Errorf("encode client event: no client reports %s", s.Kind)
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode client event: %w", err)
	}
	return inASCII(b), nil
}

// inASCII is JSON without characters that a queue may refuse, such as U+FFFE.
func inASCII(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// reportedARN is the ARN that principalOf reads a report's target from.
func reportedARN(s incident.Signal) string {
	p := s.Target
	switch {
	case p.Type == incident.Role && s.Actor.SessionName != "":
		return "arn:" + p.Partition + ":sts::" + p.Account + ":assumed-role/" + p.Name + "/" + s.Actor.SessionName
	case p.Type == incident.Federated:
		return "arn:" + p.Partition + ":sts::" + p.Account + ":federated-user/" + p.Name
	}
	return p.ARN
}
