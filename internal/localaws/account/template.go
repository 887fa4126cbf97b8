package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// accountID is the account that everything lies in.
const accountID = "111122223333"

// template is a stack with what its resources are called here.
type template struct {
	Stack
	suffix     string // makes the names this deployment's own
	Parameters map[string]struct{ Default any }
	Conditions map[string]any
	Resources  map[string]*resource
	Outputs    map[string]struct {
		Value  any
		Export struct{ Name any }
	}
	exports map[string]any // of all stacks that were read before
}

type resource struct {
	id, name   string
	Type       string
	Condition  string
	Properties map[string]any // resolved once the template is
}

// parse reads a template and resolves everything in it. It uses what other
// stacks have exported, and adds to that.
func parse(s Stack, suffix string, exports map[string]any) (*template, error) {
	t := &template{Stack: s, suffix: suffix, exports: exports}
	if err := json.Unmarshal(s.Template, t); err != nil {
		return nil, fmt.Errorf("read template %s: %w", s.Name, err)
	}
	var errs []error
	for id, r := range t.Resources {
		r.id, r.name = id, t.nameOf(id, r.Type)
		if holds, err := t.holds(r.Condition); err != nil || !holds {
			errs = append(errs, err)
			delete(t.Resources, id)
		}
	}
	resolved := map[string]map[string]any{}
	for id, r := range t.Resources {
		v, err := t.resolve(map[string]any(r.Properties))
		if err != nil {
			errs = append(errs, fmt.Errorf("stack %s: %s: %w", s.Name, id, err))
			continue
		}
		resolved[id], _ = v.(map[string]any)
	}
	for id, properties := range resolved {
		t.Resources[id].Properties = properties
	}
	errs = append(errs, t.export())
	return t, errors.Join(errs...)
}

// export resolves the outputs that other stacks may use.
func (t *template) export() error {
	var errs []error
	for id, o := range t.Outputs {
		if o.Export.Name == nil {
			continue
		}
		name, err := t.resolve(o.Export.Name)
		value, err2 := t.resolve(o.Value)
		if err := errors.Join(err, err2); err != nil {
			errs = append(errs, fmt.Errorf("stack %s: output %s: %w", t.Name, id, err))
		}
		t.exports[fmt.Sprint(name)] = value
	}
	return errors.Join(errs...)
}

// nameOf is a resource's physical name, made as CloudFormation makes it.
func (t *template) nameOf(id, kind string) string {
	name := t.Name + "-" + id + "-" + t.suffix
	if kind == "AWS::S3::Bucket" {
		name = strings.ToLower(name)
	}
	return name
}

// holds reports whether a condition holds; none does always.
func (t *template) holds(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	c, ok := t.Conditions[condition].(map[string]any)
	if !ok || len(c) != 1 || c["Fn::Equals"] == nil {
		return false, fmt.Errorf("stack %s: condition %s is none that is understood", t.Name, condition)
	}
	v, err := t.resolve(c["Fn::Equals"])
	if err != nil {
		return false, err
	}
	pair, ok := v.([]any)
	return ok && len(pair) == 2 && fmt.Sprint(pair[0]) == fmt.Sprint(pair[1]), nil
}

// noValue stands for what AWS::NoValue leaves out.
type noValue struct{}

// resolve replaces the functions of CloudFormation's in a value by what they
// give.
func (t *template) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := function(v); ok {
			return t.call(name, argument)
		}
		out := map[string]any{}
		for key, e := range v {
			r, err := t.resolve(e)
			if err != nil {
				return nil, err
			}
			if r != (noValue{}) {
				out[key] = r
			}
		}
		return out, nil
	case []any:
		out := []any{}
		for _, e := range v {
			r, err := t.resolve(e)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	}
	return v, nil
}

// function splits a call of a function of CloudFormation's.
func function(v map[string]any) (name string, argument any, ok bool) {
	if len(v) != 1 {
		return "", nil, false
	}
	for name, argument = range v {
		ok = name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, ok
}

func (t *template) call(name string, argument any) (any, error) {
	switch list, _ := argument.([]any); {
	case name == "Ref":
		id, _ := argument.(string)
		return t.ref(id)
	case name == "Fn::GetAtt" && len(list) == 2:
		id, _ := list[0].(string)
		attribute, _ := list[1].(string)
		return t.attribute(id, attribute)
	case name == "Fn::Join" && len(list) == 2:
		parts, err := t.resolve(list[1])
		if err != nil {
			return nil, err
		}
		separator, _ := list[0].(string)
		return strings.Join(texts(parts), separator), nil
	case name == "Fn::ImportValue":
		if v, ok := t.exports[fmt.Sprint(argument)]; ok {
			return v, nil
		}
		return nil, fmt.Errorf("no stack exports %v", argument)
	case name == "Fn::Sub":
		if text, ok := argument.(string); ok {
			return t.substitute(text)
		}
	}
	return nil, fmt.Errorf("%s of %v is not understood", name, argument)
}

var placeholder = regexp.MustCompile(`\$\{([^!{}]+)\}`)

func (t *template) substitute(text string) (string, error) {
	var errs []error
	out := placeholder.ReplaceAllStringFunc(text, func(s string) string {
		var v any
		var err error
		if id, attribute, ok := strings.Cut(s[2:len(s)-1], "."); ok {
			v, err = t.attribute(id, attribute)
		} else {
			v, err = t.ref(id)
		}
		errs = append(errs, err)
		return fmt.Sprint(v)
	})
	return out, errors.Join(errs...)
}

func (t *template) ref(id string) (any, error) {
	switch id {
	case "AWS::Partition":
		return "aws", nil
	case "AWS::AccountId":
		return accountID, nil
	case "AWS::Region":
		return t.Region, nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return t.Name, nil
	case "AWS::NoValue":
		return noValue{}, nil
	}
	if p, ok := t.Parameters[id]; ok {
		return p.Default, nil
	}
	r, ok := t.Resources[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no %s", id)
	case r.Type == "AWS::SNS::Topic":
		return t.arn(r)
	case r.Type == "AWS::SQS::Queue":
		return "https://sqs." + t.Region + ".amazonaws.com/" + accountID + "/" + r.name, nil
	}
	return r.name, nil
}

func (t *template) attribute(id, attribute string) (any, error) {
	r, ok := t.Resources[id]
	if !ok {
		return nil, fmt.Errorf("there is no %s", id)
	}
	switch r.Type + "." + attribute {
	case "AWS::DynamoDB::Table.StreamArn":
		arn, err := t.arn(r)
		return arn + "/stream/latest", err
	case "AWS::SQS::Queue.QueueName", "AWS::SNS::Topic.TopicName":
		return r.name, nil
	}
	if attribute != "Arn" {
		return nil, fmt.Errorf("the attribute %s of a %s is not understood", attribute, r.Type)
	}
	return t.arn(r)
}

// arn is a resource's ARN.
func (t *template) arn(r *resource) (string, error) {
	switch r.Type {
	case "AWS::S3::Bucket":
		return "arn:aws:s3:::" + r.name, nil
	case "AWS::IAM::Role":
		return "arn:aws:iam::" + accountID + ":role/" + r.name, nil
	}
	kind, ok := map[string]string{
		"AWS::DynamoDB::Table": "dynamodb:table/", "AWS::SQS::Queue": "sqs:", "AWS::SNS::Topic": "sns:", "AWS::Lambda::Function": "lambda:function:",
		"AWS::KMS::Key": "kms:key/", "AWS::Logs::LogGroup": "logs:log-group:", "AWS::Events::Rule": "events:rule/",
	}[r.Type]
	if !ok {
		return "", fmt.Errorf("the ARN of a %s is not understood", r.Type)
	}
	service, prefix, _ := strings.Cut(kind, ":")
	arn := "arn:aws:" + service + ":" + t.Region + ":" + accountID + ":" + prefix + r.name
	if r.Type == "AWS::Logs::LogGroup" {
		arn += ":*"
	}
	return arn, nil
}

// texts is a string or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, fmt.Sprint(e))
		}
		return out
	}
	return []string{fmt.Sprint(v)}
}

// decode reads properties into a struct.
func decode(properties, into any) error {
	text, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
