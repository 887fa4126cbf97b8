package cost

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Stack is a CloudFormation template as far as its parts cost something.
type Stack struct {
	Name      string
	resources map[string]resource
}

type resource struct {
	Type       string
	Properties map[string]any
}

// Read reads a template in JSON. The name is what the bill calls it.
func Read(name string, text []byte) (Stack, error) {
	var t struct{ Resources map[string]resource }
	if err := json.Unmarshal(text, &t); err != nil {
		return Stack{}, fmt.Errorf("read template %s: %w", name, err)
	}
	if len(t.Resources) == 0 {
		return Stack{}, fmt.Errorf("read template %s: it has no Resources: is it a CloudFormation template in JSON?", name)
	}
	return Stack{Name: name, resources: t.Resources}, nil
}

// ids are the logical ids of the resources of a type, or of all, in order.
func (s Stack) ids(kind string) []string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(s.resources)) {
		if kind == "" || s.resources[id].Type == kind {
			list = append(list, id)
		}
	}
	return list
}

// title is a logical id without the hash that the CDK puts behind it.
func title(id string) string {
	const hash = 8
	if n := len(id) - hash; n > 0 && strings.Trim(id[n:], "0123456789ABCDEF") == "" {
		return id[:n]
	}
	return id
}

// get is a property inside others; nil if it is not there.
func get(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (r resource) get(path ...string) any { return get(r.Properties, path...) }

// number is a property that is a number, or what holds without it.
func (r resource) number(otherwise float64, path ...string) float64 {
	if n, ok := r.get(path...).(float64); ok {
		return n
	}
	return otherwise
}

func list(v any) []any { l, _ := v.([]any); return l }

// names reports whether a value names a resource of its stack, at any depth.
func names(v any, id string) bool {
	switch v := v.(type) {
	case map[string]any:
		if v["Ref"] == id {
			return true
		}
		if att := list(v["Fn::GetAtt"]); len(att) > 0 && att[0] == id {
			return true
		}
		for _, inner := range v {
			if names(inner, id) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return names(inner, id) })
	}
	return false
}

// says reports whether a text stands in a value, at any depth.
func says(v any, text string) bool {
	b, err := json.Marshal(v)
	return err == nil && strings.Contains(string(b), text)
}
