package localaws

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// EventHistory is CloudTrail's event history of one account, as LookupEvents
// shows it: management events of one Region each, of the last 90 days, newest
// first, 50 a page, selected by one attribute at most, for at most two requests
// a second in each Region.
//
// It speaks the protocol of the SDKs and can be used as a server, or as a
// handler without one. See
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
type EventHistory struct {
	now func() time.Time

	mu       sync.Mutex
	events   map[string][]historic  // by Region, newest first
	turns    map[string][]time.Time // of the last second's requests, by Region
	failures []string               // error codes of the next requests
	requests []LookupRequest
}

// LookupRequest is a request that an EventHistory received.
type LookupRequest struct {
	Time             time.Time
	Region           string
	Attribute, Value string // of the first attribute
	StartTime        time.Time
	EndTime          time.Time
	Next             bool // it asked for a further page
	Error            string
	Events           int
}

// historic is an event in the history.
type historic struct {
	ID, Name, Source, Username, AccessKeyID string
	ReadOnly                                string
	Time, visible                           time.Time
	Resources                               []resource
	Record                                  string
}

type resource struct {
	Type string `json:"ResourceType"`
	Name string `json:"ResourceName"`
}

// NewEventHistory returns an empty history with a clock.
func NewEventHistory(now func() time.Time) *EventHistory {
	return &EventHistory{now: now, events: map[string][]historic{}, turns: map[string][]time.Time{}}
}

// ServeEventHistory serves a history until the test ends.
func ServeEventHistory(t testing.TB, h *EventHistory) Endpoint {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Endpoint{URL: s.URL}
}

// Add records CloudTrail records, each in its Region.
func (h *EventHistory) Add(records ...string) error { return h.AddLater(time.Time{}, records...) }

// AddLater records CloudTrail records that the history does not show before
// visible: CloudTrail lags behind. Data events are never shown.
func (h *EventHistory) AddLater(visible time.Time, records ...string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range records {
		var rec record
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			return fmt.Errorf("add to the event history: %w", err)
		}
		if rec.isData() {
			continue
		}
		e := rec.historic(text)
		e.visible = visible
		list := append(h.events[rec.AWSRegion], e)
		slices.SortStableFunc(list, newestFirst)
		h.events[rec.AWSRegion] = list
	}
	return nil
}

func newestFirst(a, b historic) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID)) }

// Fail lets the next requests fail with an error code each.
func (h *EventHistory) Fail(codes ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = append(h.failures, codes...)
}

// Requests are the requests that were received so far.
func (h *EventHistory) Requests() []LookupRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

// lookupTarget is the operation's name in the protocol.
const lookupTarget = "CloudTrail_20131101.LookupEvents"

// ServeHTTP answers a request.
func (h *EventHistory) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("X-Amz-Target") != lookupTarget {
		reply(w, apiError{"UnknownOperationException", "there is only LookupEvents here"})
		return
	}
	var in lookupInput
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		reply(w, apiError{"SerializationException", "not the JSON of a request"})
		return
	}
	reply(w, h.lookup(signedRegion(req), in))
}

// signedRegion is the Region in the scope of a request's signature.
func signedRegion(req *http.Request) string {
	_, scope, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(scope, "/"); len(parts) > 2 {
		return parts[2]
	}
	return Region
}

// lookupInput is the request's body.
type lookupInput struct {
	LookupAttributes []struct{ AttributeKey, AttributeValue string }
	StartTime        *float64
	EndTime          *float64
	MaxResults       *int
	EventCategory    string
	NextToken        string
}

func (in lookupInput) attribute() (key, value string) {
	if len(in.LookupAttributes) == 0 {
		return "", ""
	}
	return in.LookupAttributes[0].AttributeKey, in.LookupAttributes[0].AttributeValue
}

// window is the time that is asked about; zero where it is open.
func (in lookupInput) window() (from, to time.Time) {
	if in.StartTime != nil {
		from = fromEpoch(*in.StartTime)
	}
	if in.EndTime != nil {
		to = fromEpoch(*in.EndTime)
	}
	return from, to
}

func fromEpoch(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)).UTC()
}

// parameters identifies everything of a request that its further pages have to
// repeat.
func (in lookupInput) parameters() string {
	in.NextToken = ""
	b, err := json.Marshal(in)
	if err != nil {
		return "" // numbers that no JSON holds did not come out of one
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// lookupOutput is the response's body.
type lookupOutput struct {
	Events    []lookupEvent
	NextToken string `json:",omitempty"`
}

type lookupEvent struct {
	EventID         string `json:"EventId"`
	EventName       string
	ReadOnly        string
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	EventTime       int64
	EventSource     string
	Username        string `json:",omitempty"`
	Resources       []resource
	CloudTrailEvent string
}

// apiError is an error as the protocol has it.
type apiError struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if _, failed := body.(apiError); failed {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(body) // the client sees if it did not come through
}

// lookup is a lookupOutput or an apiError.
func (h *EventHistory) lookup(region string, in lookupInput) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	out, failed := h.answer(region, in, now)
	r := LookupRequest{Time: now, Region: region, Next: in.NextToken != "", Error: failed.Type, Events: len(out.Events)}
	r.Attribute, r.Value = in.attribute()
	r.StartTime, r.EndTime = in.window()
	h.requests = append(h.requests, r)
	if failed.Type != "" {
		return failed
	}
	return out
}

func (h *EventHistory) answer(region string, in lookupInput, now time.Time) (out lookupOutput, failed apiError) {
	if !h.turn(region, now) {
		return out, apiError{"ThrottlingException", "Rate exceeded"}
	}
	if len(h.failures) > 0 {
		code := h.failures[0]
		h.failures = h.failures[1:]
		return out, apiError{code, "as the test wanted"}
	}
	if failed = in.check(); failed.Type != "" {
		return out, failed
	}
	position, ok := in.position()
	if !ok {
		return out, apiError{"InvalidNextTokenException", "the token is not one of a request with these parameters"}
	}
	return h.page(region, in, position, now), failed
}

// perSecond is how many requests a second one Region takes from an account.
const perSecond = 2

// turn reports whether a request may be made now.
func (h *EventHistory) turn(region string, now time.Time) bool {
	recent := slices.DeleteFunc(h.turns[region], func(t time.Time) bool { return now.Sub(t) >= time.Second })
	ok := len(recent) < perSecond
	if ok {
		recent = append(recent, now)
	}
	h.turns[region] = recent
	return ok
}

// pageOfEvents is the most that one answer holds.
const pageOfEvents = 50

// selectors are the attributes that exist, and what they select.
var selectors = map[string]func(historic, string) bool{
	"EventId":      func(e historic, v string) bool { return e.ID == v },
	"EventName":    func(e historic, v string) bool { return e.Name == v },
	"ReadOnly":     func(e historic, v string) bool { return e.ReadOnly == v },
	"Username":     func(e historic, v string) bool { return e.Username == v },
	"EventSource":  func(e historic, v string) bool { return e.Source == v },
	"AccessKeyId":  func(e historic, v string) bool { return e.AccessKeyID == v },
	"ResourceType": func(e historic, v string) bool { return e.hasResource(func(r resource) bool { return r.Type == v }) },
	"ResourceName": func(e historic, v string) bool { return e.hasResource(func(r resource) bool { return r.Name == v }) },
}

func (e historic) hasResource(is func(resource) bool) bool {
	return slices.ContainsFunc(e.Resources, is)
}

// check says what is wrong with a request.
func (in lookupInput) check() apiError {
	from, to := in.window()
	switch wrong := in.checkAttribute(); {
	case wrong.Type != "":
		return wrong
	case in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > pageOfEvents):
		return apiError{"InvalidMaxResultsException", "MaxResults is 1 to 50"}
	case in.EventCategory != "" && in.EventCategory != "insight":
		return apiError{"InvalidEventCategoryException", "the only category is insight"}
	case !from.IsZero() && !to.IsZero() && to.Before(from):
		return apiError{"InvalidTimeRangeException", "the window ends before it starts"}
	}
	return apiError{}
}

// checkAttribute says what is wrong with what is asked for. Without an attribute
// it is everything.
func (in lookupInput) checkAttribute() apiError {
	switch key, value := in.attribute(); {
	case len(in.LookupAttributes) == 0:
	case len(in.LookupAttributes) > 1:
		return apiError{"InvalidLookupAttributesException", "one attribute is allowed, not more"}
	case selectors[key] == nil:
		return apiError{"InvalidLookupAttributesException", "there is no attribute " + key}
	case value == "" || len(value) > 2000:
		return apiError{"InvalidLookupAttributesException", "the attribute's value has 1 to 2000 characters"}
	}
	return apiError{}
}

// position is the event after which the page begins, and whether the token
// that says so is good.
func (in lookupInput) position() (historic, bool) {
	if in.NextToken == "" {
		return historic{}, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	parameters, place, _ := strings.Cut(string(raw), " ")
	when, id, found := strings.Cut(place, " ")
	if err != nil || !found || parameters != in.parameters() {
		return historic{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, when)
	return historic{Time: at, ID: id}, err == nil
}

func (in lookupInput) token(last historic) string {
	place := in.parameters() + " " + last.Time.Format(time.RFC3339Nano) + " " + last.ID
	return base64.RawURLEncoding.EncodeToString([]byte(place))
}

// reach is how far back the history goes.
const reach = 90 * 24 * time.Hour

func (h *EventHistory) page(region string, in lookupInput, after historic, now time.Time) lookupOutput {
	size := pageOfEvents
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	out := lookupOutput{Events: []lookupEvent{}}
	var last historic
	for _, e := range h.events[region] {
		if in.EventCategory != "" || !in.selects(e, now) || !after.Time.IsZero() && newestFirst(e, after) <= 0 {
			continue
		}
		if len(out.Events) == size {
			out.NextToken = in.token(last)
			return out
		}
		out.Events = append(out.Events, e.shown())
		last = e
	}
	return out
}

func (in lookupInput) selects(e historic, now time.Time) bool {
	from, to := in.window()
	key, value := in.attribute()
	switch {
	case e.visible.After(now), e.Time.After(now), now.Sub(e.Time) > reach,
		!from.IsZero() && e.Time.Before(from), !to.IsZero() && e.Time.After(to):
		return false
	}
	return len(in.LookupAttributes) == 0 || selectors[key](e, value)
}

func (e historic) shown() lookupEvent {
	return lookupEvent{
		EventID: e.ID, EventName: e.Name, ReadOnly: e.ReadOnly, AccessKeyID: e.AccessKeyID, EventTime: e.Time.Unix(),
		EventSource: e.Source, Username: e.Username, Resources: e.Resources, CloudTrailEvent: e.Record,
	}
}
