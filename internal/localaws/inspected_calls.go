package localaws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// call is a request in whichever of AWS's protocols it came.
type call struct {
	service, region, operation string
	in                         map[string]any
}

// action is the permission that a call takes.
func (c call) action() string {
	if c.service == "monitoring" { // as signatures call it
		return "cloudwatch:" + c.operation
	}
	return c.service + ":" + c.operation
}

// text is a parameter.
func (c call) text(name string) string {
	s, _ := c.in[name].(string)
	return s
}

// readCall reads the service and the Region from the signature's scope.
func readCall(req *http.Request) (call, error) {
	_, scope, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 4 {
		return call{}, errors.New("the request is not signed")
	}
	c := call{service: parts[3], region: parts[2], in: map[string]any{}}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return call{}, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body)) // for the event history, which reads it again
	if target := req.Header.Get("X-Amz-Target"); target != "" {
		_, c.operation, _ = strings.Cut(target, ".")
		return c, json.Unmarshal(body, &c.in)
	}
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		for key := range form {
			c.in[key] = form.Get(key)
		}
		c.operation = form.Get("Action")
		return c, err
	}
	if c.service == "monitoring" {
		in, _, err := fromCBOR(body)
		c.in, _ = in.(map[string]any)
		c.operation = path.Base(req.URL.Path)
		return c, err
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &c.in); err != nil {
			return c, err
		}
	}
	return c, c.byPath(req.URL.Path)
}

// byPath knows the operations of REST by their paths.
func (c *call) byPath(name string) error {
	parts := strings.Split(strings.Trim(name, "/"), "/")
	switch {
	case name == "/listRegions":
		c.operation = "ListRegions"
	case len(parts) == 2 && parts[0] == "schedules":
		c.operation, c.in["Name"] = "GetSchedule", parts[1]
	case len(parts) == 2 && parts[1] == "account-settings":
		c.operation = "GetAccountSettings"
	case len(parts) == 3 && parts[1] == "event-source-mappings":
		c.operation, c.in["UUID"] = "GetEventSourceMapping", parts[2]
	case len(parts) == 4 && parts[1] == "functions" && parts[3] == "configuration":
		c.operation, c.in["Name"] = "GetFunctionConfiguration", parts[2]
	case len(parts) == 4 && parts[1] == "functions" && parts[3] == "concurrency":
		c.operation, c.in["Name"] = "GetFunctionConcurrency", parts[2]
	default:
		return fmt.Errorf("there is no operation at %s", name)
	}
	return nil
}

// query reports whether the service answers in XML.
func (c call) query() bool {
	return c.service == "cloudformation" || c.service == "sns" || c.service == "sts"
}

func (c call) reply(w http.ResponseWriter, body any, failed apiError) {
	if c.query() {
		c.replyXML(w, body, failed)
		return
	}
	if c.service == "monitoring" {
		c.replyCBOR(w, body, failed)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if failed.Type != "" {
		w.Header().Set("X-Amzn-Errortype", failed.Type)
		w.WriteHeader(http.StatusBadRequest)
		body = failed
	}
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if failed.Type == "" {
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10)) // DynamoDB's clients want it
	}
	_, _ = w.Write(text) // the client sees if it did not come through
}

func (c call) replyCBOR(w http.ResponseWriter, body any, failed apiError) {
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	if failed.Type != "" {
		w.WriteHeader(http.StatusBadRequest)
		body = object{"__type": failed.Type, "message": failed.Message}
	}
	_, _ = w.Write(toCBOR(nil, body)) // the client sees if it did not come through
}

func (c call) replyXML(w http.ResponseWriter, body any, failed apiError) {
	w.Header().Set("Content-Type", "text/xml")
	var b strings.Builder
	if failed.Type != "" {
		w.WriteHeader(http.StatusBadRequest)
		element(&b, "ErrorResponse", map[string]any{"Error": map[string]any{"Type": "Sender", "Code": failed.Type, "Message": failed.Message}, "RequestId": "r-1"})
	} else {
		element(&b, c.operation+"Response", map[string]any{c.operation + "Result": body})
	}
	_, _ = io.WriteString(w, b.String()) // the client sees if it did not come through
}

// element writes a value as the query protocol has it: lists as members, maps of
// texts that are called Attributes as entries.
func element(b *strings.Builder, name string, v any) {
	fmt.Fprintf(b, "<%s>", name)
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			element(b, key, v[key])
		}
	case map[string]string:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			element(b, "entry", map[string]any{"key": key, "value": v[key]})
		}
	case []map[string]any:
		for _, of := range v {
			element(b, "member", of)
		}
	default:
		_ = xml.EscapeText(b, []byte(fmt.Sprint(v))) // a builder takes everything
	}
	fmt.Fprintf(b, "</%s>", name)
}

type object = map[string]any

// pageSize is how many rules, parts of a stack or subscriptions a page of this
// account holds. AWS's are larger, and as little to be relied on.
const pageSize = 10

// page is a part of a list, and the token of the next one. The token is the
// position, as text.
func page[T any](list []T, token string) (part []T, next string) {
	from, _ := strconv.Atoi(token) // the first page has none
	to := min(from+pageSize, len(list))
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	return list[min(from, to):to], next
}

func withToken(o object, name, token string) object {
	if token != "" {
		o[name] = token
	}
	return o
}

var notThere = apiError{"ResourceNotFoundException", "there is none"}

// answer is what an operation answers.
func (a *Account) answer(c call) (any, apiError) {
	operations := map[string]func(call) (any, apiError){
		"sts:GetCallerIdentity":              a.callerIdentity,
		"account:ListRegions":                a.listRegions,
		"cloudtrail:DescribeTrails":          a.describeTrails,
		"cloudtrail:GetTrailStatus":          a.trailStatus,
		"cloudtrail:GetEventSelectors":       a.eventSelectors,
		"cloudformation:DescribeStacks":      a.describeStacks,
		"cloudformation:ListStackResources":  a.stackResources,
		"events:ListRules":                   a.listRules,
		"events:ListTargetsByRule":           a.listTargets,
		"events:DescribeEventBus":            a.describeBus,
		"sqs:GetQueueAttributes":             a.queueAttributes,
		"sns:GetTopicAttributes":             a.topicAttributes,
		"sns:ListSubscriptionsByTopic":       a.listSubscriptions,
		"kms:DescribeKey":                    a.describeKey,
		"kms:GetKeyPolicy":                   a.keyPolicy,
		"lambda:GetAccountSettings":          a.accountSettings,
		"lambda:GetFunctionConfiguration":    a.functionConfiguration,
		"lambda:GetFunctionConcurrency":      a.functionConcurrency,
		"lambda:GetEventSourceMapping":       a.sourceMapping,
		"scheduler:GetSchedule":              a.schedule,
		"dynamodb:DescribeTable":             a.describeTable,
		"dynamodb:DescribeTimeToLive":        a.timeToLive,
		"dynamodb:DescribeContinuousBackups": a.backups,
		"logs:DescribeLogGroups":             a.logGroups,
		"cloudwatch:DescribeAlarms":          a.describeAlarms,
	}
	if f := operations[c.action()]; f != nil {
		return f(c)
	}
	return nil, apiError{"UnknownOperationException", c.action() + " is not among the operations that read"}
}

func (a *Account) callerIdentity(call) (any, apiError) {
	return object{"Account": a.ID, "Arn": "arn:" + a.Partition + ":iam::" + a.ID + ":user/reader", "UserId": "AIDAEXAMPLEREADER001"}, apiError{}
}

func (a *Account) listRegions(c call) (any, apiError) {
	wanted, _ := c.in["RegionOptStatusContains"].([]any)
	list := []object{}
	for _, name := range slices.Sorted(maps.Keys(a.regions)) {
		if len(wanted) == 0 || slices.Contains(wanted, any(a.regions[name])) {
			list = append(list, object{"RegionName": name, "RegionOptStatus": a.regions[name]})
		}
	}
	part, next := page(list, c.text("NextToken"))
	return withToken(object{"Regions": part}, "NextToken", next), apiError{}
}

func (a *Account) trailARN(t *TrailState) string {
	return "arn:" + a.Partition + ":cloudtrail:" + t.Region + ":" + t.Account + ":trail/" + t.Name
}

func (a *Account) describeTrails(c call) (any, apiError) {
	list := []object{}
	for _, t := range a.trails {
		if t.Region != c.region && !t.MultiRegion {
			continue
		}
		list = append(list, object{
			"Name": t.Name, "TrailARN": a.trailARN(t), "HomeRegion": t.Region, "IsMultiRegionTrail": t.MultiRegion,
			"IncludeGlobalServiceEvents": t.Global, "IsOrganizationTrail": t.Organization,
		})
	}
	return object{"trailList": list}, apiError{}
}

func (a *Account) trail(arn string) *TrailState {
	for _, t := range a.trails {
		if a.trailARN(t) == arn {
			return t
		}
	}
	return nil
}

func (a *Account) trailStatus(c call) (any, apiError) {
	t := a.trail(c.text("Name"))
	if t == nil {
		return nil, apiError{"TrailNotFoundException", "there is none"}
	}
	out := object{"IsLogging": t.Logging}
	if !t.Stopped.IsZero() {
		out["StopLoggingTime"] = t.Stopped.Unix()
	}
	if t.DeliveryError != "" {
		out["LatestDeliveryError"] = t.DeliveryError
	}
	return out, apiError{}
}

func (a *Account) eventSelectors(c call) (any, apiError) {
	t := a.trail(c.text("TrailName"))
	if t == nil {
		return nil, apiError{"TrailNotFoundException", "there is none"}
	}
	if t.AdvancedEventSelectors != nil {
		return object{"TrailARN": a.trailARN(t), "AdvancedEventSelectors": t.AdvancedEventSelectors}, apiError{}
	}
	return object{"TrailARN": a.trailARN(t), "EventSelectors": t.EventSelectors}, apiError{}
}

func (a *Account) stackNamed(c call) (*Stack, apiError) {
	s := a.stacks[c.region+" "+c.text("StackName")]
	if s == nil {
		return nil, apiError{"ValidationError", "Stack with id " + c.text("StackName") + " does not exist"}
	}
	return s, apiError{}
}

func (a *Account) describeStacks(c call) (any, apiError) {
	if c.text("StackName") == "" {
		list := []object{}
		for _, key := range slices.Sorted(maps.Keys(a.stacks)) {
			if s := a.stacks[key]; s.Region == c.region {
				list = append(list, s.described())
			}
		}
		part, next := page(list, c.text("NextToken"))
		return withToken(object{"Stacks": part}, "NextToken", next), apiError{}
	}
	s, failed := a.stackNamed(c)
	if s == nil {
		return nil, failed
	}
	return object{"Stacks": []object{s.described()}}, apiError{}
}

func (s *Stack) described() object {
	return object{"StackName": s.Name, "StackStatus": s.Status, "CreationTime": "2026-03-01T00:00:00Z"}
}

func (a *Account) stackResources(c call) (any, apiError) {
	s, failed := a.stackNamed(c)
	if s == nil {
		return nil, failed
	}
	part, next := page(s.Parts, c.text("NextToken"))
	list := []object{}
	for _, r := range part {
		list = append(list, object{
			"LogicalResourceId": r.ID, "PhysicalResourceId": r.Name, "ResourceType": r.Type, "ResourceStatus": "CREATE_COMPLETE",
			"LastUpdatedTimestamp": "2026-03-01T00:00:00Z",
		})
	}
	return withToken(object{"StackResourceSummaries": list}, "NextToken", next), apiError{}
}

// encoded is a property as the text of JSON, such as a policy.
func encoded(v any) string {
	out, err := json.Marshal(v)
	if err != nil || v == nil {
		return ""
	}
	return string(out)
}

func (a *Account) listRules(c call) (any, apiError) {
	part, next := page(a.parts(c.region, "AWS::Events::Rule"), c.text("NextToken"))
	list := []object{}
	for _, r := range part {
		list = append(list, object{"Name": r.Name, "State": r.Properties["State"], "EventPattern": encoded(r.Properties["EventPattern"])})
	}
	return withToken(object{"Rules": list}, "NextToken", next), apiError{}
}

func named(name string) func(*Resource) bool { return func(r *Resource) bool { return r.Name == name } }

func (a *Account) listTargets(c call) (any, apiError) {
	_, r := a.find(c.region, "AWS::Events::Rule", named(c.text("Rule")))
	if r == nil {
		return nil, notThere
	}
	return object{"Targets": r.Properties["Targets"]}, apiError{}
}

func (a *Account) describeBus(c call) (any, apiError) {
	return withToken(object{"Name": "default", "Arn": a.arn("events", c.region, "event-bus/default")}, "Policy", a.buses[c.region]), apiError{}
}

// policyOf is the policy that a stack gave to one of its queues or topics.
func (s *Stack) policyOf(kind, list, name string) string {
	for _, r := range s.Parts {
		of, _ := r.Properties[list].([]any)
		if r.Type == kind && slices.Contains(of, any(name)) {
			return encoded(r.Properties["PolicyDocument"])
		}
	}
	return ""
}

func (a *Account) queueAttributes(c call) (any, apiError) {
	s, r := a.find(c.region, "AWS::SQS::Queue", named(c.text("QueueUrl")))
	if r == nil {
		return nil, apiError{"QueueDoesNotExist", "there is none"}
	}
	out := map[string]string{
		"QueueArn": a.arnOf(s, r), "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0",
	}
	if n, ok := r.Properties["Waiting"]; ok {
		out["ApproximateNumberOfMessages"] = fmt.Sprint(n)
	}
	if p := s.policyOf("AWS::SQS::QueuePolicy", "Queues", r.Name); p != "" {
		out["Policy"] = p
	}
	if key, ok := r.Properties["KmsMasterKeyId"].(string); ok {
		out["KmsMasterKeyId"] = key
	}
	return object{"Attributes": out}, apiError{}
}

func (a *Account) topicAttributes(c call) (any, apiError) {
	s, r := a.find(c.region, "AWS::SNS::Topic", named(c.text("TopicArn")))
	if r == nil {
		return nil, apiError{"NotFound", "Topic does not exist"}
	}
	out := map[string]string{"TopicArn": r.Name}
	if p := s.policyOf("AWS::SNS::TopicPolicy", "Topics", r.Name); p != "" {
		out["Policy"] = p
	}
	if key, ok := r.Properties["KmsMasterKeyId"].(string); ok {
		out["KmsMasterKeyId"] = key
	}
	return object{"Attributes": out}, apiError{}
}

func (a *Account) listSubscriptions(c call) (any, apiError) {
	list := []object{}
	for _, r := range a.parts(c.region, "AWS::SNS::Subscription") {
		if r.Properties["TopicArn"] != c.text("TopicArn") {
			continue
		}
		arn := r.Name
		if state, ok := r.Properties["State"].(string); ok { // PendingConfirmation, Deleted
			arn = state
		}
		list = append(list, object{
			"SubscriptionArn": arn, "Protocol": r.Properties["Protocol"], "Endpoint": r.Properties["Endpoint"], "TopicArn": r.Properties["TopicArn"], "Owner": a.ID,
		})
	}
	part, next := page(list, c.text("NextToken"))
	return withToken(object{"Subscriptions": part}, "NextToken", next), apiError{}
}

func (a *Account) describeKey(c call) (any, apiError) {
	k := a.keys[c.text("KeyId")]
	if k == nil {
		return nil, apiError{"NotFoundException", "there is none"}
	}
	return object{"KeyMetadata": object{"KeyId": "k", "Arn": c.text("KeyId"), "KeyState": k.State, "KeyManager": k.Manager}}, apiError{}
}

func (a *Account) keyPolicy(c call) (any, apiError) {
	k := a.keys[c.text("KeyId")]
	if k == nil {
		return nil, apiError{"NotFoundException", "there is none"}
	}
	return object{"Policy": k.Policy}, apiError{}
}

func (a *Account) accountSettings(call) (any, apiError) {
	return object{"AccountLimit": object{"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": a.spare}}, apiError{}
}

func (a *Account) functionConfiguration(c call) (any, apiError) {
	_, r := a.find(c.region, "AWS::Lambda::Function", named(c.text("Name")))
	if r == nil {
		return nil, notThere
	}
	out := object{"FunctionName": r.Name, "State": "Active", "LastUpdateStatus": "Successful"}
	for _, name := range []string{"Environment", "State", "StateReason", "LastUpdateStatus", "LastUpdateStatusReason"} {
		if v, ok := r.Properties[name]; ok {
			out[name] = v
		}
	}
	return out, apiError{}
}

func (a *Account) functionConcurrency(c call) (any, apiError) {
	_, r := a.find(c.region, "AWS::Lambda::Function", named(c.text("Name")))
	if r == nil {
		return nil, notThere
	}
	out := object{}
	if n, ok := r.Properties["ReservedConcurrentExecutions"]; ok {
		out["ReservedConcurrentExecutions"] = n
	}
	return out, apiError{}
}

func (a *Account) sourceMapping(c call) (any, apiError) {
	_, r := a.find(c.region, "AWS::Lambda::EventSourceMapping", named(c.text("UUID")))
	if r == nil {
		return nil, notThere
	}
	out := object{"UUID": r.Name, "State": "Enabled", "LastProcessingResult": "OK"}
	for _, name := range []string{"State", "LastProcessingResult"} {
		if v, ok := r.Properties[name]; ok {
			out[name] = v
		}
	}
	return out, apiError{}
}

func (a *Account) schedule(c call) (any, apiError) {
	_, r := a.find(c.region, "AWS::Scheduler::Schedule", named(c.text("Name")))
	if r == nil {
		return nil, notThere
	}
	out := object{"Name": r.Name, "State": "ENABLED"}
	if state, ok := r.Properties["State"]; ok {
		out["State"] = state
	}
	return out, apiError{}
}

func (a *Account) table(c call) (map[string]any, apiError) {
	_, r := a.find(c.region, "AWS::DynamoDB::Table", named(c.text("TableName")))
	if r == nil {
		return nil, notThere
	}
	return r.Properties, apiError{}
}

func (a *Account) describeTable(c call) (any, apiError) {
	p, failed := a.table(c)
	if p == nil {
		return nil, failed
	}
	table := object{"TableName": c.text("TableName"), "TableStatus": "ACTIVE"}
	if status, ok := p["TableStatus"]; ok {
		table["TableStatus"] = status
	}
	if stream, ok := p["StreamSpecification"].(map[string]any); ok {
		table["StreamSpecification"] = object{"StreamEnabled": true, "StreamViewType": stream["StreamViewType"]}
	}
	return object{"Table": table}, apiError{}
}

func (a *Account) timeToLive(c call) (any, apiError) {
	p, failed := a.table(c)
	if p == nil {
		return nil, failed
	}
	if ttl, ok := p["TimeToLiveSpecification"].(map[string]any); ok && ttl["Enabled"] == true {
		return object{"TimeToLiveDescription": object{"TimeToLiveStatus": "ENABLED", "AttributeName": ttl["AttributeName"]}}, apiError{}
	}
	return object{"TimeToLiveDescription": object{"TimeToLiveStatus": "DISABLED"}}, apiError{}
}

func (a *Account) backups(c call) (any, apiError) {
	p, failed := a.table(c)
	if p == nil {
		return nil, failed
	}
	status := "DISABLED"
	if spec, ok := p["PointInTimeRecoverySpecification"].(map[string]any); ok && spec["PointInTimeRecoveryEnabled"] == true {
		status = "ENABLED"
	}
	return object{"ContinuousBackupsDescription": object{
		"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": object{"PointInTimeRecoveryStatus": status},
	}}, apiError{}
}

func (a *Account) logGroups(c call) (any, apiError) {
	list := []object{}
	for _, r := range a.parts(c.region, "AWS::Logs::LogGroup") {
		if !strings.HasPrefix(r.Name, c.text("logGroupNamePrefix")) {
			continue
		}
		group := object{"logGroupName": r.Name}
		if days, ok := r.Properties["RetentionInDays"]; ok {
			group["retentionInDays"] = days
		}
		list = append(list, group)
	}
	part, next := page(list, c.text("nextToken"))
	return withToken(object{"logGroups": part}, "nextToken", next), apiError{}
}

func (a *Account) describeAlarms(c call) (any, apiError) {
	names, _ := c.in["AlarmNames"].([]any)
	list := []object{}
	for _, r := range a.parts(c.region, "AWS::CloudWatch::Alarm") {
		if !slices.Contains(names, any(r.Name)) {
			continue
		}
		alarm := object{"AlarmName": r.Name, "StateValue": "OK", "ActionsEnabled": true}
		for _, name := range []string{"StateValue", "ActionsEnabled"} {
			if v, ok := r.Properties[name]; ok {
				alarm[name] = v
			}
		}
		list = append(list, alarm)
	}
	return object{"MetricAlarms": list}, apiError{}
}
