package trail

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return strings.TrimSpace(b.String())
}

// The wrappings below put one value into another form.

func inEvent(detail string) string {
	return `{"version":"0","id":"7d1c","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"111122223333",` +
		`"time":"2026-03-01T10:00:00Z","region":"us-east-1","resources":[],"detail":` + detail + `}`
}

func inLogFile(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

func inLookup(records ...string) string {
	events := make([]string, len(records))
	for i, r := range records {
		events[i] = `{"EventId":"lookup","EventName":"DeleteRole","ReadOnly":"false","EventTime":"2026-03-01T11:00:00+01:00",` +
			`"Username":"release-bot","Resources":[],"CloudTrailEvent":` + quoted(r) + `}`
	}
	return `{"Events":[` + strings.Join(events, ",") + `],"NextToken":"abc"}`
}

func inBatch(bodies ...string) string {
	messages := make([]string, len(bodies))
	for i, b := range bodies {
		messages[i] = fmt.Sprintf(`{"messageId":"m-%d","receiptHandle":"r","body":%s,"attributes":{},"eventSource":"aws:sqs","awsRegion":"us-east-1"}`, i, quoted(b))
	}
	return inLogFile(messages...)
}

// inReceived is what aws sqs receive-message prints.
func inReceived(bodies ...string) string {
	messages := make([]string, len(bodies))
	for i, b := range bodies {
		messages[i] = fmt.Sprintf(`{"MessageId":"m-%d","ReceiptHandle":"r","MD5OfBody":"0","Body":%s,"Attributes":{"SentTimestamp":"1772359200000"}}`, i, quoted(b))
	}
	return `{"Messages":[` + strings.Join(messages, ",") + `]}`
}

// inFailure is what Lambda sends to a destination when a function has failed.
func inFailure(payload string) string {
	return `{"version":"1.0","timestamp":"2026-03-01T10:05:00.000Z","requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:111122223333:function:f:$LATEST",` +
		`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":` + payload + `,"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
		`"responsePayload":{"errorMessage":"table is throttled","errorType":"errorString"}}`
}

func inNotification(message string) string {
	return `{"Type":"Notification","MessageId":"n","TopicArn":"arn:aws:sns:us-east-1:111122223333:t","Message":` + quoted(message) + `}`
}

func inDelivery(message string) string {
	return inLogFile(`{"EventSource":"aws:sns","EventVersion":"1.0","Sns":` + inNotification(message) + `}`)
}

func inLogEvents(messages ...string) string {
	events := make([]string, len(messages))
	for i, m := range messages {
		events[i] = fmt.Sprintf(`{"id":"3788%d","timestamp":1772359200000,"message":%s}`, i, quoted(m))
	}
	return `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/aws/lambda/payments-worker","logStream":"2026/03/01/[1]ab","subscriptionFilters":["f"],` +
		`"logEvents":[` + strings.Join(events, ",") + `]}`
}

func inLogData(messages ...string) string { return packed(inLogEvents(messages...)) }

func packed(s string) string {
	return `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString([]byte(zipped(s))) + `"}}`
}

func TestEveryForm(t *testing.T) {
	a, b := deletion("a"), deletion("b")
	want, _ := decodeText(t, a+"\n"+b)
	for name, in := range map[string]string{
		"EventBridge events":                inEvent(a) + inEvent(b),
		"an array of EventBridge events":    "[" + inEvent(a) + "," + inEvent(b) + "]",
		"a log file":                        inLogFile(a, b),
		"bare records":                      a + "\n" + b,
		"a LookupEvents answer":             inLookup(a, b),
		"an SQS batch of records":           inBatch(a, b),
		"an SQS batch of log files":         inBatch(inLogFile(a), inLogFile(b)),
		"an SQS message of JSON Lines":      inBatch(a + "\n" + b),
		"an SQS batch of EventBridge":       inBatch(inEvent(a), inEvent(b)),
		"an SQS batch of SNS notifications": inBatch(inNotification(inEvent(a)), inNotification(b)),
		"an SQS batch, bodies unwrapped":    `{"Records":[{"messageId":"1","body":` + a + `},{"messageId":"2","body":[` + b + `]}]}`,
		"messages received from a queue":    inReceived(inEvent(a), b),
		"one received message":              strings.TrimSuffix(strings.TrimPrefix(inReceived(inLogFile(a, b)), `{"Messages":[`), "]}"),
		"messages received twice":           inReceived(a) + "\n" + inReceived(inNotification(b)) + "\n",
		"messages with their list last":     `{"ResponseMetadata":{"RetryAttempts":0},"Messages":[` + strings.TrimPrefix(inReceived(a, b), `{"Messages":[`),
		"invocations that failed":           inFailure(inEvent(a)) + inFailure(b),
		"failed invocations from a queue":   inReceived(inFailure(inBatch(a)), inFailure(inLogData(b))),
		"SNS records":                       inDelivery(a) + inDelivery(inEvent(b)),
		"packed log data":                   inLogData(a, b),
		"unpacked log data":                 inLogEvents(a, b),
		"log data of EventBridge events":    inLogData(inEvent(a), inEvent(b)),
		"log data of indented records":      inLogData(indented(a), "\n"+b+"\n"),
		"an SQS batch of log data":          inBatch(inLogData(a), inLogEvents(b)),
		"a mixture":                         inEvent(a) + "\n[" + inLookup(b) + "]",
		"unfamiliar but like a record":      strings.Replace(a, `"eventVersion":"1.08",`, "", 1) + b,
	} {
		t.Run(name, func(t *testing.T) {
			got, stats := decodeText(t, in)
			if diff := gocmp.Diff(want.signals, got.signals); diff != "" {
				t.Errorf("signals (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(want.uses, got.uses); diff != "" {
				t.Errorf("uses (-want +got):\n%s", diff)
			}
			if len(got.skips) != 0 || stats.Records != 2 || stats.Values != 2 {
				t.Errorf("skips %v, counts %+v", got.skips, stats)
			}
		})
	}
}

func TestAnyWrappingAndBatchingGivesTheSame(t *testing.T) {
	wraps := []func(...string) string{
		inLogFile, inLookup, inBatch, inLogData, inLogEvents,
		func(r ...string) string { return strings.Join(r, "\n") },
		func(r ...string) string { return "[" + strings.Join(r, " , ") + "]" },
		func(r ...string) string { return "[ " + inEvent(strings.Join(r[:1], "")) + inRest(r[1:]) },
		func(r ...string) string { return inBatch(inLogFile(r...)) },
		func(r ...string) string { return inDelivery(inLookup(r...)) },
		func(r ...string) string { return indented(inLogFile(r...)) },
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "records")
		var in strings.Builder
		want := make([]string, n)
		for i := 0; i < n; {
			size := rapid.IntRange(1, n-i).Draw(t, "batch")
			var batch []string
			for range size {
				want[i] = fmt.Sprintf("id-%02d", i)
				batch = append(batch, deletion(want[i]))
				i++
			}
			in.WriteString(rapid.SampledFrom(wraps).Draw(t, "wrap")(batch...))
			in.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", " ", ""}).Draw(t, "space"))
		}
		text := in.String()
		if rapid.Bool().Draw(t, "gzip") {
			text = zipped(text)
		}
		var c collected
		if _, err := Decode(strings.NewReader(text), "test", &c); err != nil {
			t.Fatal(err)
		}
		if got := c.ids(); !slices.Equal(got, want) || len(c.skips) > 0 {
			t.Errorf("signals %q, want %q, skips %v", got, want, c.skips)
		}
	})
}

// inRest closes the array that an event opened, with the other records in it.
func inRest(records []string) string {
	var b strings.Builder
	for _, r := range records {
		b.WriteString("," + r)
	}
	return b.String() + "]"
}

func TestWhatIsRecognisedAndOfNoInterest(t *testing.T) {
	event := func(source, detailType, detail string) string {
		return `{"id":"1","detail-type":"` + detailType + `","source":"` + source + `","account":"111122223333","time":"2026-03-01T10:00:00Z","region":"eu-west-1","detail":` + detail + `}`
	}
	for name, in := range map[string]string{
		"a scheduled event":               event("aws.events", "Scheduled Event", "{}"),
		"a Config event":                  event("aws.config", "Config Configuration Item Change", `{"messageType":"ConfigurationItemChangeNotification"}`),
		"an instance's state":             event("aws.ec2", "EC2 Instance State-change Notification", `{"instance-id":"i-1"}`),
		"an event without a detail":       event("aws.events", "Scheduled Event", "null"),
		"an Insight record":               `{"Records":[{"eventVersion":"1.07","eventTime":"2026-03-01T10:00:00Z","awsRegion":"us-east-1","eventID":"i","eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start"}}]}`,
		"a digest file":                   `{"awsAccountId":"111122223333","digestStartTime":"2026-03-01T10:00:00Z","digestS3Bucket":"b","logFiles":[{"s3Object":"o"}]}`,
		"a notice of a new log file":      inNotification(`{"s3Bucket":"b","s3ObjectKey":["k"]}`),
		"a Config notice":                 inNotification(`{"configurationItem":{},"messageType":"ConfigurationItemChangeNotification"}`),
		"an S3 notification":              `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-03-01T10:00:00Z","eventName":"ObjectCreated:Put"}]}`,
		"records that Lambda gave up":     inReceived(`{"requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:111122223333:function:notify","condition":"RecordAgeExceeded","approximateInvokeCount":9},"responseContext":{"statusCode":200},"version":"1.0","timestamp":"2026-03-01T10:00:00Z","DDBStreamBatchInfo":{"shardId":"s","startSequenceNumber":"1","endSequenceNumber":"2","batchSize":2,"streamArn":"arn:aws:dynamodb:us-east-1:111122223333:table/t/stream/2026"}}`),
		"a control message":               `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1772359200000,"message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}`,
		"a packed control message":        packed(`{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[]}`),
		"another error of a client":       clientEvent(`"errorCode":"ThrottlingException","eventTime":"2026-03-01T10:00:00Z","workload":"w"`),
		"a code in other letters":         clientEvent(`"errorCode":"invalidclienttokenid","eventTime":"2026-03-01T10:00:00Z","workload":"w"`),
		"a code with something before it": clientEvent(`"errorCode":"CloudTrailInvalidClientTokenIdException","eventTime":"2026-03-01T10:00:00Z","workload":"w"`),
		"a client's event of another type": strings.Replace(clientEvent(`"errorCode":"ExpiredToken","eventTime":"2026-03-01T10:00:00Z","workload":"w"`),
			clientDetailType, "Something Else", 1),
		"CloudTrail's event type under another source": strings.Replace(inEvent(deletion("forged")), "aws.iam", "my.app", 1),
		"a log line that says nothing":                 inLogEvents("START RequestId: 6f1c Version: $LATEST"),
		"a log line of unrelated JSON":                 inLogEvents(`{"level":"INFO","msg":"served"}`),
	} {
		t.Run(name, func(t *testing.T) {
			c, stats := decodeText(t, in)
			if len(c.signals)+len(c.uses)+len(c.skips) != 0 {
				t.Errorf("got %+v", c)
			}
			if stats.Irrelevant != 1 || stats.Values != 1 {
				t.Errorf("counts %+v, want 1 irrelevant value", stats)
			}
		})
	}
}

func TestBadWrappingCostsOnlyItself(t *testing.T) {
	good := deletion("a")
	deep := good
	for range maxWraps + 1 {
		deep = inBatch(deep)
	}
	bomb := packed(`{"messageType":"DATA_MESSAGE","logEvents":[]}` + strings.Repeat(" ", maxLogData))
	tests := []struct {
		name, in string
		ids      []string
		reasons  []SkipReason
	}{
		{"a message with a broken body", inBatch(good, broken("x"), deletion("b")), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a message with text for a body", inBatch(good, "hello", deletion("b")), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a message with an empty body", inBatch(good, "", deletion("b")), []string{"a", "b"}, []SkipReason{SkipBadField}},
		{"a message with a number for a body", `{"Records":[{"messageId":"1","body":5},{"messageId":"2","body":` + quoted(good) + `}]}`, []string{"a"}, []SkipReason{SkipBadField}},
		{"a message with half a log file", inBatch(`{"Records":[`+good+","+cutDeletion("x"), deletion("b")), []string{"a", "b"}, []SkipReason{SkipTruncated}},
		{"a lookup with a broken record", inLookup(good, broken("x"), deletion("b")), []string{"a", "b"}, []SkipReason{SkipSyntax}},
		{"a lookup without a record", `{"Events":[{"EventId":"1","CloudTrailEvent":null}]}` + good, []string{"a"}, []SkipReason{SkipBadField}},
		{"a wrapping in a wrapping beyond measure", deep + deletion("b"), []string{"b"}, []SkipReason{SkipTooDeep}},
		{"log data that is no base64", `{"awslogs":{"data":"???"}}` + good, []string{"a"}, []SkipReason{SkipDecompress}},
		{"log data that is no gzip", `{"awslogs":{"data":"aGVsbG8="}}` + good, []string{"a"}, []SkipReason{SkipDecompress}},
		{"log data cut off", `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString([]byte(zipped(inLogEvents(deletion("x")))[:200])) + `"}}` + good, []string{"a"}, []SkipReason{SkipDecompress}},
		{"log data missing", `{"awslogs":{}}` + good, []string{"a"}, []SkipReason{SkipBadField}},
		{"log data of the wrong type", `{"awslogs":[{"data":1}]}` + good, []string{"a"}, []SkipReason{SkipBadField}},
		{"log data with broken JSON", packed(`{"messageType":`) + good, []string{"a"}, []SkipReason{SkipSyntax}},
		{"log data with something else inside", packed(good) + deletion("b"), []string{"b"}, []SkipReason{SkipUnknownShape}},
		{"log data in log data", packed(packed(inLogEvents(good))) + deletion("b"), []string{"b"}, []SkipReason{SkipUnknownShape}},
		{"log data nested beyond measure", packed(strings.Repeat(`{"a":`, 1000)) + good, []string{"a"}, []SkipReason{SkipTooDeep}},
		{"log data that explodes", bomb + good, []string{"a"}, []SkipReason{SkipTooLarge}},
		{"a log event without a message", strings.Replace(inLogEvents("x", good), `"message":"x"`, `"message":7`, 1), []string{"a"}, []SkipReason{SkipBadField}},
		{"an event without the record that it announces", inEvent("null") + good, []string{"a"}, []SkipReason{SkipBadField}},
		{"an event with text for a record", inEvent(`"x"`) + good, []string{"a"}, []SkipReason{SkipBadField}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := decodeText(t, tt.in)
			if diff := gocmp.Diff(tt.ids, c.ids()); diff != "" {
				t.Errorf("signals (-want +got):\n%s", diff)
			}
			var reasons []SkipReason
			for _, s := range c.skips {
				reasons = append(reasons, s.Reason)
			}
			if diff := gocmp.Diff(tt.reasons, reasons); diff != "" {
				t.Errorf("skips (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSkipsInsideAWrappingPointAtIt(t *testing.T) {
	in := deletion("a") + "\n" + inBatch(deletion("b"), inBatch(broken("x")), inLookup(deletion("c"), "{}"))
	c, _ := decodeText(t, in)
	second := int64(strings.Index(in, `{"messageId":"m-1"`))
	third := int64(strings.Index(in, `{"messageId":"m-2"`))
	want := []Skip{{Source: "test", Offset: second, Reason: SkipSyntax}, {Source: "test", Offset: third, Reason: SkipUnknownShape}}
	if diff := gocmp.Diff(want, c.skips, cmpopts.IgnoreFields(Skip{}, "Detail")); diff != "" {
		t.Error(diff)
	}
}

func TestAnEnvelopeStandsInForWhatTheRecordLacks(t *testing.T) {
	noTime := strings.Replace(deletion("a"), `"eventTime":"2026-03-01T10:00:00Z",`, "", 1)
	want := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for name, in := range map[string]string{
		"EventBridge":  inEvent(noTime),
		"LookupEvents": inLookup(noTime),
		"log events":   inLogEvents(noTime),
	} {
		c, _ := decodeText(t, in)
		if len(c.signals) != 1 || !c.signals[0].Time.Equal(want) {
			t.Errorf("%s: signals %+v, skips %v", name, c.signals, c.skips)
		}
	}
	c, _ := decodeText(t, inLogFile(noTime))
	if len(c.signals) != 0 || len(c.skips) != 1 || c.skips[0].Reason != SkipNoEventTime {
		t.Errorf("without an envelope: signals %+v, skips %v", c.signals, c.skips)
	}
}

// clientEvent is a client's report with the given members of its detail.
func clientEvent(detail string) string {
	return `{"version":"0","id":"7d1c","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333",` +
		`"time":"2026-03-01T10:00:05Z","region":"eu-west-1","resources":[],"detail":{` + detail + `}}`
}

func TestClientFailure(t *testing.T) {
	in := clientEvent(`"eventId":"e-1","eventTime":"2026-03-01T10:00:00Z","errorCode":"InvalidClientTokenId","errorMessage":"The security token included in the request is invalid",
		"operation":"sts:GetCallerIdentity","accessKeyId":"ASIAQRSTUVWXYZ234567","principalArn":"arn:aws:sts::111122223333:assumed-role/payments-role/worker-7",
		"workload":"payments-worker","sourceIPAddress":"198.51.100.4","userAgent":"aws-sdk-go-v2/1.30","count":3`)
	role := incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "payments-role", ARN: "arn:aws:iam::111122223333:role/payments-role"}
	want := []incident.Signal{{
		ID: "e-1", Account: "111122223333", Partition: "aws", Region: "eu-west-1", Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Kind: incident.CredentialFailed, Feed: incident.FromClient, Operation: "sts:GetCallerIdentity",
		Actor:  incident.Actor{Principal: role, SessionName: "worker-7", SourceIP: "198.51.100.4", UserAgent: "aws-sdk-go-v2/1.30"},
		Target: role, Key: "ASIAQRSTUVWXYZ234567", Workload: "payments-worker", ErrorCode: "InvalidClientTokenId", Count: 3,
	}}
	c, stats := decodeText(t, in)
	if diff := gocmp.Diff(want, c.signals, cmpopts.IgnoreFields(incident.Signal{}, "Reason")); diff != "" {
		t.Error(diff)
	}
	if stats.Records != 1 || stats.Values != 1 {
		t.Errorf("counts %+v", stats)
	}
}

func TestClientFailuresThatLackSomething(t *testing.T) {
	const base = `"eventId":"e","eventTime":"2026-03-01T10:00:00Z","errorCode":"ExpiredToken"`
	signal := func(change func(*incident.Signal)) *incident.Signal {
		s := &incident.Signal{
			ID: "e", Account: "111122223333", Partition: "aws", Region: "eu-west-1", Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
			Kind: incident.CredentialFailed, Feed: incident.FromClient, ErrorCode: "ExpiredToken", Reason: incident.ReasonExpired, Count: 1,
		}
		change(s)
		return s
	}
	named := func(p incident.Principal, session string) func(*incident.Signal) {
		return func(s *incident.Signal) {
			s.Target, s.Actor.Principal, s.Actor.SessionName, s.Partition = p, p, session, p.Partition
		}
	}
	workload := func(s *incident.Signal) { s.Workload = "w" }
	tests := []struct {
		name, detail string
		want         *incident.Signal
		reason       SkipReason
		field        string
	}{
		{"only a workload", base + `,"workload":"w"`, signal(workload), "", ""},
		{"only a key", base + `,"accessKeyId":"AKIAQRSTUVWXYZ234567"`, signal(func(s *incident.Signal) { s.Key = "AKIAQRSTUVWXYZ234567" }), "", ""},
		{
			"only a role", base + `,"principalArn":"arn:aws:iam::111122223333:role/team/payments-role"`,
			signal(named(incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "payments-role", ARN: "arn:aws:iam::111122223333:role/team/payments-role"}, "")), "", "",
		},
		{
			"a user of another partition", base + `,"principalArn":"arn:aws-cn:iam::111122223333:user/build"`,
			signal(named(incident.Principal{Type: incident.User, Partition: "aws-cn", Account: "111122223333", Name: "build", ARN: "arn:aws-cn:iam::111122223333:user/build"}, "")), "", "",
		},
		{
			"a federated user", base + `,"principalArn":"arn:aws:sts::111122223333:federated-user/guest"`,
			signal(named(incident.Principal{Type: incident.Federated, Partition: "aws", Account: "111122223333", Name: "guest"}, "guest")), "", "",
		},
		{
			"the root user", base + `,"principalArn":"arn:aws:iam::111122223333:root"`,
			signal(named(incident.Principal{Type: incident.Account, Partition: "aws", Account: "111122223333", Name: "111122223333", ARN: "arn:aws:iam::111122223333:root"}, "")), "", "",
		},
		{"an ARN of something else, and a workload", base + `,"principalArn":"arn:aws:s3:::bucket","workload":"w"`, signal(workload), "", ""},
		{"nobody", base, nil, SkipNoIdentity, ""},
		{"placeholders for everybody", base + `,"accessKeyId":"REDACTED","principalArn":"unknown","workload":"-"`, nil, SkipNoIdentity, ""},
		{"a secret where the key id belongs", base + `,"accessKeyId":"wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYabc"`, nil, SkipNoIdentity, ""},
		{"identities of the wrong type", base + `,"accessKeyId":5,"principalArn":{},"workload":["w"]`, nil, SkipNoIdentity, ""},
		{"a secret where the workload's name belongs", base + `,"workload":"AWS_SECRET_ACCESS_KEY=` + secretKey + `"`, nil, SkipNoIdentity, ""},
		{"a workload with a line break", base + `,"workload":"w\nforged"`, nil, SkipNoIdentity, ""},
		{"no code", `"eventId":"e","eventTime":"2026-03-01T10:00:00Z","workload":"w"`, nil, SkipBadField, "errorCode"},
		{"a code of the wrong type", `"errorCode":403,"workload":"w"`, nil, SkipBadField, "errorCode"},
		{
			"no time of its own", `"eventId":"e","errorCode":"ExpiredToken","workload":"w"`,
			signal(func(s *incident.Signal) { workload(s); s.Time = s.Time.Add(5 * time.Second) }), "", "",
		},
		{"a count as text", base + `,"workload":"w","count":"12"`, signal(func(s *incident.Signal) { workload(s); s.Count = 12 }), "", ""},
		{"a null count", base + `,"workload":"w","count":null`, signal(workload), "", ""},
		{"a count beyond belief", base + `,"workload":"w","count":9000000000`, signal(func(s *incident.Signal) { workload(s); s.Count = maxCount }), "", ""},
		{"a count of none", base + `,"workload":"w","count":0`, nil, SkipBadField, "count"},
		{"a negative count", base + `,"workload":"w","count":-1`, nil, SkipBadField, "count"},
		{"half a count", base + `,"workload":"w","count":1.5`, nil, SkipBadField, "count"},
		{
			"an operation", base + `,"workload":"w","operation":"cognito-idp:ListUsers"`,
			signal(func(s *incident.Signal) { workload(s); s.Operation = "cognito-idp:ListUsers" }), "", "",
		},
		{"an operation in prose", base + `,"workload":"w","operation":"calling STS"`, signal(workload), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := decodeText(t, clientEvent(tt.detail)+"\n"+deletion("neighbour"))
			last := len(c.signals) - 1
			if last < 0 || c.signals[last].ID != "neighbour" {
				t.Fatalf("the next value is lost: %v", c.skips)
			}
			var want []incident.Signal
			if tt.want != nil {
				want = append(want, *tt.want)
			}
			if diff := gocmp.Diff(want, c.signals[:last], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("signals (-want +got):\n%s", diff)
			}
			var skips []Skip
			if tt.reason != "" {
				skips = append(skips, Skip{Source: "test", Reason: tt.reason, Detail: tt.field})
			}
			if diff := gocmp.Diff(skips, c.skips, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("skips (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientFailureWithoutAnyTime(t *testing.T) {
	in := strings.Replace(clientEvent(`"eventId":"e","errorCode":"ExpiredToken","workload":"w","eventTime":"soon"`), "2026-03-01T10:00:05Z", "", 1)
	c, _ := decodeText(t, in)
	if len(c.signals) != 0 || len(c.skips) != 1 || c.skips[0].Reason != SkipNoEventTime {
		t.Errorf("signals %v, skips %v", c.signals, c.skips)
	}
}

func TestAReportWithoutAnIDIsKnownByItsContent(t *testing.T) {
	const detail = `"eventTime":"2026-03-01T10:00:00Z","errorCode":"ExpiredToken","workload":`
	id := func(in string) string {
		c, _ := decodeText(t, in)
		if len(c.signals) != 1 || c.signals[0].ID == "" {
			t.Fatalf("signals %+v, skips %v", c.signals, c.skips)
		}
		return c.signals[0].ID
	}
	first := id(clientEvent(detail + `"w"`))
	if again := id(strings.Replace(clientEvent(detail+` "\u0077" `), "7d1c", "another-delivery", 1)); again != first {
		t.Errorf("the same report has ids %s and %s", first, again)
	}
	if other := id(clientEvent(detail + `"v"`)); other == first {
		t.Errorf("two reports share the id %s", other)
	}
}

func TestExposures(t *testing.T) {
	exposure := func(detail string) string {
		return strings.Replace(clientEvent(`"eventId":"e-1","eventTime":"2026-03-01T10:00:00Z",`+detail), "AWS Credential Failure", "AWS Credential Exposure", 1)
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, detail string
		want         *incident.Signal
		reason       SkipReason
	}{
		{
			"a token of a known key", `"what":"session_token","where":"/ecs/payments","accessKeyId":"ASIAQRSTUVWXYZ234567","workload":"payments","count":7,"errorCode":"ExpiredToken"`,
			&incident.Signal{Key: "ASIAQRSTUVWXYZ234567", Workload: "payments", Exposure: &incident.Exposure{What: "session_token", Where: "/ecs/payments"}}, "",
		},
		{"a secret of a workload", `"what":"secret_access_key","workload":"payments"`, &incident.Signal{Workload: "payments", Exposure: &incident.Exposure{What: "secret_access_key"}}, ""},
		{"a place that is the secret", `"what":"session_token","where":"AWS_SESSION_TOKEN=` + secretToken + `","workload":"payments"`, &incident.Signal{Workload: "payments", Exposure: &incident.Exposure{What: "session_token"}}, ""},
		{"something that is no credential", `"what":"password","workload":"payments"`, nil, SkipBadField},
		{"the secret itself", `"what":"` + secretToken + `","workload":"payments"`, nil, SkipBadField},
		{"nothing at all", `"workload":"payments"`, nil, SkipBadField},
		{"nobody's", `"what":"session_token","where":"/ecs/payments"`, nil, SkipNoIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := decodeText(t, exposure(tt.detail))
			var want []incident.Signal
			if s := tt.want; s != nil {
				s.ID, s.Account, s.Partition, s.Region, s.Time = "e-1", "111122223333", "aws", "eu-west-1", at
				s.Kind, s.Feed, s.Count = incident.CredentialExposed, incident.FromClient, 1
				want = append(want, *s)
			}
			if diff := gocmp.Diff(want, c.signals, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if tt.reason != "" && (len(c.skips) != 1 || c.skips[0].Reason != tt.reason) {
				t.Errorf("skips %v, want %s", c.skips, tt.reason)
			}
		})
	}
}

func TestAReportMayNameItsReason(t *testing.T) {
	const base = `"eventId":"e","eventTime":"2026-03-01T10:00:00Z","workload":"w","errorCode":"SignatureDoesNotMatch","errorMessage":"Signature expired: 1",`
	for reason, want := range map[string]incident.Reason{
		`"refresh_failed"`: incident.ReasonRefreshFailed, `"region_not_enabled"`: incident.ReasonRegionNotEnabled,
		`"because"`: incident.ReasonClockSkew, `""`: incident.ReasonClockSkew, `{}`: incident.ReasonClockSkew,
	} {
		c, _ := decodeText(t, clientEvent(base+`"reason":`+reason))
		if len(c.signals) != 1 || c.signals[0].Reason != want {
			t.Errorf("reason %s: signals %+v, want the reason %s", reason, c.signals, want)
		}
	}
}

const sdkError = "2026-03-01T10:00:00Z ERROR botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included in the request is expired"

func TestLogLines(t *testing.T) {
	c, _ := decodeText(t, inLogData("START", sdkError, "END"))
	want := []incident.Signal{{
		ID: "/aws/lambda/payments-worker:37881", Account: "111122223333", Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Kind: incident.CredentialFailed, Feed: incident.FromLogs, Workload: "payments-worker",
		ErrorCode: "ExpiredToken", Reason: incident.ReasonExpired, Count: 1,
	}}
	if diff := gocmp.Diff(want, c.signals, cmpopts.IgnoreFields(incident.Signal{}, "Operation")); diff != "" {
		t.Error(diff)
	}
	again, _ := decodeText(t, inBatch(inLogEvents("START", sdkError, "END")))
	if diff := gocmp.Diff(c.signals, again.signals); diff != "" {
		t.Errorf("the unpacked form differs:\n%s", diff)
	}
}

func TestLogLinesThatLackSomething(t *testing.T) {
	whole := inLogEvents(sdkError)
	tests := []struct {
		name, old, new string
		check          func(incident.Signal) bool
		reason         SkipReason
	}{
		{"a group that is no function's", "/aws/lambda/payments-worker", "orders/prod", func(s incident.Signal) bool {
			return s.Workload == "orders/prod" && s.ID == "orders/prod:37880"
		}, ""},
		{"no owner", `"owner":"111122223333",`, "", func(s incident.Signal) bool { return s.Account == "" }, ""},
		{"no event id", `"id":"37880",`, "", func(s incident.Signal) bool {
			return strings.HasPrefix(s.ID, "/aws/lambda/payments-worker:sha256:") && !strings.Contains(s.ID, "Error")
		}, ""},
		{"a timestamp as text", "1772359200000", `"1772359200000"`, nil, SkipNoEventTime},
		{"no timestamp", `"timestamp":1772359200000,`, "", nil, SkipNoEventTime},
		{"no group", `"logGroup":"/aws/lambda/payments-worker",`, "", nil, SkipNoIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := strings.Replace(whole, tt.old, tt.new, 1)
			c, _ := decodeText(t, in)
			if tt.check != nil && (len(c.signals) != 1 || !tt.check(c.signals[0])) {
				t.Errorf("signals %+v, skips %v", c.signals, c.skips)
			}
			if tt.reason != "" && (len(c.signals) != 0 || len(c.skips) != 1 || c.skips[0].Reason != tt.reason) {
				t.Errorf("signals %+v, skips %v, want %s", c.signals, c.skips, tt.reason)
			}
		})
	}
}

func TestALeakInALogLineIsAFact(t *testing.T) {
	c, _ := decodeText(t, inLogData("config: AWS_SECRET_ACCESS_KEY="+secretKey+" AWS_ACCESS_KEY_ID=AKIAQRSTUVWXYZ234567 "+sdkError))
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	want := []incident.Signal{
		{
			ID: "/aws/lambda/payments-worker:37880", Account: "111122223333", Time: at, Kind: incident.CredentialFailed, Feed: incident.FromLogs,
			Workload: "payments-worker", Key: "AKIAQRSTUVWXYZ234567", ErrorCode: "ExpiredToken", Reason: incident.ReasonExpired, Count: 1,
		},
		{
			ID: "/aws/lambda/payments-worker:37880#1", Account: "111122223333", Time: at, Kind: incident.CredentialExposed, Feed: incident.FromLogs,
			Workload: "payments-worker", Key: "AKIAQRSTUVWXYZ234567", Count: 1,
			Exposure: &incident.Exposure{What: "secret_access_key", Where: "/aws/lambda/payments-worker"},
		},
	}
	if diff := gocmp.Diff(want, c.signals, cmpopts.IgnoreFields(incident.Signal{}, "Operation")); diff != "" {
		t.Error(diff)
	}
}

func TestOurOwnLogLineSaysWhatTheLogCannot(t *testing.T) {
	c, _ := decodeText(t, inLogEvents(`{"trailverdict":"credential_failure","eventId":"e-9","eventTime":"2026-03-01T09:59:58Z","errorCode":"InvalidClientTokenId",`+
		`"operation":"sts:GetCallerIdentity","principalArn":"arn:aws:iam::111122223333:role/payments-role","workload":"billing","sourceIPAddress":"192.0.2.9","count":4}`))
	role := incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "payments-role", ARN: "arn:aws:iam::111122223333:role/payments-role"}
	want := []incident.Signal{{
		ID: "e-9", Account: "111122223333", Partition: "aws", Time: time.Date(2026, 3, 1, 9, 59, 58, 0, time.UTC), Kind: incident.CredentialFailed, Feed: incident.FromLogs,
		Operation: "sts:GetCallerIdentity", Target: role, Actor: incident.Actor{Principal: role, SourceIP: "192.0.2.9"},
		Workload: "billing", ErrorCode: "InvalidClientTokenId", Count: 4,
	}}
	if diff := gocmp.Diff(want, c.signals, cmpopts.IgnoreFields(incident.Signal{}, "Reason")); diff != "" {
		t.Error(diff)
	}
}

func TestWhoWritesToALogGroup(t *testing.T) {
	role := incident.Principal{Type: incident.Role, Partition: "aws", Account: "111122223333", Name: "billing", ARN: "arn:aws:iam::111122223333:role/apps/billing"}
	other := incident.Principal{Type: incident.User, Partition: "aws", Account: "111122223333", Name: "ci", ARN: "arn:aws:iam::111122223333:user/ci"}
	marked := func(members string) string {
		return `{"trailverdict":"credential_failure","errorCode":"ExpiredToken"` + members + `}`
	}
	leak := "AWS_SESSION_TOKEN=" + secretToken
	for _, tt := range []struct {
		name, line string
		writer     [2]string // workload, principal
		workload   string
		target     incident.Principal
	}{
		{"nobody known", sdkError, [2]string{}, "payments-worker", incident.Principal{}},
		{"a workload", sdkError, [2]string{"billing-api"}, "billing-api", incident.Principal{}},
		{"a role", sdkError, [2]string{"", role.ARN}, "payments-worker", role},
		{"both", sdkError, [2]string{"billing-api", role.ARN}, "billing-api", role},
		{"a leak", leak, [2]string{"billing-api", role.ARN}, "billing-api", role},
		{"a leak that names its key", leak + " ASIAQRSTUVWXYZ234567", [2]string{"billing-api", role.ARN}, "billing-api", incident.Principal{}},
		{"a line that knows its workload", marked(`,"workload":"cron"`), [2]string{"billing-api", role.ARN}, "cron", role},
		{"a line that knows its principal", marked(`,"principalArn":"` + other.ARN + `"`), [2]string{"billing-api", role.ARN}, "billing-api", other},
		{"a line that knows its key", marked(`,"accessKeyId":"ASIAQRSTUVWXYZ234567"`), [2]string{"billing-api", role.ARN}, "billing-api", incident.Principal{}},
		{"a name that is a secret", sdkError, [2]string{leak}, "payments-worker", incident.Principal{}},
	} {
		for form, in := range map[string]string{"packed": inLogData(tt.line), "in a queue": inBatch(inLogEvents(tt.line))} {
			t.Run(tt.name+", "+form, func(t *testing.T) {
				var c collected
				asked := ""
				writers := LogWriters(func(group string) (string, string) { asked = group; return tt.writer[0], tt.writer[1] })
				if _, err := Decode(strings.NewReader(in), "test", &c, writers); err != nil {
					t.Fatal(err)
				}
				if asked != "/aws/lambda/payments-worker" {
					t.Errorf("asked for the writer of %q", asked)
				}
				if len(c.signals) != 1 || c.signals[0].Workload != tt.workload || c.signals[0].Target != tt.target {
					t.Errorf("signals %+v, want one of %s and %+v", c.signals, tt.workload, tt.target)
				}
			})
		}
	}
}

// secrets that no output may hold, nor any part of them.
const (
	secretToken = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDzXk3vbQ7q9aJf0dRyz1mGm6sJ2Kc8vPq4TtYw5xNfLgIgUhB3oOe7iV1kSlMfD2aQzRj9nCwXyEp0GtHbKuLqAZv"
	secretKey   = "q8Zr3Vt6Yb1Nc5Mx9Kd2Jf7Hg4Ls0Pw+Qe/Ra6Tu"
	secretText  = "correct-horse-battery-staple"
)

func TestSecretsStayInside(t *testing.T) {
	issuance := `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/release-bot","accountId":"111122223333","accessKeyId":"AKIAQRSTUVWXYZ234567","userName":"release-bot"},
		"eventTime":"2026-03-01T10:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"x",
		"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/payments-role","roleSessionName":"s"},"responseElements":{"credentials":{"accessKeyId":"ASIAQRSTUVWXYZ234567","sessionToken":"` + secretToken + `","secretAccessKey":"` + secretKey + `","expiration":"Mar 1, 2026, 11:00:00 AM"}},"eventID":"i","recipientAccountId":"111122223333"}`
	line := "AWS_SESSION_TOKEN=" + secretToken + " AWS_SECRET_ACCESS_KEY=" + secretKey + " " + sdkError + " " + secretText
	client := clientEvent(`"eventId":"e","eventTime":"2026-03-01T10:00:00Z","errorCode":"ExpiredToken","errorMessage":"` + line + `","workload":"w","accessKeyId":"` + secretKey + `","operation":"` + secretText + `"`)
	cut := issuance[:strings.Index(issuance, secretToken)+40]
	for name, in := range map[string]string{
		"a record":                          issuance,
		"a record without an id":            strings.Replace(issuance, `"eventID":"i",`, "", 1),
		"an event":                          inEvent(issuance),
		"a log file":                        inLogFile(issuance),
		"a lookup":                          inLookup(issuance),
		"a batch":                           inBatch(issuance),
		"log data":                          inLogData(issuance, line),
		"log lines":                         inLogEvents(line, issuance, secretText),
		"a client's report":                 client,
		"a broken record":                   inLogFile(broken("x"), strings.Replace(issuance, `"eventTime":`, `"eventTime"`, 1)),
		"a cut record":                      cut,
		"a cut record in a message":         inBatch(cut),
		"garbage":                           line + "\n" + quoted(line) + "\n{" + quoted(line) + ":1}",
		"an unknown object":                 `{"` + secretText + `":` + quoted(secretToken) + `}`,
		"a body that is a secret":           inBatch(line, secretToken),
		"log data that is a secret":         `{"awslogs":{"data":` + quoted(secretToken) + `}}`,
		"a name with a secret and no colon": `{"` + secretToken + `" 1}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, stats := decodeText(t, in)
			if stats.Values+len(c.skips) == 0 {
				t.Error("nothing was read")
			}
			out := fmt.Sprintf("%+v %+v %+v", c.signals, c.uses, c.skips)
			for _, s := range c.signals {
				out += fmt.Sprintf(" %+v %+v", s.Issued, s.Exposure)
			}
			for _, secret := range []string{secretToken[20:36], secretToken[60:76], secretKey[:12], secretText} {
				if strings.Contains(out, secret) {
					t.Error("a secret came out")
				}
			}
		})
	}
}

func TestRecordedDataDecodes(t *testing.T) {
	const root = "../../../shared/data"
	if _, err := os.Stat(root); err != nil {
		t.Skipf("%s is not there: not checked that recorded CloudTrail data decodes without skips", filepath.Base(root))
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, "patterns") {
			return err
		}
		if ext := filepath.Ext(path); ext == ".json" || ext == ".jsonl" {
			file, _ := filepath.Rel(root, path)
			t.Run(file, func(t *testing.T) { checkRecorded(t, root, filepath.ToSlash(file)) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// flaws are the values in recorded data that rightly cannot be decoded, at
// most so many of each reason in a file.
var flaws = map[string]map[SkipReason]int{
	"boogy_prod_baseline/records.jsonl":     {SkipBadField: 2},                      // role ARNs that the anonymiser made into something else
	"samples/assumerole_role_chaining.json": {SkipBadField: 1},                      // one of them
	"misc/fivexl.jsonl":                     {SkipNoEventTime: 9},                   // masked times, before there was AWS
	"panther_rule_tests/tests.jsonl":        {SkipBadField: 11, SkipNoEventTime: 9}, // made up, without parameters or times
	"custodian_eventbridge/records.jsonl":   {SkipNoEventTime: 1},                   // as the file in orig without a time
	"custodian_eventbridge/orig/event-cloud-trail-bedrock-create-customization-jobs.json": {SkipNoEventTime: 1},
}

// checkRecorded decodes a file of recorded data. Two sets wrap each record in
// an object of their own.
func checkRecorded(t *testing.T, root, file string) {
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Dir(file) {
	case "samples":
		b = taken(t, b, "event")
	case "panther_rule_tests":
		b = taken(t, b, "record")
	}
	c, stats := decodeFrom(t, bytes.NewReader(b))
	for reason, n := range stats.Skipped {
		if n > flaws[file][reason] {
			t.Errorf("%d values skipped as %s, want at most %d", n, reason, flaws[file][reason])
		}
	}
	if stats.Values == 0 || stats.Bytes != int64(len(b)) || len(c.signals)+len(c.uses)+stats.Irrelevant+len(c.skips) == 0 {
		t.Errorf("counts %+v", stats)
	}
}

// taken is the given member of each JSON value in b, one a line.
func taken(t *testing.T, b []byte, member string) []byte {
	var out bytes.Buffer
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var m map[string]json.RawMessage
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&out, m[member]); err != nil {
			t.Fatal(err)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
