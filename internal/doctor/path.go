package doctor

import (
	"fmt"
	"strings"

	"github.com/trailverdict/trailverdict/internal/config"
)

// stackNeeds are what knowing the parts of the stacks takes.
func stackNeeds(more ...string) []string {
	return append([]string{"cloudformation:DescribeStacks", "cloudformation:ListStackResources"}, more...)
}

func pathChecks() []Check {
	return []Check{
		{
			ID: "access", Title: "queues and topics let AWS's services in",
			Why:   "EventBridge and CloudWatch deliver by the right of the queue's or topic's own policy. Without it what they have goes to the dead letters, or nowhere.",
			Needs: stackNeeds("sns:GetTopicAttributes", "sqs:GetQueueAttributes"),
			run:   access,
		},
		{
			ID: "encryption", Title: "no encryption keeps events or alerts from being delivered",
			Why:   "AWS's own keys for SNS and SQS cannot be granted to EventBridge and CloudWatch, and a key of yours must be: else nothing is delivered, and nobody hears of it.",
			Needs: stackNeeds("kms:DescribeKey", "kms:GetKeyPolicy", "sns:GetTopicAttributes", "sqs:GetQueueAttributes"),
			run:   encryption,
		},
		{
			ID: "functions", Title: "the functions can start",
			Why:   "A function that is broken, or that may have no copy at a time, handles nothing; what should start it ends among the dead letters.",
			Needs: stackNeeds("lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration"),
			run:   functions,
		},
		{
			ID: "mappings", Title: "the queue and the table's stream start their functions",
			Why:   "Signals are not decided about, or findings not told, while nothing takes them from the queue or the stream. The stream forgets after 24 hours.",
			Needs: stackNeeds("lambda:GetEventSourceMapping"),
			run:   mappings,
		},
		{
			ID: "schedules", Title: "the schedules are enabled",
			Why:   "Settling closes incidents, notices silence and fetches what EventBridge lost; without it, and without reports, slow trouble is not seen.",
			Needs: stackNeeds("scheduler:GetSchedule"),
			run:   schedules,
		},
		{
			ID: "table", Title: "the table has its stream, its expiry and its backup",
			Why:   "Alerts are made from the table's stream. Without the expiry it grows for ever.",
			Needs: stackNeeds("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"),
			run:   table,
		},
		{
			ID: "dead-letters", Title: "nothing lies among the dead letters",
			Why:   "What lies there was handled by nobody. SQS drops it after 14 days.",
			Needs: stackNeeds("sqs:GetQueueAttributes"),
			run:   deadLetters,
		},
		{
			ID: "logs", Title: "the functions' logs are kept for a limited time",
			Why:   "Logs that are kept for ever cost more every month, and hold names of people and workloads.",
			Needs: stackNeeds("logs:DescribeLogGroups"),
			run:   logs,
		},
	}
}

// publishers are the services that a queue or topic must let in, by the
// beginning of its name in the template.
var publishers = []struct {
	id       string
	services []string
}{
	{"Signals", []string{eventBridge}},
	{"DeadLetters", []string{eventBridge}},
	{"Operations", []string{eventBridge, cloudWatch}},
	{"Watch", []string{eventBridge, cloudWatch}},
}

const (
	eventBridge = "events.amazonaws.com"
	cloudWatch  = "cloudwatch.amazonaws.com"
)

// publishersOf are the services that deliver to a part.
func publishersOf(id string) []string {
	for _, p := range publishers {
		if strings.HasPrefix(id, p.id) {
			return p.services
		}
	}
	return nil
}

func access(x *exam) {
	for _, s := range x.stacks() {
		fix := s.revert()
		each(x, s.Queues, func(p Part[Queue], q Queue) {
			for _, service := range publishersOf(p.ID) {
				if !x.lets(q.Policy, service, "sqs:SendMessage", s.Region) {
					x.problem(s.Region, fmt.Sprintf("the policy of queue %s does not let %s send", p.ID, service), fix...)
				}
			}
		})
		each(x, s.Topics, func(p Part[Topic], t Topic) {
			for _, service := range publishersOf(p.ID) {
				if !x.lets(t.Policy, service, "sns:Publish", s.Region) {
					x.problem(s.Region, fmt.Sprintf("the policy of topic %s does not let %s publish", p.ID, service), fix...)
				}
			}
		})
	}
}

func encryption(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Queues, func(p Part[Queue], q Queue) {
			if q.Key != "" {
				x.keyOf(s, "queue "+p.ID, q.Key, publishersOf(p.ID),
					command("aws sqs set-queue-attributes --region %s --queue-url %s --attributes KmsMasterKeyId=,SqsManagedSseEnabled=true", s.Region, p.Name))
			}
		})
		each(x, s.Topics, func(p Part[Topic], t Topic) {
			if t.Key != "" {
				x.keyOf(s, "topic "+p.ID, t.Key, publishersOf(p.ID),
					command("aws sns set-topic-attributes --region %s --topic-arn %s --attribute-name KmsMasterKeyId --attribute-value ''", s.Region, p.Name))
			}
		})
	}
}

// keyOf looks at the key of a queue or topic: whether it works, and whether those
// who deliver there may use it. Plain is the command that does without it.
func (x *exam) keyOf(s Stack, what, name string, services []string, plain string) {
	key, ok := know(x, s.Keys[name])
	switch {
	case s.Keys[name].Missing:
		x.problem(s.Region, what+" is encrypted with a key that does not exist: "+name, plain)
		return
	case !ok:
		return
	case key.State != "Enabled":
		x.problem(s.Region, fmt.Sprintf("%s is encrypted with a key that is %s: %s", what, spoken(key.State), key.ARN), enable(key, s.Region)...)
		return
	case !key.Own:
		if len(services) > 0 {
			x.problem(s.Region, fmt.Sprintf("%s is encrypted with %s, which %s cannot use", what, name, strings.Join(services, " and ")), plain,
				"Or deploy with -c trailverdict:keys=own, which makes a key that they may use, for $1 a month.")
		}
		return
	}
	document, ok := know(x, key.Policy)
	if !ok {
		return
	}
	for _, service := range services {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			if !x.lets(document, service, action, s.Region) {
				x.problem(s.Region, fmt.Sprintf("%s is encrypted with a key whose policy does not let %s do %s: %s", what, service, action, key.ARN),
					fmt.Sprintf("Let it in the key's policy: Principal {\"Service\": %q}, Action [\"kms:Decrypt\", \"kms:GenerateDataKey*\"], with the condition that aws:SourceAccount is %s.", service, x.Account),
					command("aws kms get-key-policy --region %s --key-id %s --query Policy --output text", s.Region, key.ARN))
				break
			}
		}
	}
}

// spoken is a state of a key in words.
func spoken(state string) string {
	switch state {
	case "PendingDeletion":
		return "about to be deleted"
	case "Disabled":
		return "disabled"
	}
	return "in the state " + state
}

func enable(key Key, region string) []string {
	var list []string
	if key.State == "PendingDeletion" {
		list = append(list, command("aws kms cancel-key-deletion --region %s --key-id %s", region, key.ARN))
	}
	return append(list, command("aws kms enable-key --region %s --key-id %s", region, key.ARN))
}

func functions(x *exam) {
	n := 0
	for _, s := range x.stacks() {
		each(x, s.Functions, func(p Part[Function], f Function) {
			n++
			if f.State == "Failed" || f.Update == "Failed" {
				x.problem(s.Region, fmt.Sprintf("function %s is broken: %s", p.ID, f.Reason), "Put right what the reason names, and deploy stack "+s.Name+" again.")
			}
			if reserved, ok := know(x, f.Reserved); ok && reserved != nil && *reserved == 0 {
				x.problem(s.Region, fmt.Sprintf("function %s is throttled to nothing: its reserved concurrency is 0", p.ID),
					command("aws lambda delete-function-concurrency --region %s --function-name %s", s.Region, p.Name))
			}
		})
	}
	x.note("%d functions", n)
}

func mappings(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Mappings, func(p Part[Mapping], m Mapping) {
			switch m.State {
			case "Enabled", "Enabling", "Creating", "Updating":
			default:
				x.problem(s.Region, fmt.Sprintf("event source mapping %s is %s", p.ID, strings.ToLower(m.State)),
					command("aws lambda update-event-source-mapping --region %s --uuid %s --enabled", s.Region, p.Name))
			}
			if strings.HasPrefix(m.LastResult, "PROBLEM") {
				x.problem(s.Region, fmt.Sprintf("event source mapping %s could not start its function: %s", p.ID, m.LastResult),
					s.revert("The message says what is missing. If it is a permission, somebody changed the function's role.")...)
			}
		})
	}
}

func schedules(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Schedules, func(p Part[Schedule], c Schedule) {
			if c.State != enabled {
				x.problem(s.Region, fmt.Sprintf("schedule %s is %s", p.ID, strings.ToLower(c.State)),
					s.revert()...)
			}
		})
	}
}

func table(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Tables, func(p Part[Table], t Table) {
			if t.Status != "ACTIVE" && t.Status != "UPDATING" {
				x.problem(s.Region, fmt.Sprintf("table %s is in the state %s", p.ID, t.Status), command("aws dynamodb describe-table --region %s --table-name %s", s.Region, p.Name))
			}
			if t.Stream != "NEW_IMAGE" && t.Stream != "NEW_AND_OLD_IMAGES" {
				x.problem(s.Region, fmt.Sprintf("the stream of table %s is off, or does not show what was written", p.ID),
					s.revert()...)
			}
			expiry, ok := know(x, t.Expiry)
			if ok && (!expiry.On || expiry.Attribute != config.TableExpiry) {
				x.problem(s.Region, fmt.Sprintf("table %s drops nothing: its time to live is off, or by another attribute", p.ID),
					command("aws dynamodb update-time-to-live --region %s --table-name %s --time-to-live-specification Enabled=true,AttributeName=%s", s.Region, p.Name, config.TableExpiry))
			}
			if recovery, ok := know(x, t.Recovery); ok && !recovery {
				x.problem(s.Region, fmt.Sprintf("table %s cannot be restored to a point in time", p.ID),
					command("aws dynamodb update-continuous-backups --region %s --table-name %s --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true", s.Region, p.Name))
			}
		})
	}
}

func deadLetters(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Queues, func(p Part[Queue], q Queue) {
			if strings.HasPrefix(p.ID, "DeadLetters") && q.Waiting > 0 {
				x.problem(s.Region, fmt.Sprintf("%s in stack %s", letters(q.Waiting), s.Name),
					command("aws sqs receive-message --region %s --queue-url %s --max-number-of-messages 10 --message-attribute-names All", s.Region, p.Name),
					"docs/operations.md says what each kind of message means.")
			}
		})
	}
}

func letters(n int) string {
	if n == 1 {
		return "1 dead letter lies"
	}
	return fmt.Sprintf("%d dead letters lie", n)
}

func logs(x *exam) {
	for _, s := range x.stacks() {
		each(x, s.Logs, func(p Part[LogGroup], g LogGroup) {
			if g.Days == 0 {
				x.advise(s.Region, fmt.Sprintf("log group %s is kept for ever", p.ID),
					command("aws logs put-retention-policy --region %s --log-group-name %s --retention-in-days 30", s.Region, p.Name))
			}
		})
	}
}
