package account

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// filter is a subscription of CloudWatch Logs'.
type filter struct {
	LogGroupName, DestinationArn, FilterPattern string
	terms                                       []string
}

// newFilter reads a pattern of alternatives, ?"such" ?"as these".
func newFilter(r *resource) (*filter, error) {
	f := &filter{}
	if err := decode(r.Properties, f); err != nil {
		return nil, err
	}
	for rest := f.FilterPattern; rest != ""; {
		quoted, more, _ := strings.Cut(strings.TrimPrefix(rest, `?"`), `"`)
		if !strings.HasPrefix(rest, `?"`) || quoted == "" {
			return nil, fmt.Errorf("the filter pattern %s is not understood", f.FilterPattern)
		}
		f.terms, rest = append(f.terms, quoted), strings.TrimSpace(more)
	}
	return f, nil
}

func (f *filter) takes(line string) bool {
	return slices.ContainsFunc(f.terms, func(term string) bool { return strings.Contains(line, term) })
}

// Line is a line of a log.
type Line struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// Log writes lines to a log group. What its subscriptions take they deliver as
// CloudWatch Logs does. It reports whether there are any subscriptions.
func (a *Account) Log(group, stream string, lines []Line) (subscribed bool) {
	a.t.Helper()
	for _, f := range a.filters {
		if f.LogGroupName != group {
			continue
		}
		subscribed = true
		taken := slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return !f.takes(l.Message) })
		if len(taken) == 0 {
			continue
		}
		payload, err := subscription(group, stream, taken)
		if err != nil {
			a.t.Fatal(err)
		}
		a.invoke(f.DestinationArn, payload, "logs.amazonaws.com", "arn:aws:logs:"+home+":"+accountID+":log-group:"+group+":*")
	}
	return subscribed
}

func subscription(group, stream string, lines []Line) ([]byte, error) {
	message, err := json.Marshal(map[string]any{
		"messageType": "DATA_MESSAGE", "owner": accountID, "logGroup": group, "logStream": stream, "subscriptionFilters": []string{"filter"}, "logEvents": lines,
	})
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(message); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"awslogs": map[string]string{"data": base64.StdEncoding.EncodeToString(packed.Bytes())}})
}
