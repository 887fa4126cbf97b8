package sns

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// maxValue bounds an attribute's value in bytes. SNS bounds only all of them
// together with the message, but nobody filters by a longer name.
const maxValue = 512

type values = map[string]types.MessageAttributeValue

// attributes are what subscriptions can be filtered by. There are fewer than the
// ten that a queue with raw delivery takes.
func attributes(f incident.Finding, n render.Note) values {
	list := values{}
	for name, value := range map[string]string{
		"verdict":     string(f.Verdict),
		"cause":       string(f.Cause),
		"severity":    f.Severity.String(),
		"account":     f.Account,
		"subjectType": string(f.Subject.Type),
		"subject":     f.Subject.Name,
		"owner":       n.Owner,
	} {
		// SNS takes no empty value, and no control characters.
		if value = render.Short(strings.TrimSpace(render.Printable(value)), maxValue); value != "" {
			list[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	list["revision"] = types.MessageAttributeValue{DataType: aws.String("Number"), StringValue: aws.String(strconv.Itoa(f.Revision))}
	return list
}

// size is what attributes take of a message's size: names, types and values.
func size(list values) (bytes int) {
	for name, v := range list {
		bytes += len(name) + len(*v.DataType) + len(*v.StringValue)
	}
	return bytes
}
