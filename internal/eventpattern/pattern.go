package eventpattern

import (
	"errors"
	"fmt"
	"slices"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// Pattern is a pattern that has been found to be valid.
type Pattern struct {
	branches []branch
}

// branch is one way to match: all of its fields must hold. A pattern without
// $or has one.
type branch []field

// field is the condition on the values at one path.
type field struct {
	path     string
	anyOf    []test // one of them must hold of a value
	orAbsent bool   // or there is no value
}

// Parse reads a pattern and refuses what EventBridge refuses. The error names
// the path of what is wrong.
func Parse(pattern []byte) (*Pattern, error) {
	v, err := jsonscan.Parse(pattern)
	if err != nil {
		return nil, fmt.Errorf("parse pattern: %w", err)
	}
	branches, err := expand([]branch{nil}, "", v)
	if err != nil {
		return nil, fmt.Errorf("parse pattern: %w", err)
	}
	for _, b := range branches {
		slices.SortFunc(b, byPath)
	}
	return &Pattern{branches}, nil
}

// maxBranches is how many combinations of $or EventBridge accepts.
const maxBranches = 1000

// expand adds the conditions of a pattern's object to each branch, in the order
// in which they are written: a later condition on a path takes the place of an
// earlier one, and $or makes of each branch as many as it has alternatives.
func expand(branches []branch, path string, object jsonscan.Value) ([]branch, error) {
	if object.Kind() != jsonscan.Object {
		return nil, at(path, "want an object")
	}
	empty := true
	var err error
	object.Members(func(name string, v jsonscan.Value) bool {
		empty = false
		branches, err = expandMember(branches, path, name, v)
		return err == nil
	})
	if empty {
		return nil, at(path, "an empty object matches nothing")
	}
	return branches, err
}

func expandMember(branches []branch, path, name string, v jsonscan.Value) ([]branch, error) {
	if alternatives := orOf(name, v); alternatives != nil {
		return expandOr(branches, path, alternatives)
	}
	path = join(path, name)
	switch v.Kind() {
	case jsonscan.Object:
		return expand(branches, path, v)
	case jsonscan.Array:
		f, err := parseField(path, v)
		if err != nil {
			return nil, err
		}
		for i := range branches {
			branches[i] = branches[i].with(f)
		}
		return branches, nil
	}
	return nil, at(path, "want a list or an object")
}

func expandOr(branches []branch, path string, alternatives []jsonscan.Value) ([]branch, error) {
	var out []branch
	for _, alternative := range alternatives {
		copies := make([]branch, len(branches))
		for i, b := range branches {
			copies[i] = slices.Clone(b)
		}
		more, err := expand(copies, path, alternative)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(out) > maxBranches {
		return nil, at(path, "more than 1000 combinations of $or")
	}
	return out, nil
}

// orOf returns the alternatives of $or, or nil if the name has no special
// meaning here: AWS takes it for an ordinary field unless it holds two or more
// objects, none of which is an operator.
func orOf(name string, v jsonscan.Value) []jsonscan.Value {
	if name != "$or" || v.Kind() != jsonscan.Array {
		return nil
	}
	var list []jsonscan.Value
	special := true
	v.Elements(func(_ int, e jsonscan.Value) bool {
		list = append(list, e)
		members := 0
		e.Members(func(name string, _ jsonscan.Value) bool {
			members++
			special = special && !isOperator(name)
			return true
		})
		special = special && members > 0
		return special
	})
	if !special || len(list) < 2 {
		return nil
	}
	return list
}

func (b branch) with(f field) branch {
	if i := slices.IndexFunc(b, func(have field) bool { return have.path == f.path }); i >= 0 {
		b[i] = f
		return b
	}
	return append(b, f)
}

func parseField(path string, list jsonscan.Value) (field, error) {
	f := field{path: path}
	var err error
	list.Elements(func(_ int, v jsonscan.Value) bool {
		if exists := v.Get("exists"); exists.Raw() != nil && string(exists.Raw()) == "false" && members(v) == 1 {
			f.orAbsent = true
			return true
		}
		var t test
		if t, err = parseTest(v); err != nil {
			err = at(path, err.Error())
			return false
		}
		f.anyOf = append(f.anyOf, t)
		return true
	})
	if err == nil && len(f.anyOf) == 0 && !f.orAbsent {
		err = at(path, "an empty list matches nothing")
	}
	return f, err
}

func members(v jsonscan.Value) int {
	n := 0
	v.Members(func(string, jsonscan.Value) bool { n++; return true })
	return n
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func at(path, what string) error {
	if path == "" {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %s", path, what)
}
