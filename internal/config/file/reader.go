package file

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A reader walks the nodes of one file and gathers its problems.
type reader struct {
	file     string
	problems Problems
	// places are where keys and elements stand, by their path.
	places map[string]*token.Token
}

// A key is one key of a mapping and what to do with its value.
type key struct {
	name string
	read func(path string, n ast.Node)
}

// mapping reads a mapping of the given keys, of which the first few are
// required. It reports which of them were there.
func (r *reader) mapping(path string, n ast.Node, required int, keys []key) map[string]*token.Token {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.expected(path, n, "a mapping with "+quoteList(namesOf(keys)))
		return nil
	}
	seen := map[string]*token.Token{}
	for _, v := range m.Values {
		name, ok := r.keyOf(path, v)
		if !ok {
			continue
		}
		at := v.Key.GetToken()
		if first := seen[name]; first != nil {
			r.reportAt(at, path, "key %s is given twice; the first is on line %d", name, first.Position.Line)
			continue
		}
		seen[name] = at
		r.places[join(path, name)] = at
		k := find(keys, name)
		if k == nil {
			r.reportAt(at, path, "unknown key %s%s", shown(name), suggest(name, namesOf(keys)))
			continue
		}
		if v.Value == nil || v.Value.Type() == ast.NullType {
			r.reportAt(at, path, "key %s has no value; give it one or remove it", name)
		} else if r.isPlain(join(path, name), v.Value) {
			k.read(join(path, name), v.Value)
		}
	}
	for _, k := range keys[:required] {
		if seen[k.name] == nil {
			r.reportAt(start(m), path, "key %s is missing", k.name)
		}
	}
	return seen
}

// keyOf is a key as written, if it is a plain word.
func (r *reader) keyOf(path string, v *ast.MappingValueNode) (string, bool) {
	switch k := v.Key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MergeKeyNode:
		r.reportAt(k.GetToken(), path, "merge keys (<<) are not supported; write the keys out")
		return "", false
	}
	r.reportAt(v.Key.GetToken(), path, "expected a plain word as a key")
	return "", false
}

// isPlain reports a value that stands for another or changes its own type.
func (r *reader) isPlain(path string, n ast.Node) bool {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		r.reportAt(n.GetToken(), path, "anchors and aliases are not supported; write the value out")
		return false
	case *ast.TagNode:
		r.reportAt(n.GetToken(), path, "tags are not supported; write the value without one")
		return false
	}
	return true
}

// items reads a list by reading each of its elements.
func (r *reader) items(path string, n ast.Node, read func(path string, n ast.Node)) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.expected(path, n, "a list")
		return
	}
	for i, v := range s.Values {
		if path := fmt.Sprintf("%s[%d]", path, i); r.isPlain(path, v) {
			r.places[path] = start(v)
			read(path, v)
		}
	}
}

// into makes a reader of a value into one that stores it.
func into[T any](dst *T, read func(path string, n ast.Node) (T, bool)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		if v, ok := read(path, n); ok {
			*dst = v
		}
	}
}

// listOf makes a reader of an element into one that stores a list of them, in
// which no value stands twice.
func listOf[T comparable](r *reader, dst *[]T, read func(path string, n ast.Node) (T, bool)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		lines := map[T]int{}
		r.items(path, n, func(path string, n ast.Node) {
			v, ok := read(path, n)
			if !ok {
				return
			}
			if line := lines[v]; line > 0 {
				r.reportAt(n.GetToken(), path, "the same value stands on line %d", line)
				return
			}
			lines[v] = n.GetToken().Position.Line
			*dst = append(*dst, v)
		})
	}
}

// oneOrMore is listOf for keys whose value may also be a single element.
func oneOrMore[T comparable](r *reader, dst *[]T, read func(path string, n ast.Node) (T, bool)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		if s, ok := n.(*ast.SequenceNode); ok {
			if len(s.Values) == 0 {
				r.reportAt(n.GetToken(), path, "the list is empty and so matches nothing; leave the key out to match everything")
			}
			listOf(r, dst, read)(path, n)
			return
		}
		if v, ok := read(path, n); ok {
			*dst = []T{v}
		}
	}
}

// text reads a string. A word that YAML takes for a number or a truth value has
// to be quoted.
func (r *reader) text(path string, n ast.Node, what string) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(s.Value.Value, "\n"), true
	case *ast.NullNode, *ast.MappingNode, *ast.SequenceNode:
		r.expected(path, n, what)
	default:
		r.expected(path, n, what+", in quotes")
	}
	return "", false
}

// word reads a string that must be one of a few.
func word[T ~string](r *reader, words []string) func(path string, n ast.Node) (T, bool) {
	return func(path string, n ast.Node) (T, bool) {
		s, ok := r.text(path, n, "one of "+strings.Join(words, ", "))
		if !ok {
			return "", false
		}
		for _, w := range words {
			if s == w {
				return T(s), true
			}
		}
		r.reportAt(n.GetToken(), path, "expected one of %s, got %s%s", strings.Join(words, ", "), shown(s), suggest(s, words))
		return "", false
	}
}

// expected reports a value of the wrong kind.
func (r *reader) expected(path string, n ast.Node, what string) {
	r.reportAt(start(n), path, "expected %s, got %s", what, kindOf(n))
}

// start is the first token of a node. A mapping's own token is its first colon.
func start(n ast.Node) *token.Token {
	m, ok := n.(*ast.MappingNode)
	if !ok || m.IsFlowStyle || len(m.Values) == 0 {
		return n.GetToken()
	}
	return m.Values[0].Key.GetToken()
}

func kindOf(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "the number " + shown(n.GetToken().Value)
	case ast.BoolType:
		return n.GetToken().Value
	case ast.NullType:
		return "nothing"
	case ast.StringType, ast.LiteralType:
		return "text"
	}
	return "something else"
}

// shown is a value as an error message shows it: short.
func shown(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func find(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func namesOf(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

func quoteList(names []string) string {
	if len(names) == 1 {
		return "the key " + names[0]
	}
	return "the keys " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
