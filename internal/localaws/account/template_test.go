package account

import (
	"strings"
	"testing"
)

// parsed reads a template's resources, with one resource of its own in front.
func parsed(t *testing.T, resources string) (*template, error) {
	t.Helper()
	text := `{"Parameters":{"Given":{"Default":"value"}},"Conditions":{"Own":{"Fn::Equals":["111122223333",{"Ref":"AWS::AccountId"}]},"Other":{"Fn::Equals":["x",{"Ref":"AWS::AccountId"}]}},
	"Resources":{"Letters":{"Type":"AWS::SQS::Queue","Properties":{}},"Topic":{"Type":"AWS::SNS::Topic","Properties":{}}` + resources + `}}`
	return parse(Stack{Name: "tv", Region: "us-east-1", Template: []byte(text)}, "x", map[string]any{"other:Queue": "arn:aws:sqs:us-east-1:111122223333:theirs"})
}

func TestTemplatesAreResolved(t *testing.T) {
	s, err := parsed(t, `,"Q":{"Type":"AWS::SQS::Queue","Properties":{
		"a":{"Ref":"Topic"},"b":{"Ref":"Letters"},"c":{"Fn::GetAtt":["Letters","Arn"]},"d":{"Fn::Join":["-",["x",{"Ref":"AWS::Region"},{"Ref":"Given"}]]},
		"e":{"Fn::Sub":"${AWS::AccountId}/${Topic}/${Letters.Arn}"},"f":{"Ref":"AWS::NoValue"},"h":{"Fn::ImportValue":"other:Queue"},"g":[{"deep":{"Ref":"AWS::Partition"}}]}},
		"Mine":{"Type":"AWS::SQS::Queue","Condition":"Own"},"Theirs":{"Type":"AWS::SQS::Queue","Condition":"Other"}`)
	if err != nil {
		t.Fatal(err)
	}
	const topic, letters = "arn:aws:sns:us-east-1:111122223333:tv-Topic-x", "arn:aws:sqs:us-east-1:111122223333:tv-Letters-x"
	p := s.Resources["Q"].Properties
	for name, want := range map[string]string{
		"a": topic, "b": "https://sqs.us-east-1.amazonaws.com/111122223333/tv-Letters-x", "c": letters, "d": "x-us-east-1-value",
		"h": "arn:aws:sqs:us-east-1:111122223333:theirs", "e": "111122223333/" + topic + "/" + letters,
	} {
		if p[name] != want {
			t.Errorf("%s is %v, want %s", name, p[name], want)
		}
	}
	if _, there := p["f"]; there {
		t.Error("what has no value is there")
	}
	if s.Resources["Mine"] == nil || s.Resources["Theirs"] != nil {
		t.Error("conditions decide otherwise")
	}
}

// TestWhatIsNotUnderstoodIsNamed keeps a template from being read as if
// something in it were not there.
func TestWhatIsNotUnderstoodIsNamed(t *testing.T) {
	for name, tt := range map[string]struct{ resources, want string }{
		"a function":         {`,"Q":{"Type":"AWS::SQS::Queue","Properties":{"a":{"Fn::FindInMap":"x"}}}`, "Q: Fn::FindInMap of x is not understood"},
		"a missing one":      {`,"Q":{"Type":"AWS::SQS::Queue","Properties":{"a":{"Ref":"Nobody"}}}`, "Q: there is no Nobody"},
		"an attribute":       {`,"Q":{"Type":"AWS::SQS::Queue","Properties":{"a":{"Fn::GetAtt":["Topic","Owner"]}}}`, "the attribute Owner of a AWS::SNS::Topic"},
		"a condition":        {`,"Q":{"Type":"AWS::SQS::Queue","Condition":"Nowhere"}`, "condition Nowhere"},
		"a type":             {`,"P":{"Type":"AWS::Pipes::Pipe","Properties":{}}`, "P: resources of the type AWS::Pipes::Pipe are not understood"},
		"a property":         {`,"Q":{"Type":"AWS::SQS::Queue","Properties":{"FifoQueue":true}}`, "Q: the property FifoQueue of a AWS::SQS::Queue is not understood"},
		"quiet: all of it":   {`,"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"Anything":1}}`, ""},
		"quiet: a known one": {`,"Q":{"Type":"AWS::SQS::Queue","Properties":{"VisibilityTimeout":30}}`, ""},
	} {
		s, err := parsed(t, tt.resources)
		if err == nil {
			err = s.check()
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestWritesOfATransactionNeedTheirOwnPermissions(t *testing.T) {
	got, err := readTable("TransactWriteItems", []byte(`{"TransactItems":[{"Put":{"TableName":"a"}},{"Update":{"TableName":"a"}},{"ConditionCheck":{"TableName":"b"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, r := range got {
		text = append(text, r.action+" "+r.resource[strings.LastIndexByte(r.resource, '/')+1:])
	}
	if want := "dynamodb:PutItem a, dynamodb:UpdateItem a, dynamodb:ConditionCheckItem b"; strings.Join(text, ", ") != want {
		t.Errorf("it needs %v, want %s", text, want)
	}
	if _, err := readTable("ListTables", []byte(`{}`)); err == nil {
		t.Error("a call that names no table is understood")
	}
}

func TestLogFiltersTakeAnyOfTheirTerms(t *testing.T) {
	f, err := newFilter(&resource{Properties: map[string]any{"FilterPattern": `?"ExpiredToken" ?"Access Key Id"`}})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{"an ExpiredToken came": true, "the Access Key Id is bad": true, "Access Key": false} {
		if f.takes(line) != want {
			t.Errorf("%q is taken: %t", line, !want)
		}
	}
	if _, err := newFilter(&resource{Properties: map[string]any{"FilterPattern": `{ $.error = "x" }`}}); err == nil {
		t.Error("a pattern of another kind is understood")
	}
}
