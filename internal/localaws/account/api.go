package account

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// api calls the parts as AWS itself would: nothing is asked whether it may.
type api struct {
	db, messaging string
	queues        map[string]string // the emulator's addresses of queues, by name
}

// call makes a call of a protocol that speaks JSON.
func (api) call(url, service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := post(url, service, target, "application/x-amz-json-1.0", body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return nil
}

func post(url, service, target, kind string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Amz-Target", target)
	return do(req, service)
}

// do sends a request, signed as far as the parts look at it.
func do(req *http.Request, service string) ([]byte, error) {
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA4TRAILV3RD1CT000/20260101/"+home+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	req.Header.Set("X-Amz-Date", "20260101T000000Z")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", service, req.Header.Get("X-Amz-Target"), resp.Status, answer)
	}
	return answer, err
}

// table makes a table with its indexes and its stream.
func (c api) table(r *resource) error {
	in := map[string]any{"TableName": r.name}
	for _, name := range []string{"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"} {
		if v := r.Properties[name]; v != nil {
			in[name] = v
		}
	}
	if stream, ok := r.Properties["StreamSpecification"].(map[string]any); ok {
		in["StreamSpecification"] = map[string]any{"StreamEnabled": true, "StreamViewType": stream["StreamViewType"]}
	}
	return c.dynamo("CreateTable", in, nil)
}

func (c api) sqs(operation string, in, out any) error {
	return c.call(c.messaging, "sqs", "AmazonSQS."+operation, in, out)
}

// queue makes a queue. What was received comes again at once if it is not
// deleted: nobody waits here.
func (c api) queue(name string, properties map[string]any) error {
	attributes := map[string]string{"VisibilityTimeout": "3600"}
	if redrive, ok := properties["RedrivePolicy"].(map[string]any); ok {
		redrive = map[string]any{"deadLetterTargetArn": here(fmt.Sprint(redrive["deadLetterTargetArn"])), "maxReceiveCount": redrive["maxReceiveCount"]}
		text, err := json.Marshal(redrive)
		if err != nil {
			return err
		}
		attributes["RedrivePolicy"] = string(text)
	}
	var out struct{ QueueURL string }
	err := c.sqs("CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes}, &out)
	c.queues[name] = out.QueueURL
	return err
}

// message is one of a queue's, as SQS and Lambda both spell it.
type message struct {
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	Body              string
	Attributes        map[string]string
	MessageAttributes map[string]attribute
}

type attribute struct{ DataType, StringValue string }

func (c api) receive(queue string) ([]message, error) {
	var out struct{ Messages []message }
	err := c.sqs("ReceiveMessage", map[string]any{
		"QueueUrl": c.queues[queue], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
		"MessageAttributeNames": []string{"All"}, "AttributeNames": []string{"All"},
	}, &out)
	return out.Messages, err
}

func (c api) drop(queue string, m message) error {
	return c.sqs("DeleteMessage", map[string]any{"QueueUrl": c.queues[queue], "ReceiptHandle": m.ReceiptHandle}, nil)
}

// again lets a message be received at once.
func (c api) again(queue string, m message) error {
	return c.sqs("ChangeMessageVisibility", map[string]any{"QueueUrl": c.queues[queue], "ReceiptHandle": m.ReceiptHandle, "VisibilityTimeout": 0}, nil)
}

func (c api) send(queue, body string) error {
	return c.sqs("SendMessage", map[string]any{"QueueUrl": c.queues[queue], "MessageBody": body}, nil)
}

// sns makes a call of SNS, whose protocol is a form.
func (c api) sns(action string, parameters map[string]string, out any) error {
	form := url.Values{"Action": {action}, "Version": {"2010-03-31"}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	answer, err := post(c.messaging, "sns", "", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil || out == nil {
		return err
	}
	return xml.Unmarshal(answer, out)
}

func (c api) topic(name string) error {
	return c.sns("CreateTopic", map[string]string{"Name": name}, nil)
}

func (c api) subscribe(topic, queue string, filter any, scope string, raw bool) error {
	attributes := map[string]string{}
	if filter != nil {
		text, err := json.Marshal(filter)
		if err != nil {
			return err
		}
		attributes["FilterPolicy"] = string(text)
	}
	if scope != "" {
		attributes["FilterPolicyScope"] = scope
	}
	if raw {
		attributes["RawMessageDelivery"] = "true"
	}
	parameters := map[string]string{
		"TopicArn": here(topic), "Protocol": "sqs", "Endpoint": "arn:aws:sqs:" + home + ":" + emulated + ":" + queue,
	}
	n := 0
	for name, value := range attributes {
		n++
		parameters[fmt.Sprintf("Attributes.entry.%d.key", n)], parameters[fmt.Sprintf("Attributes.entry.%d.value", n)] = name, value
	}
	return c.sns("Subscribe", parameters, nil)
}

func (c api) publish(topic, text string) error {
	return c.sns("Publish", map[string]string{"TopicArn": here(topic), "Message": text}, nil)
}

// here is the ARN of something in the emulator's account, which has one Region.
func here(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return arn
	}
	parts[3], parts[4] = home, emulated
	return strings.Join(parts, ":")
}

func (c api) bucket(name string) error {
	req, err := http.NewRequest(http.MethodPut, c.messaging+"/"+name, http.NoBody)
	if err != nil {
		return err
	}
	_, err = do(req, "s3")
	return err
}

func (c api) dynamo(operation string, in, out any) error {
	return c.call(c.db, "dynamodb", "DynamoDB_20120810."+operation, in, out)
}

func (c api) streams(operation string, in, out any) error {
	return c.call(c.db, "dynamodb", "DynamoDBStreams_20120810."+operation, in, out)
}
