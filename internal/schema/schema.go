// Package schema holds the JSON Schemas of everything that is published as JSON,
// and of what programs report, but for the configuration's, which is package
// config's.
//
// Each is named as the value of the member schema is: that of
// trailverdict.check/v1 is check. What programs report has no such member. It promises that a schema stands alone, so that
// a validator needs no network. That what is written keeps to them is for the
// tests of those who write it, by package schematest.
package schema

import (
	"embed"
	"regexp"
	"slices"
	"strings"
)

//go:embed *.schema.json
var files embed.FS

const ending = ".schema.json"

// Names are the names of all schemas, sorted.
func Names() []string {
	entries, _ := files.ReadDir(".") // it was there when the program was built
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ending))
	}
	slices.Sort(names)
	return names
}

// Of returns the schema of a name, or nothing if there is none. Others that it
// refers to are among its definitions.
func Of(name string) string {
	text, err := files.ReadFile(name + ending)
	if err != nil {
		return ""
	}
	const defs = "\n  \"$defs\": {"
	var parts strings.Builder
	for _, other := range others(string(text)) {
		inner := strings.ReplaceAll(strings.TrimSpace(Of(other)), "\n", "\n    ")
		parts.WriteString("\n    \"" + other + "\": " + inner + ",")
	}
	return strings.Replace(string(text), defs, defs+parts.String(), 1)
}

// others are the schemas that a schema refers to, each once.
func others(text string) []string {
	var names []string
	for _, ref := range regexp.MustCompile(`"\$ref": "([a-z]+)\.schema\.json`).FindAllStringSubmatch(text, -1) {
		names = append(names, ref[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
