package cost

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// freeTypes cost nothing by themselves: what flows through them is billed where
// it ends, or not at all.
func freeTypes() []string {
	return []string{
		"AWS::CDK::Metadata",
		"AWS::CloudTrail::Trail", // the first copy of management events is free; its bucket is not
		"AWS::IAM::Policy",
		"AWS::IAM::Role",
		"AWS::Lambda::EventInvokeConfig",
		"AWS::Lambda::EventSourceMapping", // polling is billed to the queue; reading a table's stream is free for Lambda
		"AWS::Lambda::Permission",
		"AWS::Logs::SubscriptionFilter",
		"AWS::S3::BucketPolicy",
		"AWS::SNS::TopicPolicy",
		"AWS::SQS::QueuePolicy",
	}
}

// billed says how each other type is billed.
func billed() map[string]func(b *biller, s Stack, id string) {
	return map[string]func(b *biller, s Stack, id string){
		"AWS::CloudWatch::Alarm":     (*biller).alarm,
		"AWS::CloudWatch::Dashboard": func(b *biller, s Stack, id string) { b.line(s, id, "dashboard", "dashboards", 1) },
		"AWS::DynamoDB::Table":       (*biller).table,
		"AWS::Events::Rule":          (*biller).rule,
		"AWS::KMS::Key":              (*biller).key,
		"AWS::Lambda::Function":      (*biller).function,
		"AWS::Logs::LogGroup":        (*biller).logs,
		"AWS::S3::Bucket":            (*biller).bucket,
		"AWS::SNS::Subscription":     (*biller).subscription,
		"AWS::SNS::Topic":            (*biller).topic,
		"AWS::SQS::Queue":            (*biller).queue,
		"AWS::Scheduler::Schedule":   (*biller).schedule,
	}
}

// gathering is how many events detect gets at once, at most, and for how many
// seconds they are gathered.
func (b *biller) gathering() (most, window float64) {
	for _, s := range b.stacks {
		for _, id := range s.ids("AWS::Lambda::EventSourceMapping") {
			if m := s.resources[id]; s.source(m, "AWS::SQS::Queue") != "" {
				return m.number(10, "BatchSize"), m.number(0, "MaximumBatchingWindowInSeconds")
			}
		}
	}
	return 1, 0
}

// source is the resource of a type that a mapping reads from.
func (s Stack) source(mapping resource, kind string) string {
	for _, id := range s.ids(kind) {
		if names(mapping.get("EventSourceArn"), id) {
			return id
		}
	}
	return ""
}

// count counts how often a stack's functions are started.
func (b *biller) count(s Stack) {
	for _, id := range s.ids("AWS::Lambda::Function") {
		b.starts[s.Name+"/"+id] = b.startsOf(s, id)
	}
}

func (b *biller) startsOf(s Stack, id string) float64 {
	n := 0.0
	if slices.ContainsFunc(s.ids("AWS::Events::Rule"), func(rule string) bool { return names(s.resources[rule].get("Targets"), id) }) {
		n += b.flow.direct
	}
	for _, mapping := range s.ids("AWS::Lambda::EventSourceMapping") {
		switch m := s.resources[mapping]; {
		case !names(m.get("FunctionName"), id):
		case s.source(m, "AWS::SQS::Queue") != "":
			n += b.flow.batches
		default:
			n += b.flow.revisions
		}
	}
	for _, schedule := range s.ids("AWS::Scheduler::Schedule") {
		if r := s.resources[schedule]; names(r.get("Target", "Arn"), id) {
			times, _ := frequency(r.get("ScheduleExpression")) // billing the schedule tells of an error
			n += times
		}
	}
	if slices.ContainsFunc(s.ids("AWS::Logs::SubscriptionFilter"), func(f string) bool { return names(s.resources[f].get("DestinationArn"), id) }) {
		n += b.Usage.LogLines * days
	}
	return n
}

// of is how often something is done by functions that a resource is named to, in
// their environment, or that log to it.
func (b *biller) of(s Stack, id, property string) float64 {
	n := 0.0
	for _, f := range s.ids("AWS::Lambda::Function") {
		if names(s.resources[f].get(property), id) {
			n += b.starts[s.Name+"/"+f]
		}
	}
	return n
}

// work is what a function does when it is started: for how many seconds it runs,
// in all its starts of a month, and what it reads and writes.
func (b *biller) work(f string, starts float64, topics int) (seconds, reads, writes float64) {
	told := float64(topics) * publishTime
	switch title(f) {
	case "Detect":
		reads, writes = b.flow.reads(), b.flow.writes()
		return (reads + b.flow.direct + b.flow.batches) * roundTrip, reads, writes
	case "Notify":
		return starts * (3*roundTrip + told), starts, 4 * starts
	case "Settle":
		return starts * settleTime, starts * settleReads, starts * settleWrites
	case "Report":
		items := b.flow.kept() * 1e9 / keptDays / itemBytes // of a day
		return starts * (reportTime + items/100*2*roundTrip + told), starts * (bookPages + items), starts * bookPages
	case "Intake":
		return starts * (roundTrip + told), 0, 0
	}
	return starts * (otherTime + told), starts, starts
}

func (b *biller) function(s Stack, id string) {
	r, starts := s.resources[id], b.starts[s.Name+"/"+id]
	topics := 0
	for _, t := range s.ids("AWS::SNS::Topic") {
		if names(r.get("Environment"), t) {
			topics++
		}
	}
	seconds, _, _ := b.work(id, starts, topics)
	b.line(s, id, "lambda-requests", "starts", starts)
	b.line(s, id, "lambda-compute", "time it runs", seconds*r.number(128, "MemorySize")/1024)
	if says(r.get("Environment"), `"TRAILVERDICT_METRICS":"on"`) {
		b.line(s, id, "metric", "metrics it writes", metrics(title(id)))
	}
	if says(r.get("Environment"), ":event-bus/") {
		b.line(s, id, "events-custom", "findings for another bus", starts)
	}
}

func (b *biller) table(s Stack, id string) {
	reads, writes := 0.0, 0.0
	for _, f := range s.ids("AWS::Lambda::Function") {
		if names(s.resources[f].get("Environment"), id) {
			_, read, written := b.work(f, b.starts[s.Name+"/"+f], 0)
			reads, writes = reads+read, writes+written
		}
	}
	kept := b.flow.kept()
	b.line(s, id, "dynamodb-writes", "events, findings", writes)
	b.line(s, id, "dynamodb-reads", "decisions, schedules", reads)
	b.line(s, id, "dynamodb-storage", "what is kept 90 days", kept)
	if s.resources[id].get("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") == true {
		b.line(s, id, "dynamodb-backup", "backups of it", kept)
	}
}

// queue bills what is sent, received and deleted, and the polls that find
// nothing. A queue that nothing reads holds dead letters, of which there are none.
func (b *biller) queue(s Stack, id string) {
	for _, mapping := range s.ids("AWS::Lambda::EventSourceMapping") {
		m := s.resources[mapping]
		if s.source(m, "AWS::SQS::Queue") != id {
			continue
		}
		open := float64(connections)
		if m.get("ScalingConfig") != nil {
			open = capped
		}
		b.line(s, id, "sqs-requests", "polls, finding nothing", open*polls*60*hours)
		b.line(s, id, "sqs-requests", "events sent", b.flow.queued)
		b.line(s, id, "sqs-requests", "events received", 2*b.flow.batches*max(1, b.flow.batch/10))
	}
}

func (b *biller) topic(s Stack, id string) {
	b.line(s, id, "sns-publishes", "messages", b.of(s, id, "Environment"))
}

func (b *biller) subscription(s Stack, id string) {
	r, messages := s.resources[id], 0.0
	for _, t := range s.ids("AWS::SNS::Topic") {
		if names(r.get("TopicArn"), t) {
			messages += b.of(s, t, "Environment")
		}
	}
	switch protocol, _ := r.get("Protocol").(string); protocol {
	case "email", "email-json":
		b.line(s, id, "sns-mails", "mails", messages)
	case "http", "https":
		b.line(s, id, "sns-https", "calls", messages)
	case "sqs", "lambda":
		b.Free["AWS::SNS::Subscription to "+protocol]++
	default:
		b.problem(s, id, "nobody knows what a subscription by %q costs", protocol)
	}
}

// rule bills events that go on to the home Region. What AWS's services send is
// free, and so are the rules.
func (b *biller) rule(s Stack, id string) {
	b.Free["AWS::Events::Rule"]++
	switch forwarding := s.forwarding(); {
	case forwarding == id: // one line for all of them
		n := 0.0
		for _, other := range b.stacks {
			if other.forwarding() != "" {
				n++
			}
		}
		b.line(s, id, "events-custom", "events sent home", b.flow.events*b.Usage.Elsewhere/n)
	case forwarding == "" && says(s.resources[id].get("EventPattern", "source"), "trailverdict.client"):
		b.line(s, id, "events-custom", "reports of clients", b.flow.failures*b.Usage.Reported)
	}
}

// forwarding is the first rule that sends events to the home Region; empty if
// none does.
func (s Stack) forwarding() string {
	for _, id := range s.ids("AWS::Events::Rule") {
		if slices.ContainsFunc(list(s.resources[id].get("Targets")), func(t any) bool { return get(t, "Id") == "Home" }) {
			return id
		}
	}
	return ""
}

func (b *biller) schedule(s Stack, id string) {
	r := s.resources[id]
	times, err := frequency(r.get("ScheduleExpression"))
	if err != nil {
		b.problem(s, id, "%v", err)
		return
	}
	b.line(s, id, "scheduler", "starts", times)
	if says(r.get("Target", "Arn"), "event") && says(r.get("Target", "Arn"), "bus") {
		b.line(s, id, "events-custom", "events it sends", times)
	}
}

// frequency is how often a schedule starts something in a month.
func frequency(expression any) (float64, error) {
	text, _ := expression.(string)
	if inner, ok := strings.CutPrefix(text, "rate("); ok {
		value, unit, _ := strings.Cut(strings.TrimSuffix(inner, ")"), " ")
		n, err := strconv.ParseFloat(value, 64)
		minutes := map[string]float64{"minute": 1, "hour": 60, "day": 24 * 60}[strings.TrimSuffix(unit, "s")]
		if err == nil && n > 0 && minutes > 0 {
			return hours * 60 / minutes / n, nil
		}
	}
	if inner, ok := strings.CutPrefix(text, "cron("); ok {
		if f := strings.Fields(strings.TrimSuffix(inner, ")")); len(f) == 6 && number(f[0]) && number(f[1]) && f[3] == "*" && f[5] == "*" {
			switch dayOfMonth, dayOfWeek := f[2], f[4]; {
			case strings.Trim(dayOfMonth+dayOfWeek, "*?") == "":
				return days, nil
			case dayOfMonth == "?" && !strings.ContainsAny(dayOfWeek, "-/#L"):
				return days / 7 * float64(1+strings.Count(dayOfWeek, ",")), nil
			}
		}
	}
	return 0, fmt.Errorf("nobody knows how often %q is in a month", text)
}

func number(s string) bool { _, err := strconv.Atoi(s); return err == nil }

func (b *biller) alarm(s Stack, id string) {
	n := max(1, len(list(s.resources[id].get("Metrics"))))
	b.line(s, id, "alarm", "alarms", float64(n))
}

func (b *biller) logs(s Stack, id string) {
	taken := b.of(s, id, "LoggingConfig") * logBytes / 1e9
	b.line(s, id, "logs-taken", "lines of starts", taken)
	b.line(s, id, "logs-kept", "lines that are kept", taken/days*s.resources[id].number(3653, "RetentionInDays")*logPacked)
}

// bucket bills what functions put into it, or a trail.
func (b *biller) bucket(s Stack, id string) {
	written, size, days := b.of(s, id, "Environment"), 0.0, b.keptFor(s, id)
	size = written / (hours / 24) * reportBytes * days
	if slices.ContainsFunc(s.ids("AWS::CloudTrail::Trail"), func(t string) bool { return names(s.resources[t].get("S3BucketName"), id) }) {
		written = 12 * hours // a file in five minutes
		size = b.Usage.Events / trailShare * trailBytes * days
	}
	b.line(s, id, "s3-writes", "files written", written)
	b.line(s, id, "s3-storage", fmt.Sprintf("files of %g days", days), size/1e9)
}

// keptFor is for how many days a bucket keeps what is in it.
func (b *biller) keptFor(s Stack, id string) float64 {
	for _, rule := range list(s.resources[id].get("LifecycleConfiguration", "Rules")) {
		if n, ok := get(rule, "ExpirationInDays").(float64); ok {
			return n
		}
	}
	b.problem(s, id, "it keeps everything for ever, which has no monthly price")
	return 0
}

// key bills a key, and those requests that services make with it: for data keys
// that they use for a while, and when functions start.
func (b *biller) key(s Stack, id string) {
	b.line(s, id, "key", "keys", 1)
	requests := 0.0
	for _, q := range s.ids("AWS::SQS::Queue") {
		for _, mapping := range s.ids("AWS::Lambda::EventSourceMapping") {
			if s.source(s.resources[mapping], "AWS::SQS::Queue") == q {
				requests += 2 * hours * 3600 / keyPeriod
			}
		}
	}
	for _, f := range s.ids("AWS::Lambda::Function") {
		requests += 2 * b.starts[s.Name+"/"+f]
	}
	b.line(s, id, "key-requests", "starts, polls", requests)
}
