package account

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/eventpattern"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// rule is a rule of EventBridge's, on the default bus of its Region.
type rule struct {
	arn, region string
	readOnly    bool // it takes calls that only read
	pattern     *eventpattern.Pattern
	targets     []target
}

type target struct {
	Arn, RoleArn     string
	DeadLetterConfig struct{ Arn string }
	InputTransformer *struct {
		InputPathsMap map[string]string
		InputTemplate string
	}
}

// states say whether a rule takes events, and whether also those that tell of
// reading.
var states = map[string]struct{ on, readOnly bool }{
	"": {on: true}, "ENABLED": {on: true}, "DISABLED": {}, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS": {true, true},
}

func newRule(s *template, r *resource, arn string) (*rule, error) {
	var p struct {
		State        string
		EventPattern map[string]any
		Targets      []target
	}
	if err := decode(r.Properties, &p); err != nil {
		return nil, err
	}
	state, known := states[p.State]
	if !known || p.EventPattern == nil || len(p.Targets) == 0 {
		return nil, fmt.Errorf("state %q, pattern %v and %d targets are not understood", p.State, p.EventPattern, len(p.Targets))
	}
	if !state.on {
		return nil, nil
	}
	text, err := json.Marshal(p.EventPattern)
	if err != nil {
		return nil, err
	}
	pattern, err := eventpattern.Parse(text)
	return &rule{arn: arn, region: s.Region, readOnly: state.readOnly, pattern: pattern, targets: p.Targets}, err
}

// Put puts an event on the bus of the Region that it names. It reports whether
// any rule took it.
func (a *Account) Put(event string) bool {
	a.t.Helper()
	var e struct{ Region string }
	if err := json.Unmarshal([]byte(event), &e); err != nil || e.Region == "" {
		a.t.Fatalf("an event of the Region %q: %v", e.Region, err)
	}
	return a.put(e.Region, event)
}

func (a *Account) put(region, event string) (taken bool) {
	reads := onlyReads(event)
	for _, r := range a.rules {
		if r.region != region || reads && !r.readOnly {
			continue
		}
		yes, err := r.pattern.Matches([]byte(event))
		if err != nil {
			a.t.Errorf("match %s: %v", r.arn, err)
		}
		for _, to := range r.targets {
			if yes {
				a.target(r, to, event)
			}
		}
		taken = taken || yes
	}
	return taken
}

// onlyReads reports whether an event tells of a call that only read, which
// EventBridge leaves out by default.
func onlyReads(event string) bool {
	v, err := jsonscan.Parse([]byte(event))
	if err != nil {
		return false
	}
	reads, _ := v.Get("detail", "readOnly").Bool()
	return reads && strings.HasSuffix(v.Get("detail-type").Str(), " via CloudTrail")
}

// target hands an event to one of a rule's targets, or to the dead letters of
// that.
func (a *Account) target(r *rule, to target, event string) {
	const events = "events.amazonaws.com"
	text := transform(to, event)
	service := strings.Split(to.Arn, ":")[2]
	want := request{who: events, resource: to.Arn, source: r.arn}
	switch service {
	case "lambda":
		a.invoke(to.Arn, []byte(text), events, r.arn)
		return
	case "sqs":
		want.action = "sqs:SendMessage"
	case "sns":
		want.action = "sns:Publish"
	case "events":
		want = request{who: to.RoleArn, action: "events:PutEvents", resource: to.Arn}
	}
	if !a.allowed(want) {
		if dead := to.DeadLetterConfig.Arn; a.allowed(request{who: events, action: "sqs:SendMessage", resource: dead, source: r.arn}) {
			a.send(dead, event)
		}
		return
	}
	switch service {
	case "sqs":
		a.send(to.Arn, text)
	case "sns":
		a.publish(to.Arn, text)
	case "events":
		a.toBus(to.Arn, text)
	default:
		a.t.Errorf("%s leads to %s, which is not understood", r.arn, to.Arn)
	}
}

// toBus passes an event on to another bus, here or elsewhere.
func (a *Account) toBus(arn, event string) {
	if strings.Split(arn, ":")[4] == accountID && strings.HasSuffix(arn, ":event-bus/default") {
		a.put(region(arn), event)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.foreign[arn] = append(a.foreign[arn], event)
}

// transform makes an event what its target gets.
func transform(to target, event string) string {
	if to.InputTransformer == nil {
		return event
	}
	v, err := jsonscan.Parse([]byte(event))
	if err != nil {
		return event
	}
	text := to.InputTransformer.InputTemplate
	for _, name := range slices.Sorted(maps.Keys(to.InputTransformer.InputPathsMap)) {
		path := strings.Split(strings.TrimPrefix(to.InputTransformer.InputPathsMap[name], "$."), ".")
		found := v.Get(path...)
		value, isText := found.Text()
		if !isText {
			value = string(found.Raw())
		}
		text = strings.ReplaceAll(text, "<"+name+">", value)
	}
	return text
}

// putEvents takes the events of a function.
func (a *Account) putEvents(w http.ResponseWriter, r *http.Request) {
	var in struct{ Entries []entry }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out := struct {
		FailedEntryCount int
		Entries          []map[string]string
	}{}
	for n, e := range in.Entries {
		bus := e.EventBusName
		if bus == "" {
			bus = "arn:aws:events:" + signedRegion(r) + ":" + accountID + ":event-bus/default"
		}
		a.toBus(bus, a.event(e, signedRegion(r)))
		out.Entries = append(out.Entries, map[string]string{"EventId": fmt.Sprint(n)})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // the function may be gone
}
