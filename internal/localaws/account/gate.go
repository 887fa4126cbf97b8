package account

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// gate is a function's only way to AWS. It learns what a request wants to do,
// lets the function's role decide, and passes it on to the part that does it.
type gate struct {
	a    *Account
	role string
}

// open starts a function's gate and returns its address.
func (a *Account) open(role string) string {
	server := httptest.NewServer(&gate{a, role})
	a.t.Cleanup(server.Close)
	return server.URL
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	wanted, body, err := g.a.api.read(service(r), r, body)
	if err != nil {
		g.a.t.Errorf("%s made a request that is not understood: %v", g.role, err)
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	for _, want := range wanted {
		if want.who = g.role; g.role == operator {
			continue
		}
		if !g.a.allowed(want) {
			deny(w, r, want)
			return
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
	g.a.part(service(r)).ServeHTTP(w, r)
}

// operator is somebody who may do everything.
const operator = "operator"

// Operator is the environment of a program that somebody runs who may do
// everything in the account. It finds there what functions find, and the outputs
// of stacks.
func (a *Account) Operator() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + a.open(operator), "AWS_REGION=" + home, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + localaws.SecretAccessKey,
	}
}

// describeStacks answers with the outputs of the stack that is asked for.
func (a *Account) describeStacks(w http.ResponseWriter, r *http.Request) {
	type output struct{ OutputKey, OutputValue string }
	var answer struct {
		XMLName xml.Name `xml:"DescribeStacksResponse"`
		Stacks  []struct {
			StackName, StackStatus, CreationTime string
			Outputs                              []output `xml:"Outputs>member"`
		} `xml:"DescribeStacksResult>Stacks>member"`
	}
	for _, s := range a.stacks {
		if s.Name != r.FormValue("StackName") || s.Region != signedRegion(r) {
			continue
		}
		answer.Stacks = append(answer.Stacks, struct {
			StackName, StackStatus, CreationTime string
			Outputs                              []output `xml:"Outputs>member"`
		}{StackName: s.Name, StackStatus: "CREATE_COMPLETE", CreationTime: "2026-03-01T10:00:00Z"})
		for id, o := range s.Outputs {
			value, err := s.resolve(o.Value)
			if err != nil {
				a.t.Error(err)
			}
			last := &answer.Stacks[len(answer.Stacks)-1]
			last.Outputs = append(last.Outputs, output{id, fmt.Sprint(value)})
		}
	}
	w.Header().Set("Content-Type", "text/xml")
	if len(answer.Stacks) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>there is no such stack</Message></Error></ErrorResponse>")
		return
	}
	_ = xml.NewEncoder(w).Encode(answer) // the program may be gone
}

// service and signedRegion are what a request is signed for.
func service(r *http.Request) string      { return scope(r)[3] }
func signedRegion(r *http.Request) string { return scope(r)[2] }

// scope is the scope of a request's signature, from the key id on.
func scope(r *http.Request) []string {
	text := r.URL.Query().Get("X-Amz-Credential")
	if _, signed, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		text = signed
	}
	return strings.Split(text+"////", "/")
}

// part is what does the work of a service.
func (a *Account) part(service string) http.Handler {
	switch service {
	case "dynamodb":
		return a.db
	case "cloudtrail":
		return a.history
	case "events":
		return http.HandlerFunc(a.putEvents)
	case "cloudformation":
		return http.HandlerFunc(a.describeStacks)
	}
	return a.messaging
}

// proxy passes requests on to a server.
func proxy(to string) (http.Handler, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = u.Host },
		ErrorLog: log.New(io.Discard, "", 0), // a function that was stopped is no news
	}, nil
}

// read says what a request wants to do, and gives it the form that the part
// understands.
func (c api) read(service string, r *http.Request, body []byte) ([]request, []byte, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch service {
	case "dynamodb":
		wanted, err := readTable(operation, body)
		return wanted, body, err
	case "sqs":
		return c.readQueue(operation, body)
	case "sns":
		return readTopic(body)
	case "s3":
		return readBucket(r), body, nil
	case "cloudformation", "sts":
		return nil, body, nil
	case "cloudtrail":
		return []request{{action: "cloudtrail:" + operation, resource: "*"}}, body, nil
	case "events":
		wanted, err := readBus(operation, body)
		return wanted, body, err
	}
	return nil, nil, fmt.Errorf("%s %s for the service %q", r.Method, r.URL.Path, service)
}

// readTable finds the tables of a request, one or several. The parts of a
// transaction need permissions of their own.
func readTable(operation string, body []byte) ([]request, error) {
	var in struct {
		TableName, IndexName string
		RequestItems         map[string]any
		TransactItems        []map[string]struct{ TableName string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	table := func(operation, name string) request {
		return request{action: "dynamodb:" + operation, resource: "arn:aws:dynamodb:" + home + ":" + accountID + ":table/" + name}
	}
	var list []request
	if in.TableName != "" {
		one := table(operation, in.TableName)
		if in.IndexName != "" {
			one.resource += "/index/" + in.IndexName
		}
		list = append(list, one)
	}
	for name := range in.RequestItems {
		list = append(list, table(operation, name))
	}
	for _, item := range in.TransactItems {
		for kind, part := range item {
			list = append(list, table(transacted[kind], part.TableName))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s names no table", operation)
	}
	return list, nil
}

// transacted are the operations of a transaction's parts.
var transacted = map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}

// The emulator has an account of its own.
const emulated = "000000000000"

func (c api) readQueue(operation string, body []byte) ([]request, []byte, error) {
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", operation, err)
	}
	address, _ := in["QueueUrl"].(string)
	name := address[strings.LastIndexByte(address, '/')+1:]
	in["QueueUrl"] = c.queues[name]
	body, err := json.Marshal(in)
	action := "sqs:" + strings.TrimSuffix(operation, "Batch")
	return []request{{action: action, resource: "arn:aws:sqs:" + home + ":" + accountID + ":" + name}}, body, err
}

func readTopic(body []byte) ([]request, []byte, error) {
	in, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, nil, err
	}
	topic := in.Get("TopicArn")
	in.Set("TopicArn", here(topic))
	return []request{{action: "sns:" + strings.TrimSuffix(in.Get("Action"), "Batch"), resource: topic}}, []byte(in.Encode()), nil
}

func readBucket(r *http.Request) []request {
	verb := map[string]string{http.MethodGet: "GetObject", http.MethodHead: "GetObject", http.MethodPut: "PutObject", http.MethodDelete: "DeleteObject"}[r.Method]
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return []request{{action: "s3:" + verb, resource: "arn:aws:s3:::" + bucket + "/" + key}}
}

// entry is an event of a client's.
type entry struct {
	EventBusName, Source, DetailType, Detail string
}

func readBus(operation string, body []byte) ([]request, error) {
	var in struct{ Entries []entry }
	if err := json.Unmarshal(body, &in); err != nil || operation != "PutEvents" || len(in.Entries) == 0 {
		return nil, fmt.Errorf("%s: %d entries, %w", operation, len(in.Entries), err)
	}
	var list []request
	for _, e := range in.Entries {
		list = append(list, request{action: "events:PutEvents", resource: e.EventBusName})
	}
	return list, nil
}

// deny answers as AWS does, in the protocol of the service.
func deny(w http.ResponseWriter, r *http.Request, want request) {
	message := "User is not authorized to perform " + want.action + " on resource " + want.resource
	if r.Header.Get("X-Amz-Target") != "" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "AccessDeniedException", "message": message}) // the function may be gone
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>%s</Message></Error></ErrorResponse>", message)
}

// allowed asks the policies, and keeps what they refuse.
func (a *Account) allowed(want request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.policies.allows(want) {
		a.done[want.who+" "+want.action] = true
		return true
	}
	if text := want.String(); !slices.Contains(a.refused, text) {
		a.refused = append(a.refused, text)
	}
	return false
}
