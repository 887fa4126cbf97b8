package config

import (
	_ "embed"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// Version is the version of the file's format. It changes when the meaning of
// an existing key does, not when one is added.
const Version = 1

// MaxEvidence is the most that a finding may be told to list. As many with long
// texts, for and against, are well within what an item of DynamoDB holds, 400 KB.
const MaxEvidence = 250

// Config is what a configuration file says.
type Config struct {
	Settings incident.Settings
	// Routes are who is told what, in the file's order.
	Routes []routing.Route
	// LogGroups are who writes to which log group, in the file's order.
	LogGroups []LogGroup
}

// LogGroup says who writes to the log groups of a pattern.
type LogGroup struct {
	// Pattern is a group's name; * stands for any characters, ? for one.
	Pattern string
	// Workload is the program's name, Principal the ARN of the role or user that
	// it runs as. One of them may be empty.
	Workload, Principal string
}

// LogWriter is who writes to a log group: the first entry whose pattern matches
// decides. It is nobody for a group that no entry means.
func (c Config) LogWriter(group string) (workload, principalARN string) {
	for _, g := range c.LogGroups {
		if lineage.Wildcard(g.Pattern, group) {
			return g.Workload, g.Principal
		}
	}
	return "", ""
}

// Rules are what decides who hears of a finding.
func (c Config) Rules() routing.Rules {
	r := routing.Of(c.Settings)
	r.Routes = c.Routes
	return r
}

// Default is what holds without a configuration file.
func Default() Config {
	return Config{Settings: incident.DefaultSettings()}
}

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of the configuration file.
func Schema() []byte { return append([]byte(nil), schema...) }
