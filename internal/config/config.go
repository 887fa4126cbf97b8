package config

import (
	_ "embed"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Version is the version of the file's format. It changes when the meaning of
// an existing key does, not when one is added.
const Version = 1

// Config is what a configuration file says.
type Config struct {
	Settings incident.Settings
	// Routes are who is told what, in the file's order.
	Routes []Route
}

// Default is what holds without a configuration file.
func Default() Config {
	return Config{Settings: incident.DefaultSettings()}
}

// RouteType is how findings reach a receiver.
type RouteType string

const (
	Email  RouteType = "email"
	SQS    RouteType = "sqs"
	HTTPS  RouteType = "https"
	Lambda RouteType = "lambda"
	Chat   RouteType = "chat"
)

// routeTypes lists the values of RouteType, in the schema's order.
var routeTypes = []string{string(Email), string(SQS), string(HTTPS), string(Lambda), string(Chat)}

// Route sends the findings that match to one receiver.
type Route struct {
	Name string
	Type RouteType
	// Target is the receiver's address: an e-mail address, the ARN of a queue,
	// function or chat configuration, or an https:// address.
	Target string
	Match  Match
}

// Match says which findings a route takes. An empty list takes all.
type Match struct {
	Verdicts []incident.Verdict
	// Severity is the least severity that is taken.
	Severity incident.Severity
	Accounts []string
	Causes   []incident.Cause
}

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of the configuration file.
func Schema() []byte { return append([]byte(nil), schema...) }
