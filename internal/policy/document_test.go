package policy

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

func TestParseReadsEveryForm(t *testing.T) {
	const plain = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"a+b c%"}}}]}`
	want := Document{Statements: []Statement{{TrustStatement: incident.TrustStatement{
		Principals: []incident.TrustPrincipal{{Type: "AWS", Value: "arn:aws:iam::111122223333:root"}},
		Actions:    []string{"sts:AssumeRole"},
		Conditions: []incident.Condition{{Operator: "StringEquals", Key: "sts:externalid", Values: []string{"a+b c%"}}},
	}}}}
	pretty := strings.NewReplacer(",", " ,\n\t", "{", "{\r\n ", "[", "[ ").Replace(plain)
	for name, document := range map[string]string{
		"plain":                      plain,
		"pretty-printed":             pretty,
		"with a byte order mark":     "\ufeff" + plain,
		"with white space around":    "\n " + plain + " \t",
		"URL-encoded":                strings.ReplaceAll(url.QueryEscape(plain), "+", "%20"),
		"URL-encoded, query style":   url.QueryEscape(plain),
		"URL-encoded in lower case":  strings.NewReplacer("%7B", "%7b", "%3A", "%3a").Replace(url.QueryEscape(plain)),
		"quoted":                     strconv.Quote(plain),
		"quoted and encoded":         strconv.Quote(url.QueryEscape(plain)),
		"one statement for a list":   strings.NewReplacer("[{", "{", "}]", "}").Replace(plain),
		"lists for strings":          strings.NewReplacer(`"sts:AssumeRole"`, `["sts:AssumeRole"]`, `"arn:aws:iam::111122223333:root"`, `["arn:aws:iam::111122223333:root"]`, `"a+b c%"`, `["a+b c%"]`).Replace(plain),
		"names in lower case":        strings.NewReplacer("Statement", "statement", "Effect", "effect", "Allow", "allow", "Principal", "principal", "AWS", "aws", "Action", "action", "AssumeRole", "assumerole", "ExternalId", "externalid").Replace(plain),
		"the last of two statements": `{"Statement":[],` + plain[1:],
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(document)
			if err != nil {
				t.Fatalf("Parse(%s): %v", document, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse(%s) (-want +got):\n%s", document, diff)
			}
		})
	}
}

func TestParseReadsEveryElement(t *testing.T) {
	got, err := Parse(`{"Id":7,"Statement":[
		{"Sid":"a","Effect":"Deny","NotPrincipal":{"aws":["1","2"],"service":"ec2.amazonaws.com","x":"y"},"NotAction":["IAM:PassRole","odd"],"NotResource":"*"},
		{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["a","b"],
		 "Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"aws:MultiFactorAuthAge":[300,null,1.5]},"Null":{"k":"true"}}},
		{"Effect":"Allow","Principal":["*","me"],"Action":"STS:tagsession","Condition":null}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := Document{Statements: []Statement{
		{TrustStatement: incident.TrustStatement{
			Deny: true, NotPrincipal: true,
			Principals: []incident.TrustPrincipal{{Type: "AWS", Value: "1"}, {Type: "AWS", Value: "2"}, {Type: "Service", Value: "ec2.amazonaws.com"}, {Type: "x", Value: "y"}},
			Actions:    []string{"!iam:PassRole", "!odd"},
		}, Resources: []string{"!*"}},
		{TrustStatement: incident.TrustStatement{
			Principals: []incident.TrustPrincipal{{Type: "*", Value: "*"}},
			Actions:    []string{"s3:GetObject"},
			Conditions: []incident.Condition{
				{Operator: "Bool", Key: "aws:securetransport", Values: []string{"true"}},
				{Operator: "NumericLessThan", Key: "aws:multifactorauthage", Values: []string{"300", "1.5"}},
				{Operator: "Null", Key: "k", Values: []string{"true"}},
			},
		}, Resources: []string{"a", "b"}},
		{TrustStatement: incident.TrustStatement{
			Principals: []incident.TrustPrincipal{{Type: "*", Value: "*"}, {Type: "AWS", Value: "me"}},
			Actions:    []string{"sts:TagSession"},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse() (-want +got):\n%s", diff)
	}
}

func TestParseSaysWhereItStopped(t *testing.T) {
	const secret = "hunter2"
	for document, want := range map[string]string{
		"":                                 "",
		"   ":                              "",
		secret:                             "",
		`{"Statement":[` + secret:          "",
		"%7B%22" + secret:                  "",
		"%zz":                              "",
		`"\"\\\"{}\\\"\""`:                 "quoted too many times",
		`[]`:                               "not an object",
		`null`:                             "not an object",
		`{}`:                               "no statement",
		`{"Statement":"` + secret + `"}`:   "no statement",
		`{"Statement":["` + secret + `"]}`: "statement 1: not an object",
		`{"Statement":[{"Effect":"` + secret + `"}]}`:                                         "statement 1: effect is neither allow nor deny",
		`{"Statement":[{"Effect":"Allow"},{"Action":"*"}]}`:                                   "statement 2: effect is neither allow nor deny",
		`{"Statement":[{"Effect":"Allow","Action":{"` + secret + `":1}}]}`:                    "statement 1: action: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","NotAction":[[1]]}]}`:                                "statement 1: not action: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","Resource":[{}]}]}`:                                  "statement 1: resource: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":{}}}]}`:                           "statement 1: principal: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","NotPrincipal":[{}]}]}`:                              "statement 1: not principal: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","Condition":"` + secret + `"}]}`:                     "statement 1: condition: not an object",
		`{"Statement":[{"Effect":"Allow","Condition":{"Bool":1}}]}`:                           "statement 1: condition: operator without keys",
		`{"Statement":[{"Effect":"Allow","Condition":{"Bool":{"k":{}}}}]}`:                    "statement 1: condition: neither a string nor a list of strings",
		`{"Statement":[{"Effect":"Allow","Sid":"` + strings.Repeat("x", maxDocument) + `"}]}`: "longer than 65536 bytes",
		strings.Repeat("[", 100) + strings.Repeat("]", 100):                                   "not an object",
	} {
		d, err := Parse(document)
		if err == nil {
			t.Errorf("Parse(%.80q) = %v, want an error", document, d)
			continue
		}
		if len(d.Statements) > 0 {
			t.Errorf("Parse(%.80q) gives statements besides its error", document)
		}
		if !strings.HasPrefix(err.Error(), "read policy document: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Parse(%.80q): %q, want it to end in %q", document, err, want)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("Parse(%.80q) quotes the document: %q", document, err)
		}
		if got := Trust(document); !got.Unreadable || len(got.Statements) > 0 {
			t.Errorf("Trust(%.80q) = %+v, want it unreadable", document, got)
		}
	}
}

func TestTrustKeepsTheOrderOfStatements(t *testing.T) {
	p := Trust(doc(deny(everybody), allow(ownRoot), allow(ec2)))
	if p.Unreadable || len(p.Statements) != 3 {
		t.Fatalf("Trust() = %+v", p)
	}
	if !p.Statements[0].Deny || p.Statements[1].Principals[0].Type != "AWS" || p.Statements[2].Principals[0].Type != "Service" {
		t.Errorf("Trust() = %+v, out of order", p)
	}
}
