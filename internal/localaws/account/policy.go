package account

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// request is something that somebody wants to do.
type request struct {
	who      string // a role's ARN, or a service such as events.amazonaws.com
	action   string
	resource string
	source   string // ARN of what a service acts for
}

func (r request) String() string {
	text := fmt.Sprintf("%s may not %s on %s", r.who, r.action, r.resource)
	if r.source != "" {
		text += " for " + r.source
	}
	return text
}

// statement is one of a policy's.
type statement struct {
	Effect    string
	Principal any
	Action    any
	Resource  any
	Condition map[string]map[string]any
}

type document struct{ Statement []statement }

// policies are those of identities and of resources, by their ARNs.
type policies struct {
	identity, resource map[string][]statement
	keys               map[string]string // the key that a resource is encrypted with
}

// awsKey is AWS's own key for SNS, which no service can use.
const awsKey = "alias/aws/sns"

// allows reports whether the policies let somebody do something, with the key
// that it takes.
func (p policies) allows(r request) bool {
	return p.permits(r) && p.allowsKey(r)
}

func (p policies) permits(r request) bool {
	lists := [][]statement{p.identity[r.who], p.resource[owner(r.resource)]}
	allowed := false
	for n, list := range lists {
		for _, s := range list {
			if !s.covers(r) || n == 1 && !s.isFor(r.who) {
				continue
			}
			if s.Effect == "Deny" {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// allowsKey asks for what a caller needs of a resource's key. DynamoDB uses a
// table's key itself.
func (p policies) allowsKey(r request) bool {
	key := p.keys[owner(r.resource)]
	role := strings.HasPrefix(r.who, "arn:")
	switch {
	case key == "" || strings.HasPrefix(r.action, "dynamodb:"):
		return true
	case key == awsKey:
		return role
	}
	need := []string{"kms:Decrypt", "kms:GenerateDataKey"}
	return !slices.ContainsFunc(need, func(action string) bool {
		return !p.permits(request{who: r.who, action: action, resource: key, source: r.source})
	})
}

// owner is the resource that a policy is attached to: a bucket for its objects.
func owner(arn string) string {
	if strings.HasPrefix(arn, "arn:aws:s3:::") {
		bucket, _, _ := strings.Cut(arn, "/")
		return bucket
	}
	return arn
}

func (s statement) covers(r request) bool {
	return matchesAny(texts(s.Action), r.action, true) && s.isAbout(r.resource) && s.conditionsHold(r)
}

// isAbout: a key's policy says * for the key itself.
func (s statement) isAbout(resource string) bool {
	return matchesAny(texts(s.Resource), resource, false)
}

// isFor reports whether a resource's policy is about somebody. The account's
// root stands for nobody: it lets identities' own policies decide.
func (s statement) isFor(who string) bool {
	if s.Principal == "*" {
		return true
	}
	principals, _ := s.Principal.(map[string]any)
	return slices.Contains(texts(principals["AWS"]), "*") || slices.Contains(texts(principals["Service"]), who)
}

// conditionsHold compares what is asked for. The call itself is encrypted.
func (s statement) conditionsHold(r request) bool {
	facts := map[string]string{"aws:securetransport": "true", "s3:tlsversion": "1.3"}
	if r.source != "" {
		facts["aws:sourcearn"], facts["aws:sourceaccount"] = r.source, accountID
	}
	for operator, tests := range s.Condition {
		for key, want := range tests {
			have, known := facts[strings.ToLower(key)]
			if !known || !slices.ContainsFunc(texts(want), func(w string) bool { return operators[operator](have, w) }) {
				return false
			}
		}
	}
	return true
}

// operators are the conditions that are understood.
var operators = map[string]func(have, want string) bool{
	"StringEquals":    func(have, want string) bool { return have == want },
	"Bool":            strings.EqualFold,
	"ArnLike":         func(have, want string) bool { return like(have, want) },
	"NumericLessThan": numericLess,
}

func numericLess(have, want string) bool {
	h, err := strconv.ParseFloat(have, 64)
	w, err2 := strconv.ParseFloat(want, 64)
	return err == nil && err2 == nil && h < w
}

func matchesAny(patterns []string, text string, fold bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if fold {
			return like(strings.ToLower(text), strings.ToLower(p))
		}
		return like(text, p)
	})
}

// like matches a pattern with stars.
func like(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return text == pattern
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return strings.HasSuffix(text, last)
}

// statements reads a policy, and refuses conditions that are not understood.
func statements(policy any) ([]statement, error) {
	var d document
	if err := decode(policy, &d); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	var errs []error
	for _, s := range d.Statement {
		for operator := range s.Condition {
			if operators[operator] == nil {
				errs = append(errs, fmt.Errorf("the condition %s is not understood", operator))
			}
		}
		if s.Effect != "Allow" && s.Effect != "Deny" || s.Action == nil || s.Resource == nil {
			errs = append(errs, fmt.Errorf("a statement with effect %q, action %v and resource %v is not understood", s.Effect, s.Action, s.Resource))
		}
	}
	return d.Statement, errors.Join(errs...)
}
