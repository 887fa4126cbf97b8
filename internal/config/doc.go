// Package config is what an installation says: how the detector is to judge
// (Config), and where the stack has put things (Env, and the table's shape).
//
// The configuration file that people write is read by package file, once, where
// the stack is made. What it says is packed beside the functions, so that none
// of them carries a reader of YAML, and none of them can disagree with what
// was checked.
//
// The package does not read files, look at the clock, or know what a setting
// does: that is incident.Settings' and its readers' business.
package config
