package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/localaws/account"
	"github.com/trailverdict/trailverdict/internal/scenario"
)

// moved is a story with all its times moved alike, so that the time at which its
// findings are asked for is end. The real programs go by the clock.
func moved(t *testing.T, st scenario.Story, end time.Time) scenario.Story {
	t.Helper()
	by := end.Sub(prepare(t, st).asOf).Truncate(time.Second)
	if !st.AsOf.IsZero() {
		st.AsOf = st.AsOf.Add(by)
	}
	st.Events, st.Config = moveTimes(unpacked(t, st.Events), by), moveTimes(st.Config, by)
	return st
}

// unpacked puts what CloudWatch Logs delivers in place of its packed form.
func unpacked(t *testing.T, events []byte) []byte {
	t.Helper()
	var out []byte
	for line := range bytes.Lines(events) {
		var v struct{ AWSLogs struct{ Data []byte } }
		if json.Unmarshal(line, &v) == nil && len(v.AWSLogs.Data) > 0 {
			r, err := gzip.NewReader(bytes.NewReader(v.AWSLogs.Data))
			if err != nil {
				t.Fatal(err)
			}
			if line, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			line = append(line, '\n')
		}
		out = append(out, line...)
	}
	return out
}

// writtenTimes are the ways in which events write a time: with and without
// separators, as AWS Health does, and as seconds or milliseconds since 1970.
var writtenTimes = regexp.MustCompile(`[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT|\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d|\b20\d{6}T\d{6}Z|\b177\d{7}(\d{3})?\b`)

const healthTime = "Mon, 2 Jan 2006 15:04:05 GMT"

func moveTimes(text []byte, by time.Duration) []byte {
	return writtenTimes.ReplaceAllFunc(text, func(found []byte) []byte {
		for _, layout := range []string{"2006-01-02T15:04:05", "20060102T150405Z", healthTime} {
			if at, err := time.Parse(layout, string(found)); err == nil {
				return []byte(at.Add(by).Format(layout))
			}
		}
		n, err := strconv.ParseInt(string(found), 10, 64)
		if err != nil {
			return found
		}
		if len(found) > 10 {
			return strconv.AppendInt(nil, n+by.Milliseconds(), 10)
		}
		return strconv.AppendInt(nil, n+int64(by.Seconds()), 10)
	})
}

// posts are events in EventBridge's envelopes, and lines that programs logged.
type posts struct {
	events []string
	logs   []logged
}

type logged struct {
	text                string // as the decoder takes it
	LogGroup, LogStream string
	LogEvents           []account.Line
}

// regions are those, besides the home Region, in which events happened. Other
// partitions are other accounts.
func (p *posts) regions() []string {
	found := map[string]bool{}
	for _, e := range p.events {
		if r := regionOf(e); r != localaws.Region && !strings.HasPrefix(r, "cn-") {
			found[r] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func regionOf(event string) string {
	var e struct{ Region string }
	_ = json.Unmarshal([]byte(event), &e) // it was made or read here
	return e.Region
}

// posted is how the values of a story reach an account. Those that say nothing
// are left out.
func posted(t *testing.T, values []string) *posts {
	t.Helper()
	p := &posts{}
	for _, v := range values {
		p.add(t, v)
	}
	return p
}

func (p *posts) add(t *testing.T, text string) {
	t.Helper()
	var v struct {
		DetailType string `json:"detail-type"`
		EventName  string
		Records    []json.RawMessage
		Events     []struct{ CloudTrailEvent string }
		Body       string
		LogEvents  []account.Line
	}
	if json.Unmarshal([]byte(text), &v) != nil {
		return
	}
	switch {
	case v.DetailType != "":
		p.events = append(p.events, text)
	case v.EventName != "":
		p.events = append(p.events, enveloped(t, text))
	case v.Body != "":
		p.add(t, v.Body)
	case len(v.LogEvents) > 0:
		l := logged{text: text}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		p.logs = append(p.logs, l)
	}
	for _, r := range v.Records {
		p.add(t, string(r))
	}
	for _, e := range v.Events {
		p.add(t, e.CloudTrailEvent)
	}
}

// lag is how late CloudTrail's event history shows an event.
const lag = 5 * time.Minute

// remembered puts the calls in the event history, as late as it is.
func (p *posts) remembered(t *testing.T, h *localaws.EventHistory) {
	t.Helper()
	for _, e := range p.events {
		var v struct {
			DetailType string `json:"detail-type"`
			Time       time.Time
			Detail     json.RawMessage
		}
		if err := json.Unmarshal([]byte(e), &v); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(v.DetailType, "via CloudTrail") {
			if err := h.AddLater(v.Time.Add(lag), string(v.Detail)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// enveloped is a CloudTrail record as EventBridge delivers it.
func enveloped(t *testing.T, record string) string {
	t.Helper()
	var r struct{ EventSource, EventType, EventTime, EventID, AWSRegion, RecipientAccountID string }
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		t.Fatal(err)
	}
	kind := "AWS API Call via CloudTrail"
	switch r.EventType {
	case "AwsServiceEvent":
		kind = "AWS Service Event via CloudTrail"
	case "AwsConsoleSignIn":
		kind = "AWS Console Sign In via CloudTrail"
	}
	source, _, _ := strings.Cut(r.EventSource, ".")
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": "e-" + r.EventID, "detail-type": kind, "source": "aws." + source, "account": r.RecipientAccountID,
		"time": r.EventTime, "region": r.AWSRegion, "resources": []string{}, "detail": json.RawMessage(record),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
