package eventpattern

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// leaf is a value of an event that is neither object nor array, with its place
// in the arrays around it.
type leaf struct {
	value jsonscan.Value
	place place
}

// place says for each array on the way to a value, named by the way to it,
// which element the way goes through. Values of two elements of one array
// cannot match together.
type place map[string]int

// Matches reports whether the pattern takes the event.
func (p *Pattern) Matches(event []byte) (bool, error) {
	v, err := jsonscan.Parse(event)
	if err != nil {
		return false, fmt.Errorf("match event: %w", err)
	}
	leaves := map[string][]leaf{}
	flatten(leaves, "", "", nil, v)
	for _, b := range p.branches {
		if b.matches(leaves, nil) {
			return true, nil
		}
	}
	return false, nil
}

// flatten lists the values of v by their path. The path has no positions of
// arrays in it; the way has, and tells arrays apart.
func flatten(leaves map[string][]leaf, path, way string, in place, v jsonscan.Value) {
	switch v.Kind() {
	case jsonscan.Object:
		v.Members(func(name string, m jsonscan.Value) bool {
			flatten(leaves, join(path, name), join(way, name), in, m)
			return true
		})
	case jsonscan.Array:
		v.Elements(func(i int, e jsonscan.Value) bool {
			inner := in
			if k := e.Kind(); k == jsonscan.Object || k == jsonscan.Array {
				inner = in.through(way, i)
			}
			flatten(leaves, path, way+"["+strconv.Itoa(i)+"]", inner, e)
			return true
		})
	default:
		leaves[path] = append(leaves[path], leaf{v, in})
	}
}

func (p place) through(array string, i int) place {
	out := maps.Clone(p)
	if out == nil {
		out = place{}
	}
	out[array] = i
	return out
}

// with joins two places, unless they go through different elements of an array.
func (p place) with(q place) (place, bool) {
	out := maps.Clone(p)
	for array, i := range q {
		if have, ok := p[array]; ok && have != i {
			return nil, false
		}
		if out == nil {
			out = place{}
		}
		out[array] = i
	}
	return out, true
}

// matches tries to find values for all fields that can stand together with
// those in the place found so far. Fields are taken in the order of their
// paths, as AWS's matcher does: what is absent is looked for among the elements
// that are left at that point.
func (b branch) matches(leaves map[string][]leaf, in place) bool {
	if len(b) == 0 {
		return true
	}
	f, rest := b[0], b[1:]
	absent := true
	for _, l := range leaves[f.path] {
		together, ok := in.with(l.place)
		if !ok {
			continue
		}
		absent = false
		for _, holds := range f.anyOf {
			if holds(l.value) && rest.matches(leaves, together) {
				return true
			}
		}
	}
	return absent && f.orAbsent && rest.matches(leaves, in)
}

func byPath(a, b field) int { return cmp.Compare(a.path, b.path) }
