package history

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/trailverdict/trailverdict/internal/aws/lookup"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/investigate"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// decode is what an answer means.
func decode(region string, out *cloudtrail.LookupEventsOutput) (investigate.Page, error) {
	s := sink{Page: investigate.Page{Next: aws.ToString(out.NextToken)}}
	for _, e := range out.Events {
		s.call(region, e)
	}
	if err := lookup.Decode(out.Events, &s); err != nil {
		return investigate.Page{}, err
	}
	return s.Page, nil
}

// sink collects what the decoder finds.
type sink struct{ investigate.Page }

func (s *sink) Signal(x incident.Signal) { s.Signals = append(s.Signals, x) }
func (s *sink) Use(u incident.Use)       { s.Uses = append(s.Uses, u) }
func (s *sink) Skipped(trail.Skip)       {}

// call notes that a call was made, and moves the oldest time.
func (s *sink) call(region string, e types.Event) {
	at := aws.ToTime(e.EventTime).UTC().Truncate(time.Second)
	if s.Oldest.IsZero() || at.Before(s.Oldest) {
		s.Oldest = at
	}
	c := investigate.Call{ID: aws.ToString(e.EventId), Region: region, Time: at, KeyID: aws.ToString(e.AccessKeyId)}
	source, _, _ := strings.Cut(aws.ToString(e.EventSource), ".")
	c.Operation = word(source) + ":" + word(aws.ToString(e.EventName))
	if record, err := jsonscan.Parse([]byte(aws.ToString(e.CloudTrailEvent))); err == nil {
		c.Error = word(record.Get("errorCode").Str())
		if c.KeyID == "" {
			c.KeyID = record.Get("userIdentity", "accessKeyId").Str()
		}
	}
	c.KeyID = word(c.KeyID)
	s.Calls = append(s.Calls, c)
}

// word is s if it is a name: what is longer, or anything else, is not kept.
func word(s string) string {
	const longest = 128
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_') {
			return ""
		}
	}
	return s[:min(len(s), longest)]
}
