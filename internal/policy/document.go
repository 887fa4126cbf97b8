package policy

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// IAM's largest quota is 10,240 characters without white space. maxDocument
// leaves room for pretty-printing and URL encoding, maxCompact for a larger
// quota; what is longer was never accepted by IAM.
const (
	maxDocument = 64 << 10
	maxCompact  = 16 << 10
)

// maxNesting is how many times a document may be a JSON string that holds the
// document. Rewritten records quote it a second time.
const maxNesting = 3

// Document is an IAM policy.
type Document struct {
	Statements []Statement
}

// Statement is one statement of a policy, with every list resolved to a list
// and every name in its usual case.
type Statement struct {
	incident.TrustStatement

	// Resources is what the statement is about; NotResource is kept as "!" +
	// resource. It is empty in a trust policy.
	Resources []string
}

// Parse reads a policy document as CloudTrail hands it over: plain or
// URL-encoded, on one line or many, with lists or single values. Errors say
// where the document is broken, but never quote it.
func Parse(document string) (Document, error) {
	if len(document) > maxDocument {
		return Document{}, fmt.Errorf("read policy document: longer than %d bytes", maxDocument)
	}
	root, err := scan(document)
	if err != nil {
		return Document{}, fmt.Errorf("read policy document: %w", err)
	}
	d, err := readDocument(root)
	if err != nil {
		return Document{}, fmt.Errorf("read policy document: %w", err)
	}
	return d, nil
}

// scan finds the JSON object in document, whatever it is wrapped in.
func scan(document string) (jsonscan.Value, error) {
	text := document
	for range maxNesting {
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
		v, err := scanEncoded(text)
		if err != nil {
			return jsonscan.Value{}, err
		}
		if v.Kind() != jsonscan.String {
			return v, nil
		}
		text = v.Str()
	}
	return jsonscan.Value{}, errors.New("quoted too many times")
}

// scanEncoded reads text as JSON or as URL-encoded JSON. IAM encodes a space
// as %20, others as a plus sign; a plus sign itself is %2B for both.
func scanEncoded(text string) (jsonscan.Value, error) {
	v, err := jsonscan.Parse([]byte(text))
	if err == nil || !strings.Contains(text, "%") {
		return v, err
	}
	plain, decodeErr := url.QueryUnescape(text)
	if decodeErr != nil {
		return v, err
	}
	return jsonscan.Parse([]byte(strings.TrimPrefix(plain, "\ufeff")))
}

func readDocument(root jsonscan.Value) (Document, error) {
	if root.Kind() != jsonscan.Object {
		return Document{}, errors.New("not an object")
	}
	if len(root.Canonical()) > maxCompact {
		return Document{}, fmt.Errorf("longer than %d bytes without white space", maxCompact)
	}
	list := member(root, "Statement")
	if list.Kind() != jsonscan.Array && list.Kind() != jsonscan.Object {
		return Document{}, errors.New("no statement")
	}
	var d Document
	var err error
	list.Elements(func(i int, v jsonscan.Value) bool {
		var s Statement
		if s, err = readStatement(v); err != nil {
			err = fmt.Errorf("statement %d: %w", i+1, err)
			return false
		}
		d.Statements = append(d.Statements, s)
		return true
	})
	if err != nil {
		return Document{}, err
	}
	return d, nil
}

func readStatement(v jsonscan.Value) (Statement, error) {
	var s Statement
	if v.Kind() != jsonscan.Object {
		return s, errors.New("not an object")
	}
	var err error
	if s.Deny, err = readEffect(member(v, "Effect")); err != nil {
		return s, err
	}
	if s.Principals, err = readPrincipals(member(v, "Principal")); err != nil {
		return s, fmt.Errorf("principal: %w", err)
	}
	if not := member(v, "NotPrincipal"); not.Kind() != jsonscan.Missing {
		s.NotPrincipal = true
		if s.Principals, err = readPrincipals(not); err != nil {
			return s, fmt.Errorf("not principal: %w", err)
		}
	}
	if s.Actions, err = readEither(v, "Action", usualAction); err != nil {
		return s, err
	}
	if s.Resources, err = readEither(v, "Resource", asWritten); err != nil {
		return s, err
	}
	if s.Conditions, err = readConditions(member(v, "Condition")); err != nil {
		return s, fmt.Errorf("condition: %w", err)
	}
	return s, nil
}

func readEffect(v jsonscan.Value) (deny bool, err error) {
	switch effect := strings.TrimSpace(v.Str()); {
	case strings.EqualFold(effect, "Allow"):
		return false, nil
	case strings.EqualFold(effect, "Deny"):
		return true, nil
	}
	return false, errors.New("effect is neither allow nor deny")
}

// readEither reads the list under name and the one under "Not" + name, whose
// items it marks with "!".
func readEither(v jsonscan.Value, name string, usual func(string) string) ([]string, error) {
	items, err := readStrings(member(v, name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToLower(name), err)
	}
	exempt, err := readStrings(member(v, "Not"+name))
	if err != nil {
		return nil, fmt.Errorf("not %s: %w", strings.ToLower(name), err)
	}
	var list []string
	for _, item := range items {
		list = append(list, usual(item))
	}
	for _, item := range exempt {
		list = append(list, "!"+usual(item))
	}
	return list, nil
}

func readPrincipals(v jsonscan.Value) ([]incident.TrustPrincipal, error) {
	if v.Kind() != jsonscan.Object {
		names, err := readStrings(v)
		if err != nil {
			return nil, err
		}
		var list []incident.TrustPrincipal
		for _, name := range names {
			list = append(list, barePrincipal(name))
		}
		return list, nil
	}
	var list []incident.TrustPrincipal
	var err error
	v.Members(func(key string, v jsonscan.Value) bool {
		var names []string
		names, err = readStrings(v)
		for _, name := range names {
			list = append(list, incident.TrustPrincipal{Type: usualPrincipalType(key), Value: name})
		}
		return err == nil
	})
	return list, err
}

// barePrincipal is a principal without a type. IAM knows only "*"; anything
// else can only have been meant as an AWS principal.
func barePrincipal(name string) incident.TrustPrincipal {
	if name == "*" {
		return incident.TrustPrincipal{Type: "*", Value: "*"}
	}
	return incident.TrustPrincipal{Type: "AWS", Value: name}
}

func readConditions(v jsonscan.Value) ([]incident.Condition, error) {
	if v.Kind() == jsonscan.Missing || v.Kind() == jsonscan.Null {
		return nil, nil
	}
	if v.Kind() != jsonscan.Object {
		return nil, errors.New("not an object")
	}
	var list []incident.Condition
	var err error
	v.Members(func(operator string, keys jsonscan.Value) bool {
		if keys.Kind() != jsonscan.Object {
			err = errors.New("operator without keys")
			return false
		}
		keys.Members(func(key string, v jsonscan.Value) bool {
			var values []string
			values, err = readStrings(v)
			list = append(list, incident.Condition{
				Operator: strings.TrimSpace(operator),
				Key:      strings.ToLower(strings.TrimSpace(key)),
				Values:   values,
			})
			return err == nil
		})
		return err == nil
	})
	return list, err
}

// readStrings reads a string, a number, a boolean, or a list of these.
func readStrings(v jsonscan.Value) ([]string, error) {
	var list []string
	var err error
	v.Elements(func(_ int, e jsonscan.Value) bool {
		switch e.Kind() {
		case jsonscan.String:
			list = append(list, strings.TrimSpace(e.Str()))
		case jsonscan.Number, jsonscan.Bool:
			list = append(list, string(e.Raw()))
		case jsonscan.Null:
		default:
			err = errors.New("neither a string nor a list of strings")
		}
		return err == nil
	})
	return list, err
}

// member is the last member of v with that name in any case.
func member(v jsonscan.Value, name string) jsonscan.Value {
	var found jsonscan.Value
	v.Members(func(key string, v jsonscan.Value) bool {
		if strings.EqualFold(strings.TrimSpace(key), name) {
			found = v
		}
		return true
	})
	return found
}
