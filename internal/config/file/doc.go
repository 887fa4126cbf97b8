// Package file reads the configuration file: one YAML file, for the Lambdas and
// the command line alike. The functions get what it says packed (config.Pack),
// and need no YAML.
//
// Load accepts nothing that the published JSON Schema (config.Schema) refuses, and
// refuses besides what a schema cannot say: a window that ends before it
// begins, two routes of one name. An unknown key, a value of the wrong kind
// and a value out of range are errors, and all errors of a file are reported
// together, each with its line and what was expected. A file that has an error
// configures nothing.
//
// The file is plain data. Anchors, aliases, merge keys and tags are refused, so
// that what is on a line is what holds, and so that a small file cannot stand
// for a large one.
//
// The package does not read files, look at the clock, or know what a setting
// does: that is incident.Settings' and its readers' business.
package file
