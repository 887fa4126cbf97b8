package localaws

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account is an account as its reading APIs show it: what stacks made there, its
// trails, keys and Regions. Stacks come from templates, so that what is read is
// what is deployed; a test then breaks something, and looks who notices.
//
// It speaks the protocols of the SDKs for the operations that read, pages as AWS
// does, and refuses whatever it is told to refuse. It takes no other operation.
type Account struct {
	ID        string
	Partition string

	history *EventHistory
	now     func() time.Time

	mu       sync.Mutex
	regions  map[string]string // name to status
	stacks   map[string]*Stack // by Region and name
	exports  map[string]any    // the same
	trails   []*TrailState
	keys     map[string]*KeyState // by ARN
	buses    map[string]string    // policies of default buses, by Region
	spare    int
	skew     time.Duration
	denied   map[string]bool // actions
	failing  map[string]string
	requests map[string]int // by action
	places   map[string]int // by Region
}

// Stack is a stack and what it made.
type Stack struct {
	Name, Region, Status string
	Parts                []*Resource
}

// Resource is a part of a stack. Gone parts are known to CloudFormation alone.
type Resource struct {
	ID, Type, Name string
	Properties     map[string]any
	Gone           bool
}

// TrailState is a trail.
type TrailState struct {
	Name, Region, Account                  string
	Logging, MultiRegion, Global           bool
	Organization                           bool
	Stopped                                time.Time
	DeliveryError                          string
	EventSelectors, AdvancedEventSelectors []map[string]any
}

// KeyState is a key of KMS's.
type KeyState struct{ State, Manager, Policy string }

// NewAccount returns an account without anything in it, but with Regions.
func NewAccount(id, partition string, now func() time.Time, regions ...string) *Account {
	a := &Account{
		ID: id, Partition: partition, now: now, history: NewEventHistory(now), regions: map[string]string{}, stacks: map[string]*Stack{}, exports: map[string]any{},
		keys: map[string]*KeyState{}, buses: map[string]string{}, spare: 1000,
		denied: map[string]bool{}, failing: map[string]string{}, requests: map[string]int{}, places: map[string]int{},
	}
	for _, r := range regions {
		a.regions[r] = "ENABLED_BY_DEFAULT"
	}
	return a
}

// ServeAccount serves an account until the test ends.
func ServeAccount(t testing.TB, a *Account) Endpoint {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return Endpoint{URL: s.URL}
}

// History is the account's event history.
func (a *Account) History() *EventHistory { return a.history }

// Change changes the account while nobody reads it.
func (a *Account) Change(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// SetRegion sets whether a Region can be used.
func (a *Account) SetRegion(name, status string) { a.Change(func() { a.regions[name] = status }) }

// AddTrail adds a trail of all management events in all Regions, and returns it.
func (a *Account) AddTrail(name, region string) *TrailState {
	t := &TrailState{
		Name: name, Region: region, Account: a.ID, Logging: true, MultiRegion: true, Global: true,
		EventSelectors: []map[string]any{{"ReadWriteType": "All", "IncludeManagementEvents": true}},
	}
	a.Change(func() { a.trails = append(a.trails, t) })
	return t
}

// AddKey adds a key and returns its ARN.
func (a *Account) AddKey(region, name string, k KeyState) string {
	arn := a.arn("kms", region, "key/"+name)
	a.Change(func() { a.keys[arn] = &k })
	return arn
}

// SetBusPolicy sets the policy of a Region's default bus.
func (a *Account) SetBusPolicy(region, policy string) { a.Change(func() { a.buses[region] = policy }) }

// SetSpare sets how many copies of functions are reserved for none.
func (a *Account) SetSpare(n int) { a.Change(func() { a.spare = n }) }

// SetSkew sets how far AWS's clock is ahead of the machine's.
func (a *Account) SetSkew(d time.Duration) { a.Change(func() { a.skew = d }) }

// Deny refuses actions, such as sns:GetTopicAttributes.
func (a *Account) Deny(actions ...string) {
	a.Change(func() {
		for _, action := range actions {
			a.denied[action] = true
		}
	})
}

// Fail answers an action with an error code.
func (a *Account) Fail(action, code string) { a.Change(func() { a.failing[action] = code }) }

// Actions are those that were asked for, in IAM's notation.
func (a *Account) Actions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.requests))
}

// Places are the Regions in which something was asked.
func (a *Account) Places() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.places))
}

// Deploy makes what a template describes. Stacks whose exports it imports must
// be there.
func (a *Account) Deploy(name, region string, template []byte) (*Stack, error) {
	var t struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
		Outputs map[string]struct {
			Value  any
			Export struct{ Name string }
		}
	}
	if err := json.Unmarshal(template, &t); err != nil {
		return nil, fmt.Errorf("deploy %s: %w", name, err)
	}
	s := &Stack{Name: name, Region: region, Status: "CREATE_COMPLETE"}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		s.Parts = append(s.Parts, &Resource{ID: id, Type: r.Type, Name: a.physical(s, id, r.Type), Properties: r.Properties})
	}
	for _, r := range s.Parts {
		properties, ok := a.resolve(s, r.Properties).(map[string]any)
		if !ok {
			properties = map[string]any{}
		}
		r.Properties = properties
	}
	a.settle(s)
	for _, out := range t.Outputs {
		if out.Export.Name != "" {
			value := a.resolve(s, out.Value)
			a.Change(func() { a.exports[region+" "+out.Export.Name] = value })
		}
	}
	a.Change(func() { a.stacks[region+" "+name] = s })
	return s, nil
}

// settle gives parts what AWS gives them beside their properties.
func (a *Account) settle(s *Stack) {
	for _, r := range s.Parts {
		switch r.Type {
		case "AWS::SNS::Subscription":
			topic, _ := r.Properties["TopicArn"].(string)
			r.Name = topic + ":" + strings.ToLower(r.ID)
		case "AWS::KMS::Key":
			policy, err := json.Marshal(r.Properties["KeyPolicy"])
			if err != nil {
				continue // it came out of JSON
			}
			a.AddKey(s.Region, r.Name, KeyState{"Enabled", "CUSTOMER", string(policy)})
		}
	}
}

// Undeploy deletes a stack.
func (a *Account) Undeploy(name, region string) {
	a.Change(func() { delete(a.stacks, region+" "+name) })
}

// Part is a part of a stack by the beginning of its ID, and nil for none.
func (s *Stack) Part(id string) *Resource {
	for _, r := range s.Parts {
		if strings.HasPrefix(r.ID, id) {
			return r
		}
	}
	return nil
}

func (a *Account) arn(service, region, resource string) string {
	return "arn:" + a.Partition + ":" + service + ":" + region + ":" + a.ID + ":" + resource
}

// physical is the name that CloudFormation gives to a part.
func (a *Account) physical(s *Stack, id, kind string) string {
	name := s.Name + "-" + id + "-1A2B3C"
	switch kind {
	case "AWS::SQS::Queue":
		return "https://sqs." + s.Region + ".amazonaws.com/" + a.ID + "/" + name
	case "AWS::SNS::Topic":
		return a.arn("sns", s.Region, name)
	case "AWS::Lambda::EventSourceMapping", "AWS::KMS::Key":
		return "11111111-2222-4333-8444-" + strings.ToLower(s.Name+"-"+id)
	}
	return name
}

// arnOf is what the attribute Arn of a part is.
func (a *Account) arnOf(s *Stack, r *Resource) string {
	name := r.Name[strings.LastIndexByte(r.Name, '/')+1:]
	switch r.Type {
	case "AWS::SQS::Queue":
		return a.arn("sqs", s.Region, name)
	case "AWS::Lambda::Function":
		return a.arn("lambda", s.Region, "function:"+name)
	case "AWS::KMS::Key":
		return a.arn("kms", s.Region, "key/"+name)
	case "AWS::IAM::Role":
		return "arn:" + a.Partition + ":iam::" + a.ID + ":role/" + name
	case "AWS::DynamoDB::Table":
		return a.arn("dynamodb", s.Region, "table/"+name)
	}
	return a.arn("other", s.Region, name)
}

// resolve replaces a template's references.
func (a *Account) resolve(s *Stack, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for key, of := range v {
				if out, ok := a.intrinsic(s, key, of); ok {
					return out
				}
			}
		}
		out := map[string]any{}
		for key, of := range v {
			out[key] = a.resolve(s, of)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, of := range v {
			out[i] = a.resolve(s, of)
		}
		return out
	}
	return v
}

func (a *Account) intrinsic(s *Stack, key string, of any) (any, bool) {
	switch key {
	case "Ref":
		return a.reference(s, fmt.Sprint(of)), true
	case "Fn::GetAtt":
		list, _ := of.([]any)
		if len(list) != 2 {
			return nil, false
		}
		if r := s.Part(fmt.Sprint(list[0])); r != nil && list[1] == "Arn" {
			return a.arnOf(s, r), true
		}
		return fmt.Sprint(list...), true
	case "Fn::Join":
		list, _ := of.([]any)
		if len(list) != 2 {
			return nil, false
		}
		parts, _ := a.resolve(s, list[1]).([]any)
		var texts []string
		for _, p := range parts {
			texts = append(texts, fmt.Sprint(p))
		}
		return strings.Join(texts, fmt.Sprint(list[0])), true
	case "Fn::ImportValue":
		value, ok := a.exports[s.Region+" "+fmt.Sprint(of)]
		return value, ok
	}
	return nil, false
}

func (a *Account) reference(s *Stack, name string) string {
	switch name {
	case "AWS::AccountId":
		return a.ID
	case "AWS::Partition":
		return a.Partition
	case "AWS::Region":
		return s.Region
	case "AWS::StackName":
		return s.Name
	case "AWS::URLSuffix":
		return "amazonaws.com"
	}
	if r := s.Part(name); r != nil {
		return r.Name
	}
	return name
}

// find is the part of a kind that has a name, and the stack that made it.
func (a *Account) find(region, kind string, is func(*Resource) bool) (*Stack, *Resource) {
	for _, s := range a.stacks {
		if s.Region != region {
			continue
		}
		for _, r := range s.Parts {
			if r.Type == kind && !r.Gone && is(r) {
				return s, r
			}
		}
	}
	return nil, nil
}

// parts are all of a kind in a Region, in the order of their names.
func (a *Account) parts(region, kind string) []*Resource {
	var list []*Resource
	for _, s := range a.stacks {
		for _, r := range s.Parts {
			if s.Region == region && r.Type == kind && !r.Gone {
				list = append(list, r)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Resource) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// ServeHTTP answers a request.
func (a *Account) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c, err := readCall(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.requests[c.action()]++
	a.places[c.region]++
	skew, refused := a.skew, a.refusal(c)
	a.mu.Unlock()
	if skew != 0 {
		w.Header().Set("Date", a.now().Add(skew).UTC().Format(http.TimeFormat))
	}
	if refused.Type == "" && c.operation == "LookupEvents" {
		a.history.ServeHTTP(w, req)
		return
	}
	var body any
	if refused.Type == "" {
		a.mu.Lock()
		body, refused = a.answer(c)
		a.mu.Unlock()
	}
	c.reply(w, body, refused)
}

// refusal is why a call is not answered.
func (a *Account) refusal(c call) apiError {
	action := c.action()
	switch {
	case a.failing[action] != "":
		return apiError{a.failing[action], "as the test wanted"}
	case a.denied[action]:
		code := "AccessDeniedException"
		switch c.service {
		case "sns":
			code = "AuthorizationError"
		case "cloudformation", "sts", "sqs":
			code = "AccessDenied"
		}
		return apiError{code, "User: arn:aws:iam::" + a.ID + ":user/reader is not authorized to perform: " + action}
	}
	status, known := a.regions[c.region]
	if !known || status == "DISABLED" {
		return apiError{"UnrecognizedClientException", "The security token included in the request is invalid."}
	}
	return apiError{}
}
